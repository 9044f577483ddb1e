// A configuration file: every program's settings and the registry's declarations are read from it.
// What is accepted is within its bounds; what is refused is refused with a sentence.
#include "base/settings.h"
#include "tests/fuzz/fuzz.h"
#include "weights/registry.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_refusal(int error, const struct idn_reason *reason)
{
    IDN_ASSERT(error < 0);
    fuzz_check_reason(reason);
}

static void check_settings(const struct idn_config *config)
{
    struct idn_reason reason = {.text = ""};
    struct idn_settings settings;
    int error = idn_settings_read(config, &settings, &reason);

    if (error != 0) {
        check_refusal(error, &reason);
        return;
    }
    const uint32_t ports[] = {settings.port_clients, settings.port_workers, settings.port_beats_in,
        settings.port_beats_out, settings.port_mirror};
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
        IDN_ASSERT(ports[i] <= UINT16_MAX);
    IDN_ASSERT(settings.broker_letter == 'a' || settings.broker_letter == 'b');
    IDN_ASSERT(settings.broker_open || idn_host_is_loopback(settings.broker_bind));
    IDN_ASSERT(settings.host[0][0] != '\0' && settings.worker_name != NULL);
    for (uint32_t letter = 'a'; letter <= 'b'; letter++)
        if (idn_settings_set_letter(config, letter, &settings, &reason) == 0)
            IDN_ASSERT(settings.broker_letter == letter);
}

static void check_registry(const struct idn_config *config)
{
    struct idn_reason reason = {.text = ""};
    struct idn_registry *registry;
    int error = idn_registry_new(config, &registry, &reason);

    if (error != 0) {
        check_refusal(error, &reason);
        return;
    }
    IDN_ASSERT(registry->models <= IDN_MODELS_MAX && registry->datasets <= IDN_DATASETS_MAX);
    for (uint32_t i = 0; i < registry->models; i++) {
        IDN_ASSERT(strlen(registry->model[i].name) < IDN_NAME_SIZE);
        IDN_ASSERT(registry->model[i].batch >= 1 && registry->model[i].batch <= IDN_BATCH_MAX);
    }
    idn_registry_destroy(&registry);
}

// zconfig reports on stdout what it cannot read: whatever reaches it must be readable.
static void check_silence(void)
{
    static int said = -1;
    struct stat status;

    if (said < 0) {
        said = memfd_create("stdout", MFD_CLOEXEC);
        IDN_ASSERT(said >= 0 && dup2(said, STDOUT_FILENO) == STDOUT_FILENO);
    }
    (void)fflush(stdout);
    IDN_ASSERT(fstat(said, &status) == 0 && status.st_size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_silence();
    struct idn_reason reason = {.text = ""};
    struct idn_config *config;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    IDN_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int error = idn_config_load(path, idn_settings_keys, &config, &reason);
    (void)close(fd);
    check_silence();
    if (error != 0) {
        check_refusal(error, &reason);
        return 0;
    }
    check_settings(config);
    check_registry(config);
    idn_config_destroy(&config);
    return 0;
}
