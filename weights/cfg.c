// The shapes of layers, as darknet's parser.c and make_*_layer compute them.
#include "weights/cfg.h"

#include "base/assert.h"
#include "weights/cfg_hazards.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Far beyond any classifier, and small enough that no product below overflows.
enum { SIDE_MAX = 1 << 14, CHANNELS_MAX = 1 << 20, KERNEL_MAX = 256 };
#define FLOATS_MAX        ((uint64_t)INT32_MAX) // of a layer: libdarknet counts in int
#define WEIGHTS_BYTES_MAX (16ull << 30)

struct parser {
    const struct idn_cfg_text *text;
    struct idn_cfg *cfg;
    const struct idn_cfg_section *section; // the current one
    struct idn_cfg_layer *layer;           // the current one
    uint32_t c, h, w;                      // what the layer before gives; 0 when it is no picture
    uint64_t inputs;                       // how many floats
    struct idn_reason *reason;
};

static int refuse(const struct parser *parser, const char *why)
{
    return idn_reason_set(parser->reason, -EINVAL, "%s:%u: [%.40s] %s", parser->text->file,
        parser->section->line, parser->section->type, why);
}

static int number(const struct parser *parser, const char *key, int64_t fallback, int64_t least,
    int64_t most, uint32_t *ret)
{
    return idn_cfg_number(
        parser->text, parser->section, key, fallback, least, most, ret, parser->reason);
}

static int set_out(struct parser *parser, uint64_t c, uint64_t h, uint64_t w)
{
    if (c == 0 || h == 0 || w == 0)
        return refuse(parser, "would have an output without a single value");
    if (c > CHANNELS_MAX || h > SIDE_MAX || w > SIDE_MAX || c * h * w > FLOATS_MAX)
        return refuse(parser, "would have an output that is too large");
    parser->layer->out_c = (uint32_t)c;
    parser->layer->out_h = (uint32_t)h;
    parser->layer->out_w = (uint32_t)w;
    return 0;
}

static int same_out(struct parser *parser)
{
    const struct idn_cfg_layer *layer = parser->layer;
    return set_out(parser, layer->in_c, layer->in_h, layer->in_w);
}

static void take_activation(struct parser *parser, const char *fallback)
{
    const struct idn_cfg_option *option = idn_cfg_find(parser->text, parser->section, "activation");
    (void)snprintf(parser->layer->activation, sizeof(parser->layer->activation), "%s",
        option == NULL ? fallback : option->value);
}

// size, stride and padding of a window that slides over the picture.
static int take_window(struct parser *parser, int64_t stride_fallback)
{
    struct idn_cfg_layer *layer = parser->layer;
    uint32_t pad = 0;
    int error = number(parser, "stride", stride_fallback, 1, SIDE_MAX, &layer->stride);

    if (error == 0)
        error = number(parser, "size", 1, 1, KERNEL_MAX, &layer->size);
    if (error == 0)
        error = number(parser, "pad", 0, 0, 1, &pad);
    if (error == 0)
        error = number(parser, "padding", 0, 0, SIDE_MAX, &layer->pad);
    if (error == 0 && pad == 1)
        layer->pad = layer->size / 2;
    return error;
}

static int slide(struct parser *parser, uint32_t filters, uint32_t padding)
{
    const struct idn_cfg_layer *layer = parser->layer;

    if (layer->in_h + padding < layer->size || layer->in_w + padding < layer->size)
        return refuse(parser, "has a window larger than the picture before it");
    return set_out(parser, filters, (layer->in_h + padding - layer->size) / layer->stride + 1,
        (layer->in_w + padding - layer->size) / layer->stride + 1);
}

static int parse_convolutional(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    uint32_t filters = 0, normalize = 0;
    int error = take_window(parser, 1);

    if (error == 0)
        error = number(parser, "filters", 1, 1, CHANNELS_MAX, &filters);
    if (error == 0)
        error = number(parser, "groups", 1, 1, CHANNELS_MAX, &layer->groups);
    if (error == 0)
        error = number(parser, "batch_normalize", 0, 0, 1, &normalize);
    if (error < 0)
        return error;
    if (layer->in_c % layer->groups != 0 || filters % layer->groups != 0)
        return refuse(parser, "has groups that do not divide its channels and its filters");
    take_activation(parser, "logistic");
    layer->batch_normalize = normalize == 1;
    layer->biases = filters;
    layer->weights = (uint64_t)(layer->in_c / layer->groups) * filters * layer->size * layer->size;
    return slide(parser, filters, 2 * layer->pad);
}

static int parse_connected(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    uint32_t outputs = 0, normalize = 0;
    int error = number(parser, "output", 1, 1, CHANNELS_MAX, &outputs);

    if (error == 0)
        error = number(parser, "batch_normalize", 0, 0, 1, &normalize);
    if (error < 0)
        return error;
    take_activation(parser, "logistic");
    layer->batch_normalize = normalize == 1;
    layer->biases = outputs;
    layer->weights = outputs * parser->inputs;
    return set_out(parser, outputs, 1, 1);
}

// [local]'s pad is a flag: with it the picture keeps its size, without it the picture shrinks by
// the whole window (darknet's local_out_height).
static int parse_local(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    uint32_t filters = 0, flag = 0;
    int error = take_window(parser, 1);

    if (error == 0)
        error = number(parser, "pad", 0, 0, 1, &flag);
    if (error == 0)
        error = number(parser, "filters", 1, 1, CHANNELS_MAX, &filters);
    if (error < 0)
        return error;
    uint32_t less = flag == 1 ? 1 : layer->size;
    layer->pad = flag;
    if (layer->in_h < less || layer->in_w < less)
        return refuse(parser, "has a window larger than the picture before it");
    take_activation(parser, "logistic");
    error = set_out(parser, filters, (layer->in_h - less) / layer->stride + 1,
        (layer->in_w - less) / layer->stride + 1);
    if (error < 0)
        return error;
    uint64_t places = (uint64_t)layer->out_h * layer->out_w;
    layer->biases = places * filters;
    layer->weights = (uint64_t)layer->size * layer->size * layer->in_c * filters;
    if (layer->weights > FLOATS_MAX / places)
        return refuse(parser, "has more weights than libdarknet can count");
    layer->weights *= places;
    return 0;
}

static int parse_batchnorm(struct parser *parser)
{
    parser->layer->weights = 3ull * parser->layer->in_c;
    return same_out(parser);
}

static int parse_maxpool(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    int error = number(parser, "stride", 1, 1, SIDE_MAX, &layer->stride);

    if (error == 0)
        error = number(parser, "size", layer->stride, 1, SIDE_MAX, &layer->size);
    if (error == 0)
        error = number(parser, "padding", layer->size - 1, 0, SIDE_MAX, &layer->pad);
    return error < 0 ? error : slide(parser, layer->in_c, layer->pad);
}

static int parse_avgpool(struct parser *parser)
{
    return set_out(parser, parser->layer->in_c, 1, 1);
}

static int parse_crop(struct parser *parser)
{
    uint32_t h = 0, w = 0;
    int error = number(parser, "crop_height", 1, 1, parser->layer->in_h, &h);

    if (error == 0)
        error = number(parser, "crop_width", 1, 1, parser->layer->in_w, &w);
    return error < 0 ? error : set_out(parser, parser->layer->in_c, h, w);
}

static int parse_activation(struct parser *parser)
{
    take_activation(parser, "linear");
    return same_out(parser);
}

static int parse_shortcut(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    int error = idn_cfg_layers(parser->text, parser->section, "from", parser->cfg->layers, 1,
        layer->from, &layer->from_count, parser->reason);

    take_activation(parser, "linear");
    return error < 0 ? error : same_out(parser);
}

static int parse_route(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    int error = idn_cfg_layers(parser->text, parser->section, "layers", parser->cfg->layers,
        IDN_CFG_FROM_MAX, layer->from, &layer->from_count, parser->reason);
    uint64_t channels = 0;

    if (error < 0)
        return error;
    const struct idn_cfg_layer *first = &parser->cfg->layer[layer->from[0]];
    for (uint32_t i = 0; i < layer->from_count; i++) {
        const struct idn_cfg_layer *from = &parser->cfg->layer[layer->from[i]];
        if (from->out_h != first->out_h || from->out_w != first->out_w)
            return refuse(parser, "joins layers of different height or width");
        channels += from->out_c;
    }
    return set_out(parser, channels, first->out_h, first->out_w);
}

static int parse_reorg(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    uint32_t reverse = 0;
    int error = number(parser, "stride", 1, 1, KERNEL_MAX, &layer->stride);

    if (error == 0)
        error = number(parser, "reverse", 0, 0, 0, &reverse);
    if (error < 0)
        return error;
    uint32_t stride = layer->stride;
    if (layer->in_h % stride != 0 || layer->in_w % stride != 0)
        return refuse(parser, "has a stride that does not divide the picture before it");
    return set_out(parser, (uint64_t)layer->in_c * stride * stride, layer->in_h / stride,
        layer->in_w / stride);
}

static int parse_upsample(struct parser *parser)
{
    struct idn_cfg_layer *layer = parser->layer;
    int error = number(parser, "stride", 2, 1, KERNEL_MAX, &layer->stride);

    return error < 0 ? error
                     : set_out(parser, layer->in_c, (uint64_t)layer->in_h * layer->stride,
                           (uint64_t)layer->in_w * layer->stride);
}

// Every section of a classifier: names, what it is, how it is read, whether it needs a picture.
static const struct rule {
    const char *name, *other;
    enum idn_cfg_kind kind;
    int (*parse)(struct parser *parser);
    bool picture;
} rules[] = {
    {"convolutional", "conv", IDN_CFG_CONVOLUTIONAL, parse_convolutional, true},
    {"connected", "conn", IDN_CFG_CONNECTED, parse_connected, false},
    {"local", "", IDN_CFG_LOCAL, parse_local, true},
    {"batchnorm", "", IDN_CFG_BATCHNORM, parse_batchnorm, true},
    {"maxpool", "max", IDN_CFG_MAXPOOL, parse_maxpool, true},
    {"avgpool", "avg", IDN_CFG_AVGPOOL, parse_avgpool, true},
    {"crop", "", IDN_CFG_CROP, parse_crop, true},
    {"dropout", "", IDN_CFG_DROPOUT, same_out, false},
    {"activation", "", IDN_CFG_ACTIVATION, parse_activation, false},
    {"normalization", "lrn", IDN_CFG_NORMALIZATION, same_out, true},
    {"softmax", "soft", IDN_CFG_SOFTMAX, same_out, false},
    {"cost", "", IDN_CFG_COST, same_out, false},
    {"logistic", "", IDN_CFG_LOGISTIC, same_out, false},
    {"l2norm", "", IDN_CFG_L2NORM, same_out, false},
    {"shortcut", "", IDN_CFG_SHORTCUT, parse_shortcut, true},
    {"route", "", IDN_CFG_ROUTE, parse_route, false},
    {"reorg", "", IDN_CFG_REORG, parse_reorg, true},
    {"upsample", "", IDN_CFG_UPSAMPLE, parse_upsample, true},
};

static const struct rule *find_rule(const char *type)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (strcmp(type, rules[i].name) == 0 || strcmp(type, rules[i].other) == 0)
            return &rules[i];
    return NULL;
}

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types != NULL; types++)
        if (strcmp(type, *types) == 0)
            return true;
    return false;
}

// Says what kind of network this is before any of its numbers is looked at.
static int check_types(struct parser *parser)
{
    static const char *const recurrent[] = {"rnn", "gru", "lstm", "crnn", NULL};
    static const char *const detection[] = {"detection", "region", "yolo", "iseg", NULL};

    for (size_t i = 1; i < parser->text->sections; i++) {
        parser->section = &parser->text->section[i];
        const char *type = parser->section->type;
        if (is_one_of(type, recurrent))
            return refuse(parser, "is a recurrent layer; only image classifiers are supported");
        if (is_one_of(type, detection))
            return refuse(parser, "is a detection layer; only image classifiers are supported");
        if (find_rule(type) == NULL)
            return refuse(parser, "is not a known layer of an image classifier");
    }
    return 0;
}

static int parse_net(struct parser *parser)
{
    struct idn_cfg *cfg = parser->cfg;

    if (parser->text->sections == 0)
        return idn_reason_set(parser->reason, -EINVAL,
            "the network %s has no section; it must begin with [net]", parser->text->file);
    parser->section = &parser->text->section[0];
    if (strcmp(parser->section->type, "net") != 0 && strcmp(parser->section->type, "network") != 0)
        return refuse(parser, "is the first section; a network begins with [net]");
    if (parser->text->sections == 1)
        return refuse(parser, "is the only section; a network needs layers");
    int error = check_types(parser);
    parser->section = &parser->text->section[0];
    if (error == 0)
        error = number(parser, "height", 0, 1, SIDE_MAX, &cfg->input_h);
    if (error == 0)
        error = number(parser, "width", 0, 1, SIDE_MAX, &cfg->input_w);
    if (error == 0)
        error = number(parser, "channels", 0, 1, CHANNELS_MAX, &cfg->input_c);
    if (error == 0 && cfg->input_c != 3)
        error = refuse(parser, "must have channels=3: pictures are given as red, green and blue");
    if (error != 0)
        return error;
    int64_t size = (int64_t)cfg->input_c * cfg->input_h * cfg->input_w;
    return number(parser, "inputs", size, size, size, &(uint32_t){0});
}

// Whether libdarknet gives the output a height and a width.
static bool gives_picture(const struct parser *parser, enum idn_cfg_kind kind)
{
    const struct idn_cfg_layer *layer = parser->layer;
    bool all = true;

    if (kind == IDN_CFG_SOFTMAX || kind == IDN_CFG_COST)
        return false;
    if (kind == IDN_CFG_DROPOUT || kind == IDN_CFG_ACTIVATION || kind == IDN_CFG_LOGISTIC ||
        kind == IDN_CFG_L2NORM)
        return parser->c > 0; // they hand on what they get
    for (uint32_t i = 0; kind == IDN_CFG_ROUTE && i < layer->from_count; i++)
        all = all && parser->cfg->layer[layer->from[i]].picture;
    return all;
}

// Keys that make darknet load a file of another size than it saves.
static int check_partial(struct parser *parser)
{
    static const char *const keys[] = {"dontload", "dontloadscales", "numload"};
    uint32_t value = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        int error = number(parser, keys[i], 0, 0, CHANNELS_MAX, &value);
        if (error < 0)
            return error;
        if (value != 0)
            return refuse(parser, "loads only a part of its weights; remove dontload, "
                                  "dontloadscales and numload");
    }
    return 0;
}

static int parse_layer(struct parser *parser)
{
    const struct rule *rule = find_rule(parser->section->type);
    struct idn_cfg_layer *layer = parser->layer;

    if (rule->picture && parser->c == 0)
        return refuse(parser, "follows a layer that does not give a picture");
    layer->kind = rule->kind;
    layer->type = rule->name;
    layer->groups = 1;
    const struct idn_cfg_layer *before = layer == parser->cfg->layer ? NULL : layer - 1;
    layer->in_c = before == NULL ? parser->c : before->out_c;
    layer->in_h = before == NULL ? parser->h : before->out_h;
    layer->in_w = before == NULL ? parser->w : before->out_w;
    int error = check_partial(parser);
    if (error == 0)
        error = rule->parse(parser);
    if (error < 0)
        return error;
    if (layer->weights > FLOATS_MAX || layer->biases > FLOATS_MAX)
        return refuse(parser, "has more weights than libdarknet can count");
    layer->picture = gives_picture(parser, rule->kind);
    parser->c = layer->picture ? layer->out_c : 0;
    parser->h = layer->picture ? layer->out_h : 0;
    parser->w = layer->picture ? layer->out_w : 0;
    parser->inputs = (uint64_t)layer->out_c * layer->out_h * layer->out_w;
    return 0;
}

static int parse_layers(struct parser *parser)
{
    struct idn_cfg *cfg = parser->cfg;

    parser->c = cfg->input_c;
    parser->h = cfg->input_h;
    parser->w = cfg->input_w;
    parser->inputs = (uint64_t)parser->c * parser->h * parser->w;
    cfg->layer = calloc(parser->text->sections, sizeof(*cfg->layer));
    IDN_ASSERT(cfg->layer != NULL);
    for (size_t i = 1; i < parser->text->sections; i++, cfg->layers++) {
        parser->section = &parser->text->section[i];
        parser->layer = &cfg->layer[i - 1];
        int error = parse_layer(parser);
        if (error < 0)
            return error;
        if (idn_cfg_weights_bytes(cfg) > WEIGHTS_BYTES_MAX)
            return refuse(parser, "makes the weights larger than 16 GiB");
    }
    if (parser->inputs > CHANNELS_MAX)
        return refuse(parser, "is the last layer and gives more than 1048576 classes");
    cfg->outputs = (uint32_t)parser->inputs;
    return 0;
}

int idn_cfg_parse(const struct idn_cfg_text *text, struct idn_cfg **ret, struct idn_reason *reason)
{
    struct parser parser = {.text = text, .reason = reason};

    parser.cfg = calloc(1, sizeof(*parser.cfg));
    IDN_ASSERT(parser.cfg != NULL);
    int error = parse_net(&parser);
    if (error == 0)
        error = parse_layers(&parser);
    if (error == 0)
        error = idn_cfg_check_hazards(text, parser.cfg, reason);
    if (error < 0) {
        idn_cfg_destroy(&parser.cfg);
        return error;
    }
    *ret = parser.cfg;
    return 0;
}

int idn_cfg_read(const char *path, struct idn_cfg **ret, struct idn_reason *reason)
{
    struct idn_cfg_text text;
    int error = idn_cfg_text_read(path, &text, reason);

    if (error < 0)
        return error;
    error = idn_cfg_parse(&text, ret, reason);
    idn_cfg_text_fini(&text);
    return error;
}

void idn_cfg_destroy(struct idn_cfg **cfg)
{
    if (*cfg == NULL)
        return;
    free((*cfg)->layer);
    free(*cfg);
    *cfg = NULL;
}
