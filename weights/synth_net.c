#include "weights/synth_net.h"

#include "base/assert.h"
#include "weights/synth_sums.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

size_t idn_synth_outputs(const struct idn_cfg_layer *layer)
{
    return (size_t)layer->out_c * layer->out_h * layer->out_w;
}

static size_t inputs(const struct idn_cfg_layer *layer)
{
    return (size_t)layer->in_c * layer->in_h * layer->in_w;
}

static void *floats(size_t count)
{
    float *memory = calloc(count == 0 ? 1 : count, sizeof(float));
    IDN_ASSERT(memory != NULL);
    return memory;
}

void idn_synth_net_init(struct idn_synth_net *net, const struct idn_cfg *cfg, uint64_t seed)
{
    size_t size = (size_t)cfg->input_c * cfg->input_h * cfg->input_w;

    net->cfg = cfg;
    net->input = floats(IDN_SYNTH_PICTURES * size);
    net->output = calloc(cfg->layers, sizeof(*net->output));
    net->last_use = calloc(cfg->layers, sizeof(*net->last_use));
    IDN_ASSERT(net->output != NULL && net->last_use != NULL);
    for (size_t i = 0; i < cfg->layers; i++) {
        net->last_use[i] = i + 1;
        for (size_t k = 0; k < cfg->layer[i].from_count; k++)
            net->last_use[cfg->layer[i].from[k]] = i;
    }
    idn_synth_pictures(net->input, cfg->input_c, cfg->input_h, cfg->input_w, seed);
}

void idn_synth_net_fini(struct idn_synth_net *net)
{
    for (size_t i = 0; i < net->cfg->layers; i++)
        free(net->output[i]);
    free(net->output);
    free(net->last_use);
    free(net->input);
}

void idn_synth_release(struct idn_synth_net *net, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (net->last_use[i] < index) {
            free(net->output[i]);
            net->output[i] = NULL;
        }
}

// (1 + x / 1024)^1024: near enough to calibrate with, and the same everywhere.
static float exponential(float x)
{
    float power = x < -30 ? 0 : 1 + (x > 30 ? 30 : x) / 1024;

    for (int i = 0; i < 10; i++)
        power *= power;
    return power;
}

static float linear(float x)
{
    return x;
}
static float relu(float x)
{
    return x > 0 ? x : 0;
}
static float leaky(float x)
{
    return x > 0 ? x : 0.1f * x;
}
static float relie(float x)
{
    return x > 0 ? x : 0.01f * x;
}
static float ramp(float x)
{
    return (x > 0 ? x : 0) + 0.1f * x;
}
static float logistic(float x)
{
    return 1 / (1 + exponential(-x));
}
static float hyperbolic(float x)
{
    return 2 / (1 + exponential(-2 * x)) - 1;
}
static float elu(float x)
{
    return x >= 0 ? x : exponential(x) - 1;
}

static const struct activation {
    const char *name;
    float (*function)(float x);
} activations[] = {
    {"linear", linear},
    {"relu", relu},
    {"leaky", leaky},
    {"relie", relie},
    {"ramp", ramp},
    {"logistic", logistic},
    {"tanh", hyperbolic},
    {"elu", elu},
};

static const struct activation *find_activation(const char *name)
{
    for (size_t i = 0; i < sizeof(activations) / sizeof(*activations); i++)
        if (strcmp(name, activations[i].name) == 0)
            return &activations[i];
    return NULL;
}

int idn_synth_net_check(const struct idn_cfg *cfg, struct idn_reason *reason)
{
    for (size_t i = 0; i < cfg->layers; i++) {
        const struct idn_cfg_layer *layer = &cfg->layer[i];
        if (layer->kind == IDN_CFG_LOCAL)
            return idn_reason_set(reason, -EINVAL,
                "layer %zu is [local], for which weights cannot be made up; they must be fetched",
                i);
        if (*layer->activation != '\0' && find_activation(layer->activation) == NULL)
            return idn_reason_set(reason, -EINVAL,
                "layer %zu has the activation '%s', for which weights cannot be made up; known are "
                "linear, relu, leaky, relie, ramp, logistic, tanh and elu",
                i, layer->activation);
    }
    return 0;
}

static void activate(const struct idn_cfg_layer *layer, float *values)
{
    const struct activation *activation =
        *layer->activation == '\0' ? NULL : find_activation(layer->activation);
    size_t count = IDN_SYNTH_PICTURES * idn_synth_outputs(layer);

    if (activation == NULL || activation->function == linear)
        return;
    for (size_t i = 0; i < count; i++)
        values[i] = activation->function(values[i]);
}

// The window of darknet's forward_maxpool_layer begins half of the padding outside.
static float window_most(
    const struct idn_cfg_layer *layer, const float *plane, size_t out_y, size_t out_x)
{
    float most = -FLT_MAX;
    long first = -(long)(layer->pad / 2);

    for (long m = 0; m < (long)layer->size; m++)
        for (long n = 0; n < (long)layer->size; n++) {
            long y = first + (long)(out_y * layer->stride) + m;
            long x = first + (long)(out_x * layer->stride) + n;
            if (y < 0 || x < 0 || y >= (long)layer->in_h || x >= (long)layer->in_w)
                continue;
            float value = plane[(size_t)y * layer->in_w + (size_t)x];
            most = value > most ? value : most;
        }
    return most;
}

static void maxpool(const struct idn_cfg_layer *layer, const float *in, float *out)
{
    for (size_t c = 0; c < layer->out_c; c++)
        for (size_t y = 0; y < layer->out_h; y++)
            for (size_t x = 0; x < layer->out_w; x++)
                *out++ = window_most(layer, in + c * layer->in_h * layer->in_w, y, x);
}

static void avgpool(const struct idn_cfg_layer *layer, const float *in, float *out)
{
    size_t plane = (size_t)layer->in_h * layer->in_w;

    for (size_t c = 0; c < layer->in_c; c++) {
        double sum = 0;
        for (size_t i = 0; i < plane; i++)
            sum += (double)in[c * plane + i];
        out[c] = (float)(sum / (double)plane);
    }
}

// The middle, with values from -1 to 1, as darknet's [crop] does outside of training.
static void crop(const struct idn_cfg_layer *layer, const float *in, float *out)
{
    size_t top = (layer->in_h - layer->out_h) / 2, left = (layer->in_w - layer->out_w) / 2;

    for (size_t c = 0; c < layer->out_c; c++)
        for (size_t y = 0; y < layer->out_h; y++)
            for (size_t x = 0; x < layer->out_w; x++)
                *out++ = 2 * in[(c * layer->in_h + y + top) * layer->in_w + x + left] - 1;
}

static void upsample(const struct idn_cfg_layer *layer, const float *in, float *out)
{
    for (size_t c = 0; c < layer->out_c; c++)
        for (size_t y = 0; y < layer->out_h; y++)
            for (size_t x = 0; x < layer->out_w; x++)
                *out++ =
                    in[(c * layer->in_h + y / layer->stride) * layer->in_w + x / layer->stride];
}

// Every step-th pixel becomes a channel. darknet's order of them is another; the statistics of all
// of them together are the same.
static void reorg(const struct idn_cfg_layer *layer, const float *in, float *out)
{
    size_t step = layer->stride;

    for (size_t c = 0; c < layer->out_c; c++) {
        size_t from = c % layer->in_c, place = c / layer->in_c;
        for (size_t y = 0; y < layer->out_h; y++)
            for (size_t x = 0; x < layer->out_w; x++)
                *out++ = in[(from * layer->in_h + y * step + place / step) * layer->in_w +
                            x * step + place % step];
    }
}

// Adds another layer where both have pixels and channels: every second pixel of one twice as large
// (darknet's shortcut_cpu).
static void add_shortcut(const struct idn_cfg_layer *layer, const struct idn_cfg_layer *from,
    const float *add, float *out)
{
    size_t stride = from->out_w / layer->out_w, sample = layer->out_w / from->out_w;
    size_t c_count = from->out_c < layer->out_c ? from->out_c : layer->out_c;
    size_t h_count = from->out_h < layer->out_h ? from->out_h : layer->out_h;
    size_t w_count = from->out_w < layer->out_w ? from->out_w : layer->out_w;

    stride = stride < 1 ? 1 : stride;
    sample = sample < 1 ? 1 : sample;
    for (size_t c = 0; c < c_count; c++)
        for (size_t y = 0; y < h_count && y * stride < from->out_h && y * sample < layer->out_h;
             y++)
            for (size_t x = 0; x < w_count; x++)
                out[(c * layer->out_h + y * sample) * layer->out_w + x * sample] +=
                    add[(c * from->out_h + y * stride) * from->out_w + x * stride];
}

static void copy_other(struct idn_synth_net *net, const struct idn_cfg_layer *layer, size_t picture,
    const float *in, float *out)
{
    if (layer->kind == IDN_CFG_ROUTE) {
        for (size_t i = 0; i < layer->from_count; i++) {
            size_t size = idn_synth_outputs(&net->cfg->layer[layer->from[i]]);
            memcpy(out, net->output[layer->from[i]] + picture * size, size * sizeof(float));
            out += size;
        }
        return;
    }
    memcpy(out, in, idn_synth_outputs(layer) * sizeof(float));
    if (layer->kind != IDN_CFG_SHORTCUT)
        return;
    const struct idn_cfg_layer *from = &net->cfg->layer[layer->from[0]];
    add_shortcut(layer, from, net->output[layer->from[0]] + picture * idn_synth_outputs(from), out);
}

// One picture through a layer without weights. Softmax, cost and dropout change nothing here, and
// [normalization], [l2norm] next to nothing once the layers before are scaled.
static void forward_one(struct idn_synth_net *net, const struct idn_cfg_layer *layer,
    size_t picture, const float *in, float *out)
{
    if (layer->kind == IDN_CFG_MAXPOOL)
        maxpool(layer, in, out);
    else if (layer->kind == IDN_CFG_AVGPOOL)
        avgpool(layer, in, out);
    else if (layer->kind == IDN_CFG_CROP)
        crop(layer, in, out);
    else if (layer->kind == IDN_CFG_UPSAMPLE)
        upsample(layer, in, out);
    else if (layer->kind == IDN_CFG_REORG)
        reorg(layer, in, out);
    else
        copy_other(net, layer, picture, in, out);
}

void idn_synth_forward(
    struct idn_synth_net *net, size_t index, const struct idn_synth_params *params)
{
    const struct idn_cfg_layer *layer = &net->cfg->layer[index];
    const float *in = index == 0 ? net->input : net->output[index - 1];
    size_t size = idn_synth_outputs(layer);

    IDN_ASSERT(in != NULL && layer->kind != IDN_CFG_LOCAL);
    free(net->output[index]);
    net->output[index] = floats(IDN_SYNTH_PICTURES * size);
    if (layer->kind == IDN_CFG_CONNECTED) {
        idn_synth_connected(params->weights, in, inputs(layer), size, net->output[index]);
        return;
    }
    for (size_t i = 0; i < IDN_SYNTH_PICTURES; i++) {
        const float *one_in = in + i * inputs(layer);
        float *one_out = net->output[index] + i * size;
        if (layer->kind == IDN_CFG_CONVOLUTIONAL)
            idn_synth_convolve(layer, params->weights, one_in, one_out);
        else
            forward_one(net, layer, i, one_in, one_out);
    }
}

void idn_synth_finish(
    struct idn_synth_net *net, size_t index, const struct idn_synth_params *params)
{
    const struct idn_cfg_layer *layer = &net->cfg->layer[index];
    size_t plane = (size_t)layer->out_h * layer->out_w;
    float *out = net->output[index];

    for (size_t i = 0; i < IDN_SYNTH_PICTURES * (size_t)layer->out_c; i++) {
        size_t c = i % layer->out_c;
        float scale = 1, shift = 0;
        if (params->scales != NULL) {
            scale = params->scales[c] / (idn_synth_root(params->variances[c]) + 0.000001f);
            shift = -params->means[c] * scale;
        }
        if (params->biases != NULL)
            shift += params->biases[c];
        for (size_t p = 0; p < plane; p++)
            out[i * plane + p] = out[i * plane + p] * scale + shift;
    }
    activate(layer, out);
}
