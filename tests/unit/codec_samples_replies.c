// The samples of replies.
#include "tests/unit/codec_samples_kit.h"

static void job_info(struct idn_job_info *to)
{
    fill(&to->key, sizeof(to->key));
    spec(&to->spec);
    to->state = IDN_JOB_CANCELLED;
    to->version = next_wide();
    to->ok = next();
    to->failed = next();
    to->quarantined = next();
    to->in_flight = next();
    to->pending = next();
    to->batch = next();
    to->workers = next();
    to->created_wall_ms = next_wide();
    to->finished_wall_ms = next_wide();
    to->elapsed_ms = next_wide();
    to->images_per_s = next() + 0.25;
    to->compute_us = next_wide();
    to->conflicts = next();
    to->digest.low = next_wide();
    to->digest.high = next_wide();
    NAME(to->why);
    to->left_ms = next_wide();
}

static void worker_info(struct idn_worker_info *to)
{
    NAME(to->name);
    to->state = IDN_WORKER_DEAD;
    to->threads = next();
    NAME(to->class_name);
    fill(&to->job, sizeof(to->job));
    to->lease_first = next();
    to->lease_count = next();
    to->lease_done = next();
    to->leases = IDN_WORKER_LEASES_MAX;
    to->images_done = next_wide();
    to->images_per_s = next() + 0.25;
    to->silent_ms = next_wide();
    to->models_ready = next();
    to->models_lacking = next();
    to->datasets_ready = next();
    to->datasets_lacking = next();
    to->drained = true;
    NAME(to->note);
}

static void entry_info(struct idn_entry_info *to)
{
    NAME(to->name);
    fill(&to->digest, sizeof(to->digest));
    to->count = next();
    to->workers = next();
    NAME(to->path);
    NAME(to->problem);
    to->configured = next();
    to->is_set = true;
    to->built_in = true;
}

static void status_info(struct idn_status_info *to)
{
    NAME(to->broker);
    to->role = IDN_ROLE_ALONE;
    to->epoch = epoch();
    to->uptime_ms = next_wide();
    NAME(to->version);
    NAME(to->policy);
    to->workers = next();
    to->workers_busy = next();
    to->jobs_open = next();
    to->jobs_known = next();
    to->images_pending = next_wide();
    to->images_in_flight = next_wide();
    to->images_per_s = next() + 0.25;
    to->facts = next_wide();
    to->store_bytes = next_wide();
    to->free_bytes = next_wide();
    to->disk_low = true;
    to->damaged_row = next_wide();
    to->workers_drained = next();
    to->refuses_jobs = true;
    to->mirror_required = true;
    to->models_hash = next_wide();
    to->datasets_hash = next_wide();
    to->peer = (struct idn_peer_info){.configured = true,
        .in_sight = true,
        .exchanged = true,
        .in_sync = true,
        .role = IDN_ROLE_STANDBY,
        .epoch = epoch(),
        .silent_ms = next_wide(),
        .lag_facts = next_wide()};
    NAME(to->peer.broker);
}

static void lease_info(struct idn_lease_info *to)
{
    fill(&to->job, sizeof(to->job));
    NAME(to->model);
    to->first = next();
    to->count = IDN_BATCH_MAX;
    to->done = next() % IDN_BATCH_MAX + 1;
    to->held_ms = next_wide();
    to->confirmed = to->trimming = to->alone = to->returned = true;
}

static void assignment_info(struct idn_assignment_info *to)
{
    NAME(to->name);
    to->state = IDN_WORKER_BENCHED;
    to->leases = many(IDN_WORKER_LEASES_MAX);
    for (uint32_t i = 0; i < to->leases; i++)
        lease_info(&to->lease[i]);
    to->in_child = IDN_CHILD_IMAGES_MAX;
    to->silent_ms = next_wide();
    NAME(to->note);
}

static void why_fact(struct idn_why_fact *to)
{
    to->code = IDN_WHY_COUNT - 1;
    NAME(to->text);
    to->count = next_wide();
    to->total = next_wide();
    to->ms = next_wide();
    to->names = many(IDN_WHY_NAMES_MAX);
    for (uint32_t i = 0; i < to->names; i++)
        NAME(to->worker[i]);
}

static void why_share(struct idn_why_share *to)
{
    fill(&to->job, sizeof(to->job));
    NAME(to->model);
    to->weight = IDN_WEIGHT_MAX;
    to->workers = next();
    to->left = next();
    to->share = 0.25;
    to->images_per_s = next() + 0.25;
}

static void why_info(struct idn_why_info *to)
{
    memset(to, 0, sizeof(*to));
    fill(&to->job, sizeof(to->job));
    to->state = IDN_JOB_CANCELLED;
    NAME(to->model);
    to->images = next();
    to->done = next();
    to->in_flight = next();
    to->jobs = next();
    to->facts = many(IDN_WHY_COUNT);
    for (uint32_t i = 0; i < to->facts; i++)
        why_fact(&to->fact[i]);
    to->shares = many(IDN_WHY_JOBS_MAX);
    for (uint32_t i = 0; i < to->shares; i++)
        why_share(&to->share[i]);
}

static void reply_page(struct idn_reply *to)
{
    static struct idn_job_info jobs[IDN_PAGE_JOBS_MAX];
    static struct idn_worker_info workers[IDN_PAGE_WORKERS_MAX];
    static struct idn_entry_info entries[IDN_PAGE_WORKERS_MAX];

    if (to->type == IDN_REPLY_JOBS) {
        to->u.jobs.count = many(IDN_PAGE_JOBS_MAX);
        to->u.jobs.cursor = next_wide();
        to->u.jobs.item = jobs;
        for (uint32_t i = 0; i < many(IDN_PAGE_JOBS_MAX); i++)
            job_info(&jobs[i]);
    } else if (to->type == IDN_REPLY_WORKERS) {
        to->u.workers.count = many(IDN_PAGE_WORKERS_MAX);
        to->u.workers.cursor = next_wide();
        to->u.workers.item = workers;
        for (uint32_t i = 0; i < many(IDN_PAGE_WORKERS_MAX); i++)
            worker_info(&workers[i]);
    } else {
        to->u.entries.count = many(IDN_PAGE_WORKERS_MAX);
        to->u.entries.cursor = next_wide();
        to->u.entries.item = entries;
        for (uint32_t i = 0; i < many(IDN_PAGE_WORKERS_MAX); i++)
            entry_info(&entries[i]);
    }
}

static void reply_assignment(struct idn_reply *to)
{
    static struct idn_assignment_info assignments[IDN_PAGE_WORKERS_MAX];

    memset(assignments, 0, sizeof(assignments));
    to->u.assignment.count = many(IDN_PAGE_WORKERS_MAX);
    to->u.assignment.cursor = next_wide();
    to->u.assignment.item = assignments;
    for (uint32_t i = 0; i < to->u.assignment.count; i++)
        assignment_info(&assignments[i]);
}

static void reply_why(struct idn_reply *to)
{
    static struct idn_why_info why;

    why_info(&why);
    to->u.why = &why;
}

static void reply_body(struct idn_reply *to)
{
    if (to->type == IDN_REPLY_WELCOME) {
        to->u.welcome.version = next();
        NAME(to->u.welcome.broker);
        to->u.welcome.role = IDN_ROLE_ACTIVE;
        to->u.welcome.epoch = epoch();
    } else if (to->type == IDN_REPLY_REFUSED) {
        to->u.refused.code = IDN_REFUSED_COUNT - 1;
        NAME(to->u.refused.text);
    } else if (to->type == IDN_REPLY_ACCEPTED) {
        fill(&to->u.accepted.job, sizeof(to->u.accepted.job));
        to->u.accepted.durable = IDN_BROKERS_MAX;
    } else if (to->type == IDN_REPLY_UPLOADED) {
        to->u.uploaded.offset = next_wide();
    } else if (to->type == IDN_REPLY_JOB) {
        job_info(&to->u.job);
    } else if (to->type == IDN_REPLY_STATUS) {
        status_info(&to->u.status);
    } else if (to->type == IDN_REPLY_RESULTS) {
        fill(&to->u.results.job, sizeof(to->u.results.job));
        to->u.results.next = next();
        to->u.results.count = many(IDN_PAGE_ROWS_MAX);
        to->u.results.rows = sample_rows(IDN_PAGE_ROWS_MAX);
        to->u.results.conflicts = next();
    } else if (to->type == IDN_REPLY_ASSIGNMENT) {
        reply_assignment(to);
    } else if (to->type == IDN_REPLY_WHY) {
        reply_why(to);
    } else if (to->type == IDN_REPLY_RATES || to->type == IDN_REPLY_TIMES) {
        sample_measures(to);
    } else {
        reply_page(to);
    }
}

struct idn_reply *sample_reply(uint32_t type)
{
    static struct idn_reply message;

    memset(&message, 0, sizeof(message));
    message.type = type;
    message.id = next_wide();
    reply_body(&message);
    return &message;
}
