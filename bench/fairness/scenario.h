// What bench-fairness runs: models, workers, jobs, and what changes when.
#ifndef IDN_BENCH_FAIRNESS_SCENARIO_H
#define IDN_BENCH_FAIRNESS_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

enum {
    FAIR_MODELS_MAX = 4,
    FAIR_WORKERS_MAX = 64,
    FAIR_JOBS_MAX = 12,
    FAIR_CHANGES_MAX = 8,
    FAIR_SECONDS_MAX = 600,
    FAIR_JOB_IMAGES = 4 * 1000 * 1000, // none ever ends
};

// A child takes slice_us for a slice, and image_us more for each of its images.
struct fair_model {
    const char *name; // NULL: the end
    uint32_t batch;
    uint64_t image_us, slice_us;
};

struct fair_job {
    uint32_t model, weight; // weight 0: the end
    uint32_t submit_ms;
};

enum fair_change_type {
    FAIR_NO_CHANGE, // the end
    FAIR_LEAVES,    // the worker's host dies
    FAIR_JOINS,
    FAIR_TAKE_OVER, // the broker dies; a second later another one reigns, on the same facts
    FAIR_WEIGHT,    // of the job, to value
};

struct fair_change {
    enum fair_change_type type;
    uint32_t at_ms, who, value; // worker or job; new weight
};

struct fair_scenario {
    const char *name, *what;
    struct fair_model model[FAIR_MODELS_MAX + 1];
    uint32_t workers;         // that are there at the beginning
    uint32_t percent[4];      // of the usual time that workers 0, 1, 2, 3, 4, ... take; 0: as the
                              // first one, and the first one 100
    uint64_t models_of_first; // bits: the models that the first `half` workers hold; 0: all
    uint32_t half;
    struct fair_job job[FAIR_JOBS_MAX + 1];
    struct fair_change change[FAIR_CHANGES_MAX + 1];
    uint32_t apart;   // bits: jobs that the gaps leave out
    uint32_t since;   // second from which on the figures are taken; 0: as soon as they can be
    uint32_t seconds; // it takes
};

extern const struct fair_scenario fair_scenarios[]; // name NULL: the end

uint32_t fair_scenario_jobs(const struct fair_scenario *scenario);
uint32_t fair_scenario_models(const struct fair_scenario *scenario);

#endif
