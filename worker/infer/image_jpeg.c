// JPEG by libturbojpeg, with the settings that OpenCV leaves at libjpeg's defaults: accurate
// integer DCT, smooth ("fancy") upsampling.
#include "base/assert.h"
#include "proto/result.h"
#include "worker/infer/image.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

enum { WARNING_SIZE = 256 };
enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, APP1 = 0xe1, RST0 = 0xd0, RST7 = 0xd7, TEM = 0x01 };

// What the markers before the first scan say.
struct header {
    uint32_t width, height;
    uint8_t sof, precision, components; // sof 0: no frame yet
    bool app1;                          // there was one: OpenCV looks at the first alone
    const uint8_t *exif;                // in it, behind "Exif\0\0"
    size_t exif_size;
    size_t scan; // where the first scan begins
};

// What it is decoded to.
struct target {
    uint32_t width, height;
    bool cmyk;
    int format; // of TurboJPEG
    size_t bytes;
};

static uint32_t get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool is_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void read_segment(struct header *header, uint8_t marker, const uint8_t *segment, size_t size)
{
    if (is_frame(marker) && header->sof == 0 && size >= 6) {
        header->sof = marker;
        header->precision = segment[0];
        header->height = get_u16(segment + 1);
        header->width = get_u16(segment + 3);
        header->components = segment[5];
    } else if (marker == APP1 && !header->app1) {
        header->app1 = true;
        header->exif = size > 6 ? segment + 6 : NULL;
        header->exif_size = size > 6 ? size - 6 : 0;
    }
}

// Returns false when the bytes end, or an end-of-image comes, before the first scan.
static bool read_header(const uint8_t *bytes, size_t size, struct header *ret)
{
    struct header header = {.sof = 0};
    size_t at = 2;

    while (at + 4 <= size) {
        if (bytes[at] != 0xff || bytes[at + 1] == 0xff || bytes[at + 1] == 0) {
            at++; // libjpeg skips what is between segments, and so do we
            continue;
        }
        uint8_t marker = bytes[at + 1];
        if (marker == EOI || marker == SOI)
            return false;
        at += 2;
        if (marker == TEM || (marker >= RST0 && marker <= RST7))
            continue;
        size_t length = get_u16(bytes + at);
        if (length < 2 || length > size - at)
            return false;
        read_segment(&header, marker, bytes + at + 2, length - 2);
        at += length;
        if (marker == SOS) {
            header.scan = at;
            *ret = header;
            return true;
        }
    }
    return false;
}

bool idn_jpeg_size(const uint8_t *bytes, size_t size, uint32_t *ret_width, uint32_t *ret_height)
{
    struct header header;

    if (!read_header(bytes, size, &header) || header.sof == 0)
        return false;
    *ret_width = header.width;
    *ret_height = header.height;
    return true;
}

static int check_header(const struct header *header, const uint8_t *bytes, size_t size)
{
    static const uint8_t end[] = {0xff, EOI};

    if (header->sof == 0)
        return IDN_STATUS_CORRUPT;
    // Huffman or arithmetic coding, sequential or progressive, 8 bits: what libjpeg-turbo reads.
    if ((header->sof > 0xc2 && header->sof != 0xc9 && header->sof != 0xca) ||
        header->precision != 8)
        return IDN_STATUS_UNSUPPORTED;
    if (header->components != 1 && header->components != 3 && header->components != 4)
        return IDN_STATUS_UNSUPPORTED;
    if (memmem(bytes + header->scan, size - header->scan, end, sizeof(end)) == NULL)
        return IDN_STATUS_CORRUPT;
    return idn_image_check_size(header->width, header->height);
}

// TurboJPEG says "warning" also of a fatal error that follows a warning. Only the first warning
// sets the handle's text and a fatal error replaces it: so decode once up to the first warning,
// then to the end, and compare. Should anything of a damaged file be left out, it is black: it must
// not depend on what was in memory before.
static bool decompress(
    tjhandle handle, const uint8_t *bytes, size_t size, const struct target *target, uint8_t *ret)
{
    char warning[WARNING_SIZE];
    int width = (int)target->width, height = (int)target->height;

    if (tjDecompress2(handle, bytes, size, ret, width, 0, height, target->format,
            TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING) == 0)
        return true;
    if (tjGetErrorCode(handle) != TJERR_WARNING)
        return false;
    (void)snprintf(warning, sizeof(warning), "%s", tjGetErrorStr2(handle));
    memset(ret, 0, target->bytes);
    return tjDecompress2(handle, bytes, size, ret, width, 0, height, target->format,
               TJFLAG_LIMITSCANS) == 0 ||
           (tjGetErrorCode(handle) == TJERR_WARNING &&
               strcmp(warning, tjGetErrorStr2(handle)) == 0);
}

// OpenCV's arithmetic for CMYK as Adobe writes it (inverted). In place: three bytes never overtake
// four.
static void cmyk_to_rgb(uint8_t *bytes, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        int k = bytes[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            bytes[3 * i + c] = (uint8_t)(k - ((255 - bytes[4 * i + c]) * k >> 8));
    }
}

// The scales that libjpeg has vector code for.
static void choose_scale(const struct header *header, uint32_t least_side, struct target *target)
{
    static const tjscalingfactor scales[] = {{1, 8}, {1, 4}, {1, 2}};
    uint32_t side = header->width < header->height ? header->width : header->height;

    target->width = header->width;
    target->height = header->height;
    if (least_side == 0)
        return;
    for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++) {
        if (side / (uint32_t)scales[i].denom < least_side)
            continue;
        target->width = (uint32_t)TJSCALED((int)header->width, scales[i]);
        target->height = (uint32_t)TJSCALED((int)header->height, scales[i]);
        return;
    }
}

static struct target target_of(const struct header *header, uint32_t least_side)
{
    struct target target = {.cmyk = header->components == 4};

    choose_scale(header, least_side, &target);
    target.format = target.cmyk ? TJPF_CMYK : TJPF_RGB;
    target.bytes = (size_t)target.width * target.height * (target.cmyk ? 4 : 3);
    return target;
}

int idn_jpeg_decode(
    const uint8_t *bytes, size_t size, uint32_t least_side, struct idn_pixels *pixels)
{
    struct header header;

    if (!read_header(bytes, size, &header))
        return IDN_STATUS_CORRUPT;
    int status = check_header(&header, bytes, size);
    if (status != 0)
        return status;
    struct target target = target_of(&header, least_side);
    idn_pixels_reserve(pixels, target.bytes);
    // A handle for each image: one that is used again keeps the tables of the last image, and a
    // file without tables of its own would decode differently by what came before it.
    tjhandle handle = tjInitDecompress();
    IDN_ASSERT(handle != NULL);
    bool decoded = decompress(handle, bytes, size, &target, pixels->rgb);
    (void)tjDestroy(handle);
    if (!decoded)
        return IDN_STATUS_CORRUPT;
    if (target.cmyk)
        cmyk_to_rgb(pixels->rgb, (size_t)target.width * target.height);
    pixels->width = target.width;
    pixels->height = target.height;
    if (header.exif != NULL)
        idn_pixels_turn(pixels, idn_exif_orientation(header.exif, header.exif_size));
    return 0;
}
