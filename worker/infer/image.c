#include "worker/infer/image.h"

#include "base/assert.h"
#include "proto/result.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t jpeg_signature[] = {0xff, 0xd8, 0xff};
static const uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static bool is_jpeg(const uint8_t *bytes, size_t size)
{
    return size >= sizeof(jpeg_signature) &&
           memcmp(bytes, jpeg_signature, sizeof(jpeg_signature)) == 0;
}

static bool is_png(const uint8_t *bytes, size_t size)
{
    return size >= sizeof(png_signature) &&
           memcmp(bytes, png_signature, sizeof(png_signature)) == 0;
}

int idn_image_decode(
    const uint8_t *bytes, size_t size, uint32_t least_side, struct idn_pixels *pixels)
{
    if (is_jpeg(bytes, size))
        return idn_jpeg_decode(bytes, size, least_side, pixels);
    if (is_png(bytes, size))
        return idn_png_decode(bytes, size, pixels);
    return IDN_STATUS_UNSUPPORTED;
}

uint64_t idn_image_pixels(const uint8_t *bytes, size_t size)
{
    uint32_t width, height;
    bool found = is_jpeg(bytes, size)  ? idn_jpeg_size(bytes, size, &width, &height)
                 : is_png(bytes, size) ? idn_png_size(bytes, size, &width, &height)
                                       : false;

    return found ? (uint64_t)width * height : 0;
}

void idn_pixels_fini(struct idn_pixels *pixels)
{
    free(pixels->rgb);
    free(pixels->spare);
    *pixels = (struct idn_pixels){0};
}

static void reserve(uint8_t **bytes, size_t *room, size_t wanted)
{
    if (wanted <= *room)
        return;
    free(*bytes);
    *bytes = malloc(wanted);
    IDN_ASSERT(*bytes != NULL);
    *room = wanted;
}

void idn_pixels_reserve(struct idn_pixels *pixels, size_t bytes)
{
    reserve(&pixels->rgb, &pixels->rgb_bytes, bytes);
}

int idn_image_check_size(uint64_t width, uint64_t height)
{
    if (width == 0 || height == 0)
        return IDN_STATUS_CORRUPT;
    if (width > IDN_IMAGE_SIDE_MAX || height > IDN_IMAGE_SIDE_MAX ||
        width * height > IDN_IMAGE_PIXELS_MAX)
        return IDN_STATUS_TOO_LARGE;
    return 0;
}

// Where the pixel (x, y) of the turned image comes from: first + x * step_x + y * step_y.
struct walk {
    int64_t first, step_x, step_y;
};

static struct walk walk_of(unsigned orientation, int64_t width, int64_t height)
{
    int64_t last_row = (height - 1) * width, last = width * height - 1;

    switch (orientation) {
    case 2: // mirrored left to right
        return (struct walk){width - 1, -1, width};
    case 3: // upside down
        return (struct walk){last, -1, -width};
    case 4: // mirrored top to bottom
        return (struct walk){last_row, 1, -width};
    case 5: // transposed
        return (struct walk){0, width, 1};
    case 6: // to be turned clockwise
        return (struct walk){last_row, -width, 1};
    case 7: // transposed along the other diagonal
        return (struct walk){last, -width, -1};
    default: // 8: to be turned counter-clockwise
        return (struct walk){width - 1, width, -1};
    }
}

void idn_pixels_turn(struct idn_pixels *pixels, unsigned orientation)
{
    if (orientation < 2 || orientation > 8)
        return;
    struct walk walk = walk_of(orientation, pixels->width, pixels->height);
    uint32_t width = orientation >= 5 ? pixels->height : pixels->width;
    uint32_t height = orientation >= 5 ? pixels->width : pixels->height;
    uint8_t *whole = pixels->rgb;
    size_t whole_bytes = pixels->rgb_bytes;

    reserve(&pixels->spare, &pixels->spare_bytes, (size_t)width * height * 3);
    uint8_t *at = pixels->spare;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, at += 3)
            memcpy(at, whole + 3 * (walk.first + x * walk.step_x + y * walk.step_y), 3);
    *pixels = (struct idn_pixels){.width = width,
        .height = height,
        .rgb = pixels->spare,
        .spare = whole,
        .rgb_bytes = pixels->spare_bytes,
        .spare_bytes = whole_bytes};
}
