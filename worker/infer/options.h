// What the command line of idunno-infer says.
#ifndef IDN_WORKER_INFER_OPTIONS_H
#define IDN_WORKER_INFER_OPTIONS_H

#include "worker/infer/engine.h"

#include <stdbool.h>

struct idn_infer_options {
    bool help, version, selftest, top5;
    int socket; // -1: none
    const struct idn_engine_ops *engine_ops;
    const struct idn_engine_ops *compare_ops; // of --selftest; NULL: none
    struct idn_engine_options engine;
    uint32_t slice;                   // images at once, of --selftest; 0: not given
    const char *labels;               // NULL: none
    const char *cfg, *weights, *list; // of --selftest
};

// 0, or -EINVAL with a sentence. Strings are borrowed from argv.
int idn_infer_options_read(
    int argc, char **argv, struct idn_infer_options *ret, struct idn_reason *reason);

void idn_infer_help(void); // on stdout

#endif
