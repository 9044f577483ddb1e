// Replies to clients. Every type has one function for each direction; the table at the end leads
// to them. A page's items are converted into the decoding arena and live as long as the message.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

// ---- encode

static void put_welcome(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->welcome = idn_put_message(arena, &idunno__reply__welcome__descriptor);
    to->welcome->version = message->u.welcome.version;
    to->welcome->broker = idn_put_name(arena, message->u.welcome.broker);
    to->welcome->role = (Idunno__Role)message->u.welcome.role;
    to->welcome->epoch = idn_put_epoch(arena, message->u.welcome.epoch);
}

static void put_refused(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->refused = idn_put_message(arena, &idunno__reply__refused__descriptor);
    to->refused->code = (Idunno__Refusal)message->u.refused.code;
    to->refused->text = idn_put_text(arena, message->u.refused.text);
}

static void put_accepted(
    struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->accepted = idn_put_message(arena, &idunno__reply__accepted__descriptor);
    to->accepted->job = idn_put_key(arena, &message->u.accepted.job);
    to->accepted->durable = message->u.accepted.durable;
}

static void put_uploaded(
    struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->uploaded = idn_put_message(arena, &idunno__reply__uploaded__descriptor);
    to->uploaded->offset = message->u.uploaded.offset;
}

static void put_job(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->job = idn_put_job(arena, &message->u.job);
}

void *idn_put_items(struct idn_arena *arena, uint32_t count, uint32_t most)
{
    void *items = idn_arena_take(arena, count * sizeof(void *));

    IDN_ASSERT(count <= most && items != NULL);
    return items;
}

static void put_jobs(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.jobs.count;

    to->jobs = idn_put_message(arena, &idunno__reply__jobs__descriptor);
    to->jobs->cursor = message->u.jobs.cursor;
    to->jobs->n_item = count;
    to->jobs->item = idn_put_items(arena, count, IDN_PAGE_JOBS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->jobs->item[i] = idn_put_job(arena, &message->u.jobs.item[i]);
}

static void put_workers(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.workers.count;

    to->workers = idn_put_message(arena, &idunno__reply__workers__descriptor);
    to->workers->cursor = message->u.workers.cursor;
    to->workers->n_item = count;
    to->workers->item = idn_put_items(arena, count, IDN_PAGE_WORKERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->workers->item[i] = idn_put_worker(arena, &message->u.workers.item[i]);
}

static Idunno__Reply__Entries *put_entries(struct idn_arena *arena, const struct idn_reply *message)
{
    Idunno__Reply__Entries *to = idn_put_message(arena, &idunno__reply__entries__descriptor);
    uint32_t count = message->u.entries.count;

    to->cursor = message->u.entries.cursor;
    to->n_item = count;
    to->item = idn_put_items(arena, count, IDN_PAGE_WORKERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->item[i] = idn_put_entry(arena, &message->u.entries.item[i]);
    return to;
}

static void put_models(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->models = put_entries(arena, message);
}

static void put_datasets(
    struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    to->datasets = put_entries(arena, message);
}

static Idunno__Reply__Peer *put_peer(struct idn_arena *arena, const struct idn_peer_info *peer)
{
    Idunno__Reply__Peer *to;

    if (!peer->configured)
        return NULL;
    to = idn_put_message(arena, &idunno__reply__peer__descriptor);
    to->broker = idn_put_name(arena, peer->broker);
    to->role = (Idunno__Role)peer->role;
    to->epoch = idn_put_epoch(arena, peer->epoch);
    to->in_sight = peer->in_sight;
    to->exchanged = peer->exchanged;
    to->in_sync = peer->in_sync;
    to->silent_ms = peer->silent_ms;
    to->lag_facts = peer->lag_facts;
    return to;
}

static void put_status(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    const struct idn_status_info *status = &message->u.status;

    to->status = idn_put_message(arena, &idunno__reply__status__descriptor);
    to->status->broker = idn_put_name(arena, status->broker);
    to->status->role = (Idunno__Role)status->role;
    to->status->epoch = idn_put_epoch(arena, status->epoch);
    to->status->uptime_ms = status->uptime_ms;
    to->status->version = idn_put_name(arena, status->version);
    to->status->policy = idn_put_name(arena, status->policy);
    to->status->workers = status->workers;
    to->status->workers_busy = status->workers_busy;
    to->status->jobs_open = status->jobs_open;
    to->status->jobs_known = status->jobs_known;
    to->status->images_pending = status->images_pending;
    to->status->images_in_flight = status->images_in_flight;
    to->status->images_per_s = status->images_per_s;
    to->status->facts = status->facts;
    to->status->store_bytes = status->store_bytes;
    to->status->free_bytes = status->free_bytes;
    to->status->disk_low = status->disk_low;
    to->status->workers_drained = status->workers_drained;
    to->status->refuses_jobs = status->refuses_jobs;
    to->status->mirror_required = status->mirror_required;
    to->status->models_hash = status->models_hash;
    to->status->datasets_hash = status->datasets_hash;
    to->status->peer = put_peer(arena, &status->peer);
    to->status->damaged_row = status->damaged_row;
}

static void put_results(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.results.count;

    IDN_ASSERT(count <= IDN_PAGE_ROWS_MAX);
    to->results = idn_put_message(arena, &idunno__reply__results__descriptor);
    to->results->job = idn_put_key(arena, &message->u.results.job);
    to->results->next = message->u.results.next;
    to->results->rows =
        idn_put_bytes(arena, message->u.results.rows, (size_t)count * IDN_ROW_BYTES);
    to->results->conflicts = message->u.results.conflicts;
}

// ---- decode

static void take_welcome(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    to->u.welcome.version = from->welcome->version;
    idn_take_name(check, "broker", IDN_REQUIRED, from->welcome->broker, to->u.welcome.broker);
    idn_take_enum(check, "role", (int)from->welcome->role, IDN_ROLE_LEARNER, IDN_ROLE_ALONE,
        &to->u.welcome.role);
    idn_take_epoch(check, from->welcome->epoch, &to->u.welcome.epoch);
}

static void take_refused(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    idn_take_enum(check, "code", (int)from->refused->code, IDN_REFUSED_UNSUPPORTED,
        IDN_REFUSED_COUNT - 1, &to->u.refused.code);
    idn_take_text(
        check, "text", from->refused->text, to->u.refused.text, sizeof(to->u.refused.text));
}

static void take_accepted(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    idn_take_key(check, "bytes of job", &from->accepted->job, &to->u.accepted.job);
    idn_check_range(check, "durable", from->accepted->durable, 0, IDN_BROKERS_MAX);
    to->u.accepted.durable = from->accepted->durable;
}

static void take_uploaded(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    (void)check;
    to->u.uploaded.offset = from->uploaded->offset;
}

static void take_job(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    idn_take_job(check, from->job, &to->u.job);
}

void *idn_take_items(struct idn_check *check, size_t count, uint32_t most, size_t size)
{
    void *items = NULL;

    idn_check_range(check, "items", count, 0, most);
    if (!check->failed)
        items = idn_arena_take(check->arena, count * size);
    if (!check->failed && items == NULL)
        idn_check_refuse(check, "items", "need too much memory");
    return items;
}

static void take_jobs(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    size_t count = from->jobs->n_item;
    struct idn_job_info *item = idn_take_items(check, count, IDN_PAGE_JOBS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        idn_take_job(check, from->jobs->item[i], &item[i]);
    to->u.jobs.count = (uint32_t)count;
    to->u.jobs.cursor = from->jobs->cursor;
    to->u.jobs.item = item;
}

static void take_workers(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    size_t count = from->workers->n_item;
    struct idn_worker_info *item =
        idn_take_items(check, count, IDN_PAGE_WORKERS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        idn_take_worker(check, from->workers->item[i], &item[i]);
    to->u.workers.count = (uint32_t)count;
    to->u.workers.cursor = from->workers->cursor;
    to->u.workers.item = item;
}

static void take_entries(
    struct idn_check *check, const Idunno__Reply__Entries *from, struct idn_reply *to)
{
    size_t count = from->n_item;
    struct idn_entry_info *item = idn_take_items(check, count, IDN_PAGE_WORKERS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        idn_take_entry(check, from->item[i], &item[i]);
    to->u.entries.count = (uint32_t)count;
    to->u.entries.cursor = from->cursor;
    to->u.entries.item = item;
}

static void take_models(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    take_entries(check, from->models, to);
}

static void take_datasets(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    take_entries(check, from->datasets, to);
}

static void take_peer(
    struct idn_check *check, const Idunno__Reply__Peer *from, struct idn_peer_info *to)
{
    if (from == NULL)
        return;
    to->configured = true;
    idn_take_name(check, "peer's name", IDN_OPTIONAL, from->broker, to->broker);
    idn_take_enum(check, "peer's role", (int)from->role, 0, IDN_ROLE_ALONE, &to->role);
    idn_take_epoch(check, from->epoch, &to->epoch);
    to->in_sight = from->in_sight;
    to->exchanged = from->exchanged;
    to->in_sync = from->in_sync;
    to->silent_ms = from->silent_ms;
    to->lag_facts = from->lag_facts;
}

static void take_status(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    const Idunno__Reply__Status *status = from->status;
    struct idn_status_info *info = &to->u.status;

    idn_take_name(check, "broker", IDN_REQUIRED, status->broker, info->broker);
    idn_take_enum(check, "role", (int)status->role, IDN_ROLE_LEARNER, IDN_ROLE_ALONE, &info->role);
    idn_take_epoch(check, status->epoch, &info->epoch);
    info->uptime_ms = status->uptime_ms;
    idn_take_name(check, "version", IDN_OPTIONAL, status->version, info->version);
    idn_take_name(check, "policy", IDN_OPTIONAL, status->policy, info->policy);
    info->workers = status->workers;
    info->workers_busy = status->workers_busy;
    info->jobs_open = status->jobs_open;
    info->jobs_known = status->jobs_known;
    info->images_pending = status->images_pending;
    info->images_in_flight = status->images_in_flight;
    idn_take_rate(check, "images_per_s", status->images_per_s, &info->images_per_s);
    info->facts = status->facts;
    info->store_bytes = status->store_bytes;
    info->free_bytes = status->free_bytes;
    info->disk_low = status->disk_low;
    info->workers_drained = status->workers_drained;
    info->refuses_jobs = status->refuses_jobs;
    info->mirror_required = status->mirror_required;
    info->models_hash = status->models_hash;
    info->datasets_hash = status->datasets_hash;
    take_peer(check, status->peer, &info->peer);
    info->damaged_row = status->damaged_row;
}

static void take_results(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    const Idunno__Reply__Results *results = from->results;

    idn_take_key(check, "bytes of job", &results->job, &to->u.results.job);
    to->u.results.next = results->next;
    idn_take_rows(check, results->rows.data, results->rows.len, IDN_PAGE_ROWS_MAX,
        &to->u.results.count, &to->u.results.rows);
    to->u.results.conflicts = results->conflicts;
}

// ---- the types

static const struct {
    const char *name;
    void (*put)(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to);
    void (*take)(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to);
} types[] = {
    [IDN_REPLY_WELCOME] = {"WELCOME", put_welcome, take_welcome},
    [IDN_REPLY_REFUSED] = {"REFUSED", put_refused, take_refused},
    [IDN_REPLY_ACCEPTED] = {"ACCEPTED", put_accepted, take_accepted},
    [IDN_REPLY_UPLOADED] = {"UPLOADED", put_uploaded, take_uploaded},
    [IDN_REPLY_JOB] = {"JOB", put_job, take_job},
    [IDN_REPLY_JOBS] = {"JOBS", put_jobs, take_jobs},
    [IDN_REPLY_WORKERS] = {"WORKERS", put_workers, take_workers},
    [IDN_REPLY_MODELS] = {"MODELS", put_models, take_models},
    [IDN_REPLY_DATASETS] = {"DATASETS", put_datasets, take_datasets},
    [IDN_REPLY_STATUS] = {"STATUS", put_status, take_status},
    [IDN_REPLY_RESULTS] = {"RESULTS", put_results, take_results},
    [IDN_REPLY_ASSIGNMENT] = {"ASSIGNMENT", idn_put_assignment, idn_take_assignment},
    [IDN_REPLY_WHY] = {"WHY", idn_put_why, idn_take_why},
    [IDN_REPLY_RATES] = {"RATES", idn_put_rates, idn_take_rates},
    [IDN_REPLY_TIMES] = {"TIMES", idn_put_times, idn_take_times},
};
enum { TYPES = sizeof(types) / sizeof(*types) - 1 };

struct idn_bytes idn_encode_reply(struct idn_codec *codec, const struct idn_reply *message)
{
    struct idn_arena *arena = &codec->encoded;
    Idunno__Reply envelope = IDUNNO__REPLY__INIT;

    IDN_ASSERT(message->type >= 1 && message->type <= TYPES);
    idn_arena_reset(arena, IDN_ARENA_BYTES);
    envelope.id = message->id;
    types[message->type].put(arena, message, &envelope);
    envelope.body_case = (Idunno__Reply__BodyCase)(IDN_BODY_BASE + message->type);
    return idn_codec_pack(codec, &envelope.base, IDN_CLIENT_MESSAGE_BYTES_MAX);
}

int idn_decode_reply(struct idn_codec *codec, const void *data, size_t size, struct idn_reply *ret,
    struct idn_reason *reason)
{
    struct idn_check check = {.message = "reply", .reason = reason, .arena = &codec->decoded};
    struct idn_reply *message = &codec->scratch.reply;
    const Idunno__Reply *envelope = idn_codec_unpack(
        codec, &idunno__reply__descriptor, data, size, IDN_CLIENT_MESSAGE_BYTES_MAX, &check);
    int result;

    if (envelope == NULL)
        return IDN_DECODE_MALFORMED;
    memset(message, 0, sizeof(*message));
    message->id = envelope->id;
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
