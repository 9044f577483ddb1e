#include "broker/core/benched.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/workers.h"

// Each may cost as much as there are open jobs, and half of the workers may be benched.
enum { LOOKS_MAX = 16 };

// Kept: the newest death of each task, of the last IDN_BENCH_TASKS tasks.
static void remember(
    struct idn_worker *worker, const struct idn_job *job, uint32_t task, uint64_t now)
{
    struct idn_child_death *oldest = &worker->death[0];

    for (uint32_t i = 0; i < IDN_BENCH_TASKS; i++) {
        struct idn_child_death *death = &worker->death[i];
        if (death->job == job->serial && death->task == task) {
            death->ms = now;
            return;
        }
        if (death->job == 0 || (oldest->job != 0 && death->ms < oldest->ms))
            oldest = death;
    }
    *oldest = (struct idn_child_death){.job = job->serial, .task = task, .ms = now};
}

static bool too_many(const struct idn_worker *worker, uint64_t now)
{
    for (uint32_t i = 0; i < IDN_BENCH_TASKS; i++)
        if (worker->death[i].job == 0 || now - worker->death[i].ms >= IDN_BENCH_MS)
            return false;
    return true;
}

static bool may_bench_one_more(const struct idn_core *core)
{
    uint32_t alive = 0, benched = 0;

    IDN_EACH_CONST(link, &core->presence[IDN_PRESENCE_ALIVE])
    {
        const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        alive += !worker->drained;
        benched += worker->benched && !worker->drained;
    }
    return 2 * (benched + 1) <= alive;
}

// Those heard last come first: one of them will do, as a rule.
static const struct idn_worker *find_other(
    const struct idn_core *core, const struct idn_worker *worker, const struct idn_job *job)
{
    const struct idn_link *alive = &core->presence[IDN_PRESENCE_ALIVE];

    for (const struct idn_link *link = alive->prev; link != alive; link = link->prev) {
        const struct idn_worker *other = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        if (other != worker && idn_worker_can_serve(core, other, job))
            return other;
    }
    return NULL;
}

// Whether some open job waits for this worker alone. It is not benched while this looks.
static bool is_needed(const struct idn_core *core, const struct idn_worker *worker)
{
    const struct idn_worker *other = NULL; // who could do the last one

    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if (!idn_worker_can_serve(core, worker, job))
            continue;
        if (other == NULL || !idn_worker_can_serve(core, other, job))
            other = find_other(core, worker, job);
        if (other == NULL)
            return true;
    }
    return false;
}

static void bench(struct idn_core *core, struct idn_worker *worker)
{
    worker->benched = true;
    worker->benched_ms = core->now;
    idn_tell(core,
        "worker %s is benched for %u s: its inference process died on %u tasks within %u s",
        worker->name, IDN_BENCH_MS / 1000u, (unsigned)IDN_BENCH_TASKS, IDN_BENCH_MS / 1000u);
    for (uint32_t i = 0; i < worker->leases; i++)
        idn_lease_disown(core, worker, worker->lease[i]->id);
    idn_leases_close_all(core, worker);
    idn_worker_place(core, worker);
}

void idn_benched_death(
    struct idn_core *core, struct idn_worker *worker, const struct idn_job *job, uint32_t index)
{
    if (worker->benched || job->model < 0)
        return;
    remember(worker, job, index / core->model[job->model].batch, core->now);
    if (too_many(worker, core->now) && may_bench_one_more(core) && !is_needed(core, worker))
        bench(core, worker);
}

static void forget_deaths(struct idn_worker *worker)
{
    for (uint32_t i = 0; i < IDN_BENCH_TASKS; i++)
        worker->death[i].job = 0;
}

// Whether those who could do its work are gone.
static bool is_missed(const struct idn_core *core, struct idn_worker *worker)
{
    worker->benched = false;
    bool needed = is_needed(core, worker);
    worker->benched = true;
    return needed;
}

static void leave(struct idn_core *core, struct idn_worker *worker)
{
    worker->benched = false;
    idn_worker_place(core, worker);
}

static void leave_early(struct idn_core *core, struct idn_worker *worker)
{
    idn_tell(core, "worker %s leaves the bench early: nobody else can do its work", worker->name);
    leave(core, worker);
}

void idn_benched_sweep(struct idn_core *core)
{
    uint32_t first = core->bench_next, looks = 0;

    for (uint32_t i = 0; i < core->workers_touched; i++) {
        uint32_t at = (first + i) % core->workers_touched;
        struct idn_worker *worker = &core->worker[at];
        if (!worker->benched || worker->presence == IDN_PRESENCE_FREE)
            continue;
        if (core->now - worker->benched_ms >= IDN_BENCH_MS) {
            forget_deaths(worker);
            leave(core, worker);
        } else if (looks++ < LOOKS_MAX) {
            core->bench_next = at + 1;
            if (is_missed(core, worker))
                leave_early(core, worker);
        }
    }
}

void idn_benched_note(const struct idn_worker *worker, uint64_t now, char *text, size_t size)
{
    uint64_t since = now - worker->benched_ms,
             left = since < IDN_BENCH_MS ? IDN_BENCH_MS - since : 0;

    idn_format(text, size,
        "its inference process died on %u tasks within %u s; it gets nothing for another %lu s",
        (unsigned)IDN_BENCH_TASKS, IDN_BENCH_MS / 1000u, (left + 999) / 1000);
}
