#include "worker/infer/slice.h"

#include "base/assert.h"
#include "worker/infer/crop.h"
#include "worker/infer/source.h"
#include "worker/infer/test_hook.h"
#include "worker/infer/top.h"

#include <stdlib.h>
#include <time.h>

struct idn_slicer {
    struct idn_engine *engine;
    // Grown to the largest model's needs and kept.
    float *inputs, *rows; // owned
    size_t inputs_size, rows_size;
};

// One slice under way.
struct run {
    struct idn_slicer *slicer;
    struct idn_network *network;
    const struct idn_child_image *images;
    int status[IDN_CHILD_IMAGES_MAX]; // of preparing, enum idn_status
};

void idn_slicer_new(struct idn_engine *engine, struct idn_slicer **ret)
{
    struct idn_slicer *slicer = calloc(1, sizeof(*slicer));

    IDN_ASSERT(slicer != NULL);
    slicer->engine = engine;
    *ret = slicer;
}

void idn_slicer_destroy(struct idn_slicer **slicer)
{
    if (*slicer == NULL)
        return;
    free((*slicer)->inputs);
    free((*slicer)->rows);
    free(*slicer);
    *slicer = NULL;
}

static void grow(float **buffer, size_t *size, size_t wanted)
{
    if (wanted <= *size)
        return;
    free(*buffer);
    *buffer = malloc(wanted * sizeof(**buffer));
    IDN_ASSERT(*buffer != NULL);
    *size = wanted;
}

static size_t input_size(const struct idn_network *network)
{
    return (size_t)3 * network->width * network->height;
}

static void prepare(void *context, uint32_t thread, uint32_t item)
{
    struct run *run = context;
    float *input = run->slicer->inputs + item * input_size(run->network);
    struct idn_pixels pixels = {0};
    uint8_t *bytes;
    size_t size;

    (void)thread;
    run->status[item] = idn_source_read(&run->images[item], &bytes, &size);
    if (run->status[item] != 0)
        return;
    idn_test_hook(bytes, size);
    run->status[item] = idn_image_decode(bytes, size, 0, &pixels);
    free(bytes);
    if (run->status[item] == 0)
        idn_crop(&pixels, run->network->width, run->network->height, input);
    idn_pixels_fini(&pixels);
}

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// Computes what could be prepared, without gaps, and spreads the answers over the slice's rows.
static void compute(struct run *run, uint32_t count, struct idn_result *ret_rows)
{
    struct idn_slicer *slicer = run->slicer;
    struct idn_input input[IDN_CHILD_IMAGES_MAX];
    uint32_t place[IDN_CHILD_IMAGES_MAX], ready = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (run->status[i] != 0) {
            idn_top_failed(run->images[i].index, (uint8_t)run->status[i], &ret_rows[i]);
            continue;
        }
        input[ready].index = run->images[i].index;
        input[ready].pixels =
            run->network->takes_pixels ? slicer->inputs + i * input_size(run->network) : NULL;
        place[ready++] = i;
    }
    if (ready > 0)
        idn_engine_predict(slicer->engine, run->network, input, ready, slicer->rows);
    for (uint32_t i = 0; i < ready; i++)
        idn_top(input[i].index, slicer->rows + (size_t)i * run->network->classes,
            run->network->classes, &ret_rows[place[i]]);
}

void idn_slicer_run(struct idn_slicer *slicer, struct idn_network *network,
    const struct idn_child_image *images, uint32_t count, struct idn_result *ret_rows,
    uint64_t *ret_us)
{
    struct run run = {.slicer = slicer, .network = network, .images = images};
    uint64_t begun = now_us();

    IDN_ASSERT(count <= IDN_CHILD_IMAGES_MAX);
    grow(&slicer->rows, &slicer->rows_size, (size_t)count * network->classes);
    if (network->takes_pixels) {
        grow(&slicer->inputs, &slicer->inputs_size, count * input_size(network));
        idn_pool_run(slicer->engine->pool, count, prepare, &run);
    }
    compute(&run, count, ret_rows);
    *ret_us = now_us() - begun;
}
