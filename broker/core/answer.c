#include "broker/core/answer.h"

#include "broker/core/info.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/rates.h"
#include "broker/core/roles.h"
#include "broker/core/uploads.h"
#include "broker/core/why.h"
#include "broker/core/workers.h"
#include "proto/version.h"

// A place in a listing of jobs is serial and slot of the job shown last: the slot finds it at once,
// the serial proves it is still that one.
enum { SLOT_BITS = 20 };
static_assert(IDN_KNOWN_JOBS_MAX < 1 << SLOT_BITS, "a slot fits a cursor");

static void refuse(struct idn_reply *reply, uint32_t code)
{
    reply->type = IDN_REPLY_REFUSED;
    reply->u.refused.code = code;
}

struct idn_job *idn_job_named(
    const struct idn_core *core, const struct idn_job_name *name, struct idn_reply *refusal)
{
    char text[IDN_KEY_TEXT_SIZE];
    struct idn_key forgotten;
    uint32_t count;
    struct idn_job *job = idn_jobs_resolve(core, name, &count);

    if (job != NULL)
        return job;
    idn_key_to_text(name->key.bytes, text);
    text[name->bits < IDN_KEY_SIZE * 8 ? name->bits / 5 : IDN_KEY_TEXT_SIZE - 1] = '\0';
    if (count > 0) {
        refuse(refusal, IDN_REFUSED_AMBIGUOUS);
        idn_format(refusal->u.refused.text, IDN_TEXT_SIZE,
            "%u jobs begin with %s; give more of its characters", count, text);
    } else if (idn_forgotten_named(&core->forgotten, name, &forgotten) > 0) {
        refuse(refusal, IDN_REFUSED_FORGOTTEN);
        idn_format(refusal->u.refused.text, IDN_TEXT_SIZE, "the job %s has been forgotten", text);
    } else if (idn_roles_may_lack(core)) {
        refuse(refusal, IDN_REFUSED_UNKNOWN_HERE);
        idn_format(refusal->u.refused.text, IDN_TEXT_SIZE,
            "no job is known here as %s; the other broker may hold it%s", text,
            idn_mirror_in_sight(core) ? "" : ", and is out of sight");
    } else {
        refuse(refusal, IDN_REFUSED_UNKNOWN_JOB);
        idn_format(refusal->u.refused.text, IDN_TEXT_SIZE, "no job is known as %s", text);
    }
    return NULL;
}

static void answer_hello(
    const struct idn_core *core, const struct idn_request *request, struct idn_reply *ret)
{
    uint32_t lowest = request->u.hello.lowest, highest = request->u.hello.highest, version;

    if (idn_negotiate(lowest, highest, &version) != 0) {
        refuse(ret, IDN_REFUSED_UNSUPPORTED);
        idn_format(ret->u.refused.text, IDN_TEXT_SIZE,
            "this broker speaks protocol versions %u to %u, the client %u to %u",
            (unsigned)IDN_PROTOCOL_LOWEST, (unsigned)IDN_PROTOCOL_HIGHEST, lowest, highest);
        return;
    }
    ret->type = IDN_REPLY_WELCOME;
    ret->u.welcome.version = version;
    ret->u.welcome.role = idn_core_role(core);
    ret->u.welcome.epoch = idn_roles_epoch(core);
    idn_copy_text(ret->u.welcome.broker, IDN_NAME_SIZE, core->broker);
}

static void answer_job(const struct idn_core *core, uint64_t now, const struct idn_request *request,
    struct idn_reply *ret)
{
    const struct idn_job *job = idn_job_named(core, &request->job, ret);

    if (job == NULL)
        return;
    ret->type = IDN_REPLY_JOB;
    idn_job_info_of(core, job, now, &ret->u.job);
}

static const struct idn_job *job_before(
    const struct idn_core *core, const struct idn_link *link, bool all)
{
    const struct idn_link *head = all ? &core->known : &core->open;

    if (link->prev == head)
        return NULL;
    return all ? IDN_ENTRY_CONST(link->prev, struct idn_job, in_known)
               : IDN_ENTRY_CONST(link->prev, struct idn_job, in_open);
}

static const struct idn_link *link_of(const struct idn_job *job, bool all)
{
    return all ? &job->in_known : &job->in_open;
}

// The newest job older than the one the cursor stands for.
static const struct idn_job *job_after_cursor(
    const struct idn_core *core, uint64_t cursor, bool all)
{
    uint64_t serial = cursor >> SLOT_BITS, slot = cursor & ((1u << SLOT_BITS) - 1);
    const struct idn_job *job;

    if (cursor == 0)
        return job_before(core, all ? &core->known : &core->open, all);
    // Whatever the client made up: a free slot has serial 0, no job has.
    if (serial != 0 && slot < core->jobs_touched && core->job[slot].serial == serial &&
        idn_link_in(link_of(&core->job[slot], all)))
        return job_before(core, link_of(&core->job[slot], all), all);
    job = job_before(core, all ? &core->known : &core->open, all);
    while (job != NULL && job->serial >= serial)
        job = job_before(core, link_of(job, all), all);
    return job;
}

static uint64_t cursor_of(const struct idn_core *core, const struct idn_job *job)
{
    return job->serial << SLOT_BITS | (uint64_t)(job - core->job);
}

static void answer_jobs(const struct idn_core *core, uint64_t now,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret)
{
    bool all = request->u.jobs.all;
    const struct idn_job *job = job_after_cursor(core, request->u.jobs.cursor, all);

    ret->type = IDN_REPLY_JOBS;
    ret->u.jobs.item = items->job;
    for (; job != NULL && ret->u.jobs.count < IDN_PAGE_JOBS_MAX;
         job = job_before(core, link_of(job, all), all)) {
        idn_job_info_of(core, job, now, &items->job[ret->u.jobs.count++]);
        ret->u.jobs.cursor = cursor_of(core, job);
    }
    if (job == NULL)
        ret->u.jobs.cursor = 0;
}

// Names that are drained and stand for no worker, numbered from workers_max. Returns the next
// number, 0: no more.
static uint64_t answer_drained(
    const struct idn_core *core, uint64_t at, union idn_core_items *items, uint32_t *count)
{
    uint64_t end = (uint64_t)core->workers_max + core->drained.count;

    for (; at >= core->workers_max && at < end && *count < IDN_PAGE_WORKERS_MAX; at++) {
        const struct idn_drained_name *name = &core->drained.name[at - core->workers_max];
        if (name->drained && idn_workers_find_name(core, name->name) == NULL)
            idn_drained_info_of(name, &items->worker[(*count)++]);
    }
    return at < end ? at : 0;
}

// Their cursor is the number of the next one, so never 0 but at the end.
static void answer_workers(const struct idn_core *core, uint64_t now,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret)
{
    uint64_t at = request->u.page.cursor;

    ret->type = IDN_REPLY_WORKERS;
    ret->u.workers.item = items->worker;
    for (; at < core->workers_touched && ret->u.workers.count < IDN_PAGE_WORKERS_MAX; at++)
        if (core->worker[at].presence != IDN_PRESENCE_FREE)
            idn_worker_info_of(
                core, &core->worker[at], now, &items->worker[ret->u.workers.count++]);
    at = at < core->workers_touched || at > core->workers_max ? at : core->workers_max;
    ret->u.workers.cursor = answer_drained(core, at, items, &ret->u.workers.count);
}

static void answer_assignment(const struct idn_core *core, uint64_t now,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret)
{
    uint64_t at = request->u.page.cursor;

    ret->type = IDN_REPLY_ASSIGNMENT;
    ret->u.assignment.item = items->assignment;
    for (; at < core->workers_touched && ret->u.assignment.count < IDN_PAGE_WORKERS_MAX; at++)
        if (core->worker[at].presence != IDN_PRESENCE_FREE)
            idn_assignment_info_of(
                &core->worker[at], now, &items->assignment[ret->u.assignment.count++]);
    ret->u.assignment.cursor = at < core->workers_touched ? at : 0;
}

// A list that is being uploaded answers to its key too.
static void answer_why(const struct idn_core *core, uint64_t now, const struct idn_request *request,
    union idn_core_items *items, struct idn_reply *ret)
{
    const struct idn_upload *upload = idn_upload_named(core, &request->job);
    uint32_t jobs;

    (void)idn_jobs_resolve(core, &request->job, &jobs);
    if (jobs == 0 && upload != NULL) {
        idn_why_upload(upload, &items->why);
    } else {
        const struct idn_job *job = idn_job_named(core, &request->job, ret);
        if (job == NULL)
            return;
        idn_why(core, job, now, &items->why);
    }
    ret->type = IDN_REPLY_WHY;
    ret->u.why = &items->why;
}

static void answer_entries(const struct idn_core *core, const struct idn_request *request,
    union idn_core_items *items, struct idn_reply *ret)
{
    bool models = request->type == IDN_REQUEST_MODELS;
    uint64_t at = request->u.page.cursor, end = models ? core->models : core->datasets;

    ret->type = models ? IDN_REPLY_MODELS : IDN_REPLY_DATASETS;
    ret->u.entries.item = items->entry;
    for (; at < end && ret->u.entries.count < IDN_PAGE_WORKERS_MAX; at++)
        (models ? idn_model_info_of : idn_dataset_info_of)(
            core, (uint32_t)at, &items->entry[ret->u.entries.count++]);
    ret->u.entries.cursor = at < end ? at : 0;
}

static void answer_rates(const struct idn_core *core, uint64_t now,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret)
{
    const struct idn_job *job = job_after_cursor(core, request->u.page.cursor, false), *last = NULL;
    struct idn_rates_page *page = &ret->u.rates;

    ret->type = IDN_REPLY_RATES;
    page->item = items->rate;
    for (; job != NULL && page->count < IDN_PAGE_JOBS_MAX;
         job = job_before(core, &job->in_open, false)) {
        idn_rate_info_of(core, job, now, &items->rate[page->count++]);
        last = job;
    }
    page->cursor = job == NULL || last == NULL ? 0 : cursor_of(core, last);
    idn_rates_want(core, last, page->count, items->rate);
    if (request->u.page.cursor == 0)
        idn_rates_head(core, now, page);
}

static void answer_times(const struct idn_core *core, const struct idn_request *request,
    union idn_core_items *items, struct idn_reply *ret)
{
    uint64_t at = request->u.page.cursor;

    ret->type = IDN_REPLY_TIMES;
    ret->u.times.item = items->times;
    for (; at < core->models && ret->u.times.count < IDN_PAGE_WORKERS_MAX; at++)
        idn_times_info_of(core, (uint32_t)at, &items->times[ret->u.times.count++]);
    ret->u.times.cursor = at < core->models ? at : 0;
}

void idn_core_answer(const struct idn_core *core, uint64_t now_ms,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret)
{
    uint64_t now = now_ms > core->stalled ? now_ms - core->stalled : 0;

    *ret = (struct idn_reply){.id = request->id};
    now = now < core->now ? core->now : now;
    if (request->type == IDN_REQUEST_HELLO) {
        answer_hello(core, request, ret);
    } else if (request->type == IDN_REQUEST_STATUS) {
        ret->type = IDN_REPLY_STATUS;
        idn_status_info_of(core, now, &ret->u.status);
    } else if (!core->active) { // what it knows may be behind; the active one is to be asked
        refuse(ret, IDN_REFUSED_NOT_ACTIVE);
        idn_roles_why(core, ret->u.refused.text, IDN_TEXT_SIZE);
    } else if (request->type == IDN_REQUEST_JOB) {
        answer_job(core, now, request, ret);
    } else if (request->type == IDN_REQUEST_JOBS) {
        answer_jobs(core, now, request, items, ret);
    } else if (request->type == IDN_REQUEST_WORKERS) {
        answer_workers(core, now, request, items, ret);
    } else if (request->type == IDN_REQUEST_MODELS || request->type == IDN_REQUEST_DATASETS) {
        answer_entries(core, request, items, ret);
    } else if (request->type == IDN_REQUEST_ASSIGNMENT) {
        answer_assignment(core, now, request, items, ret);
    } else if (request->type == IDN_REQUEST_WHY) {
        answer_why(core, now, request, items, ret);
    } else if (request->type == IDN_REQUEST_RATES) {
        answer_rates(core, now, request, items, ret);
    } else if (request->type == IDN_REQUEST_TIMES) {
        answer_times(core, request, items, ret);
    } else {
        refuse(ret, IDN_REFUSED_UNSUPPORTED);
        idn_format(
            ret->u.refused.text, IDN_TEXT_SIZE, "request type %u is not a question", request->type);
    }
}

bool idn_core_job(const struct idn_core *core, const struct idn_key *key, struct idn_job_info *ret)
{
    const struct idn_job *job = idn_jobs_find(core, key);

    if (job == NULL)
        return false;
    idn_job_info_of(core, job, core->now, ret);
    return true;
}
