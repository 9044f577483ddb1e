// The dispatch rule. Leases are cut when there is a reason to look, never ahead of time:
//
//   when                                  who                 what
//   work or an idle worker appeared       each idle worker    a lease of the job that the policy
//                                                             chooses (policy.c)
//   a worker reported, and what it        that worker         its second lease, likewise
//   holds is worth less than
//   IDN_REFILL_MS
//   a worker reported, and the policy     that worker         its leases are trimmed to what it
//   wants it elsewhere                                        has begun; then it is refilled
//   images came back from a silent       the worker with     its leases are trimmed to what it
//   worker, and nobody is idle            the most left       has begun; it gets those images next
//   a job that never had a lease finds    the worker whose    likewise: a newcomer is served at
//   no idle worker                        job is most ahead   once
//   an idle worker finds nothing pending  the live worker     its lease is trimmed by half
//                                         with the most left,
//                                         if over IDN_STEAL_MS
//   the disk is nearly full; or the       nobody              nothing
//   broker has not begun its reign
//
// Whoever gets a lease gets images that came back from a silent worker before all others
// (urgent.h).
//
// A lease: from the job's first image that is free, to the end of its task (the batch-aligned range
// it lies in) or to the first image that is not. A suspect is leased alone (poison.c). The first
// slice of a job is one image, for an early result; later ones are what the worker does in
// IDN_SLICE_MS.
#include "broker/core/dispatch.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/poison.h"
#include "broker/core/policy.h"
#include "broker/core/roles.h"
#include "broker/core/silence.h"
#include "broker/core/urgent.h"
#include "broker/core/workers.h"

enum { STEAL_TRIES = 32, STEAL_EVERY_MS = 20, URGENT_TRIES = 16, IN_VAIN_MAX = 16 };

bool idn_dispatch_is_open(const struct idn_core *core)
{
    return idn_roles_may_grant(core) && !core->disk_low;
}

bool idn_dispatch_can_serve(const struct idn_core *core, const struct idn_job *job)
{
    if (!idn_dispatch_is_open(core) || job->images.pages == 0)
        return false;
    IDN_EACH_CONST(link, &core->presence[IDN_PRESENCE_ALIVE])
    if (idn_worker_can_serve(core, IDN_ENTRY_CONST(link, struct idn_worker, in_presence), job))
        return true;
    return false;
}

static uint32_t first_slice(const struct idn_worker *worker, const struct idn_job *job)
{
    uint64_t image_us = idn_worker_likely_us(worker, job), images;

    if (idn_link_in(&job->in_unserved) || image_us == 0)
        return 1;
    images = idn_min_u64(IDN_SLICE_MS * 1000ull / image_us, IDN_CHILD_IMAGES_MAX);
    return images == 0 ? 1 : (uint32_t)images;
}

static void cut_lease(struct idn_core *core, struct idn_worker *worker, struct idn_job *job,
    uint32_t first, bool urgent)
{
    uint32_t total = idn_job_total(job), batch = core->model[job->model].batch,
             left = batch - first % batch, count = 1;

    IDN_ASSERT(first < total);
    bool alone = idn_images_get(&core->pages, &job->images, first) == IDN_IMAGE_SUSPECT;
    if (!alone)
        count = idn_images_run(
            &core->pages, &job->images, first, total - first < left ? total : first + left);
    struct idn_lease *lease =
        idn_lease_grant(core, worker, job, first, count, alone, first_slice(worker, job));
    lease->urgent_ms = urgent ? core->now + IDN_DEAD_MS : 0;
}

// Whoever is trimmed for a newcomer serves it, even if another job is further behind: otherwise he
// would be trimmed for it again, and again.
static struct idn_job *newcomer(struct idn_core *core, const struct idn_worker *worker)
{
    IDN_EACH(link, &core->unserved)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_unserved);
        if (idn_job_pending(job) > 0 && idn_worker_can_serve(core, worker, job) &&
            idn_poison_has_work(core, job, worker))
            return job;
    }
    return NULL;
}

// Abilities (struct idn_worker) that there is nothing for: a few, others are looked at one by one.
struct in_vain {
    uint64_t ability[IN_VAIN_MAX];
    uint32_t count;
};

static bool is_in_vain(const struct in_vain *in_vain, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < in_vain->count; i++)
        if (in_vain->ability[i] == worker->ability)
            return true;
    return false;
}

static void remember(struct in_vain *in_vain, const struct idn_worker *worker)
{
    if (in_vain->count < IN_VAIN_MAX)
        in_vain->ability[in_vain->count++] = worker->ability;
}

// in_vain: what is known and learned of it, or NULL.
static void refill(struct idn_core *core, struct idn_worker *worker, struct in_vain *in_vain)
{
    bool passed_over = false;
    uint32_t first;

    if (core->now < worker->pause_ms || !idn_actions_room(core))
        return;
    struct idn_job *job = idn_urgent_take(core, worker, &first);
    if (job != NULL) {
        cut_lease(core, worker, job, first, true);
        return;
    }
    if (idn_policy_preempts(core))
        job = newcomer(core, worker);
    if (job == NULL)
        job = idn_policy_choose(core, worker, &passed_over);
    if (job != NULL) {
        idn_policy_catch_up(core, worker, job);
        cut_lease(core, worker, job, idn_poison_next(core, job, worker), false);
    } else if (in_vain != NULL && !passed_over)
        remember(in_vain, worker);
}

// What is left of a lease, in microseconds of its worker; 0: its speed is not known.
static uint64_t worth_us(const struct idn_lease *lease)
{
    return lease->left * idn_worker_image_us(lease->worker, lease->job);
}

// Likewise, but a worker that stands still (it loads a model, its host is overloaded) takes at
// least as long again.
static uint64_t takes_us(const struct idn_core *core, const struct idn_lease *lease)
{
    uint64_t still_us = (core->now - lease->worker->progress_ms) * 1000;

    return worth_us(lease) > still_us ? worth_us(lease) : still_us;
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
        if (job->trim_asked)
            idn_lease_trim(core, lease, 0);
        else
            idn_lease_trim_for(core, lease, job);
        job->trim_asked = true;
    }
}

static void look_after(struct idn_core *core, struct idn_worker *worker)
{
    if (!idn_worker_is_live(worker) || worker->leases == 0)
        return;
    const struct idn_lease *lease = worker->lease[0];
    struct idn_job *chosen = NULL;
    bool passed_over;
    if (!lease->trimming && !lease->spent)
        chosen = idn_policy_choose(core, worker, &passed_over);
    if (chosen != NULL && !chosen->trim_asked && idn_policy_outranks(core, lease, chosen))
        preempt(core, worker, chosen);
    if (wants_second(worker))
        refill(core, worker, NULL);
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
                !idn_worker_can_serve(core, lease->worker, newcomer) ||
                !idn_poison_has_work(core, newcomer, lease->worker))
                continue;
            victim = lease->worker;
            most = progress;
            break;
        }
    }
    return victim;
}

// Newcomers that found nobody: the last few, each stands for all that are alike.
struct unhelped {
    const struct idn_job *job[IN_VAIN_MAX];
    uint32_t count;
};

// What one of them finds nobody for, the others find nobody for either.
static bool are_alike(const struct idn_job *a, const struct idn_job *b)
{
    return a->model == b->model && a->dataset == b->dataset && a->class_hash == b->class_hash &&
           a->restored == b->restored;
}

static bool is_unhelped(const struct unhelped *unhelped, const struct idn_job *job)
{
    for (uint32_t i = 0; i < unhelped->count && i < IN_VAIN_MAX; i++)
        if (are_alike(unhelped->job[i], job))
            return true;
    return false;
}

static void serve_newcomer(struct idn_core *core, struct idn_job *job, struct idn_worker *victim)
{
    preempt(core, victim, job);
    if (wants_second(victim))
        refill(core, victim, NULL);
}

static void serve_newcomers(struct idn_core *core)
{
    struct unhelped unhelped = {.count = 0};
    struct idn_link *link = core->unserved.next, *next;

    core->newcomers = false;
    while (link != &core->unserved) {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_unserved);
        bool wants = !job->trim_asked && idn_job_pending(job) > 0 && !is_unhelped(&unhelped, job);
        if (wants && !idn_actions_room(core)) {
            core->look = core->newcomers = true;
            return;
        }
        struct idn_worker *victim = wants ? find_victim(core, job) : NULL;
        if (wants && victim == NULL)
            unhelped.job[unhelped.count++ % IN_VAIN_MAX] = job;
        next = link->next;
        if (victim != NULL)
            serve_newcomer(core, job, victim);
        // One of them may have got a lease and left the list: this one, the next, or another.
        link = next == &core->unserved || idn_link_in(next) ? next : link->next;
    }
}

static bool can_be_trimmed(const struct idn_lease *lease)
{
    return idn_worker_is_live(lease->worker) && !lease->trimming && !lease->spent;
}

// Who has the model of the job loaded comes first, then who has the most left.
static bool is_better_helper(
    const struct idn_lease *a, const struct idn_lease *b, const struct idn_job *job)
{
    bool ready_a = idn_worker_image_us(a->worker, job) > 0,
         ready_b = idn_worker_image_us(b->worker, job) > 0;

    if (ready_a != ready_b)
        return ready_a;
    return worth_us(a) != worth_us(b) ? worth_us(a) > worth_us(b) : a->left > b->left;
}

// It is being trimmed already, or got images that came back from another one just now: it is left
// to begin with them.
static bool is_taken(const struct idn_core *core, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < worker->leases; i++)
        if (worker->lease[i]->trimming || core->now < worker->lease[i]->urgent_ms)
            return true;
    return false;
}

static struct idn_worker *find_helper(struct idn_core *core, const struct idn_job *job)
{
    struct idn_lease *best = NULL;

    IDN_EACH(link, &core->open)
    IDN_EACH(held, &IDN_ENTRY(link, struct idn_job, in_open)->lease_list)
    {
        struct idn_lease *lease = IDN_ENTRY(held, struct idn_lease, in_job);
        if (!can_be_trimmed(lease) || is_taken(core, lease->worker) ||
            !idn_worker_can_serve(core, lease->worker, job))
            continue;
        if (best == NULL || is_better_helper(lease, best, job))
            best = lease;
    }
    return best == NULL ? NULL : best->worker;
}

// Those for which a worker was trimmed lately wait for it.
static struct idn_urgent *next_due(struct idn_core *core)
{
    IDN_EACH_SAFE(link, after, &core->urgents)
    {
        struct idn_urgent *urgent = IDN_ENTRY(link, struct idn_urgent, in_urgents);
        if (idn_urgent_job(core, urgent) != NULL && core->now >= urgent->next_ms)
            return urgent;
    }
    return NULL;
}

static void serve_urgent(struct idn_core *core)
{
    struct idn_urgent *urgent;
    uint32_t tries = 0;

    if (idn_silence_is_reunion(core))
        return; // they may be about to come back for it
    while ((urgent = next_due(core)) != NULL) {
        // A few at a time: with many dead at once the others are asked in the next steps.
        if (tries++ == URGENT_TRIES || !idn_actions_room(core)) {
            core->look = core->more = true;
            return;
        }
        struct idn_worker *helper = find_helper(core, urgent->job);
        urgent->next_ms = core->now + (helper != NULL ? IDN_ORDER_MS : IDN_BEAT_MS);
        if (helper == NULL)
            continue;
        idn_worker_trim(core, helper);
        if (wants_second(helper))
            refill(core, helper, NULL);
    }
}

// Half of the largest remaining lease that this worker could do as well. False: none is worth it.
static bool steal_for(struct idn_core *core, const struct idn_worker *worker)
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
            if (!can_be_trimmed(lease) || lease->left < 2)
                continue;
            if (largest == NULL || takes_us(core, lease) > takes_us(core, largest))
                largest = lease;
        }
    }
    if (largest == NULL || takes_us(core, largest) <= IDN_STEAL_MS * 1000ull)
        return false;
    idn_lease_trim(core, largest, largest->count - largest->left / 2);
    return true;
}

// A few at a time, in turn: some may never find anything.
static void steal(struct idn_core *core)
{
    struct in_vain in_vain = {.count = 0};
    uint32_t tries = 0;

    core->next_steal_ms = core->now + STEAL_EVERY_MS;
    // Who is idle still finds nothing pending.
    const struct idn_link *last = core->idle.prev;
    IDN_EACH_SAFE(link, after, &core->idle)
    {
        const struct idn_worker *worker = IDN_ENTRY(link, struct idn_worker, in_idle);
        if (tries == STEAL_TRIES || !idn_actions_room(core))
            return;
        if (!is_in_vain(&in_vain, worker)) {
            tries++;
            if (!steal_for(core, worker))
                remember(&in_vain, worker);
        }
        idn_link_move(&core->idle, link);
        if (link == last)
            return;
    }
}

static void serve_idle(struct idn_core *core)
{
    struct in_vain in_vain = {.count = 0};

    if (!idn_policy_has_pending(core))
        return;
    IDN_EACH_SAFE(link, after, &core->idle)
    {
        struct idn_worker *worker = IDN_ENTRY(link, struct idn_worker, in_idle);
        if (is_in_vain(&in_vain, worker))
            continue;
        if (!idn_actions_room(core)) {
            core->look = true;
            return;
        }
        refill(core, worker, &in_vain);
    }
}

static void look(struct idn_core *core)
{
    core->look = false;
    serve_idle(core);
    serve_urgent(core);
    if (core->newcomers && idn_policy_preempts(core))
        serve_newcomers(core);
    if (core->now >= core->next_steal_ms)
        steal(core); // else at the next beat, at the latest
}

void idn_dispatch(struct idn_core *core)
{
    struct idn_worker *asking = core->asking;

    core->asking = NULL;
    if (idn_dispatch_is_open(core)) {
        if (asking != NULL)
            look_after(core, asking);
        if (core->look)
            look(core);
    }
    idn_policy_settle(core);
}

void idn_dispatch_at_beat(struct idn_core *core)
{
    if (!idn_dispatch_is_open(core))
        return;
    serve_idle(core);
    serve_urgent(core);
    steal(core);
}

void idn_dispatch_check(const struct idn_core *core)
{
    if (!idn_dispatch_is_open(core) || core->look)
        return;
    IDN_EACH_CONST(link, &core->idle)
    {
        const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_idle);
        IDN_ASSERT(
            core->now < worker->pause_ms + IDN_BEAT_MS || idn_policy_scan(core, worker) == NULL);
    }
}
