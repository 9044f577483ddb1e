// The dispatch rule. Leases are cut when there is a reason to look, never ahead of time:
//
//   when                                  who                 what
//   work or an idle worker appeared       each idle worker    a lease of the job that the policy
//                                                             chooses (policy.c)
//   a worker reported, and what it        that worker         its second lease, likewise
//   holds is worth less than
//   IDN_REFILL_MS
//   a worker reported, and its job is     that worker         its leases are trimmed to what it
//   ahead of another by IDN_SHARE_MS                          has begun; then it is refilled
//   a job that never had a lease finds    the worker whose    likewise: a newcomer is served at
//   no idle worker                        job is most ahead   once
//   an idle worker finds nothing pending  the worker with     its lease is trimmed by half
//                                         the most left, if
//                                         over IDN_STEAL_MS
//   the disk is nearly full; or the       nobody              nothing
//   broker has not begun its reign
//
// A lease: from the job's first image that is free, to the end of its task (the batch-aligned range
// it lies in) or to the first image that is not. A suspect is leased alone (poison.c). The first
// slice of a job on a worker is one image; later ones are what it does in IDN_SLICE_MS.
#include "broker/core/dispatch.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/poison.h"
#include "broker/core/policy.h"
#include "broker/core/workers.h"

enum { STEAL_TRIES = 32 };

bool idn_dispatch_is_open(const struct idn_core *core)
{
    return core->active && !core->disk_low;
}

static uint32_t first_slice(const struct idn_worker *worker, const struct idn_job *job)
{
    uint64_t image_us = idn_worker_image_us(worker, job), images;

    if (worker->last_job != job->serial || image_us == 0)
        return 1;
    images = idn_min_u64(IDN_SLICE_MS * 1000ull / image_us, IDN_CHILD_IMAGES_MAX);
    return images == 0 ? 1 : (uint32_t)images;
}

static void cut_lease(struct idn_core *core, struct idn_worker *worker, struct idn_job *job)
{
    uint32_t first = idn_poison_next(core, job, worker), total = idn_job_total(job),
             batch = core->model[job->model].batch, left = batch - first % batch, count = 1;

    IDN_ASSERT(first < total);
    bool alone = idn_images_get(&core->pages, &job->images, first) == IDN_IMAGE_SUSPECT;
    if (!alone)
        count = idn_images_run(
            &core->pages, &job->images, first, total - first < left ? total : first + left);
    idn_lease_grant(core, worker, job, first, count, alone, first_slice(worker, job));
}

static bool refill(struct idn_core *core, struct idn_worker *worker)
{
    struct idn_job *job = idn_policy_choose(core, worker);

    if (job == NULL || !idn_actions_room(core))
        return false;
    cut_lease(core, worker, job);
    return true;
}

// What is left of a lease, in microseconds of its worker; 0: its speed is not known.
static uint64_t worth_us(const struct idn_lease *lease)
{
    return lease->left * idn_worker_image_us(lease->worker, lease->job);
}

static bool wants_second(const struct idn_worker *worker)
{
    if (!idn_worker_is_live(worker) || worker->leases != 1)
        return false;
    const struct idn_lease *lease = worker->lease[0];
    if (lease->trimming && lease->keep == 0)
        return true;
    if (idn_worker_image_us(worker, lease->job) == 0)
        return lease->left <= lease->count / 2;
    return worth_us(lease) < IDN_REFILL_MS * 1000ull;
}

// Takes back all that the worker has not begun, on behalf of a job.
static void preempt(struct idn_core *core, struct idn_worker *worker, struct idn_job *job)
{
    for (uint32_t i = 0; i < worker->leases; i++) {
        struct idn_lease *lease = worker->lease[i];
        if (lease->trimming || lease->spent || lease->job == job)
            continue;
        idn_lease_trim(core, lease, 0, job->trim_asked ? 0 : job->serial);
        job->trim_asked = true;
    }
}

static void look_after(struct idn_core *core, struct idn_worker *worker)
{
    if (!idn_worker_is_live(worker) || worker->leases == 0)
        return;
    const struct idn_lease *lease = worker->lease[0];
    struct idn_job *chosen =
        lease->trimming || lease->spent ? NULL : idn_policy_choose(core, worker);
    if (chosen != NULL && !chosen->trim_asked && idn_policy_outranks(core, lease, chosen))
        preempt(core, worker, chosen);
    if (wants_second(worker))
        refill(core, worker);
}

// Of the leases that this worker could do as well, the one whose job is most ahead.
static struct idn_worker *find_victim(struct idn_core *core, const struct idn_job *newcomer)
{
    struct idn_worker *victim = NULL;
    int64_t most = INT64_MIN;

    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        int64_t progress = idn_policy_progress(core, job);
        if (job == newcomer || job->leases == 0 || (victim != NULL && progress <= most))
            continue;
        IDN_EACH(held, &job->lease_list)
        {
            struct idn_lease *lease = IDN_ENTRY(held, struct idn_lease, in_job);
            if (lease != lease->worker->lease[0] || lease->trimming || lease->spent ||
                !idn_worker_can_serve(core, lease->worker, newcomer))
                continue;
            victim = lease->worker;
            most = progress;
            break;
        }
    }
    return victim;
}

static void serve_newcomers(struct idn_core *core)
{
    core->newcomers = false;
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (job->served || job->trim_asked || idn_job_pending(job) == 0)
            continue;
        if (!idn_actions_room(core)) {
            core->look = core->newcomers = true;
            return;
        }
        struct idn_worker *victim = find_victim(core, job);
        if (victim != NULL)
            preempt(core, victim, job);
        if (victim != NULL && wants_second(victim))
            refill(core, victim);
    }
}

static bool nothing_pending(const struct idn_core *core)
{
    IDN_EACH_CONST(link, &core->open)
    if (idn_job_pending(IDN_ENTRY_CONST(link, struct idn_job, in_open)) > 0)
        return false;
    return true;
}

// Half of the largest remaining lease that this worker could do as well.
static void steal_for(struct idn_core *core, const struct idn_worker *worker)
{
    struct idn_lease *largest = NULL;

    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (job->leases == 0 || !idn_worker_can_serve(core, worker, job))
            continue;
        IDN_EACH(held, &job->lease_list)
        {
            struct idn_lease *lease = IDN_ENTRY(held, struct idn_lease, in_job);
            if (lease->trimming || lease->spent || lease->left < 2)
                continue;
            if (largest == NULL || worth_us(lease) > worth_us(largest))
                largest = lease;
        }
    }
    if (largest == NULL || worth_us(largest) <= IDN_STEAL_MS * 1000ull)
        return;
    idn_lease_trim(core, largest, largest->count - largest->left / 2, 0);
}

void idn_dispatch_steal(struct idn_core *core)
{
    uint32_t tries = 0;

    if (!idn_dispatch_is_open(core))
        return;
    // Who is idle still finds nothing pending. A few at each beat, in turn: some may never find
    // anything.
    const struct idn_link *last = core->idle.prev;
    IDN_EACH_SAFE(link, after, &core->idle)
    {
        if (tries++ == STEAL_TRIES || !idn_actions_room(core))
            return;
        steal_for(core, IDN_ENTRY(link, struct idn_worker, in_idle));
        idn_link_move(&core->idle, link);
        if (link == last)
            return;
    }
}

static void serve_idle(struct idn_core *core)
{
    if (nothing_pending(core))
        return;
    IDN_EACH_SAFE(link, after, &core->idle)
    {
        if (!idn_actions_room(core)) {
            core->look = true;
            return;
        }
        refill(core, IDN_ENTRY(link, struct idn_worker, in_idle));
    }
}

void idn_dispatch(struct idn_core *core)
{
    struct idn_worker *asking = core->asking;

    core->asking = NULL;
    if (!idn_dispatch_is_open(core))
        return;
    if (asking != NULL)
        look_after(core, asking);
    if (!core->look)
        return;
    core->look = false;
    serve_idle(core);
    if (core->newcomers && idn_policy_preempts(core))
        serve_newcomers(core);
    idn_dispatch_steal(core);
}
