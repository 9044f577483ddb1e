// Shortcut layers: the layer before plus an earlier one, then an activation. The two may differ in
// size and in channels: darknet adds every stride-th pixel of a larger layer, or adds to every
// sample-th pixel from a smaller one, as far as both have channels.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>
#include <string.h>

struct shortcut {
    size_t stride, sample, h, w, c; // of the pixels and channels that both have
    float alpha, beta;              // shares of the layer before and of the earlier one
    float slope;                    // of negative sums
    ACTIVATION after;               // LINEAR: slope does it
    float *zeros; // owned; NULL unless needed: in place of channels that the earlier layer lacks
};

// What most networks have: same shape, and nothing but a sum.
static void run_sum(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct shortcut *shortcut = step->own;

    call->plan->kernels->add(call->in[0], call->in[1],
        call->images * call->plan->value[step->out].size, shortcut->slope, call->out);
}

// Nothing but a sum, for every pixel, of one of a layer at least as large.
static void add_larger(const struct shortcut *shortcut, const struct idn_kernels *kernels,
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

static void run_sum_of_larger(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct idn_value *from = &call->plan->value[step->in[1]];
    const struct idn_value *to = &call->plan->value[step->out];

    for (uint32_t i = 0; i < call->images; i++)
        add_larger(step->own, call->plan->kernels, from, to, call->in[0] + i * to->size,
            call->in[1] + i * from->size, call->out + i * to->size);
}

// darknet's shortcut_cpu.
static void add_any(const struct shortcut *shortcut, const struct idn_value *from,
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

static void run_any(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct shortcut *shortcut = step->own;
    const struct idn_value *from = &call->plan->value[step->in[1]];
    const struct idn_value *to = &call->plan->value[step->out];
    size_t count = call->images * to->size;

    memcpy(call->out, call->in[0], count * sizeof(float));
    for (uint32_t i = 0; i < call->images; i++)
        add_any(shortcut, from, to, call->in[1] + i * from->size, call->out + i * to->size);
    if (shortcut->after != LINEAR)
        idn_activate(call->out, count, shortcut->after);
    else
        for (size_t i = 0; i < count; i++)
            call->out[i] = call->out[i] > 0 ? call->out[i] : call->out[i] * shortcut->slope;
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

static bool is_one(float share)
{
    return share >= 1 && share <= 1;
}

// 1: not by the same factor in height and in width.
static int measure(const struct idn_value *from, const struct idn_value *to, struct shortcut *ret)
{
    size_t stride = from->w / to->w, sample = to->w / from->w;

    if (stride != from->h / to->h || sample != to->h / from->h)
        return 1;
    ret->stride = stride < 1 ? 1 : stride;
    ret->sample = sample < 1 ? 1 : sample;
    ret->h = least(from->h, to->h);
    ret->w = least(from->w, to->w);
    ret->c = least(from->c, to->c);
    return 0;
}

int idn_make_shortcut(struct idn_plan *plan, const struct idn_place *place)
{
    const layer *l = place->layer;
    uint32_t other = place->value_of[l->index];
    const struct idn_value *from = &plan->value[other], *to = &plan->value[place->out];
    struct shortcut measured = {.alpha = l->alpha, .beta = l->beta};

    if (measure(from, to, &measured) != 0)
        return 1;
    measured.after = idn_activation_rest(l->activation, &measured.slope);
    bool sum = measured.after == LINEAR && is_one(l->alpha) && is_one(l->beta);
    bool same = from->h == to->h && from->w == to->w && from->c == to->c;
    bool larger = sum && !same && from->h >= to->h && from->w >= to->w;
    if (sum && same && idn_fuse_shortcut(plan, place, other, measured.slope) == 0)
        return 0;
    struct shortcut *shortcut = malloc(sizeof(*shortcut));
    IDN_ASSERT(shortcut != NULL);
    *shortcut = measured;
    if (larger)
        shortcut->zeros = idn_floats(to->c);
    struct idn_step *step = idn_append_step(plan, place, "shortcut",
        sum && same ? run_sum
        : larger    ? run_sum_of_larger
                    : run_any);
    step->in[1] = other;
    step->in_count = 2;
    step->own = shortcut;
    step->fini = fini_shortcut;
    return 0;
}
