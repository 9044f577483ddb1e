#include "worker/infer/selftest_compare.h"

#include "base/assert.h"
#include "worker/infer/selftest.h"
#include "worker/infer/slice.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 16 };

// An engine and its network, and what it answered for a slice.
struct side {
    struct idn_engine *engine;
    struct idn_network *network; // owned
    float *rows;                 // owned
};

struct comparison {
    struct side ours, theirs;
    struct idn_slicer *slicer; // owned
    uint32_t images, agreed;   // that were computed; with the same best class
    double worst;              // difference
};

static int load(struct side *side, const struct idn_infer_options *options,
    struct idn_engine *engine, struct idn_reason *reason)
{
    side->engine = engine;
    int error = idn_engine_load(engine, options->cfg, options->weights, &side->network, reason);
    if (error != 0)
        return error;
    if (!side->network->takes_pixels)
        return idn_reason_set(
            reason, -EINVAL, "engine %s looks at no image: nothing to compare", engine->ops->name);
    side->rows = calloc((size_t)SLICE * side->network->classes, sizeof(*side->rows));
    IDN_ASSERT(side->rows != NULL);
    return 0;
}

static void unload(struct side *side)
{
    if (side->engine != NULL)
        idn_engine_unload(side->engine, &side->network);
    free(side->rows);
}

static uint32_t best_of(const float *row, uint32_t classes)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < classes; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

// Not a number when either has such.
static double difference(const float *ours, const float *theirs, uint32_t classes)
{
    float least = theirs[0], most = theirs[0], worst = 0;

    for (uint32_t i = 0; i < classes; i++) {
        float one = fabsf(ours[i] - theirs[i]);
        least = theirs[i] < least ? theirs[i] : least;
        most = theirs[i] > most ? theirs[i] : most;
        if (!(one <= worst))
            worst = one;
    }
    return most > least ? (double)worst / ((double)most - (double)least) : (double)worst;
}

static void compare_row(struct comparison *comparison, uint32_t row)
{
    uint32_t classes = comparison->ours.network->classes;
    const float *ours = comparison->ours.rows + (size_t)row * classes;
    const float *theirs = comparison->theirs.rows + (size_t)row * classes;
    double found = difference(ours, theirs, classes);
    uint32_t our_best = best_of(ours, classes), their_best = best_of(theirs, classes);

    (void)printf("ok\t%.3g\t%u\t%u\n", found, our_best, their_best);
    comparison->images++;
    comparison->agreed += our_best == their_best;
    if (!(found <= comparison->worst))
        comparison->worst = found;
}

static void compare_slice(
    struct comparison *comparison, const struct idn_list *list, uint32_t first, uint32_t count)
{
    static struct idn_list_entry entry[SLICE];
    struct idn_child_image image[SLICE] = {0};
    struct idn_input input[SLICE];
    struct idn_network *network = comparison->ours.network;
    int status[SLICE];
    uint32_t ready = 0;

    idn_selftest_images(list, first, count, entry, image);
    const float *pixels = idn_slicer_prepare(comparison->slicer, network, image, count, status);
    for (uint32_t i = 0; i < count; i++)
        if (status[i] == 0)
            input[ready++] = (struct idn_input){.index = first + i,
                .pixels = pixels + (size_t)i * 3 * network->width * network->height};
    struct side *const sides[] = {&comparison->ours, &comparison->theirs};
    for (size_t s = 0; s < 2 && ready > 0; s++)
        idn_engine_predict(sides[s]->engine, sides[s]->network, input, ready, sides[s]->rows);
    for (uint32_t i = 0, row = 0; i < count; i++) {
        (void)printf("%s\t", entry[i].path);
        if (status[i] == 0)
            compare_row(comparison, row++);
        else
            (void)printf("%s\n", idn_status_name((uint8_t)status[i]));
    }
}

static int run(struct comparison *comparison, const struct idn_infer_options *options,
    struct idn_engine *engine, struct idn_engine *other, struct idn_reason *reason)
{
    struct idn_list *list = NULL;

    int error = idn_list_open(options->list, &list, reason);
    if (error == 0)
        error = load(&comparison->ours, options, engine, reason);
    if (error == 0)
        error = load(&comparison->theirs, options, other, reason);
    if (error != 0) {
        idn_list_destroy(&list);
        return error;
    }
    idn_slicer_new(engine, NULL, NULL, &comparison->slicer);
    for (uint32_t first = 0; first < idn_list_count(list); first += SLICE) {
        uint32_t rest = idn_list_count(list) - first;
        compare_slice(comparison, list, first, rest < SLICE ? rest : SLICE);
    }
    idn_slicer_destroy(&comparison->slicer);
    idn_list_destroy(&list);
    (void)fprintf(stderr, "%u images, same best class %u, largest difference %.3g (%s; %s)\n",
        comparison->images, comparison->agreed, comparison->worst, engine->class_name,
        other->class_name);
    return 0;
}

int idn_selftest_compare(
    const struct idn_infer_options *options, struct idn_engine *engine, struct idn_reason *reason)
{
    struct comparison comparison = {0};
    struct idn_engine *other;

    int error = idn_engine_open(options->compare_ops, &options->engine, &other, reason);
    if (error != 0)
        return error;
    error = run(&comparison, options, engine, other, reason);
    unload(&comparison.ours);
    unload(&comparison.theirs);
    idn_engine_close(&other);
    return error;
}
