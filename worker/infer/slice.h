// The images of a slice become rows: read and decode them on all threads, crop, compute, pick the
// best classes. While a slice is computed, threads that have nothing to compute prepare the next.
#ifndef IDN_WORKER_INFER_SLICE_H
#define IDN_WORKER_INFER_SLICE_H

#include "worker/child_message.h"
#include "worker/infer/engine.h"

struct idn_slicer;

struct idn_slice {
    struct idn_network *network;
    const struct idn_child_image *images; // borrowed until the slice has been run
    uint32_t count;                       // 1 to IDN_CHILD_IMAGES_MAX
};

// next tells the slice that will be run after the one that is being run; false when it is not
// known yet. Asked only while idn_slicer_run goes on, by any thread, one at a time, until it has
// told one; NULL: it is never known. engine and context borrowed until destroy.
void idn_slicer_new(struct idn_engine *engine, bool (*next)(void *context, struct idn_slice *ret),
    void *context, struct idn_slicer **ret);
void idn_slicer_destroy(struct idn_slicer **slicer);

// One row for each image, in order. The slice is the one that `next` told, if it told one.
// *ret_us is the wall time, of which the preparing of the next slice has taken a share.
void idn_slicer_run(struct idn_slicer *slicer, const struct idn_slice *slice,
    struct idn_result *ret_rows, uint64_t *ret_us);

// Only what comes before computing: the network's inputs, 3 * width * height floats an image one
// after the other, borrowed until the next call; valid where ret_status (enum idn_status) is 0.
const float *idn_slicer_prepare(struct idn_slicer *slicer, struct idn_network *network,
    const struct idn_child_image *images, uint32_t count, int *ret_status);

#endif
