// The step: one event in, everything that follows from it, actions out.
#include "broker/core/core.h"

#include "broker/core/actions.h"
#include "broker/core/benched.h"
#include "broker/core/dispatch.h"
#include "broker/core/fold.h"
#include "broker/core/info.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/mirror.h"
#include "broker/core/promises.h"
#include "broker/core/refold.h"
#include "broker/core/reign.h"
#include "broker/core/reports.h"
#include "broker/core/requests.h"
#include "broker/core/roles.h"
#include "broker/core/sharing.h"
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

// Versions of another run must not look like this one's.
static void renew_versions(struct idn_core *core)
{
    IDN_EACH(link, &core->known)
    IDN_ENTRY(link, struct idn_job, in_known)->version = core->incarnation << 32 | 1;
}

static void start(struct idn_core *core, const struct idn_event *event)
{
    IDN_ASSERT(!core->started);
    core->started = true;
    core->incarnation = event->u.start.incarnation;
    core->position = core->stored = event->u.start.position;
    idn_mirror_start(core);
    idn_reign_open_images(core);
    renew_versions(core);
    if (!core->failed)
        idn_roles_start(core, event->u.start.tail_lost);
}

static void take_disk(struct idn_core *core, uint64_t free_bytes)
{
    core->free_bytes = free_bytes;
    if (core->disk_low && free_bytes >= core->min_free_bytes)
        core->look = core->newcomers = true;
    core->disk_low = free_bytes < core->min_free_bytes;
}

// Workers repeat what is not answered: outside a reign they are not heard, and while it is being
// handed over nothing more is committed for them.
static void take_worker(struct idn_core *core, const struct idn_event *event)
{
    const struct idn_worker_message *message = event->u.worker.message;

    if (message->type == IDN_WORKER_STALE)
        idn_roles_saw(core, message->u.stale.obeyed);
    if (core->active &&
        (core->roles.stage != IDN_STAGE_YIELDING || message->type != IDN_WORKER_REPORT))
        idn_worker_message(core, event->u.worker.peer, message);
}

static void take_from_outside(struct idn_core *core, const struct idn_event *event)
{
    if (event->type == IDN_EVENT_REQUEST)
        idn_request_take(core, event->u.request.peer, event->u.request.message);
    if (event->type == IDN_EVENT_ASKED)
        idn_roles_asked(core, event->u.asked.unheard_ms);
    if (event->type == IDN_EVENT_WORKER)
        take_worker(core, event);
    if (event->type == IDN_EVENT_BEAT)
        idn_roles_beat(core, event->u.beat);
    if (event->type == IDN_EVENT_BEAT && core->active)
        idn_worker_beat(core, event->u.beat);
    if (event->type == IDN_EVENT_CLIENT_GONE)
        idn_watches_client_gone(core, event->u.gone.peer);
    if (event->type == IDN_EVENT_WORKER_GONE)
        idn_workers_peer_gone(core, event->u.gone.peer);
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
        start(core, event);
        return;
    case IDN_EVENT_REQUEST:
    case IDN_EVENT_ASKED:
    case IDN_EVENT_WORKER:
    case IDN_EVENT_BEAT:
    case IDN_EVENT_CLIENT_GONE:
    case IDN_EVENT_WORKER_GONE:
        take_from_outside(core, event);
        return;
    case IDN_EVENT_STORED:
        idn_commits_stored(core, event->u.stored.position);
        return;
    case IDN_EVENT_REFOLDED:
        idn_refold_take(core, event->u.refolded.summary, event->u.refolded.states);
        return;
    case IDN_EVENT_DISK:
        take_disk(core, event->u.disk.free_bytes);
        return;
    case IDN_EVENT_MIRROR:
        idn_mirror_take(core, event->u.mirror);
        return;
    case IDN_EVENT_FACTS_READ:
        idn_mirror_read(core, event);
        return;
    case IDN_EVENT_STALLED:
        idn_roles_stalled(core, event->u.stalled.ms);
        return;
    case IDN_EVENT_HELD:
        idn_mirror_held(core, &event->u.held);
        return;
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
    beat->epoch = idn_roles_epoch(core);
    beat->role = idn_core_role(core);
    beat->beat_ms = idn_workers_beat_ms(core);
    core->next_beat_ms = core->now + IDN_BEAT_MS;
}

static void run_timers(struct idn_core *core)
{
    idn_reign_end_grace(core);
    idn_silence_judge(core);
    idn_leases_resend(core);
    if (core->now >= core->next_sweep_ms) {
        core->next_sweep_ms = core->now + SWEEP_MS;
        idn_silence_sweep(core);
        idn_benched_sweep(core);
        if (core->roles.stage == IDN_STAGE_REIGNING)
            idn_uploads_sweep(core);
    }
    if (core->now >= core->next_beat_ms) {
        send_beat(core);
        idn_silence_doubt(core);
        idn_dispatch_at_beat(core);
        idn_sharing_look(core);
    }
}

static void reign(struct idn_core *core)
{
    run_timers(core);
    if (idn_roles_may_promise(core))
        idn_promises_keep(core);
    idn_dispatch(core);
    idn_watches_answer(core);
}

// Workers and clients see a standby too, by its beats.
static void stand_by(struct idn_core *core)
{
    idn_reign_dismiss(core);
    if (core->has_peer && core->now >= core->next_beat_ms)
        send_beat(core);
}

void idn_core_step(struct idn_core *core, const struct idn_event *event)
{
    core->actions = 0;
    core->more = false;
    if (core->over)
        return;
    advance(core, event);
    take(core, event);
    if (!core->started)
        return;
    judge_store(core);
    if (!core->over)
        idn_roles_settle(core);
    if (core->failed && !core->over)
        idn_core_exit(core, core->failure);
    if (core->over)
        return;
    idn_refold_due(core);
    if (core->active)
        reign(core);
    else
        stand_by(core);
    idn_mirror_settle(core);
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
    if (core->more)
        due = core->now;
    if (core->active || core->has_peer)
        due = idn_min_u64(due, core->next_beat_ms);
    due = idn_min_u64(due, idn_min_u64(idn_roles_deadline(core), idn_mirror_deadline(core)));
    if (core->active) {
        due = idn_min_u64(due, idn_reign_deadline(core));
        due = idn_min_u64(due, core->next_sweep_ms);
        due = idn_min_u64(due, idn_silence_deadline(core));
        due = idn_min_u64(due, idn_leases_deadline(core));
        due = idn_min_u64(due, idn_watches_deadline(core));
    }
    return due == UINT64_MAX ? due : due + core->stalled;
}
