// Convolutions with stride 1 by Winograd's method: 16 to 25 % of the multiplications. oneDNN has it
// for 3x3 only, and chooses blocking, weights' layout and rounding by the batch; here an image's
// tiles are computed alike whatever stands beside them.
#include "worker/infer/onednn_winograd.h"

#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>
#include <string.h>

// Tiles at once: few, so that they stay in the second-level cache with their products; more where
// weights come from further away and should be worth their way.
enum { ROWS_LIGHT = 12, ROWS_HEAVY = 144, HEAVY = 3 << 20 };

// How a line of outputs is cut: the first `wide` tiles give `size` of them, the others one less,
// with one point less. Only the methods of seven points have such.
struct line {
    size_t tiles, wide, size;
};

// Kinds of tiles, in the order in which they lie in a chunk: those of `points` rows of points come
// first and those of `points` columns in the middle, so that the tiles that use a point are
// neighbours.
enum { KIND_WIDE_Y, KIND_WIDE, KIND_WIDE_X, KIND_NARROW, KINDS };

struct winograd {
    const struct idn_method *method; // static
    float *weights;                  // owned: points y, x, panels of output channels, input
                                     // channels, one panel
    float *bias;                     // owned
    float *zeros;                    // owned: a pixel outside of the picture
    struct line y, x;
    struct idn_tile kind[KINDS];
    size_t pad, tiles;          // tiles: an image
    size_t in_c, out_c, panels; // out_c: without what fills the last panel
    size_t rows, planes;        // tiles at once; points, both ways together
    // Floats from tile to tile and from product to product. Odd multiples of a cache line: powers
    // of two would put all planes in the same few sets of the cache.
    size_t left_row, left_plane, product_row, product_plane;
    float slope;
    ACTIVATION after; // LINEAR: slope does it
    uint32_t out;     // value
};

// Tiles computed together, and where each kind of them begins.
struct chunk {
    size_t first, count; // number of a tile: image, y, x
    size_t begin[KINDS + 1];
    size_t next[KINDS];
};

struct place {
    size_t image, y, x, kind; // y, x: of its first output
};

static struct line cut_line(size_t outputs, const struct idn_method *method)
{
    size_t size = method->points - method->taps + 1, tiles = (outputs + size - 1) / size;
    size_t spare = tiles * size - outputs;

    if (method->points != 7)
        spare = 0;
    return (struct line){.tiles = tiles, .wide = spare < tiles ? tiles - spare : 0, .size = size};
}

static size_t line_start(const struct line *line, size_t tile)
{
    return tile * line->size - (tile > line->wide ? tile - line->wide : 0);
}

static size_t line_products(const struct line *line, const struct idn_method *method)
{
    return line->tiles * method->points - (line->tiles - line->wide);
}

static struct place locate(const struct winograd *winograd, size_t number)
{
    size_t tile = number % winograd->tiles;
    size_t y = tile / winograd->x.tiles, x = tile % winograd->x.tiles;
    bool wide_y = y < winograd->y.wide, wide_x = x < winograd->x.wide;

    return (struct place){.image = number / winograd->tiles,
        .y = line_start(&winograd->y, y),
        .x = line_start(&winograd->x, x),
        .kind = wide_y ? (wide_x ? KIND_WIDE : KIND_WIDE_Y) : (wide_x ? KIND_WIDE_X : KIND_NARROW)};
}

static void cut_chunk(
    const struct winograd *winograd, size_t first, size_t count, struct chunk *ret)
{
    *ret = (struct chunk){.first = first, .count = count};
    for (size_t i = 0; i < count; i++)
        ret->begin[locate(winograd, first + i).kind + 1]++;
    for (size_t kind = 0; kind < KINDS; kind++)
        ret->begin[kind + 1] += ret->begin[kind];
}

// The pixels of a tile, zeros outside of the picture.
static void gather(const struct winograd *winograd, const struct idn_value *shape,
    const float *images, const struct place *place, const float *ret[IDN_TILE_PIXELS])
{
    const struct idn_tile *kind = &winograd->kind[place->kind];
    const float *image = images + place->image * shape->size;
    // Both unsigned: what is left of or above the picture wraps to something large.
    size_t top = place->y - winograd->pad, left = place->x - winograd->pad;

    for (size_t y = top; y != top + kind->h; y++)
        for (size_t x = left; x != left + kind->w; x++)
            *ret++ = y < shape->h && x < shape->w ? image + (y * shape->w + x) * shape->c
                                                  : winograd->zeros;
}

// Where a tile's pixels go, and what is added to them if it is not NULL.
static void scatter(const struct winograd *winograd, const struct idn_value *shape,
    const struct place *place, const float *other, float *out, const float *ret_other[],
    float *ret[])
{
    const struct idn_tile *kind = &winograd->kind[place->kind];
    size_t start = place->image * shape->size;

    for (size_t y = place->y; y <= place->y + kind->h - kind->taps; y++)
        for (size_t x = place->x; x <= place->x + kind->w - kind->taps; x++) {
            size_t offset = start + (y * shape->w + x) * shape->c;
            bool inside = y < shape->h && x < shape->w;
            *ret++ = inside ? out + offset : NULL;
            *ret_other++ = inside && other != NULL ? other + offset : NULL;
        }
}

static void transform_tiles(const struct winograd *winograd, const struct idn_step_call *call,
    const struct idn_value *in, struct chunk *chunk, float *left)
{
    const float *pixel[IDN_TILE_PIXELS];

    memcpy(chunk->next, chunk->begin, sizeof(chunk->next));
    for (size_t i = 0; i < chunk->count; i++) {
        struct place place = locate(winograd, chunk->first + i);
        gather(winograd, in, call->in[0], &place, pixel);
        call->plan->kernels->tile_in(&winograd->kind[place.kind], pixel, winograd->in_c,
            winograd->left_plane, left + chunk->next[place.kind]++ * winograd->left_row);
    }
}

// The tiles that use a point: the last of seven is for wide ones only.
static void tiles_with(const struct winograd *winograd, size_t point, const size_t begin[KINDS + 1],
    size_t *ret_first, size_t *ret_end)
{
    size_t points = winograd->method->points;
    bool last_y = points == 7 && point / points == 6, last_x = points == 7 && point % points == 6;

    *ret_first = begin[last_x ? KIND_WIDE : KIND_WIDE_Y];
    *ret_end = begin[last_y ? KIND_WIDE_X : last_x ? KIND_NARROW : KINDS];
}

static void multiply(const struct winograd *winograd, const struct idn_kernels *kernels,
    const struct chunk *chunk, const float *left, float *products)
{
    for (size_t p = 0; p < winograd->planes; p++) {
        size_t first, end;
        tiles_with(winograd, p, chunk->begin, &first, &end);
        // What is multiplied beyond the end belongs to tiles that do not use the point.
        size_t rows = (end - first + kernels->rows - 1) / kernels->rows * kernels->rows;
        for (size_t n = 0; n < winograd->panels; n++)
            kernels->product(left + p * winograd->left_plane + first * winograd->left_row,
                winograd->weights + (p * winograd->panels + n) * winograd->in_c * kernels->panel,
                rows, winograd->in_c, winograd->left_row, winograd->product_row,
                products + p * winograd->product_plane + first * winograd->product_row +
                    n * kernels->panel);
    }
}

static void finish_tiles(const struct winograd *winograd, const struct idn_step_call *call,
    struct chunk *chunk, const float *products)
{
    const struct idn_value *shape = &call->plan->value[winograd->out];
    const float *others[IDN_TILE_PIXELS];
    float *to[IDN_TILE_PIXELS];
    struct idn_tile_sum sum = {.bias = winograd->bias,
        .other = call->in[1] != NULL ? others : NULL,
        .slope = winograd->slope};

    memcpy(chunk->next, chunk->begin, sizeof(chunk->next));
    for (size_t i = 0; i < chunk->count; i++) {
        struct place place = locate(winograd, chunk->first + i);
        scatter(winograd, shape, &place, call->in[1], call->out, others, to);
        call->plan->kernels->tile_out(&winograd->kind[place.kind],
            products + chunk->next[place.kind]++ * winograd->product_row, winograd->product_plane,
            winograd->out_c, &sum, to);
    }
}

static void run_winograd(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct winograd *winograd = step->own;
    size_t all = call->images * winograd->tiles;
    float *left = call->scratch;
    float *products = left + winograd->planes * winograd->left_plane;
    struct chunk chunk;

    for (size_t first = 0; first < all; first += winograd->rows) {
        cut_chunk(
            winograd, first, all - first < winograd->rows ? all - first : winograd->rows, &chunk);
        transform_tiles(winograd, call, &call->plan->value[step->in[0]], &chunk, left);
        multiply(winograd, call->plan->kernels, &chunk, left, products);
        finish_tiles(winograd, call, &chunk, products);
    }
    if (winograd->after != LINEAR)
        idn_activate(call->out, call->images * call->plan->value[step->out].size, winograd->after);
}

static void fini_winograd(struct idn_step *step)
{
    struct winograd *winograd = step->own;

    free(winograd->weights);
    free(winograd->bias);
    free(winograd->zeros);
    free(winograd);
}

// The method with the fewest products; one with more points, and so more weights and coarser
// rounding, has to save an eighth. NULL: there is none. By shape alone: the same on every machine.
static const struct idn_method *choose_method(const layer *l)
{
    const struct idn_method *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < IDN_METHODS; i++) {
        const struct idn_method *method = &idn_methods[i];
        struct line y = cut_line((size_t)l->out_h, method);
        struct line x = cut_line((size_t)l->out_w, method);
        size_t products = line_products(&y, method) * line_products(&x, method);
        if (method->taps != (unsigned)l->size || products > least / 8 * 7)
            continue;
        least = products;
        best = method;
    }
    return best;
}

const struct idn_method *idn_winograd_method(const struct idn_plan *plan, const layer *l)
{
    bool fits = plan->winograd && l->stride == 1 && l->groups == 1 && l->pad <= l->size / 2 &&
                l->c >= 16 && l->n >= 32 && l->c % IDN_KERNEL_CHANNELS == 0 &&
                l->n % IDN_KERNEL_CHANNELS == 0 && l->out_h * l->out_w >= 16;

    return fits ? choose_method(l) : NULL;
}

static void set_strides(struct winograd *winograd, const struct idn_kernels *kernels)
{
    // A product's rows may begin anywhere and are rounded up.
    size_t rows = winograd->rows + kernels->rows;

    winograd->left_row = winograd->in_c + 16;
    winograd->left_plane = rows * winograd->left_row + 16;
    winograd->product_row = winograd->panels * kernels->panel + 16;
    winograd->product_plane = rows * winograd->product_row + 16;
}

static void set_kinds(struct winograd *winograd)
{
    unsigned points = winograd->method->points, taps = winograd->method->taps;

    for (size_t kind = 0; kind < KINDS; kind++)
        winograd->kind[kind] = (struct idn_tile){.taps = taps,
            .points = points,
            .h = kind == KIND_WIDE || kind == KIND_WIDE_Y ? points : points - 1,
            .w = kind == KIND_WIDE || kind == KIND_WIDE_X ? points : points - 1};
}

static struct winograd *new_winograd(const struct idn_plan *plan, const layer *l,
    const struct idn_method *method, const float *weights, const float *bias)
{
    struct winograd *winograd = calloc(1, sizeof(*winograd));
    size_t panel = plan->kernels->panel, planes = (size_t)method->points * method->points;
    bool heavy = (size_t)l->c * (size_t)l->n * planes > HEAVY;

    IDN_ASSERT(winograd != NULL);
    *winograd = (struct winograd){.method = method,
        .y = cut_line((size_t)l->out_h, method),
        .x = cut_line((size_t)l->out_w, method),
        .pad = (size_t)l->pad,
        .in_c = (size_t)l->c,
        .out_c = (size_t)l->n,
        .panels = ((size_t)l->n + panel - 1) / panel,
        .rows = heavy ? ROWS_HEAVY : ROWS_LIGHT,
        .planes = planes};
    winograd->tiles = winograd->y.tiles * winograd->x.tiles;
    set_strides(winograd, plan->kernels);
    set_kinds(winograd);
    winograd->after = idn_activation_rest(l->activation, &winograd->slope);
    winograd->weights =
        idn_winograd_weights(method, weights, winograd->out_c, winograd->in_c, panel);
    winograd->zeros = idn_floats(winograd->in_c);
    winograd->bias = idn_floats(winograd->out_c);
    memcpy(winograd->bias, bias, winograd->out_c * sizeof(*bias));
    return winograd;
}

int idn_make_winograd(
    struct idn_plan *plan, const struct idn_place *place, const float *weights, const float *bias)
{
    const struct idn_method *method = idn_winograd_method(plan, place->layer);

    if (method == NULL)
        return 1;
    struct winograd *winograd = new_winograd(plan, place->layer, method, weights, bias);
    struct idn_step *step = idn_plan_step(plan, place->index, place->in, place->out);
    size_t in_out = plan->value[place->in].size + plan->value[place->out].size;

    step->name = method->name;
    winograd->out = place->out;
    step->own = winograd;
    step->run = run_winograd;
    step->fini = fini_winograd;
    step->scratch = winograd->planes * (winograd->left_plane + winograd->product_plane);
    step->wide = winograd->planes * winograd->in_c * winograd->out_c > in_out;
    step->group = (uint32_t)((2 * winograd->rows + winograd->tiles - 1) / winograd->tiles);
    return 0;
}

// Whether a layer after this one names the value.
static bool read_later(const struct idn_place *place, uint32_t value)
{
    for (int i = (int)place->index + 1; i < place->net->n; i++) {
        const layer *l = &place->net->layers[i];
        if (l->type == SHORTCUT && l->index < (int)place->index &&
            place->value_of[l->index] == value)
            return true;
        for (int k = 0; l->type == ROUTE && k < l->n; k++)
            if (l->input_layers[k] < (int)place->index &&
                place->value_of[l->input_layers[k]] == value)
                return true;
    }
    return false;
}

int idn_fuse_shortcut(
    struct idn_plan *plan, const struct idn_place *place, uint32_t from, float slope)
{
    struct idn_step *last = &plan->step[plan->steps - 1];

    if (last->run != run_winograd || last->out != place->in || last->in_count != 1 ||
        from == place->in || read_later(place, place->in))
        return 1;
    struct winograd *winograd = last->own;
    if (winograd->after != LINEAR || winograd->slope < 1)
        return 1;
    winograd->slope = slope;
    winograd->out = last->out = place->out;
    last->in[1] = from;
    last->in_count = 2;
    last->name = winograd->method->name_with_sum;
    plan->value[place->in].size = 0; // nobody's any more
    return 0;
}
