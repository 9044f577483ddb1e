// Steps that are one loop over an image: what oneDNN has no primitive for, or where darknet's rule
// is its own.
#include "worker/infer/onednn_layers.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// libdarknet's, not in its header.
void activate_array(float *values, const int count, const ACTIVATION activation);

bool idn_activation_slope(ACTIVATION activation, float *ret_slope)
{
    if (activation != RELU && activation != LEAKY && activation != LINEAR)
        return false;
    *ret_slope = activation == RELU ? 0.0f : activation == LEAKY ? 0.1f : 1.0f;
    return true;
}

void idn_activate(float *values, size_t count, ACTIVATION activation)
{
    activate_array(values, (int)count, activation);
}

void idn_planar_to_last(const float *planar, const struct idn_value *shape, float *ret_last)
{
    size_t pixels = (size_t)shape->h * shape->w;

    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < shape->c; c++)
            *ret_last++ = planar[c * pixels + i];
}

void idn_last_to_planar(const float *last, const struct idn_value *shape, float *ret_planar)
{
    size_t pixels = (size_t)shape->h * shape->w;

    for (size_t c = 0; c < shape->c; c++)
        for (size_t i = 0; i < pixels; i++)
            *ret_planar++ = last[i * shape->c + c];
}

static const struct idn_value *in_shape(
    const struct idn_step *step, const struct idn_step_call *call)
{
    return &call->plan->value[step->in[0]];
}

static struct idn_step *append(struct idn_plan *plan, const struct idn_place *place,
    const char *name, void (*run)(const struct idn_step *, const struct idn_step_call *))
{
    struct idn_step *step = idn_plan_step(plan, place->index, place->in, place->out);

    step->name = name;
    step->run = run;
    return step;
}

static void free_own(struct idn_step *step)
{
    free(step->own);
}

static void run_input(const struct idn_step *step, const struct idn_step_call *call)
{
    idn_planar_to_last(call->inputs->pixels, &call->plan->value[step->out], call->out);
}

void idn_make_input(struct idn_plan *plan, uint32_t out)
{
    struct idn_step *step = idn_plan_step(plan, 0, out, out);

    step->in_count = 0;
    step->name = "pixels";
    step->run = run_input;
}

static void run_avgpool(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct idn_value *shape = in_shape(step, call);
    size_t pixels = (size_t)shape->h * shape->w;
    const float *in = call->in[0];

    for (uint32_t image = 0; image < call->images; image++) {
        float *out = call->out + (size_t)image * shape->c;
        memcpy(out, in, shape->c * sizeof(*out));
        in += shape->c;
        for (size_t i = 1; i < pixels; i++, in += shape->c)
            for (size_t c = 0; c < shape->c; c++)
                out[c] += in[c];
        for (size_t c = 0; c < shape->c; c++)
            out[c] /= (float)pixels;
    }
}

int idn_make_avgpool(struct idn_plan *plan, const struct idn_place *place)
{
    (void)append(plan, place, "average", run_avgpool);
    return 0;
}

struct shortcut {
    size_t stride, sample, h, w, c; // of the pixels and channels that both have
    float alpha, beta, slope;
    ACTIVATION after;
    bool plain;   // same shape and nothing but a sum
    bool sparse;  // a sum for every pixel, of every stride-th one of the other
    float *zeros; // owned, if sparse: for the channels that the other lacks
};

// darknet's shortcut_cpu: every stride-th pixel of a larger layer, or to every sample-th pixel.
static void add_strided(const struct shortcut *shortcut, const struct idn_value *from,
    const struct idn_value *to, const float *add, float *out)
{
    for (size_t y = 0; y < shortcut->h; y++)
        for (size_t x = 0; x < shortcut->w; x++) {
            const float *a =
                add + (y * shortcut->stride * from->w + x * shortcut->stride) * from->c;
            float *o = out + (y * shortcut->sample * to->w + x * shortcut->sample) * to->c;
            for (size_t c = 0; c < shortcut->c; c++)
                o[c] = shortcut->alpha * o[c] + shortcut->beta * a[c];
        }
}

static void add_sparse(const struct shortcut *shortcut, const struct idn_kernels *kernels,
    const struct idn_value *from, const struct idn_value *to, const float *in, const float *add,
    float *out)
{
    size_t rest = to->c - shortcut->c;

    for (size_t y = 0; y < to->h; y++)
        for (size_t x = 0; x < to->w; x++, in += to->c, out += to->c) {
            const float *a = add + (y * from->w + x) * shortcut->stride * from->c;
            kernels->add(in, a, shortcut->c, shortcut->slope, out);
            kernels->add(
                in + shortcut->c, shortcut->zeros, rest, shortcut->slope, out + shortcut->c);
        }
}

static void run_shortcut(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct shortcut *shortcut = step->own;
    const struct idn_value *from = &call->plan->value[step->in[1]];
    const struct idn_value *to = &call->plan->value[step->out];
    size_t count = call->images * to->size;

    if (shortcut->plain) {
        call->plan->kernels->add(call->in[0], call->in[1], count, shortcut->slope, call->out);
        return;
    }
    for (uint32_t i = 0; shortcut->sparse && i < call->images; i++)
        add_sparse(shortcut, call->plan->kernels, from, to, call->in[0] + i * to->size,
            call->in[1] + i * from->size, call->out + i * to->size);
    if (shortcut->sparse)
        return;
    memcpy(call->out, call->in[0], count * sizeof(float));
    for (uint32_t i = 0; i < call->images; i++)
        add_strided(shortcut, from, to, call->in[1] + i * from->size, call->out + i * to->size);
    if (shortcut->after == LEAKY || shortcut->after == RELU)
        for (size_t i = 0; i < count; i++)
            call->out[i] = call->out[i] > 0 ? call->out[i] : call->out[i] * shortcut->slope;
    else if (shortcut->after != LINEAR)
        idn_activate(call->out, count, shortcut->after);
}

static void fini_shortcut(struct idn_step *step)
{
    struct shortcut *shortcut = step->own;

    free(shortcut->zeros);
    free(shortcut);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

int idn_make_shortcut(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    const struct idn_value *from = &plan->value[place->value_of[l->index]];
    const struct idn_value *to = &plan->value[place->out];
    size_t stride = from->w / to->w, sample = to->w / from->w;
    struct shortcut *shortcut = calloc(1, sizeof(*shortcut));

    IDN_ASSERT(shortcut != NULL);
    if (stride != from->h / to->h || sample != to->h / from->h) {
        free(shortcut);
        return 1;
    }
    *shortcut = (struct shortcut){.stride = stride < 1 ? 1 : stride,
        .sample = sample < 1 ? 1 : sample,
        .h = least(from->h, to->h),
        .w = least(from->w, to->w),
        .c = least(from->c, to->c),
        .alpha = l->alpha,
        .beta = l->beta,
        .after = l->activation};
    bool simple = idn_activation_slope(l->activation, &shortcut->slope);
    bool sum = simple && !(l->alpha < 1 || l->alpha > 1 || l->beta < 1 || l->beta > 1);
    shortcut->plain = sum && from->h == to->h && from->w == to->w && from->c == to->c;
    shortcut->sparse = sum && !shortcut->plain && from->h >= to->h && from->w >= to->w;
    if (shortcut->plain &&
        idn_fuse_shortcut(plan, place, place->value_of[l->index], shortcut->slope) == 0) {
        free(shortcut);
        return 0;
    }
    struct idn_step *step = append(plan, place, "shortcut", run_shortcut);
    if (shortcut->sparse)
        shortcut->zeros = idn_floats(to->c);
    step->in[1] = place->value_of[l->index];
    step->in_count = 2;
    step->own = shortcut;
    step->fini = fini_shortcut;
    return 0;
}

static void run_route(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct idn_value *out = &call->plan->value[step->out];
    size_t pixels = (size_t)call->images * out->h * out->w, at = 0;

    for (uint32_t i = 0; i < step->in_count; i++) {
        size_t c = call->plan->value[step->in[i]].c;
        for (size_t pixel = 0; pixel < pixels; pixel++)
            memcpy(call->out + pixel * out->c + at, call->in[i] + pixel * c, c * sizeof(float));
        at += c;
    }
}

int idn_make_route(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    const struct idn_value *out = &plan->value[place->out];
    size_t c = 0;

    if (l->n > IDN_STEP_INPUTS)
        return 1;
    for (int i = 0; i < l->n; i++) {
        const struct idn_value *in = &plan->value[place->value_of[l->input_layers[i]]];
        if (in->h != out->h || in->w != out->w)
            return 1;
        c += in->c;
    }
    if (c != out->c)
        return 1;
    struct idn_step *step = append(plan, place, "route", run_route);
    for (int i = 0; i < l->n; i++)
        step->in[i] = place->value_of[l->input_layers[i]];
    step->in_count = (uint32_t)l->n;
    return 0;
}

struct normalization {
    size_t half, back; // of the window
    float alpha, kappa;
    double beta;
};

// darknet's sums run along the channels, and its first window lacks its last square for ever.
static void normalize_pixel(
    const struct normalization *lrn, const float *in, size_t channels, float *out)
{
    float norm = lrn->kappa;

    for (size_t k = 0; k < lrn->half && k < channels; k++)
        norm += lrn->alpha * (in[k] * in[k]);
    for (size_t k = 0; k < channels; k++) {
        if (k > lrn->back)
            norm += -lrn->alpha * (in[k - lrn->back - 1] * in[k - lrn->back - 1]);
        if (k > 0 && k + lrn->half < channels)
            norm += lrn->alpha * (in[k + lrn->half] * in[k + lrn->half]);
        out[k] = (float)pow((double)norm, -lrn->beta) * in[k];
    }
}

static void run_normalization(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct idn_value *shape = in_shape(step, call);
    size_t pixels = (size_t)call->images * shape->h * shape->w;

    for (size_t i = 0; i < pixels; i++)
        normalize_pixel(step->own, call->in[0] + i * shape->c, shape->c, call->out + i * shape->c);
}

int idn_make_normalization(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    struct normalization *lrn = calloc(1, sizeof(*lrn));

    IDN_ASSERT(lrn != NULL);
    if (l->size < 1 || l->size / 2 > l->c) {
        free(lrn);
        return 1;
    }
    *lrn = (struct normalization){.half = (size_t)l->size / 2,
        .back = (size_t)(l->size - 1) / 2,
        .alpha = l->alpha,
        .kappa = l->kappa,
        .beta = (double)l->beta};
    struct idn_step *step = append(plan, place, "normalization", run_normalization);
    step->own = lrn;
    step->fini = free_own;
    return 0;
}

// own: a factor and a summand for each channel.
static void run_batchnorm(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct idn_value *shape = in_shape(step, call);
    size_t pixels = (size_t)call->images * shape->h * shape->w, channels = shape->c;
    const float *factor = step->own, *summand = factor + channels;

    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++)
            call->out[i * channels + c] = call->in[0][i * channels + c] * factor[c] + summand[c];
}

int idn_make_batchnorm(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    size_t channels = plan->value[place->in].c;
    float *line = calloc(2 * channels, sizeof(*line));

    IDN_ASSERT(line != NULL);
    for (size_t c = 0; c < channels; c++) {
        double factor = (double)l->scales[c] / (sqrt((double)l->rolling_variance[c]) + .000001);
        line[c] = (float)factor;
        line[channels + c] = (float)((double)l->biases[c] - (double)l->rolling_mean[c] * factor);
    }
    struct idn_step *step = append(plan, place, "batch norm", run_batchnorm);
    step->own = line;
    step->fini = free_own;
    return 0;
}

static void run_activation(const struct idn_step *step, const struct idn_step_call *call)
{
    const ACTIVATION *activation = step->own;
    size_t count = call->images * in_shape(step, call)->size;

    memcpy(call->out, call->in[0], count * sizeof(float));
    idn_activate(call->out, count, *activation);
}

int idn_make_activation(struct idn_plan *plan, const struct idn_place *place)
{
    ACTIVATION *activation = malloc(sizeof(*activation));

    IDN_ASSERT(activation != NULL);
    *activation = place->layer->activation;
    struct idn_step *step = append(plan, place, "activation", run_activation);
    step->own = activation;
    step->fini = free_own;
    return 0;
}

struct softmax {
    size_t groups;
    double temperature;
};

static void softmax_of(const float *in, size_t count, double temperature, float *out)
{
    float largest = in[0], sum = 0;

    for (size_t i = 1; i < count; i++)
        largest = in[i] > largest ? in[i] : largest;
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)exp(((double)in[i] - (double)largest) / temperature);
        sum += out[i];
    }
    for (size_t i = 0; i < count; i++)
        out[i] /= sum;
}

static void run_softmax(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct softmax *own = step->own;
    size_t groups = call->images * own->groups, count = in_shape(step, call)->size / own->groups;

    for (size_t i = 0; i < groups; i++)
        softmax_of(call->in[0] + i * count, count, own->temperature, call->out + i * count);
}

int idn_make_softmax(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    const struct idn_value *in = &plan->value[place->in];

    // Groups are of planar values.
    if (l->softmax_tree != NULL || l->spatial != 0 || l->groups < 1 ||
        in->size % (size_t)l->groups != 0 || ((size_t)in->h * in->w > 1 && in->c > 1))
        return 1;
    struct softmax *own = malloc(sizeof(*own));
    IDN_ASSERT(own != NULL);
    *own = (struct softmax){.groups = (size_t)l->groups, .temperature = (double)l->temperature};
    struct idn_step *step = append(plan, place, "softmax", run_softmax);
    step->own = own;
    step->fini = free_own;
    return 0;
}
