// The sums of products of convolutional and connected layers, each in the order of the weights.
#ifndef IDN_WEIGHTS_SYNTH_SUMS_H
#define IDN_WEIGHTS_SYNTH_SUMS_H

#include "weights/cfg.h"

#include <stddef.h>

// One picture.
void idn_synth_convolve(
    const struct idn_cfg_layer *layer, const float *weights, const float *in, float *out);

// IDN_SYNTH_PICTURES pictures, each `inputs` floats, to `outputs` floats.
void idn_synth_connected(
    const float *weights, const float *in, size_t inputs, size_t outputs, float *out);

// The square root, exactly rounded (IEEE 754 requires it of sqrtf).
float idn_synth_root(float x);

#endif
