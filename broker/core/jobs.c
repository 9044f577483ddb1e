#include "broker/core/jobs.h"

#include "broker/core/leases.h"
#include "broker/core/measure.h"
#include "broker/core/policy.h"
#include "broker/core/refold.h"
#include "broker/core/shares.h"
#include "broker/core/watches.h"

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

// In the order of the open ones.
static void enter_unserved(struct idn_core *core, struct idn_job *job)
{
    struct idn_link *before = &core->unserved, *open = job->in_open.next;

    for (; open != &core->open && before == &core->unserved; open = open->next) {
        struct idn_job *later = IDN_ENTRY(open, struct idn_job, in_open);
        before = idn_link_in(&later->in_unserved) ? &later->in_unserved : before;
    }
    idn_link_between(&job->in_unserved, before->prev, before);
}

static void enter_open(struct idn_core *core, struct idn_job *job)
{
    struct idn_link *after = core->open.prev;

    // In order of acceptance, also when it comes back.
    while (after != &core->open && IDN_ENTRY(after, struct idn_job, in_open)->serial > job->serial)
        after = after->prev;
    idn_link_between(&job->in_open, after, after->next);
    core->open_jobs++;
    core->open_images += idn_job_total(job);
    enter_unserved(core, job);
    idn_measure_change(core, IDN_CHANGE_JOB_ACCEPTED);
    idn_policy_changed(core, job);
    idn_shares_changed(core);
    core->look = core->newcomers = true;
}

static void leave_open(struct idn_core *core, struct idn_job *job)
{
    if (!idn_link_in(&job->in_open))
        return;
    idn_link_remove(&job->in_open);
    idn_link_remove(&job->in_unserved);
    idn_policy_left(core, job);
    idn_measure_left(core, job);
    idn_measure_change(
        core, job->state == IDN_JOB_FINISHED ? IDN_CHANGE_JOB_ENDED : IDN_CHANGE_JOB_CANCELLED);
    core->open_jobs--;
    core->open_images -= idn_job_total(job);
}

// What the ACCEPTED fact says.
static void take_terms(struct idn_core *core, struct idn_job *job, const struct idn_fact *accepted)
{
    job->spec = accepted->u.accepted;
    if (job->weight_set.origin.sequence == 0)
        job->weight = job->spec.weight;
    job->spec_hash = idn_spec_hash(&job->spec);
    job->accepted_epoch = accepted->epoch;
    job->accepted = accepted->origin;
    job->created_wall_ms = accepted->wall_ms;
    job->model = model_of(core, &job->spec);
    job->dataset = dataset_of(core, &job->spec);
}

// Of the same job: only who asked, and the weight, may differ.
static void take_other_terms(
    struct idn_core *core, struct idn_job *job, const struct idn_fact *accepted)
{
    idn_policy_uncharge(core, job);
    take_terms(core, job, accepted);
    idn_policy_charge(core, job);
    idn_measure_terms(core, job);
}

struct idn_job *idn_jobs_add(struct idn_core *core, const struct idn_fact *accepted)
{
    struct idn_job *job = take_slot(core);

    if (job == NULL)
        return NULL;
    *job = (struct idn_job){.key = accepted->job, .state = IDN_JOB_OPEN};
    take_terms(core, job, accepted);
    job->serial = ++core->job_serials;
    job->version = core->incarnation << 32 | 1;
    job->position = core->position;
    job->restored = !core->active;
    idn_images_init(&job->images, job->spec.last - job->spec.first + 1);
    job->start = idn_policy_start(core);
    idn_link_init(&job->lease_list);
    idn_link_init(&job->watches);
    idn_link_append(&core->known, &job->in_known);
    enter_open(core, job);
    core->jobs++;
    index_put(core, job);
    return job;
}

void idn_jobs_remove(struct idn_core *core, struct idn_job *job)
{
    idn_leases_take_back(core, job);
    idn_watches_job_gone(core, job);
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
    idn_policy_changed(core, job);
    return job->images.pages > 0 || idn_images_open(&core->pages, &job->images);
}

void idn_jobs_touch(struct idn_core *core, struct idn_job *job)
{
    job->version++;
    idn_policy_changed(core, job);
    if (!idn_link_empty(&job->watches) && !idn_link_in(&job->in_changed))
        idn_link_append(&core->changed, &job->in_changed);
}

// At the others' virtual time: it is not owed the time that it was away.
static void open_again(struct idn_core *core, struct idn_job *job)
{
    job->start = idn_policy_start(core);
    enter_open(core, job);
    idn_policy_charge(core, job);
}

static void move(struct idn_core *core, struct idn_job *job, uint32_t state, uint64_t wall_ms)
{
    if (job->state == state)
        return;
    job->state = state;
    job->finished_wall_ms = state == IDN_JOB_OPEN ? 0 : wall_ms;
    leave_open(core, job);
    if (state == IDN_JOB_OPEN)
        open_again(core, job);
    if (state == IDN_JOB_FINISHED)
        job->summary_due = true;
    idn_jobs_touch(core, job);
}

static void forget_suspects(struct idn_core *core, const struct idn_job *job)
{
    for (uint32_t i = 0; i < core->suspects; i++)
        if (core->suspect[i].serial == job->serial)
            core->suspect[i].serial = 0;
}

// Whatever was done for the other specification is not its own. What the store may hold for this
// one, from an earlier change of the same kind, is read back.
static void start_anew(struct idn_core *core, struct idn_job *job, const struct idn_fact *accepted)
{
    idn_leases_take_back(core, job);
    forget_suspects(core, job);
    leave_open(core, job);
    idn_images_close(&core->pages, &job->images);
    take_terms(core, job, accepted);
    idn_images_init(&job->images, job->spec.last - job->spec.first + 1);
    job->digest = (struct idn_digest){0};
    job->conflicts = 0;
    job->compute_us = job->class_hash = 0;
    job->finished_wall_ms = job->cancelled ? accepted->wall_ms : 0;
    job->disputed = job->summary_due = false;
    job->start = idn_policy_start(core);
    job->state = job->cancelled ? IDN_JOB_CANCELLED : IDN_JOB_OPEN;
    if (job->state == IDN_JOB_OPEN)
        enter_open(core, job);
    idn_refold_want(core, job);
}

void idn_jobs_accept_again(
    struct idn_core *core, struct idn_job *job, const struct idn_fact *accepted)
{
    bool same = idn_spec_hash(&accepted->u.accepted) == job->spec_hash;

    job->rivals = job->rivals || !same;
    if (idn_fact_order(accepted->epoch, accepted->origin, job->accepted_epoch, job->accepted) < 0) {
        if (same)
            take_other_terms(core, job, accepted);
        else
            start_anew(core, job, accepted);
    }
    idn_jobs_touch(core, job);
}

void idn_jobs_cancel(struct idn_core *core, struct idn_job *job, uint64_t wall_ms)
{
    if (job->cancelled)
        return;
    job->cancelled = true;
    IDN_EACH(link, &job->lease_list)
    idn_lease_trim(core, IDN_ENTRY(link, struct idn_lease, in_job), 0);
    idn_jobs_settle(core, job, wall_ms);
}

static bool is_complete(const struct idn_job *job)
{
    return idn_job_done(job) == idn_job_total(job);
}

// Nobody is told that it has finished while its digest is to be read back.
static uint32_t state_of(const struct idn_job *job)
{
    bool unsure = idn_job_is_read_back(job) || (job->disputed && job->images.pages > 0);

    if (is_complete(job) && (job->state == IDN_JOB_FINISHED || !unsure))
        return IDN_JOB_FINISHED;
    return job->cancelled ? IDN_JOB_CANCELLED : IDN_JOB_OPEN;
}

void idn_jobs_settle(struct idn_core *core, struct idn_job *job, uint64_t wall_ms)
{
    bool ended = is_complete(job) || job->cancelled;

    if (ended && job->leases == 0 && job->images.pages > 0) {
        idn_images_close(&core->pages, &job->images);
        if (job->disputed)
            idn_refold_want(core, job);
        else
            idn_refold_summarise(core, job);
    }
    move(core, job, state_of(job), wall_ms);
    if (job->summary_due)
        idn_refold_summarise(core, job);
}
