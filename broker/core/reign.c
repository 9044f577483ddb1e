#include "broker/core/reign.h"

#include "broker/core/jobs.h"
#include "broker/core/measure.h"
#include "broker/core/policy.h"
#include "broker/core/promises.h"
#include "broker/core/shares.h"
#include "broker/core/voters.h"
#include "broker/core/watches.h"
#include "broker/core/workers.h"

void idn_reign_open_images(struct idn_core *core)
{
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (!core->failed && !idn_job_is_read_back(job) && !idn_jobs_open_images(core, job)) {
            core->failed = true;
            idn_copy_text(core->failure, sizeof(core->failure),
                "the store holds more open images than this broker's limit; raise it to what it "
                "was");
        }
    }
}

void idn_reign_begin(struct idn_core *core)
{
    core->reign_ms = core->next_beat_ms = core->next_sweep_ms = core->now;
    core->grace_over = false;
    core->look = core->newcomers = true;
    idn_reign_open_images(core);
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        job->restored = true;
        job->trim_asked = false;
        idn_link_move(&core->unserved, &job->in_unserved);
    }
    idn_policy_restart(core);
    idn_measure_restart(core);
}

void idn_reign_end(struct idn_core *core)
{
    for (uint32_t i = 0; i < core->workers_touched; i++)
        if (core->worker[i].presence != IDN_PRESENCE_FREE)
            idn_workers_remove(core, &core->worker[i]);
}

void idn_reign_dismiss(struct idn_core *core)
{
    idn_promises_drop(core);
    idn_watches_drop(core);
}

// Who is heard at all has been heard within IDN_DEAD_MS of the start.
static bool everyone_is_here(const struct idn_core *core)
{
    return core->has_peer && core->now - core->roles.boot_ms >= IDN_DEAD_MS &&
           idn_voters_all_greeted(core);
}

void idn_reign_end_grace(struct idn_core *core)
{
    if (core->grace_over || (core->now < core->reign_ms + IDN_DEAD_MS && !everyone_is_here(core)))
        return;
    core->grace_over = true;
    core->look = core->newcomers = true;
    idn_shares_changed(core);
}

uint64_t idn_reign_deadline(const struct idn_core *core)
{
    return core->grace_over ? UINT64_MAX : core->reign_ms + IDN_DEAD_MS;
}
