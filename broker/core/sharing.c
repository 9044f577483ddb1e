#include "broker/core/sharing.h"

#include "broker/core/dispatch.h"
#include "broker/core/workers.h"

void idn_sharing_anew(struct idn_core *core)
{
    core->measures.shared++;
    core->measures.shared_ms = core->now;
}

static void put(struct idn_core *core, struct idn_job *job, bool shares)
{
    struct idn_measures *measures = &core->measures;

    if (job->sharing == shares)
        return;
    if (shares)
        measures->sharing++, measures->awaited++;
    else
        measures->sharing--, measures->awaited -= !job->heard_of;
    job->sharing = shares;
    job->heard_of = false;
    idn_sharing_anew(core);
}

void idn_sharing_settle(struct idn_core *core, struct idn_job *job)
{
    bool pending = idn_link_in(&job->in_open) && idn_job_pending(job) > 0;

    if (job->sharing && !pending)
        put(core, job, false);
    else if (!job->sharing && pending)
        put(core, job, idn_dispatch_can_serve(core, job));
}

// ---- at a beat

struct kinds {
    struct idn_kinds of;
    bool known;
};

// Mostly a worker that has a lease of it will do, then there is no need to look at all of them.
static bool may_be_given(
    const struct idn_core *core, const struct idn_job *job, struct kinds *kinds)
{
    if (!idn_link_empty(&job->lease_list)) {
        const struct idn_lease *lease =
            IDN_ENTRY_CONST(job->lease_list.next, struct idn_lease, in_job);
        if (idn_worker_can_serve(core, lease->worker, job))
            return true;
    }
    if (!kinds->known)
        idn_workers_kinds(core, &kinds->of);
    kinds->known = true;
    return idn_kinds_can_serve(core, &kinds->of, job);
}

void idn_sharing_look(struct idn_core *core)
{
    struct kinds kinds = {.known = false};
    bool is_open = idn_dispatch_is_open(core);

    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        put(core, job, is_open && idn_job_pending(job) > 0 && may_be_given(core, job, &kinds));
    }
}

void idn_sharing_left(struct idn_core *core, struct idn_job *job)
{
    put(core, job, false);
}

bool idn_sharing_result(struct idn_core *core, struct idn_job *job)
{
    if (!job->sharing || job->heard_of)
        return false;
    job->heard_of = true;
    // What was computed before the last one's is not of that window.
    if (--core->measures.awaited == 0)
        idn_sharing_anew(core);
    return true;
}

uint64_t idn_sharing_since(const struct idn_core *core, uint64_t now)
{
    const struct idn_measures *measures = &core->measures;

    return measures->sharing == 0 || measures->awaited > 0 ? now : measures->shared_ms;
}

void idn_sharing_check(const struct idn_core *core)
{
    uint32_t sharing = 0, awaited = 0;

    IDN_EACH_CONST(link, &core->known)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        IDN_ASSERT(!job->sharing || idn_link_in(&job->in_open));
        IDN_ASSERT(!job->heard_of || job->sharing);
        sharing += job->sharing;
        awaited += job->sharing && !job->heard_of;
    }
    IDN_ASSERT(sharing == core->measures.sharing && awaited == core->measures.awaited);
}
