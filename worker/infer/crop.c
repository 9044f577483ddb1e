// darknet resizes in two passes over the whole square, horizontally into a temporary image, then
// vertically. Here only the two temporary rows that an output row needs exist; the arithmetic, its
// order and its oddities at the edges are darknet's.
#include "worker/infer/crop.h"

#include "base/assert.h"

#include <stdlib.h>

struct square {
    const uint8_t *corner; // first byte of the first channel
    size_t row_bytes;
    uint32_t side;
};

struct resizer {
    struct square square;
    uint32_t width;
    float scale_x;
    float unit[256]; // a byte in 0..1
    float *row[2];   // horizontally resized rows, owned
    int64_t held[2]; // which rows these are, -1: none
};

static float scale_of(uint32_t from, uint32_t to)
{
    return to > 1 ? (float)(from - 1) / (float)(to - 1) : 0.0f;
}

static void resize_row(const struct resizer *resizer, uint32_t channel, uint32_t y, float *ret_row)
{
    const uint8_t *from = resizer->square.corner + y * resizer->square.row_bytes + channel;
    uint32_t last = resizer->square.side - 1;

    for (uint32_t x = 0; x < resizer->width; x++) {
        if (x == resizer->width - 1 || last == 0) {
            ret_row[x] = resizer->unit[from[3 * (size_t)last]];
            continue;
        }
        float source = (float)x * resizer->scale_x;
        uint32_t left = (uint32_t)source;
        float part = source - (float)left;
        ret_row[x] = (1 - part) * resizer->unit[from[3 * (size_t)left]] +
                     part * resizer->unit[from[3 * ((size_t)left + 1)]];
    }
}

// Rows are asked for in rising order: a row is computed once, and the older one makes place.
static const float *row_of(struct resizer *resizer, uint32_t channel, uint32_t y)
{
    unsigned slot = y % 2;

    if (resizer->held[slot] != y) {
        resize_row(resizer, channel, y, resizer->row[slot]);
        resizer->held[slot] = y;
    }
    return resizer->row[slot];
}

static void resize_channel(
    struct resizer *resizer, uint32_t channel, uint32_t height, float *ret_plane)
{
    float scale_y = scale_of(resizer->square.side, height);

    resizer->held[0] = resizer->held[1] = -1;
    for (uint32_t y = 0; y < height; y++) {
        float source = (float)y * scale_y;
        uint32_t top = (uint32_t)source;
        float part = source - (float)top;
        float *to = ret_plane + (size_t)y * resizer->width;
        const float *upper = row_of(resizer, channel, top);
        for (uint32_t x = 0; x < resizer->width; x++)
            to[x] = (1 - part) * upper[x];
        // The last row gets its upper share only, as in darknet: where rounding leaves `source`
        // just short of the last row, it is slightly dark.
        if (y == height - 1 || resizer->square.side == 1)
            continue;
        const float *lower = row_of(resizer, channel, top + 1);
        for (uint32_t x = 0; x < resizer->width; x++)
            to[x] += part * lower[x];
    }
}

static struct square centred_square(const struct idn_pixels *pixels)
{
    uint32_t side = pixels->width < pixels->height ? pixels->width : pixels->height;
    size_t left = (pixels->width - side) / 2, top = (pixels->height - side) / 2;
    size_t row_bytes = (size_t)pixels->width * 3;

    return (struct square){
        .corner = pixels->rgb + top * row_bytes + left * 3, .row_bytes = row_bytes, .side = side};
}

void idn_crop(const struct idn_pixels *pixels, uint32_t width, uint32_t height, float *ret)
{
    struct resizer resizer = {.square = centred_square(pixels), .width = width};

    for (int i = 0; i < 256; i++)
        resizer.unit[i] = (float)(i / 255.0);
    resizer.scale_x = scale_of(resizer.square.side, width);
    resizer.row[0] = malloc(2 * (size_t)width * sizeof(float));
    IDN_ASSERT(resizer.row[0] != NULL);
    resizer.row[1] = resizer.row[0] + width;
    for (uint32_t channel = 0; channel < 3; channel++)
        resize_channel(&resizer, channel, height, ret + (size_t)channel * width * height);
    free(resizer.row[0]);
}
