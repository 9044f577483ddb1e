#include "broker/core/silence.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/poison.h"
#include "broker/core/urgent.h"
#include "broker/core/workers.h"

static uint64_t beats_ms(const struct idn_core *core, uint64_t halves)
{
    return idn_workers_beat_ms(core) * halves / 2;
}

void idn_silence_broken(struct idn_core *core)
{
    if (core->now - core->heard_ms >= beats_ms(core, 4))
        core->reunion_ms = core->now;
    core->heard_ms = core->now;
}

bool idn_silence_is_reunion(const struct idn_core *core)
{
    return core->now < core->reunion_ms + beats_ms(core, 4);
}

// Of those that were heard within a beat and a half: in a network that fell silent altogether, the
// last one that was heard is nobody to rely on either.
static bool others_can_serve(const struct idn_core *core, const struct idn_job *job)
{
    const struct idn_link *alive = &core->presence[IDN_PRESENCE_ALIVE];

    for (const struct idn_link *link = alive->prev; link != alive; link = link->prev) {
        const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        if (core->now - worker->heard_ms > beats_ms(core, 3))
            return false;
        if (idn_worker_can_serve(core, worker, job))
            return true;
    }
    return false;
}

static void give_up(struct idn_core *core, struct idn_worker *worker, bool at_any_rate)
{
    uint32_t i = 0, given = 0;

    while (i < worker->leases) {
        struct idn_lease *lease = worker->lease[i];
        if (!at_any_rate && !others_can_serve(core, lease->job)) {
            i++;
            continue;
        }
        idn_urgent_add(core, lease);
        idn_lease_close(core, lease); // the next one moves up
        given++;
    }
    if (given == 0 || at_any_rate)
        return;
    worker->bereft = true;
    idn_tell(core, "worker %s is suspected: silent for %lu ms, its leases go to others",
        worker->name, core->now - worker->heard_ms);
}

static void suspect(struct idn_core *core, struct idn_worker *worker)
{
    if (worker->leases > 0 && !idn_silence_is_reunion(core))
        give_up(core, worker, false);
}

void idn_silence_doubt(struct idn_core *core)
{
    IDN_EACH(link, &core->presence[IDN_PRESENCE_SUSPECTED])
    suspect(core, IDN_ENTRY(link, struct idn_worker, in_presence));
}

// The longest silent of a list, if it is silent for that long.
static struct idn_worker *silent(
    const struct idn_core *core, enum idn_presence presence, uint64_t limit_ms)
{
    const struct idn_link *list = &core->presence[presence];

    if (idn_link_empty(list))
        return NULL;
    struct idn_worker *worker = IDN_ENTRY(list->next, struct idn_worker, in_presence);
    return core->now - worker->heard_ms >= limit_ms ? worker : NULL;
}

static void declare_dead(struct idn_core *core, struct idn_worker *worker)
{
    idn_tell(core, "worker %s died: silent for %lu ms, with %u lease%s", worker->name,
        core->now - worker->heard_ms, worker->leases, idn_plural(worker->leases));
    idn_worker_set_presence(core, worker, IDN_PRESENCE_DEAD);
    give_up(core, worker, true);
    idn_poison_host_died(core, worker);
}

void idn_silence_judge(struct idn_core *core)
{
    uint64_t suspected_ms = beats_ms(core, 2 * (uint64_t)(IDN_SUSPECTED_MS / IDN_BEAT_MS)),
             dead_ms = beats_ms(core, 2 * (uint64_t)(IDN_DEAD_MS / IDN_BEAT_MS));
    struct idn_worker *worker;

    while ((worker = silent(core, IDN_PRESENCE_ALIVE, suspected_ms)) != NULL) {
        idn_worker_set_presence(core, worker, IDN_PRESENCE_SUSPECTED);
        suspect(core, worker);
    }
    while ((worker = silent(core, IDN_PRESENCE_SUSPECTED, dead_ms)) != NULL)
        declare_dead(core, worker);
    while ((worker = silent(core, IDN_PRESENCE_LEAVING, dead_ms)) != NULL)
        idn_workers_remove(core, worker);
    while ((worker = silent(core, IDN_PRESENCE_DEAD, IDN_DEAD_SHOWN_MS)) != NULL)
        idn_workers_remove(core, worker);
}

static uint64_t due(const struct idn_core *core, enum idn_presence presence, uint64_t limit_ms)
{
    const struct idn_link *list = &core->presence[presence];

    if (idn_link_empty(list))
        return UINT64_MAX;
    return IDN_ENTRY_CONST(list->next, struct idn_worker, in_presence)->heard_ms + limit_ms;
}

uint64_t idn_silence_deadline(const struct idn_core *core)
{
    uint64_t beat_ms = idn_workers_beat_ms(core), dead_ms = beat_ms * (IDN_DEAD_MS / IDN_BEAT_MS),
             first = due(core, IDN_PRESENCE_ALIVE, beat_ms * (IDN_SUSPECTED_MS / IDN_BEAT_MS));

    first = idn_min_u64(first, due(core, IDN_PRESENCE_SUSPECTED, dead_ms));
    first = idn_min_u64(first, due(core, IDN_PRESENCE_LEAVING, dead_ms));
    return idn_min_u64(first, due(core, IDN_PRESENCE_DEAD, IDN_DEAD_SHOWN_MS));
}

static bool is_stuck(const struct idn_core *core, const struct idn_worker *worker)
{
    uint64_t image_us = idn_worker_image_us(worker, worker->lease[0]->job),
             limit_ms = IDN_WEDGED_IMAGES * image_us / 1000;

    if (image_us == 0)
        limit_ms = IDN_WEDGED_FIRST_MS;
    else if (limit_ms < IDN_WEDGED_MS_MIN)
        limit_ms = IDN_WEDGED_MS_MIN;
    // The agent judges by the same rule and knows better, so it goes first: its report names the
    // images that hang.
    return core->now - worker->progress_ms >= limit_ms + 2 * (uint64_t)IDN_DEAD_MS;
}

void idn_silence_sweep(struct idn_core *core)
{
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        struct idn_worker *worker = &core->worker[i];
        if (worker->presence != IDN_PRESENCE_ALIVE || worker->wedged || worker->leases == 0 ||
            !is_stuck(core, worker))
            continue;
        if (!idn_actions_room(core))
            return;
        worker->wedged = true;
        idn_tell(core, "worker %s made no progress for %lu ms: its leases are taken back",
            worker->name, core->now - worker->progress_ms);
        for (uint32_t k = 0; k < worker->leases; k++)
            idn_lease_disown(core, worker, worker->lease[k]->id);
        idn_leases_close_all(core, worker);
    }
}
