// idunno-ctl: looks at a cluster and tells it what to do. This file: the command line, and a run;
// the commands themselves are in ctl_commands.c.
#include "client/ctl.h"

#include "client/ctl_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ---- the command line

#define BIT(option) IDN_CTL_BIT(IDN_CTL_##option)

struct line {
    const struct idn_ctl_command *command;
    const char *group; // the first word of a command of two
    const char *config, *broker[IDN_BROKERS_MAX];
    uint32_t brokers;
    unsigned given; // options
};

static int take_operand(
    struct idn_ctl *ctl, struct line *line, const char *value, struct idn_reason *reason)
{
    if (line->command == NULL) {
        int error = idn_ctl_find(line->group, value, &line->command, reason);
        line->group = value;
        return error;
    }
    const char *wanted = line->command->operand;
    const char **place = wanted == NULL                                      ? NULL
                         : ctl->id == NULL                                   ? &ctl->id
                         : ctl->value == NULL && strchr(wanted, ' ') != NULL ? &ctl->value
                                                                             : NULL;
    if (place == NULL)
        return idn_reason_set(reason, -EINVAL, "%s takes %s%s: '%.100s' is too much",
            line->command->name, wanted == NULL ? "no operand" : "only ",
            wanted == NULL ? "" : wanted, value);
    *place = value;
    return 0;
}

static int take_option(
    struct idn_ctl *ctl, struct line *line, int id, const char *value, struct idn_reason *reason)
{
    line->given |= IDN_CTL_BIT(id);
    switch (id) {
    case IDN_CTL_ALL:
        ctl->all = true;
        break;
    case IDN_CTL_BROKER:
        if (line->brokers == IDN_BROKERS_MAX)
            return idn_reason_set(
                reason, -EINVAL, "a cluster has at most %d brokers", (int)IDN_BROKERS_MAX);
        line->broker[line->brokers++] = value;
        break;
    case IDN_CTL_CONFIG:
        line->config = value;
        break;
    case IDN_CTL_FAILED:
        ctl->failed = true;
        break;
    case IDN_CTL_FORMAT:
        ctl->format = value;
        break;
    case IDN_CTL_JSON:
        ctl->json = true;
        break;
    case IDN_CTL_LIST:
        ctl->list = value;
        break;
    case IDN_CTL_MISSING:
        ctl->missing = true;
        break;
    case IDN_CTL_QUARANTINED:
        ctl->quarantined = true;
        break;
    case IDN_CTL_TIMEOUT:
        return idn_program_seconds(value, &ctl->timeout_ms, reason);
    default:
        break;
    }
    return 0;
}

static int check_options(
    const struct idn_ctl *ctl, const struct line *line, struct idn_reason *reason)
{
    const unsigned everywhere = BIT(BROKER) | BIT(CONFIG) | BIT(HELP) | BIT(TIMEOUT) | BIT(VERSION);
    const char *which[] = {ctl->failed ? "--failed" : NULL, ctl->missing ? "--missing" : NULL,
        ctl->quarantined ? "--quarantined" : NULL};
    const char *before = NULL;

    for (const struct idn_option *option = idn_ctl_options; option->name != NULL; option++)
        if ((line->given & IDN_CTL_BIT(option->id) & ~(everywhere | line->command->options)) != 0)
            return idn_reason_set(
                reason, -EINVAL, "%s takes no --%s", line->command->name, option->name);
    for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++) {
        if (which[i] != NULL && before != NULL)
            return idn_reason_set(reason, -EINVAL, "%s and %s exclude each other; give one of them",
                before, which[i]);
        before = which[i] != NULL ? which[i] : before;
    }
    return 0;
}

static int check_operands(
    const struct idn_ctl *ctl, const struct idn_ctl_command *command, struct idn_reason *reason)
{
    static const struct {
        const char *operand, *what, *listing;
    } kinds[] = {
        {"MODEL", "model", "models"}, {"WORKER", "worker", "workers"}, {"ID", "job", "jobs --all"}};
    const char *wanted = command->operand, *second = wanted == NULL ? NULL : strchr(wanted, ' ');
    size_t kind = 0;

    if (wanted == NULL || wanted[0] == '[')
        return 0;
    while (strncmp(wanted, kinds[kind].operand, strlen(kinds[kind].operand)) != 0)
        kind++;
    if (ctl->id == NULL)
        return idn_reason_set(reason, -EINVAL, "which %s? write %s %s; idunno-ctl %s lists them",
            kinds[kind].what, command->name, wanted, kinds[kind].listing);
    if (second != NULL && second[1] != '[' && ctl->value == NULL)
        return idn_reason_set(
            reason, -EINVAL, "which %s? write %s %s", command->name, command->name, wanted);
    return 0;
}

static int check(const struct idn_ctl *ctl, const struct line *line, struct idn_reason *reason)
{
    char group[200];

    if (line->command == NULL && line->group != NULL) {
        idn_ctl_list_group(line->group, group, sizeof(group));
        return idn_reason_set(reason, -EINVAL, "%.100s what? There is: %s", line->group, group);
    }
    if (line->command == NULL)
        return idn_reason_set(reason, -EINVAL, "which command? --help lists them");
    int error = check_operands(ctl, line->command, reason);
    return error != 0 ? error : check_options(ctl, line, reason);
}

static int parse(
    char **arguments, struct idn_ctl *ctl, struct line *line, struct idn_reason *reason)
{
    struct idn_arguments rest = {.item = arguments, .options = idn_ctl_options};
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

static void on_notice(void *context, enum idunno_notice notice, const char *sentence)
{
    (void)context;
    if (notice != IDUNNO_BACK)
        (void)fprintf(stderr, "%s\n", sentence);
}

static int run(struct idn_ctl *ctl, const struct idn_ctl_command *command)
{
    const struct idn_cluster *cluster = &ctl->cluster;
    struct idunno_options options = {
        .brokers = {cluster->address[0], cluster->brokers > 1 ? cluster->address[1] : NULL},
        .timeout_ms = ctl->timeout_ms,
        .stop_fd = ctl->signal_fd,
        .on_notice = on_notice};

    if (command->one_by_one)
        return command->run(ctl);
    enum idunno_code code = idunno_connect(&options, &ctl->idunno);

    return code == IDUNNO_OK ? command->run(ctl) : idn_ctl_fail(ctl, code);
}

static int print_and_end(const struct line *line)
{
    if ((line->given & BIT(VERSION)) != 0)
        (void)printf("%s %s\n", IDN_CTL, idunno_version());
    else if (line->command != NULL)
        idn_ctl_print_command_help(line->command);
    else if (line->group != NULL)
        idn_ctl_print_group_help(line->group);
    else
        idn_ctl_print_help();
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
