// The step: one event in, everything that follows from it, actions out.
#include "broker/core/core.h"

#include "broker/core/actions.h"
#include "broker/core/dispatch.h"
#include "broker/core/fold.h"
#include "broker/core/info.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/promises.h"
#include "broker/core/refold.h"
#include "broker/core/reports.h"
#include "broker/core/requests.h"
#include "broker/core/silence.h"
#include "broker/core/uploads.h"
#include "broker/core/watches.h"
#include "broker/core/workers.h"

enum { SWEEP_MS = 1000 };

// The core's time leaves every stall out, so a stall moves all deadlines at once.
static void advance(struct idn_core *core, const struct idn_event *event)
{
    if (event->type == IDN_EVENT_STALLED)
        core->stalled += event->u.stalled.ms;
    if (event->now_ms > core->stalled && event->now_ms - core->stalled > core->now)
        core->now = event->now_ms - core->stalled;
    core->wall = event->wall_ms; // wherever an operator or NTP sets it
}

static void open_restored_images(struct idn_core *core)
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

// Versions of another run must not look like this one's.
static void renew_versions(struct idn_core *core)
{
    IDN_EACH(link, &core->known)
    IDN_ENTRY(link, struct idn_job, in_known)->version = core->incarnation << 32 | 1;
}

static void start(struct idn_core *core, uint64_t incarnation, uint64_t position)
{
    static const struct idn_key cluster;

    IDN_ASSERT(!core->started);
    core->started = true;
    core->incarnation = incarnation;
    core->position = core->stored = position;
    open_restored_images(core);
    if (core->failed) {
        idn_core_exit(core, core->failure);
        return;
    }
    renew_versions(core);
    core->epoch = (struct idn_epoch){.counter = core->highest.counter + 1, .broker = core->letter};
    core->highest = core->epoch;
    idn_commit(core, IDN_FACT_REIGN, &cluster);
    core->reign_position = core->position;
}

// The reign is durable: from now on this broker answers, beats and grants.
static void become_active(struct idn_core *core)
{
    core->active = true;
    core->started_ms = core->next_beat_ms = core->next_sweep_ms = core->now;
    core->look = true;
}

static void take_stored(struct idn_core *core, uint64_t position)
{
    idn_commits_stored(core, position);
    if (!core->active && core->started && core->stored >= core->reign_position)
        become_active(core);
}

static void take_disk(struct idn_core *core, uint64_t free_bytes)
{
    core->free_bytes = free_bytes;
    if (core->disk_low && free_bytes >= core->min_free_bytes)
        core->look = core->newcomers = true;
    core->disk_low = free_bytes < core->min_free_bytes;
}

static void take_from_outside(struct idn_core *core, const struct idn_event *event)
{
    if (event->type == IDN_EVENT_REQUEST) {
        idn_request_take(core, event->u.request.peer, event->u.request.message);
        return;
    }
    // Workers repeat what is not answered: before the reign they are not heard.
    if (!core->active)
        return;
    if (event->type == IDN_EVENT_WORKER)
        idn_worker_message(core, event->u.worker.peer, event->u.worker.message);
    if (event->type == IDN_EVENT_BEAT)
        idn_worker_beat(core, event->u.beat);
    if (event->type == IDN_EVENT_CLIENT_GONE)
        idn_watches_client_gone(core, event->u.gone.peer);
    if (event->type == IDN_EVENT_WORKER_GONE)
        idn_worker_gone(core, event->u.gone.peer);
}

static void take(struct idn_core *core, const struct idn_event *event)
{
    switch (event->type) {
    case IDN_EVENT_FACT:
        IDN_ASSERT(!core->started);
        idn_fold(core, event->u.fact);
        return;
    case IDN_EVENT_SUMMARY:
        IDN_ASSERT(!core->started);
        idn_fold_summary(core, event->u.summary);
        return;
    case IDN_EVENT_START:
        start(core, event->u.start.incarnation, event->u.start.position);
        return;
    case IDN_EVENT_REQUEST:
    case IDN_EVENT_WORKER:
    case IDN_EVENT_BEAT:
    case IDN_EVENT_CLIENT_GONE:
    case IDN_EVENT_WORKER_GONE:
        take_from_outside(core, event);
        return;
    case IDN_EVENT_STORED:
        take_stored(core, event->u.stored.position);
        return;
    case IDN_EVENT_REFOLDED:
        idn_refold_take(core, event->u.refolded.summary, event->u.refolded.states);
        return;
    case IDN_EVENT_DISK:
        take_disk(core, event->u.disk.free_bytes);
        return;
    case IDN_EVENT_HELD:
    case IDN_EVENT_MIRROR:
    case IDN_EVENT_FACTS_READ:
    case IDN_EVENT_STALLED:
    case IDN_EVENT_TICK:
        return;
    }
}

// A store that does not answer: whoever hears this broker's beats must not rely on it any longer.
static void judge_store(struct idn_core *core)
{
    uint64_t oldest = idn_commits_oldest_ms(core);
    char text[IDN_TEXT_SIZE];

    if (oldest == UINT64_MAX || core->now - oldest <= IDN_COMMIT_MS_MAX)
        return;
    idn_format(text, sizeof(text),
        "a commit has been waiting for the disk for %lu ms, at most %u are allowed: stopping, so "
        "that a restart can go on",
        core->now - oldest, (unsigned)IDN_COMMIT_MS_MAX);
    idn_core_exit(core, text);
}

static void send_beat(struct idn_core *core)
{
    struct idn_broker_beat *beat = &idn_action_add(core, IDN_ACTION_BEAT, 0)->u.beat;

    idn_copy_text(beat->name, sizeof(beat->name), core->broker);
    beat->incarnation = core->incarnation;
    beat->sequence = ++core->beat_sequence;
    beat->epoch = core->epoch;
    beat->role = idn_core_role(core);
    beat->beat_ms = idn_workers_beat_ms(core);
    core->next_beat_ms = core->now + IDN_BEAT_MS;
}

static void end_grace(struct idn_core *core)
{
    if (core->grace_over || core->now < core->started_ms + IDN_DEAD_MS)
        return;
    core->grace_over = true;
    core->look = core->newcomers = true;
}

static void run_timers(struct idn_core *core)
{
    end_grace(core);
    idn_silence_judge(core);
    idn_leases_resend(core);
    if (core->now >= core->next_sweep_ms) {
        core->next_sweep_ms = core->now + SWEEP_MS;
        idn_silence_sweep(core);
        idn_uploads_sweep(core);
    }
    if (core->now >= core->next_beat_ms) {
        send_beat(core);
        idn_silence_doubt(core);
        idn_dispatch_at_beat(core);
    }
}

void idn_core_step(struct idn_core *core, const struct idn_event *event)
{
    core->actions = 0;
    core->more = false;
    if (core->over)
        return;
    advance(core, event);
    take(core, event);
    if (!core->over && core->started)
        judge_store(core);
    if (!core->over && core->started)
        idn_refold_due(core);
    if (core->over || !core->active)
        return;
    run_timers(core);
    idn_promises_keep(core);
    idn_dispatch(core);
    idn_watches_answer(core);
}

struct idn_actions idn_core_actions(const struct idn_core *core)
{
    return (struct idn_actions){.item = core->action, .count = core->actions};
}

uint64_t idn_core_deadline(const struct idn_core *core)
{
    uint64_t oldest = idn_commits_oldest_ms(core), due = UINT64_MAX;

    if (core->over || !core->started)
        return UINT64_MAX;
    if (oldest != UINT64_MAX)
        due = oldest + IDN_COMMIT_MS_MAX + 1;
    if (core->active) {
        due = idn_min_u64(due, core->more ? core->now : core->next_beat_ms);
        due = idn_min_u64(due, core->grace_over ? due : core->started_ms + IDN_DEAD_MS);
        due = idn_min_u64(due, core->next_sweep_ms);
        due = idn_min_u64(due, idn_silence_deadline(core));
        due = idn_min_u64(due, idn_leases_deadline(core));
        due = idn_min_u64(due, idn_watches_deadline(core));
    }
    return due == UINT64_MAX ? due : due + core->stalled;
}
