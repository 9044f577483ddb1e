// idunno-worker: computes what a broker leases to it. This file: configuration, the order of a
// start and of an end.
#include "base/assert.h"
#include "base/cgroup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "worker/agent/loop.h"
#include "worker/agent/offer.h"
#include "worker/agent/options.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define IDN_WORKER "idunno-worker"

enum { GOODBYE_MS = 200 }; // for the last message to leave

// Everything a run owns, released in worker_close.
struct worker {
    struct idn_config *config;
    struct idn_settings settings;
    char name[IDN_NAME_SIZE];
    struct idn_registry *registry;
    struct idn_offer offer;
    struct idn_child child;
    struct idn_lists *lists;
    struct idn_feed *feed;
    struct idn_agent *agent;
    struct idn_codec *codec;
    struct idn_links links;
    uint64_t nonce;
    int signal_fd;
};

static int read_configuration(
    const struct idn_worker_options *options, struct worker *worker, struct idn_reason *reason)
{
    int error = idn_settings_open(options->config, &worker->config, &worker->settings, reason);

    if (error < 0)
        return error;
    idn_worker_options_apply(options, &worker->settings);
    error = idn_worker_options_name(options, &worker->settings, worker->name, reason);
    if (error == 0)
        error = idn_registry_new(worker->config, &worker->registry, reason);
    return error;
}

static void begin_log(const struct idn_worker_options *options, const struct worker *worker)
{
    char role[IDN_NAME_SIZE + 16];

    (void)snprintf(role, sizeof(role), "worker %s", worker->name);
    idn_log_init(role, options->verbose ? IDN_LOG_DEBUG : IDN_LOG_INFO);
}

static bool is_replay(const struct worker *worker)
{
    return strcmp(worker->settings.worker_engine, "replay") == 0;
}

static void tell_offer(const struct idn_registry *registry, const struct idn_offer *offer)
{
    char unasked[IDN_TEXT_SIZE];

    idn_registry_unasked(registry, unasked);
    if (*unasked != '\0')
        idn_info("built-in models without weights: %s", unasked);
    for (uint32_t i = 0; i < registry->models; i++) {
        const struct idn_model *model = &registry->model[i];
        if (!idn_offer_has_model(offer, model->name) && !idn_model_is_unasked(model))
            idn_warning("model %s is not offered: %s", model->name, model->problem);
    }
    for (uint32_t i = 0; i < registry->datasets; i++)
        if (registry->dataset[i].problem[0] != '\0')
            idn_warning("data set %s is not offered: %s", registry->dataset[i].name,
                registry->dataset[i].problem);
}

static int make_offer(struct worker *worker, struct idn_reason *reason)
{
    idn_registry_inspect(worker->registry);
    idn_offer_make(worker->registry, !is_replay(worker), &worker->offer);
    tell_offer(worker->registry, &worker->offer);
    if (worker->offer.models_usable > 0)
        return 0;
    return idn_reason_set(reason, -ENOENT,
        "no model of %s can be used here (see above): get its weights with idunno-weights, or "
        "declare another model",
        idn_config_file(worker->config));
}

static int open_signals(struct worker *worker, struct idn_reason *reason)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGCHLD);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return idn_reason_set(reason, -errno, "cannot block signals: %s", strerror(errno));
    worker->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (worker->signal_fd < 0)
        return idn_reason_set(reason, -errno, "cannot make a signalfd: %s", strerror(errno));
    return 0;
}

// Half of what there is for us, unless told; the replay engine loads nothing.
static uint64_t memory_for_models(const struct worker *worker)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    struct idn_cgroup_limits limits;

    if (is_replay(worker))
        return 0;
    if (worker->settings.worker_memory > 0 || pages <= 0 || page <= 0)
        return worker->settings.worker_memory;
    idn_cgroup_read(IDN_CGROUP_GROUPS, IDN_CGROUP_MOUNT, &limits);
    uint64_t memory = (uint64_t)pages * (uint64_t)page;
    return (limits.memory < memory ? limits.memory : memory) / 2;
}

// Jobs whose models do not fit beside each other make each other's be loaded again and again.
static void tell_memory(const struct worker *worker, uint64_t memory_bytes)
{
    uint64_t wanted = 0;

    for (uint32_t i = 0; i < worker->offer.models; i++)
        wanted +=
            idn_feed_model_bytes(idn_registry_model(worker->registry, worker->offer.model[i].name));
    if (memory_bytes > 0 && wanted > memory_bytes)
        idn_warning("the models together take about %" PRIu64 " MiB, more than the %" PRIu64
                    " MiB of worker/memory: one that was not used for the longest time is unloaded "
                    "when another is needed; raise worker/memory, or offer fewer models",
            wanted >> 20, memory_bytes >> 20);
}

static void make_agent(struct worker *worker)
{
    struct idn_agent_config config = {.nonce = worker->nonce,
        .brokers = worker->settings.host[1][0] != '\0' ? 2 : 1,
        .models = worker->offer.models,
        .datasets = worker->offer.datasets,
        .model = worker->offer.model,
        .dataset = worker->offer.dataset};
    void *memory = calloc(1, idn_agent_bytes());

    IDN_ASSERT(memory != NULL);
    memcpy(config.name, worker->name, sizeof(config.name));
    worker->agent = idn_agent_init(memory, &config);
}

static int open_all(struct worker *worker, struct idn_reason *reason)
{
    struct idn_feed_config feed = {.registry = worker->registry,
        .child = &worker->child,
        .memory_bytes = memory_for_models(worker)};
    int error = idn_child_find(worker->child.config.program, reason);

    if (error == 0)
        error = open_signals(worker, reason);
    if (error == 0 &&
        getrandom(&worker->nonce, sizeof(worker->nonce), 0) != (ssize_t)sizeof(worker->nonce))
        error = idn_reason_set(reason, -EIO, "the kernel gives no random number");
    if (error == 0)
        error = idn_codec_new(&worker->codec);
    if (error == 0)
        error = idn_links_open(&worker->settings, &worker->links, reason);
    if (error < 0)
        return error;
    worker->child.config.engine = worker->settings.worker_engine;
    worker->child.config.algorithm = worker->settings.worker_algorithm;
    worker->child.config.decode = worker->settings.worker_decode;
    worker->child.config.threads = worker->settings.worker_threads;
    worker->child.config.replay_us = worker->settings.worker_replay_us;
    idn_lists_new(worker->registry, &worker->lists);
    feed.lists = worker->lists;
    tell_memory(worker, feed.memory_bytes);
    idn_feed_new(&feed, &worker->feed);
    make_agent(worker);
    return 0;
}

static void worker_close(struct worker *worker, int status)
{
    idn_child_fini(&worker->child);
    idn_links_close(&worker->links, status == 0 ? GOODBYE_MS : 0);
    idn_codec_destroy(&worker->codec);
    idn_feed_destroy(&worker->feed);
    idn_lists_destroy(&worker->lists);
    free(worker->agent);
    idn_registry_destroy(&worker->registry);
    idn_config_destroy(&worker->config);
    if (worker->signal_fd >= 0)
        (void)close(worker->signal_fd);
}

static void tell_end(const struct worker *worker)
{
    struct idn_agent_view view;

    idn_agent_look(worker->agent, &view);
    if (view.reports == 0)
        idn_info("drained: %" PRIu64 " images computed", view.images_done);
    else
        idn_warning("drained: %" PRIu64 " images computed; the last %" PRIu32
                    " reports were not acknowledged, their images will be computed again",
            view.images_done, view.reports);
}

static int serve(struct worker *worker)
{
    struct idn_loop loop = {.settings = &worker->settings,
        .nonce = worker->nonce,
        .agent = worker->agent,
        .codec = worker->codec,
        .links = &worker->links,
        .child = &worker->child,
        .feed = worker->feed,
        .lists = worker->lists,
        .signal_fd = worker->signal_fd};

    idn_info("ready: engine %s, %" PRIu32 " models, %" PRIu32
             " data sets; calling the broker at %s%s%s",
        worker->settings.worker_engine, worker->offer.models_usable, worker->offer.datasets_usable,
        worker->settings.host[0], worker->settings.host[1][0] != '\0' ? " and " : "",
        worker->settings.host[1]);
    idn_notify("READY=1");
    int status = idn_loop_run(&loop);
    idn_notify("STOPPING=1");
    if (status == 0)
        tell_end(worker);
    return status;
}

static int run(const struct idn_worker_options *options, struct worker *worker)
{
    struct idn_reason reason = {""};
    int error = read_configuration(options, worker, &reason);

    if (error == 0) {
        begin_log(options, worker);
        error = make_offer(worker, &reason);
    }
    if (error == 0)
        error = open_all(worker, &reason);
    if (error == 0)
        return serve(worker);
    return idn_program_fail(IDN_WORKER, "%s", reason.text);
}

int main(int argc, char **argv)
{
    struct idn_worker_options options;
    struct idn_reason reason = {""};

    if (idn_worker_options_read(argc, argv, &options, &reason) != 0)
        return idn_program_usage(IDN_WORKER, "%s; see idunno-worker --help", reason.text);
    if (options.help)
        idn_worker_help();
    else if (options.help_config)
        idn_settings_print_help();
    else if (options.version)
        (void)puts(IDN_WORKER " " IDN_VERSION);
    if (options.help || options.help_config || options.version)
        return EXIT_SUCCESS;
    struct worker *worker = calloc(1, sizeof(*worker));
    IDN_ASSERT(worker != NULL);
    worker->signal_fd = worker->child.socket = -1;
    int status = run(&options, worker);
    worker_close(worker, status);
    free(worker);
    return status;
}
