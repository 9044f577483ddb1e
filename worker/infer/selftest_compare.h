// Two engines on the same images, side by side.
#ifndef IDN_WORKER_INFER_SELFTEST_COMPARE_H
#define IDN_WORKER_INFER_SELFTEST_COMPARE_H

#include "worker/infer/options.h"

// A line for each image on stdout, the worst of all on stderr (idunno-infer --help says what). The
// engine was opened with `logits`.
int idn_selftest_compare(
    const struct idn_infer_options *options, struct idn_engine *engine, struct idn_reason *reason);

#endif
