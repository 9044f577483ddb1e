// Strided convolutions of few channels (a network's first layer) for Winograd's method, which wants
// stride 1. Every stride-th pixel each way is a picture of its own: stride x stride of them, side
// by side as channels, and the kernel's taps dealt out to them alike. Of AlexNet's 11x11 taps in
// steps of 4 over 3 channels become 3x3 taps over 48.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"
#include "worker/infer/onednn_winograd.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS_MOST = 1 << 16 }; // of all phases together: far more than pay off

// The input is `planes` pictures of pixels of `each` floats: a value, channels last, is one of all
// channels; the network's pixels, planar, are one for each channel.
struct phases {
    size_t stride, pad, planes, each;
    size_t h, w; // of the input
};

// A few: with sizes known to the compiler no memcpy is called.
static void copy_floats(const float *from, size_t count, float *to)
{
    for (; count >= 4; count -= 4, from += 4, to += 4)
        memcpy(to, from, 4 * sizeof(*to));
    if (count >= 2)
        memcpy(to, from, 2 * sizeof(*to));
    if (count % 2 == 1)
        to[count - 1] = from[count - 1];
}

// The pixels of a line, `stride` of them to each of the output's.
static void deal_line(
    const struct phases *phases, const float *line, const struct idn_value *shape, float *out)
{
    size_t stride = phases->stride, each = phases->each;

    for (size_t x = 0; x < shape->w; x++, out += shape->c) {
        // Unsigned: what is left of the picture wraps to something large.
        size_t left = x * stride - phases->pad;
        if (left < phases->w && left + stride <= phases->w)
            copy_floats(line + left * each, stride * each, out);
        else
            for (size_t i = 0; i < stride; i++)
                if (left + i < phases->w)
                    copy_floats(line + (left + i) * each, each, out + i * each);
    }
}

static void deal_image(
    const struct phases *phases, const float *image, const struct idn_value *shape, float *out)
{
    size_t line = phases->w * phases->each;

    memset(out, 0, shape->size * sizeof(*out)); // outside of the picture, and unused channels
    for (size_t y = 0; y < shape->h; y++, out += shape->w * shape->c)
        for (size_t dy = 0; dy < phases->stride; dy++)
            for (size_t plane = 0; plane < phases->planes; plane++) {
                size_t from = y * phases->stride + dy - phases->pad;
                size_t channel = (dy * phases->planes + plane) * phases->stride * phases->each;
                if (from < phases->h)
                    deal_line(
                        phases, image + (plane * phases->h + from) * line, shape, out + channel);
            }
}

static void run_phases(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct phases *phases = step->own;
    const struct idn_value *shape = &call->plan->value[step->out];
    size_t size = phases->planes * phases->h * phases->w * phases->each;

    for (uint32_t i = 0; i < call->images; i++)
        deal_image(phases, step->in_count > 0 ? call->in[0] + i * size : call->inputs[i].pixels,
            shape, call->out + i * shape->size);
}

static void fini_phases(struct idn_step *step)
{
    free(step->own);
}

// Whether nothing has looked at the network's pixels yet: then they are taken as they come, and
// the step that puts their channels last goes.
static bool take_pixels(struct idn_plan *plan, uint32_t in)
{
    if (plan->steps != 1 || plan->step[0].in_count > 0 || plan->step[0].out != in)
        return false;
    plan->steps = 0;
    plan->value[in].size = 0;
    return true;
}

static void append_phases(
    struct idn_plan *plan, const struct idn_place *place, bool planar, uint32_t out)
{
    const layer *l = place->layer;
    struct phases *phases = calloc(1, sizeof(*phases));

    IDN_ASSERT(phases != NULL);
    *phases = (struct phases){.stride = (size_t)l->stride,
        .pad = (size_t)l->pad,
        .planes = planar ? (size_t)l->c : 1,
        .each = planar ? 1 : (size_t)l->c,
        .h = (size_t)l->h,
        .w = (size_t)l->w};
    struct idn_step *step = idn_plan_step(plan, place->index, planar ? out : place->in, out);
    step->in_count = planar ? 0 : 1;
    step->name = "phases";
    step->run = run_phases;
    step->fini = fini_phases;
    step->own = phases;
}

// weights of `l` (filters, channels, size, size) for `unit`: filters, phases' channels, taps, taps.
static float *deal_out(const layer *l, const layer *unit, bool planar, const float *weights)
{
    size_t size = (size_t)l->size, stride = (size_t)l->stride, c = (size_t)l->c;
    size_t taps = (size_t)unit->size, unit_c = (size_t)unit->c;
    float *dealt = idn_floats((size_t)l->n * unit_c * taps * taps);

    for (size_t o = 0; o < (size_t)l->n; o++)
        for (size_t k = 0; k < c; k++)
            for (size_t y = 0; y < size; y++)
                for (size_t x = 0; x < size; x++) {
                    size_t channel = planar ? (y % stride * c + k) * stride + x % stride
                                            : (y % stride * stride + x % stride) * c + k;
                    size_t tap = y / stride * taps + x / stride;
                    dealt[(o * unit_c + channel) * taps * taps + tap] =
                        weights[((o * c + k) * size + y) * size + x];
                }
    return dealt;
}

int idn_make_phases(
    struct idn_plan *plan, const struct idn_place *place, const float *weights, const float *bias)
{
    const layer *l = place->layer;
    layer unit = *l; // what Winograd's step gets to see
    int64_t channels = (int64_t)l->stride * l->stride * l->c;

    if (l->stride == 1 || channels > CHANNELS_MOST)
        return 1;
    unit.size = (l->size + l->stride - 1) / l->stride;
    unit.stride = 1;
    unit.pad = 0;
    unit.h = l->out_h + unit.size - 1;
    unit.w = l->out_w + unit.size - 1;
    unit.c = ((int)channels + IDN_KERNEL_CHANNELS - 1) / IDN_KERNEL_CHANNELS * IDN_KERNEL_CHANNELS;
    if (idn_winograd_method(plan, &unit) == NULL)
        return 1;
    struct idn_place after = *place;
    bool planar = take_pixels(plan, place->in);
    float *dealt = deal_out(l, &unit, planar, weights);
    after.layer = &unit;
    after.in = idn_plan_value(plan, (uint32_t)unit.h, (uint32_t)unit.w, (uint32_t)unit.c);
    append_phases(plan, place, planar, after.in);
    int error = idn_make_winograd(plan, &after, dealt, bias);
    free(dealt);
    IDN_ASSERT(error == 0); // it was asked
    return 0;
}
