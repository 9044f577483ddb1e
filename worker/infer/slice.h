// The images of a slice become rows: read and decode them on all threads, crop, compute, pick the
// best classes.
#ifndef IDN_WORKER_INFER_SLICE_H
#define IDN_WORKER_INFER_SLICE_H

#include "worker/child_message.h"
#include "worker/infer/engine.h"

struct idn_slicer;

// engine borrowed until destroy.
void idn_slicer_new(struct idn_engine *engine, struct idn_slicer **ret);
void idn_slicer_destroy(struct idn_slicer **slicer);

// One row for each image, in order; count at most IDN_CHILD_IMAGES_MAX. *ret_us is the wall time.
void idn_slicer_run(struct idn_slicer *slicer, struct idn_network *network,
    const struct idn_child_image *images, uint32_t count, struct idn_result *ret_rows,
    uint64_t *ret_us);

#endif
