// Loops of our own beside oneDNN's primitives, built once for each instruction set
// (onednn_kernels.c): Winograd's transforms and products, sums of layers.
//
// Winograd, F(4x4, 3x3) and F(2x2, 5x5): both take tiles of 6x6 pixels through the points 0, 1, -1,
// 2, -2 and infinity (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016),
// so that they share the input's transform and the 36 products.
#ifndef IDN_WORKER_INFER_ONEDNN_KERNELS_H
#define IDN_WORKER_INFER_ONEDNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { IDN_TILE = 6, IDN_TILE_PIXELS = 36, IDN_KERNEL_CHANNELS = 16 };

struct idn_kernels {
    const char *name;
    size_t rows, panel; // of a product: multiples of these

    // A tile's 36 pixels, `channels` (a multiple of IDN_KERNEL_CHANNELS) floats each, to 36 rows
    // `stride` floats apart.
    void (*tile_in)(
        const float *const pixel[IDN_TILE_PIXELS], size_t channels, size_t stride, float *ret_rows);
    // 36 rows `stride` apart back to `size` x `size` pixels (4 or 2; a NULL is outside of the
    // picture), plus bias and, unless NULL, another pixel; negative results times slope.
    void (*tile_out)(const float *rows, size_t stride, size_t channels, unsigned size,
        const float *bias, const float *const *other, float slope, float *const pixel[]);
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
