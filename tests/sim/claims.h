// Claims about behaviour over time, checked from outside: who may take over, and what is charged.
#ifndef IDN_TESTS_SIM_CLAIMS_H
#define IDN_TESTS_SIM_CLAIMS_H

#include "tests/sim/sim.h"

// A reign begins now: not while everybody hears another broker that reigns, whatever has become of
// the link between the two.
void sim_claim_reign(struct sim *sim, uint32_t broker);
// After a frame of a reign that is higher: the lower one is over.
void sim_claim_yield(struct sim *sim, uint32_t broker, const struct idn_mirror_frame *frame);
// Around each step of a broker. Its reign ends when the other one says that it reigns with a higher
// epoch, or because more than half of the workers that it hears follow one that they hear.
bool sim_claim_before(struct sim *sim, uint32_t broker, const struct idn_event *event);
void sim_claim_after(struct sim *sim, uint32_t broker, bool reigned, const struct idn_event *event);
// A learner says that it has learned: all that it lacked is stored.
void sim_claim_learned(struct sim *sim, uint32_t broker);
// Virtual time of open jobs: nothing is charged but what was reported.
void sim_claim_charges(struct sim *sim, uint32_t broker);

#endif
