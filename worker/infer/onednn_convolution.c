// Convolutional layers: oneDNN's direct convolution for one image, channels last, with batch norm,
// bias and activation in it; or Winograd's (onednn_winograd.c) where its rule says so.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct convolution {
    struct idn_primitive primitive;
    ACTIVATION after; // LINEAR: none, or in the primitive
};

// darknet: (x - mean) / (sqrt(variance) + .000001) * scale + bias.
void idn_fold_batch_norm(
    const layer *l, size_t first, size_t filters, size_t each, float *ret_weights, float *ret_bias)
{
    const float *weights = l->weights + first * each;

    for (size_t f = first; f < first + filters; f++) {
        double scale = 1, mean = 0;
        if (l->batch_normalize) {
            scale = (double)l->scales[f] / (sqrt((double)l->rolling_variance[f]) + .000001);
            mean = (double)l->rolling_mean[f];
        }
        for (size_t i = 0; i < each; i++)
            *ret_weights++ = (float)((double)*weights++ * scale);
        *ret_bias++ = (float)((double)l->biases[f] - mean * scale);
    }
}

static void run_convolution(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct convolution *convolution = step->own;
    size_t in = call->plan->value[step->in[0]].size, out = call->plan->value[step->out].size;

    for (uint32_t i = 0; i < call->images; i++)
        idn_primitive_run(&convolution->primitive, call->plan->dnnl, call->thread,
            call->in[0] + i * in, call->out + i * out, call->workspace);
    if (convolution->after != LINEAR)
        idn_activate(call->out, call->images * out, convolution->after);
}

static void fini_convolution(struct idn_step *step)
{
    struct convolution *convolution = step->own;

    idn_primitive_fini(&convolution->primitive);
    free(convolution);
}

static int init_primitive(struct convolution *convolution, const struct idn_plan *plan,
    const layer *l, const float *weights, const float *bias)
{
    dnnl_dims_t in = {1, l->c, l->h, l->w}, out = {1, l->n, l->out_h, l->out_w}, biases = {l->n};
    dnnl_dims_t plain = {l->n, l->c, l->size, l->size};
    dnnl_dims_t grouped = {l->groups, l->n / l->groups, l->c / l->groups, l->size, l->size};
    dnnl_dims_t stride = {l->stride, l->stride}, pad = {l->pad, l->pad};
    // What the last window leaves of the picture at right and bottom needs no padding.
    dnnl_dims_t pad_end = {(l->out_h - 1) * l->stride + l->size - l->h - l->pad,
        (l->out_w - 1) * l->stride + l->size - l->w - l->pad};
    dnnl_memory_desc_t src, dst, given, packed, bias_desc;
    dnnl_convolution_desc_t desc;
    bool groups = l->groups > 1;

    (void)dnnl_memory_desc_init_by_tag(&src, 4, in, dnnl_f32, dnnl_nhwc);
    (void)dnnl_memory_desc_init_by_tag(&dst, 4, out, dnnl_f32, dnnl_nhwc);
    (void)dnnl_memory_desc_init_by_tag(&bias_desc, 1, biases, dnnl_f32, dnnl_x);
    (void)dnnl_memory_desc_init_by_tag(&given, groups ? 5 : 4, groups ? grouped : plain, dnnl_f32,
        groups ? dnnl_goihw : dnnl_oihw);
    (void)dnnl_memory_desc_init_by_tag(
        &packed, groups ? 5 : 4, groups ? grouped : plain, dnnl_f32, dnnl_format_tag_any);
    if (dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct,
            &src, &packed, &bias_desc, &dst, stride, pad, pad_end) != dnnl_success)
        return 1;
    dnnl_primitive_attr_t attr;
    convolution->after = idn_primitive_attr(l->activation, &attr) ? LINEAR : l->activation;
    int error = idn_primitive_init(&convolution->primitive, plan->dnnl,
        &(struct idn_primitive_spec){.desc = &desc,
            .attr = attr,
            .weights = weights,
            .weights_desc = &given,
            .bias = bias,
            .bias_count = (size_t)l->n});
    (void)dnnl_primitive_attr_destroy(attr);
    return error;
}

static int make_direct(struct idn_plan *plan, const struct idn_place *place, const float *weights,
    const float *bias, size_t count)
{
    struct convolution *convolution = calloc(1, sizeof(*convolution));
    size_t in_out = plan->value[place->in].size + plan->value[place->out].size;

    IDN_ASSERT(convolution != NULL);
    if (init_primitive(convolution, plan, place->layer, weights, bias) != 0) {
        free(convolution);
        return 1;
    }
    struct idn_step *step = idn_append_step(plan, place, "direct", run_convolution);
    step->kernel = convolution->primitive.name;
    step->own = convolution;
    step->fini = fini_convolution;
    step->wide = count > in_out && count > 256 * 1024;
    step->group = 8;
    idn_plan_need_workspace(plan, convolution->primitive.workspace);
    return 0;
}

int idn_make_convolution(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    size_t count = (size_t)l->c / (size_t)l->groups * (size_t)l->n * (size_t)(l->size * l->size);

    // darknet takes a 1x1 kernel's input as it lies in memory, whatever stride and padding say.
    bool odd = l->size == 1 && (l->stride != 1 || l->pad != 0);
    if (l->binary || l->xnor || odd)
        return 1;
    float *weights = idn_floats(count), *bias = idn_floats((size_t)l->n);
    idn_fold_batch_norm(l, 0, (size_t)l->n, count / (size_t)l->n, weights, bias);
    int error = idn_make_winograd(plan, place, weights, bias);
    if (error != 0)
        error = idn_make_phases(plan, place, weights, bias);
    if (error != 0)
        error = make_direct(plan, place, weights, bias, count);
    free(weights);
    free(bias);
    return error;
}
