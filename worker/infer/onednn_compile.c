// From the layers that libdarknet parsed to the steps of a plan.
#include "base/assert.h"
#include "worker/infer/darknet_network.h"
#include "worker/infer/onednn_layers.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

static const struct {
    LAYER_TYPE type;
    int (*make)(struct idn_plan *plan, const struct idn_place *place);
} makers[] = {
    {CONVOLUTIONAL, idn_make_convolution},
    {CONNECTED, idn_make_connected},
    {MAXPOOL, idn_make_maxpool},
    {AVGPOOL, idn_make_avgpool},
    {SHORTCUT, idn_make_shortcut},
    {ROUTE, idn_make_route},
    {NORMALIZATION, idn_make_normalization},
    {BATCHNORM, idn_make_batchnorm},
    {ACTIVE, idn_make_activation},
    {SOFTMAX, idn_make_softmax},
};

static int make_step(struct idn_plan *plan, const struct idn_place *place)
{
    for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++)
        if (makers[i].type == place->layer->type && makers[i].make(plan, place) == 0)
            return 0;
    return idn_make_fallback(plan, place);
}

// Layers that pass on another's value as it is.
static bool passes_on(const layer *l, const uint32_t *value_of, uint32_t before, uint32_t *ret)
{
    *ret = before;
    if (l->type == ROUTE && l->n == 1)
        *ret = value_of[l->input_layers[0]];
    return l->type == DROPOUT || l->type == COST || (l->type == ROUTE && l->n == 1);
}

static uint32_t value_for(struct idn_plan *plan, const layer *l, uint32_t before)
{
    const struct idn_value in = plan->value[before];

    if (l->type == BATCHNORM || l->type == ACTIVE)
        return idn_plan_value(plan, in.h, in.w, in.c);
    if (l->type != SOFTMAX && l->type != CONNECTED && l->out_h > 0 && l->out_w > 0 &&
        l->out_c > 0 && l->out_h * l->out_w * l->out_c == l->outputs)
        return idn_plan_value(plan, (uint32_t)l->out_h, (uint32_t)l->out_w, (uint32_t)l->out_c);
    return idn_plan_value(plan, 1, 1, (uint32_t)l->outputs);
}

// As soon as they are packed, or all would be in memory twice.
static void free_weights(const struct idn_plan *plan, layer *l)
{
    if (plan->step[plan->steps - 1].by_darknet)
        return;
    free(l->weights);
    l->weights = NULL;
}

static int compile_layers(
    struct idn_plan *plan, network *net, uint32_t last, struct idn_reason *reason)
{
    uint32_t *value_of = calloc((size_t)net->n, sizeof(*value_of));
    uint32_t before = idn_plan_value(plan, (uint32_t)net->h, (uint32_t)net->w, (uint32_t)net->c);
    int error = 0;

    IDN_ASSERT(value_of != NULL);
    idn_make_input(plan, before);
    for (uint32_t i = 0; i <= last && error == 0; i++) {
        const layer *l = &net->layers[i];
        if (!passes_on(l, value_of, before, &value_of[i])) {
            value_of[i] = value_for(plan, l, before);
            struct idn_place place = {.net = net,
                .index = i,
                .layer = l,
                .value_of = value_of,
                .in = before,
                .out = value_of[i]};
            if (make_step(plan, &place) != 0)
                error = idn_reason_set(reason, -EINVAL,
                    "layer %u of the network cannot be had with engine onednn; engine darknet "
                    "may run it",
                    i);
            else
                free_weights(plan, &net->layers[i]);
        }
        before = value_of[i];
    }
    plan->result = before;
    free(value_of);
    return error;
}

static bool runs_in_darknet(const struct idn_plan *plan, uint32_t number)
{
    for (uint32_t i = 0; i < plan->steps; i++)
        if (plan->step[i].by_darknet && plan->step[i].layer == number)
            return true;
    return false;
}

// What is in the plan's steps already. libdarknet frees what is not NULL.
static void free_compiled(const struct idn_plan *plan, network *net)
{
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        float **const buffers[] = {
            &l->weights, &l->output, &l->x, &l->squared, &l->norms, &l->loss};
        if (runs_in_darknet(plan, (uint32_t)i))
            continue;
        for (size_t k = 0; k < sizeof(buffers) / sizeof(*buffers); k++) {
            if (l->type != DROPOUT) // borrows its output
                free(*buffers[k]);
            *buffers[k] = NULL;
        }
    }
}

int idn_plan_new(network *net, const struct idn_dnnl *dnnl, bool winograd, bool logits,
    uint32_t threads, struct idn_plan **ret, struct idn_reason *reason)
{
    struct idn_plan *plan = calloc(1, sizeof(*plan));

    IDN_ASSERT(plan != NULL);
    plan->dnnl = dnnl;
    plan->threads = threads;
    plan->kernels = idn_kernels_choose();
    plan->winograd = winograd;
    int error = compile_layers(plan, net, idn_darknet_answer(net, logits), reason);
    if (error != 0) {
        plan->fallback = net;
        idn_plan_destroy(&plan);
        return error;
    }
    if (plan->fallback != NULL)
        free_compiled(plan, net);
    else
        idn_darknet_unload(&net, 1);
    idn_plan_layout(plan);
    (void)malloc_trim(0);
    *ret = plan;
    return 0;
}
