// Layers of darknet's that have no step of their own: darknet computes them, planar, one image at a
// time in one thread (its layers keep state in their buffers). While it does, its gemm is oneDNN's.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fallback {
    layer *layer; // borrowed from the plan's network
    uint32_t index;
};

typedef void gemm_function(int ta, int tb, int m, int n, int k, float alpha, float *a, int lda,
    float *b, int ldb, float beta, float *c, int ldc);
// libdarknet calls its gemm through the PLT, so that this one is found first. Outside of a
// fallback it passes on to darknet's: engine darknet stays what it is.
gemm_function gemm;

static _Thread_local bool in_fallback;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static gemm_function *darknets_gemm(void)
{
    static _Atomic(void *) found;
    union {
        void *object;
        gemm_function *function;
    } symbol = {.object = found};

    if (symbol.object == NULL)
        found = symbol.object = dlsym(RTLD_NEXT, "gemm");
    IDN_ASSERT(symbol.object != NULL);
    return symbol.function;
}

void gemm(int ta, int tb, int m, int n, int k, float alpha, float *a, int lda, float *b, int ldb,
    float beta, float *c, int ldc)
{
    if (!in_fallback) {
        darknets_gemm()(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    IDN_ASSERT(dnnl_sgemm(ta != 0 ? 'T' : 'N', tb != 0 ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb,
                   beta, c, ldc) == dnnl_success);
}

static void run_fallback(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct fallback *fallback = step->own;
    const struct idn_value *in = &call->plan->value[step->in[0]];
    const struct idn_value *out = &call->plan->value[step->out];
    network net = *call->plan->fallback;

    net.truth = NULL;
    net.delta = NULL;
    net.train = 0;
    net.index = (int)fallback->index;
    net.input = call->scratch;
    (void)pthread_mutex_lock(&one_at_a_time);
    in_fallback = true;
    for (uint32_t i = 0; i < call->images; i++) {
        idn_last_to_planar(call->in[0] + i * in->size, in, net.input);
        fallback->layer->forward(*fallback->layer, net);
        idn_planar_to_last(fallback->layer->output, out, call->out + i * out->size);
    }
    in_fallback = false;
    (void)pthread_mutex_unlock(&one_at_a_time);
}

int idn_make_fallback(struct idn_plan *plan, const struct idn_place *place)
{
    layer *l = &place->net->layers[place->index];

    if (l->type == ROUTE || l->type == SHORTCUT || l->forward == NULL || l->output == NULL ||
        (size_t)l->inputs != plan->value[place->in].size)
        return 1;
    struct fallback *fallback = malloc(sizeof(*fallback));
    IDN_ASSERT(fallback != NULL);
    *fallback = (struct fallback){.layer = l, .index = place->index};
    struct idn_step *step = idn_append_step(plan, place, "libdarknet", run_fallback);
    step->by_darknet = true;
    step->own = fallback;
    step->fini = idn_free_own;
    step->scratch = plan->value[place->in].size;
    plan->fallback = place->net;
    return 0;
}
