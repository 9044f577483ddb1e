// Which of Winograd's methods there are (onednn_kernels.h has the points), and weights for them.
#ifndef IDN_WORKER_INFER_ONEDNN_WINOGRAD_H
#define IDN_WORKER_INFER_ONEDNN_WINOGRAD_H

#include "worker/infer/onednn_plan.h"

// points - taps + 1 outputs each way of a tile.
struct idn_method {
    unsigned taps, points;
    const char *name, *name_with_sum; // of a step
};

enum { IDN_METHODS = 4 };
extern const struct idn_method idn_methods[IDN_METHODS];

// The method for a layer, or NULL.
const struct idn_method *idn_winograd_method(const struct idn_plan *plan, const layer *l);

// weights: out_c, in_c, taps, taps. Returns points * points, panels of output channels (the last
// one filled with zeros), in_c, panel; free() it.
float *idn_winograd_weights(
    const struct idn_method *method, const float *weights, size_t out_c, size_t in_c, size_t panel);

#endif
