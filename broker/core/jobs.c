#include "broker/core/jobs.h"

#include "broker/core/actions.h"
#include "broker/core/policy.h"

#include <string.h>

// By the first 40 bits only, the least that a person may type, so that all keys with a common
// prefix stand in one probe position.
static uint32_t home(const struct idn_core *core, const struct idn_key *key)
{
    uint64_t prefix = 0;

    for (int i = 0; i < 5; i++)
        prefix = prefix << 8 | key->bytes[i];
    return (uint32_t)(prefix * 0x9e3779b97f4a7c15u >> 32) & core->job_index_mask;
}

struct idn_job *idn_jobs_find(const struct idn_core *core, const struct idn_key *key)
{
    for (uint32_t at = home(core, key); core->job_index[at] != 0;
         at = (at + 1) & core->job_index_mask) {
        struct idn_job *job = &core->job[core->job_index[at] - 1];
        if (idn_key_equal(&job->key, key))
            return job;
    }
    return NULL;
}

struct idn_job *idn_jobs_resolve(
    const struct idn_core *core, const struct idn_job_name *name, uint32_t *ret_count)
{
    struct idn_job *found = NULL;
    uint32_t count = 0;

    for (uint32_t at = home(core, &name->key); core->job_index[at] != 0;
         at = (at + 1) & core->job_index_mask) {
        struct idn_job *job = &core->job[core->job_index[at] - 1];
        if (idn_key_has_prefix(job->key.bytes, name->key.bytes, name->bits)) {
            found = job;
            count++;
        }
    }
    *ret_count = count;
    return count == 1 ? found : NULL;
}

static void index_put(struct idn_core *core, const struct idn_job *job)
{
    uint32_t at = home(core, &job->key);

    while (core->job_index[at] != 0)
        at = (at + 1) & core->job_index_mask;
    core->job_index[at] = (uint32_t)(job - core->job) + 1;
}

// Removal that keeps every probe position whole: later entries move up into the hole.
static void index_remove(struct idn_core *core, const struct idn_job *job)
{
    uint32_t mask = core->job_index_mask, hole = home(core, &job->key);

    while (core->job_index[hole] != (uint32_t)(job - core->job) + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; core->job_index[at] != 0; at = (at + 1) & mask) {
        uint32_t wants = home(core, &core->job[core->job_index[at] - 1].key);
        if (((at - wants) & mask) >= ((at - hole) & mask)) {
            core->job_index[hole] = core->job_index[at];
            hole = at;
        }
    }
    core->job_index[hole] = 0;
}

// Registry entries count only with the digest that the job was accepted with.
static int32_t model_of(const struct idn_core *core, const struct idn_job_spec *spec)
{
    for (uint32_t i = 0; i < core->models; i++)
        if (strcmp(core->model[i].name, spec->model) == 0)
            return idn_sha256_equal(&core->model[i].digest, &spec->model_digest) ? (int32_t)i
                                                                                 : IDN_NONE;
    return IDN_NONE;
}

static int32_t dataset_of(const struct idn_core *core, const struct idn_job_spec *spec)
{
    if (spec->dataset[0] == '\0')
        return IDN_UPLOADED_LIST;
    for (uint32_t i = 0; i < core->datasets; i++)
        if (strcmp(core->dataset[i].name, spec->dataset) == 0)
            return idn_sha256_equal(&core->dataset[i].digest, &spec->list_digest) ? (int32_t)i
                                                                                  : IDN_NONE;
    return IDN_NONE;
}

static struct idn_job *take_slot(struct idn_core *core)
{
    if (!idn_link_empty(&core->free_jobs)) {
        struct idn_job *job = IDN_ENTRY(core->free_jobs.next, struct idn_job, in_known);
        idn_link_remove(&job->in_known);
        return job;
    }
    return core->jobs_touched < core->jobs_max ? &core->job[core->jobs_touched++] : NULL;
}

struct idn_job *idn_jobs_add(
    struct idn_core *core, const struct idn_key *key, const struct idn_job_spec *spec)
{
    struct idn_job *job = take_slot(core);

    if (job == NULL)
        return NULL;
    *job = (struct idn_job){.key = *key, .spec = *spec, .state = IDN_JOB_OPEN};
    job->serial = ++core->job_serials;
    job->version = core->incarnation << 32 | 1;
    job->model = model_of(core, spec);
    job->dataset = dataset_of(core, spec);
    job->restored = !core->active;
    idn_images_init(&job->images, spec->last - spec->first + 1);
    job->start = idn_policy_start(core);
    idn_link_init(&job->lease_list);
    idn_link_init(&job->watches);
    idn_link_append(&core->known, &job->in_known);
    idn_link_append(&core->open, &job->in_open);
    core->jobs++;
    core->open_jobs++;
    core->open_images += idn_job_total(job);
    index_put(core, job);
    core->look = core->newcomers = true;
    return job;
}

static void leave_open(struct idn_core *core, struct idn_job *job)
{
    if (!idn_link_in(&job->in_open))
        return;
    idn_link_remove(&job->in_open);
    core->open_jobs--;
    core->open_images -= idn_job_total(job);
}

void idn_jobs_remove(struct idn_core *core, struct idn_job *job)
{
    IDN_ASSERT(job->leases == 0 && idn_link_empty(&job->watches));
    leave_open(core, job);
    idn_images_close(&core->pages, &job->images);
    index_remove(core, job);
    idn_link_remove(&job->in_known);
    idn_link_remove(&job->in_changed);
    idn_link_remove(&job->in_due);
    job->serial = 0;
    core->jobs--;
    idn_link_append(&core->free_jobs, &job->in_known);
}

bool idn_jobs_open_images(struct idn_core *core, struct idn_job *job)
{
    return job->images.pages > 0 || idn_images_open(&core->pages, &job->images);
}

void idn_jobs_touch(struct idn_core *core, struct idn_job *job)
{
    job->version++;
    if (!idn_link_empty(&job->watches) && !idn_link_in(&job->in_changed))
        idn_link_append(&core->changed, &job->in_changed);
}

static void make_due(struct idn_core *core, struct idn_job *job)
{
    if (!idn_link_in(&job->in_due))
        idn_link_append(&core->due, &job->in_due);
}

static void end(struct idn_core *core, struct idn_job *job, uint32_t state, uint64_t wall_ms)
{
    leave_open(core, job);
    job->state = state;
    job->finished_wall_ms = wall_ms;
    idn_jobs_touch(core, job);
}

void idn_jobs_cancel(struct idn_core *core, struct idn_job *job, uint64_t wall_ms)
{
    IDN_ASSERT(job->state == IDN_JOB_OPEN);
    end(core, job, IDN_JOB_CANCELLED, wall_ms);
    idn_jobs_settle(core, job, wall_ms);
}

void idn_jobs_settle(struct idn_core *core, struct idn_job *job, uint64_t wall_ms)
{
    bool complete = idn_job_done(job) == idn_job_total(job);

    if (complete && job->state != IDN_JOB_FINISHED) {
        end(core, job, IDN_JOB_FINISHED, wall_ms);
        job->summary_due = true;
    }
    if (job->state == IDN_JOB_OPEN || job->leases > 0)
        return;
    // Without pages (restored, never begun) a cancelled job has a summary of nothing.
    if (job->images.pages > 0) {
        idn_images_close(&core->pages, &job->images);
        job->summary_due = true;
    }
    if (job->summary_due)
        make_due(core, job);
}

bool idn_jobs_set_summary(
    struct idn_core *core, struct idn_job *job, const struct idn_summary *summary)
{
    uint64_t done = (uint64_t)summary->ok + summary->failed + summary->quarantined;
    uint32_t *kind = job->images.kind;

    if (done > idn_job_total(job) || job->leases > 0 ||
        (job->state != IDN_JOB_CANCELLED && done < idn_job_total(job)))
        return false;
    idn_images_close(&core->pages, &job->images);
    memset(kind, 0, sizeof(job->images.kind));
    kind[IDN_IMAGE_OK] = summary->ok;
    kind[IDN_IMAGE_ERROR] = summary->failed;
    kind[IDN_IMAGE_QUARANTINED] = summary->quarantined;
    kind[IDN_IMAGE_PENDING] = idn_job_total(job) - (uint32_t)done;
    job->conflicts = summary->conflicts;
    job->digest = summary->digest;
    job->compute_us = summary->compute_us;
    job->class_hash = summary->class_hash;
    if (done == idn_job_total(job) && job->state != IDN_JOB_FINISHED)
        end(core, job, IDN_JOB_FINISHED, summary->finished_wall_ms);
    else if (summary->finished_wall_ms != 0)
        job->finished_wall_ms = summary->finished_wall_ms;
    idn_jobs_touch(core, job);
    return true;
}

void idn_jobs_want_refold(struct idn_core *core, struct idn_job *job)
{
    job->refold_due = true;
    job->refold_position = core->position;
    make_due(core, job);
}

static void emit_summary(struct idn_core *core, struct idn_job *job)
{
    struct idn_summary *summary = &idn_action_add(core, IDN_ACTION_SUMMARY, 0)->u.summary;

    *summary = (struct idn_summary){.job = job->key,
        .ok = job->images.kind[IDN_IMAGE_OK],
        .failed = job->images.kind[IDN_IMAGE_ERROR],
        .quarantined = job->images.kind[IDN_IMAGE_QUARANTINED],
        .conflicts = job->conflicts,
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
    job->refold_due = false;
    job->refolding = true;
}

void idn_jobs_due(struct idn_core *core)
{
    IDN_EACH_SAFE(link, after, &core->due)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_due);
        if (!idn_actions_room(core))
            return;
        // The counters of a job to be refolded are not the ones to keep.
        if (job->refold_due && !job->refolding && core->stored >= job->refold_position)
            emit_refold(core, job);
        else if (job->summary_due && !job->refold_due && !job->refolding)
            emit_summary(core, job);
        if (!job->summary_due && !job->refold_due)
            idn_link_remove(&job->in_due);
    }
}
