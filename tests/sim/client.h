// A person with a real client session: submits jobs, watches them to their end, reads and checks
// their results, cancels and forgets some. What must not be answered is a failure of the run.
#ifndef IDN_TESTS_SIM_CLIENT_H
#define IDN_TESTS_SIM_CLIENT_H

#include "tests/sim/sim.h"

void sim_clients_plan(struct sim *sim); // who submits what, and when
void sim_client_start(struct sim *sim, uint32_t client);
void sim_client_kill(struct sim *sim, uint32_t client);
void sim_client_step(struct sim *sim, uint32_t client, struct idn_session_event event);
void sim_client_take(struct sim *sim, uint32_t client, const struct agenda_event *event);
bool sim_client_is_done(const struct sim *sim, uint32_t client);

#endif
