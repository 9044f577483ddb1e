// What runs add up to, as text: hours, facts, limits met, and which fault met which role how often.
#ifndef IDN_TESTS_SIM_REPORT_H
#define IDN_TESTS_SIM_REPORT_H

#include "tests/sim/sim.h"

void sim_stats_add(struct sim_stats *sum, const struct sim_stats *stats);
void sim_report(const struct sim_stats *stats, double cpu_s);
void sim_report_coverage(const struct sim_stats *stats);
// Names each kind of fault that has met a role it can meet fewer times; returns how many there are.
uint32_t sim_report_gaps(const struct sim_stats *stats, uint64_t least);

#endif
