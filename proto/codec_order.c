// What a broker tells its workers. Every type has one function for each direction; the table at the
// end leads to them.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

// ---- encode

static void put_welcome(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    envelope->welcome = idn_put_message(arena, &idunno__order__welcome__descriptor);
    envelope->welcome->version = message->u.welcome.version;
    envelope->welcome->beat_ms = message->u.welcome.beat_ms;
    envelope->welcome->acknowledged = message->u.welcome.acknowledged;
}

static void put_refused(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    envelope->refused = idn_put_message(arena, &idunno__order__refused__descriptor);
    envelope->refused->code = (Idunno__Refusal)message->u.refused.code;
    envelope->refused->text = idn_put_text(arena, message->u.refused.text);
}

static void put_lease(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    Idunno__Order__Lease *to = idn_put_message(arena, &idunno__order__lease__descriptor);

    to->id = idn_put_lease(arena, message->u.lease.id);
    to->job = idn_put_key(arena, &message->u.lease.job);
    to->model = idn_put_name(arena, message->u.lease.model);
    to->dataset = idn_put_name(arena, message->u.lease.dataset);
    to->model_digest = idn_put_sha256(arena, &message->u.lease.model_digest);
    to->list_digest = idn_put_sha256(arena, &message->u.lease.list_digest);
    to->list_bytes = message->u.lease.list_bytes;
    to->first = message->u.lease.first;
    to->count = message->u.lease.count;
    to->alone = message->u.lease.alone != 0;
    to->first_slice = message->u.lease.first_slice;
    to->spec_hash = message->u.lease.spec_hash;
    envelope->lease = to;
}

static void put_trim(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    envelope->trim = idn_put_message(arena, &idunno__order__trim__descriptor);
    envelope->trim->id = idn_put_lease(arena, message->u.trim.id);
    envelope->trim->keep = message->u.trim.keep;
}

static void put_ack(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    envelope->ack = idn_put_message(arena, &idunno__order__ack__descriptor);
    envelope->ack->number = message->u.ack.number;
}

static void put_list_part(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    Idunno__Order__ListPart *to = idn_put_message(arena, &idunno__order__list_part__descriptor);

    to->job = idn_put_key(arena, &message->u.list_part.job);
    to->offset = message->u.list_part.offset;
    to->total = message->u.list_part.total;
    to->bytes = idn_put_bytes(arena, message->u.list_part.bytes, message->u.list_part.size);
    envelope->list_part = to;
}

static void put_hello_again(
    struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope)
{
    (void)message;
    envelope->hello_again = idn_put_message(arena, &idunno__order__hello_again__descriptor);
}

// ---- decode

static void take_welcome(
    struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    const Idunno__Order__Welcome *from = envelope->welcome;

    idn_check_range(check, "beat_ms", from->beat_ms, 1, IDN_BEAT_MS_MAX);
    to->u.welcome.version = from->version;
    to->u.welcome.beat_ms = from->beat_ms;
    to->u.welcome.acknowledged = from->acknowledged;
}

static void take_refused(
    struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    const Idunno__Order__Refused *from = envelope->refused;

    idn_take_enum(check, "code", (int)from->code, IDN_REFUSED_UNSUPPORTED, IDN_REFUSED_COUNT - 1,
        &to->u.refused.code);
    idn_take_text(check, "text", from->text, to->u.refused.text, sizeof(to->u.refused.text));
}

static void take_lease(struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    const Idunno__Order__Lease *from = envelope->lease;

    idn_take_lease(check, IDN_REQUIRED, from->id, &to->u.lease.id);
    idn_take_key(check, "bytes of job", &from->job, &to->u.lease.job);
    idn_take_name(check, "model", IDN_REQUIRED, from->model, to->u.lease.model);
    idn_take_name(check, "dataset", IDN_OPTIONAL, from->dataset, to->u.lease.dataset);
    idn_take_sha256(check, "bytes of model_digest", &from->model_digest, &to->u.lease.model_digest);
    idn_take_sha256(check, "bytes of list_digest", &from->list_digest, &to->u.lease.list_digest);
    to->u.lease.list_bytes = from->list_bytes;
    idn_take_span(check, from->first, from->count, &to->u.lease.first, &to->u.lease.count);
    to->u.lease.alone = from->alone != 0;
    idn_check_range(check, "first_slice", from->first_slice, 1, UINT32_MAX);
    to->u.lease.first_slice = from->first_slice;
    to->u.lease.spec_hash = from->spec_hash;
}

static void take_trim(struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    idn_take_lease(check, IDN_REQUIRED, envelope->trim->id, &to->u.trim.id);
    to->u.trim.keep = envelope->trim->keep;
}

static void take_ack(struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    (void)check;
    to->u.ack.number = envelope->ack->number;
}

static void take_list_part(
    struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    const Idunno__Order__ListPart *from = envelope->list_part;

    idn_take_key(check, "bytes of job", &from->job, &to->u.list_part.job);
    to->u.list_part.offset = from->offset;
    to->u.list_part.total = from->total;
    to->u.list_part.bytes = from->bytes.data;
    if (from->bytes.len > 0)
        idn_take_part(check, from->offset, from->total, from->bytes.len, &to->u.list_part.size);
}

static void take_hello_again(
    struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to)
{
    (void)check;
    (void)envelope;
    (void)to;
}

// ---- the types

static const struct {
    const char *name;
    void (*put)(struct idn_arena *arena, const struct idn_order *message, Idunno__Order *envelope);
    void (*take)(struct idn_check *check, const Idunno__Order *envelope, struct idn_order *to);
} types[] = {
    [IDN_ORDER_WELCOME] = {"WELCOME", put_welcome, take_welcome},
    [IDN_ORDER_REFUSED] = {"REFUSED", put_refused, take_refused},
    [IDN_ORDER_LEASE] = {"LEASE", put_lease, take_lease},
    [IDN_ORDER_TRIM] = {"TRIM", put_trim, take_trim},
    [IDN_ORDER_ACK] = {"ACK", put_ack, take_ack},
    [IDN_ORDER_LIST_PART] = {"LIST_PART", put_list_part, take_list_part},
    [IDN_ORDER_HELLO_AGAIN] = {"HELLO_AGAIN", put_hello_again, take_hello_again},
};
enum { TYPES = sizeof(types) / sizeof(*types) - 1 };

struct idn_bytes idn_encode_order(struct idn_codec *codec, const struct idn_order *message)
{
    Idunno__Order envelope = IDUNNO__ORDER__INIT;

    IDN_ASSERT(message->type >= 1 && message->type <= TYPES);
    idn_arena_reset(&codec->encoded, IDN_ARENA_BYTES);
    envelope.epoch = idn_put_epoch(&codec->encoded, message->epoch);
    envelope.nonce = message->nonce;
    types[message->type].put(&codec->encoded, message, &envelope);
    envelope.body_case = (Idunno__Order__BodyCase)(IDN_BODY_BASE + message->type);
    return idn_codec_pack(codec, &envelope.base, IDN_WORKER_MESSAGE_BYTES_MAX);
}

int idn_decode_order(struct idn_codec *codec, const void *data, size_t size, struct idn_order *ret,
    struct idn_reason *reason)
{
    struct idn_check check = {.message = "order", .reason = reason};
    struct idn_order *message = &codec->scratch.order;
    const Idunno__Order *envelope = idn_codec_unpack(
        codec, &idunno__order__descriptor, data, size, IDN_WORKER_MESSAGE_BYTES_MAX, &check);
    int result;

    if (envelope == NULL)
        return IDN_DECODE_MALFORMED;
    memset(message, 0, sizeof(*message));
    idn_take_epoch(&check, envelope->epoch, &message->epoch);
    message->nonce = envelope->nonce;
    message->type = idn_codec_body(
        &envelope->base, envelope->body_case, envelope->welcome, TYPES, &check, &result);
    if (message->type == 0)
        return result;
    check.message = types[message->type].name;
    types[message->type].take(&check, envelope, message);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *message;
    return 0;
}
