// idunno-broker: the coordinator of a cluster. This file: options, configuration, the order of a
// start and of an end.
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "broker/check.h"
#include "broker/incomplete.h"
#include "broker/loop.h"
#include "broker/start.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDN_BROKER "idunno-broker"

struct options {
    const char *config, *state, *policy;
    uint32_t letter; // 0: as the configuration says
    bool accept_lost_tail, check, verbose;
};

// Everything a run owns, released in broker_close.
struct broker {
    struct idn_config *config;
    struct idn_settings settings;
    struct idn_registry *registry;
    int signal_fd;
    struct idn_core *core;
    size_t core_bytes;
    struct idn_store *store;
    uint64_t facts;  // in it
    bool incomplete; // another broker may have facts that it lacks (broker/incomplete.h)
    struct idn_ports ports;
    struct idn_mirror_port mirror; // zeroed without a second broker
    struct idn_loop *loop;
};

static const char help[] =
    "usage: idunno-broker [OPTION]...\n"
    "\n"
    "The coordinator of an IDunno cluster: accepts queries, leases their images to workers, keeps\n"
    "every result. Runs in the foreground until SIGTERM or SIGINT.\n"
    "\n"
    "  --config FILE        configuration (else $IDUNNO_CONFIG, ./idunno.conf,\n"
    "                       ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
    "  --letter LETTER      a or b, instead of broker/letter: which broker of two this is\n"
    "  --state DIR          directory of the durable state, instead of broker/state\n"
    "  --policy NAME        fair-time, fifo or static, instead of broker/policy\n"
    "  --accept-lost-tail   go on although the store lost facts that it had committed\n"
    "  --check              check the configuration, the models and the data sets, and end; exit\n"
    "                       status 1 when no model can be used, or not all that is declared\n"
    "  --verbose            log more\n"
    "  --help-config        every key of the configuration file\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 failure, 2 wrong usage.\n";

enum { OPTION_HELP = 256, OPTION_VERSION, OPTION_HELP_CONFIG, OPTION_LOST_TAIL, OPTION_CHECK };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"letter", required_argument, NULL, 'l'},
    {"state", required_argument, NULL, 's'},
    {"policy", required_argument, NULL, 'p'},
    {"verbose", no_argument, NULL, 'v'},
    {"accept-lost-tail", no_argument, NULL, OPTION_LOST_TAIL},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"help", no_argument, NULL, OPTION_HELP},
    {"help-config", no_argument, NULL, OPTION_HELP_CONFIG},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

// -1: go on; otherwise the exit status.
static int print_and_end(int option)
{
    if (option == OPTION_HELP)
        (void)fputs(help, stdout);
    else if (option == OPTION_VERSION)
        (void)puts(IDN_BROKER " " IDN_VERSION);
    else if (option == OPTION_HELP_CONFIG)
        idn_settings_print_help();
    else
        return -1;
    return EXIT_SUCCESS;
}

static int set_option(int option, struct options *options)
{
    enum idn_policy policy;

    switch (option) {
    case 'c':
        options->config = optarg;
        return -1;
    case 'l':
        options->letter = (uint8_t)optarg[0];
        if (strcmp(optarg, "a") == 0 || strcmp(optarg, "b") == 0)
            return -1;
        return idn_program_usage(IDN_BROKER, "--letter is a or b, not %.80s", optarg);
    case 's':
        options->state = optarg;
        return *optarg == '\0' ? idn_program_usage(IDN_BROKER, "--state needs a directory") : -1;
    case 'p':
        options->policy = optarg;
        if (idn_policy_named(optarg, &policy))
            return -1;
        return idn_program_usage(
            IDN_BROKER, "--policy is fair-time, fifo or static, not %.80s", optarg);
    case 'v':
        options->verbose = true;
        return -1;
    case OPTION_LOST_TAIL:
        options->accept_lost_tail = true;
        return -1;
    case OPTION_CHECK:
        options->check = true;
        return -1;
    default:
        return print_and_end(option);
    }
}

// -1: run; otherwise the exit status.
static int read_options(int argc, char **argv, struct options *options)
{
    int status = -1;

    opterr = 0;
    while (status < 0) {
        int option = getopt_long(argc, argv, ":", long_options, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return idn_program_bad_option(IDN_BROKER, option, argv[optind - 1], long_options);
        status = set_option(option, options);
    }
    if (status < 0 && optind < argc)
        return idn_program_usage(
            IDN_BROKER, "unexpected argument %.80s; see idunno-broker --help", argv[optind]);
    return status;
}

// What is set aside keeps its name, so that a sound copy of it would never be asked for again.
static int refuse_lost_tail(const struct broker *broker, struct idn_reason *reason)
{
    return idn_reason_set(reason, -EINVAL,
        "%.100s: --accept-lost-tail is for a broker that is alone; cluster/b names a second one, "
        "which may have what is lost here: start without it; if that one is gone for good, take it "
        "out of the configuration first",
        idn_config_file(broker->config));
}

static int read_configuration(
    const struct options *options, struct broker *broker, struct idn_reason *reason)
{
    int error = idn_settings_open(options->config, &broker->config, &broker->settings, reason);

    if (error == 0 && options->letter != 0)
        error = idn_settings_set_letter(broker->config, options->letter, &broker->settings, reason);
    if (error == 0)
        error = idn_settings_check_bind(broker->config, &broker->settings, reason);
    if (error == 0)
        error = idn_registry_new(broker->config, &broker->registry, reason);
    if (error == 0 && options->accept_lost_tail && idn_settings_has_peer(&broker->settings))
        error = refuse_lost_tail(broker, reason);
    if (error < 0)
        return error;
    if (options->state != NULL)
        broker->settings.broker_state = options->state;
    if (options->policy != NULL)
        broker->settings.broker_policy = options->policy;
    return 0;
}

static void begin_log(const struct options *options, const struct broker *broker)
{
    char role[] = "broker ?";

    role[sizeof(role) - 2] = (char)broker->settings.broker_letter;
    idn_log_init(role, options->verbose ? IDN_LOG_DEBUG : IDN_LOG_INFO);
}

// Facts that another broker may have, or that the operator gave up.
static void tell_lost(const struct options *options, const struct broker *broker, uint64_t lost)
{
    char other = broker->settings.broker_letter == 'a' ? 'b' : 'a';

    if (options->accept_lost_tail)
        idn_warning("%" PRIu64 " facts that were stored are gone; going on without them, as "
                    "--accept-lost-tail says",
            lost);
    else
        idn_warning("%" PRIu64 " facts that were stored are gone from %s; broker %c is asked for "
                    "them first",
            lost, broker->settings.broker_state, other);
}

// Whether this broker must learn from the other one before it may reign, also after a kill.
static int mark_store(
    const struct idn_store_report *report, struct broker *broker, struct idn_reason *reason)
{
    const char *state = broker->settings.broker_state;
    bool lacks = report->facts == 0 || report->lost > 0;
    broker->incomplete = lacks || idn_incomplete_is(state);
    return lacks ? idn_incomplete_begin(state, reason) : 0;
}

static int open_store(
    const struct options *options, struct broker *broker, struct idn_reason *reason)
{
    struct idn_store_config config = {
        .directory = broker->settings.broker_state,
        .accept_lost_tail = options->accept_lost_tail,
        .has_peer = idn_settings_has_peer(&broker->settings),
        .letter = broker->settings.broker_letter,
    };
    struct idn_store_report report = {0};
    int error = idn_store_open(&config, &broker->store, &report, reason);

    if (error < 0)
        return error;
    if (report.lost > 0)
        tell_lost(options, broker, report.lost);
    idn_debug("store %s: %" PRIu64 " facts, %" PRIu64 " verified", config.directory, report.facts,
        report.verified);
    broker->facts = report.facts;
    return config.has_peer ? mark_store(&report, broker, reason) : 0;
}

// The ports come before the store: a second broker started by mistake is told so at once.
static int open_all(const struct options *options, struct broker *broker, struct idn_reason *reason)
{
    int error = idn_start_core(
        &broker->settings, broker->registry, &broker->core, &broker->core_bytes, reason);

    if (error == 0)
        error = idn_ports_open(&broker->settings, &broker->ports, reason);
    if (error == 0 && idn_settings_has_peer(&broker->settings))
        error =
            idn_mirror_port_open(broker->ports.context, &broker->settings, &broker->mirror, reason);
    if (error == 0)
        error = open_store(options, broker, reason);
    if (error < 0)
        return error;
    struct idn_loop_config config = {
        .core = broker->core,
        .store = broker->store,
        .ports = &broker->ports,
        .mirror = idn_settings_has_peer(&broker->settings) ? &broker->mirror : NULL,
        .signal_fd = broker->signal_fd,
        .state = broker->settings.broker_state,
        .incomplete = broker->incomplete,
        .facts = broker->facts,
    };
    error = idn_loop_new(&config, &broker->loop);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot make the codec: %s", strerror(-error));
    idn_info("core needs at most %zu MiB", (broker->core_bytes + (1 << 20) - 1) >> 20);
    return 0;
}

static int restore_and_begin(struct broker *broker, struct idn_reason *reason)
{
    uint64_t incarnation = 0;
    int error = idn_store_restore(broker->store, idn_loop_step, broker->loop, reason);

    if (error == 0)
        error = idn_store_start(broker->store, reason);
    if (error == 0)
        error = idn_start_random(&incarnation, reason);
    if (error == 0)
        idn_loop_begin(broker->loop, incarnation);
    return error;
}

static const char *epoch_text(struct idn_epoch epoch, char text[static IDN_NAME_SIZE])
{
    if (epoch.counter == 0)
        return "no epoch yet";
    (void)snprintf(text, IDN_NAME_SIZE, "epoch %" PRIu64 "%c", epoch.counter, (char)epoch.broker);
    return text;
}

// What an operator who reads the first lines of a second broker's log wants to know.
static void tell_role(const struct idn_settings *settings, uint32_t role)
{
    char other = settings->broker_letter == 'a' ? 'b' : 'a';
    const char *host = settings->host[other - 'a'];

    if (role == IDN_ROLE_LEARNER)
        idn_info("learner: the store here is empty or has lost facts, so this broker never reigns "
                 "before it has heard broker %c at %s, or you say idunno-ctl bootstrap",
            other, host);
    else if (role == IDN_ROLE_STANDBY)
        idn_info(
            "standby: takes over when broker %c at %s is silent for its workers too", other, host);
}

static void tell_ready(const struct broker *broker)
{
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    static union idn_core_items items;
    struct idn_reply reply = {0};
    const uint32_t *port = broker->ports.number;
    char epoch[IDN_NAME_SIZE], mirror[32] = "";

    idn_core_answer(broker->core, broker->loop->now_ms, &request, &items, &reply);
    const struct idn_status_info *status = &reply.u.status;
    if (broker->mirror.context != NULL)
        (void)snprintf(mirror, sizeof(mirror), " %" PRIu32 " (mirror)", broker->mirror.number);
    idn_info("ready: %s, %s, %s ports %" PRIu32 " (clients) %" PRIu32 " (workers) %" PRIu32
             " %" PRIu32 " (beats)%s, state %s, policy %s, %" PRIu32 " jobs open of %" PRIu32
             " known, %" PRIu64 " images pending",
        idn_role_name(status->role), epoch_text(status->epoch, epoch), broker->settings.broker_bind,
        port[IDN_PORT_CLIENTS], port[IDN_PORT_WORKERS], port[IDN_PORT_BEATS_IN],
        port[IDN_PORT_BEATS_OUT], mirror, broker->settings.broker_state,
        broker->settings.broker_policy, status->jobs_open, status->jobs_known,
        status->images_pending);
    tell_role(&broker->settings, status->role);
}

static void broker_close(struct broker *broker)
{
    idn_loop_destroy(&broker->loop);
    idn_store_close(&broker->store);
    idn_mirror_port_close(&broker->mirror);
    idn_ports_close(&broker->ports);
    idn_start_core_free(broker->core, broker->core_bytes);
    idn_registry_destroy(&broker->registry);
    idn_config_destroy(&broker->config);
    if (broker->signal_fd >= 0)
        (void)close(broker->signal_fd);
}

static int serve(const struct options *options, struct broker *broker, struct idn_reason *reason)
{
    int error = open_all(options, broker, reason);

    if (error == 0)
        error = restore_and_begin(broker, reason);
    if (error < 0)
        return idn_program_fail(IDN_BROKER, "%s", reason->text);
    if (!broker->loop->stop) {
        tell_ready(broker);
        idn_notify("READY=1");
    }
    int status = idn_loop_run(broker->loop);
    idn_notify("STOPPING=1");
    // After a failure the store may hang, and nothing that it holds back was promised to anyone.
    if (status != 0)
        _exit(status);
    return status;
}

static int run(const struct options *options, struct broker *broker, struct idn_reason *reason)
{
    int error = read_configuration(options, broker, reason);

    if (error < 0)
        return idn_program_fail(IDN_BROKER, "%s", reason->text);
    begin_log(options, broker);
    idn_registry_inspect(broker->registry);
    if (options->check) {
        error = idn_check_print(
            &broker->settings, broker->registry, idn_config_file(broker->config), reason);
        return error < 0 ? idn_program_fail(IDN_BROKER, "%s", reason->text) : EXIT_SUCCESS;
    }
    idn_check_warn(&broker->settings, broker->registry);
    error = idn_ports_check_letter(&broker->settings, reason);
    if (error == 0)
        error = idn_start_raise_files(reason);
    if (error == 0)
        error = idn_start_signals(&broker->signal_fd, reason);
    return error < 0 ? idn_program_fail(IDN_BROKER, "%s", reason->text)
                     : serve(options, broker, reason);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct broker broker = {.signal_fd = -1};
    struct idn_reason reason = {0};
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    status = run(&options, &broker, &reason);
    broker_close(&broker);
    return status;
}
