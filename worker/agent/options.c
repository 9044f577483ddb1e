#include "worker/agent/options.h"

#include "base/text.h"
#include "proto/limits.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: idunno-worker [OPTION]...\n"
    "\n"
    "Computes what a broker leases to it, in an inference process of its own (idunno-infer) that\n"
    "may crash. Runs in the foreground; SIGTERM or SIGINT drains it: the images in work are\n"
    "finished and reported. A second signal ends it at once.\n"
    "\n"
    "  --config FILE     configuration (else $IDUNNO_CONFIG, ./idunno.conf,\n"
    "                    ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
    "  --instance N      for several workers on one host: the name is HOSTNAME/N (0)\n"
    "  --name NAME       the whole name, instead of worker/name\n"
    "  --engine NAME     onednn, darknet, or replay: computes nothing, made-up results after a\n"
    "                    stated time, for tests; instead of worker/engine\n"
    "  --threads N       compute threads, 0: the available cores; instead of worker/threads\n"
    "  --replay-us US    engine replay: microseconds an image; instead of worker/replay_us\n"
    "  --verbose         log more\n"
    "  --help-config     every key of the configuration file\n"
    "  --help, --version\n"
    "\n"
    "Environment: IDUNNO_INFER is the path of idunno-infer, when it is not beside this program.\n"
    "Exit status: 0 drained, 1 failure, 2 wrong usage.\n";

enum {
    OPTION_CONFIG = 256,
    OPTION_INSTANCE,
    OPTION_NAME,
    OPTION_ENGINE,
    OPTION_THREADS,
    OPTION_REPLAY_US,
    OPTION_VERBOSE,
    OPTION_HELP_CONFIG,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"instance", required_argument, NULL, OPTION_INSTANCE},
    {"name", required_argument, NULL, OPTION_NAME},
    {"engine", required_argument, NULL, OPTION_ENGINE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"replay-us", required_argument, NULL, OPTION_REPLAY_US},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help-config", no_argument, NULL, OPTION_HELP_CONFIG},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

void idn_worker_help(void)
{
    (void)fputs(help, stdout);
}

static int read_number(
    const char *option, uint64_t most, uint64_t *ret, bool *ret_given, struct idn_reason *reason)
{
    if (idn_parse_u64(optarg, most, ret) != 0)
        return idn_reason_set(reason, -EINVAL,
            "%s \"%.80s\" is not a whole number from 0 to %" PRIu64, option, optarg, most);
    *ret_given = true;
    return 0;
}

static int read_name(struct idn_worker_options *options, struct idn_reason *reason)
{
    if (!idn_name_is_valid(optarg, IDN_NAME_SIZE))
        return idn_reason_set(reason, -EINVAL,
            "--name \"%.80s\" is not 1 to %d printable ASCII characters without space or quotes",
            optarg, (int)IDN_NAME_SIZE - 1);
    options->name = optarg;
    return 0;
}

static int read_engine(struct idn_worker_options *options, struct idn_reason *reason)
{
    if (strcmp(optarg, "onednn") != 0 && strcmp(optarg, "darknet") != 0 &&
        strcmp(optarg, "replay") != 0)
        return idn_reason_set(
            reason, -EINVAL, "--engine is onednn, darknet or replay, not \"%.80s\"", optarg);
    options->engine = optarg;
    return 0;
}

static int read_option(int option, struct idn_worker_options *options, struct idn_reason *reason)
{
    switch (option) {
    case OPTION_CONFIG:
        options->config = optarg;
        return 0;
    case OPTION_INSTANCE:
        return read_number("--instance", 9999, &options->instance, &options->has_instance, reason);
    case OPTION_NAME:
        return read_name(options, reason);
    case OPTION_ENGINE:
        return read_engine(options, reason);
    case OPTION_THREADS:
        return read_number("--threads", IDN_SETTINGS_THREADS_MAX, &options->threads,
            &options->has_threads, reason);
    case OPTION_REPLAY_US:
        return read_number(
            "--replay-us", 60 * 1000 * 1000, &options->replay_us, &options->has_replay_us, reason);
    case OPTION_VERBOSE:
        options->verbose = true;
        return 0;
    case OPTION_HELP_CONFIG:
        options->help_config = true;
        return 0;
    case OPTION_HELP:
        options->help = true;
        return 0;
    default:
        options->version = true;
        return 0;
    }
}

int idn_worker_options_read(
    int argc, char **argv, struct idn_worker_options *ret, struct idn_reason *reason)
{
    struct idn_worker_options options = {0};
    int option, error = 0;

    opterr = 0;
    while (error == 0 && (option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == ':')
            return idn_reason_set(reason, -EINVAL, "option %s needs a value", argv[optind - 1]);
        if (option == '?')
            return idn_reason_set(reason, -EINVAL, "unknown option %s", argv[optind - 1]);
        error = read_option(option, &options, reason);
    }
    if (error < 0)
        return error;
    if (optind < argc)
        return idn_reason_set(reason, -EINVAL, "unexpected argument \"%.80s\"", argv[optind]);
    if (options.name != NULL && options.has_instance)
        return idn_reason_set(reason, -EINVAL, "--name is the whole name: leave --instance away");
    *ret = options;
    return 0;
}

void idn_worker_options_apply(
    const struct idn_worker_options *options, struct idn_settings *settings)
{
    if (options->engine != NULL)
        settings->worker_engine = options->engine;
    if (options->has_threads)
        settings->worker_threads = (uint32_t)options->threads;
    if (options->has_replay_us)
        settings->worker_replay_us = options->replay_us;
}

int idn_worker_options_name(const struct idn_worker_options *options,
    const struct idn_settings *settings, char ret[static IDN_NAME_SIZE], struct idn_reason *reason)
{
    char base[IDN_NAME_SIZE] = "";
    bool whole = options->name != NULL;

    if (whole)
        (void)snprintf(base, sizeof(base), "%s", options->name);
    else if (*settings->worker_name != '\0')
        (void)snprintf(base, sizeof(base), "%s", settings->worker_name);
    else if (gethostname(base, sizeof(base) - 1) != 0 || !idn_name_is_valid(base, sizeof(base)))
        (void)snprintf(base, sizeof(base), "worker");
    if (whole || (*settings->worker_name != '\0' && !options->has_instance)) {
        memcpy(ret, base, IDN_NAME_SIZE);
        return 0;
    }
    if (snprintf(ret, IDN_NAME_SIZE, "%s/%" PRIu64, base, options->instance) >= IDN_NAME_SIZE)
        return idn_reason_set(reason, -EINVAL,
            "the worker's name \"%s/%" PRIu64 "\" is longer than %d characters: give --name", base,
            options->instance, (int)IDN_NAME_SIZE - 1);
    return 0;
}
