#include "bench/fairness/figures.h"

enum { WINDOW = 10, LAST = 60, ALONE_FROM = 10, ALONE_SECONDS = 130 };

static uint32_t batch_of(const struct fair_cluster *cluster, uint32_t job)
{
    return cluster->scenario->model[cluster->scenario->job[job].model].batch;
}

// Tasks a minute by weight, from the end of one second to that of another.
static double rate_of(const struct fair_cluster *cluster, uint32_t job, uint32_t from, uint32_t to)
{
    const struct fair_job_log *log = &cluster->job[job];

    return 60.0 * (log->done[to] - log->done[from]) / batch_of(cluster, job) / log->weight /
           (to - from);
}

static double gap_of(const struct fair_cluster *cluster, uint32_t from, uint32_t to)
{
    double least = -1, greatest = 0;

    for (uint32_t i = 0; i < fair_scenario_jobs(cluster->scenario); i++) {
        double rate = rate_of(cluster, i, from, to);
        if (cluster->scenario->apart >> i & 1)
            continue;
        least = least < 0 || rate < least ? rate : least;
        greatest = rate > greatest ? rate : greatest;
    }
    return greatest <= 0 ? 0 : 1 - least / greatest;
}

// The first second that began after this.
static uint32_t second_after(const struct fair_cluster *cluster, uint64_t us)
{
    uint64_t begin_us = cluster->now_us - (uint64_t)cluster->seconds * 1000 * 1000;

    return us <= begin_us ? 0 : (uint32_t)((us - begin_us + 999999) / (1000 * 1000));
}

// From when on all have had a result, and all is as it is at the end; `seconds` when one has none.
static uint32_t begin_of(const struct fair_cluster *cluster)
{
    const struct fair_scenario *scenario = cluster->scenario;
    uint32_t from = scenario->since;

    for (uint32_t i = 0; i < fair_scenario_jobs(scenario); i++) {
        uint64_t first_us = cluster->job[i].first_us;
        uint32_t second = first_us == 0 ? cluster->seconds : second_after(cluster, first_us);
        from = second > from ? second : from;
    }
    for (uint32_t i = 0; scenario->change[i].type != FAIR_NO_CHANGE; i++) {
        uint32_t second = (scenario->change[i].at_ms + 999) / 1000;
        if (scenario->change[i].type == FAIR_WEIGHT && second > from)
            from = second;
    }
    return from;
}

static double start_of(const struct fair_cluster *cluster)
{
    uint64_t longest_us = 0;

    for (uint32_t i = 1; i < fair_scenario_jobs(cluster->scenario); i++) {
        const struct fair_job_log *log = &cluster->job[i];
        if (log->first_us == 0)
            return -1;
        uint64_t us = log->first_us - log->submitted_us;
        longest_us = us > longest_us ? us : longest_us;
    }
    return (double)longest_us / 1e3;
}

// Of the time of the second job's first result to the end, or of the second half when it has none.
static double throughput_of(
    const struct fair_cluster *cluster, const double cost_us[FAIR_MODELS_MAX], uint32_t from)
{
    double did_us = 0;

    for (uint32_t i = 0; i < fair_scenario_jobs(cluster->scenario); i++)
        did_us += cost_us[cluster->scenario->job[i].model] *
                  (cluster->job[i].done[cluster->seconds] - cluster->job[i].done[from]);
    return did_us / (double)(cluster->work_us[cluster->seconds] - cluster->work_us[from]);
}

void fair_figures_of(const struct fair_cluster *cluster, const double cost_us[FAIR_MODELS_MAX],
    struct fair_figures *ret)
{
    uint32_t to = cluster->seconds, from = begin_of(cluster);
    uint32_t half = from < to ? from : to / 2;

    *ret = (struct fair_figures){.from = from, .to = to, .gap = 1, .worst = 1, .last = 1};
    ret->start_ms = start_of(cluster);
    ret->throughput = throughput_of(cluster, cost_us, half);
    ret->switches = 60.0 * 1e6 * (double)(cluster->switches[to] - cluster->switches[half]) /
                    (double)(cluster->work_us[to] - cluster->work_us[half]);
    for (uint32_t i = 0; i < fair_scenario_jobs(cluster->scenario); i++)
        ret->rate[i] = rate_of(cluster, i, half, to);
    if (from >= to)
        return;
    ret->gap = gap_of(cluster, from, to);
    ret->last = gap_of(cluster, from + LAST < to ? to - LAST : from, to);
    ret->worst = 0;
    for (uint32_t at = from; at + WINDOW <= to; at++) {
        double gap = gap_of(cluster, at, at + WINDOW);
        ret->worst = gap > ret->worst ? gap : ret->worst;
    }
}

void fair_figures_costs(
    const struct fair_scenario *scenario, uint64_t seed, double ret_us[FAIR_MODELS_MAX])
{
    for (uint32_t i = 0; i < fair_scenario_models(scenario); i++) {
        struct fair_scenario alone = {.name = "alone",
            .model = {scenario->model[i]},
            .workers = 1,
            .job = {{0, 1, 1000}},
            .seconds = ALONE_SECONDS};
        struct fair_cluster *cluster = fair_cluster_run(&alone, IDN_POLICY_FIFO, seed);
        uint32_t images = cluster->job[0].done[ALONE_SECONDS] - cluster->job[0].done[ALONE_FROM];
        ret_us[i] = 1e6 * (ALONE_SECONDS - ALONE_FROM) / images;
        fair_cluster_destroy(&cluster);
    }
}
