#include "broker/core/refold.h"

#include "broker/core/actions.h"
#include "broker/core/jobs.h"

#include <string.h>

static void make_due(struct idn_core *core, struct idn_job *job)
{
    if (!idn_link_in(&job->in_due))
        idn_link_append(&core->due, &job->in_due);
}

void idn_refold_want(struct idn_core *core, struct idn_job *job)
{
    IDN_ASSERT(job->images.pages == 0);
    job->refold_due = true;
    job->refold_position = core->position;
    make_due(core, job);
}

void idn_refold_summarise(struct idn_core *core, struct idn_job *job)
{
    job->summary_due = true;
    make_due(core, job);
}

static uint64_t done_of(const struct idn_summary *summary)
{
    return (uint64_t)summary->ok + summary->failed + summary->quarantined;
}

static void take_counters(struct idn_job *job, const struct idn_summary *summary)
{
    uint32_t *kind = job->images.kind;

    memset(kind, 0, sizeof(job->images.kind));
    kind[IDN_IMAGE_OK] = summary->ok;
    kind[IDN_IMAGE_ERROR] = summary->failed;
    kind[IDN_IMAGE_QUARANTINED] = summary->quarantined;
    kind[IDN_IMAGE_PENDING] = idn_job_total(job) - (uint32_t)done_of(summary);
}

static void take_totals(struct idn_job *job, const struct idn_summary *summary)
{
    job->conflicts = summary->conflicts;
    job->digest = summary->digest;
    job->compute_us = summary->compute_us;
    job->class_hash = summary->class_hash;
    if (summary->lifted > job->lifted)
        job->lifted = summary->lifted;
    job->disputed = false;
}

bool idn_refold_restore(
    struct idn_core *core, struct idn_job *job, const struct idn_summary *summary)
{
    uint64_t done = done_of(summary), total = idn_job_total(job);

    // Kept of ended jobs only.
    if (done > total || (done < total && !job->cancelled))
        return false;
    idn_images_close(&core->pages, &job->images);
    take_counters(job, summary);
    take_totals(job, summary);
    job->refold_due = false;
    idn_jobs_settle(core, job, summary->finished_wall_ms);
    job->finished_wall_ms = summary->finished_wall_ms;
    job->summary_due = false;
    idn_link_remove(&job->in_due);
    return true;
}

// The images of an open job, as the store has them. False: no room for its pages now.
static bool take_states(struct idn_core *core, struct idn_job *job, const uint8_t *states)
{
    idn_images_init(&job->images, idn_job_total(job));
    if (!idn_jobs_open_images(core, job))
        return false;
    idn_images_load(&core->pages, &job->images, states);
    core->look = core->newcomers = true;
    return true;
}

void idn_refold_take(
    struct idn_core *core, const struct idn_summary *summary, const uint8_t *states)
{
    struct idn_job *job = idn_jobs_find(core, &summary->job);

    core->refolds -= core->refolds > 0;
    if (job == NULL || !job->refolding)
        return;
    job->refolding = false;
    // What came meanwhile is not in it: once more.
    if (job->refold_due || done_of(summary) > idn_job_total(job))
        return;
    // A finished job too may come out with less: when a row in the store is damaged.
    bool goes_on = !job->cancelled && done_of(summary) < idn_job_total(job);
    bool known = !goes_on || (states != NULL && take_states(core, job, states));
    if (!goes_on || !known)
        take_counters(job, summary);
    if (!known) {
        idn_refold_want(core, job);
        idn_jobs_settle(core, job, summary->finished_wall_ms);
        return;
    }
    take_totals(job, summary);
    idn_jobs_settle(core, job, summary->finished_wall_ms);
    idn_jobs_touch(core, job);
    if (goes_on)
        return;
    if (summary->finished_wall_ms != 0)
        job->finished_wall_ms = summary->finished_wall_ms;
    idn_refold_summarise(core, job);
}

static void emit_summary(struct idn_core *core, struct idn_job *job)
{
    struct idn_summary *summary = &idn_action_add(core, IDN_ACTION_SUMMARY, 0)->u.summary;

    *summary = (struct idn_summary){.job = job->key,
        .ok = job->images.kind[IDN_IMAGE_OK],
        .failed = job->images.kind[IDN_IMAGE_ERROR],
        .quarantined = job->images.kind[IDN_IMAGE_QUARANTINED],
        .conflicts = job->conflicts,
        .lifted = job->lifted,
        .digest = job->digest,
        .finished_wall_ms = job->finished_wall_ms,
        .compute_us = job->compute_us,
        .class_hash = job->class_hash};
    job->summary_due = false;
}

static void emit_refold(struct idn_core *core, struct idn_job *job)
{
    struct idn_action *action = idn_action_add(core, IDN_ACTION_REFOLD, 0);

    action->u.refold.job = job->key;
    action->u.refold.spec = job->spec;
    action->u.refold.states = job->state == IDN_JOB_OPEN;
    job->refold_due = false;
    job->refolding = true;
    core->refolds++;
}

// An open job's images need pages when the answer comes, and the store's reader memory until then.
static bool may_refold(const struct idn_core *core, const struct idn_job *job)
{
    return !job->refolding && core->refolds < IDN_REFOLDS_MAX &&
           core->stored >= job->refold_position &&
           (job->state != IDN_JOB_OPEN || core->pages.free >= idn_images_pages(idn_job_total(job)));
}

void idn_refold_due(struct idn_core *core)
{
    IDN_EACH_SAFE(link, after, &core->due)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_due);
        if (!idn_actions_room(core))
            return;
        // The counters of a job to be refolded are not the ones to keep.
        if (job->refold_due && may_refold(core, job))
            emit_refold(core, job);
        else if (job->summary_due && !idn_job_is_read_back(job))
            emit_summary(core, job);
        if (!job->summary_due && !job->refold_due)
            idn_link_remove(&job->in_due);
    }
}
