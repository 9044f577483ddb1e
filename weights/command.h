// The commands of idunno-weights, one file each.
#ifndef IDN_WEIGHTS_COMMAND_H
#define IDN_WEIGHTS_COMMAND_H

#include "weights/registry.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDN_WEIGHTS_OK = 0, IDN_WEIGHTS_FAILURE = 1, IDN_WEIGHTS_USAGE = 2 };

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

// "idunno-weights: TEXT" on stderr; returns `status`.
int idn_weights_say(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The model of that name; NULL after having said that there is none, and the nearest.
struct idn_model *idn_weights_find(struct idn_registry *registry, const char *name);

// A line that is written over on a terminal, and not at all elsewhere. percent 100 ends it.
void idn_weights_show(const char *what, uint64_t percent);

#endif
