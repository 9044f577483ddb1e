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

int idn_dnnl_init(struct idn_dnnl *dnnl, uint32_t threads, struct idn_reason *reason);
void idn_dnnl_fini(struct idn_dnnl *dnnl);
// "2.6.3 avx512_core_amx ..." of the CPU and what DNNL_MAX_CPU_ISA leaves of it.
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

// desc: an operation descriptor as dnnl_primitive_desc_create takes it. attr: may be NULL.
// weights: in the layout weights_desc, to be packed as the primitive wants it; bias: of
// `bias_count` floats; both NULL for primitives without, copied. Returns 0, or 1 when oneDNN does
// not do this.
struct idn_primitive_spec {
    const void *desc;
    const_dnnl_primitive_attr_t attr;
    const float *weights;
    const dnnl_memory_desc_t *weights_desc;
    const float *bias;
    size_t bias_count;
};
int idn_primitive_init(struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    const struct idn_primitive_spec *spec);
void idn_primitive_fini(struct idn_primitive *primitive);
void idn_primitive_run(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace);
// Weights may also be set at the run, for one primitive with several sets of them (as packed).
void idn_primitive_run_with(const struct idn_primitive *primitive, const struct idn_dnnl *dnnl,
    uint32_t thread, const float *in, float *out, float *workspace, float *weights);

// Memory that vector code likes; never fails.
float *idn_floats(size_t count); // zeroed; free() it

// A post-op for a darknet activation; *ret_attr also asks for scratchpads of the caller's. Returns
// whether the activation is in it: if not, a pass of its own is needed.
bool idn_primitive_attr(ACTIVATION activation, dnnl_primitive_attr_t *ret_attr);

#endif
