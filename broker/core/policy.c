// fair-time: start-time fair queueing charged in work done, not in seconds.
//
//   V(job) = start + images / (batch * weight), in units of 2^-20 tasks
//
//   question                            images counted        answer
//   who gets a lease                    done + what its       the least V; then the lowest key
//                                       workers will do in
//                                       IDN_SHARE_MS
//   is a worker better with another     likewise              if that brings the two closer to each
//   job                                                       other; after IDN_TURN_MS with its own
//   where does a new job start          done                  the least V of the jobs that have
//                                                             workers, else of all open ones; not
//                                                             behind what its first worker could
//                                                             do instead
//   how far behind may a job be         done                  by what all live workers do in
//                                                             IDN_OWED_MS of what its worker could
//                                                             do instead
//   a reign begins                      done                  every open job at the same V: what
//                                                             they did before is not charged
//   a batch or weight is set            done                  V goes on from where it is
//
// What is counted beyond the images done is a prediction: with n workers on one job and m on
// another, the ranks are equal when both are going to complete tasks at the same rate. So workers
// are divided as the rates demand at once, not only when one job has fallen behind. A lease as a
// whole says nothing, for it can be trimmed; and a worker's second one comes after its first.
//
// A job that is behind because few workers can serve it is not owed all of that: else it would get
// every worker of those that join, for as long as it takes, and a newcomer would begin as far
// behind as it is.
//
// fifo: the oldest job first; nothing is ever taken away from a job.
//
// static: whole workers are set aside for a job (shares.h); who finds nothing there helps the
// oldest. Nothing is taken away from a job before its lease has ended.
#include "broker/core/policy.h"

#include "broker/core/leases.h"
#include "broker/core/measure.h"
#include "broker/core/poison.h"
#include "broker/core/ranking.h"
#include "broker/core/shares.h"
#include "broker/core/workers.h"

#include <string.h>

// Of all its images at once, so nothing is lost by rounding. 2^43 tasks fit: 28 years of 10,000 a
// second without a moment at which no job is open, and in one reign.
static int64_t work(const struct idn_core *core, const struct idn_job *job, uint32_t images)
{
    uint32_t batch = job->model >= 0 ? core->model[job->model].batch : 1;

    return (int64_t)(((uint64_t)images << 20) / ((uint64_t)batch * job->weight));
}

int64_t idn_policy_progress(const struct idn_core *core, const struct idn_job *job)
{
    return job->start + work(core, job, idn_job_done(job));
}

void idn_policy_uncharge(struct idn_core *core, struct idn_job *job)
{
    job->start += work(core, job, idn_job_done(job));
}

void idn_policy_charge(struct idn_core *core, struct idn_job *job)
{
    job->start -= work(core, job, idn_job_done(job));
    idn_policy_changed(core, job);
    idn_shares_changed(core);
}

// ---- the policies

static int64_t by_time(const struct idn_core *core, const struct idn_job *job)
{
    return job->start + work(core, job, idn_job_done(job) + job->claim);
}

static int64_t by_age(const struct idn_core *core, const struct idn_job *job)
{
    (void)core;
    return (int64_t)job->serial;
}

static const struct {
    const char *name;
    int64_t (*rank)(const struct idn_core *core, const struct idn_job *job); // the least is next
    bool preempts; // a job that is behind, or new, may take another one's worker
    bool shares;   // workers are set aside for jobs
} policies[] = {
    [IDN_POLICY_FAIR_TIME] = {"fair-time", by_time, true, false},
    [IDN_POLICY_FIFO] = {"fifo", by_age, false, false},
    [IDN_POLICY_STATIC] = {"static", by_age, false, true},
};

const char *idn_policy_name(enum idn_policy policy)
{
    return policies[policy].name;
}

bool idn_policy_named(const char *name, enum idn_policy *ret)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++)
        if (strcmp(policies[i].name, name) == 0) {
            *ret = (enum idn_policy)i;
            return true;
        }
    return false;
}

static int64_t rank(const struct idn_core *core, const struct idn_job *job)
{
    return policies[core->policy].rank(core, job);
}

// ---- who is next

// The list of those that are to find their place is linked by 1 + slot; the last one names itself.
void idn_policy_changed(struct idn_core *core, struct idn_job *job)
{
    uint32_t name = (uint32_t)(job - core->job) + 1;

    if (!idn_link_in(&job->in_open) || job->unranked != 0)
        return;
    job->unranked = core->unranked == 0 ? name : core->unranked;
    core->unranked = name;
}

void idn_policy_left(struct idn_core *core, struct idn_job *job)
{
    if (job->unranked != 0)
        idn_policy_settle(core);
    idn_ranking_remove(core, job);
    idn_shares_changed(core);
}

void idn_policy_settle(struct idn_core *core)
{
    if (policies[core->policy].shares)
        idn_shares_settle(core);
    while (core->unranked != 0) {
        struct idn_job *job = &core->job[core->unranked - 1];
        core->unranked = job->unranked == core->unranked ? 0 : job->unranked;
        job->unranked = 0;
        idn_measure_pending(core, job);
        if (idn_link_in(&job->in_open) && idn_job_pending(job) > 0)
            idn_ranking_put(core, job, rank(core, job));
        else
            idn_ranking_remove(core, job);
    }
}

bool idn_policy_has_pending(struct idn_core *core)
{
    idn_policy_settle(core);
    return core->ranked > 0;
}

static bool has_work(
    const struct idn_core *core, const struct idn_job *job, const struct idn_worker *worker)
{
    return idn_job_pending(job) > 0 && idn_worker_can_serve(core, worker, job) &&
           idn_poison_has_work(core, job, worker);
}

// The job that it is set aside for, if that has work; NULL: any may have it.
static struct idn_job *choose_own(const struct idn_core *core, const struct idn_worker *worker)
{
    struct idn_job *job = policies[core->policy].shares ? idn_shares_job(core, worker) : NULL;

    return job != NULL && has_work(core, job, worker) ? job : NULL;
}

// The first in the ranking that the worker has work of, other than `but`.
static struct idn_job *first_for(const struct idn_core *core, const struct idn_worker *worker,
    const struct idn_job *but, bool *ret_passed_over)
{
    struct idn_job *first = NULL;

    *ret_passed_over = false;
    for (int32_t model = 0; model < (int32_t)core->models; model++) {
        struct idn_job *job = NULL;
        if (worker->models >> model & 1)
            job = idn_ranking_first(core, model);
        for (; job != NULL; job = idn_ranking_next(core, job)) {
            if (first != NULL && idn_policy_before(core, first, job))
                break;
            if (job == but || !idn_worker_can_serve(core, worker, job))
                continue;
            if (idn_poison_has_work(core, job, worker)) {
                first = job;
                break;
            }
            *ret_passed_over = true;
        }
    }
    return first;
}

static struct idn_job *choose(
    const struct idn_core *core, const struct idn_worker *worker, bool *ret_passed_over)
{
    struct idn_job *job = choose_own(core, worker);

    *ret_passed_over = false;
    return job != NULL ? job : first_for(core, worker, NULL, ret_passed_over);
}

struct idn_job *idn_policy_choose(
    struct idn_core *core, const struct idn_worker *worker, bool *ret_passed_over)
{
    idn_policy_settle(core);
    return choose(core, worker, ret_passed_over);
}

bool idn_policy_before(
    const struct idn_core *core, const struct idn_job *a, const struct idn_job *b)
{
    int64_t rank_a = rank(core, a), rank_b = rank(core, b);

    if (rank_a != rank_b)
        return rank_a < rank_b;
    return memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes)) < 0;
}

const struct idn_job *idn_policy_scan(const struct idn_core *core, const struct idn_worker *worker)
{
    const struct idn_job *best = choose_own(core, worker);

    if (best != NULL)
        return best;
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if ((best == NULL || idn_policy_before(core, job, best)) && has_work(core, job, worker))
            best = job;
    }
    return best;
}

void idn_policy_check(const struct idn_core *core)
{
    uint32_t pending = 0, ranked = 0;

    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if (job->unranked != 0)
            return; // it is not settled while this broker does not dispatch
        pending += idn_job_pending(job) > 0;
        IDN_ASSERT(job->ranked.in == (idn_job_pending(job) > 0));
        IDN_ASSERT(!job->ranked.in || job->ranked.rank == rank(core, job));
    }
    for (int32_t model = IDN_NONE; model < (int32_t)core->models; model++) {
        const struct idn_job *last = NULL, *next = idn_ranking_first(core, model);
        for (; next != NULL; next = idn_ranking_next(core, last = next)) {
            IDN_ASSERT(last == NULL || idn_policy_before(core, last, next));
            IDN_ASSERT(next->model == model);
            ranked++;
        }
    }
    IDN_ASSERT(ranked == pending && ranked == core->ranked);
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        const struct idn_worker *worker = &core->worker[i];
        bool passed_over;
        if (idn_worker_is_live(worker))
            IDN_ASSERT(choose(core, worker, &passed_over) == idn_policy_scan(core, worker));
    }
}

bool idn_policy_preempts(const struct idn_core *core)
{
    return policies[core->policy].preempts;
}

// What the worker does in that time; all of it as long as nothing is known of the job's speed, so
// that a newcomer is given a worker, and not everybody, before its first result.
static uint32_t images_in(
    uint64_t ms, const struct idn_worker *worker, const struct idn_job *job, uint32_t all)
{
    uint64_t image_us = idn_worker_likely_us(worker, job);

    return image_us == 0 ? all : (uint32_t)idn_min_u64(ms * 1000 / image_us + 1, all);
}

uint32_t idn_policy_claim(const struct idn_lease *lease)
{
    const struct idn_worker *worker = lease->worker;
    const struct idn_lease *first = worker->lease[0];
    uint64_t first_ms = 0;

    if (lease != first)
        first_ms = first->left * idn_worker_likely_us(worker, first->job) / 1000;
    if (first_ms >= IDN_SHARE_MS)
        return 0;
    return images_in(IDN_SHARE_MS - first_ms, worker, lease->job, lease->left);
}

bool idn_policy_outranks(
    const struct idn_core *core, const struct idn_lease *lease, const struct idn_job *chosen)
{
    const struct idn_job *job = lease->job;
    const struct idn_worker *worker = lease->worker;
    uint32_t loses = 0, gains = images_in(IDN_SHARE_MS, worker, chosen, idn_job_pending(chosen));

    if (!idn_policy_preempts(core) || chosen == job || core->now < worker->turn_ms + IDN_TURN_MS ||
        idn_worker_image_us(worker, job) == 0)
        return false;
    for (uint32_t i = 0; i < worker->leases; i++)
        loses += worker->lease[i]->job == job ? worker->lease[i]->claim : 0;
    return 2 * (rank(core, job) - rank(core, chosen)) >
           work(core, job, loses) + work(core, chosen, gains);
}

void idn_policy_catch_up(
    struct idn_core *core, const struct idn_worker *worker, struct idn_job *job)
{
    bool is_new = idn_link_in(&job->in_unserved) && !job->restored, passed_over;

    if (!idn_policy_preempts(core))
        return;
    idn_policy_settle(core);
    const struct idn_job *other = first_for(core, worker, job, &passed_over);
    if (other == NULL)
        return;
    uint32_t images =
        images_in((uint64_t)core->live * IDN_OWED_MS, worker, other, idn_job_total(other));
    int64_t lag = idn_policy_progress(core, other) - idn_policy_progress(core, job),
            most = is_new ? 0 : work(core, other, images);
    if (lag <= most)
        return;
    job->start += lag - most;
    idn_policy_changed(core, job);
}

int64_t idn_policy_start(const struct idn_core *core)
{
    int64_t least = INT64_MAX, least_served = INT64_MAX;

    if (!core->active)
        return 0;
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        int64_t progress = idn_policy_progress(core, job);
        if (progress < least)
            least = progress;
        if (job->leases > 0 && progress < least_served)
            least_served = progress;
    }
    if (least_served != INT64_MAX)
        return least_served;
    return least == INT64_MAX ? 0 : least;
}

void idn_policy_restart(struct idn_core *core)
{
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        job->start = -work(core, job, idn_job_done(job));
        idn_policy_changed(core, job);
    }
}
