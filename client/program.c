#include "client/program.h"

#include "base/assert.h"
#include "base/text.h"
#include "proto/messages.h"
#include "weights/registry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int idn_program_fail_call(const char *program, const struct idunno *idunno, enum idunno_code code)
{
    static const char *const mistakes[] = {
        "unknown_model", "unknown_dataset", "range", "too_large"};
    const char *refusal = idunno_refusal(idunno);
    bool mistake = code == IDUNNO_INVALID;

    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
        mistake |= strcmp(refusal, mistakes[i]) == 0;
    (void)idn_program_fail(program, "%s", idunno_error(idunno));
    return mistake ? IDN_EXIT_USAGE : IDN_EXIT_FAILURE;
}

int idn_program_seconds(const char *text, uint32_t *ret_ms, struct idn_reason *reason)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || text[strspn(text, "0123456789.")] != '\0' || *end != '\0' ||
        seconds > 4000000 || (seconds > 0 && seconds < 0.001))
        return idn_reason_set(
            reason, -EINVAL, "'%.100s' is not a number of seconds from 0 to 4000000", text);
    *ret_ms = seconds > 0 ? (uint32_t)(seconds * 1000) : UINT32_MAX;
    return 0;
}

// ---- the cluster

static int refuse_broker(const char *text, struct idn_reason *reason)
{
    return idn_reason_set(
        reason, -EINVAL, "'%.200s' is not a broker's address; write it as HOST or HOST:PORT", text);
}

static int read_broker(const char *text, uint32_t port, char address[static IDN_LINK_ADDRESS_SIZE],
    struct idn_reason *reason)
{
    const char *host = strncmp(text, "tcp://", 6) == 0 ? text + 6 : text;
    const char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    uint64_t number = port;
    size_t length = strlen(host);

    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        if (idn_parse_u64(colon + 1, 65535, &number) != 0 || number == 0)
            return refuse_broker(text, reason);
        length = (size_t)(colon - host);
    }
    if (length == 0 || length >= IDN_SETTINGS_HOST_SIZE || strpbrk(host, "/@;, ") != NULL ||
        (*host != '[' && memchr(host, ':', length) != NULL))
        return refuse_broker(text, reason);
    (void)snprintf(
        address, IDN_LINK_ADDRESS_SIZE, "tcp://%.*s:%u", (int)length, host, (unsigned)number);
    return 0;
}

int idn_cluster_use(struct idn_cluster *cluster, const char *const *brokers, uint32_t count,
    struct idn_reason *reason)
{
    int error = 0;

    if (count == 0)
        return 0;
    for (uint32_t i = 0; error == 0 && i < count; i++)
        error =
            read_broker(brokers[i], cluster->settings.port_clients, cluster->address[i], reason);
    cluster->brokers = count;
    return error;
}

int idn_cluster_open(const char *config, struct idn_cluster *ret, struct idn_reason *reason)
{
    struct idn_cluster cluster = {0};
    const char *hosts[IDN_BROKERS_MAX];
    uint32_t count = 0;

    int error = idn_settings_open(config, &cluster.config, &cluster.settings, reason);
    if (error == 0) {
        for (; count < IDN_BROKERS_MAX && cluster.settings.host[count][0] != '\0'; count++)
            hosts[count] = cluster.settings.host[count];
        error = idn_cluster_use(&cluster, hosts, count, reason);
    }
    if (error != 0)
        idn_cluster_close(&cluster);
    else
        *ret = cluster;
    return error;
}

void idn_cluster_close(struct idn_cluster *cluster)
{
    idn_config_destroy(&cluster->config);
}

struct idn_labels *idn_cluster_labels(const struct idn_cluster *cluster, const char *model)
{
    struct idn_registry *registry = NULL;
    struct idn_labels *labels = NULL;
    struct idn_reason reason;

    if (idn_registry_new(cluster->config, &registry, &reason) != 0)
        return NULL;
    const struct idn_model *found = idn_registry_model(registry, model);
    if (found == NULL || found->labels[0] == '\0' || idn_labels_open(found->labels, &labels) != 0)
        labels = NULL;
    idn_registry_destroy(&registry);
    return labels;
}

// ---- signals

int idn_signals_open(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        (void)sigaddset(&set, signals[i]);
    (void)signal(SIGPIPE, SIG_IGN);
    int error = sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    IDN_ASSERT(error == 0 && fd > 0);
    return fd;
}

int idn_signals_take(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

bool idn_signals_wait(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) > 0;
}

// ---- jobs

uint64_t idn_job_images(const struct idunno_info *info)
{
    return (uint64_t)info->last - info->first + 1;
}

uint64_t idn_job_failed(const struct idunno_info *info)
{
    return (uint64_t)info->failed + info->quarantined;
}

double idn_job_rate(const struct idunno_info *info)
{
    uint64_t done = info->ok + idn_job_failed(info);

    return info->elapsed_ms == 0 ? 0 : (double)done * 1000.0 / (double)info->elapsed_ms;
}

uint64_t idn_job_left_ms(const struct idunno_info *info)
{
    enum { TOO_EARLY_MS = 1000 };
    uint64_t left = (uint64_t)info->pending + info->in_flight;

    if (info->why[0] != '\0' && info->in_flight == 0)
        return 0; // its rate is of a time that is over
    if (info->state != IDUNNO_OPEN || !(info->images_per_s > 0) || info->elapsed_ms < TOO_EARLY_MS)
        return 0;
    double ms = (double)left / info->images_per_s * 1000.0;
    return ms < 1e15 ? (uint64_t)ms : 0;
}

const char *idn_job_state_text(const struct idunno_info *info)
{
    const char *name = idn_job_state_name((unsigned)info->state);

    return name == NULL ? "unknown" : name;
}

int idn_job_exit(const struct idunno_info *info)
{
    if (info->state != IDUNNO_FINISHED)
        return IDN_EXIT_FAILURE;
    return idn_job_failed(info) > 0 ? IDN_EXIT_FAILED_IMAGES : IDN_EXIT_OK;
}

void idn_job_json(struct idn_json *json, const struct idunno_info *info)
{
    idn_json_string(json, "job", info->job.id);
    idn_json_string(json, "state", idn_job_state_text(info));
    idn_json_string(json, "model", info->model);
    idn_json_string(json, "dataset", info->dataset[0] == '\0' ? NULL : info->dataset);
    idn_json_string(json, "client", info->client);
    idn_json_u64(json, "first", info->first);
    idn_json_u64(json, "last", info->last);
    idn_json_u64(json, "images", idn_job_images(info));
    idn_json_u64(json, "ok", info->ok);
    idn_json_u64(json, "failed", idn_job_failed(info));
    idn_json_u64(json, "quarantined", info->quarantined);
    idn_json_u64(json, "in_flight", info->in_flight);
    idn_json_u64(json, "pending", info->pending);
    idn_json_u64(json, "weight", info->weight);
    idn_json_u64(json, "batch", info->batch);
    idn_json_u64(json, "workers", info->workers);
    idn_json_u64(json, "conflicts", info->conflicts);
    idn_json_u64(json, "created_ms", info->created_ms);
    idn_json_u64(json, "finished_ms", info->finished_ms);
    idn_json_u64(json, "elapsed_ms", info->elapsed_ms);
    idn_json_double(json, "images_per_s", info->images_per_s);
    idn_json_double(json, "images_per_s_mean", idn_job_rate(info));
    idn_json_u64(json, "compute_us", info->compute_us);
    idn_json_string(json, "digest", info->digest);
    idn_json_string(json, "why", info->why);
    if (info->left_ms > 0)
        idn_json_u64(json, "left_ms", info->left_ms);
    else
        idn_json_null(json, "left_ms");
}
