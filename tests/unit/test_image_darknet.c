// Decoding, held against darknet's load_image_color (OpenCV) on files made here: the same pixels
// to the bit. load_image_color passes the name of a file it cannot read to a shell: the names here
// are ours, and the working directory is a temporary one.
#include "tests/lib/check.h"
#include "tests/lib/picture.h"
#include "worker/infer/image.h"

#include <darknet.h>
#include <png.h>
#include <turbojpeg.h>
#include <unistd.h>

#define FILE_NAME "picture"

static char directory[] = "/tmp/idunno-image-XXXXXX";

static image reference(const struct picture_bytes *bytes)
{
    FILE *file = fopen(FILE_NAME, "wb");

    CHECK(file != NULL);
    CHECK_INT(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    CHECK_INT(fclose(file), 0);
    char name[] = FILE_NAME;
    return load_image_color(name, 0, 0);
}

static size_t different_floats(const struct idn_pixels *pixels, const image *theirs)
{
    size_t plane = (size_t)pixels->width * pixels->height, different = 0;

    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            different += theirs->data[c * plane + i] != (float)(pixels->rgb[3 * i + c] / 255.);
    return different;
}

// Frees bytes.
static void check_same(struct picture_bytes bytes, const char *what)
{
    struct idn_pixels pixels = {0};
    image theirs = reference(&bytes);
    int status = idn_image_decode(bytes.data, bytes.size, 0, &pixels);

    if (status != 0 || (int)pixels.width != theirs.w || (int)pixels.height != theirs.h)
        (void)printf("  %s: status %d, %ux%u, reference %dx%d\n", what, status, pixels.width,
            pixels.height, theirs.w, theirs.h);
    CHECK_INT(status, 0);
    CHECK_INT(pixels.width, theirs.w);
    CHECK_INT(pixels.height, theirs.h);
    size_t different = different_floats(&pixels, &theirs);
    if (different != 0)
        (void)printf("  %s: %zu differ\n", what, different);
    CHECK_INT(different, 0);
    idn_pixels_fini(&pixels);
    free_image(theirs);
    free(bytes.data);
}

static void test_jpeg_subsamplings(void)
{
    for (int subsampling = 0; subsampling < TJ_NUMSAMP; subsampling++)
        for (int progressive = 0; progressive < 2; progressive++)
            for (uint32_t width = 61; width <= 64; width++) {
                struct picture_jpeg wanted = {.width = width,
                    .height = 47,
                    .subsampling = subsampling,
                    .progressive = progressive};
                char what[64];
                (void)snprintf(what, sizeof(what), "subsampling %d progressive %d width %u",
                    subsampling, progressive, width);
                check_same(picture_make_jpeg(&wanted, width), what);
            }
}

static void test_jpeg_cmyk(void)
{
    struct picture_jpeg wanted = {
        .width = 70, .height = 33, .subsampling = TJSAMP_444, .cmyk = true};

    check_same(picture_make_jpeg(&wanted, 1), "cmyk");
    wanted.subsampling = TJSAMP_420;
    check_same(picture_make_jpeg(&wanted, 2), "cmyk 420");
}

static void test_jpeg_orientations(void)
{
    struct picture_jpeg wanted = {.width = 45, .height = 29, .subsampling = TJSAMP_420};
    struct picture_bytes plain = picture_make_jpeg(&wanted, 3);

    for (unsigned orientation = 0; orientation <= 10; orientation++)
        for (int little = 0; little < 2; little++) {
            uint8_t tiff[PICTURE_TIFF_SIZE];
            char what[64];
            picture_tiff(orientation, little, tiff);
            (void)snprintf(what, sizeof(what), "orientation %u little %d", orientation, little);
            check_same(picture_with_exif(&plain, tiff, sizeof(tiff)), what);
        }
    free(plain.data);
}

// Damaged EXIF data must turn an image here exactly when it does there.
static void test_jpeg_damaged_exif(void)
{
    struct picture_jpeg wanted = {.width = 24, .height = 16, .subsampling = TJSAMP_444};
    struct picture_bytes plain = picture_make_jpeg(&wanted, 3);
    uint32_t state = 17;

    for (int round = 0; round < 400; round++) {
        uint8_t tiff[10 + 12 * 3 + 4] = {0};
        static const uint8_t tags[] = {0x0e, 0x0f, 0x12, 0x1a, 0x31, 0x3e, 0x28};
        memcpy(tiff, "II*\0\010\0\0\0\003\0", 10);
        for (size_t entry = 0; entry < 3; entry++) {
            uint8_t *at = tiff + 10 + 12 * entry;
            at[0] = tags[picture_draw(&state) % sizeof(tags)], at[1] = 1;
            at[4] = (uint8_t)(picture_draw(&state) % 9);
            at[8] = (uint8_t)(picture_draw(&state) % (at[0] == 0x12 ? 10 : 64));
        }
        size_t cut = picture_draw(&state) % 4 == 0 ? picture_draw(&state) % 30 : 0;
        check_same(picture_with_exif(&plain, tiff, sizeof(tiff) - cut), "damaged exif");
    }
    free(plain.data);
}

// The first segment of that kind counts, even one that is too short to hold anything.
static void test_jpeg_two_exif_segments(void)
{
    static const char *const before[] = {
        "\xff\xe1\0\2", "\xff\xe1\0\6abcd", "\xff\xe1\0\12Exif\0\0II"};
    static const size_t sizes[] = {4, 8, 12};
    struct picture_jpeg wanted = {.width = 45, .height = 29, .subsampling = TJSAMP_420};
    struct picture_bytes plain = picture_make_jpeg(&wanted, 3);
    uint8_t tiff[PICTURE_TIFF_SIZE];

    picture_tiff(6, true, tiff);
    struct picture_bytes turned = picture_with_exif(&plain, tiff, sizeof(tiff));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        check_same(picture_insert(&turned, 2, before[i], sizes[i]), "two segments");
    check_same(turned, "one segment");
    free(plain.data);
}

static void test_png_kinds(void)
{
    static const int kinds[][2] = {{PNG_COLOR_TYPE_GRAY, 1}, {PNG_COLOR_TYPE_GRAY, 2},
        {PNG_COLOR_TYPE_GRAY, 4}, {PNG_COLOR_TYPE_GRAY, 8}, {PNG_COLOR_TYPE_GRAY, 16},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB, 8},
        {PNG_COLOR_TYPE_RGB, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16},
        {PNG_COLOR_TYPE_PALETTE, 1}, {PNG_COLOR_TYPE_PALETTE, 2}, {PNG_COLOR_TYPE_PALETTE, 4},
        {PNG_COLOR_TYPE_PALETTE, 8}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        for (int flags = 0; flags < 4; flags++) {
            struct picture_png wanted = {.width = 37,
                .height = 23,
                .color = kinds[i][0],
                .depth = kinds[i][1],
                .interlaced = flags & 1,
                .transparent = (flags & 2) != 0 && (kinds[i][0] & PNG_COLOR_MASK_ALPHA) == 0};
            char what[64];
            (void)snprintf(
                what, sizeof(what), "colour %d depth %d flags %d", kinds[i][0], kinds[i][1], flags);
            check_same(picture_make_png(&wanted, 5), what);
        }
}

static void test_png_orientations(void)
{
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        struct picture_png wanted = {.width = 20,
            .height = 13,
            .color = PNG_COLOR_TYPE_RGB,
            .depth = 8,
            .orientation = orientation};
        check_same(picture_make_png(&wanted, 6), "png orientation");
    }
}

// Random damage to JPEG files: what we accept is what the reference sees, and we refuse all that
// it refuses. We refuse more (a file cut short, an end-of-image marker lost), but rarely.
static void test_damaged_jpegs(void)
{
    struct picture_jpeg wanted = {.width = 61, .height = 47};
    uint32_t state = 4711, refused = 0, both = 0, equal = 0;
    struct idn_pixels pixels = {0};

    for (int round = 0; round < 600; round++) {
        wanted.subsampling = (int)picture_draw(&state) % TJ_NUMSAMP;
        wanted.progressive = picture_draw(&state) % 2;
        struct picture_bytes bytes = picture_make_jpeg(&wanted, state);
        for (uint32_t n = 1 + picture_draw(&state) % 3; n > 0; n--)
            bytes.data[3 + picture_draw(&state) % (bytes.size - 5)] = (uint8_t)picture_draw(&state);
        int status = idn_image_decode(bytes.data, bytes.size, 0, &pixels);
        image theirs = reference(&bytes);
        bool refused_there = theirs.w == 10 && theirs.h == 10;
        if (status == 0) {
            CHECK(!refused_there);
            CHECK_INT(pixels.width, theirs.w);
            CHECK_INT(different_floats(&pixels, &theirs), 0);
            equal++;
        }
        refused += status != 0 && !refused_there;
        both += status != 0 && refused_there;
        free_image(theirs);
        free(bytes.data);
    }
    idn_pixels_fini(&pixels);
    (void)printf("  %u equal, %u refused by both, %u by us alone\n", equal, both, refused);
    CHECK(equal > 100 && both > 10 && refused < 60);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_jpeg_subsamplings),
        CHECK_TEST(test_jpeg_cmyk),
        CHECK_TEST(test_jpeg_orientations),
        CHECK_TEST(test_jpeg_damaged_exif),
        CHECK_TEST(test_jpeg_two_exif_segments),
        CHECK_TEST(test_png_kinds),
        CHECK_TEST(test_png_orientations),
        CHECK_TEST(test_damaged_jpegs),
    };
    if (mkdtemp(directory) == NULL || chdir(directory) != 0)
        return 1;
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)unlink(FILE_NAME);
    (void)unlink("bad.list");
    (void)rmdir(directory);
    return failed;
}
