// The forward pass that synth.c calibrates with: a few pictures at once through one layer after the
// other. Slow beside the engines, but every rounding is fixed.
#ifndef IDN_WEIGHTS_SYNTH_NET_H
#define IDN_WEIGHTS_SYNTH_NET_H

#include "base/error.h"
#include "weights/cfg.h"

#include <stddef.h>
#include <stdint.h>

enum { IDN_SYNTH_PICTURES = 4, IDN_SYNTH_TILE = 16 };

// Of one layer, in the file's order; NULL what it has not.
struct idn_synth_params {
    float *biases, *scales, *means, *variances, *weights; // owned
};

struct idn_synth_net {
    const struct idn_cfg *cfg; // borrowed
    float *input;              // owned: IDN_SYNTH_PICTURES pictures, each c, h, w
    float **output;   // owned: a layer each, pictures likewise; NULL when not needed (any more)
    size_t *last_use; // owned: the last layer that reads a layer's output
};

void idn_synth_net_init(struct idn_synth_net *net, const struct idn_cfg *cfg, uint64_t seed);
void idn_synth_net_fini(struct idn_synth_net *net);

// 0, or -EINVAL with the reason why the network's layers cannot be run.
int idn_synth_net_check(const struct idn_cfg *cfg, struct idn_reason *reason);

// The sums of a layer with weights, without bias, batch norm or activation; every other layer
// whole. Allocates its output.
void idn_synth_forward(
    struct idn_synth_net *net, size_t index, const struct idn_synth_params *params);
// Then what follows the sums.
void idn_synth_finish(
    struct idn_synth_net *net, size_t index, const struct idn_synth_params *params);
// Frees the outputs that no layer from `index` on reads.
void idn_synth_release(struct idn_synth_net *net, size_t index);

// Floats of one picture in a layer's output.
size_t idn_synth_outputs(const struct idn_cfg_layer *layer);

// The pictures: smooth noise of several sizes with a few sharp edges, values 0 to 1.
void idn_synth_pictures(float *input, size_t c, size_t h, size_t w, uint64_t seed);

#endif
