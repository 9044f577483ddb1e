// Beats, made by the step and by nothing else (a core that hangs must fall silent), and the drain.
#include "worker/agent/internal.h"

static struct idn_lease_id current_lease(struct idn_agent *agent)
{
    const struct idn_agent_lease *lease =
        agent->slices > 0 ? &agent->lease[agent->slice[0].lease] : idn_leases_oldest(agent, false);
    return lease != NULL ? lease->id : (struct idn_lease_id){0};
}

void idn_beats_settle(struct idn_agent *agent)
{
    if (!agent->started || agent->now_ms < agent->next_beat_ms)
        return;
    struct idn_worker_beat *beat = &idn_agent_act(agent, IDN_AGENT_BEAT)->u.beat;

    idn_agent_text(beat->name, sizeof(beat->name), agent->name);
    beat->nonce = agent->nonce;
    beat->sequence = ++agent->beats;
    beat->obeyed = agent->epoch;
    beat->lease = current_lease(agent);
    beat->images_done = agent->images_done;
    beat->active_silent_ms = agent->now_ms - idn_agent_min(agent->active_ms, agent->now_ms);
    beat->in_child = idn_slices_images(agent, NULL, beat->image);
    agent->next_beat_ms = agent->now_ms + agent->beat_ms;
}

// Draining: first what is in the child, then the acknowledgement of what it gave (for
// IDN_AGENT_FLUSH_MS at most: a broker that is away costs only work that is done again).
void idn_beats_drain_settle(struct idn_agent *agent)
{
    if (!agent->draining || agent->exited || agent->slices > 0)
        return;
    if (agent->drain_ms == 0)
        agent->drain_ms = agent->now_ms + IDN_AGENT_FLUSH_MS;
    // Rows still gathered mean that the window is full, so this tells of them too.
    bool flushed = agent->report_first == agent->report_next;
    if (!flushed && agent->now_ms < agent->drain_ms)
        return;
    if (agent->join != IDN_JOIN_NONE && agent->class_known) // it has heard of us
        idn_agent_send(agent, agent->broker, IDN_WORKER_GOODBYE);
    idn_agent_exit(agent, "");
}

uint64_t idn_beats_deadline(const struct idn_agent *agent)
{
    return agent->drain_ms > 0 ? idn_agent_min(agent->next_beat_ms, agent->drain_ms)
                               : agent->next_beat_ms;
}
