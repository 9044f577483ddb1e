// darknet converts the whole image to floats, cuts the square out, and resizes it in two passes,
// horizontally into a temporary image, then vertically. Here bytes become resized rows of floats
// directly, only those rows that an output row needs, three channels at once; the arithmetic, its
// order and its oddities at the edges are darknet's.
#include "worker/infer/crop.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdlib.h>

struct square {
    const uint8_t *corner; // first byte of the first channel
    size_t row_bytes;
    uint32_t side;
};

// Where a column of the output comes from: rest of the pixel at offset, part of the one after it.
struct column {
    size_t offset; // in bytes
    float rest, part;
};

struct resizer {
    struct square square;
    uint32_t width;
    float unit[256];       // a byte in 0..1
    struct column *column; // owned; of all columns but the last
    uint32_t columns;
    float *row[2];   // horizontally resized rows: a plane a channel; owned
    int64_t held[2]; // which rows these are, -1: none
};

static float scale_of(uint32_t from, uint32_t to)
{
    return to > 1 ? (float)(from - 1) / (float)(to - 1) : 0.0f;
}

static void resize_row(const struct resizer *resizer, uint32_t y, float *restrict ret_row)
{
    const uint8_t *from = resizer->square.corner + y * resizer->square.row_bytes;
    const uint8_t *last = from + 3 * ((size_t)resizer->square.side - 1);
    const float *unit = resizer->unit;
    uint32_t width = resizer->width;

    for (uint32_t x = 0; x < resizer->columns; x++) {
        const struct column *column = &resizer->column[x];
        const uint8_t *left = from + column->offset;
        float rest = column->rest, part = column->part;
        ret_row[x] = rest * unit[left[0]] + part * unit[left[3]];
        ret_row[x + width] = rest * unit[left[1]] + part * unit[left[4]];
        ret_row[x + 2 * (size_t)width] = rest * unit[left[2]] + part * unit[left[5]];
    }
    for (uint32_t x = resizer->columns; x < width; x++)
        for (size_t channel = 0; channel < 3; channel++)
            ret_row[x + channel * width] = unit[last[channel]];
}

// Rows are asked for in rising order: a row is computed once, and the older one makes place.
static const float *row_of(struct resizer *resizer, uint32_t y)
{
    unsigned slot = y % 2;

    if (resizer->held[slot] != y) {
        resize_row(resizer, y, resizer->row[slot]);
        resizer->held[slot] = y;
    }
    return resizer->row[slot];
}

static void blend(const float *restrict upper, const float *restrict lower, float part,
    uint32_t width, float *restrict ret)
{
    float rest = 1 - part;

    for (uint32_t x = 0; x < width; x++)
        ret[x] = rest * upper[x] + part * lower[x];
}

// The last row gets its upper share only, as in darknet: where rounding leaves `source` just short
// of the last row, it is slightly dark.
static void darken(const float *restrict upper, float part, uint32_t width, float *restrict ret)
{
    float rest = 1 - part;

    for (uint32_t x = 0; x < width; x++)
        ret[x] = rest * upper[x];
}

static void resize(struct resizer *resizer, uint32_t height, float *ret)
{
    float scale_y = scale_of(resizer->square.side, height);
    uint32_t width = resizer->width;
    size_t plane = (size_t)width * height;

    for (uint32_t y = 0; y < height; y++) {
        float source = (float)y * scale_y;
        uint32_t top = (uint32_t)source;
        float part = source - (float)top;
        float *to = ret + (size_t)y * width;
        bool last = y == height - 1 || resizer->square.side == 1;
        const float *upper = row_of(resizer, top);
        const float *lower = last ? NULL : row_of(resizer, top + 1);
        for (size_t channel = 0; channel < 3; channel++) {
            if (last)
                darken(upper + channel * width, part, width, to + channel * plane);
            else
                blend(upper + channel * width, lower + channel * width, part, width,
                    to + channel * plane);
        }
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

static void make_columns(struct resizer *resizer)
{
    float scale_x = scale_of(resizer->square.side, resizer->width);

    resizer->columns = resizer->square.side == 1 ? 0 : resizer->width - 1;
    resizer->column = malloc(resizer->width * sizeof(*resizer->column));
    IDN_ASSERT(resizer->column != NULL);
    for (uint32_t x = 0; x < resizer->columns; x++) {
        float source = (float)x * scale_x;
        uint32_t left = (uint32_t)source;
        float part = source - (float)left;
        resizer->column[x] =
            (struct column){.offset = 3 * (size_t)left, .rest = 1 - part, .part = part};
    }
}

void idn_crop(const struct idn_pixels *pixels, uint32_t width, uint32_t height, float *ret)
{
    struct resizer resizer = {.square = centred_square(pixels), .width = width, .held = {-1, -1}};

    for (int i = 0; i < 256; i++)
        resizer.unit[i] = (float)(i / 255.0);
    make_columns(&resizer);
    resizer.row[0] = malloc(2 * 3 * (size_t)width * sizeof(float));
    IDN_ASSERT(resizer.row[0] != NULL);
    resizer.row[1] = resizer.row[0] + 3 * (size_t)width;
    resize(&resizer, height, ret);
    free(resizer.row[0]);
    free(resizer.column);
}
