// Built three times, for AVX-512, AVX2 and without either (meson.build): IDN_KERNELS names the
// table, IDN_LANES says how many floats a vector has, IDN_ROWS how many rows of a product are held
// in registers, two vectors each. Sums are in one order for all of them, but only with fused
// multiply-add do they round alike.
#include "worker/infer/onednn_kernels.h"

#include <string.h>

typedef float vec __attribute__((vector_size(IDN_LANES * sizeof(float))));
typedef int32_t mask __attribute__((vector_size(IDN_LANES * sizeof(float))));

#define UNROLL _Pragma("GCC unroll 16")

static inline vec load(const float *from)
{
    vec v;

    memcpy(&v, from, sizeof(v));
    return v;
}

static inline void store(vec v, float *to)
{
    memcpy(to, &v, sizeof(v));
}

static inline vec activate(vec v, float slope)
{
    mask positive = v > (vec){0};

    return (vec)(((mask)v & positive) | ((mask)(v * slope) & ~positive));
}

// Six values a step apart to six.
static inline void transform_in(const vec *in, size_t step, vec *out, size_t out_step)
{
    vec a = in[4 * step] - in[2 * step], b = (in[3 * step] - in[step]) * 2.0f;
    vec c = in[4 * step] - in[2 * step] * 4.0f, d = in[3 * step] - in[step] * 4.0f;

    out[0] = in[0] * 4.0f - in[2 * step] * 5.0f + in[4 * step];
    out[out_step] = c + d;
    out[2 * out_step] = c - d;
    out[3 * out_step] = a + b;
    out[4 * out_step] = a - b;
    out[5 * out_step] = in[step] * 4.0f - in[3 * step] * 5.0f + in[5 * step];
}

static void tile_in(
    const float *const pixel[IDN_TILE_PIXELS], size_t channels, size_t stride, float *ret_rows)
{
    vec tile[IDN_TILE_PIXELS], half[IDN_TILE_PIXELS], done[IDN_TILE_PIXELS];

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        for (size_t i = 0; i < IDN_TILE_PIXELS; i++)
            tile[i] = load(pixel[i] + c);
        UNROLL
        for (size_t x = 0; x < IDN_TILE; x++)
            transform_in(tile + x, IDN_TILE, half + x, IDN_TILE);
        UNROLL
        for (size_t y = 0; y < IDN_TILE; y++)
            transform_in(half + y * IDN_TILE, 1, done + y * IDN_TILE, 1);
        for (size_t i = 0; i < IDN_TILE_PIXELS; i++)
            store(done[i], ret_rows + i * stride + c);
    }
}

// Six values to four, or to two for the larger kernel.
static inline void transform_out(const vec *in, size_t step, unsigned size, vec *out, size_t to)
{
    vec s = in[step] + in[2 * step], d = in[step] - in[2 * step];
    vec s2 = in[3 * step] + in[4 * step], d2 = in[3 * step] - in[4 * step];

    out[0] = in[0] + s + s2;
    if (size == 2) {
        out[to] = d + d2 * 2.0f + in[5 * step];
        return;
    }
    out[to] = d + d2 * 2.0f;
    out[2 * to] = s + s2 * 4.0f;
    out[3 * to] = d + d2 * 8.0f + in[5 * step];
}

static inline void tile_out_of(const float *rows, size_t stride, size_t channels, unsigned size,
    const float *bias, float slope, float *const pixel[])
{
    vec tile[IDN_TILE_PIXELS], half[4 * IDN_TILE], done[16];

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        for (size_t i = 0; i < IDN_TILE_PIXELS; i++)
            tile[i] = load(rows + i * stride + c);
        UNROLL
        for (size_t x = 0; x < IDN_TILE; x++)
            transform_out(tile + x, IDN_TILE, size, half + x, IDN_TILE);
        UNROLL
        for (size_t y = 0; y < size; y++)
            transform_out(half + y * IDN_TILE, 1, size, done + y * size, 1);
        for (size_t i = 0; i < size * size; i++)
            if (pixel[i] != NULL)
                store(activate(done[i] + load(bias + c), slope), pixel[i] + c);
    }
}

static void tile_out(const float *rows, size_t stride, size_t channels, unsigned size,
    const float *bias, float slope, float *const pixel[])
{
    if (size == 2)
        tile_out_of(rows, stride, channels, 2, bias, slope, pixel);
    else
        tile_out_of(rows, stride, channels, 4, bias, slope, pixel);
}

static void product(const float *left, const float *right, size_t rows, size_t depth, size_t stride,
    float *ret_product)
{
    for (size_t row = 0; row < rows; row += IDN_ROWS, left += IDN_ROWS * depth) {
        vec sum[IDN_ROWS][2];
        UNROLL
        for (size_t r = 0; r < IDN_ROWS; r++)
            sum[r][0] = sum[r][1] = (vec){0};
        for (size_t k = 0; k < depth; k++) {
            vec a = load(right + k * 2 * IDN_LANES), b = load(right + (k * 2 + 1) * IDN_LANES);
            UNROLL
            for (size_t r = 0; r < IDN_ROWS; r++) {
                sum[r][0] += a * left[r * depth + k];
                sum[r][1] += b * left[r * depth + k];
            }
        }
        UNROLL
        for (size_t r = 0; r < IDN_ROWS; r++) {
            store(sum[r][0], ret_product + (row + r) * stride);
            store(sum[r][1], ret_product + (row + r) * stride + IDN_LANES);
        }
    }
}

static void add(const float *a, const float *b, size_t count, float slope, float *out)
{
    size_t i = 0;

    for (; i + IDN_LANES <= count; i += IDN_LANES)
        store(activate(load(a + i) + load(b + i), slope), out + i);
    for (; i < count; i++) {
        float sum = a[i] + b[i];
        out[i] = sum > 0 ? sum : sum * slope;
    }
}

const struct idn_kernels IDN_KERNELS = {.name = IDN_KERNELS_NAME,
    .rows = IDN_ROWS,
    .panel = 2 * IDN_LANES,
    .tile_in = tile_in,
    .tile_out = tile_out,
    .product = product,
    .add = add};
