#include "broker/core/shares.h"

#include "broker/core/workers.h"

enum { IMAGE_US_MAX = 100 * 1000 * 1000 };
static_assert((uint64_t)IMAGE_US_MAX * IDN_BATCH_MAX * IDN_WEIGHT_MAX < UINT64_C(1) << 50,
    "products with a number of workers fit");

void idn_shares_changed(struct idn_core *core)
{
    core->shares_stale = true;
}

// ---- how many

// Whether job a gains a worker before job b: it has more need for each that it has.
static bool gains_before(const uint64_t *need, const uint16_t *share, uint32_t a, uint32_t b)
{
    uint64_t of_a = need[a] * share[b], of_b = need[b] * share[a];

    return of_a != of_b ? of_a > of_b : a < b;
}

// The one at this place of the heap goes down until it gains before both below it.
static void sink(
    const uint64_t *need, const uint16_t *share, uint16_t *heap, uint32_t count, uint32_t at)
{
    for (uint32_t below = 2 * at + 1; below < count; below = 2 * at + 1) {
        if (below + 1 < count && gains_before(need, share, heap[below + 1], heap[below]))
            below++;
        if (gains_before(need, share, heap[at], heap[below]))
            return;
        uint16_t job = heap[at];
        heap[at] = heap[below];
        heap[below] = job;
        at = below;
    }
}

void idn_shares_apportion(
    const uint64_t *need, uint32_t jobs, uint32_t workers, uint16_t *ret_share)
{
    uint16_t heap[IDN_WORKERS_MAX]; // the job that gains the next worker first
    uint64_t sum = 0;
    uint32_t left = workers;

    IDN_ASSERT(jobs <= workers && workers <= IDN_WORKERS_MAX);
    for (uint32_t i = 0; i < jobs; i++)
        sum += need[i];
    // Rounded up by a divisor at which there are certainly enough: nobody gets fewer in the end.
    for (uint32_t i = 0; i < jobs; i++) {
        uint64_t part = (need[i] * (workers - jobs) + sum - 1) / sum;
        ret_share[i] = (uint16_t)(part == 0 ? 1 : part);
        left -= ret_share[i];
    }
    for (uint32_t i = jobs; i-- > 0;) {
        heap[i] = (uint16_t)i;
        sink(need, ret_share, heap, jobs, i);
    }
    for (; jobs > 0 && left > 0; left--) {
        ret_share[heap[0]]++;
        sink(need, ret_share, heap, jobs, 0);
    }
}

// Mean time of a task; 0: not known before as many images as a task has are done. A first slice of
// one image would say too much.
static uint64_t task_us(const struct idn_core *core, const struct idn_job *job)
{
    uint32_t computed = job->images.kind[IDN_IMAGE_OK] + job->images.kind[IDN_IMAGE_ERROR];

    if (job->model < 0 || computed < core->model[job->model].batch)
        return 0;
    return idn_min_u64(job->compute_us / computed, IMAGE_US_MAX) * core->model[job->model].batch;
}

// The mean of those that are known; of how many it is not.
static uint64_t usual_task_us(const struct idn_core *core, uint32_t *ret_unknown)
{
    uint64_t sum = 0;
    uint32_t known = 0, unknown = 0;

    IDN_EACH_CONST(link, &core->open)
    {
        uint64_t us = task_us(core, IDN_ENTRY_CONST(link, struct idn_job, in_open));
        sum += us;
        known += us > 0;
        unknown += us == 0;
    }
    *ret_unknown = unknown;
    return known == 0 ? 1 : sum / known;
}

// With more jobs than workers the oldest get one each.
static void apportion(struct idn_core *core, uint64_t usual_us)
{
    uint64_t need[IDN_WORKERS_MAX];
    uint16_t share[IDN_WORKERS_MAX];
    uint32_t workers = core->live, jobs = 0, at = 0;

    IDN_EACH(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        uint64_t us = task_us(core, job);
        if (jobs < workers)
            need[jobs++] = job->weight * (us == 0 ? usual_us : us);
    }
    idn_shares_apportion(need, jobs, workers, share);
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        job->share = at < jobs ? share[at] : 0;
        job->aside = 0;
        at++;
    }
}

// ---- which ones

struct idn_job *idn_shares_job(const struct idn_core *core, const struct idn_worker *worker)
{
    struct idn_job *job = worker->share_job;

    (void)core;
    return job != NULL && job->serial == worker->share_serial && idn_link_in(&job->in_open) ? job
                                                                                            : NULL;
}

static void keep(struct idn_core *core, struct idn_worker *worker)
{
    struct idn_job *job = idn_shares_job(core, worker);

    if (job == NULL || job->aside == job->share || !idn_worker_can_serve(core, worker, job))
        worker->share_job = NULL;
    else
        job->aside++;
}

static void set_aside(struct idn_core *core, struct idn_worker *worker)
{
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (job->aside == job->share || !idn_worker_can_serve(core, worker, job))
            continue;
        job->aside++;
        worker->share_job = job;
        worker->share_serial = job->serial;
        return;
    }
}

void idn_shares_settle(struct idn_core *core)
{
    uint32_t unknown = 0;

    if (!core->shares_stale && core->shares_unknown == 0)
        return;
    uint64_t usual_us = usual_task_us(core, &unknown);
    if (!core->shares_stale && unknown >= core->shares_unknown)
        return;
    core->shares_stale = false;
    core->shares_unknown = unknown;
    apportion(core, usual_us);
    for (uint32_t i = 0; i < core->workers_touched; i++)
        keep(core, &core->worker[i]);
    for (uint32_t i = 0; i < core->workers_touched; i++)
        if (core->worker[i].share_job == NULL && idn_worker_is_live(&core->worker[i]))
            set_aside(core, &core->worker[i]);
}
