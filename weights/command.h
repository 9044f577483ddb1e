// The commands of idunno-weights, one file each.
#ifndef IDN_WEIGHTS_COMMAND_H
#define IDN_WEIGHTS_COMMAND_H

#include "base/program.h"
#include "weights/registry.h"

#include <stdbool.h>
#include <stdint.h>

#define IDN_WEIGHTS "idunno-weights"

struct idn_weights_options {
    const char *config, *cfg, *output, *seed, *timeout; // NULL when not given
    bool json;
    char *const *operand; // model names; borrowed
    int operands;
};

// Each returns the exit status, and has printed what there is to say.
int idn_weights_check(const struct idn_weights_options *options, struct idn_registry *registry);
int idn_weights_synth(const struct idn_weights_options *options, struct idn_registry *registry);
int idn_weights_fetch(const struct idn_weights_options *options, struct idn_registry *registry);

// The model of that name; NULL after having said that there is none, and the nearest.
struct idn_model *idn_weights_find(struct idn_registry *registry, const char *name);

#endif
