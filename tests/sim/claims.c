#include "tests/sim/claims.h"

#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/policy.h"
#include "broker/core/roles.h"

#include <inttypes.h>

enum { CALM_MS = 7000 };

static bool is_disk_well(const struct sim *sim, uint32_t broker)
{
    const struct sim_disk *disk = &sim->disk[broker];

    return !disk->full && !disk->fails && disk->slow == 0 && sim->now >= disk->hangs_until;
}

// Nothing is wrong, nor was lately, but perhaps the link between the brokers.
static bool is_calm(const struct sim *sim)
{
    if (sim->now - sim->trouble_ms < CALM_MS || sim->now < sim->net.burst_until)
        return false;
    for (uint32_t i = 0; i < SIM_OPERATOR; i++) {
        bool there = i < sim->plan.brokers || (sim_is_client(i)) ||
                     (sim_is_worker(i) && i - SIM_FIRST_WORKER < sim->plan.workers);
        if (there && !sim_is_client(i) && (!sim->node[i].up || sim->node[i].frozen))
            return false;
        for (uint32_t k = 0; k < SIM_OPERATOR; k++)
            if ((sim->net.blocked[i][k] > 0 && (i >= SIM_BROKERS || k >= SIM_BROKERS)) ||
                sim->net.clogged_until[i][k] > sim->now)
                return false;
    }
    return is_disk_well(sim, 0) && is_disk_well(sim, 1);
}

static bool reigns(const struct sim *sim, uint32_t broker)
{
    enum idn_role role;

    if (!sim->node[broker].up)
        return false;
    role = idn_core_role(sim->broker[broker].core);
    return role == IDN_ROLE_ACTIVE || role == IDN_ROLE_ALONE;
}

void sim_claim_reign(struct sim *sim, uint32_t broker)
{
    if (sim->plan.brokers == 2 && reigns(sim, 1 - broker) && is_calm(sim))
        sim_fail(sim, "broker %c takes over although every worker hears broker %c",
            'a' + (int)broker, 'b' - (int)broker);
}

// As the broker counts it: what it stood still is left out.
static uint64_t time_of(const struct sim *sim, uint32_t broker)
{
    return sim->now - sim->broker[broker].core->stalled;
}

static void hear(struct sim *sim, uint32_t broker, const struct idn_worker_beat *beat)
{
    struct sim_heard *heard = sim->broker[broker].heard, *of = &heard[0];

    for (uint32_t i = 0; i < SIM_HEARD_MAX && of->nonce != beat->nonce; i++)
        if (heard[i].nonce == beat->nonce || heard[i].at_ms < of->at_ms)
            of = &heard[i];
    if (of->nonce == beat->nonce && beat->sequence <= of->sequence)
        return;
    *of = (struct sim_heard){.nonce = beat->nonce,
        .sequence = beat->sequence,
        .at_ms = time_of(sim, broker),
        .obeyed = beat->obeyed,
        .silent = beat->active_silent_ms >= IDN_DEAD_MS};
}

bool sim_claim_before(struct sim *sim, uint32_t broker, const struct idn_event *event)
{
    if (event->type == IDN_EVENT_BEAT)
        hear(sim, broker, event->u.beat);
    return reigns(sim, broker);
}

static bool says_that_it_reigns(const struct idn_event *event, struct idn_epoch above)
{
    const struct idn_mirror_frame *frame = event->u.mirror;

    return event->type == IDN_EVENT_MIRROR &&
           (frame->role == IDN_ROLE_ACTIVE || frame->role == IDN_ROLE_ALONE) &&
           idn_epoch_compare(frame->epoch, above) > 0;
}

void sim_claim_after(struct sim *sim, uint32_t broker, bool reigned, const struct idn_event *event)
{
    const struct idn_core *core = sim->broker[broker].core;
    uint32_t live = 0, left = 0;

    // With room for no more than there are it has not counted those that came back at once.
    if (!reigned || reigns(sim, broker) || says_that_it_reigns(event, core->epoch) ||
        sim->plan.workers_max <= sim->plan.workers)
        return;
    for (uint32_t i = 0; i < SIM_HEARD_MAX; i++) {
        const struct sim_heard *of = &sim->broker[broker].heard[i];
        if (of->nonce == 0 || time_of(sim, broker) - of->at_ms >= IDN_DEAD_MS)
            continue;
        live++;
        left += !of->silent && idn_epoch_compare(of->obeyed, core->epoch) > 0;
    }
    if (2 * left <= live)
        sim_fail(sim, "broker %c steps down though %u of the %u workers that it hears follow it",
            'a' + (int)broker, live - left, live);
}

void sim_claim_yield(struct sim *sim, uint32_t broker, const struct idn_mirror_frame *frame)
{
    const struct idn_core *core = sim->broker[broker].core;
    bool peer = frame->role == IDN_ROLE_ACTIVE || frame->role == IDN_ROLE_ALONE;

    if (core != NULL && peer && reigns(sim, broker) && frame->session == core->mirror.nonce &&
        idn_mirror_in_sight(core) && idn_epoch_compare(frame->epoch, core->epoch) > 0)
        sim_fail(sim, "broker %c goes on although the other one reigns in a higher epoch",
            'a' + (int)broker);
}

void sim_claim_learned(struct sim *sim, uint32_t broker)
{
    const struct sim_broker *of = &sim->broker[broker];
    const struct sim_disk *disk = &sim->disk[broker], *other = &sim->disk[1 - broker];

    for (uint32_t i = 0; of->learner && i < sim->ledger.incarnations; i++) {
        uint64_t lack = of->lack[i] < other->durable[i] ? of->lack[i] : other->durable[i];
        if (disk->durable[i] < lack)
            sim_fail(sim, "broker %c says that it has learned before it has stored what it lacked",
                'a' + (int)broker);
    }
}

static int64_t work(const struct idn_core *core, const struct idn_job *job, uint32_t images)
{
    uint64_t batch = core->model[job->model].batch;

    return (int64_t)(((uint64_t)images << 20) / (batch * job->weight));
}

// It may have been caught up since it had done so much: at most as far as another job is, or was
// when it ended.
static bool may_be_caught_up(
    const struct idn_core *core, const struct idn_job *job, int64_t base, uint32_t done)
{
    IDN_EACH_CONST(link, &core->known)
    {
        const struct idn_job *other = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        if (other != job && base + work(core, job, done) <= idn_policy_progress(core, other))
            return true;
    }
    return false;
}

void sim_claim_charges(struct sim *sim, uint32_t broker)
{
    struct sim_broker *of = &sim->broker[broker];

    for (uint32_t i = 0; i < sim->jobs; i++) {
        const struct idn_job *job = idn_jobs_find(of->core, &sim->job[i].key);
        struct sim_charge *charge = &of->charge[i];
        if (!reigns(sim, broker) || job == NULL || job->state != IDN_JOB_OPEN || job->model < 0) {
            charge->serial = 0;
            continue;
        }
        int64_t base = idn_policy_progress(of->core, job) - work(of->core, job, idn_job_done(job));
        bool known = charge->serial == job->serial && charge->spec_hash == job->spec_hash &&
                     charge->weight == job->weight && charge->lifted == job->lifted &&
                     charge->settings == of->settings &&
                     charge->batch == of->core->model[job->model].batch &&
                     idn_epoch_compare(charge->epoch, of->core->epoch) == 0;
        if (known && base != charge->base &&
            (base < charge->base || !may_be_caught_up(of->core, job, base, charge->done)))
            sim_fail(sim, "job %u is charged %" PRId64 " millionths of a task that nobody reported",
                i, base - charge->base);
        *charge = (struct sim_charge){.serial = job->serial,
            .spec_hash = job->spec_hash,
            .weight = job->weight,
            .lifted = job->lifted,    // it may have been open again meanwhile
            .settings = of->settings, // it may have been charged otherwise meanwhile
            .batch = of->core->model[job->model].batch,
            .epoch = of->core->epoch,
            .done = idn_job_done(job),
            .base = base};
    }
}
