// Kernels at the points of Winograd's method: G of the paper, in double.
#include "worker/infer/onednn_winograd.h"

// Those with fewer points first.
const struct idn_method idn_methods[IDN_METHODS] = {
    {3, 6, "winograd 4x4 3x3", "winograd 4x4 3x3 + shortcut"},
    {3, 7, "winograd 5x5 3x3", "winograd 5x5 3x3 + shortcut"},
    {4, 7, "winograd 4x4 4x4", "winograd 4x4 4x4 + shortcut"},
    {5, 8, "winograd 4x4 5x5", "winograd 4x4 5x5 + shortcut"},
};

enum { TAPS_MOST = 5, AT_INFINITY = 5 };

static const double at[IDN_POINTS] = {0, 1, -1, 2, -2, 0, 0.5, -0.5};

// What the input's transform leaves out: the product of all (p - q).
static double divisor(unsigned point, unsigned points)
{
    double product = 1;

    for (unsigned i = 0; i < points && point != AT_INFINITY; i++)
        if (i != point && i != AT_INFINITY)
            product *= at[point] - at[i];
    return product;
}

// A line of a kernel, taps `step` apart, as a polynomial at the points, and its last coefficient.
static void transform_line(
    const struct idn_method *method, const double *taps, size_t step, double *out, size_t to)
{
    for (unsigned p = 0; p < method->points; p++) {
        double sum = taps[(method->taps - 1) * step];
        for (size_t i = method->taps - 1; p != AT_INFINITY && i-- > 0;)
            sum = sum * at[p] + taps[i * step];
        out[p * to] = sum / divisor(p, method->points);
    }
}

static void transform_kernel(
    const struct idn_method *method, const float *kernel, double ret[IDN_TILE_PIXELS])
{
    double plain[TAPS_MOST * TAPS_MOST] = {0}, half[IDN_POINTS * TAPS_MOST] = {0};
    size_t taps = method->taps;

    for (size_t i = 0; i < taps * taps; i++)
        plain[i] = (double)kernel[i];
    for (size_t x = 0; x < taps; x++) // columns: half is a row of taps for each point
        transform_line(method, plain + x, taps, half + x, taps);
    for (size_t y = 0; y < method->points; y++)
        transform_line(method, half + y * taps, 1, ret + y * method->points, 1);
}

float *idn_winograd_weights(
    const struct idn_method *method, const float *weights, size_t out_c, size_t in_c, size_t panel)
{
    size_t points = (size_t)method->points * method->points, panels = (out_c + panel - 1) / panel;
    size_t taps = (size_t)method->taps * method->taps;
    float *packed = idn_floats(points * panels * in_c * panel);
    double line[IDN_TILE_PIXELS];

    for (size_t o = 0; o < out_c; o++)
        for (size_t i = 0; i < in_c; i++) {
            transform_kernel(method, weights + (o * in_c + i) * taps, line);
            for (size_t p = 0; p < points; p++)
                packed[((p * panels + o / panel) * in_c + i) * panel + o % panel] = (float)line[p];
        }
    return packed;
}
