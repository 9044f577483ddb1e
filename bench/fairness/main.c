// How fairly the policies share: bench-fairness --help.
#include "bench/fairness/figures.h"

#include "base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Which of variants.list the core is; 0: as it is. Made by tests/sim/mutate.py.
extern int idn_sim_mutant;

struct contender {
    const char *name;
    enum idn_policy policy;
    int variant;
    bool only_take_over; // it makes a difference there only
};

static const struct contender contenders[] = {
    {"fair-time", IDN_POLICY_FAIR_TIME, 0, false},
    {"static", IDN_POLICY_STATIC, 0, false},
    {"fifo", IDN_POLICY_FIFO, 0, false},
    {"lowest-rate", IDN_POLICY_FAIR_TIME, 1, false},
    {"by-images", IDN_POLICY_FAIR_TIME, 2, true},
};
enum { CONTENDERS = sizeof(contenders) / sizeof(*contenders) };

enum format { TABLE, TSV, SERIES };
enum { SHOWN_MAX = 4 }; // rates in a line of the table
enum { SCENARIOS_MAX = 64 };

struct options {
    const char *scenario, *policy; // NULL: all
    uint64_t seed;
    enum format format;
};

static const char usage[] =
    "usage: bench-fairness [--scenario NAME] [--policy NAME] [--seed N] [--tsv | --series]\n"
    "       bench-fairness --list\n"
    "\n"
    "Runs jobs on a cluster in memory: the real cores of broker and workers, children that only\n"
    "take time (5 % more or less by the seed). Equal seeds give equal figures.\n"
    "\n"
    "  gap       1 - least / greatest task rate by weight, from every job's first result on\n"
    "  10 s      the same in the worst ten seconds\n"
    "  last      the same in the last minute\n"
    "  switches  from one model to another, a worker and minute\n"
    "  work      done by all workers, by what they do with one job alone\n"
    "  start     longest from a later job's submission to its first result, in ms\n"
    "  rates     tasks a minute by weight, of each job; of more than four, the least and greatest\n"
    "\n"
    "Policies: fair-time, static, fifo as idunno-broker has them; lowest-rate: who had the lowest\n"
    "rate in the last ten seconds is next; by-images: fair-time, but a new reign charges jobs "
    "with\n"
    "all that is stored of them (take-overs only).\n"
    "\n"
    "  --tsv     tab-separated, fractions instead of per cent\n"
    "  --series  tasks done of each job by the end of each second instead of figures\n";

static bool takes_over(const struct fair_scenario *scenario)
{
    for (uint32_t i = 0; scenario->change[i].type != FAIR_NO_CHANGE; i++)
        if (scenario->change[i].type == FAIR_TAKE_OVER)
            return true;
    return false;
}

static void print_rates(const struct fair_scenario *scenario, const struct fair_figures *figures)
{
    for (uint32_t i = 0; i < fair_scenario_jobs(scenario); i++)
        (void)printf("%s%.2f", i == 0 ? "" : " ", figures->rate[i]);
    (void)printf("\n");
}

// Of many jobs the least and the greatest.
static void print_some_rates(
    const struct fair_scenario *scenario, const struct fair_figures *figures)
{
    double least = figures->rate[0], greatest = figures->rate[0];

    if (fair_scenario_jobs(scenario) <= SHOWN_MAX) {
        print_rates(scenario, figures);
        return;
    }
    for (uint32_t i = 0; i < fair_scenario_jobs(scenario); i++) {
        least = figures->rate[i] < least ? figures->rate[i] : least;
        greatest = figures->rate[i] > greatest ? figures->rate[i] : greatest;
    }
    (void)printf("%.2f to %.2f\n", least, greatest);
}

static void print_line(
    const struct fair_scenario *scenario, const char *policy, const struct fair_figures *figures)
{
    char start[32] = "never";

    if (figures->start_ms >= 0)
        (void)snprintf(start, sizeof(start), "%.0f", figures->start_ms);
    (void)printf("%-14s %-11s %6.1f %6.1f %6.1f %8.1f %6.1f %6s  ", scenario->name, policy,
        100 * figures->gap, 100 * figures->worst, 100 * figures->last, figures->switches,
        100 * figures->throughput, start);
    print_some_rates(scenario, figures);
}

static void print_tsv(
    const struct fair_scenario *scenario, const char *policy, const struct fair_figures *figures)
{
    (void)printf("%s\t%s\t%.5f\t%.5f\t%.5f\t%.3f\t%.5f\t%.1f\t", scenario->name, policy,
        figures->gap, figures->worst, figures->last, figures->switches, figures->throughput,
        figures->start_ms);
    print_rates(scenario, figures);
}

static void print_series(const struct fair_cluster *cluster, const char *policy)
{
    const struct fair_scenario *scenario = cluster->scenario;

    for (uint32_t at = 0; at <= cluster->seconds; at++) {
        (void)printf("%s\t%s\t%u", scenario->name, policy, at);
        for (uint32_t i = 0; i < fair_scenario_jobs(scenario); i++)
            (void)printf("\t%.3f",
                (double)cluster->job[i].done[at] / scenario->model[scenario->job[i].model].batch);
        (void)printf("\n");
    }
}

static void run(const struct fair_scenario *scenario, const struct contender *contender,
    const struct options *options, const double *cost_us)
{
    struct fair_figures figures;

    idn_sim_mutant = contender->variant;
    struct fair_cluster *cluster = fair_cluster_run(scenario, contender->policy, options->seed);
    fair_figures_of(cluster, cost_us, &figures);
    if (options->format == SERIES)
        print_series(cluster, contender->name);
    else if (options->format == TSV)
        print_tsv(scenario, contender->name, &figures);
    else
        print_line(scenario, contender->name, &figures);
    (void)fflush(stdout);
    fair_cluster_destroy(&cluster);
}

static bool is_wanted(const struct options *options, const struct fair_scenario *scenario,
    const struct contender *contender)
{
    return (options->scenario == NULL || strcmp(options->scenario, scenario->name) == 0) &&
           (options->policy == NULL || strcmp(options->policy, contender->name) == 0) &&
           (!contender->only_take_over || takes_over(scenario));
}

static void run_all(const struct options *options)
{
    for (const struct fair_scenario *scenario = fair_scenarios; scenario->name != NULL;
         scenario++) {
        double cost_us[FAIR_MODELS_MAX];
        if (options->scenario != NULL && strcmp(options->scenario, scenario->name) != 0)
            continue;
        idn_sim_mutant = 0;
        fair_figures_costs(scenario, options->seed, cost_us);
        for (int i = 0; i < CONTENDERS; i++) {
            if (is_wanted(options, scenario, &contenders[i]))
                run(scenario, &contenders[i], options, cost_us);
        }
    }
}

// Whether it is one of the names; otherwise says so.
static bool knows(
    const char *kind, const char *name, const char *const *names, size_t count, const char *option)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    const char *nearest = idn_nearest(name, names, count);
    (void)fprintf(stderr,
        "bench-fairness: there is no %s '%.100s'%s%s%s; bench-fairness %s lists them\n", kind, name,
        nearest == NULL ? "" : " (did you mean ", nearest == NULL ? "" : nearest,
        nearest == NULL ? "" : "?)", option);
    return false;
}

static bool knows_scenario(const char *name)
{
    const char *names[SCENARIOS_MAX];
    size_t count = 0;

    while (fair_scenarios[count].name != NULL && count < SCENARIOS_MAX) {
        names[count] = fair_scenarios[count].name;
        count++;
    }
    return knows("scenario", name, names, count, "--list");
}

static bool knows_policy(const char *name)
{
    const char *names[CONTENDERS];

    for (size_t i = 0; i < CONTENDERS; i++)
        names[i] = contenders[i].name;
    return knows("policy", name, names, CONTENDERS, "--help");
}

// Whether there is anything to run; says what is wrong otherwise.
static bool check(const struct options *options)
{
    if ((options->scenario != NULL && !knows_scenario(options->scenario)) ||
        (options->policy != NULL && !knows_policy(options->policy)))
        return false;
    for (const struct fair_scenario *scenario = fair_scenarios; scenario->name != NULL; scenario++)
        for (int i = 0; i < CONTENDERS; i++)
            if (is_wanted(options, scenario, &contenders[i]))
                return true;
    (void)fprintf(stderr,
        "bench-fairness: the policy %s makes a difference in take-overs only, and scenario %s has "
        "none\n",
        options->policy, options->scenario);
    return false;
}

static void list(void)
{
    for (const struct fair_scenario *scenario = fair_scenarios; scenario->name != NULL; scenario++)
        (void)printf("%-14s  %s\n", scenario->name, scenario->what);
}

static void print_head(enum format format)
{
    if (format == TABLE)
        (void)printf("%-14s %-11s %6s %6s %6s %8s %6s %6s  %s\n", "scenario", "policy", "gap %",
            "10 s %", "last %", "switches", "work %", "start", "rates");
    if (format == TSV)
        (void)printf("scenario\tpolicy\tgap\tgap_10s\tgap_last\tswitches\twork\tstart_ms\trates\n");
    if (format == SERIES)
        (void)printf("scenario\tpolicy\tsecond\ttasks of each job\n");
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"scenario", required_argument, NULL, 's'},
        {"policy", required_argument, NULL, 'p'}, {"seed", required_argument, NULL, 'n'},
        {"tsv", no_argument, NULL, 't'}, {"series", no_argument, NULL, 'r'},
        {"list", no_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct options options = {.seed = 1};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (option == 's')
            options.scenario = optarg;
        else if (option == 'p')
            options.policy = optarg;
        else if (option == 'n')
            options.seed = strtoull(optarg, NULL, 10);
        else if (option == 't' || option == 'r')
            options.format = option == 't' ? TSV : SERIES;
        else if (option == 'l')
            return list(), 0;
        else
            return (void)fputs(usage, option == 'h' ? stdout : stderr), option == 'h' ? 0 : 2;
    }
    if (!check(&options))
        return 2;
    print_head(options.format);
    run_all(&options);
    return 0;
}
