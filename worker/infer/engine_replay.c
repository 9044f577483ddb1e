// The replay engine. Its numbers are made up, and its class name says so wherever they appear.
#include "base/assert.h"
#include "weights/cfg_section.h"
#include "worker/infer/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REPLAY_CLASSES = 1000, REPLAY_US_MAX = 60 * 1000 * 1000 };

struct replay {
    struct idn_engine engine;
    uint64_t us, seed;
};

struct replay_network {
    struct idn_network network;
    uint32_t us; // an image
};

static int replay_open(
    const struct idn_engine_options *options, struct idn_engine **ret, struct idn_reason *reason)
{
    struct replay *replay = calloc(1, sizeof(*replay));

    IDN_ASSERT(replay != NULL);
    replay->engine.ops = &idn_engine_replay;
    replay->us = options->replay_us;
    replay->seed = options->replay_seed;
    (void)snprintf(replay->engine.class_name, sizeof(replay->engine.class_name),
        "replay seed=%" PRIu64, replay->seed);
    int error = idn_engine_start_pool(&replay->engine, 1, reason); // waiting needs no second one
    if (error != 0) {
        free(replay);
        return error;
    }
    *ret = &replay->engine;
    return 0;
}

static void replay_close(struct idn_engine *engine)
{
    idn_pool_destroy(&engine->pool);
    free((struct replay *)engine);
}

// A key replay_us of [net] stands before the option, so that models may differ. No cfg is needed.
static int read_us(
    const struct replay *replay, const char *cfg, uint32_t *ret, struct idn_reason *reason)
{
    struct idn_cfg_text text;

    *ret = (uint32_t)replay->us;
    if (access(cfg, F_OK) != 0)
        return 0;
    int error = idn_cfg_text_read(cfg, &text, reason);
    if (error != 0)
        return error;
    error = idn_cfg_number(
        &text, &text.section[0], "replay_us", (int64_t)replay->us, 0, REPLAY_US_MAX, ret, reason);
    idn_cfg_text_fini(&text);
    return error;
}

static int replay_load(struct idn_engine *engine, const char *cfg, const char *weights,
    struct idn_network **ret, struct idn_reason *reason)
{
    uint32_t us = 0;

    (void)weights;
    int error = read_us((struct replay *)engine, cfg, &us, reason);
    if (error != 0)
        return error;
    struct replay_network *replay = calloc(1, sizeof(*replay));
    IDN_ASSERT(replay != NULL);
    replay->us = us;
    replay->network.width = replay->network.height = 1;
    replay->network.classes = REPLAY_CLASSES;
    *ret = &replay->network;
    return 0;
}

static void replay_unload(struct idn_engine *engine, struct idn_network *network)
{
    (void)engine;
    free((struct replay_network *)network);
}

static void wait_us(uint64_t us)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += (time_t)(us / 1000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

// SplitMix64 (Steele, Lea, Flood, 2014).
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

// Five classes, one of each fifth of them; each takes the same share, at least a half, of what
// those before it left.
static void make_up(uint64_t seed, uint32_t index, float *row)
{
    uint64_t state = seed ^ (uint64_t)index << 32;
    float left = 1.0f, share = 0.5f + (float)(draw(&state) % 1024) / 4096.0f;

    memset(row, 0, REPLAY_CLASSES * sizeof(*row));
    for (uint64_t i = 0; i < IDN_TOP; i++) {
        row[200 * i + draw(&state) % 200] = left * share;
        left -= left * share;
    }
}

static void replay_predict(struct idn_engine *engine, struct idn_network *network,
    const struct idn_input *inputs, uint32_t count, float *ret_rows)
{
    const struct replay *replay = (struct replay *)engine;

    wait_us((uint64_t)((const struct replay_network *)network)->us * count);
    for (uint32_t i = 0; i < count; i++)
        make_up(replay->seed, inputs[i].index, ret_rows + (size_t)i * network->classes);
}

const struct idn_engine_ops idn_engine_replay = {
    .name = "replay",
    .open = replay_open,
    .close = replay_close,
    .load = replay_load,
    .unload = replay_unload,
    .predict = replay_predict,
};
