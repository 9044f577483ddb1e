// What workers say. Every type has one function for each direction; the table at the end leads to
// them.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

// ---- encode

static Idunno__WorkerMessage__Holding **put_holdings(
    struct idn_arena *arena, const struct idn_holding *holding, uint32_t count, uint32_t most)
{
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    Idunno__WorkerMessage__Holding **to = idn_arena_take(arena, count * sizeof(*to));

    IDN_ASSERT(count <= most && to != NULL);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = idn_put_message(arena, &idunno__worker_message__holding__descriptor);
        to[i]->name = idn_put_name(arena, holding[i].name);
        to[i]->digest = idn_put_sha256(arena, &holding[i].digest);
        to[i]->lack = (Idunno__Lack)holding[i].lack;
    }
    return to;
}

static Idunno__WorkerMessage__HeldLease **put_held_leases(
    struct idn_arena *arena, const struct idn_held_lease *lease, uint32_t count)
{
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    Idunno__WorkerMessage__HeldLease **to = idn_arena_take(arena, count * sizeof(*to));

    IDN_ASSERT(count <= IDN_WORKER_LEASES_MAX && to != NULL);
    for (uint32_t i = 0; i < count; i++) {
        to[i] = idn_put_message(arena, &idunno__worker_message__held_lease__descriptor);
        to[i]->id = idn_put_lease(arena, lease[i].id);
        to[i]->job = idn_put_key(arena, &lease[i].job);
        to[i]->first = lease[i].first;
        to[i]->count = lease[i].count;
        to[i]->done = lease[i].done;
        to[i]->spec_hash = lease[i].spec_hash;
    }
    return to;
}

static void put_hello(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    Idunno__WorkerMessage__Hello *to =
        idn_put_message(arena, &idunno__worker_message__hello__descriptor);

    to->lowest = message->u.hello.lowest;
    to->highest = message->u.hello.highest;
    to->name = idn_put_name(arena, message->u.hello.name);
    to->class_name = idn_put_text(arena, message->u.hello.class_name);
    to->class_hash = message->u.hello.class_hash;
    to->threads = message->u.hello.threads;
    to->reports_from = message->u.hello.reports_from;
    to->n_model = message->u.hello.models;
    to->model =
        put_holdings(arena, message->u.hello.model, message->u.hello.models, IDN_MODELS_MAX);
    to->n_dataset = message->u.hello.datasets;
    to->dataset =
        put_holdings(arena, message->u.hello.dataset, message->u.hello.datasets, IDN_DATASETS_MAX);
    to->n_lease = message->u.hello.leases;
    to->lease = put_held_leases(arena, message->u.hello.lease, message->u.hello.leases);
    envelope->hello = to;
}

static void put_report(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    uint32_t count = message->u.report.count, in_child = message->u.report.in_child;
    Idunno__WorkerMessage__Report *to =
        idn_put_message(arena, &idunno__worker_message__report__descriptor);

    IDN_ASSERT(count <= IDN_REPORT_ROWS_MAX && in_child <= IDN_CHILD_IMAGES_MAX);
    to->number = message->u.report.number;
    to->lease = idn_put_lease(arena, message->u.report.lease);
    to->job = idn_put_key(arena, &message->u.report.job);
    to->rows = idn_put_bytes(arena, message->u.report.rows, (size_t)count * IDN_ROW_BYTES);
    to->class_hash = message->u.report.class_hash;
    to->compute_us = message->u.report.compute_us;
    to->end = (Idunno__WorkerMessage__End)message->u.report.end;
    to->death = (Idunno__Death)message->u.report.death;
    to->alone = message->u.report.alone != 0;
    to->n_in_child = in_child;
    to->in_child = idn_put_u32s(arena, message->u.report.image, in_child);
    to->text = idn_put_text(arena, message->u.report.text);
    to->spec_hash = message->u.report.spec_hash;
    envelope->report = to;
}

static void put_trimmed(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    envelope->trimmed = idn_put_message(arena, &idunno__worker_message__trimmed__descriptor);
    envelope->trimmed->lease = idn_put_lease(arena, message->u.trimmed.lease);
    envelope->trimmed->kept = message->u.trimmed.kept;
}

static void put_stale(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    envelope->stale = idn_put_message(arena, &idunno__worker_message__stale__descriptor);
    envelope->stale->obeyed = idn_put_epoch(arena, message->u.stale.obeyed);
}

static void put_list_get(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    envelope->list_get = idn_put_message(arena, &idunno__worker_message__list_get__descriptor);
    envelope->list_get->job = idn_put_key(arena, &message->u.list_get.job);
    envelope->list_get->offset = message->u.list_get.offset;
}

static void put_goodbye(struct idn_arena *arena, const struct idn_worker_message *message,
    Idunno__WorkerMessage *envelope)
{
    (void)message;
    envelope->goodbye = idn_put_message(arena, &idunno__worker_message__goodbye__descriptor);
}

// ---- decode

static void take_holdings(struct idn_check *check, const char *field,
    Idunno__WorkerMessage__Holding *const *from, size_t count, uint32_t most, uint32_t *ret_count,
    struct idn_holding *to)
{
    idn_check_range(check, field, count, 0, most);
    if (check->failed)
        return;
    *ret_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        idn_take_name(check, field, IDN_REQUIRED, from[i]->name, to[i].name);
        idn_take_sha256(check, "bytes of digest", &from[i]->digest, &to[i].digest);
        idn_take_enum(
            check, "lack", (int)from[i]->lack, IDN_LACK_NONE, IDN_LACK_OTHER, &to[i].lack);
    }
}

static void take_held_leases(struct idn_check *check, const Idunno__WorkerMessage__Hello *from,
    struct idn_worker_message *to)
{
    idn_check_range(check, "leases", from->n_lease, 0, IDN_WORKER_LEASES_MAX);
    if (check->failed)
        return;
    to->u.hello.leases = (uint32_t)from->n_lease;
    for (size_t i = 0; i < from->n_lease; i++) {
        const Idunno__WorkerMessage__HeldLease *held = from->lease[i];
        struct idn_held_lease *lease = &to->u.hello.lease[i];

        idn_take_lease(check, IDN_REQUIRED, held->id, &lease->id);
        idn_take_key(check, "bytes of job", &held->job, &lease->job);
        idn_take_span(check, held->first, held->count, &lease->first, &lease->count);
        idn_check_range(check, "done", held->done, 0, held->count);
        lease->done = held->done;
        lease->spec_hash = held->spec_hash;
    }
}

static void take_hello(
    struct idn_check *check, const Idunno__WorkerMessage *envelope, struct idn_worker_message *to)
{
    const Idunno__WorkerMessage__Hello *from = envelope->hello;

    to->u.hello.lowest = from->lowest;
    to->u.hello.highest = from->highest;
    idn_take_name(check, "name", IDN_REQUIRED, from->name, to->u.hello.name);
    idn_take_class(check, IDN_REQUIRED, from->class_name, to->u.hello.class_name);
    to->u.hello.class_hash = from->class_hash;
    to->u.hello.threads = from->threads;
    to->u.hello.reports_from = from->reports_from;
    take_holdings(check, "model", from->model, from->n_model, IDN_MODELS_MAX, &to->u.hello.models,
        to->u.hello.model);
    take_holdings(check, "dataset", from->dataset, from->n_dataset, IDN_DATASETS_MAX,
        &to->u.hello.datasets, to->u.hello.dataset);
    take_held_leases(check, from, to);
}

static void take_report(
    struct idn_check *check, const Idunno__WorkerMessage *envelope, struct idn_worker_message *to)
{
    const Idunno__WorkerMessage__Report *from = envelope->report;

    idn_check_range(check, "number", from->number, 1, UINT64_MAX);
    to->u.report.number = from->number;
    idn_take_lease(check, IDN_REQUIRED, from->lease, &to->u.report.lease);
    idn_take_key(check, "bytes of job", &from->job, &to->u.report.job);
    idn_take_rows(check, from->rows.data, from->rows.len, IDN_REPORT_ROWS_MAX, &to->u.report.count,
        &to->u.report.rows);
    to->u.report.class_hash = from->class_hash;
    to->u.report.compute_us = from->compute_us;
    idn_take_enum(
        check, "end", (int)from->end, IDN_END_NONE, IDN_END_UNAVAILABLE, &to->u.report.end);
    idn_take_enum(
        check, "death", (int)from->death, IDN_DEATH_NONE, IDN_DEATH_COUNT - 1, &to->u.report.death);
    to->u.report.alone = from->alone != 0;
    idn_take_images(
        check, from->in_child, from->n_in_child, &to->u.report.in_child, to->u.report.image);
    idn_take_text(check, "text", from->text, to->u.report.text, sizeof(to->u.report.text));
    to->u.report.spec_hash = from->spec_hash;
}

static void take_trimmed(
    struct idn_check *check, const Idunno__WorkerMessage *from, struct idn_worker_message *to)
{
    idn_take_lease(check, IDN_REQUIRED, from->trimmed->lease, &to->u.trimmed.lease);
    to->u.trimmed.kept = from->trimmed->kept;
}

static void take_stale(
    struct idn_check *check, const Idunno__WorkerMessage *from, struct idn_worker_message *to)
{
    idn_take_epoch(check, from->stale->obeyed, &to->u.stale.obeyed);
}

static void take_list_get(
    struct idn_check *check, const Idunno__WorkerMessage *from, struct idn_worker_message *to)
{
    idn_take_key(check, "bytes of job", &from->list_get->job, &to->u.list_get.job);
    to->u.list_get.offset = from->list_get->offset;
}

static void take_goodbye(
    struct idn_check *check, const Idunno__WorkerMessage *from, struct idn_worker_message *to)
{
    (void)check;
    (void)from;
    (void)to;
}

// ---- the types

static const struct {
    const char *name;
    void (*put)(struct idn_arena *arena, const struct idn_worker_message *message,
        Idunno__WorkerMessage *envelope);
    void (*take)(
        struct idn_check *check, const Idunno__WorkerMessage *from, struct idn_worker_message *to);
} types[] = {
    [IDN_WORKER_HELLO] = {"HELLO", put_hello, take_hello},
    [IDN_WORKER_REPORT] = {"REPORT", put_report, take_report},
    [IDN_WORKER_TRIMMED] = {"TRIMMED", put_trimmed, take_trimmed},
    [IDN_WORKER_STALE] = {"STALE", put_stale, take_stale},
    [IDN_WORKER_LIST_GET] = {"LIST_GET", put_list_get, take_list_get},
    [IDN_WORKER_GOODBYE] = {"GOODBYE", put_goodbye, take_goodbye},
};
enum { TYPES = sizeof(types) / sizeof(*types) - 1 };

struct idn_bytes idn_encode_worker(
    struct idn_codec *codec, const struct idn_worker_message *message)
{
    Idunno__WorkerMessage envelope = IDUNNO__WORKER_MESSAGE__INIT;

    IDN_ASSERT(message->type >= 1 && message->type <= TYPES);
    idn_arena_reset(&codec->encoded, IDN_ARENA_BYTES);
    envelope.nonce = message->nonce;
    types[message->type].put(&codec->encoded, message, &envelope);
    envelope.body_case = (Idunno__WorkerMessage__BodyCase)(IDN_BODY_BASE + message->type);
    return idn_codec_pack(codec, &envelope.base, IDN_WORKER_MESSAGE_BYTES_MAX);
}

int idn_decode_worker(struct idn_codec *codec, const void *data, size_t size,
    struct idn_worker_message *ret, uint64_t *ret_nonce, struct idn_reason *reason)
{
    struct idn_check check = {.message = "worker message", .reason = reason};
    struct idn_worker_message *message = &codec->scratch.worker;
    const Idunno__WorkerMessage *envelope = idn_codec_unpack(codec,
        &idunno__worker_message__descriptor, data, size, IDN_WORKER_MESSAGE_BYTES_MAX, &check);
    int result;

    if (ret_nonce != NULL)
        *ret_nonce = envelope != NULL ? envelope->nonce : idn_codec_peek(data, size);
    if (envelope == NULL)
        return IDN_DECODE_MALFORMED;
    memset(message, 0, sizeof(*message));
    message->nonce = envelope->nonce;
    message->type = idn_codec_body(
        &envelope->base, envelope->body_case, envelope->hello, TYPES, &check, &result);
    if (message->type == 0)
        return result;
    check.message = types[message->type].name;
    types[message->type].take(&check, envelope, message);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *message;
    return 0;
}
