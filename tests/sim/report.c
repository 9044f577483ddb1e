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
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        for (unsigned k = 0; k < SIM_ROLES; k++)
            sum->met[i][k] += stats->met[i][k];
}

static uint64_t count_faults(const struct sim_stats *stats)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < SIM_FAULTS; i++)
        for (unsigned k = 0; k < SIM_ROLES; k++)
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

// ---- what can meet what (faults.c)

enum {
    BROKERS =
        1 << SIM_ROLE_ACTIVE | 1 << SIM_ROLE_ALONE | 1 << SIM_ROLE_STANDBY | 1 << SIM_ROLE_LEARNER,
    WORKERS = 1 << SIM_ROLE_BUSY | 1 << SIM_ROLE_IDLE,
    CLIENTS = 1 << SIM_ROLE_CLIENT,
};

static unsigned nodes_of(enum sim_fault fault)
{
    switch (fault) {
    case SIM_FAULT_BROKER_CRASH:
    case SIM_FAULT_TORN_WRITE:
    case SIM_FAULT_BOTH_CRASH:
    case SIM_FAULT_BROKER_FREEZE:
    case SIM_FAULT_BROKER_STALL:
    case SIM_FAULT_STATE_LOST:
    case SIM_FAULT_TAIL_LOST:
    case SIM_FAULT_DISK_SLOW:
    case SIM_FAULT_DISK_HANG:
    case SIM_FAULT_DISK_FULL:
    case SIM_FAULT_DISK_FAIL:
    case SIM_FAULT_LINK_CUT:
    case SIM_FAULT_ISLANDS:
    case SIM_FAULT_BRIDGE:
    case SIM_FAULT_SWITCH:
    case SIM_FAULT_BOOTSTRAP:
    case SIM_FAULT_RETRY:
    case SIM_FAULT_SPAM:
        return BROKERS;
    case SIM_FAULT_WORKER_CRASH:
    case SIM_FAULT_WORKER_FREEZE:
    case SIM_FAULT_WORKER_DRAIN:
    case SIM_FAULT_CHILD_DEATH:
    case SIM_FAULT_CHILD_HANG:
    case SIM_FAULT_MODEL_GONE:
        return WORKERS;
    case SIM_FAULT_CLIENT_CRASH:
    case SIM_FAULT_CLIENT_FREEZE:
        return CLIENTS;
    case SIM_FAULT_BREAK:
        return WORKERS | CLIENTS;
    case SIM_FAULT_CUT:
    case SIM_FAULT_CUT_ONE_WAY:
    case SIM_FAULT_CLOG:
    case SIM_FAULT_CLOCK_JUMP:
        return BROKERS | WORKERS | CLIENTS;
    case SIM_FAULT_LOSS: // of the network as a whole
    case SIM_FAULTS:
        break;
    }
    return 0;
}

// What strikes a node may find it down.
static bool can_meet(enum sim_fault fault, enum sim_role role)
{
    return (nodes_of(fault) | 1u << SIM_ROLE_NONE) >> role & 1;
}

static uint64_t least_met(const struct sim_stats *stats)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < SIM_FAULTS; i++)
        for (unsigned k = 0; k < SIM_ROLES; k++)
            if (can_meet(i, k) && stats->met[i][k] < least)
                least = stats->met[i][k];
    return least;
}

void sim_report_coverage(const struct sim_stats *stats)
{
    (void)printf("%-20s", "fault met by role");
    for (unsigned k = 0; k < SIM_ROLES; k++)
        (void)printf(" %8s", sim_role_name(k));
    (void)printf("\n");
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        (void)printf("%-20s", sim_fault_name(i));
        for (unsigned k = 0; k < SIM_ROLES; k++) {
            if (stats->met[i][k] > 0)
                (void)printf(" %8" PRIu64, stats->met[i][k]);
            else
                (void)printf(" %8s", "-");
        }
        (void)printf("\n");
    }
    (void)printf(
        "each has met each role that it can meet %" PRIu64 " times at least\n", least_met(stats));
}

uint32_t sim_report_gaps(const struct sim_stats *stats, uint64_t least)
{
    uint32_t gaps = 0;

    for (unsigned i = 0; i < SIM_FAULTS; i++)
        for (unsigned k = 0; k < SIM_ROLES; k++) {
            if (!can_meet(i, k) || stats->met[i][k] >= least)
                continue;
            (void)printf("the fault \"%s\" met the role \"%s\" %" PRIu64 " times, not %" PRIu64
                         "\n",
                sim_fault_name(i), sim_role_name(k), stats->met[i][k], least);
            gaps++;
        }
    return gaps;
}
