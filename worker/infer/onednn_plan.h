// A network compiled for oneDNN: a list of steps over values, and how threads share it.
//
// A value is what a layer gives for an image, channels last (h, w, c): the layout that oneDNN's
// fastest f32 convolutions take, without padding, so that own loops and darknet's layers fit in
// between. A step computes one value. Steps form segments:
//   deep   several steps, run one after the other for one image by one thread: what they pass on
//          stays in its cache. Items of work: the images
//   wide   one step with heavy weights, run for all images, so that weights are read from memory
//          once. Items of work: groups of images, or slices of the weights
// A value used in its own deep segment only lives in the thread's arena, others in memory for all
// images of a pass. Every primitive has one batch size, so an image's result cannot depend on how
// many others there are: alone, at any place, with any number of threads.
#ifndef IDN_WORKER_INFER_ONEDNN_PLAN_H
#define IDN_WORKER_INFER_ONEDNN_PLAN_H

#include "weights/cfg.h"
#include "worker/infer/engine.h"
#include "worker/infer/onednn_kernels.h"
#include "worker/infer/onednn_primitive.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IDN_PLAN_PASS = 64, // images at most in one pass through the segments
    IDN_STEP_INPUTS = IDN_CFG_FROM_MAX,
};

struct idn_value {
    uint32_t h, w, c;
    size_t size;   // floats an image
    size_t offset; // floats; in the arena, or times IDN_PLAN_PASS in the wide memory
    // From the step that makes it to the last one that reads it; if it is wide, from the first step
    // of a segment to the last one of a segment, since the images may be anywhere in between.
    uint32_t first_use, last_use;
    bool wide;
};

// What one call of a step works on: `images` images, one after the other in memory.
struct idn_step_call {
    const struct idn_input *inputs; // of the images; for the step that reads pixels
    const float *in[IDN_STEP_INPUTS];
    float *out;
    uint32_t images;
    uint32_t item; // which slice, for a step with slices
    uint32_t thread;
    float *scratch;   // of the thread: the step's own `scratch` floats
    float *workspace; // of the thread: for the primitive's scratchpad
    const struct idn_plan *plan;
};

struct idn_step {
    const char *name;   // of what carries it out, for people
    const char *kernel; // oneDNN's name of its primitive; NULL: none
    uint32_t layer;     // darknet's number
    uint32_t in[IDN_STEP_INPUTS], in_count, out;
    bool wide;
    bool by_darknet; // libdarknet computes it, and needs its layer's buffers
    uint32_t slices; // wide: > 0: items are slices, each for all images; 0: groups of images
    uint32_t group;  // wide without slices: images an item at most
    size_t scratch;  // floats a thread
    void (*run)(const struct idn_step *step, const struct idn_step_call *call);
    void (*fini)(struct idn_step *step); // of `own`
    void *own;                           // owned: what the step's kind needs
};

struct idn_segment {
    uint32_t first, count; // steps
    bool wide;
};

struct idn_plan {
    const struct idn_dnnl *dnnl;       // borrowed
    const struct idn_kernels *kernels; // for this CPU
    bool winograd;                     // where the rule says so
    struct idn_value *value;           // owned
    uint32_t values;
    struct idn_step *step; // owned
    uint32_t steps;
    struct idn_segment *segment; // owned
    uint32_t segments;
    uint32_t result; // the value that predict gives
    size_t arena_size, wide_size, scratch_size, workspace_size;
    float *wide;   // owned
    float **arena; // owned: a thread each: arena, scratch, workspace
    uint32_t threads;
    network *fallback; // owned: for darknet's own layers; NULL: there is none
};

// Compiles `net` for up to `threads` threads; kernels, and so the bits, follow from the layers'
// shapes, `winograd` and the CPU alone. Takes over `net` also when it fails, and frees what the
// plan does not need of it. logits: without the last softmax. dnnl, for as many threads, is
// borrowed until idn_plan_destroy. -EINVAL with a sentence when a layer cannot be had. Main thread
// only.
int idn_plan_new(network *net, const struct idn_dnnl *dnnl, bool winograd, bool logits,
    uint32_t threads, struct idn_plan **ret, struct idn_reason *reason);
void idn_plan_destroy(struct idn_plan **plan); // NULL-safe

// A row for each input: plan->value[plan->result].size floats, planar as darknet gives them. Any
// count; the pool's threads are not more than the plan's; one call at a time.
void idn_plan_run(const struct idn_plan *plan, struct idn_pool *pool,
    const struct idn_input *inputs, uint32_t count, float *ret_rows);

// For compilation: appends a value and returns its number; appends a step, valid until the next
// one.
uint32_t idn_plan_value(struct idn_plan *plan, uint32_t h, uint32_t w, uint32_t c);
struct idn_step *idn_plan_step(struct idn_plan *plan, uint32_t layer, uint32_t in, uint32_t out);
void idn_plan_need_workspace(struct idn_plan *plan, size_t floats); // of a primitive
void idn_plan_layout(struct idn_plan *plan); // segments and memory, when all steps are there

#endif
