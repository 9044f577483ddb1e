// The fast engine: darknet's networks on oneDNN's kernels. libdarknet parses the network and reads
// its weights; a plan (onednn_plan.h) computes it.
#include "base/assert.h"
#include "worker/infer/darknet_network.h"
#include "worker/infer/engine.h"
#include "worker/infer/onednn_plan.h"

#include <stdlib.h>
#include <string.h>

struct onednn {
    struct idn_engine engine;
    struct idn_dnnl dnnl;
    bool winograd, logits;
};

struct model {
    struct idn_network shape;
    struct idn_plan *plan; // owned
};

#if defined(__clang__)
#define COMPILER         "clang"
#define COMPILER_VERSION __clang_major__
#else
#define COMPILER         "gcc"
#define COMPILER_VERSION __GNUC__
#endif

// darknet's build counts too: it may compute a layer.
static void set_class(struct onednn *onednn)
{
    const dnnl_version_t *version = dnnl_version();
    char build[IDN_DARKNET_BUILD_SIZE], own[IDN_CLASS_SIZE];

    idn_darknet_build(build);
    (void)snprintf(own, sizeof(own), "onednn-%d.%d.%d/%s %s kernels=%s/%s%d darknet=%s",
        version->major, version->minor, version->patch, idn_dnnl_isa(),
        onednn->winograd ? "auto" : "direct", idn_kernels_choose()->name, COMPILER,
        COMPILER_VERSION, build);
    idn_engine_set_class(&onednn->engine, own);
}

static void onednn_close(struct idn_engine *engine)
{
    struct onednn *onednn = (struct onednn *)engine;

    idn_pool_destroy(&engine->pool);
    idn_dnnl_fini(&onednn->dnnl);
    free(onednn);
}

static int onednn_open(
    const struct idn_engine_options *options, struct idn_engine **ret, struct idn_reason *reason)
{
    struct onednn *onednn = calloc(1, sizeof(*onednn));

    IDN_ASSERT(onednn != NULL);
    onednn->engine.ops = &idn_engine_onednn;
    // Without fused multiply-add Winograd's products are no faster than oneDNN's direct kernels.
    onednn->winograd = !options->direct && idn_kernels_choose() != &idn_kernels_generic;
    onednn->logits = options->logits;
    int error = idn_dnnl_init(&onednn->dnnl, options->threads, reason);
    if (error == 0)
        error = idn_engine_start_pool(&onednn->engine, options->threads, reason);
    if (error != 0) {
        onednn_close(&onednn->engine);
        return error;
    }
    set_class(onednn);
    *ret = &onednn->engine;
    return 0;
}

static int onednn_load(struct idn_engine *engine, const char *cfg, const char *weights,
    struct idn_network **ret, struct idn_reason *reason)
{
    struct onednn *onednn = (struct onednn *)engine;
    network *net;

    int error = idn_darknet_load(cfg, weights, 1, &net, reason);
    if (error != 0)
        return error;
    struct model *model = calloc(1, sizeof(*model));
    IDN_ASSERT(model != NULL);
    model->shape = idn_darknet_shape(net);
    error = idn_plan_new(net, &onednn->dnnl, onednn->winograd, onednn->logits,
        idn_pool_threads(engine->pool), &model->plan, reason);
    if (error != 0) {
        free(model);
        return error;
    }
    *ret = &model->shape;
    return 0;
}

static void onednn_unload(struct idn_engine *engine, struct idn_network *shape)
{
    struct model *model = (struct model *)shape;

    (void)engine;
    idn_plan_destroy(&model->plan);
    free(model);
}

static void onednn_predict(struct idn_engine *engine, struct idn_network *shape,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    const struct model *model = (const struct model *)shape;

    idn_plan_run(model->plan, engine->pool, inputs, count, ret_rows);
}

const struct idn_engine_ops idn_engine_onednn = {
    .name = "onednn",
    .open = onednn_open,
    .close = onednn_close,
    .load = onednn_load,
    .unload = onednn_unload,
    .predict = onednn_predict,
};
