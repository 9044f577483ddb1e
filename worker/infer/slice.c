// Two batches take turns: one is computed, one is being prepared. An image is prepared by one
// thread, and what comes of it depends on nothing else: when and where it happens makes no
// difference to the rows.
#include "worker/infer/slice.h"

#include "base/assert.h"
#include "worker/infer/crop.h"
#include "worker/infer/source.h"
#include "worker/infer/test_hook.h"
#include "worker/infer/top.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PIXELS_KEPT_MAX = 32 * 1024 * 1024, // bytes a thread keeps for its next image
    PIXELS_A_THREAD = 16 * 1000 * 1000, // that may be decoded at once; any image may alone
    READ_AHEAD = 8,                     // files that are announced before they are read
};

struct batch {
    struct idn_slice slice; // count 0: none
    uint32_t begun, done;   // images, of being prepared
    int status[IDN_CHILD_IMAGES_MAX];
    float *inputs; // owned; grown to the largest need and kept
    size_t inputs_size;
};

struct idn_slicer {
    struct idn_engine *engine;
    bool (*next)(void *, struct idn_slice *);
    void *context;
    struct idn_pixels *pixels; // owned, one a thread
    float *rows;               // owned; grown to the largest need and kept
    size_t rows_size;
    // Not an image of 1.4 GB, the most that image.h allows, in each thread at once.
    pthread_mutex_t decoders; // of the next two
    pthread_cond_t decoded;   // one is
    uint64_t decoding;        // pixels of images being decoded

    pthread_mutex_t lock; // of what follows, and of begun and done in the batches
    pthread_cond_t prepared;
    struct batch batch[2];
    struct batch *now, *ahead; // being run, run next
    bool computing;            // the next slice may be asked for
};

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

static void set_up(struct batch *batch, const struct idn_slice *slice)
{
    IDN_ASSERT(slice->count >= 1 && slice->count <= IDN_CHILD_IMAGES_MAX);
    batch->slice = *slice;
    batch->begun = batch->done = 0;
    if (slice->network->takes_pixels)
        grow(&batch->inputs, &batch->inputs_size, slice->count * input_size(slice->network));
}

static void begin_decoding(struct idn_slicer *slicer, uint64_t pixels)
{
    uint64_t most = (uint64_t)PIXELS_A_THREAD * idn_pool_threads(slicer->engine->pool);

    (void)pthread_mutex_lock(&slicer->decoders);
    while (slicer->decoding > 0 && slicer->decoding + pixels > most)
        (void)pthread_cond_wait(&slicer->decoded, &slicer->decoders);
    slicer->decoding += pixels;
    (void)pthread_mutex_unlock(&slicer->decoders);
}

static void end_decoding(struct idn_slicer *slicer, uint64_t pixels)
{
    (void)pthread_mutex_lock(&slicer->decoders);
    slicer->decoding -= pixels;
    (void)pthread_cond_broadcast(&slicer->decoded);
    (void)pthread_mutex_unlock(&slicer->decoders);
}

static int decode(const struct idn_slicer *slicer, const struct idn_network *network,
    const uint8_t *bytes, size_t size, struct idn_pixels *pixels, float *ret_input)
{
    uint32_t least_side = network->width > network->height ? network->width : network->height;
    int status =
        idn_image_decode(bytes, size, slicer->engine->decode_fast ? least_side : 0, pixels);

    if (status == 0)
        idn_crop(pixels, network->width, network->height, ret_input);
    if (pixels->rgb_bytes + pixels->spare_bytes > PIXELS_KEPT_MAX)
        idn_pixels_fini(pixels);
    return status;
}

// Without the lock: opening a file may take long.
static void announce(const struct idn_slice *slice, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end && i < slice->count; i++)
        idn_source_announce(&slice->images[i]);
}

static int prepare(
    struct idn_slicer *slicer, const struct batch *batch, uint32_t item, struct idn_pixels *pixels)
{
    const struct idn_network *network = batch->slice.network;
    uint8_t *bytes;
    size_t size;

    announce(&batch->slice, item == 0 ? 1 : item + READ_AHEAD, item + READ_AHEAD + 1);
    int status = idn_source_read(&batch->slice.images[item], &bytes, &size);
    if (status != 0)
        return status;
    idn_test_hook(bytes, size);
    uint64_t count = idn_image_pixels(bytes, size);
    begin_decoding(slicer, count);
    status =
        decode(slicer, network, bytes, size, pixels, batch->inputs + item * input_size(network));
    end_decoding(slicer, count);
    free(bytes);
    return status;
}

// With the lock, which is given up meanwhile.
static void prepare_item(
    struct idn_slicer *slicer, struct batch *batch, uint32_t thread, uint32_t item)
{
    (void)pthread_mutex_unlock(&slicer->lock);
    batch->status[item] = prepare(slicer, batch, item, &slicer->pixels[thread]);
    (void)pthread_mutex_lock(&slicer->lock);
    if (++batch->done == batch->slice.count)
        (void)pthread_cond_signal(&slicer->prepared);
}

// With the lock.
static void look_ahead(struct idn_slicer *slicer)
{
    struct idn_slice slice;

    if (slicer->next != NULL && slicer->computing && slicer->ahead->slice.count == 0 &&
        slicer->next(slicer->context, &slice))
        set_up(slicer->ahead, &slice);
}

// What a thread of the pool does that has nothing to compute.
static bool prepare_ahead(void *context, uint32_t thread)
{
    struct idn_slicer *slicer = context;

    (void)pthread_mutex_lock(&slicer->lock);
    look_ahead(slicer);
    struct batch *batch = slicer->ahead;
    bool found = batch->begun < batch->slice.count && batch->slice.network->takes_pixels;
    if (found)
        prepare_item(slicer, batch, thread, batch->begun++);
    (void)pthread_mutex_unlock(&slicer->lock);
    return found;
}

void idn_slicer_new(struct idn_engine *engine, bool (*next)(void *context, struct idn_slice *ret),
    void *context, struct idn_slicer **ret)
{
    struct idn_slicer *slicer = calloc(1, sizeof(*slicer));

    IDN_ASSERT(slicer != NULL);
    *slicer = (struct idn_slicer){.engine = engine,
        .next = next,
        .context = context,
        .pixels = calloc(idn_pool_threads(engine->pool), sizeof(*slicer->pixels)),
        .now = &slicer->batch[0],
        .ahead = &slicer->batch[1]};
    IDN_ASSERT(slicer->pixels != NULL);
    (void)pthread_mutex_init(&slicer->decoders, NULL);
    (void)pthread_cond_init(&slicer->decoded, NULL);
    (void)pthread_mutex_init(&slicer->lock, NULL);
    (void)pthread_cond_init(&slicer->prepared, NULL);
    idn_pool_spare(engine->pool, prepare_ahead, slicer);
    *ret = slicer;
}

void idn_slicer_destroy(struct idn_slicer **slicer_pointer)
{
    struct idn_slicer *slicer = *slicer_pointer;

    if (slicer == NULL)
        return;
    idn_pool_spare(slicer->engine->pool, NULL, NULL);
    for (uint32_t i = 0; i < idn_pool_threads(slicer->engine->pool); i++)
        idn_pixels_fini(&slicer->pixels[i]);
    (void)pthread_cond_destroy(&slicer->prepared);
    (void)pthread_mutex_destroy(&slicer->lock);
    (void)pthread_cond_destroy(&slicer->decoded);
    (void)pthread_mutex_destroy(&slicer->decoders);
    free(slicer->pixels);
    free(slicer->batch[0].inputs);
    free(slicer->batch[1].inputs);
    free(slicer->rows);
    free(slicer);
    *slicer_pointer = NULL;
}

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void take_turns(struct idn_slicer *slicer, const struct idn_slice *slice)
{
    struct batch *batch = slicer->ahead;

    slicer->ahead = slicer->now;
    slicer->now = batch;
    slicer->ahead->slice.count = 0;
    IDN_ASSERT(batch->slice.count == 0 || batch->slice.images == slice->images);
    if (batch->slice.count == 0)
        set_up(batch, slice);
}

struct rest {
    struct idn_slicer *slicer;
    uint32_t first;
};

static void prepare_now(void *context, uint32_t thread, uint32_t item)
{
    const struct rest *rest = context;
    struct idn_slicer *slicer = rest->slicer;

    (void)pthread_mutex_lock(&slicer->lock);
    prepare_item(slicer, slicer->now, thread, rest->first + item);
    (void)pthread_mutex_unlock(&slicer->lock);
}

// Prepares what nobody has begun ahead, and waits for what somebody has.
static void prepare_rest(struct idn_slicer *slicer)
{
    struct batch *batch = slicer->now;
    struct rest rest = {.slicer = slicer, .first = batch->begun};

    batch->begun = batch->slice.count;
    (void)pthread_mutex_unlock(&slicer->lock);
    idn_pool_run(slicer->engine->pool, batch->slice.count - rest.first, prepare_now, &rest);
    (void)pthread_mutex_lock(&slicer->lock);
    while (batch->done < batch->slice.count)
        (void)pthread_cond_wait(&slicer->prepared, &slicer->lock);
}

const float *idn_slicer_prepare(struct idn_slicer *slicer, struct idn_network *network,
    const struct idn_child_image *images, uint32_t count, int *ret_status)
{
    struct idn_slice slice = {.network = network, .images = images, .count = count};

    IDN_ASSERT(network->takes_pixels);
    (void)pthread_mutex_lock(&slicer->lock);
    take_turns(slicer, &slice);
    prepare_rest(slicer);
    (void)pthread_mutex_unlock(&slicer->lock);
    memcpy(ret_status, slicer->now->status, count * sizeof(*ret_status));
    return slicer->now->inputs;
}

// Computes what could be prepared, without gaps, and spreads the answers over the slice's rows.
static void compute(struct idn_slicer *slicer, struct idn_result *ret_rows)
{
    const struct batch *batch = slicer->now;
    struct idn_network *network = batch->slice.network;
    struct idn_input input[IDN_CHILD_IMAGES_MAX];
    uint32_t place[IDN_CHILD_IMAGES_MAX], ready = 0;

    for (uint32_t i = 0; i < batch->slice.count; i++) {
        uint32_t index = batch->slice.images[i].index;
        if (network->takes_pixels && batch->status[i] != 0) {
            idn_top_failed(index, (uint8_t)batch->status[i], &ret_rows[i]);
            continue;
        }
        input[ready].index = index;
        input[ready].pixels =
            network->takes_pixels ? batch->inputs + i * input_size(network) : NULL;
        place[ready++] = i;
    }
    if (ready > 0)
        idn_engine_predict(slicer->engine, network, input, ready, slicer->rows);
    for (uint32_t i = 0; i < ready; i++)
        idn_top(input[i].index, slicer->rows + (size_t)i * network->classes, network->classes,
            &ret_rows[place[i]]);
}

// A thread alone prepares nothing while it computes, but the files can be on their way.
static void announce_next(const struct idn_slicer *slicer)
{
    const struct idn_slice *slice = &slicer->ahead->slice;

    if (slice->count > 0 && slice->network->takes_pixels)
        announce(slice, 0, slice->count);
}

void idn_slicer_run(struct idn_slicer *slicer, const struct idn_slice *slice,
    struct idn_result *ret_rows, uint64_t *ret_us)
{
    uint64_t begun = now_us();

    grow(&slicer->rows, &slicer->rows_size, (size_t)slice->count * slice->network->classes);
    (void)pthread_mutex_lock(&slicer->lock);
    take_turns(slicer, slice);
    if (slice->network->takes_pixels)
        prepare_rest(slicer);
    slicer->computing = true;
    look_ahead(slicer);
    (void)pthread_mutex_unlock(&slicer->lock);
    idn_pool_wake(slicer->engine->pool);
    if (idn_pool_threads(slicer->engine->pool) == 1)
        announce_next(slicer);
    compute(slicer, ret_rows);
    (void)pthread_mutex_lock(&slicer->lock);
    slicer->computing = false;
    (void)pthread_mutex_unlock(&slicer->lock);
    *ret_us = now_us() - begun;
}
