// Connected layers: memory-bound, so their weights are cut into slices of outputs, and a thread
// runs all images of the pass through a slice before it takes the next. oneDNN's inner product
// always gets the same number of images; what is missing at the end is computed for nothing.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 16, SLICE = 64 };
static_assert(IDN_PLAN_PASS % IMAGES == 0, "the wide memory has room for whole batches");

struct connected {
    struct idn_primitive full, rest; // a slice; the last one, if it is smaller
    float **weights;                 // owned: of each slice, packed
    float *bias;                     // owned
    size_t inputs, outputs, slices;
    float slope;
    ACTIVATION after; // LINEAR: slope does it
};

static void finish(
    const struct connected *connected, const float *sums, size_t first, size_t count, float *out)
{
    const float *bias = connected->bias + first;

    for (size_t i = 0; i < count; i++) {
        float sum = sums[i] + bias[i];
        out[i] = sum > 0 ? sum : sum * connected->slope;
    }
    if (connected->after != LINEAR)
        idn_activate(out, count, connected->after);
}

static void run_connected(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct connected *connected = step->own;
    size_t first = (size_t)call->item * SLICE;
    size_t count = connected->outputs - first < SLICE ? connected->outputs - first : SLICE;
    const struct idn_primitive *primitive = count < SLICE ? &connected->rest : &connected->full;

    for (uint32_t image = 0; image < call->images; image += IMAGES) {
        idn_primitive_run_with(primitive, call->plan->dnnl, call->thread,
            call->in[0] + image * connected->inputs, call->scratch, call->workspace,
            connected->weights[call->item]);
        for (uint32_t i = 0; i < IMAGES && image + i < call->images; i++)
            finish(connected, call->scratch + i * count, first, count,
                call->out + (image + i) * connected->outputs + first);
    }
}

static void fini_connected(struct idn_step *step)
{
    struct connected *connected = step->own;

    idn_primitive_fini(&connected->full);
    idn_primitive_fini(&connected->rest);
    for (size_t i = 0; i < connected->slices; i++)
        free(connected->weights[i]);
    free(connected->weights);
    free(connected->bias);
    free(connected);
}

// Packs the weights of one slice and leaves the primitive without any of its own.
static int init_slice(struct idn_primitive *primitive, const struct idn_plan *plan, size_t inputs,
    size_t outputs, const float *weights, float **ret_weights)
{
    dnnl_dims_t in = {IMAGES, (int64_t)inputs}, out = {IMAGES, (int64_t)outputs};
    dnnl_dims_t dims = {(int64_t)outputs, (int64_t)inputs};
    dnnl_memory_desc_t src, dst, given, packed;
    dnnl_inner_product_desc_t desc;
    dnnl_primitive_attr_t attr;

    (void)dnnl_memory_desc_init_by_tag(&src, 2, in, dnnl_f32, dnnl_nc);
    (void)dnnl_memory_desc_init_by_tag(&dst, 2, out, dnnl_f32, dnnl_nc);
    (void)dnnl_memory_desc_init_by_tag(&given, 2, dims, dnnl_f32, dnnl_oi);
    (void)dnnl_memory_desc_init_by_tag(&packed, 2, dims, dnnl_f32, dnnl_format_tag_any);
    if (dnnl_inner_product_forward_desc_init(
            &desc, dnnl_forward_inference, &src, &packed, NULL, &dst) != dnnl_success)
        return 1;
    (void)idn_primitive_attr(LINEAR, &attr);
    int error = idn_primitive_init(primitive, plan->dnnl,
        &(struct idn_primitive_spec){
            .desc = &desc, .attr = attr, .weights = weights, .weights_desc = &given});
    (void)dnnl_primitive_attr_destroy(attr);
    if (error == 0) {
        *ret_weights = primitive->weights;
        primitive->weights = NULL;
    }
    return error;
}

// A connected layer's inputs are planar in darknet, channels last here.
static void reorder_inputs(float *weights, const struct idn_value *in, size_t outputs)
{
    float *line = idn_floats(in->size);

    for (size_t o = 0; in->c > 1 && in->h * in->w > 1 && o < outputs; o++) {
        idn_planar_to_last(weights + o * in->size, in, line);
        memcpy(weights + o * in->size, line, in->size * sizeof(*line));
    }
    free(line);
}

// One by one, so that only one slice is in memory twice more.
static int init_slices(
    struct connected *connected, const struct idn_plan *plan, const struct idn_place *place)
{
    float *weights = idn_floats(SLICE * connected->inputs);
    int error = 0;

    for (size_t i = 0; i < connected->slices && error == 0; i++) {
        size_t first = i * SLICE, rest = connected->outputs - first;
        size_t count = rest < SLICE ? rest : SLICE;
        struct idn_primitive *primitive = rest < SLICE ? &connected->rest : &connected->full;
        idn_fold_batch_norm(
            place->layer, first, count, connected->inputs, weights, connected->bias + first);
        reorder_inputs(weights, &plan->value[place->in], count);
        idn_primitive_fini(primitive); // of the slice before: only its weights were wanted
        error =
            init_slice(primitive, plan, connected->inputs, count, weights, &connected->weights[i]);
    }
    free(weights);
    return error;
}

static struct connected *new_connected(const struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    struct connected *connected = calloc(1, sizeof(*connected));

    IDN_ASSERT(connected != NULL);
    *connected = (struct connected){.inputs = (size_t)l->inputs,
        .outputs = (size_t)l->outputs,
        .slices = ((size_t)l->outputs + SLICE - 1) / SLICE};
    connected->weights = calloc(connected->slices, sizeof(*connected->weights));
    IDN_ASSERT(connected->weights != NULL);
    connected->after = idn_activation_rest(l->activation, &connected->slope);
    connected->bias = idn_floats(connected->outputs);
    int error = init_slices(connected, plan, place);
    if (error == 0)
        return connected;
    fini_connected(&(struct idn_step){.own = connected});
    return NULL;
}

int idn_make_connected(struct idn_plan *plan, const struct idn_place *place)
{
    if ((size_t)place->layer->inputs != plan->value[place->in].size)
        return 1;
    struct connected *connected = new_connected(plan, place);
    if (connected == NULL)
        return 1;
    struct idn_step *step = idn_append_step(plan, place, "inner product", run_connected);
    step->kernel = connected->full.name != NULL ? connected->full.name : connected->rest.name;
    step->own = connected;
    step->fini = fini_connected;
    step->wide = true;
    step->slices = (uint32_t)connected->slices;
    step->scratch = IMAGES * SLICE;
    idn_plan_need_workspace(plan, connected->full.workspace);
    idn_plan_need_workspace(plan, connected->rest.workspace);
    return 0;
}
