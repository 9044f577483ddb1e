// Beats: small, published, may be lost.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

struct idn_bytes idn_encode_worker_beat(struct idn_codec *codec, const struct idn_worker_beat *beat)
{
    struct idn_arena *arena = &codec->encoded;
    Idunno__WorkerBeat *to;

    IDN_ASSERT(beat->in_child <= IDN_CHILD_IMAGES_MAX);
    idn_arena_reset(arena, IDN_ARENA_BYTES);
    to = idn_put_message(arena, &idunno__worker_beat__descriptor);
    to->name = idn_put_name(arena, beat->name);
    to->nonce = beat->nonce;
    to->sequence = beat->sequence;
    to->obeyed = idn_put_epoch(arena, beat->obeyed);
    to->lease = idn_put_lease(arena, beat->lease);
    to->images_done = beat->images_done;
    to->active_silent_ms = beat->active_silent_ms;
    to->n_in_child = beat->in_child;
    to->in_child = idn_put_u32s(arena, beat->image, beat->in_child);
    return idn_codec_pack(codec, &to->base, IDN_BEAT_BYTES_MAX);
}

int idn_decode_worker_beat(struct idn_codec *codec, const void *data, size_t size,
    struct idn_worker_beat *ret, struct idn_reason *reason)
{
    struct idn_check check = {.message = "worker beat", .reason = reason};
    struct idn_worker_beat *beat = &codec->scratch.worker_beat;
    const Idunno__WorkerBeat *from = idn_codec_unpack(
        codec, &idunno__worker_beat__descriptor, data, size, IDN_BEAT_BYTES_MAX, &check);

    if (from == NULL)
        return IDN_DECODE_MALFORMED;
    memset(beat, 0, sizeof(*beat));
    idn_take_name(&check, "name", IDN_REQUIRED, from->name, beat->name);
    beat->nonce = from->nonce;
    beat->sequence = from->sequence;
    idn_take_epoch(&check, from->obeyed, &beat->obeyed);
    idn_take_lease(&check, IDN_OPTIONAL, from->lease, &beat->lease);
    beat->images_done = from->images_done;
    beat->active_silent_ms = from->active_silent_ms;
    idn_take_images(&check, from->in_child, from->n_in_child, &beat->in_child, beat->image);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *beat;
    return 0;
}

struct idn_bytes idn_encode_broker_beat(struct idn_codec *codec, const struct idn_broker_beat *beat)
{
    struct idn_arena *arena = &codec->encoded;
    Idunno__BrokerBeat *to;

    idn_arena_reset(arena, IDN_ARENA_BYTES);
    to = idn_put_message(arena, &idunno__broker_beat__descriptor);
    to->name = idn_put_name(arena, beat->name);
    to->incarnation = beat->incarnation;
    to->sequence = beat->sequence;
    to->epoch = idn_put_epoch(arena, beat->epoch);
    to->role = (Idunno__Role)beat->role;
    to->beat_ms = beat->beat_ms;
    return idn_codec_pack(codec, &to->base, IDN_BEAT_BYTES_MAX);
}

int idn_decode_broker_beat(struct idn_codec *codec, const void *data, size_t size,
    struct idn_broker_beat *ret, struct idn_reason *reason)
{
    struct idn_check check = {.message = "broker beat", .reason = reason};
    struct idn_broker_beat *beat = &codec->scratch.broker_beat;
    const Idunno__BrokerBeat *from = idn_codec_unpack(
        codec, &idunno__broker_beat__descriptor, data, size, IDN_BEAT_BYTES_MAX, &check);

    if (from == NULL)
        return IDN_DECODE_MALFORMED;
    memset(beat, 0, sizeof(*beat));
    idn_take_name(&check, "name", IDN_REQUIRED, from->name, beat->name);
    beat->incarnation = from->incarnation;
    beat->sequence = from->sequence;
    idn_take_epoch(&check, from->epoch, &beat->epoch);
    idn_take_enum(&check, "role", (int)from->role, IDN_ROLE_LEARNER, IDN_ROLE_ALONE, &beat->role);
    idn_check_range(&check, "beat_ms", from->beat_ms, 1, IDN_BEAT_MS_MAX);
    beat->beat_ms = from->beat_ms;
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *beat;
    return 0;
}
