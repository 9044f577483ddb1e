// Invariants, as checks of what a step did and of the state it left; the rest at looks and at the
// end. Each is a claim that can fail: sim_fail says which.
#ifndef IDN_TESTS_SIM_CHECK_H
#define IDN_TESTS_SIM_CHECK_H

#include "tests/sim/sim.h"

// Before the action is carried out.
void sim_check_action(struct sim *sim, uint32_t broker, const struct idn_action *action);
// Before a worker's message is taken.
void sim_check_message(struct sim *sim, uint32_t broker, const struct idn_worker_message *message);
void sim_check_worker(struct sim *sim, uint32_t worker);
// A quarter of a second has passed.
void sim_check_look(struct sim *sim);
// Everything has healed and ended.
void sim_check_end(struct sim *sim);
// What keeps everything from having ended; NULL: nothing.
const char *sim_unfinished(struct sim *sim);

#endif
