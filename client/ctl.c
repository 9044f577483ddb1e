// idunno-ctl: looks at a cluster and tells it what to do. This file: the table of commands, the
// command line, help.
#include "client/ctl.h"

#include "base/text.h"
#include "client/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ALL = 1, BROKER, CONFIG, FAILED, FORMAT, HELP, JSON, MISSING, TIMEOUT, VERSION };

static const struct idn_option option_table[] = {
    {"all", NULL, ALL},
    {"broker", "HOST[:PORT]", BROKER},
    {"config", "FILE", CONFIG},
    {"failed", NULL, FAILED},
    {"format", "csv|jsonl", FORMAT},
    {"help", NULL, HELP},
    {"json", NULL, JSON},
    {"missing", NULL, MISSING},
    {"timeout", "SECONDS", TIMEOUT},
    {"version", NULL, VERSION},
    {NULL, NULL, 0},
};

#define BIT(option) (1u << (option))

#define JOB_FIELDS                                                                                \
    "  job state model dataset client first last images ok failed quarantined in_flight\n"        \
    "  pending weight batch workers conflicts created_ms finished_ms elapsed_ms images_per_s\n"   \
    "  images_per_s_mean compute_us digest why\n"                                                 \
    "dataset is null for an uploaded list; failed includes quarantined; times in ms, the first\n" \
    "two UTC since 1970.\n"

static const struct command {
    const char *name, *operand; // operand NULL: none
    unsigned options;           // beyond those that every command takes
    int (*run)(struct idn_ctl *ctl);
    const char *summary, *help;
} commands[] = {
    {"status", NULL, BIT(JSON), idn_ctl_status, "the broker, its load and its disk",
        "JSON members:\n"
        "  broker version role epoch uptime_ms policy workers workers_busy jobs_open jobs_known\n"
        "  images_pending images_in_flight images_per_s facts store_bytes free_bytes disk_low\n"},
    {"jobs", NULL, BIT(JSON) | BIT(ALL), idn_ctl_jobs, "open jobs; --all: the ended ones too",
        "JSON: an array of objects with the members\n" JOB_FIELDS},
    {"job", "ID", BIT(JSON), idn_ctl_job, "one job in full", "JSON members:\n" JOB_FIELDS},
    {"workers", NULL, BIT(JSON), idn_ctl_workers, "workers, and what each is doing",
        "JSON: an array of objects with the members\n"
        "  name state threads class job lease_first lease_count lease_done leases images_done\n"
        "  images_per_s silent_ms models_ready models_refused note\n"
        "job is null for a worker without a lease.\n"},
    {"models", NULL, BIT(JSON), idn_ctl_models, "models that the cluster knows",
        "JSON: an array of objects with the members\n"
        "  name digest batch workers path problem\n"
        "digest is null when there is a problem.\n"},
    {"datasets", NULL, BIT(JSON), idn_ctl_datasets, "data sets that the cluster knows",
        "JSON: an array of objects with the members\n"
        "  name digest images workers path problem\n"
        "digest is null when there is a problem.\n"},
    {"results", "ID", BIT(JSON) | BIT(FORMAT) | BIT(FAILED) | BIT(MISSING), idn_ctl_results,
        "results of a job so far, a line an image",
        "  --format csv|jsonl  (csv); --json is --format jsonl\n"
        "  --failed            only images that could not be classified\n"
        "  --missing           only the index of images that have no result\n"
        "CSV: index, status, then five times class, probability and, where the model's labels can\n"
        "be read here, label. JSON members: index status top, of which each: class probability "
        "label.\n\n"
        "The index is the image's line in the list, from 0. Status, when it is not ok:\n"
        "  missing      the worker has no such file    corrupt      cannot be decoded\n"
        "  unreadable   permission, or no plain file   changed      not as the list says\n"
        "  unsupported  neither JPEG nor PNG           not_finite   the network gave no numbers\n"
        "  too_large    over 64 MiB or 100 Mpixel      quarantined  killed its process thrice\n"},
    {"wait", "ID", BIT(JSON), idn_ctl_wait, "waits until a job has ended",
        "  --timeout SECONDS   gives up after that (exit status 1); without it waits for ever\n"
        "Exit status: 0 all images classified, 3 finished with failed images, 1 cancelled or\n"
        "still open. JSON members:\n" JOB_FIELDS},
    {"cancel", "ID", 0, idn_ctl_cancel, "ends a job early; its results are kept", ""},
    {"forget", "ID", 0, idn_ctl_forget, "removes a job that has ended, with its results", ""},
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_help(void)
{
    (void)printf("usage: idunno-ctl COMMAND [ID] [OPTION]...\n\n"
                 "Looks at an IDunno cluster and tells it what to do.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)printf("  %s %-*s %s\n", commands[i].name, (int)(11 - strlen(commands[i].name)),
            commands[i].operand == NULL ? "" : commands[i].operand, commands[i].summary);
    (void)fputs(
        "\n"
        "ID is a job's id, or at least its first 8 characters.\n\n"
        "  --json                for programs: JSON instead of a table\n"
        "  --broker HOST[:PORT]  where the cluster is; twice for its two brokers (configuration)\n"
        "  --config FILE         configuration (else $IDUNNO_CONFIG, ./idunno.conf,\n"
        "                        ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
        "  --timeout SECONDS     give up when no broker answers for so long; 0: never (10)\n"
        "  --help, --version     COMMAND --help says more about one command\n\n"
        "Exit status: 0 done, 1 failure, 2 wrong usage.\n",
        stdout);
}

static void print_command_help(const struct command *command)
{
    (void)printf("usage: idunno-ctl %s%s%s%s%s%s\n\n%c%s.\n%s%s", command->name,
        command->operand == NULL ? "" : " ", command->operand == NULL ? "" : command->operand,
        (command->options & BIT(JSON)) != 0 ? " [--json]" : "",
        (command->options & BIT(ALL)) != 0 ? " [--all]" : "",
        (command->options & BIT(FORMAT)) != 0 ? " [OPTION]..." : "",
        command->summary[0] - 'a' + 'A', command->summary + 1, command->help[0] == '\0' ? "" : "\n",
        command->help);
}

// ---- the command line

struct line {
    const struct command *command;
    const char *config, *broker[IDN_BROKERS_MAX];
    uint32_t brokers;
    unsigned given; // options
};

static int find_command(const char *name, struct line *line, struct idn_reason *reason)
{
    const char *names[COMMANDS], *nearest;

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, commands[i].name) == 0) {
            line->command = &commands[i];
            return 0;
        }
    }
    nearest = idn_nearest(name, names, COMMANDS);
    if (nearest == NULL)
        return idn_reason_set(
            reason, -EINVAL, "there is no command '%.100s'; --help lists them", name);
    return idn_reason_set(
        reason, -EINVAL, "there is no command '%.100s'; did you mean %s?", name, nearest);
}

static int take_operand(
    struct idn_ctl *ctl, struct line *line, const char *value, struct idn_reason *reason)
{
    if (line->command == NULL)
        return find_command(value, line, reason);
    if (line->command->operand == NULL || ctl->id != NULL)
        return idn_reason_set(reason, -EINVAL, "%s takes %s, '%.100s' is too much",
            line->command->name, line->command->operand == NULL ? "no operand" : "one job's id",
            value);
    ctl->id = value;
    return 0;
}

static int take_option(
    struct idn_ctl *ctl, struct line *line, int id, const char *value, struct idn_reason *reason)
{
    line->given |= BIT(id);
    switch (id) {
    case ALL:
        ctl->all = true;
        break;
    case BROKER:
        if (line->brokers == IDN_BROKERS_MAX)
            return idn_reason_set(
                reason, -EINVAL, "a cluster has at most %d brokers", (int)IDN_BROKERS_MAX);
        line->broker[line->brokers++] = value;
        break;
    case CONFIG:
        line->config = value;
        break;
    case FAILED:
        ctl->failed = true;
        break;
    case FORMAT:
        ctl->format = value;
        break;
    case JSON:
        ctl->json = true;
        break;
    case MISSING:
        ctl->missing = true;
        break;
    case TIMEOUT:
        return idn_program_seconds(value, &ctl->timeout_ms, reason);
    default:
        break;
    }
    return 0;
}

static int check(const struct idn_ctl *ctl, const struct line *line, struct idn_reason *reason)
{
    const unsigned everywhere = BIT(BROKER) | BIT(CONFIG) | BIT(HELP) | BIT(TIMEOUT) | BIT(VERSION);

    if (line->command == NULL)
        return idn_reason_set(reason, -EINVAL, "which command? --help lists them");
    for (const struct idn_option *option = option_table; option->name != NULL; option++)
        if ((line->given & BIT(option->id) & ~(everywhere | line->command->options)) != 0)
            return idn_reason_set(
                reason, -EINVAL, "%s takes no --%s", line->command->name, option->name);
    if (line->command->operand != NULL && ctl->id == NULL)
        return idn_reason_set(reason, -EINVAL,
            "which job? write %s ID; idunno-ctl jobs --all lists them", line->command->name);
    if (ctl->failed && ctl->missing)
        return idn_reason_set(
            reason, -EINVAL, "--failed and --missing exclude each other; give one of them");
    return 0;
}

static int parse(
    char **arguments, struct idn_ctl *ctl, struct line *line, struct idn_reason *reason)
{
    struct idn_arguments rest = {.item = arguments, .options = option_table};
    const struct idn_option *option;
    const char *value;
    int error;

    while ((error = idn_arguments_next(&rest, &option, &value, reason)) == 0) {
        error = option == NULL ? take_operand(ctl, line, value, reason)
                               : take_option(ctl, line, option->id, value, reason);
        if (error != 0)
            return error;
    }
    if (error < 0 || (line->given & (BIT(HELP) | BIT(VERSION))) != 0)
        return error < 0 ? error : 0;
    return check(ctl, line, reason);
}

// ---- a run

int idn_ctl_fail(struct idn_ctl *ctl, enum idunno_code code)
{
    int signal = code == IDUNNO_STOPPED ? idn_signals_take(ctl->signal_fd) : 0;

    return signal != 0 ? IDN_EXIT_SIGNAL + signal
                       : idn_program_fail_call(IDN_CTL, ctl->idunno, code);
}

void idn_ctl_line(const char *name, const char *format, ...)
{
    va_list arguments;

    (void)printf("%-10s ", name);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}

static void on_notice(void *context, enum idunno_notice notice, const char *sentence)
{
    (void)context;
    if (notice == IDUNNO_LOST)
        (void)fprintf(stderr, "%s\n", sentence);
}

static int run(struct idn_ctl *ctl, const struct command *command)
{
    const struct idn_cluster *cluster = &ctl->cluster;
    struct idunno_options options = {
        .brokers = {cluster->address[0], cluster->brokers > 1 ? cluster->address[1] : NULL},
        .timeout_ms = ctl->timeout_ms,
        .stop_fd = ctl->signal_fd,
        .on_notice = on_notice};
    enum idunno_code code = idunno_connect(&options, &ctl->idunno);

    return code == IDUNNO_OK ? command->run(ctl) : idn_ctl_fail(ctl, code);
}

static int print_and_end(const struct line *line)
{
    if ((line->given & BIT(VERSION)) != 0)
        (void)printf("%s %s\n", IDN_CTL, idunno_version());
    else if (line->command != NULL)
        print_command_help(line->command);
    else
        print_help();
    return idn_program_end(IDN_CTL, IDN_EXIT_OK);
}

int main(int argc, char **argv)
{
    struct idn_ctl ctl = {0};
    struct line line = {0};
    struct idn_reason reason;

    (void)argc;
    if (parse(argv + 1, &ctl, &line, &reason) != 0)
        return idn_program_usage(IDN_CTL, "%s", reason.text);
    if ((line.given & (BIT(HELP) | BIT(VERSION))) != 0)
        return print_and_end(&line);
    if (idn_cluster_open(line.config, &ctl.cluster, &reason) != 0)
        return idn_program_fail(IDN_CTL, "%s", reason.text);
    if (idn_cluster_use(&ctl.cluster, line.broker, line.brokers, &reason) != 0) {
        idn_cluster_close(&ctl.cluster);
        return idn_program_usage(IDN_CTL, "%s", reason.text);
    }
    ctl.signal_fd = idn_signals_open();
    int status = run(&ctl, line.command);
    idunno_close(&ctl.idunno);
    idn_cluster_close(&ctl.cluster);
    (void)close(ctl.signal_fd);
    return idn_program_end(IDN_CTL, status);
}
