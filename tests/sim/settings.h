// Settings in the simulator: clients set weights, batches and drains, and undrain everybody when
// the faults are over; what brokers have set is held against their facts.
#ifndef IDN_TESTS_SIM_SETTINGS_H
#define IDN_TESTS_SIM_SETTINGS_H

#include "tests/sim/sim.h"

// Whether the client's next request is a SET, which is then drawn; its job is the caller's.
bool sim_setting_draw(struct sim *sim, bool done, struct idn_request *ret);
// Refusals that a SET of these may meet.
bool sim_setting_may_be_refused(uint32_t code);

// An ACCEPTED that answers a client's SET: what it says is stored. False: it answers something
// else.
bool sim_check_set(struct sim *sim, uint32_t broker, const struct idn_action *action);
// The broker has set what the facts on its disk say.
void sim_check_settings(struct sim *sim, uint32_t broker);

#endif
