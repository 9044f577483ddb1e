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

// Six values to six.
static inline void transform_in(const vec in[IDN_TILE], vec out[IDN_TILE])
{
    vec a = in[4] - in[2], b = (in[3] - in[1]) * 2.0f;
    vec c = in[4] - in[2] * 4.0f, d = in[3] - in[1] * 4.0f;

    out[0] = in[0] * 4.0f - in[2] * 5.0f + in[4];
    out[1] = c + d;
    out[2] = c - d;
    out[3] = a + b;
    out[4] = a - b;
    out[5] = in[1] * 4.0f - in[3] * 5.0f + in[5];
}

static void tile_in(
    const float *const pixel[IDN_TILE_PIXELS], size_t channels, size_t stride, float *ret_rows)
{
    vec half[IDN_TILE][IDN_TILE], in[IDN_TILE], out[IDN_TILE];

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        UNROLL
        for (size_t x = 0; x < IDN_TILE; x++) {
            UNROLL
            for (size_t y = 0; y < IDN_TILE; y++)
                in[y] = load(pixel[y * IDN_TILE + x] + c);
            transform_in(in, out);
            UNROLL
            for (size_t y = 0; y < IDN_TILE; y++)
                half[y][x] = out[y];
        }
        float *to = ret_rows + c;
        UNROLL
        for (size_t y = 0; y < IDN_TILE; y++) {
            transform_in(half[y], out);
            UNROLL
            for (size_t x = 0; x < IDN_TILE; x++, to += stride)
                store(out[x], to);
        }
    }
}

// Six values to four, or to two for the larger kernel.
static inline void transform_out(const vec in[IDN_TILE], unsigned size, vec out[4])
{
    vec s = in[1] + in[2], d = in[1] - in[2];
    vec s2 = in[3] + in[4], d2 = in[3] - in[4];

    out[0] = in[0] + s + s2;
    if (size == 2) {
        out[1] = d + d2 * 2.0f + in[5];
        return;
    }
    out[1] = d + d2 * 2.0f;
    out[2] = s + s2 * 4.0f;
    out[3] = d + d2 * 8.0f + in[5];
}

static inline __attribute__((always_inline)) void tile_out_of(const float *rows, size_t stride,
    size_t channels, unsigned size, const float *bias, const float *const *other, float slope,
    float *const pixel[])
{
    vec half[4][IDN_TILE], in[IDN_TILE], out[4];

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        vec summand = load(bias + c);
        UNROLL
        for (size_t x = 0; x < IDN_TILE; x++) {
            UNROLL
            for (size_t y = 0; y < IDN_TILE; y++)
                in[y] = load(rows + (y * IDN_TILE + x) * stride + c);
            transform_out(in, size, out);
            UNROLL
            for (size_t y = 0; y < size; y++)
                half[y][x] = out[y];
        }
        UNROLL
        for (size_t y = 0; y < size; y++) {
            transform_out(half[y], size, out);
            UNROLL
            for (size_t x = 0; x < size; x++) {
                float *to = pixel[y * size + x];
                if (to == NULL)
                    continue;
                vec sum = out[x] + summand;
                if (other != NULL)
                    sum += load(other[y * size + x] + c);
                store(activate(sum, slope), to + c);
            }
        }
    }
}

static void tile_out(const float *rows, size_t stride, size_t channels, unsigned size,
    const float *bias, const float *const *other, float slope, float *const pixel[])
{
    if (size == 2)
        tile_out_of(rows, stride, channels, 2, bias, other, slope, pixel);
    else
        tile_out_of(rows, stride, channels, 4, bias, other, slope, pixel);
}

static void product(const float *left, const float *right, size_t rows, size_t depth,
    size_t left_stride, size_t stride, float *ret_product)
{
    for (size_t row = 0; row < rows; row += IDN_ROWS, left += IDN_ROWS * left_stride) {
        vec sum[IDN_ROWS][2];
        UNROLL
        for (size_t r = 0; r < IDN_ROWS; r++)
            sum[r][0] = sum[r][1] = (vec){0};
        for (size_t k = 0; k < depth; k++) {
            vec a = load(right + k * 2 * IDN_LANES), b = load(right + (k * 2 + 1) * IDN_LANES);
            UNROLL
            for (size_t r = 0; r < IDN_ROWS; r++) {
                sum[r][0] += a * left[r * left_stride + k];
                sum[r][1] += b * left[r * left_stride + k];
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
