// A worker's host: the real agent core, a made-up inference child, and what the agent's shell does
// between them (worker/agent/loop.c, feed.c, lists.c).
#ifndef IDN_TESTS_SIM_WORKER_H
#define IDN_TESTS_SIM_WORKER_H

#include "tests/sim/sim.h"

struct sim_child { // something that an inference child does
    uint64_t child;
    enum idn_agent_event_type type;
    uint64_t slice, compute_us;
    uint32_t death;
};

void sim_worker_start(struct sim *sim, uint32_t worker);
void sim_worker_kill(struct sim *sim, uint32_t worker);
void sim_worker_step(struct sim *sim, uint32_t worker, struct idn_agent_event event);
void sim_worker_take(struct sim *sim, uint32_t worker, const struct agenda_event *event);
void sim_worker_child_dies(struct sim *sim, uint32_t worker); // by a signal
void sim_worker_fini(struct sim *sim, uint32_t worker);

// Byte `at` of the list that is uploaded for this job.
uint8_t sim_list_byte(int job, uint64_t at);

#endif
