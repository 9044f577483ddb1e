// oneDNN primitives made once and run by any thread: weights, bias and post-ops are bound when it
// is made, input, output and scratchpad at each run.
#ifndef IDN_WORKER_INFER_ONEDNN_PRIMITIVE_H
#define IDN_WORKER_INFER_ONEDNN_PRIMITIVE_H

#include "base/error.h"

#include <darknet.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_dnnl {
    dnnl_engine_t engine;
    uint32_t threads;
    dnnl_stream_t *stream; // owned: one a thread
};

// For `threads` threads that run primitives at once, numbered from 0; primitives are made on one
// thread only. oneDNN keeps to f32 in the whole process from then on. -errno with a sentence when
// it cannot compute here; idn_dnnl_fini is right after that, too.
int idn_dnnl_init(struct idn_dnnl *dnnl, uint32_t threads, struct idn_reason *reason);
void idn_dnnl_fini(struct idn_dnnl *dnnl); // no primitive is left
// "avx512_core": the largest set of instructions of the CPU that DNNL_MAX_CPU_ISA allows. Static.
const char *idn_dnnl_isa(void);
// oneDNN makes and runs primitives with one thread: to be called in each thread before it does.
void idn_dnnl_one_thread(void);

enum { IDN_PRIMITIVE_ARGS = 5 };

struct idn_primitive {
    dnnl_primitive_t primitive; // owned
    const char *name;           // oneDNN's, static
    float *weights;             // owned, packed
    float *bias;                // owned
    uint32_t threads;
    dnnl_exec_arg_t *args; // owned: IDN_PRIMITIVE_ARGS a thread; source, destination, scratchpad,
                           // then weights and bias
    int count;             // of arguments
    size_t workspace;      // floats of scratchpad
};

// Everything is borrowed for idn_primitive_init, which copies what it keeps.
struct idn_primitive_spec {
    const void *desc;                 // an operation descriptor for dnnl_primitive_desc_create
    const_dnnl_primitive_attr_t attr; // of idn_primitive_attr
    const float *weights;             // NULL: it has none
    const dnnl_memory_desc_t *weights_desc; // their layout; they are packed as oneDNN wants them
    const float *bias;                      // NULL: it has none
    size_t bias_count;
};

// 1: oneDNN does not do this; nothing is to be released. What it does follows from spec and CPU
// alone: never from the threads or from what was made before.
int idn_primitive_init(struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    const struct idn_primitive_spec *spec);
void idn_primitive_fini(struct idn_primitive *primitive); // also of zeros

// in, out: whole tensors as the descriptor has them. workspace: at least primitive->workspace
// floats of this thread's own. At once on several threads, each with its own number.
void idn_primitive_run(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace);
// The same with other weights, packed as those that it was made with (which may be gone).
void idn_primitive_run_with(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace, const float *weights);

// Memory that vector code likes: whole cache lines, zeroed; never fails. free() it.
float *idn_floats(size_t count);

// A post-op for a darknet activation; *ret_attr also asks for scratchpads of the caller's and is
// the caller's to destroy. false: the activation is not in it and needs a pass of its own.
bool idn_primitive_attr(ACTIVATION activation, dnnl_primitive_attr_t *ret_attr);

#endif
