// Max pooling by oneDNN. darknet pads by `padding` in all, half of it (rounded down) at top and
// left; what is outside never wins.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>

static void run_maxpool(const struct idn_step *step, const struct idn_step_call *call)
{
    size_t in = call->plan->value[step->in[0]].size, out = call->plan->value[step->out].size;

    for (uint32_t i = 0; i < call->images; i++)
        idn_primitive_run(step->own, call->plan->dnnl, call->thread, call->in[0] + i * in,
            call->out + i * out, call->workspace);
}

static void fini_maxpool(struct idn_step *step)
{
    idn_primitive_fini(step->own);
    free(step->own);
}

static int init_primitive(
    struct idn_primitive *primitive, const struct idn_plan *plan, const layer *l)
{
    dnnl_dims_t in = {1, l->c, l->h, l->w}, out = {1, l->c, l->out_h, l->out_w};
    dnnl_dims_t kernel = {l->size, l->size}, stride = {l->stride, l->stride};
    dnnl_dims_t pad = {l->pad / 2, l->pad / 2};
    dnnl_dims_t pad_end = {(l->out_h - 1) * l->stride + l->size - l->h - l->pad / 2,
        (l->out_w - 1) * l->stride + l->size - l->w - l->pad / 2};
    dnnl_memory_desc_t src, dst;
    dnnl_pooling_desc_t desc;
    dnnl_primitive_attr_t attr;

    (void)dnnl_memory_desc_init_by_tag(&src, 4, in, dnnl_f32, dnnl_nhwc);
    (void)dnnl_memory_desc_init_by_tag(&dst, 4, out, dnnl_f32, dnnl_nhwc);
    if (dnnl_pooling_forward_desc_init(&desc, dnnl_forward_inference, dnnl_pooling_max, &src, &dst,
            stride, kernel, pad, pad_end) != dnnl_success)
        return 1;
    (void)idn_primitive_attr(LINEAR, &attr);
    int error = idn_primitive_init(
        primitive, plan->dnnl, &(struct idn_primitive_spec){.desc = &desc, .attr = attr});
    (void)dnnl_primitive_attr_destroy(attr);
    return error;
}

int idn_make_maxpool(struct idn_plan *plan, const struct idn_place *place)
{
    struct idn_primitive *primitive = calloc(1, sizeof(*primitive));

    IDN_ASSERT(primitive != NULL);
    if (init_primitive(primitive, plan, place->layer) != 0) {
        free(primitive);
        return 1;
    }
    struct idn_step *step = idn_append_step(plan, place, "maxpool", run_maxpool);
    step->kernel = primitive->name;
    step->own = primitive;
    step->fini = fini_maxpool;
    idn_plan_need_workspace(plan, primitive->workspace);
    return 0;
}
