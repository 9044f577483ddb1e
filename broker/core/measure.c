#include "broker/core/measure.h"

#include "broker/core/dispatch.h"
#include "broker/core/sharing.h"
#include "broker/core/workers.h"

#include <string.h>

enum { PAUSE_SECONDS = 10 }; // without a result: what comes after it begins anew

static uint32_t second_of(uint64_t ms)
{
    return (uint32_t)(ms / 1000) + 1; // never 0, which means no event yet
}

// ---- the jobs' slots

static struct idn_measured *slot_of(const struct idn_core *core, const struct idn_job *job)
{
    return job->measured == 0 ? NULL : &core->measures.slot[job->measured - 1];
}

// False: more jobs are open than may be submitted, which only two brokers together can bring about.
static bool take_slot(struct idn_core *core, struct idn_job *job)
{
    struct idn_measures *measures = &core->measures;
    uint32_t name = measures->returned;

    if (name == 0 && measures->touched == measures->max)
        return false;
    if (name == 0)
        name = ++measures->touched;
    else
        measures->returned = measures->slot[name - 1].next;
    job->measured = name;
    measures->slot[name - 1] = (struct idn_measured){.id = ++measures->ids, .first_ms = core->now};
    return true;
}

void idn_measure_left(struct idn_core *core, struct idn_job *job)
{
    struct idn_measured *slot = slot_of(core, job);

    idn_sharing_left(core, job);
    if (slot == NULL)
        return;
    slot->id = 0;
    slot->next = core->measures.returned;
    core->measures.returned = job->measured;
    job->measured = 0;
}

// ---- what happens

void idn_measure_change(struct idn_core *core, enum idn_change change)
{
    core->measures.change++;
    core->measures.changed_ms = core->now;
    core->measures.changed_by = change;
}

void idn_measure_restart(struct idn_core *core)
{
    IDN_EACH(link, &core->open)
    idn_measure_left(core, IDN_ENTRY(link, struct idn_job, in_open));
    memset(core->measures.task_us, 0, core->models * sizeof(*core->measures.task_us));
    idn_measure_change(core, IDN_CHANGE_REIGN);
}

void idn_measure_pending(struct idn_core *core, struct idn_job *job)
{
    idn_sharing_settle(core, job);
}

void idn_measure_terms(struct idn_core *core, const struct idn_job *job)
{
    struct idn_measured *slot = slot_of(core, job);

    if (slot == NULL)
        return;
    if (job->sharing)
        idn_sharing_anew(core);
    slot->steady_ms = core->now;
}

void idn_measure_batch(struct idn_core *core, uint32_t model)
{
    uint32_t jobs = 0;

    core->measures.task_us[model] = (struct idn_distribution){0};
    IDN_EACH(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (job->model != (int32_t)model)
            continue;
        jobs++;
        if (job->measured != 0)
            slot_of(core, job)->task_us = (struct idn_moments){0};
        idn_measure_terms(core, job);
    }
    if (jobs > 0)
        idn_measure_change(core, IDN_CHANGE_BATCH);
}

// ---- images

static void count_second(struct idn_measured *slot, uint32_t second, uint32_t images)
{
    uint32_t passed = slot->second == 0 ? IDN_MEASURED_SECONDS : second - slot->second;

    if (passed >= PAUSE_SECONDS)
        slot->resumed = second;
    passed = passed < IDN_MEASURED_SECONDS ? passed : IDN_MEASURED_SECONDS;
    for (; passed > 0; passed--)
        slot->count[(second - passed + 1) % IDN_MEASURED_SECONDS] = 0;
    slot->second = second;
    slot->count[second % IDN_MEASURED_SECONDS] += images;
}

// The windows that end with a count of their own begin with what was counted before.
static void enter_windows(const struct idn_core *core, struct idn_measured *slot, uint32_t images)
{
    const struct idn_measures *measures = &core->measures;

    if (slot->change != measures->change) {
        slot->at_change = slot->images;
        slot->past_change = slot->images + images;
        slot->change_ms = core->now;
    }
    if (slot->shared != measures->shared)
        slot->at_shared = slot->images;
    slot->change = measures->change;
    slot->shared = measures->shared;
}

// begins: it is the first result since the job shares, and was computed before that counts.
static void count_images(
    struct idn_core *core, struct idn_measured *slot, uint32_t images, bool begins)
{
    enter_windows(core, slot, images);
    slot->images += images;
    if (begins) {
        slot->at_shared = slot->images;
        slot->steady_ms = core->now;
    }
    count_second(slot, second_of(core->now), images);
}

// ---- task times

// Of a whole batch, or NULL. An image is counted once: a task that had results before it came here
// never gets to the end, and goes when the table is full.
static struct idn_open_task *open_task(struct idn_core *core, const struct idn_measured *slot,
    const struct idn_job *job, uint32_t number)
{
    struct idn_open_tasks *tasks = &core->measures.tasks;
    struct idn_open_task *task = idn_open_tasks_find(tasks, slot->id, number);
    uint32_t batch = core->model[job->model].batch;

    if (task != NULL && task->batch == batch)
        return task;
    if (task != NULL)
        idn_open_tasks_remove(tasks, task);
    if (idn_job_total(job) - number * batch < batch)
        return NULL;
    task = idn_open_tasks_add(tasks, slot->id, number);
    task->batch = task->left = (uint16_t)batch;
    return task;
}

static void time_task(struct idn_core *core, struct idn_measured *slot, const struct idn_job *job,
    const struct idn_folded *folded, uint64_t compute_us)
{
    if (job->model < 0 || job->images.pages == 0)
        return;
    uint32_t batch = core->model[job->model].batch, number = folded->first / batch;
    // It lies in two: the batch has changed. Neither of them is ever whole.
    if (folded->last / batch != number)
        return;
    struct idn_open_task *task = open_task(core, slot, job, number);
    if (task == NULL)
        return;
    // Images that the store lost, and that are computed again: it was not seen whole, but twice.
    if (task->left < folded->fresh) {
        idn_open_tasks_remove(&core->measures.tasks, task);
        return;
    }
    task->compute_us += compute_us;
    task->left = (uint16_t)(task->left - folded->fresh);
    if (task->left > 0)
        return;
    idn_distribution_add(&core->measures.task_us[job->model], task->compute_us);
    idn_moments_add(&slot->task_us, (double)task->compute_us);
    idn_open_tasks_remove(&core->measures.tasks, task);
}

// Rows that others had brought before are work of no task.
static uint64_t part_of(uint64_t compute_us, uint32_t fresh, uint32_t count)
{
    return compute_us / count * fresh + compute_us % count * fresh / count;
}

void idn_measure_report(struct idn_core *core, struct idn_job *job, const struct idn_folded *folded,
    uint32_t count, uint64_t compute_us)
{
    if (folded->fresh == 0 || job->state != IDN_JOB_OPEN)
        return;
    bool begins = idn_sharing_result(core, job);
    if (job->measured == 0 && !take_slot(core, job))
        return;
    struct idn_measured *slot = &core->measures.slot[job->measured - 1];
    count_images(core, slot, folded->fresh, begins);
    time_task(core, slot, job, folded, part_of(compute_us, folded->fresh, count));
}

void idn_measure_check(const struct idn_core *core)
{
    const struct idn_measures *measures = &core->measures;
    uint32_t returned = 0, measured = 0;

    for (uint32_t name = measures->returned; name != 0; name = measures->slot[name - 1].next)
        returned++;
    IDN_EACH_CONST(link, &core->known)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        if (job->measured == 0)
            continue;
        const struct idn_measured *slot = slot_of(core, job);
        IDN_ASSERT(idn_link_in(&job->in_open) && slot->id != 0);
        IDN_ASSERT(!job->heard_of || slot->steady_ms >= slot->first_ms);
        IDN_ASSERT(slot->images >= slot->past_change && slot->images >= slot->at_shared);
        measured++;
    }
    IDN_ASSERT(measured + returned == measures->touched && measures->touched <= measures->max);
    idn_sharing_check(core);
}

// ---- what is known

uint64_t idn_measure_begin(const struct idn_core *core, enum idn_window window, uint64_t now)
{
    uint32_t seconds = window == IDN_WINDOW_10S ? 10 : IDN_MEASURED_SECONDS;

    if (window == IDN_WINDOW_CHANGE)
        return core->measures.changed_ms;
    if (window == IDN_WINDOW_SHARED)
        return idn_sharing_since(core, now);
    return second_of(now) <= seconds ? 0 : (uint64_t)(second_of(now) - seconds) * 1000;
}

static uint64_t sum_seconds(const struct idn_measured *slot, uint32_t from, uint32_t to)
{
    uint64_t sum = 0;

    if (slot->second >= IDN_MEASURED_SECONDS && from <= slot->second - IDN_MEASURED_SECONDS)
        from = slot->second - IDN_MEASURED_SECONDS + 1;
    for (uint32_t at = from; at <= to && at <= slot->second; at++)
        sum += slot->count[at % IDN_MEASURED_SECONDS];
    return sum;
}

static uint64_t images_in(const struct idn_core *core, const struct idn_measured *slot,
    enum idn_window window, uint64_t now)
{
    const struct idn_measures *measures = &core->measures;

    if (window == IDN_WINDOW_CHANGE)
        return slot->change == measures->change ? slot->images - slot->at_change : 0;
    if (window == IDN_WINDOW_SHARED)
        return slot->shared == measures->shared ? slot->images - slot->at_shared : 0;
    return sum_seconds(slot, second_of(idn_measure_begin(core, window, now)), second_of(now));
}

static double per_second(uint64_t images, uint64_t ms)
{
    return (double)images * 1000 / (double)(ms < 1000 ? 1000 : ms);
}

static bool shares(const struct idn_core *core, const struct idn_job *job)
{
    return job->sharing && core->measures.awaited == 0;
}

double idn_measure_images_per_s(
    const struct idn_core *core, const struct idn_job *job, enum idn_window window, uint64_t now)
{
    const struct idn_measured *slot = slot_of(core, job);
    uint64_t begin = idn_measure_begin(core, window, now);

    if (slot == NULL || (window == IDN_WINDOW_SHARED && !shares(core, job)))
        return 0;
    if (window == IDN_WINDOW_CHANGE)
        return slot->change == core->measures.change
                   ? per_second(slot->images - slot->past_change, now - slot->change_ms)
                   : 0;
    uint64_t first = slot->first_ms / 1000 * 1000;
    if (window != IDN_WINDOW_SHARED && first > begin)
        begin = first;
    return per_second(images_in(core, slot, window, now), now - begin);
}

uint64_t idn_measure_change_ms(const struct idn_core *core, const struct idn_job *job, uint64_t now)
{
    const struct idn_measured *slot = slot_of(core, job);

    if (slot == NULL || slot->change != core->measures.change)
        return 0;
    return now > slot->change_ms ? now - slot->change_ms : 1;
}

uint64_t idn_measure_since_ms(const struct idn_core *core, const struct idn_job *job, uint64_t now)
{
    const struct idn_measured *slot = slot_of(core, job);

    if (slot == NULL)
        return 0;
    return now > slot->first_ms ? now - slot->first_ms : 1;
}

// Of a job that has shared, with a result, all the time since then.
static bool pace(const struct idn_core *core, const struct idn_job *job, enum idn_window window,
    uint64_t now, double *ret)
{
    const struct idn_measured *slot = slot_of(core, job);

    if (slot == NULL || job->model < 0 || !job->heard_of || idn_job_pending(job) == 0 ||
        slot->steady_ms > idn_measure_begin(core, window, now))
        return false;
    *ret = (double)images_in(core, slot, window, now) /
           ((double)core->model[job->model].batch * job->weight);
    return true;
}

bool idn_measure_gap(
    const struct idn_core *core, enum idn_window window, uint64_t now, struct idn_gap *ret)
{
    double least = 0, most = 0, tasks;
    struct idn_kinds kinds;
    uint32_t jobs = 0;

    if (now - idn_measure_begin(core, window, now) < IDN_WINDOW_MS_MIN ||
        !idn_dispatch_is_open(core))
        return false;
    idn_workers_kinds(core, &kinds);
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if (!pace(core, job, window, now, &tasks) || !idn_kinds_can_serve(core, &kinds, job))
            continue;
        least = jobs == 0 || tasks < least ? tasks : least;
        most = jobs == 0 || tasks > most ? tasks : most;
        jobs++;
    }
    if (jobs < 2 || !(most > 0))
        return false;
    *ret = (struct idn_gap){.gap = 1 - least / most, .jobs = jobs};
    return true;
}

static uint32_t first_of_last(uint32_t second, uint32_t seconds)
{
    return second > seconds ? second - seconds + 1 : 1;
}

double idn_measure_expected_images_per_s(
    const struct idn_core *core, const struct idn_job *job, uint64_t now)
{
    const struct idn_measured *slot = slot_of(core, job);
    uint32_t here = second_of(now), from = first_of_last(here, IDN_MEASURED_SECONDS),
             last = first_of_last(here, PAUSE_SECONDS);

    if (slot == NULL)
        return 0;
    // Whole seconds: that of the first result has begun before it.
    if (slot->change != core->measures.change || second_of(slot->change_ms) >= last)
        from = last;
    else if (second_of(slot->change_ms) >= from)
        from = second_of(slot->change_ms) + 1;
    if (slot->resumed >= from)
        from = slot->resumed + 1;
    return from >= here ? 0 : per_second(sum_seconds(slot, from, here), now - (from - 1) * 1000ull);
}

bool idn_measure_finish_ms(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, uint64_t *ret_ms)
{
    double rate = idn_measure_expected_images_per_s(core, job, now);

    if (!(rate > 0) || (idn_job_without_result(job) > 0 && !idn_dispatch_can_serve(core, job)))
        return false;
    *ret_ms = (uint64_t)((double)(idn_job_total(job) - idn_job_done(job)) * 1000 / rate);
    return true;
}

struct idn_moments idn_measure_job_task_us(const struct idn_core *core, const struct idn_job *job)
{
    const struct idn_measured *slot = slot_of(core, job);

    return slot == NULL ? (struct idn_moments){0} : slot->task_us;
}
