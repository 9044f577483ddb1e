// idunno-sim: runs seeds of the simulator and says what they found.
#include "tests/sim/mutants.h"
#include "tests/sim/report.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FAILURES = 10, RUN_CPU_S = 120 };

static const char usage[] =
    "usage: idunno-sim SEED [--trace]\n"
    "       idunno-sim --seeds FIRST..LAST [--fresh N] [--coverage] [--coverage-at-least N]\n"
    "\n"
    "Runs the brokers', workers' and clients' real cores against a simulated network, disks,\n"
    "clocks and processes. A seed is one run: it draws the cluster, the faults and every moment.\n"
    "Each seed runs twice and must do the same both times.\n"
    "\n"
    "  --trace            tells what happens, on stdout\n"
    "  --seeds FIRST..LAST  runs these seeds\n"
    "  --fresh N          and N seeds that nobody has run before\n"
    "  --mutant NAME      with this deliberate bug; --mutant list names them all\n"
    "  --mutants          tries each until it is caught, on these seeds; without --seeds on those\n"
    "                     that caught it before, then on 1..1000\n"
    "  --coverage         which fault met which role, how often\n"
    "  --coverage-at-least N  likewise, and each must have met each that it can N times\n"
    "  --once             runs each seed once only\n"
    "  --failures N       stops after so many, not after 10\n"
    "  --help\n"
    "\n"
    "Exit status: 0 all held, 1 a run failed (its seed is printed) or less was met, 2 usage.\n";

struct options {
    uint64_t first, last, fresh, failures, coverage_least;
    bool any, trace, coverage, once, mutants;
    const char *mutant;
};

static _Noreturn void misuse(const char *what, const char *value)
{
    (void)fprintf(stderr, "idunno-sim: %s%s; see --help\n", what, value);
    exit(2);
}

static uint64_t number_of(const char *text, char **ret_end)
{
    errno = 0;
    uint64_t number = strtoull(text, ret_end, 10);
    if (*ret_end == text || errno != 0 || *text == '-')
        misuse("a seed is a number from 0 to 18446744073709551615, not ", text);
    return number;
}

static void take_range(struct options *options, const char *text)
{
    char *end;

    options->first = number_of(text, &end);
    if (end[0] != '.' || end[1] != '.')
        misuse("a range of seeds is FIRST..LAST, not ", text);
    options->last = number_of(end + 2, &end);
    if (*end != '\0' || options->last < options->first)
        misuse("a range of seeds is FIRST..LAST, not ", text);
    options->any = true;
}

static void take_seed(struct options *options, const char *text)
{
    char *end;

    options->first = options->last = number_of(text, &end);
    if (*end != '\0')
        misuse("a seed is a number, not ", text);
    options->any = true;
}

static uint64_t take_count(const char *text)
{
    char *end;
    uint64_t number = number_of(text, &end);

    if (*end != '\0')
        misuse("a count is a number, not ", text);
    return number;
}

static void take_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {{"trace", no_argument, NULL, 't'},
        {"seeds", required_argument, NULL, 's'}, {"fresh", required_argument, NULL, 'f'},
        {"coverage", no_argument, NULL, 'c'}, {"coverage-at-least", required_argument, NULL, 'l'},
        {"once", no_argument, NULL, 'o'}, {"failures", required_argument, NULL, 'F'},
        {"mutant", required_argument, NULL, 'm'}, {"mutants", no_argument, NULL, 'M'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 't')
            options->trace = true;
        else if (option == 's')
            take_range(options, optarg);
        else if (option == 'f')
            options->fresh = take_count(optarg);
        else if (option == 'c')
            options->coverage = true;
        else if (option == 'l')
            options->coverage_least = take_count(optarg);
        else if (option == 'F')
            options->failures = take_count(optarg);
        else if (option == 'o')
            options->once = true;
        else if (option == 'm')
            options->mutant = optarg;
        else if (option == 'M')
            options->mutants = true;
        else if (option == 'h')
            exit(fputs(usage, stdout) < 0);
        else
            exit(2);
    }
    if (optind < argc)
        take_seed(options, argv[optind++]);
    if (optind < argc)
        misuse("too many arguments: ", argv[optind]);
    if (!options->any && options->fresh == 0 && !options->mutants && options->mutant == NULL)
        misuse("which seeds?", "");
}

// ---- one seed

static void out_of_time(int signal)
{
    (void)signal;
    sim_fail(sim_current, "the run takes more than %d seconds", RUN_CPU_S);
}

static void crashed(int signal)
{
    sim_fail(sim_current, "a core crashed: signal %d", signal);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = out_of_time, .sa_flags = SA_NODEFER};

    (void)sigaction(SIGPROF, &action, NULL);
    action.sa_handler = crashed;
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    (void)sigaction(SIGFPE, &action, NULL);
}

static bool run_once(struct sim *sim, uint64_t seed, FILE *trace, struct sim_stats *stats)
{
    const struct itimerval limit = {.it_value = {.tv_sec = RUN_CPU_S}};

    memset(sim, 0, sizeof(*sim));
    memset(stats, 0, sizeof(*stats));
    sim->seed = seed;
    sim->trace = trace;
    sim->stats = stats;
    (void)setitimer(ITIMER_PROF, &limit, NULL);
    return sim_run(sim);
}

static bool run_seed(
    struct sim *sim, const struct options *options, uint64_t seed, struct sim_stats *sum)
{
    struct sim_stats stats;
    bool held = run_once(sim, seed, options->trace ? stdout : NULL, &stats);
    uint64_t hash = sim->hash;

    sim_stats_add(sum, &stats);
    if (held && !options->once && !options->trace) {
        held = run_once(sim, seed, NULL, &stats);
        if (held && sim->hash != hash) {
            held = false;
            (void)snprintf(sim->failure, sizeof(sim->failure),
                "the second run did something else than the first");
        }
    }
    if (!held)
        (void)printf("seed %" PRIu64 " failed at %.3f s: %s\n  replay: idunno-sim %" PRIu64
                     " --trace\n",
            seed, (double)sim->now / 1000, sim->failure, seed);
    (void)fflush(stdout);
    return held;
}

static double cpu_now(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static uint64_t fresh_seed(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec / 1000) % 1000000000u;
}

// ---- mutants

// They are in a program of their own, beside this one.
static void go_to_mutants(char **argv)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 16);

    if (length < 0)
        misuse("cannot find my own program", "");
    (void)snprintf(path + length, 16, "-mutants");
    (void)execv(path, argv);
    misuse("cannot run ", path);
}

static void list_mutants(void)
{
    for (int i = 0; sim_mutants[i].name != NULL; i++)
        (void)printf("%-36s %s\n", sim_mutants[i].name, sim_mutants[i].what);
}

static void choose_mutant(const char *name)
{
    for (int i = 0; sim_mutants[i].name != NULL; i++)
        if (strcmp(sim_mutants[i].name, name) == 0)
            idn_sim_mutant = i + 1;
    if (idn_sim_mutant == 0)
        misuse("--mutant list names those that exist; none is named ", name);
}

static bool is_caught(struct sim *sim, uint64_t seed)
{
    struct sim_stats stats;

    return !run_once(sim, seed, NULL, &stats);
}

static const uint64_t no_seed = UINT64_MAX;

// The first of these that catches it.
static uint64_t find_seed(struct sim *sim, uint64_t first, uint64_t last)
{
    for (uint64_t seed = first; seed <= last; seed++)
        if (is_caught(sim, seed))
            return seed;
    return no_seed;
}

static uint64_t try_hints(struct sim *sim, const struct sim_mutant *mutant)
{
    for (int i = 0; i < IDN_SIM_HINTS_MAX && mutant->seed[i] != 0; i++)
        if (is_caught(sim, mutant->seed[i]))
            return mutant->seed[i];
    return no_seed;
}

// Caught it is, but the next run shall not have to search.
static void tell_stale(const struct sim_mutant *mutant, uint64_t seed)
{
    (void)printf("        its seeds in tests/sim/mutants.list (%lu ...) do not catch it any more: "
                 "put %" PRIu64 " there\n",
        mutant->seed[0], seed);
}

static bool try_mutant(struct sim *sim, const struct options *options, int number)
{
    enum { MOST = 1000 };
    const struct sim_mutant *mutant = &sim_mutants[number];
    uint64_t first = options->any ? options->first : 1, last = options->any ? options->last : MOST;

    idn_sim_mutant = number + 1;
    uint64_t hint = options->any ? no_seed : try_hints(sim, mutant);
    uint64_t seed = hint != no_seed ? hint : find_seed(sim, first, last);
    if (seed == no_seed)
        (void)printf(
            "MISSED  %-36s by seeds %" PRIu64 "..%" PRIu64 "\n", mutant->name, first, last);
    else
        (void)printf("caught  %-36s by seed %4" PRIu64 ": %s\n", mutant->name, seed, sim->failure);
    if (seed != no_seed && hint == no_seed && !options->any)
        tell_stale(mutant, seed);
    (void)fflush(stdout);
    return seed != no_seed;
}

static bool try_mutants(struct sim *sim, const struct options *options)
{
    int missed = 0, count = 0;

    for (; sim_mutants[count].name != NULL; count++)
        missed += !try_mutant(sim, options, count);
    (void)printf("%d of %d mutants caught\n", count - missed, count);
    return missed == 0;
}

// ---- seeds

static uint64_t run_seeds(struct sim *sim, const struct options *options, struct sim_stats *sum)
{
    uint64_t failures = 0;

    for (uint64_t seed = options->first; options->any && failures < options->failures; seed++) {
        failures += !run_seed(sim, options, seed, sum);
        if (seed == options->last)
            break;
    }
    if (options->fresh == 0)
        return failures;
    uint64_t first = fresh_seed();
    (void)printf("fresh seeds: %" PRIu64 "..%" PRIu64 "\n", first, first + options->fresh - 1);
    for (uint64_t i = 0; i < options->fresh && failures < options->failures; i++)
        failures += !run_seed(sim, options, first + i, sum);
    return failures;
}

static bool run_options(struct sim *sim, const struct options *options)
{
    struct sim_stats sum = {0};
    double began = cpu_now();
    uint64_t failures = run_seeds(sim, options, &sum);

    sim_report(&sum, cpu_now() - began);
    if (options->coverage || options->coverage_least > 0)
        sim_report_coverage(&sum);
    return sim_report_gaps(&sum, options->coverage_least) == 0 && failures == 0;
}

int main(int argc, char **argv)
{
    struct options options = {.failures = FAILURES};
    bool held = true;

    take_options(&options, argc, argv);
    if (sim_mutants[0].name == NULL && (options.mutants || options.mutant != NULL))
        go_to_mutants(argv);
    catch_signals();
    struct sim *sim = malloc(sizeof(*sim));
    if (sim == NULL)
        abort();
    if (options.mutant != NULL && strcmp(options.mutant, "list") != 0)
        choose_mutant(options.mutant);
    if (options.mutants)
        held = try_mutants(sim, &options);
    else if (options.mutant != NULL && idn_sim_mutant == 0)
        list_mutants();
    else
        held = run_options(sim, &options);
    free(sim);
    return !held;
}
