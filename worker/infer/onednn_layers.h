// The kinds of steps. Each make function looks at a darknet layer and appends the step that
// computes value `out` from value `in` (and others it names), or says that it cannot.
#ifndef IDN_WORKER_INFER_ONEDNN_LAYERS_H
#define IDN_WORKER_INFER_ONEDNN_LAYERS_H

#include "worker/infer/onednn_plan.h"

// Where a layer stands: its own number and value, and the values of the layers before it.
struct idn_place {
    network *net; // lent; the plan's from now on if libdarknet computes a layer
    uint32_t index;
    const layer *layer;
    const uint32_t *value_of; // of each layer before it
    uint32_t in, out;
};

// 0: the step was appended. 1: not this way; nothing was appended. Each is for the types its name
// says.
int idn_make_convolution(struct idn_plan *plan, const struct idn_place *place);
int idn_make_winograd(struct idn_plan *plan, const struct idn_place *place, const float *weights,
    const float *bias); // with batch norm folded in
// As this for a strided layer, by a step before it that makes one without stride of it.
int idn_make_phases(
    struct idn_plan *plan, const struct idn_place *place, const float *weights, const float *bias);
// A shortcut that only adds value `from` and activates, into the Winograd step before it. 1: it is
// not such a step, or its value is wanted elsewhere.
int idn_fuse_shortcut(
    struct idn_plan *plan, const struct idn_place *place, uint32_t from, float slope);
int idn_make_connected(struct idn_plan *plan, const struct idn_place *place);
int idn_make_maxpool(struct idn_plan *plan, const struct idn_place *place);
int idn_make_avgpool(struct idn_plan *plan, const struct idn_place *place);
int idn_make_shortcut(struct idn_plan *plan, const struct idn_place *place);
int idn_make_route(struct idn_plan *plan, const struct idn_place *place);
int idn_make_normalization(struct idn_plan *plan, const struct idn_place *place);
int idn_make_batchnorm(struct idn_plan *plan, const struct idn_place *place);
int idn_make_activation(struct idn_plan *plan, const struct idn_place *place);
int idn_make_softmax(struct idn_plan *plan, const struct idn_place *place);
// Any layer that looks at its input only, by libdarknet. They take turns, whatever the threads.
int idn_make_fallback(struct idn_plan *plan, const struct idn_place *place);
// The pixels, planar, to the first value.
void idn_make_input(struct idn_plan *plan, uint32_t out);

// For those functions: the step of the place's layer, from its input to its output.
struct idn_step *idn_append_step(struct idn_plan *plan, const struct idn_place *place,
    const char *name, void (*run)(const struct idn_step *, const struct idn_step_call *));
void idn_free_own(struct idn_step *step); // a step's fini when `own` is one piece of memory

// Weights and biases of a convolutional or connected layer with its batch norm multiplied in: of
// `filters` filters (or outputs) from number `first` on, `each` weights a filter, in darknet's
// order. ret_weights has room for filters * each floats, ret_bias for filters.
void idn_fold_batch_norm(
    const layer *l, size_t first, size_t filters, size_t each, float *ret_weights, float *ret_bias);

// What of an activation is a slope of negative values is done where the sums are: all of relu,
// leaky and linear, nothing of others (slope 1). Returns what is left for idn_activate; LINEAR:
// nothing.
ACTIVATION idn_activation_rest(ACTIVATION activation, float *ret_slope);
// Any activation, by libdarknet.
void idn_activate(float *values, size_t count, ACTIVATION activation);

void idn_planar_to_last(const float *planar, const struct idn_value *shape, float *ret_last);
void idn_last_to_planar(const float *last, const struct idn_value *shape, float *ret_planar);

#endif
