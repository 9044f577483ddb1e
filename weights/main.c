// idunno-weights: check, make up or fetch the .weights files of the configured models.
#include "base/settings.h"
#include "base/text.h"
#include "weights/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: idunno-weights [--config FILE] COMMAND\n"
    "\n"
    "  check [MODEL ...] [--json]   are the weights there, of the size the network needs, and "
    "what\n"
    "                               the configuration states? Exit status 1 when one is not.\n"
    "  synth MODEL [--seed N] [--output FILE]\n"
    "  synth --cfg FILE --output FILE [--seed N]\n"
    "                               makes weights up (the same for a seed everywhere): they run "
    "as\n"
    "                               trained ones do, but what they answer means nothing\n"
    "  fetch MODEL [--timeout SECONDS] [--output FILE]\n"
    "                               from the url of the configuration; size and SHA-256 must be "
    "right\n"
    "\n"
    "  --config FILE   the configuration (default: $IDUNNO_CONFIG, ./idunno.conf,\n"
    "                  ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 failure, 2 wrong usage.\n";

enum { FOR_CHECK = 1, FOR_SYNTH = 2, FOR_FETCH = 4 };

static const struct command {
    const char *name;
    unsigned bit;
    int (*run)(const struct idn_weights_options *options, struct idn_registry *registry);
} commands[] = {
    {"check", FOR_CHECK, idn_weights_check},
    {"synth", FOR_SYNTH, idn_weights_synth},
    {"fetch", FOR_FETCH, idn_weights_fetch},
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"cfg", required_argument, NULL, 'f'},
    {"output", required_argument, NULL, 'o'},
    {"seed", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, 't'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

// Which commands each option is for.
static unsigned commands_of(int option)
{
    switch (option) {
    case 'f':
    case 's':
        return FOR_SYNTH;
    case 'o':
        return FOR_SYNTH | FOR_FETCH;
    case 't':
        return FOR_FETCH;
    case 'j':
        return FOR_CHECK;
    default:
        return FOR_CHECK | FOR_SYNTH | FOR_FETCH;
    }
}

static void take_option(struct idn_weights_options *options, int found, const char *value)
{
    if (found == 'c')
        options->config = value;
    else if (found == 'f')
        options->cfg = value;
    else if (found == 'o')
        options->output = value;
    else if (found == 's')
        options->seed = value;
    else if (found == 't')
        options->timeout = value;
    else if (found == 'j')
        options->json = true;
}

static int run(const struct command *command, const struct idn_weights_options *options)
{
    struct idn_config *config = NULL;
    struct idn_registry *registry = NULL;
    struct idn_settings settings;
    struct idn_reason reason = {""};

    int error = idn_settings_open(options->config, &config, &settings, &reason);
    if (error == 0)
        error = idn_registry_new(config, &registry, &reason);
    int status = error == 0 ? command->run(options, registry)
                            : idn_program_fail(IDN_WEIGHTS, "%s", reason.text);
    idn_registry_destroy(&registry);
    idn_config_destroy(&config);
    return status;
}

static int run_named(const char *name, unsigned wanted, const struct idn_weights_options *options)
{
    const char *names[COMMANDS];

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, commands[i].name) != 0)
            continue;
        if ((wanted & commands[i].bit) == 0)
            return idn_program_usage(
                IDN_WEIGHTS, "an option given is not for %s; see idunno-weights --help", name);
        return run(&commands[i], options);
    }
    const char *nearest = idn_nearest(name, names, COMMANDS);
    return idn_program_usage(IDN_WEIGHTS,
        "unknown command '%s'%s%s; known are check, synth "
        "and fetch",
        name, nearest == NULL ? "" : ", nearest is ", nearest == NULL ? "" : nearest);
}

int main(int argc, char **argv)
{
    struct idn_weights_options options = {0};
    unsigned wanted = FOR_CHECK | FOR_SYNTH | FOR_FETCH;
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (found == '?' || found == ':')
            return idn_program_bad_option(IDN_WEIGHTS, found, argv[optind - 1], long_options);
        if (found == 'h' || found == 'V') {
            (void)printf("%s", found == 'h' ? help : "idunno-weights " IDN_VERSION "\n");
            return idn_program_end(IDN_WEIGHTS, IDN_EXIT_OK);
        }
        wanted &= commands_of(found);
        take_option(&options, found, optarg);
    }
    if (optind == argc)
        return idn_program_usage(
            IDN_WEIGHTS, "a command is missing: check, synth or fetch; see --help");
    options.operand = argv + optind + 1;
    options.operands = argc - optind - 1;
    return idn_program_end(IDN_WEIGHTS, run_named(argv[optind], wanted, &options));
}
