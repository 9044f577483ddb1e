// Convolutions of 3x3 and 5x5 with stride 1 by Winograd's method: a quarter and 36 % of the
// multiplications. oneDNN has it for 3x3 only, and chooses blocking, weights' layout and rounding
// by the batch; here an image's tiles are computed alike whatever stands beside them.
#include "base/assert.h"
#include "worker/infer/onednn_layers.h"

#include <stdlib.h>
#include <string.h>

// Tiles at once: few, so that they stay in the second-level cache with their products; more where
// weights come from further away and should be worth their way. Multiples of all kernels' rows.
enum { ROWS_LIGHT = 12, ROWS_HEAVY = 96, HEAVY = 3 << 20 };

struct winograd {
    float *weights; // owned: 36, panels of output channels, input channels, one panel
    float *bias;    // owned
    float *zeros;   // owned: a pixel outside of the picture
    size_t pad, tile, tiles_x, tiles; // tile: output pixels each way; tiles: an image
    size_t in_c, out_c, panels;       // out_c: without what fills the last panel
    size_t rows;                      // tiles at once
    // Floats from tile to tile and from product to product. Odd multiples of a cache line: powers
    // of two would put all 36 in the same few sets of the cache.
    size_t left_row, left_plane, product_row, product_plane;
    float slope;
    ACTIVATION after; // LINEAR: slope does it
    uint32_t out;     // value
};

static const double points[] = {0, 1, -1, 2, -2};
static const double point_scale[] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24};

// G of the method: the kernel as a polynomial at the points, and its last coefficient.
static void transform_line(const double *kernel, size_t size, size_t step, double *out, size_t to)
{
    for (size_t p = 0; p < 5; p++) {
        double sum = 0;
        for (size_t i = size; i-- > 0;)
            sum = sum * points[p] + kernel[i * step];
        out[p * to] = sum * point_scale[p];
    }
    out[5 * to] = kernel[(size - 1) * step];
}

static void transform_kernel(const float *kernel, size_t size, double ret[IDN_TILE_PIXELS])
{
    double plain[25], half[5 * IDN_TILE];

    for (size_t i = 0; i < size * size; i++)
        plain[i] = (double)kernel[i];
    for (size_t x = 0; x < size; x++) // columns: half is 6 rows of `size`
        transform_line(plain + x, size, size, half + x, size);
    for (size_t y = 0; y < IDN_TILE; y++)
        transform_line(half + y * size, size, 1, ret + y * IDN_TILE, 1);
}

static void pack_weights(struct winograd *winograd, const float *weights, size_t size, size_t panel)
{
    size_t in_c = winograd->in_c;
    double line[IDN_TILE_PIXELS];

    winograd->weights = idn_floats(IDN_TILE_PIXELS * winograd->panels * in_c * panel);
    for (size_t o = 0; o < winograd->out_c; o++)
        for (size_t i = 0; i < in_c; i++) {
            transform_kernel(weights + (o * in_c + i) * size * size, size, line);
            for (size_t p = 0; p < IDN_TILE_PIXELS; p++)
                winograd
                    ->weights[((p * winograd->panels + o / panel) * in_c + i) * panel + o % panel] =
                    (float)line[p];
        }
}

// The 36 pixels of a tile, zeros outside of the picture.
static void gather(const struct winograd *winograd, const struct idn_value *shape,
    const float *image, size_t tile, const float *ret[IDN_TILE_PIXELS])
{
    // Both unsigned: what is left of or above the picture wraps to something large.
    size_t top = tile / winograd->tiles_x * winograd->tile - winograd->pad;
    size_t left = tile % winograd->tiles_x * winograd->tile - winograd->pad;

    for (size_t i = 0; i < IDN_TILE_PIXELS; i++) {
        size_t y = top + i / IDN_TILE, x = left + i % IDN_TILE;
        ret[i] =
            y < shape->h && x < shape->w ? image + (y * shape->w + x) * shape->c : winograd->zeros;
    }
}

// Where a tile's pixels go, and what is added to them if it is not NULL.
static void scatter(const struct winograd *winograd, const struct idn_value *shape, size_t tile,
    const float *other, float *image, const float *ret_other[], float *ret[])
{
    size_t top = tile / winograd->tiles_x * winograd->tile;
    size_t left = tile % winograd->tiles_x * winograd->tile;

    for (size_t i = 0; i < winograd->tile * winograd->tile; i++) {
        size_t y = top + i / winograd->tile, x = left + i % winograd->tile;
        size_t offset = (y * shape->w + x) * shape->c;
        bool inside = y < shape->h && x < shape->w;
        ret[i] = inside ? image + offset : NULL;
        ret_other[i] = inside && other != NULL ? other + offset : NULL;
    }
}

static void multiply(const struct winograd *winograd, const struct idn_kernels *kernels,
    const float *left, size_t rows, float *products)
{
    size_t panel = kernels->panel;

    rows = (rows + kernels->rows - 1) / kernels->rows * kernels->rows;
    for (size_t p = 0; p < IDN_TILE_PIXELS; p++)
        for (size_t n = 0; n < winograd->panels; n++)
            kernels->product(left + p * winograd->left_plane,
                winograd->weights + (p * winograd->panels + n) * winograd->in_c * panel, rows,
                winograd->in_c, winograd->left_row, winograd->product_row,
                products + p * winograd->product_plane + n * panel);
}

static void finish_tile(const struct winograd *winograd, const struct idn_step_call *call,
    size_t number, const float *products)
{
    const struct idn_value *shape = &call->plan->value[winograd->out];
    size_t image = number / winograd->tiles, tile = number % winograd->tiles;
    const float *other = call->in[1], *others[16];
    float *to[16];

    if (other != NULL)
        other += image * shape->size;
    scatter(winograd, shape, tile, other, call->out + image * shape->size, others, to);
    call->plan->kernels->tile_out(products, winograd->product_plane, winograd->out_c,
        (unsigned)winograd->tile, winograd->bias, other != NULL ? others : NULL, winograd->slope,
        to);
}

static void run_winograd(const struct idn_step *step, const struct idn_step_call *call)
{
    const struct winograd *winograd = step->own;
    const struct idn_kernels *kernels = call->plan->kernels;
    const struct idn_value *in = &call->plan->value[step->in[0]];
    const struct idn_value *out = &call->plan->value[step->out];
    size_t all = call->images * winograd->tiles;
    const float *from[IDN_TILE_PIXELS];
    float *left = call->scratch;
    float *products = left + IDN_TILE_PIXELS * winograd->left_plane;

    for (size_t first = 0; first < all; first += winograd->rows) {
        size_t rows = all - first < winograd->rows ? all - first : winograd->rows;
        for (size_t i = 0; i < rows; i++) {
            size_t image = (first + i) / winograd->tiles, tile = (first + i) % winograd->tiles;
            gather(winograd, in, call->in[0] + image * in->size, tile, from);
            kernels->tile_in(
                from, winograd->in_c, winograd->left_plane, left + i * winograd->left_row);
        }
        multiply(winograd, kernels, left, rows, products);
        for (size_t i = 0; i < rows; i++)
            finish_tile(winograd, call, first + i, products + i * winograd->product_row);
    }
    if (winograd->after != LINEAR)
        idn_activate(call->out, call->images * out->size, winograd->after);
}

static void fini_winograd(struct idn_step *step)
{
    struct winograd *winograd = step->own;

    free(winograd->weights);
    free(winograd->bias);
    free(winograd->zeros);
    free(winograd);
}

// By shape alone: the same on every machine with the same kernels.
static bool rule(const struct idn_plan *plan, const layer *l)
{
    return plan->winograd && (l->size == 3 || l->size == 5) && l->stride == 1 && l->groups == 1 &&
           l->pad <= l->size / 2 && l->c >= 32 && l->n >= 32 && l->c % IDN_KERNEL_CHANNELS == 0 &&
           l->n % IDN_KERNEL_CHANNELS == 0 && l->out_h * l->out_w >= 16;
}

static struct winograd *new_winograd(
    const struct idn_plan *plan, const layer *l, const float *weights, const float *bias)
{
    struct winograd *winograd = calloc(1, sizeof(*winograd));
    size_t panel = plan->kernels->panel, tile = l->size == 3 ? 4 : 2;
    bool heavy = (size_t)l->c * (size_t)l->n * IDN_TILE_PIXELS > HEAVY;

    IDN_ASSERT(winograd != NULL);
    *winograd = (struct winograd){.pad = (size_t)l->pad,
        .tile = tile,
        .tiles_x = ((size_t)l->out_w + tile - 1) / tile,
        .in_c = (size_t)l->c,
        .out_c = (size_t)l->n,
        .panels = ((size_t)l->n + panel - 1) / panel,
        .rows = heavy ? ROWS_HEAVY : ROWS_LIGHT};
    winograd->left_row = winograd->in_c + 16;
    winograd->left_plane = winograd->rows * winograd->left_row + 16;
    winograd->product_row = winograd->panels * panel + 16;
    winograd->product_plane = winograd->rows * winograd->product_row + 16;
    winograd->tiles = winograd->tiles_x * (((size_t)l->out_h + tile - 1) / tile);
    winograd->after =
        idn_activation_slope(l->activation, &winograd->slope) ? LINEAR : l->activation;
    if (winograd->after != LINEAR)
        winograd->slope = 1;
    pack_weights(winograd, weights, (size_t)l->size, panel);
    winograd->zeros = idn_floats(winograd->in_c);
    winograd->bias = idn_floats(winograd->out_c);
    memcpy(winograd->bias, bias, winograd->out_c * sizeof(*bias));
    return winograd;
}

int idn_make_winograd(
    struct idn_plan *plan, const struct idn_place *place, const float *weights, const float *bias)
{
    if (!rule(plan, place->layer))
        return 1;
    struct winograd *winograd = new_winograd(plan, place->layer, weights, bias);
    struct idn_step *step = idn_plan_step(plan, place->index, place->in, place->out);
    size_t in_out = plan->value[place->in].size + plan->value[place->out].size;

    step->name = winograd->tile == 4 ? "winograd 4x4 3x3" : "winograd 2x2 5x5";
    winograd->out = place->out;
    step->own = winograd;
    step->run = run_winograd;
    step->fini = fini_winograd;
    step->scratch = IDN_TILE_PIXELS * (winograd->left_plane + winograd->product_plane);
    step->wide = IDN_TILE_PIXELS * winograd->in_c * winograd->out_c > in_out;
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
    last->name =
        winograd->tile == 4 ? "winograd 4x4 3x3 + shortcut" : "winograd 2x2 5x5 + shortcut";
    plan->value[place->in].size = 0; // nobody's any more
    return 0;
}
