#include "worker/infer/engine.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

static const struct idn_engine_ops *const engines[] = {
    &idn_engine_darknet, &idn_engine_onednn, &idn_engine_replay, NULL};

const struct idn_engine_ops *idn_engine_find(const char *name)
{
    for (size_t i = 0; engines[i] != NULL; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}

const char *idn_engine_names(void)
{
    return "darknet, onednn, replay";
}

int idn_engine_open(const struct idn_engine_ops *ops, const struct idn_engine_options *options,
    struct idn_engine **ret, struct idn_reason *reason)
{
    static const char fast[] = " decode=fast";
    int error = ops->open(options, ret, reason);

    if (error != 0 || !options->decode_fast)
        return error;
    size_t length = strlen((*ret)->class_name);
    IDN_ASSERT(length + sizeof(fast) <= IDN_CLASS_SIZE);
    memcpy((*ret)->class_name + length, fast, sizeof(fast));
    (*ret)->decode_fast = true;
    return 0;
}

void idn_engine_close(struct idn_engine **engine)
{
    if (*engine != NULL)
        (*engine)->ops->close(*engine);
    *engine = NULL;
}

int idn_engine_load(struct idn_engine *engine, const char *cfg, const char *weights,
    struct idn_network **ret, struct idn_reason *reason)
{
    return engine->ops->load(engine, cfg, weights, ret, reason);
}

void idn_engine_unload(struct idn_engine *engine, struct idn_network **network)
{
    if (*network != NULL)
        engine->ops->unload(engine, *network);
    *network = NULL;
}

void idn_engine_predict(struct idn_engine *engine, struct idn_network *network,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    engine->ops->predict(engine, network, inputs, count, ret_rows);
}
