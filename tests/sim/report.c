#include "tests/sim/report.h"

#include <inttypes.h>

void sim_stats_add(struct sim_stats *sum, const struct sim_stats *stats)
{
    sum->seeds += stats->seeds;
    sum->simulated_ms += stats->simulated_ms;
    sum->counted_ms += stats->counted_ms;
    sum->facts += stats->facts;
    sum->steps += stats->steps;
    sum->messages += stats->messages;
    sum->images += stats->images;
    sum->reigns += stats->reigns;
    sum->acked += stats->acked;
    sum->finished += stats->finished;
    sum->settings += stats->settings;
    for (int i = 0; i < IDN_REFUSED_COUNT; i++)
        sum->refused[i] += stats->refused[i];
    for (int i = 0; i < SIM_FAULTS; i++)
        for (int k = 0; k < SIM_ROLES; k++)
            sum->met[i][k] += stats->met[i][k];
}

static uint64_t count_faults(const struct sim_stats *stats)
{
    uint64_t sum = 0;

    for (int i = 0; i < SIM_FAULTS; i++)
        for (int k = 0; k < SIM_ROLES; k++)
            sum += stats->met[i][k];
    return sum;
}

void sim_report(const struct sim_stats *stats, double cpu_s)
{
    double hours = (double)stats->simulated_ms / 3.6e6, counted = (double)stats->counted_ms / 3.6e6;
    double minutes = cpu_s > 0 ? cpu_s / 60 : 1e-9;

    (void)printf("%" PRIu64 " seeds; simulated %.1f hours, of which %.1f with 2 jobs open, 3 "
                 "workers and a fault a minute\n",
        stats->seeds, hours, counted);
    (void)printf("%.1f CPU-seconds: %.1f simulated hours a CPU-minute, %.1f of them counted\n",
        cpu_s, hours / minutes, counted / minutes);
    (void)printf("%" PRIu64 " faults, %" PRIu64 " reigns, %" PRIu64 " jobs acknowledged, %" PRIu64
                 " finished and checked by their clients, %" PRIu64 " settings\n",
        count_faults(stats), stats->reigns, stats->acked, stats->finished, stats->settings);
    (void)printf("%" PRIu64 " facts (%.0f a simulated hour), %" PRIu64 " messages, %" PRIu64
                 " images computed, %" PRIu64 " steps\n",
        stats->facts, hours > 0 ? (double)stats->facts / hours : 0, stats->messages, stats->images,
        stats->steps);
    (void)printf("refusals:");
    for (unsigned i = 1; i < IDN_REFUSED_COUNT; i++)
        if (stats->refused[i] > 0)
            (void)printf(" %s %" PRIu64, idn_refusal_name(i), stats->refused[i]);
    (void)printf("\n");
}

void sim_report_coverage(const struct sim_stats *stats)
{
    (void)printf("%-20s", "fault met by role");
    for (int k = 0; k < SIM_ROLES; k++)
        (void)printf(" %8s", sim_role_name(k));
    (void)printf("\n");
    for (int i = 0; i < SIM_FAULTS; i++) {
        (void)printf("%-20s", sim_fault_name(i));
        for (int k = 0; k < SIM_ROLES; k++) {
            if (stats->met[i][k] > 0)
                (void)printf(" %8" PRIu64, stats->met[i][k]);
            else
                (void)printf(" %8s", "-");
        }
        (void)printf("\n");
    }
}
