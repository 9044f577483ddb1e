// Pictures cut from photos, by integers only: the same bytes for a seed on every machine that has
// the same libjpeg-turbo and photos.
#include "base/assert.h"
#include "base/random.h"
#include "base/sha256.h"
#include "bench/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>

enum { SIDE_MIN = 300, SIDE_MAX = 500, ONE = 1 << 16, FILE_BYTES_MAX = 64 << 20 };

static int read_file(const char *path, uint8_t **ret, size_t *ret_size, struct idn_reason *reason)
{
    struct stat status;
    IDN_CLEANUP(idn_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return idn_reason_set(reason, -errno, "cannot read %s: %s", path, strerror(errno));
    if (status.st_size > FILE_BYTES_MAX)
        return idn_reason_set(reason, -EFBIG, "%s is too large for a photo", path);
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    IDN_ASSERT(bytes != NULL);
    if (read(fd, bytes, (size_t)status.st_size) != (ssize_t)status.st_size) {
        free(bytes);
        return idn_reason_set(reason, -EIO, "cannot read all of %s", path);
    }
    *ret = bytes;
    *ret_size = (size_t)status.st_size;
    return 0;
}

static int decode(const uint8_t *jpeg, size_t size, const char *path, struct idn_photo *ret,
    struct idn_reason *reason)
{
    int width = 0, height = 0, subsampling = 0, colours = 0;
    tjhandle decoder = tjInitDecompress();
    uint8_t *pixels = NULL;
    int failed = -1;

    IDN_ASSERT(decoder != NULL);
    if (tjDecompressHeader3(decoder, jpeg, size, &width, &height, &subsampling, &colours) == 0) {
        pixels = malloc((size_t)width * (size_t)height * 3);
        IDN_ASSERT(pixels != NULL);
        failed = tjDecompress2(
            decoder, jpeg, size, pixels, width, 0, height, TJPF_RGB, TJFLAG_ACCURATEDCT);
    }
    if (failed != 0) {
        free(pixels);
        (void)idn_reason_set(reason, -EINVAL, "%s: %s", path, tjGetErrorStr2(decoder));
    } else {
        *ret = (struct idn_photo){pixels, (uint32_t)width, (uint32_t)height};
    }
    (void)tjDestroy(decoder);
    return failed != 0 ? -EINVAL : 0;
}

static int load_photo(const char *path, struct idn_photo *ret, struct idn_sha256_stream *digest,
    struct idn_reason *reason)
{
    uint8_t *jpeg = NULL;
    size_t size = 0;
    int error = read_file(path, &jpeg, &size, reason);

    if (error < 0)
        return error;
    idn_sha256_update(digest, jpeg, size);
    error = decode(jpeg, size, path, ret, reason);
    free(jpeg);
    return error;
}

int idn_photos_load(const char *folder, struct idn_photos *ret, struct idn_reason *reason)
{
    struct idn_photos photos = {0};
    struct idn_sha256_stream *stream = NULL;
    struct idn_sha256 digest;
    char pattern[4096];
    glob_t found;

    (void)snprintf(pattern, sizeof(pattern), "%s/*.jpg", folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return idn_reason_set(
            reason, -ENOENT, "there is no photo in %s; install Debian's package darknet", folder);
    int error = idn_sha256_new(&stream);
    photos.photo = calloc(found.gl_pathc, sizeof(*photos.photo));
    IDN_ASSERT(photos.photo != NULL && error == 0);
    for (size_t i = 0; error == 0 && i < found.gl_pathc; i++, photos.count += error == 0)
        error = load_photo(found.gl_pathv[i], &photos.photo[i], stream, reason);
    globfree(&found);
    idn_sha256_final(&stream, &digest);
    memcpy(photos.digest, digest.bytes, sizeof(photos.digest));
    if (error < 0) {
        idn_photos_fini(&photos);
        return error;
    }
    *ret = photos;
    return 0;
}

void idn_photos_fini(struct idn_photos *photos)
{
    for (size_t i = 0; i < photos->count; i++)
        free(photos->photo[i].pixels);
    free(photos->photo);
    *photos = (struct idn_photos){0};
}

// What is cut from a photo, and what becomes of it.
struct cut {
    uint32_t width, height;    // of the picture
    uint32_t left, top, scale; // in the photo, in 65536th of a pixel; photo pixels a picture pixel
    int32_t gain[3], shift[3]; // of the colours; gain in 256th
    int mirrored, quality;
};

static struct cut draw_cut(const struct idn_photo *photo, struct idn_random *random)
{
    struct cut cut = {0};

    cut.width = (uint32_t)idn_random_range(random, SIDE_MIN, SIDE_MAX);
    cut.height = (uint32_t)idn_random_range(random, SIDE_MIN, SIDE_MAX);
    uint64_t most_x = (uint64_t)(photo->width - 1) * ONE / cut.width;
    uint64_t most_y = (uint64_t)(photo->height - 1) * ONE / cut.height;
    uint64_t most = most_x < most_y ? most_x : most_y;
    cut.scale = (uint32_t)(most * (uint64_t)idn_random_range(random, 500, 1000) / 1000);
    cut.left = idn_random_below(
        random, (uint64_t)(photo->width - 1) * ONE - (uint64_t)cut.scale * cut.width + 1);
    cut.top = idn_random_below(
        random, (uint64_t)(photo->height - 1) * ONE - (uint64_t)cut.scale * cut.height + 1);
    for (int k = 0; k < 3; k++) {
        cut.gain[k] = idn_random_range(random, 205, 307);
        cut.shift[k] = idn_random_range(random, -24, 24);
    }
    cut.mirrored = idn_random_range(random, 0, 1);
    cut.quality = idn_random_range(random, 75, 92);
    return cut;
}

static uint8_t shift_colour(int32_t value, int32_t gain, int32_t shift)
{
    int32_t shifted = value * gain / 256 + shift;
    return (uint8_t)(shifted < 0 ? 0 : shifted > 255 ? 255 : shifted);
}

// One row of the picture, interpolated between four pixels of the photo.
static void cut_row(
    const struct idn_photo *photo, const struct cut *cut, uint32_t row, uint8_t *ret_row)
{
    uint64_t y = cut->top + (uint64_t)cut->scale * row;
    const uint8_t *upper = photo->pixels + (size_t)(y / ONE) * photo->width * 3;
    const uint8_t *lower = upper + (size_t)photo->width * 3;
    int32_t by = (int32_t)(y % ONE >> 8);

    for (uint32_t i = 0; i < cut->width; i++) {
        uint64_t x = cut->left + (uint64_t)cut->scale * i;
        size_t at = (size_t)(x / ONE) * 3;
        int32_t bx = (int32_t)(x % ONE >> 8);
        uint8_t *pixel = ret_row + (size_t)(cut->mirrored ? cut->width - 1 - i : i) * 3;
        for (size_t k = 0; k < 3; k++) {
            int32_t above = upper[at + k] * (256 - bx) + upper[at + 3 + k] * bx;
            int32_t below = lower[at + k] * (256 - bx) + lower[at + 3 + k] * bx;
            int32_t value = (above * (256 - by) + below * by) >> 16;
            pixel[k] = shift_colour(value, cut->gain[k], cut->shift[k]);
        }
    }
}

int idn_picture_make(const struct idn_photos *photos, uint64_t seed, uint32_t index,
    uint8_t **ret_jpeg, size_t *ret_size, struct idn_reason *reason)
{
    struct idn_random random;
    unsigned long size = 0;
    uint8_t *jpeg = NULL;
    int error = 0;

    idn_random_init(&random, seed, index);
    const struct idn_photo *photo = &photos->photo[idn_random_below(&random, photos->count)];
    struct cut cut = draw_cut(photo, &random);
    uint8_t *pixels = malloc((size_t)cut.width * cut.height * 3);
    IDN_ASSERT(pixels != NULL);
    for (uint32_t row = 0; row < cut.height; row++)
        cut_row(photo, &cut, row, pixels + (size_t)row * cut.width * 3);
    tjhandle encoder = tjInitCompress();
    IDN_ASSERT(encoder != NULL);
    if (tjCompress2(encoder, pixels, (int)cut.width, 0, (int)cut.height, TJPF_RGB, &jpeg, &size,
            TJSAMP_420, cut.quality, TJFLAG_ACCURATEDCT) != 0)
        error = idn_reason_set(
            reason, -EINVAL, "cannot encode picture %u: %s", index, tjGetErrorStr2(encoder));
    (void)tjDestroy(encoder);
    free(pixels);
    if (error < 0)
        return error;
    *ret_jpeg = jpeg;
    *ret_size = size;
    return 0;
}
