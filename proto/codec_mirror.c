// Frames of the mirror link. Every type has one function for each direction; the table at the end
// leads to them. What a frame has many of is converted into the decoding arena.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

// ---- encode

static Idunno__Mirror__Hello *put_greeting(
    struct idn_arena *arena, const struct idn_mirror_frame *frame)
{
    Idunno__Mirror__Hello *to = idn_put_message(arena, &idunno__mirror__hello__descriptor);

    to->lowest = frame->u.hello.lowest;
    to->highest = frame->u.hello.highest;
    to->letter = frame->u.hello.letter;
    to->broker = idn_put_name(arena, frame->u.hello.broker);
    to->incarnation = frame->u.hello.incarnation;
    return to;
}

static void put_hello(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    envelope->hello = put_greeting(arena, frame);
}

static void put_welcome(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    envelope->welcome = put_greeting(arena, frame);
}

static void put_vector(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    Idunno__Mirror__Vector *to = idn_put_message(arena, &idunno__mirror__vector__descriptor);
    uint32_t count = frame->u.vector.count;

    IDN_ASSERT(count <= IDN_MIRROR_VECTOR_MAX);
    to->n_incarnation = to->n_last = count;
    to->incarnation = idn_arena_take(arena, count * sizeof(*to->incarnation));
    to->last = idn_arena_take(arena, count * sizeof(*to->last));
    IDN_ASSERT(to->incarnation != NULL && to->last != NULL);
    for (uint32_t i = 0; i < count; i++) {
        to->incarnation[i] = frame->u.vector.item[i].incarnation;
        to->last[i] = frame->u.vector.item[i].last;
    }
    to->end = frame->u.vector.last;
    envelope->vector = to;
}

static Idunno__Mirror__Fact *put_fact(struct idn_arena *arena, const struct idn_stored_fact *item)
{
    Idunno__Mirror__Fact *to = idn_put_message(arena, &idunno__mirror__fact__descriptor);

    IDN_ASSERT(item->size <= IDN_FACT_BODY_BYTES_MAX && !(item->emptied && item->size > 0));
    to->incarnation = item->fact.origin.incarnation;
    to->sequence = item->fact.origin.sequence;
    to->epoch = idn_put_epoch(arena, item->fact.epoch);
    to->kind = item->fact.kind;
    to->job = idn_put_key(arena, &item->fact.job);
    to->wall_ms = item->fact.wall_ms;
    to->body = idn_put_bytes(arena, item->body, item->size);
    to->emptied = item->emptied;
    return to;
}

static void put_facts(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    Idunno__Mirror__Facts *to = idn_put_message(arena, &idunno__mirror__facts__descriptor);
    uint32_t count = frame->u.facts.count;

    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    to->item = idn_arena_take(arena, count * sizeof(*to->item));
    IDN_ASSERT(count <= IDN_MIRROR_FACTS_MAX && to->item != NULL);
    to->n_item = count;
    for (uint32_t i = 0; i < count; i++)
        to->item[i] = put_fact(arena, &frame->u.facts.item[i]);
    to->end = frame->u.facts.end;
    envelope->facts = to;
}

static void put_beat(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    (void)frame;
    envelope->beat = idn_put_message(arena, &idunno__mirror__beat__descriptor);
}

static void put_gone(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    (void)frame;
    envelope->gone = idn_put_message(arena, &idunno__mirror__gone__descriptor);
}

static void put_handover(
    struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope)
{
    envelope->handover = idn_put_message(arena, &idunno__mirror__handover__descriptor);
    envelope->handover->epoch = idn_put_epoch(arena, frame->u.handover.epoch);
    envelope->handover->request = frame->u.handover.request;
}

// ---- decode

static void take_greeting(
    struct idn_check *check, const Idunno__Mirror__Hello *from, struct idn_mirror_frame *to)
{
    to->u.hello.lowest = from->lowest; // idn_negotiate answers every pair
    to->u.hello.highest = from->highest;
    idn_check_range(check, "letter", from->letter, 'a', 'b');
    to->u.hello.letter = from->letter;
    idn_take_name(check, "broker", IDN_REQUIRED, from->broker, to->u.hello.broker);
    idn_check_range(check, "incarnation", from->incarnation, 1, UINT64_MAX);
    to->u.hello.incarnation = from->incarnation;
}

static void take_hello(struct idn_codec *codec, struct idn_check *check, const Idunno__Mirror *from,
    struct idn_mirror_frame *to)
{
    (void)codec;
    take_greeting(check, from->hello, to);
}

static void take_welcome(struct idn_codec *codec, struct idn_check *check,
    const Idunno__Mirror *from, struct idn_mirror_frame *to)
{
    (void)codec;
    take_greeting(check, from->welcome, to);
}

// Room for what a frame has many of; NULL and a failed check when it is too much.
static void *take_items(
    struct idn_codec *codec, struct idn_check *check, size_t count, uint32_t most, size_t size)
{
    void *items = NULL;

    idn_check_range(check, "items", count, 0, most);
    if (!check->failed)
        items = idn_arena_take(&codec->decoded, count * size);
    if (!check->failed && items == NULL)
        idn_check_refuse(check, "items", "need too much memory");
    return items;
}

static void take_vector(struct idn_codec *codec, struct idn_check *check,
    const Idunno__Mirror *from, struct idn_mirror_frame *to)
{
    const Idunno__Mirror__Vector *vector = from->vector;
    size_t count = vector->n_incarnation;
    struct idn_held *item = take_items(codec, check, count, IDN_MIRROR_VECTOR_MAX, sizeof(*item));

    idn_check_range(check, "last", vector->n_last, count, count);
    if (check->failed)
        return;
    for (size_t i = 0; i < count; i++) {
        idn_check_range(check, "incarnation", vector->incarnation[i], 1, UINT64_MAX);
        item[i] = (struct idn_held){.incarnation = vector->incarnation[i], .last = vector->last[i]};
    }
    to->u.vector.count = (uint32_t)count;
    to->u.vector.last = vector->end;
    to->u.vector.item = item;
}

static void take_head(
    struct idn_check *check, const Idunno__Mirror__Fact *from, struct idn_stored_fact *to)
{
    idn_check_range(check, "incarnation", from->incarnation, 1, UINT64_MAX);
    idn_check_range(check, "sequence", from->sequence, 1, UINT64_MAX);
    idn_check_range(check, "kind", from->kind, 1, UINT32_MAX);
    idn_check_range(check, "bytes of a fact", from->body.len, 0, IDN_FACT_BODY_BYTES_MAX);
    if (from->emptied && from->body.len > 0)
        idn_check_refuse(check, "body", "is there though it is said to be emptied");
    idn_take_epoch(check, from->epoch, &to->fact.epoch);
    idn_take_key(check, "bytes of job", &from->job, &to->fact.job);
    to->fact.origin =
        (struct idn_origin){.incarnation = from->incarnation, .sequence = from->sequence};
    to->fact.wall_ms = from->wall_ms;
    to->fact.kind = from->kind;
    to->emptied = from->emptied != 0;
}

static void take_fact(struct idn_codec *codec, struct idn_check *check,
    const Idunno__Mirror__Fact *from, struct idn_stored_fact *to)
{
    const char *frame = check->message;

    take_head(check, from, to);
    if (check->failed)
        return;
    to->body = from->body.data;
    to->size = (uint32_t)from->body.len;
    to->decoded = !to->emptied && idn_fact_kind_is_known(to->fact.kind);
    if (to->decoded)
        idn_take_fact_body(codec, check, to->body, to->size, &to->fact);
    check->message = frame; // not the fact's kind any more
}

static void take_facts(struct idn_codec *codec, struct idn_check *check, const Idunno__Mirror *from,
    struct idn_mirror_frame *to)
{
    const Idunno__Mirror__Facts *facts = from->facts;
    size_t count = facts->n_item;
    struct idn_stored_fact *item =
        take_items(codec, check, count, IDN_MIRROR_FACTS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && !check->failed; i++)
        take_fact(codec, check, facts->item[i], &item[i]);
    to->u.facts.count = (uint32_t)count;
    to->u.facts.end = facts->end;
    to->u.facts.item = item;
}

static void take_nothing(struct idn_codec *codec, struct idn_check *check,
    const Idunno__Mirror *from, struct idn_mirror_frame *to)
{
    (void)codec;
    (void)check;
    (void)from;
    (void)to;
}

static void take_handover(struct idn_codec *codec, struct idn_check *check,
    const Idunno__Mirror *from, struct idn_mirror_frame *to)
{
    (void)codec;
    idn_take_reign(check, from->handover->epoch, &to->u.handover.epoch);
    to->u.handover.request = from->handover->request;
}

// ---- the types

static const struct {
    const char *name;
    uint64_t least, most; // of its number
    void (*put)(
        struct idn_arena *arena, const struct idn_mirror_frame *frame, Idunno__Mirror *envelope);
    void (*take)(struct idn_codec *codec, struct idn_check *check, const Idunno__Mirror *from,
        struct idn_mirror_frame *to);
} types[] = {
    [IDN_MIRROR_HELLO] = {"HELLO", 0, 0, put_hello, take_hello},
    [IDN_MIRROR_WELCOME] = {"WELCOME", 0, 0, put_welcome, take_welcome},
    [IDN_MIRROR_VECTOR] = {"VECTOR", 1, UINT64_MAX, put_vector, take_vector},
    [IDN_MIRROR_FACTS] = {"FACTS", 1, UINT64_MAX, put_facts, take_facts},
    [IDN_MIRROR_BEAT] = {"BEAT", 0, UINT64_MAX, put_beat, take_nothing},
    [IDN_MIRROR_HANDOVER] = {"HANDOVER", 1, UINT64_MAX, put_handover, take_handover},
    [IDN_MIRROR_GONE] = {"GONE", 0, 0, put_gone, take_nothing},
};
enum { TYPES = sizeof(types) / sizeof(*types) - 1 };

struct idn_bytes idn_encode_mirror(struct idn_codec *codec, const struct idn_mirror_frame *frame)
{
    Idunno__Mirror envelope = IDUNNO__MIRROR__INIT;

    IDN_ASSERT(frame->type >= 1 && frame->type <= TYPES);
    IDN_ASSERT(frame->number >= types[frame->type].least);
    IDN_ASSERT(frame->number <= types[frame->type].most);
    idn_arena_reset(&codec->encoded, IDN_ARENA_BYTES);
    envelope.session = frame->session;
    envelope.number = frame->number;
    envelope.durable = frame->durable;
    envelope.role = (Idunno__Role)frame->role;
    envelope.epoch = idn_put_epoch(&codec->encoded, frame->epoch);
    types[frame->type].put(&codec->encoded, frame, &envelope);
    envelope.body_case = (Idunno__Mirror__BodyCase)(IDN_BODY_BASE + frame->type);
    return idn_codec_pack(codec, &envelope.base, IDN_MIRROR_MESSAGE_BYTES_MAX);
}

static void take_header(
    struct idn_check *check, const Idunno__Mirror *from, struct idn_mirror_frame *to)
{
    check->message = types[to->type].name;
    idn_check_range(check, "number", from->number, types[to->type].least, types[to->type].most);
    idn_take_enum(check, "role", (int)from->role, IDN_ROLE_LEARNER, IDN_ROLE_ALONE, &to->role);
    idn_take_epoch(check, from->epoch, &to->epoch);
    to->session = from->session;
    to->number = from->number;
    to->durable = from->durable;
}

int idn_decode_mirror(struct idn_codec *codec, const void *data, size_t size,
    struct idn_mirror_frame *ret, struct idn_reason *reason)
{
    struct idn_check check = {.message = "mirror frame", .reason = reason};
    struct idn_mirror_frame *frame = &codec->scratch.mirror;
    const Idunno__Mirror *envelope = idn_codec_unpack(
        codec, &idunno__mirror__descriptor, data, size, IDN_MIRROR_MESSAGE_BYTES_MAX, &check);
    int result;

    if (envelope == NULL)
        return IDN_DECODE_MALFORMED;
    memset(frame, 0, sizeof(*frame));
    frame->type = idn_codec_body(
        &envelope->base, envelope->body_case, envelope->hello, TYPES, &check, &result);
    if (frame->type == 0)
        return result;
    take_header(&check, envelope, frame);
    if (!check.failed)
        types[frame->type].take(codec, &check, envelope, frame);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *frame;
    return 0;
}
