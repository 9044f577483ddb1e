// Steps that are one loop over an image: what oneDNN has no primitive for, or where darknet's rule
// is its own.
#include "worker/infer/onednn_layers.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// libdarknet's, not in its header.
void activate_array(float *values, const int count, const ACTIVATION activation);

ACTIVATION idn_activation_rest(ACTIVATION activation, float *ret_slope)
{
    *ret_slope = activation == RELU ? 0.0f : activation == LEAKY ? 0.1f : 1.0f;
    return activation == RELU || activation == LEAKY ? LINEAR : activation;
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

struct idn_step *idn_append_step(struct idn_plan *plan, const struct idn_place *place,
    const char *name, void (*run)(const struct idn_step *, const struct idn_step_call *))
{
    struct idn_step *step = idn_plan_step(plan, place->index, place->in, place->out);

    step->name = name;
    step->run = run;
    return step;
}

void idn_free_own(struct idn_step *step)
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
    (void)idn_append_step(plan, place, "average", run_avgpool);
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
    struct idn_step *step = idn_append_step(plan, place, "route", run_route);
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
    struct idn_step *step = idn_append_step(plan, place, "normalization", run_normalization);
    step->own = lrn;
    step->fini = idn_free_own;
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
    struct idn_step *step = idn_append_step(plan, place, "batch norm", run_batchnorm);
    step->own = line;
    step->fini = idn_free_own;
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
    struct idn_step *step = idn_append_step(plan, place, "activation", run_activation);
    step->own = activation;
    step->fini = idn_free_own;
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
    struct idn_step *step = idn_append_step(plan, place, "softmax", run_softmax);
    step->own = own;
    step->fini = idn_free_own;
    return 0;
}
