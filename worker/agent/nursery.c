// The inference child's life: started, ready, dead, started again after a pause, killed when it
// hangs. What its death means for the leases whose images were in it.
#include "worker/agent/internal.h"

static void turn(struct idn_agent *agent, enum idn_agent_child state)
{
    static const bool legal[4][4] = {
        [IDN_CHILD_DOWN] = {[IDN_CHILD_STARTING] = true},
        [IDN_CHILD_STARTING] =
            {[IDN_CHILD_UP] = true, [IDN_CHILD_DOWN] = true, [IDN_CHILD_KILLED] = true},
        [IDN_CHILD_UP] = {[IDN_CHILD_DOWN] = true, [IDN_CHILD_KILLED] = true},
        [IDN_CHILD_KILLED] = {[IDN_CHILD_DOWN] = true},
    };

    IDN_ASSERT(legal[agent->child][state]);
    agent->child = state;
    agent->child_ms = agent->now_ms;
}

void idn_nursery_ready(struct idn_agent *agent)
{
    if (agent->child != IDN_CHILD_STARTING) {
        if (agent->child == IDN_CHILD_UP)
            idn_nursery_kill(agent, IDN_DEATH_EXIT, "it said twice that it was ready");
        return;
    }
    turn(agent, IDN_CHILD_UP);
}

void idn_nursery_kill(struct idn_agent *agent, uint32_t death, const char *text)
{
    turn(agent, IDN_CHILD_KILLED);
    agent->killed_for = death;
    idn_agent_text(agent->killed_text, sizeof(agent->killed_text), text);
    struct idn_agent_action *action = idn_agent_act(agent, IDN_AGENT_KILL_CHILD);
    idn_agent_text(action->u.text, sizeof(action->u.text), text);
}

// At once after a child that lived long or delivered something since it started (a poison image
// among good ones must not idle the worker); else after a growing pause.
static uint64_t pause_ms(struct idn_agent *agent, bool healthy)
{
    agent->deaths = healthy ? 1 : agent->deaths + 1;
    if (agent->deaths == 1)
        return 0;
    uint32_t doublings = agent->deaths - 2 < 5 ? agent->deaths - 2 : 5;
    return idn_agent_min((uint64_t)IDN_AGENT_BACKOFF_MS << doublings, IDN_AGENT_BACKOFF_MS_MAX);
}

static void bereave(struct idn_agent *agent, struct idn_agent_lease *lease, bool alone,
    uint32_t death, const char *text)
{
    lease->in_child = idn_slices_images(agent, lease, lease->image);
    if (lease->in_child == 0)
        return;
    lease->end = IDN_END_DEATH;
    lease->death = death;
    lease->alone_in_child = alone;
    lease->begun = lease->done;
    idn_agent_text(lease->text, sizeof(lease->text), text);
}

void idn_nursery_died(struct idn_agent *agent, uint32_t death, const char *text)
{
    if (agent->child == IDN_CHILD_DOWN)
        return;
    bool killed = agent->child == IDN_CHILD_KILLED;
    bool healthy = agent->fruitful || (agent->child == IDN_CHILD_UP &&
                                          agent->now_ms >= agent->child_ms + IDN_AGENT_HEALTHY_MS);
    uint32_t all[IDN_CHILD_IMAGES_MAX];

    idn_slices_void(agent);
    bool alone = idn_slices_images(agent, NULL, all) == 1;
    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++)
        if (agent->lease[i].used)
            bereave(agent, &agent->lease[i], alone, killed ? agent->killed_for : death,
                killed ? agent->killed_text : text);
    agent->slices = 0;
    turn(agent, IDN_CHILD_DOWN);
    agent->restart_ms = agent->now_ms + pause_ms(agent, healthy);
}

static uint64_t hang_ms(const struct idn_agent *agent)
{
    if (agent->child == IDN_CHILD_STARTING)
        return agent->child_ms + IDN_AGENT_START_MS;
    if (agent->child != IDN_CHILD_UP || agent->slices == 0 || !agent->slice[0].given)
        return IDN_NEVER;
    uint64_t given_ms = agent->slice[0].given_ms;
    uint64_t since_ms = given_ms > agent->head_ms ? given_ms : agent->head_ms;
    return since_ms + idn_slices_limit_ms(agent);
}

void idn_nursery_settle(struct idn_agent *agent)
{
    if (agent->now_ms >= hang_ms(agent))
        idn_nursery_kill(agent, IDN_DEATH_HANG, "it made no progress and was killed");
    if (agent->child != IDN_CHILD_DOWN || agent->draining || agent->now_ms < agent->restart_ms)
        return;
    turn(agent, IDN_CHILD_STARTING);
    agent->fruitful = false;
    idn_agent_act(agent, IDN_AGENT_START_CHILD);
}

uint64_t idn_nursery_deadline(const struct idn_agent *agent)
{
    if (agent->child == IDN_CHILD_DOWN)
        return agent->draining ? IDN_NEVER : agent->restart_ms;
    return hang_ms(agent);
}
