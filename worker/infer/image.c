#include "worker/infer/image.h"

#include "base/assert.h"
#include "proto/result.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t jpeg_signature[] = {0xff, 0xd8, 0xff};
static const uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

int idn_image_decode(const uint8_t *bytes, size_t size, struct idn_pixels *ret)
{
    if (size >= sizeof(jpeg_signature) &&
        memcmp(bytes, jpeg_signature, sizeof(jpeg_signature)) == 0)
        return idn_jpeg_decode(bytes, size, ret);
    if (size >= sizeof(png_signature) && memcmp(bytes, png_signature, sizeof(png_signature)) == 0)
        return idn_png_decode(bytes, size, ret);
    return IDN_STATUS_UNSUPPORTED;
}

void idn_pixels_fini(struct idn_pixels *pixels)
{
    free(pixels->rgb);
    pixels->rgb = NULL;
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
    uint8_t *turned = malloc((size_t)width * height * 3), *at = turned;

    IDN_ASSERT(turned != NULL);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, at += 3)
            memcpy(at, pixels->rgb + 3 * (walk.first + x * walk.step_x + y * walk.step_y), 3);
    free(pixels->rgb);
    *pixels = (struct idn_pixels){.width = width, .height = height, .rgb = turned};
}
