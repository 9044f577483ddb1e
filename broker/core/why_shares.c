#include "broker/core/why_shares.h"

#include "base/human.h"
#include "broker/core/measure.h"
#include "broker/core/policy.h"
#include "broker/core/shares.h"
#include "broker/core/why.h"
#include "broker/core/why_working.h"
#include "broker/core/workers.h"

#include <string.h>

// Workers that are alike in what they can do are looked at once; so many kinds are told apart.
enum { KINDS_MAX = 16 };

struct sharing {
    const struct idn_core *core;
    const struct idn_job *job;
    const struct idn_worker *kind[KINDS_MAX]; // one of each that may work on the job
    uint32_t kinds, workers;                  // workers: of all kinds
    uint32_t jobs, ahead;                     // that share; of them those that come first
    uint64_t weights;                         // of them together
    const struct idn_job *first;              // that the policy would serve before all others
    const struct idn_job *listed[IDN_WHY_JOBS_MAX];
};

static bool is_known(const struct sharing *sharing, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < sharing->kinds; i++)
        if (sharing->kind[i]->ability == worker->ability)
            return true;
    return false;
}

static void find_kinds(struct sharing *sharing)
{
    IDN_EACH_CONST(link, &sharing->core->presence[IDN_PRESENCE_ALIVE])
    {
        const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        if (!idn_worker_can_serve(sharing->core, worker, sharing->job))
            continue;
        sharing->workers++;
        if (sharing->kinds < KINDS_MAX && !is_known(sharing, worker))
            sharing->kind[sharing->kinds++] = worker;
    }
}

static bool has_a_part(const struct sharing *sharing, const struct idn_job *job)
{
    if (idn_job_pending(job) + idn_job_in_flight(job) == 0)
        return false;
    if (job == sharing->job)
        return true;
    for (uint32_t i = 0; i < sharing->kinds; i++)
        if (idn_worker_can_serve(sharing->core, sharing->kind[i], job))
            return true;
    return false;
}

static void list(
    struct sharing *sharing, struct idn_why_info *info, const struct idn_job *job, uint64_t now)
{
    if (info->shares == IDN_WHY_JOBS_MAX)
        return;
    const struct idn_core *core = sharing->core;
    struct idn_why_share *share = &info->share[info->shares];
    sharing->listed[info->shares++] = job;
    *share = (struct idn_why_share){.job = job->key,
        .weight = job->weight,
        .workers = idn_job_workers(job),
        .left = idn_job_total(job) - idn_job_done(job),
        .images_per_s = idn_measure_images_per_s(core, job, IDN_WINDOW_10S, now)};
    idn_copy_text(share->model, sizeof(share->model), job->spec.model);
}

static void count(struct sharing *sharing, const struct idn_job *job)
{
    const struct idn_core *core = sharing->core;

    sharing->jobs++;
    sharing->weights += job->weight;
    if (idn_job_pending(job) == 0)
        return;
    sharing->ahead += job != sharing->job && idn_policy_before(core, job, sharing->job);
    if (sharing->first == NULL || idn_policy_before(core, job, sharing->first))
        sharing->first = job;
}

// ---- what each gets

static double promised(const struct sharing *sharing, const struct idn_job *job)
{
    const struct idn_core *core = sharing->core;

    switch (core->policy) {
    case IDN_POLICY_FIFO:
        return job == sharing->first ? 1 : 0;
    case IDN_POLICY_STATIC:
        return (double)idn_min_u64(job->aside, sharing->workers) / sharing->workers;
    case IDN_POLICY_FAIR_TIME:
        break;
    }
    return job->weight / (double)sharing->weights;
}

static void say_behind(const struct sharing *sharing, struct idn_why_fact *fact)
{
    char first[IDN_KEY_TEXT_SIZE];

    fact->code = IDN_WHY_BEHIND;
    fact->count = sharing->ahead;
    fact->total = sharing->jobs - 1;
    if (sharing->ahead == 0) {
        idn_format(fact->text, IDN_TEXT_SIZE,
            "the policy is fifo, and it comes before the %s other job%s that its workers can do",
            idn_human_count(sharing->jobs - 1).text, sharing->jobs == 2 ? "" : "s");
        return;
    }
    idn_key_to_text(sharing->first->key.bytes, first);
    first[8] = '\0';
    idn_format(fact->text, IDN_TEXT_SIZE, "the policy is fifo, and %s job%s before it, %s first",
        idn_human_count(sharing->ahead).text, sharing->ahead == 1 ? " comes" : "s come", first);
}

// Of the workers that are set aside for the job, those that finish something else first.
static uint32_t busy_elsewhere(const struct sharing *sharing)
{
    const struct idn_core *core = sharing->core;
    uint32_t count = 0;

    for (uint32_t i = 0; i < core->workers_touched; i++) {
        const struct idn_worker *worker = &core->worker[i];
        count += worker->presence != IDN_PRESENCE_FREE &&
                 idn_shares_job(core, worker) == sharing->job && worker->leases > 0 &&
                 worker->lease[0]->job != sharing->job;
    }
    return count;
}

static void say_set_aside(const struct sharing *sharing, struct idn_why_fact *fact)
{
    const struct idn_job *job = sharing->job;

    uint32_t busy = busy_elsewhere(sharing);

    fact->code = IDN_WHY_SET_ASIDE;
    fact->count = job->aside;
    fact->total = sharing->workers;
    if (job->share == 0) {
        idn_format(fact->text, IDN_TEXT_SIZE,
            "the policy is static, and there are more jobs than workers: no worker is set aside "
            "for it before another job ends, but they help when they find nothing else");
        return;
    }
    idn_format(fact->text, IDN_TEXT_SIZE,
        "the policy is static: %s of the %s worker%s that can serve it %s set aside for it",
        idn_human_count(job->aside).text, idn_human_count(sharing->workers).text,
        sharing->workers == 1 ? "" : "s", job->aside == 1 ? "is" : "are");
    if (busy > 0)
        idn_format_append(fact->text, IDN_TEXT_SIZE, ", %s of which finish%s another job's images",
            idn_human_count(busy).text, busy == 1 ? "es" : "");
    if (job->aside < sharing->workers)
        idn_format_append(
            fact->text, IDN_TEXT_SIZE, "; the others help when they find nothing else");
}

static void say_shares(const struct sharing *sharing, struct idn_why_fact *fact)
{
    uint32_t others = sharing->jobs - 1;

    fact->code = IDN_WHY_SHARES;
    fact->count = others;
    fact->total = sharing->workers;
    idn_format(fact->text, IDN_TEXT_SIZE,
        "it shares %s worker%s with %s other job%s, and gets %s of the tasks: weight %s of %s%s",
        idn_human_count(sharing->workers).text, sharing->workers == 1 ? "" : "s",
        idn_human_count(others).text, others == 1 ? "" : "s",
        idn_human_percent(promised(sharing, sharing->job)).text,
        idn_human_count(sharing->job->weight).text, idn_human_count(sharing->weights).text,
        sharing->jobs > sharing->workers ? "; there are more jobs than workers, they take turns"
                                         : "");
}

static void say(const struct sharing *sharing, struct idn_why_fact *fact)
{
    switch (sharing->core->policy) {
    case IDN_POLICY_FIFO:
        say_behind(sharing, fact);
        return;
    case IDN_POLICY_STATIC:
        say_set_aside(sharing, fact);
        return;
    case IDN_POLICY_FAIR_TIME:
        break;
    }
    say_shares(sharing, fact);
}

void idn_why_shares(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_why_info *info)
{
    struct sharing sharing = {.core = core, .job = job};

    find_kinds(&sharing);
    if (sharing.workers == 0 || !has_a_part(&sharing, job))
        return;
    count(&sharing, job);
    list(&sharing, info, job, now);
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *other = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if (other == job || !has_a_part(&sharing, other))
            continue;
        count(&sharing, other);
        list(&sharing, info, other, now);
    }
    info->jobs = sharing.jobs;
    for (uint32_t i = 0; i < info->shares; i++) {
        IDN_ASSERT(sharing.listed[i] != NULL);
        info->share[i].share = promised(&sharing, sharing.listed[i]);
    }
    if (sharing.jobs > 1)
        say(&sharing, idn_why_add(info, 0));
}
