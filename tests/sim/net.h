// The network: what is sent arrives later, or twice, or out of order, or never. Connections of
// workers and clients have numbers; what was sent on one that was opened anew since is lost.
#ifndef IDN_TESTS_SIM_NET_H
#define IDN_TESTS_SIM_NET_H

#include "tests/sim/sim.h"

// The event's payload is transferred.
void sim_net_send(struct sim *sim, uint32_t from, uint32_t to, enum sim_channel channel,
    struct agenda_event event);

void sim_net_connect(struct sim *sim, uint32_t broker, uint32_t node); // anew
// Who is at the other end of this connection; -1: nobody any more.
int sim_net_end(const struct sim *sim, uint32_t broker, idn_peer peer);

void sim_net_heal(struct sim *sim);

#endif
