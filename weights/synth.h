// Made-up weights for any classifier: they cannot name what is on a picture, but they are as large,
// as expensive and as varied in their answers as trained ones.
//
// He initialisation, layer by layer, and each layer then scaled by what it does to a few made-up
// pictures (after Mishkin and Matas, "All you need is a good init", 2016): batch norm gets the true
// statistics, layers without it zero mean and unit variance, and the last one logits with a
// standard deviation of IDN_SYNTH_SPREAD. Only integers and single operations on floats in a fixed
// order (no libm, no contraction, see meson.build): the file is bit for bit the same for a seed on
// every machine.
#ifndef IDN_WEIGHTS_SYNTH_H
#define IDN_WEIGHTS_SYNTH_H

#include "base/error.h"
#include "weights/cfg.h"

#include <stdint.h>

#define IDN_SYNTH_SPREAD 6.0

// Called after every layer; may be NULL.
typedef void idn_synth_progress(void *context, size_t layers_done, size_t layers);

// Writes the weights of cfg to `file`, through a temporary file beside it that takes the name only
// when it is complete and on disk. Errors: -errno of writing; -EINVAL a layer or activation that
// cannot be made up ([local], a rare activation).
int idn_synth(const struct idn_cfg *cfg, uint64_t seed, const char *file,
    idn_synth_progress *progress, void *context, struct idn_reason *reason);

#endif
