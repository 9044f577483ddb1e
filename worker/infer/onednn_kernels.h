// Loops of our own beside oneDNN's primitives, built once for each instruction set
// (onednn_kernels.c): Winograd's transforms and products, sums of layers.
//
// Winograd's method (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
// F(m x m, r x r) computes m x m outputs of a kernel of r x r taps by the values of polynomials at
// m + r - 1 points each way. Here there are 6, 7 or 8 of them, always the first of
//   0, 1, -1, 2, -2, infinity, 1/2, -1/2
// so that the transforms have the six in common, and weights for seven hold those for six but for
// a factor: of a line of 13 outputs one tile gives 5 with seven points, two give 4 with six.
#ifndef IDN_WORKER_INFER_ONEDNN_KERNELS_H
#define IDN_WORKER_INFER_ONEDNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    IDN_POINTS = 8, // at most, each way
    IDN_TILE_PIXELS = IDN_POINTS * IDN_POINTS,
    IDN_KERNEL_CHANNELS = 16,
};

// Of a convolution of taps x taps with `points` points each way: a tile that uses h x w of them,
// each `points` or, of 7 points, 6. It reads h x w pixels and gives (h - taps + 1) x (w - taps +
// 1).
struct idn_tile {
    unsigned taps, points, h, w;
};

// What is added to a tile's outputs, and what negative ones are multiplied by.
struct idn_tile_sum {
    const float *bias;
    const float *const *other; // a pixel for each of the outputs; or NULL
    float slope;
};

struct idn_kernels {
    const char *name;
    size_t rows, panel; // of a product: multiples of these

    // A tile's h x w pixels, `channels` (a multiple of IDN_KERNEL_CHANNELS) floats each, to rows
    // `stride` floats apart: point y, x is row y * points + x.
    void (*tile_in)(const struct idn_tile *tile, const float *const pixel[], size_t channels,
        size_t stride, float *ret_rows);
    // Such rows back to the tile's output pixels (NULL: outside of the picture).
    void (*tile_out)(const struct idn_tile *tile, const float *rows, size_t stride, size_t channels,
        const struct idn_tile_sum *sum, float *const pixel[]);
    // product[row][0 .. panel) = the sum over k of left[row][k] * right[k][0 .. panel); left and
    // product have `rows` rows, `left_stride` and `stride` floats apart.
    void (*product)(const float *left, const float *right, size_t rows, size_t depth,
        size_t left_stride, size_t stride, float *ret_product);
    // out = a + b, negative results times slope. out may be a.
    void (*add)(const float *a, const float *b, size_t count, float slope, float *out);
};

// For the widest instruction set that oneDNN may use here (DNNL_MAX_CPU_ISA lowers both).
const struct idn_kernels *idn_kernels_choose(void);

extern const struct idn_kernels idn_kernels_avx512, idn_kernels_avx2, idn_kernels_generic;

#endif
