// The reference engine: libdarknet's network_predict, batch 1, one network a thread over one set of
// weights. Several images of a slice run side by side; one image alone uses one thread.
#include "base/assert.h"
#include "worker/infer/darknet_network.h"
#include "worker/infer/engine.h"

#include <string.h>

struct darknet {
    struct idn_engine engine;
    bool logits;
};

struct model {
    struct idn_network shape;
    uint32_t answer;                    // the layer whose output is given
    network *net[IDN_POOL_THREADS_MAX]; // one a thread, owned
};

static void darknet_close(struct idn_engine *engine)
{
    idn_pool_destroy(&engine->pool);
    free(engine);
}

static int darknet_open(
    const struct idn_engine_options *options, struct idn_engine **ret, struct idn_reason *reason)
{
    struct darknet *darknet = calloc(1, sizeof(*darknet));
    char build[IDN_DARKNET_BUILD_SIZE], own[IDN_CLASS_SIZE];

    IDN_ASSERT(darknet != NULL);
    struct idn_engine *engine = &darknet->engine;
    darknet->logits = options->logits;
    engine->ops = &idn_engine_darknet;
    idn_darknet_build(build);
    (void)snprintf(own, sizeof(own), "darknet-20180914 build=%s", build);
    idn_engine_set_class(engine, own);
    int error = idn_engine_start_pool(engine, options->threads, reason);
    if (error != 0) {
        darknet_close(engine);
        return error;
    }
    *ret = engine;
    return 0;
}

static int darknet_load(struct idn_engine *engine, const char *cfg, const char *weights,
    struct idn_network **ret, struct idn_reason *reason)
{
    struct model *model = calloc(1, sizeof(*model));

    IDN_ASSERT(model != NULL);
    int error = idn_darknet_load(cfg, weights, idn_pool_threads(engine->pool), model->net, reason);
    if (error != 0) {
        free(model);
        return error;
    }
    model->shape = idn_darknet_shape(model->net[0]);
    model->answer = idn_darknet_answer(model->net[0], ((struct darknet *)engine)->logits);
    *ret = &model->shape;
    return 0;
}

static void darknet_unload(struct idn_engine *engine, struct idn_network *shape)
{
    struct model *model = (struct model *)shape;

    idn_darknet_unload(model->net, idn_pool_threads(engine->pool));
    free(model);
}

struct work {
    struct model *model;
    const struct idn_input *inputs;
    float *rows;
};

static void predict_one(void *context, uint32_t thread, uint32_t item)
{
    const struct work *work = context;
    network *net = work->model->net[thread];
    uint32_t classes = work->model->shape.classes;
    union {
        const float *lent;
        float *mutable; // darknet's prototype lacks the const; no layer writes to its input
    } pixels = {.lent = work->inputs[item].pixels};

    (void)network_predict(net, pixels.mutable);
    memcpy(work->rows + (size_t)item * classes, net->layers[work->model->answer].output,
        classes * sizeof(float));
}

static void darknet_predict(struct idn_engine *engine, struct idn_network *shape,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    struct work work = {.model = (struct model *)shape, .inputs = inputs, .rows = ret_rows};

    idn_pool_run(engine->pool, count, predict_one, &work);
}

const struct idn_engine_ops idn_engine_darknet = {
    .name = "darknet",
    .open = darknet_open,
    .close = darknet_close,
    .load = darknet_load,
    .unload = darknet_unload,
    .predict = darknet_predict,
};
