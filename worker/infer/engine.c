#include "worker/infer/engine.h"

#include "base/assert.h"

#include <gnu/libc-version.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
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

void idn_engine_names(char ret[static IDN_ENGINE_NAMES_SIZE])
{
    size_t length = 0;

    for (size_t i = 0; engines[i] != NULL && length < IDN_ENGINE_NAMES_SIZE; i++)
        length += (size_t)snprintf(ret + length, IDN_ENGINE_NAMES_SIZE - length, "%s%s",
            i == 0 ? "" : ", ", engines[i]->name);
    IDN_ASSERT(length < IDN_ENGINE_NAMES_SIZE);
}

int idn_engine_start_pool(struct idn_engine *engine, uint32_t threads, struct idn_reason *reason)
{
    int error = idn_pool_new(threads, &engine->pool);

    if (error != 0)
        return idn_reason_set(
            reason, error, "cannot start %u threads: %s", threads, strerror(-error));
    return 0;
}

// libm picks its exp() and pow() by CPU: they may differ in the last bit with and without FMA.
static const char *libm_variant(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("fma") ? "fma" : "sse2";
#else
    return "generic";
#endif
}

// A name that was cut could be that of another class.
static void append_to_class(struct idn_engine *engine, const char *text)
{
    size_t length = strlen(engine->class_name), more = strlen(text) + 1;

    IDN_ASSERT(length + more <= sizeof(engine->class_name));
    memcpy(engine->class_name + length, text, more);
}

void idn_engine_set_class(struct idn_engine *engine, const char *own)
{
    char shared[IDN_CLASS_SIZE];

    (void)snprintf(shared, sizeof(shared), " libm=%s/%s jpeg=turbo-%s rev=%d",
        gnu_get_libc_version(), libm_variant(), IDN_TURBOJPEG_VERSION, IDN_NUMERICS);
    engine->class_name[0] = '\0';
    append_to_class(engine, own);
    append_to_class(engine, shared);
}

int idn_engine_open(const struct idn_engine_ops *ops, const struct idn_engine_options *options,
    struct idn_engine **ret, struct idn_reason *reason)
{
    int error = ops->open(options, ret, reason);

    if (error != 0 || !options->decode_fast)
        return error;
    append_to_class(*ret, " decode=fast");
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
    if (*network == NULL)
        return;
    engine->ops->unload(engine, *network);
    *network = NULL;
    // Weights lie in many pieces, and the room is for the next model or another program.
    (void)malloc_trim(0);
}

void idn_engine_predict(struct idn_engine *engine, struct idn_network *network,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    engine->ops->predict(engine, network, inputs, count, ret_rows);
}
