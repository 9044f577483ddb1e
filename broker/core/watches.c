#include "broker/core/watches.h"

#include "broker/core/actions.h"
#include "broker/core/info.h"
#include "broker/core/roles.h"

static uint32_t number_of(const struct idn_core *core, const struct idn_watch *watch)
{
    return (uint32_t)(watch - core->watch);
}

static struct idn_watch *take(struct idn_core *core)
{
    if (!idn_link_empty(&core->free_watches)) {
        struct idn_watch *watch = IDN_ENTRY(core->free_watches.next, struct idn_watch, in_job);
        idn_link_remove(&watch->in_job);
        return watch;
    }
    return core->watches_touched < IDN_WATCHES_MAX ? &core->watch[core->watches_touched++] : NULL;
}

static void release(struct idn_core *core, struct idn_watch *watch)
{
    idn_heap_remove(&core->watch_heap, number_of(core, watch));
    watch->job = NULL;
    idn_link_move(&core->free_watches, &watch->in_job);
}

static void reply(struct idn_core *core, idn_peer peer, uint64_t request, const struct idn_job *job)
{
    idn_job_info_of(
        core, job, core->now, &idn_reply_add(core, peer, request, IDN_REPLY_JOB)->u.job);
}

// When it is answered if nothing more happens.
static void schedule(struct idn_core *core, struct idn_watch *watch)
{
    uint64_t due = watch->deadline_ms;

    if (watch->version != watch->job->version)
        due = idn_min_u64(due, watch->job->state == IDN_JOB_OPEN ? watch->ripe_ms : core->now);
    idn_heap_set(&core->watch_heap, number_of(core, watch), due);
}

// A client has one request open at a time: a second one takes the place of the first.
static struct idn_watch *find(struct idn_core *core, struct idn_job *job, idn_peer peer)
{
    IDN_EACH(link, &job->watches)
    {
        struct idn_watch *watch = IDN_ENTRY(link, struct idn_watch, in_job);
        if (watch->peer == peer)
            return watch;
    }
    return take(core);
}

void idn_watch_request(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    uint64_t version = request->u.watch.version;

    if (version != job->version && (version == 0 || job->state != IDN_JOB_OPEN)) {
        reply(core, peer, request->id, job);
        return;
    }
    struct idn_watch *watch = find(core, job, peer);
    if (watch == NULL) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_SLOW_DOWN), IDN_TEXT_SIZE,
            "%u clients wait for news already; ask again later", (unsigned)IDN_WATCHES_MAX);
        return;
    }
    watch->peer = peer;
    watch->request = request->id;
    watch->job = job;
    watch->version = version;
    watch->ripe_ms = core->now + IDN_WATCH_MS_MIN;
    watch->deadline_ms = core->now + idn_min_u64(request->u.watch.wait_ms, IDN_WATCH_MS_MAX);
    idn_link_move(&job->watches, &watch->in_job);
    schedule(core, watch);
}

void idn_watches_answer(struct idn_core *core)
{
    IDN_EACH_SAFE(changed, after, &core->changed)
    {
        struct idn_job *job = IDN_ENTRY(changed, struct idn_job, in_changed);
        IDN_EACH(link, &job->watches)
        schedule(core, IDN_ENTRY(link, struct idn_watch, in_job));
        idn_link_remove(changed);
    }
    while (idn_heap_due(&core->watch_heap) <= core->now && idn_actions_room(core)) {
        struct idn_watch *watch = &core->watch[core->watch_heap.at[0].item];
        reply(core, watch->peer, watch->request, watch->job);
        release(core, watch);
    }
}

uint64_t idn_watches_deadline(const struct idn_core *core)
{
    return idn_heap_due(&core->watch_heap);
}

void idn_watches_client_gone(struct idn_core *core, idn_peer peer)
{
    for (uint32_t i = 0; i < core->watches_touched; i++)
        if (core->watch[i].job != NULL && core->watch[i].peer == peer)
            release(core, &core->watch[i]);
}

void idn_watches_drop(struct idn_core *core)
{
    while (core->watch_heap.count > 0 && idn_actions_room(core)) {
        struct idn_watch *watch = &core->watch[core->watch_heap.at[0].item];
        idn_roles_why(core, idn_refuse(core, watch->peer, watch->request, IDN_REFUSED_NOT_ACTIVE),
            IDN_TEXT_SIZE);
        release(core, watch);
    }
}

void idn_watches_job_gone(struct idn_core *core, struct idn_job *job)
{
    IDN_EACH_SAFE(link, after, &job->watches)
    {
        struct idn_watch *watch = IDN_ENTRY(link, struct idn_watch, in_job);
        // Without room the client learns it when it asks again.
        if (idn_actions_room(core))
            idn_format(idn_refuse(core, watch->peer, watch->request, IDN_REFUSED_FORGOTTEN),
                IDN_TEXT_SIZE, "this job has been forgotten");
        release(core, watch);
    }
    idn_link_remove(&job->in_changed);
}
