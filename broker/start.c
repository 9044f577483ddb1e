#include "broker/start.h"

#include "base/assert.h"
#include "broker/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

// Each connection of a worker takes two descriptors here (orders and beats), a client's one.
enum { FILES_MIN = 1024 };

int idn_start_raise_files(struct idn_reason *reason)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return idn_reason_set(
            reason, -errno, "cannot read the limit of open files: %s", strerror(errno));
    if (limit.rlim_max < FILES_MIN)
        return idn_reason_set(reason, -EMFILE,
            "the limit of open files is %" PRIu64
            ", at least %d are needed: raise it (LimitNOFILE= of the unit, or ulimit -Hn)",
            (uint64_t)limit.rlim_max, FILES_MIN);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return idn_reason_set(reason, -errno,
            "cannot raise the limit of open files to %" PRIu64 ": %s", (uint64_t)limit.rlim_max,
            strerror(errno));
    return 0;
}

int idn_start_signals(int *ret_fd, struct idn_reason *reason)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return idn_reason_set(reason, -errno, "cannot block signals: %s", strerror(errno));
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return idn_reason_set(reason, -errno, "cannot make a signalfd: %s", strerror(errno));
    *ret_fd = fd;
    return 0;
}

int idn_start_random(uint64_t *ret, struct idn_reason *reason)
{
    uint64_t value;

    if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
        return idn_reason_set(reason, -EIO, "the kernel gives no random number");
    *ret = value;
    return 0;
}

// "host/a"; a host name that is no name of ours leaves the letter alone.
static void name_broker(uint32_t letter, char name[static IDN_NAME_SIZE])
{
    char host[IDN_NAME_SIZE - 2] = "";

    if (gethostname(host, sizeof(host) - 1) != 0 || !idn_name_is_valid(host, sizeof(host)))
        (void)snprintf(name, IDN_NAME_SIZE, "%c", (char)letter);
    else
        (void)snprintf(name, IDN_NAME_SIZE, "%s/%c", host, (char)letter);
}

// The end of a path says more than its beginning.
static void shorten(const char *path, char text[static IDN_TEXT_SIZE])
{
    size_t length = strlen(path);

    if (length < IDN_TEXT_SIZE)
        memcpy(text, path, length + 1);
    else
        (void)snprintf(text, IDN_TEXT_SIZE, "...%s", path + length - (IDN_TEXT_SIZE - 4));
}

const char *idn_start_model_problem(const struct idn_model *model)
{
    return model->has_stated_digest && access(model->weights, F_OK) != 0 ? "" : model->problem;
}

static void copy_models(const struct idn_registry *registry, struct idn_core_model *to)
{
    for (uint32_t i = 0; i < registry->models; i++) {
        const struct idn_model *from = &registry->model[i];
        to[i] = (struct idn_core_model){
            .digest = from->digest, .batch = from->batch, .batch_built_in = !from->states_batch};
        memcpy(to[i].name, from->name, sizeof(to[i].name));
        (void)snprintf(to[i].problem, sizeof(to[i].problem), "%s", idn_start_model_problem(from));
        shorten(from->cfg, to[i].path);
    }
}

static void copy_datasets(const struct idn_registry *registry, struct idn_core_dataset *to)
{
    for (uint32_t i = 0; i < registry->datasets; i++) {
        const struct idn_dataset *from = &registry->dataset[i];
        to[i] = (struct idn_core_dataset){.digest = from->digest, .images = from->images};
        memcpy(to[i].name, from->name, sizeof(to[i].name));
        memcpy(to[i].problem, from->problem, sizeof(to[i].problem));
        shorten(from->list, to[i].path);
    }
}

static int map_core(const struct idn_core_config *config, struct idn_core **ret, size_t *ret_bytes,
    struct idn_reason *reason)
{
    size_t bytes = idn_core_bytes(config);
    void *memory = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return idn_reason_set(reason, -errno, "cannot map %zu MiB of memory for the core: %s",
            bytes >> 20, strerror(errno));
    *ret = idn_core_init(memory, config);
    *ret_bytes = bytes;
    return 0;
}

// One that is too long to be told is not told.
static void put_peer_address(const struct idn_settings *settings, char ret[static IDN_NAME_SIZE])
{
    const char *host = settings->host[settings->broker_letter == 'a' ? 1 : 0];

    if (*host == '\0' ||
        snprintf(ret, IDN_NAME_SIZE, "%s:%" PRIu32, host, settings->port_clients) >= IDN_NAME_SIZE)
        *ret = '\0';
}

int idn_start_core(const struct idn_settings *settings, const struct idn_registry *registry,
    struct idn_core **ret, size_t *ret_bytes, struct idn_reason *reason)
{
    struct idn_core_config config = {
        .letter = settings->broker_letter,
        .min_free_bytes = settings->broker_min_free,
        .has_peer = idn_settings_has_peer(settings),
        .mirror_required = settings->mirror_required,
        .tell = idn_journal_tell,
        .models = registry->models,
        .datasets = registry->datasets,
    };
    struct idn_core_model *models = calloc(registry->models + 1, sizeof(*models));
    struct idn_core_dataset *datasets = calloc(registry->datasets + 1, sizeof(*datasets));
    IDN_ASSERT(models != NULL && datasets != NULL);

    copy_models(registry, models);
    copy_datasets(registry, datasets);
    config.model = models;
    config.dataset = datasets;
    bool known = idn_policy_named(settings->broker_policy, &config.policy);
    IDN_ASSERT(known);
    name_broker(settings->broker_letter, config.broker);
    put_peer_address(settings, config.peer_address);
    int error = idn_start_random(&config.seed, reason);
    if (error == 0)
        error = map_core(&config, ret, ret_bytes, reason);
    free(models);
    free(datasets);
    return error;
}

void idn_start_core_free(struct idn_core *core, size_t bytes)
{
    if (core != NULL)
        (void)munmap(core, bytes);
}
