#include "tests/sim/net.h"

#include "tests/sim/copy.h"

#include <stdlib.h>

enum { BURST = 3000 }; // chance of loss in 10,000, while it lasts

static bool is_stream(enum sim_channel channel)
{
    return channel == SIM_CLIENTS_PORT || channel == SIM_WORKERS_PORT || channel == SIM_MIRROR;
}

static bool is_lost(struct sim *sim, uint32_t from, uint32_t to, enum sim_channel channel)
{
    if (sim->net.blocked[from][to] > 0)
        return true;
    if (sim->phase != SIM_SAFETY)
        return false;
    if (sim->now < sim->net.burst_until)
        return sim_chance(sim, BURST);
    return (sim->plan.unreliable || !is_stream(channel)) && sim_chance(sim, sim->plan.loss);
}

static uint64_t arrival(struct sim *sim, uint32_t from, uint32_t to, enum sim_channel channel)
{
    uint64_t at = sim->now + sim_below(sim, sim->plan.delay_ms + 1u);
    uint64_t *last = &sim->net.last_at[from][to][channel];

    if (at < sim->net.clogged_until[from][to])
        at = sim->net.clogged_until[from][to];
    if (sim->plan.reorder &&
        (!is_stream(channel) || (sim->plan.unreliable && sim->phase == SIM_SAFETY)))
        return at;
    if (at < *last)
        at = *last;
    *last = at;
    return at;
}

void sim_net_send(struct sim *sim, uint32_t from, uint32_t to, enum sim_channel channel,
    struct agenda_event event)
{
    bool twice = sim->phase == SIM_SAFETY && (sim->plan.unreliable || !is_stream(channel)) &&
                 sim_chance(sim, sim->plan.repeat);

    event.node = to;
    sim->stats->messages++;
    if (is_lost(sim, from, to, channel)) {
        free(event.payload);
        return;
    }
    if (twice) {
        struct agenda_event copy = event;
        copy.payload = sim_copy_payload(&event);
        copy.at = arrival(sim, from, to, channel);
        agenda_add(&sim->agenda, copy);
    }
    event.at = arrival(sim, from, to, channel);
    agenda_add(&sim->agenda, event);
}

void sim_net_connect(struct sim *sim, uint32_t broker, uint32_t node)
{
    sim->net.peer[broker][node] = ++sim->net.peers;
}

int sim_net_end(const struct sim *sim, uint32_t broker, idn_peer peer)
{
    for (int node = SIM_FIRST_WORKER; node < SIM_NODES; node++)
        if (sim->net.peer[broker][node] == peer)
            return node;
    return -1;
}

void sim_net_heal(struct sim *sim)
{
    memset(sim->net.blocked, 0, sizeof(sim->net.blocked));
    memset(sim->net.clogged_until, 0, sizeof(sim->net.clogged_until));
    sim->net.burst_until = 0;
}
