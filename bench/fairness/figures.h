// What bench-fairness says of a run. A job's rate is that of its tasks by its weight.
#ifndef IDN_BENCH_FAIRNESS_FIGURES_H
#define IDN_BENCH_FAIRNESS_FIGURES_H

#include "bench/fairness/cluster.h"

struct fair_figures {
    uint32_t from, to; // seconds: from every job's first result on; equal: one has none
    double gap;        // 1 - least / greatest rate over all of that time
    double worst;      // and in the worst ten seconds
    double last;       // and in the last minute
    double switches;   // of the model, a worker and minute
    double throughput; // work done, by what is done with one job alone
    double start_ms;   // longest from a submission to the first result, of the jobs but the
                       // first; negative: one has none
    double rate[FAIR_JOBS_MAX]; // tasks a minute by weight
};

// cost_us: time of a usual worker an image of each model, when it computes nothing else.
void fair_figures_of(const struct fair_cluster *cluster, const double cost_us[FAIR_MODELS_MAX],
    struct fair_figures *ret);

// Of one worker with one job of each of the scenario's models.
void fair_figures_costs(
    const struct fair_scenario *scenario, uint64_t seed, double ret_us[FAIR_MODELS_MAX]);

#endif
