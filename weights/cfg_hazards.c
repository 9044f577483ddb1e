#include "weights/cfg_hazards.h"

#include <errno.h>
#include <string.h>

// One layer, looked at.
struct place {
    const struct idn_cfg_text *text;
    const struct idn_cfg *cfg;
    size_t index;
    const struct idn_cfg_layer *layer;
    const struct idn_cfg_section *section;
    struct idn_reason *reason;
};

static int refuse(const struct place *place, const char *why)
{
    return idn_reason_set(place->reason, -EINVAL, "%s:%u: [%.40s] %s", place->text->file,
        place->section->line, place->section->type, why);
}

static int number(const struct place *place, const char *key, int64_t fallback, int64_t least,
    int64_t most, uint32_t *ret)
{
    return idn_cfg_number(
        place->text, place->section, key, fallback, least, most, ret, place->reason);
}

// im2col writes a column for each pixel of the output, and counts the values in int.
static int check_columns(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint64_t column = (uint64_t)layer->size * layer->size * (layer->in_c / layer->groups);
    uint64_t columns = (uint64_t)layer->out_h * layer->out_w;

    if (column > INT32_MAX / columns)
        return refuse(place, "has more values in all its windows than libdarknet can count");
    return 0;
}

static int check_convolutional(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint32_t flipped = 0;
    int error = number(place, "flipped", 0, 0, 1, &flipped);

    if (error != 0)
        return error;
    if (flipped == 1 && layer->groups > 1)
        return refuse(place, "has flipped weights in groups; libdarknet flips only one group");
    // It takes the input for the columns, of which there are more.
    if (layer->size == 1 && layer->pad > 0)
        return refuse(place, "has padding around a kernel of 1x1; remove padding");
    return check_columns(place);
}

// The output's size does not depend on the window when there is padding, im2col's does; and im2col
// pads by 1.
static int check_local(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint32_t h = layer->in_h + 2, w = layer->in_w + 2;

    if (layer->pad == 1 && (h < layer->size || w < layer->size ||
                               (h - layer->size) / layer->stride + 1 != layer->out_h ||
                               (w - layer->size) / layer->stride + 1 != layer->out_w))
        return refuse(place, "has padding around a window that is not 3x3; use size=3 or pad=0");
    return check_columns(place);
}

// The largest of no pixels is -FLT_MAX, which the next layer makes infinite.
static int check_maxpool(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint64_t before = layer->pad / 2; // at top and left

    if (before >= layer->size ||
        (layer->out_h - 1) * (uint64_t)layer->stride >= layer->in_h + before ||
        (layer->out_w - 1) * (uint64_t)layer->stride >= layer->in_w + before)
        return refuse(place, "has so much padding that a window has no pixel in it");
    return 0;
}

static int check_softmax(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint64_t inputs = (uint64_t)layer->in_c * layer->in_h * layer->in_w;
    uint32_t groups = 1;

    if (idn_cfg_find(place->text, place->section, "tree") != NULL)
        return refuse(place, "has its classes in a tree, which is not supported; list them flat");
    int error = number(place, "groups", 1, 1, INT32_MAX, &groups);
    if (error == 0 && inputs % groups != 0)
        return refuse(place, "has groups that do not divide its classes");
    return error;
}

// The first window must not be larger than the channels are many.
static int check_normalization(const struct place *place)
{
    uint32_t size = 0;

    return number(place, "size", 5, 1, 2 * (int64_t)place->layer->in_c + 1, &size);
}

static int check_reorg(const struct place *place)
{
    const struct idn_cfg_layer *layer = place->layer;
    uint32_t extra = 0;
    int error = number(place, "extra", 0, 0, 0, &extra);

    if (error == 0 && layer->in_c / layer->stride / layer->stride == 0)
        return refuse(place, "has fewer channels than its stride squared");
    return error;
}

// shortcut_cpu asserts the same ratio of heights and of widths, and divides by both.
static int check_shortcut(const struct place *place)
{
    const struct idn_cfg_layer *to = place->layer, *from = &place->cfg->layer[to->from[0]];

    if (!from->picture)
        return refuse(place, "adds a layer that does not give a picture");
    if (from->out_w / to->out_w != from->out_h / to->out_h ||
        to->out_w / from->out_w != to->out_h / from->out_h)
        return refuse(place, "adds a layer that is not larger or smaller than it by the same "
                             "factor in height and in width");
    return 0;
}

// It borrows the output of the layer before it.
static int check_dropout(const struct place *place)
{
    return place->index > 0 ? 0 : refuse(place, "is the first layer, with nothing to drop");
}

// Its output is never written.
static int check_cost(const struct place *place)
{
    if (place->index == 0)
        return refuse(place, "is the first layer, with no answer to judge");
    if (place->index + 1 < place->cfg->layers && place->layer[1].kind != IDN_CFG_COST)
        return refuse(place, "gives nothing to the layer after it; it belongs at the end");
    return 0;
}

// Keys of other versions of darknet that this one computes without, and what harms nobody.
static const struct {
    enum idn_cfg_kind kind;
    const char *key, *harmless;
} strange[] = {
    {IDN_CFG_CONVOLUTIONAL, "dilation", "1"},
    {IDN_CFG_CONVOLUTIONAL, "antialiasing", "0"},
    {IDN_CFG_CONVOLUTIONAL, "stride_x", ""},
    {IDN_CFG_CONVOLUTIONAL, "stride_y", ""},
    {IDN_CFG_CONVOLUTIONAL, "share_index", ""},
    {IDN_CFG_MAXPOOL, "antialiasing", "0"},
    {IDN_CFG_MAXPOOL, "maxpool_depth", "0"},
    {IDN_CFG_MAXPOOL, "stride_x", ""},
    {IDN_CFG_MAXPOOL, "stride_y", ""},
    {IDN_CFG_ROUTE, "groups", "1"},
    {IDN_CFG_SHORTCUT, "weights_type", "none"},
};

static int check_strange_keys(const struct place *place)
{
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
        const struct idn_cfg_option *option =
            strange[i].kind == place->layer->kind
                ? idn_cfg_find(place->text, place->section, strange[i].key)
                : NULL;
        if (option != NULL && strcmp(option->value, strange[i].harmless) != 0)
            return idn_reason_set(place->reason, -EINVAL,
                "%s:%u: [%.40s] has %s = '%.40s', which libdarknet does not know and would compute "
                "without",
                place->text->file, option->line, place->section->type, option->key, option->value);
    }
    return 0;
}

// For a name that it does not know libdarknet takes relu.
static int check_activation(const struct place *place)
{
    static const char *const names[] = {"linear", "leaky", "relu", "logistic", "tanh", "ramp",
        "elu", "selu", "relie", "loggy", "plse", "stair", "hardtan", "lhtan"};
    const char *name = place->layer->activation;

    if (*name == '\0')
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0)
            return 0;
    return idn_reason_set(place->reason, -EINVAL,
        "%s:%u: [%.40s] has the activation '%s', which libdarknet does not know; known are linear, "
        "leaky, relu, logistic, tanh, ramp, elu, selu, relie, loggy, plse, stair, hardtan and "
        "lhtan",
        place->text->file, place->section->line, place->section->type, name);
}

static const struct {
    enum idn_cfg_kind kind;
    int (*check)(const struct place *place);
} checks[] = {
    {IDN_CFG_CONVOLUTIONAL, check_convolutional},
    {IDN_CFG_LOCAL, check_local},
    {IDN_CFG_MAXPOOL, check_maxpool},
    {IDN_CFG_SOFTMAX, check_softmax},
    {IDN_CFG_NORMALIZATION, check_normalization},
    {IDN_CFG_REORG, check_reorg},
    {IDN_CFG_SHORTCUT, check_shortcut},
    {IDN_CFG_DROPOUT, check_dropout},
    {IDN_CFG_COST, check_cost},
};

// Layers behind one with truth=1 are trained in every pass, with what inference has not.
static int check_truth(const struct place *place)
{
    uint32_t truth = 0;
    int error = number(place, "truth", 0, INT32_MIN, INT32_MAX, &truth);

    if (error == 0 && truth != 0)
        return refuse(place, "is the truth for other layers, which is for training; remove truth");
    return error;
}

int idn_cfg_check_hazards(
    const struct idn_cfg_text *text, const struct idn_cfg *cfg, struct idn_reason *reason)
{
    int error = 0;

    for (size_t i = 0; i < cfg->layers && error == 0; i++) {
        const struct place place = {.text = text,
            .cfg = cfg,
            .index = i,
            .layer = &cfg->layer[i],
            .section = &text->section[i + 1], // behind [net]
            .reason = reason};
        error = check_truth(&place);
        if (error == 0)
            error = check_activation(&place);
        if (error == 0)
            error = check_strange_keys(&place);
        for (size_t k = 0; k < sizeof(checks) / sizeof(*checks) && error == 0; k++)
            if (checks[k].kind == place.layer->kind)
                error = checks[k].check(&place);
    }
    return error;
}
