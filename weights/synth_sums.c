#include "weights/synth_sums.h"

#include "base/assert.h"
#include "weights/synth_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4, TILE = IDN_SYNTH_TILE };

float idn_synth_root(float x)
{
    return sqrtf(x);
}

// ROWS rows of weights by TILE columns: ret[r][j] = sum over k of weight[r][k] * column[k][j]. Each
// sum is its own lane and goes from k = 0 up, however the compiler arranges the lanes.
static void multiply_tile(
    const float *weights, size_t depth, const float *columns, float ret[static ROWS][TILE])
{
    float sum[ROWS][TILE] = {{0}};

    for (size_t k = 0; k < depth; k++)
        for (size_t r = 0; r < ROWS; r++)
            for (size_t j = 0; j < TILE; j++)
                sum[r][j] += weights[r * depth + k] * columns[k * TILE + j];
    memcpy(ret, sum, sizeof(sum));
}

// The last rows, fewer than ROWS.
static void multiply_row(
    const float *weights, size_t depth, const float *columns, float ret[static TILE])
{
    float sum[TILE] = {0};

    for (size_t k = 0; k < depth; k++)
        for (size_t j = 0; j < TILE; j++)
            sum[j] += weights[k] * columns[k * TILE + j];
    memcpy(ret, sum, sizeof(sum));
}

// All rows by `used` of a tile's columns; out[row * pitch + j * step].
static void multiply(const float *weights, size_t rows, size_t depth, const float *columns,
    size_t used, float *out, size_t pitch, size_t step)
{
    float result[ROWS][TILE];

    for (size_t row = 0; row < rows; row += ROWS) {
        size_t count = rows - row < ROWS ? rows - row : ROWS;
        if (count == ROWS)
            multiply_tile(weights + row * depth, depth, columns, result);
        for (size_t r = 0; r < count; r++) {
            if (count < ROWS)
                multiply_row(weights + (row + r) * depth, depth, columns, result[r]);
            for (size_t j = 0; j < used; j++)
                out[(row + r) * pitch + j * step] = result[r][j];
        }
    }
}

// What TILE neighbouring places of the output see of the input: columns[k][j].
static void gather(const struct idn_cfg_layer *layer, const float *in, size_t channels,
    size_t first, float *columns)
{
    size_t places = (size_t)layer->out_h * layer->out_w, size = layer->size;

    for (size_t j = 0; j < TILE; j++) {
        size_t place = first + j < places ? first + j : places - 1;
        long top = (long)(place / layer->out_w * layer->stride) - (long)layer->pad;
        long left = (long)(place % layer->out_w * layer->stride) - (long)layer->pad;
        float *column = columns + j;
        for (size_t c = 0; c < channels; c++) {
            const float *plane = in + c * layer->in_h * layer->in_w;
            for (long y = top; y < top + (long)size; y++)
                for (long x = left; x < left + (long)size; x++, column += TILE) {
                    bool inside =
                        y >= 0 && x >= 0 && y < (long)layer->in_h && x < (long)layer->in_w;
                    *column = inside ? plane[(size_t)y * layer->in_w + (size_t)x] : 0;
                }
        }
    }
}

void idn_synth_convolve(
    const struct idn_cfg_layer *layer, const float *weights, const float *in, float *out)
{
    size_t channels = layer->in_c / layer->groups, filters = layer->out_c / layer->groups;
    size_t depth = channels * layer->size * layer->size;
    size_t places = (size_t)layer->out_h * layer->out_w;
    float *columns = malloc(depth * TILE * sizeof(float));

    IDN_ASSERT(columns != NULL);
    for (size_t g = 0; g < layer->groups; g++)
        for (size_t first = 0; first < places; first += TILE) {
            size_t used = places - first < TILE ? places - first : TILE;
            gather(layer, in + g * channels * layer->in_h * layer->in_w, channels, first, columns);
            multiply(weights + g * filters * depth, filters, depth, columns, used,
                out + g * filters * places + first, places, 1);
        }
    free(columns);
}

void idn_synth_connected(
    const float *weights, const float *in, size_t inputs, size_t outputs, float *out)
{
    float *columns = calloc(inputs * TILE, sizeof(float));

    IDN_ASSERT(columns != NULL);
    for (size_t k = 0; k < inputs; k++)
        for (size_t j = 0; j < IDN_SYNTH_PICTURES; j++)
            columns[k * TILE + j] = in[j * inputs + k];
    multiply(weights, outputs, inputs, columns, IDN_SYNTH_PICTURES, out, 1, outputs);
    free(columns);
}
