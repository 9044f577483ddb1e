// A cluster in memory to measure the policies with: one broker core and up to 64 agent cores, the
// real ones, joined by a network of half a millisecond, with children that only take time. Nothing
// fails but what the scenario says; the earliest event always happens next, and equal seeds give
// equal runs. Times are microseconds.
#ifndef IDN_BENCH_FAIRNESS_CLUSTER_H
#define IDN_BENCH_FAIRNESS_CLUSTER_H

#include "base/random.h"
#include "bench/fairness/scenario.h"
#include "broker/core/core.h"
#include "tests/lib/agenda.h"
#include "worker/agent/agent.h"

struct fair_worker {
    struct idn_agent *agent; // NULL: not running
    uint64_t boots;
    uint32_t percent;  // of the usual time that its child takes
    uint64_t models;   // bits: those it holds
    uint64_t child_us; // its child is busy until
    int model;         // last computed, or -1
    uint64_t switches; // of the model
};

struct fair_job_log {
    bool submitted;
    uint64_t submitted_us, first_us; // first result, at the worker; 0: none yet
    uint32_t weight;
    uint32_t done[FAIR_SECONDS_MAX + 1]; // images with a result by the end of each second
};

// A stored fact; owns its rows.
struct fair_fact {
    struct idn_fact fact;
    uint8_t *rows;
};

struct fair_cluster {
    const struct fair_scenario *scenario; // borrowed
    enum idn_policy policy;
    struct idn_random random;
    uint64_t now_us;
    struct agenda agenda;

    void *memory;
    struct idn_core *core; // NULL: not running
    uint64_t boots, position, stored;
    struct fair_fact *fact; // what the store holds; kept only when a scenario needs it
    size_t facts, facts_room;
    bool keeps_facts;

    struct fair_worker worker[FAIR_WORKERS_MAX];
    struct fair_job_log job[FAIR_JOBS_MAX];
    uint64_t switches[FAIR_SECONDS_MAX + 1]; // of all workers by the end of each second
    uint64_t work_us[FAIR_SECONDS_MAX + 1];  // of a usual worker that all could do, likewise
    uint32_t seconds;                        // that have passed
};

// Runs the scenario to its end.
struct fair_cluster *fair_cluster_run(
    const struct fair_scenario *scenario, enum idn_policy policy, uint64_t seed);
void fair_cluster_destroy(struct fair_cluster **cluster);

#endif
