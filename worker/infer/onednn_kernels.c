// Built three times, for AVX-512, AVX2 and without either (meson.build): IDN_KERNELS names the
// table, IDN_LANES says how many floats a vector has, IDN_ROWS how many rows of a product are held
// in registers, two vectors each, IDN_ROWS_LAST how many when fewer are left. Sums are in one order
// for all of them, but only with fused multiply-add do they round alike.
#include "worker/infer/onednn_kernels.h"

#include "base/assert.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(IDN_KERNEL_CHANNELS % IDN_LANES == 0, "channels fill whole vectors");
static_assert(IDN_ROWS % IDN_ROWS_LAST == 0, "products of `rows` rows leave none");

typedef float vec __attribute__((vector_size(IDN_LANES * sizeof(float))));
typedef int32_t mask __attribute__((vector_size(IDN_LANES * sizeof(float))));

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

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

// Six values to the six points that all methods have. Rows are the coefficients of M(x) / (x - p),
// at infinity those of M(x); M(x) is the product of all (x - p).
static inline void transform_six(const vec in[6], vec out[6])
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

// The six points' M(x) at values `from` and following.
static inline vec at_last(const vec in[], unsigned from)
{
    return in[from + 1] * 4.0f - in[from + 3] * 5.0f + in[from + 5];
}

// `used` values to as many of the method's points. A further point q multiplies the six rows by
// (x - q): they are taken of differences. A tile of six within a method of seven only has to make
// up for its weights, which are divided by (p - q).
static inline __attribute__((always_inline)) void transform_in(
    const vec in[], unsigned points, unsigned used, vec out[])
{
    static const float lacking[] = {-0.5f, 0.5f, -1.5f, 1.5f, -2.5f};
    vec six[6];

    UNROLL
    for (unsigned i = 0; i < 6; i++)
        six[i] = used == 8   ? in[i + 2] - in[i] * 0.25f
                 : used == 7 ? in[i + 1] - in[i] * 0.5f
                             : in[i];
    transform_six(six, out);
    UNROLL
    for (unsigned i = 0; used < points && i < 5; i++)
        out[i] *= lacking[i];
    if (used == 7)
        out[6] = at_last(in, 0);
    if (used == 8) {
        vec even = at_last(in, 1), odd = at_last(in, 0) * 0.5f;
        out[6] = even + odd;
        out[7] = even - odd;
    }
}

static inline __attribute__((always_inline)) void tile_in_of(unsigned points, unsigned h,
    unsigned w, const float *const *pixel, size_t channels, size_t stride, float *ret_rows)
{
    vec half[IDN_POINTS][IDN_POINTS], in[IDN_POINTS], out[IDN_POINTS];

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        UNROLL
        for (unsigned x = 0; x < w; x++) {
            UNROLL
            for (unsigned y = 0; y < h; y++)
                in[y] = load(pixel[y * w + x] + c);
            transform_in(in, points, h, out);
            UNROLL
            for (unsigned y = 0; y < h; y++)
                half[y][x] = out[y];
        }
        UNROLL
        for (unsigned y = 0; y < h; y++) {
            float *to = ret_rows + y * points * stride + c;
            transform_in(half[y], points, w, out);
            UNROLL
            for (unsigned x = 0; x < w; x++)
                store(out[x], to + x * stride);
        }
    }
}

static void tile_in(const struct idn_tile *tile, const float *const pixel[], size_t channels,
    size_t stride, float *ret_rows)
{
    switch (tile->points * 100 + tile->h * 10 + tile->w) {
#define CASE(points, h, w)                                           \
    case (points)*100 + (h)*10 + (w):                                \
        tile_in_of(points, h, w, pixel, channels, stride, ret_rows); \
        break
        CASE(6, 6, 6);
        CASE(7, 6, 6);
        CASE(7, 6, 7);
        CASE(7, 7, 6);
        CASE(7, 7, 7);
        CASE(8, 8, 8);
#undef CASE
    default: // no such method
        IDN_ASSERT(false);
    }
}

// Values at `used` points to `size` outputs: the sum over the points p of in * p^i, and infinity's
// with the last. `in` is in the points' order (onednn_kernels.h).
static inline __attribute__((always_inline)) void transform_out(
    const vec in[], unsigned used, unsigned size, vec out[])
{
    vec s = in[1] + in[2], d = in[1] - in[2];
    vec s2 = in[3] + in[4], d2 = in[3] - in[4], s3 = {0}, d3 = {0};

    if (used == 7)
        s3 = d3 = in[6];
    if (used == 8) {
        s3 = in[6] + in[7];
        d3 = in[6] - in[7];
    }
    UNROLL
    for (unsigned i = 0; i < size; i++) {
        float power = (float)(1u << i);
        out[i] = i % 2 == 0 ? s + s2 * power : d + d2 * power;
        if (used > 6)
            out[i] += (i % 2 == 0 ? s3 : d3) * (1.0f / power);
    }
    out[0] += in[0];
    out[size - 1] += in[5];
}

static inline __attribute__((always_inline)) void tile_out_of(const struct idn_tile *tile,
    unsigned h, unsigned w, unsigned taps, const float *rows, size_t stride, size_t channels,
    const struct idn_tile_sum *sum, float *const pixel[])
{
    vec half[IDN_POINTS][IDN_POINTS], in[IDN_POINTS], out[IDN_POINTS];
    unsigned out_h = h - taps + 1, out_w = w - taps + 1;

    for (size_t c = 0; c < channels; c += IDN_LANES) {
        vec bias = load(sum->bias + c);
        UNROLL
        for (unsigned x = 0; x < w; x++) {
            UNROLL
            for (unsigned y = 0; y < h; y++)
                in[y] = load(rows + (y * tile->points + x) * stride + c);
            transform_out(in, h, out_h, out);
            UNROLL
            for (unsigned y = 0; y < out_h; y++)
                half[y][x] = out[y];
        }
        UNROLL
        for (unsigned y = 0; y < out_h; y++) {
            transform_out(half[y], w, out_w, out);
            UNROLL
            for (unsigned x = 0; x < out_w; x++) {
                float *to = pixel[y * out_w + x];
                if (to == NULL)
                    continue;
                vec all = out[x] + bias;
                if (sum->other != NULL)
                    all += load(sum->other[y * out_w + x] + c);
                store(activate(all, sum->slope), to + c);
            }
        }
    }
}

static void tile_out(const struct idn_tile *tile, const float *rows, size_t stride, size_t channels,
    const struct idn_tile_sum *sum, float *const pixel[])
{
    switch (tile->taps * 100 + tile->h * 10 + tile->w) {
#define CASE(taps, h, w)                                                   \
    case (taps)*100 + (h)*10 + (w):                                        \
        tile_out_of(tile, h, w, taps, rows, stride, channels, sum, pixel); \
        break
        CASE(3, 6, 6);
        CASE(3, 6, 7);
        CASE(3, 7, 6);
        CASE(3, 7, 7);
        CASE(4, 6, 6);
        CASE(4, 6, 7);
        CASE(4, 7, 6);
        CASE(4, 7, 7);
        CASE(5, 8, 8);
#undef CASE
    default: // no such method
        IDN_ASSERT(false);
    }
}

static inline __attribute__((always_inline)) void product_rows(size_t count, const float *left,
    const float *right, size_t depth, size_t left_stride, size_t stride, float *ret_product)
{
    vec sum[IDN_ROWS][2];

    UNROLL
    for (size_t r = 0; r < count; r++)
        sum[r][0] = sum[r][1] = (vec){0};
    for (size_t k = 0; k < depth; k++) {
        vec a = load(right + k * 2 * IDN_LANES), b = load(right + (k * 2 + 1) * IDN_LANES);
        UNROLL
        for (size_t r = 0; r < count; r++) {
            sum[r][0] += a * left[r * left_stride + k];
            sum[r][1] += b * left[r * left_stride + k];
        }
    }
    UNROLL
    for (size_t r = 0; r < count; r++) {
        store(sum[r][0], ret_product + r * stride);
        store(sum[r][1], ret_product + r * stride + IDN_LANES);
    }
}

static void product(const float *left, const float *right, size_t rows, size_t depth,
    size_t left_stride, size_t stride, float *ret_product)
{
    size_t row = 0;

    for (; row + IDN_ROWS <= rows; row += IDN_ROWS)
        product_rows(IDN_ROWS, left + row * left_stride, right, depth, left_stride, stride,
            ret_product + row * stride);
    for (; row < rows; row += IDN_ROWS_LAST)
        product_rows(IDN_ROWS_LAST, left + row * left_stride, right, depth, left_stride, stride,
            ret_product + row * stride);
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
    .rows = IDN_ROWS_LAST,
    .panel = 2 * IDN_LANES,
    .tile_in = tile_in,
    .tile_out = tile_out,
    .product = product,
    .add = add};
