// Bodies of facts, for the store and the mirror link:
//
//   4 bytes   size of the head, little-endian
//   head      a protobuf message by the fact's kind (proto/idunno.proto)
//   the rest  rows of RESULTS, bytes of LIST_PART; borrowed, not copied, when decoded
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

enum { PREFIX_BYTES = 4 };

// What follows the head.
struct tail {
    const uint8_t *bytes;
    size_t size;
};

// ---- encode: the head

static void put_accepted(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactAccepted *head = message;

    head->spec = idn_put_spec(arena, &fact->u.accepted);
}

static void put_results(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactResults *head = message;

    head->class_hash = fact->u.results.class_hash;
    head->compute_us = fact->u.results.compute_us;
    head->spec_hash = fact->u.results.spec_hash;
    head->worker = idn_put_name(arena, fact->u.results.worker);
}

static void put_quarantined(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactQuarantined *head = message;

    head->image = fact->u.quarantined.image;
    head->generation = fact->u.quarantined.generation;
    head->spec_hash = fact->u.quarantined.spec_hash;
    head->reason = (Idunno__Death)fact->u.quarantined.reason;
    head->worker = idn_put_name(arena, fact->u.quarantined.worker);
}

static void put_lifted(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactLifted *head = message;

    (void)arena;
    head->generation = fact->u.lifted.generation;
}

static void put_setting(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactSetting *head = message;

    head->key = idn_put_text(arena, fact->u.setting.key);
    head->value = idn_put_text(arena, fact->u.setting.value);
}

static void put_list_part(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    Idunno__FactListPart *head = message;

    (void)arena;
    head->offset = fact->u.list_part.offset;
    head->total = fact->u.list_part.total;
}

static void put_nothing(struct idn_arena *arena, const struct idn_fact *fact, void *message)
{
    (void)arena;
    (void)fact;
    (void)message;
}

static struct tail tail_of(const struct idn_fact *fact)
{
    struct tail tail = {NULL, 0};

    if (fact->kind == IDN_FACT_RESULTS) {
        IDN_ASSERT(fact->u.results.count <= IDN_REPORT_ROWS_MAX);
        tail.bytes = fact->u.results.rows;
        tail.size = (size_t)fact->u.results.count * IDN_ROW_BYTES;
    } else if (fact->kind == IDN_FACT_LIST_PART) {
        IDN_ASSERT(fact->u.list_part.size <= IDN_LIST_PART_BYTES);
        tail.bytes = fact->u.list_part.bytes;
        tail.size = fact->u.list_part.size;
    }
    return tail;
}

// ---- decode

static void take_accepted(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactAccepted *head = message;

    (void)tail;
    idn_take_spec(check, head->spec, &fact->u.accepted);
}

static void take_results(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactResults *head = message;

    idn_take_rows(check, tail.bytes, tail.size, IDN_REPORT_ROWS_MAX, &fact->u.results.count,
        &fact->u.results.rows);
    fact->u.results.class_hash = head->class_hash;
    fact->u.results.compute_us = head->compute_us;
    fact->u.results.spec_hash = head->spec_hash;
    idn_take_name(check, "worker", IDN_OPTIONAL, head->worker, fact->u.results.worker);
}

static void take_quarantined(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactQuarantined *head = message;

    (void)tail;
    fact->u.quarantined.image = head->image;
    fact->u.quarantined.generation = head->generation;
    fact->u.quarantined.spec_hash = head->spec_hash;
    idn_take_enum(check, "reason", (int)head->reason, IDN_DEATH_NONE, IDN_DEATH_COUNT - 1,
        &fact->u.quarantined.reason);
    idn_take_name(check, "worker", IDN_OPTIONAL, head->worker, fact->u.quarantined.worker);
}

static void take_lifted(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactLifted *head = message;

    (void)check;
    (void)tail;
    fact->u.lifted.generation = head->generation;
}

static void take_setting(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactSetting *head = message;

    (void)tail;
    idn_take_setting(check, head->key, head->value, fact->u.setting.key, fact->u.setting.value);
}

static void take_list_part(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    const Idunno__FactListPart *head = message;

    fact->u.list_part.offset = head->offset;
    fact->u.list_part.total = head->total;
    fact->u.list_part.bytes = tail.bytes;
    idn_take_part(check, head->offset, head->total, tail.size, &fact->u.list_part.size);
}

static void take_nothing(
    struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact)
{
    (void)check;
    (void)message;
    (void)tail;
    (void)fact;
}

// ---- the kinds

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *head;
    void (*put)(struct idn_arena *arena, const struct idn_fact *fact, void *message);
    void (*take)(
        struct idn_check *check, const void *message, struct tail tail, struct idn_fact *fact);
    bool has_tail;
} kinds[] = {
    // clang-format off
    [IDN_FACT_REIGN] = {"REIGN", &idunno__fact_reign__descriptor, put_nothing, take_nothing, false},
    [IDN_FACT_ACCEPTED] = {"ACCEPTED", &idunno__fact_accepted__descriptor,
        put_accepted, take_accepted, false},
    [IDN_FACT_RESULTS] = {"RESULTS", &idunno__fact_results__descriptor,
        put_results, take_results, true},
    [IDN_FACT_QUARANTINED] = {"QUARANTINED", &idunno__fact_quarantined__descriptor,
        put_quarantined, take_quarantined, false},
    [IDN_FACT_LIFTED] = {"LIFTED", &idunno__fact_lifted__descriptor,
        put_lifted, take_lifted, false},
    [IDN_FACT_CANCELLED] = {"CANCELLED", &idunno__fact_cancelled__descriptor,
        put_nothing, take_nothing, false},
    [IDN_FACT_SETTING] = {"SETTING", &idunno__fact_setting__descriptor,
        put_setting, take_setting, false},
    [IDN_FACT_FORGOTTEN] = {"FORGOTTEN", &idunno__fact_forgotten__descriptor,
        put_nothing, take_nothing, false},
    [IDN_FACT_LIST_PART] = {"LIST_PART", &idunno__fact_list_part__descriptor,
        put_list_part, take_list_part, true},
    // clang-format on
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) - 1 };

struct idn_bytes idn_encode_fact_body(struct idn_codec *codec, const struct idn_fact *fact)
{
    struct tail tail = tail_of(fact);
    uint8_t *out = codec->out;
    ProtobufCMessage *message;
    size_t head;

    IDN_ASSERT(fact->kind >= 1 && fact->kind <= KINDS);
    idn_arena_reset(&codec->encoded, IDN_ARENA_BYTES);
    message = idn_put_message(&codec->encoded, kinds[fact->kind].head);
    kinds[fact->kind].put(&codec->encoded, fact, message);
    head = protobuf_c_message_pack(message, out + PREFIX_BYTES);
    for (int i = 0; i < PREFIX_BYTES; i++)
        out[i] = (uint8_t)(head >> (8 * i));
    if (tail.size > 0)
        memcpy(out + PREFIX_BYTES + head, tail.bytes, tail.size);
    return (struct idn_bytes){.data = out, .size = PREFIX_BYTES + head + tail.size};
}

// The size of the head, at most what is there.
static size_t take_prefix(struct idn_check *check, const uint8_t *data, size_t size)
{
    size_t head = 0;

    idn_check_range(check, "size in bytes", size, PREFIX_BYTES, IDN_FACT_BODY_BYTES_MAX);
    if (check->failed)
        return 0;
    for (int i = PREFIX_BYTES - 1; i >= 0; i--)
        head = head << 8 | data[i];
    idn_check_range(check, "size of the head", head, 0, size - PREFIX_BYTES);
    return head;
}

bool idn_fact_kind_is_known(uint32_t kind)
{
    return kind >= 1 && kind <= KINDS;
}

void idn_take_fact_body(struct idn_codec *codec, struct idn_check *check, const uint8_t *body,
    size_t size, struct idn_fact *fact)
{
    const void *message;

    check->message = kinds[fact->kind].name;
    size_t head = take_prefix(check, body, size);
    if (check->failed)
        return;
    const uint8_t *at = body + PREFIX_BYTES;
    struct tail tail = {.bytes = at + head, .size = size - PREFIX_BYTES - head};
    if (tail.size > 0 && !kinds[fact->kind].has_tail)
        idn_check_refuse(check, "bytes", "follow its head");
    memset(&fact->u, 0, sizeof(fact->u));
    message = idn_codec_unpack_more(codec, kinds[fact->kind].head, at, head, check);
    if (message != NULL)
        kinds[fact->kind].take(check, message, tail, fact);
}

int idn_decode_fact_body(struct idn_codec *codec, const void *data, size_t size,
    struct idn_fact *fact, struct idn_reason *reason)
{
    struct idn_check check = {.message = "fact", .reason = reason};
    struct idn_fact *decoded = &codec->scratch.fact;

    if (!idn_fact_kind_is_known(fact->kind)) {
        idn_check_refuse(&check, "kind", "is unknown to this version");
        return IDN_DECODE_UNSUPPORTED;
    }
    *decoded = *fact;
    idn_arena_reset(&codec->decoded, IDN_ARENA_FACTOR * IDN_CLIENT_MESSAGE_BYTES_MAX);
    idn_take_fact_body(codec, &check, data, size, decoded);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *fact = *decoded;
    return 0;
}
