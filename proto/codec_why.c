// The replies ASSIGNMENT and WHY: what workers have leased, and what holds a job back.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

static_assert(IDN_WHY_COUNT * (IDN_TEXT_SIZE + IDN_WHY_NAMES_MAX * (IDN_NAME_SIZE + 4) + 64) +
                      IDN_WHY_JOBS_MAX * (IDN_NAME_SIZE + 128) + 1024 <=
                  IDN_CLIENT_MESSAGE_BYTES_MAX,
    "the longest WHY fits");

// ---- ASSIGNMENT

static Idunno__LeaseInfo *put_lease(struct idn_arena *arena, const struct idn_lease_info *info)
{
    Idunno__LeaseInfo *to = idn_put_message(arena, &idunno__lease_info__descriptor);

    to->job = idn_put_key(arena, &info->job);
    to->model = idn_put_name(arena, info->model);
    to->first = info->first;
    to->count = info->count;
    to->done = info->done;
    to->held_ms = info->held_ms;
    to->confirmed = info->confirmed;
    to->trimming = info->trimming;
    to->alone = info->alone;
    to->returned = info->returned;
    return to;
}

static Idunno__AssignmentInfo *put_assigned(
    struct idn_arena *arena, const struct idn_assignment_info *info)
{
    Idunno__AssignmentInfo *to = idn_put_message(arena, &idunno__assignment_info__descriptor);

    to->name = idn_put_name(arena, info->name);
    to->state = (Idunno__WorkerState)info->state;
    to->n_lease = info->leases;
    to->lease = idn_put_items(arena, info->leases, IDN_WORKER_LEASES_MAX);
    for (uint32_t i = 0; i < info->leases; i++)
        to->lease[i] = put_lease(arena, &info->lease[i]);
    to->in_child = info->in_child;
    to->silent_ms = info->silent_ms;
    to->note = idn_put_text(arena, info->note);
    return to;
}

void idn_put_assignment(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.assignment.count;

    to->assignment = idn_put_message(arena, &idunno__reply__assignment__descriptor);
    to->assignment->cursor = message->u.assignment.cursor;
    to->assignment->n_item = count;
    to->assignment->item = idn_put_items(arena, count, IDN_PAGE_WORKERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->assignment->item[i] = put_assigned(arena, &message->u.assignment.item[i]);
}

static void take_lease(
    struct idn_check *check, const Idunno__LeaseInfo *from, struct idn_lease_info *to)
{
    idn_take_key(check, "bytes of job", &from->job, &to->job);
    idn_take_name(check, "model", IDN_REQUIRED, from->model, to->model);
    idn_take_span(check, from->first, from->count, &to->first, &to->count);
    idn_check_range(check, "done", from->done, 0, from->count);
    to->done = from->done;
    to->held_ms = from->held_ms;
    to->confirmed = from->confirmed;
    to->trimming = from->trimming;
    to->alone = from->alone;
    to->returned = from->returned;
}

static void take_assigned(
    struct idn_check *check, const Idunno__AssignmentInfo *from, struct idn_assignment_info *to)
{
    idn_take_name(check, "name", IDN_REQUIRED, from->name, to->name);
    idn_take_enum(
        check, "state", (int)from->state, IDN_WORKER_IDLE, IDN_WORKER_DRAINED, &to->state);
    idn_check_range(check, "leases", from->n_lease, 0, IDN_WORKER_LEASES_MAX);
    if (check->failed)
        return;
    to->leases = (uint32_t)from->n_lease;
    for (uint32_t i = 0; i < to->leases; i++)
        take_lease(check, from->lease[i], &to->lease[i]);
    idn_check_range(check, "in_child", from->in_child, 0, IDN_CHILD_IMAGES_MAX);
    to->in_child = from->in_child;
    to->silent_ms = from->silent_ms;
    idn_take_text(check, "note", from->note, to->note, sizeof(to->note));
}

void idn_take_assignment(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    size_t count = from->assignment->n_item;
    struct idn_assignment_info *item =
        idn_take_items(check, count, IDN_PAGE_WORKERS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        take_assigned(check, from->assignment->item[i], &item[i]);
    to->u.assignment.count = (uint32_t)count;
    to->u.assignment.cursor = from->assignment->cursor;
    to->u.assignment.item = item;
}

// ---- WHY

static Idunno__WhyFact *put_fact(struct idn_arena *arena, const struct idn_why_fact *fact)
{
    Idunno__WhyFact *to = idn_put_message(arena, &idunno__why_fact__descriptor);

    to->code = (Idunno__WhyCode)fact->code;
    to->text = idn_put_text(arena, fact->text);
    to->count = fact->count;
    to->total = fact->total;
    to->ms = fact->ms;
    to->n_worker = fact->names;
    to->worker = idn_put_items(arena, fact->names, IDN_WHY_NAMES_MAX);
    for (uint32_t i = 0; i < fact->names; i++)
        to->worker[i] = idn_put_name(arena, fact->worker[i]);
    return to;
}

static Idunno__WhyShare *put_share(struct idn_arena *arena, const struct idn_why_share *share)
{
    Idunno__WhyShare *to = idn_put_message(arena, &idunno__why_share__descriptor);

    to->job = idn_put_key(arena, &share->job);
    to->model = idn_put_name(arena, share->model);
    to->weight = share->weight;
    to->workers = share->workers;
    to->left = share->left;
    to->share = share->share;
    to->images_per_s = share->images_per_s;
    return to;
}

void idn_put_why(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    const struct idn_why_info *info = message->u.why;
    Idunno__WhyInfo *why = idn_put_message(arena, &idunno__why_info__descriptor);

    to->why = why;
    why->job = idn_put_key(arena, &info->job);
    why->state = (Idunno__JobState)info->state;
    why->model = idn_put_name(arena, info->model);
    why->images = info->images;
    why->done = info->done;
    why->in_flight = info->in_flight;
    why->jobs = info->jobs;
    why->n_fact = info->facts;
    why->fact = idn_put_items(arena, info->facts, IDN_WHY_COUNT);
    for (uint32_t i = 0; i < info->facts; i++)
        why->fact[i] = put_fact(arena, &info->fact[i]);
    why->n_share = info->shares;
    why->share = idn_put_items(arena, info->shares, IDN_WHY_JOBS_MAX);
    for (uint32_t i = 0; i < info->shares; i++)
        why->share[i] = put_share(arena, &info->share[i]);
}

static void take_fact(struct idn_check *check, const Idunno__WhyFact *from, struct idn_why_fact *to)
{
    idn_take_enum(check, "code", (int)from->code, IDN_WHY_FINISHED, IDN_WHY_COUNT - 1, &to->code);
    idn_take_text(check, "text", from->text, to->text, sizeof(to->text));
    to->count = from->count;
    to->total = from->total;
    to->ms = from->ms;
    idn_check_range(check, "workers of a fact", from->n_worker, 0, IDN_WHY_NAMES_MAX);
    if (check->failed)
        return;
    to->names = (uint32_t)from->n_worker;
    for (uint32_t i = 0; i < to->names; i++)
        idn_take_name(check, "worker", IDN_REQUIRED, from->worker[i], to->worker[i]);
}

static void take_share(
    struct idn_check *check, const Idunno__WhyShare *from, struct idn_why_share *to)
{
    idn_take_key(check, "bytes of job", &from->job, &to->job);
    idn_take_name(check, "model", IDN_REQUIRED, from->model, to->model);
    idn_check_range(check, "weight", from->weight, 1, IDN_WEIGHT_MAX);
    to->weight = from->weight;
    to->workers = from->workers;
    to->left = from->left;
    idn_take_rate(check, "share", from->share, &to->share);
    idn_take_rate(check, "images_per_s", from->images_per_s, &to->images_per_s);
}

static void take_why(struct idn_check *check, const Idunno__WhyInfo *from, struct idn_why_info *to)
{
    idn_take_key(check, "bytes of job", &from->job, &to->job);
    idn_take_enum(check, "state", (int)from->state, 0, IDN_JOB_CANCELLED, &to->state);
    idn_take_name(check, "model", IDN_OPTIONAL, from->model, to->model);
    to->images = from->images;
    to->done = from->done;
    to->in_flight = from->in_flight;
    to->jobs = from->jobs;
    idn_check_range(check, "facts", from->n_fact, 0, IDN_WHY_COUNT);
    idn_check_range(check, "shares", from->n_share, 0, IDN_WHY_JOBS_MAX);
    if (check->failed)
        return;
    to->facts = (uint32_t)from->n_fact;
    for (uint32_t i = 0; i < to->facts; i++)
        take_fact(check, from->fact[i], &to->fact[i]);
    to->shares = (uint32_t)from->n_share;
    for (uint32_t i = 0; i < to->shares; i++)
        take_share(check, from->share[i], &to->share[i]);
}

void idn_take_why(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    to->u.why = idn_take_items(check, 1, 1, sizeof(*to->u.why));
    if (to->u.why != NULL)
        take_why(check, from->why, to->u.why);
}
