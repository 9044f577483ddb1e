// What goes wrong: drawn by the plan's weights, applied to a node by chance, undone after a while.
#ifndef IDN_TESTS_SIM_FAULTS_H
#define IDN_TESTS_SIM_FAULTS_H

#include "tests/sim/sim.h"

struct sim_fault_end {
    enum sim_fault fault;
    uint32_t node;
    uint16_t cut[SIM_NODES]; // bits of the nodes that did not hear this one
};

void sim_fault_next(struct sim *sim); // one comes now, and the next is planned
void sim_fault_plan(struct sim *sim);
void sim_fault_ends(struct sim *sim, const struct sim_fault_end *end);
void sim_node_start(struct sim *sim, uint32_t node);
void sim_heal(struct sim *sim); // of everything

#endif
