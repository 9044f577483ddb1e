// The size of a .weights file, and whether a file has it.
#include "weights/cfg.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 20, OLD_HEADER_BYTES = 16 };

static uint64_t floats(const struct idn_cfg *cfg)
{
    uint64_t total = 0;

    for (size_t i = 0; i < cfg->layers; i++) {
        const struct idn_cfg_layer *layer = &cfg->layer[i];
        total += layer->biases + layer->weights;
        if (layer->batch_normalize)
            total += 3 * layer->biases;
    }
    return total;
}

uint64_t idn_cfg_weights_bytes(const struct idn_cfg *cfg)
{
    return HEADER_BYTES + sizeof(float) * floats(cfg);
}

// As load_weights_upto decides between a `seen` of 64 and of 32 bits.
static uint64_t header_bytes(const int32_t version[static 3])
{
    int64_t major = version[0], minor = version[1];
    return major * 10 + minor >= 2 && major < 1000 && minor < 1000 ? HEADER_BYTES
                                                                   : OLD_HEADER_BYTES;
}

int idn_cfg_check_weights(const struct idn_cfg *cfg, const char *weights, struct idn_reason *reason)
{
    struct stat status;
    int32_t version[3] = {0, 2, 0};
    IDN_CLEANUP(idn_closep) int fd = open(weights, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0)
        return idn_reason_set(
            reason, -errno, "cannot read the weights %s: %s", weights, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return idn_reason_set(reason, -EINVAL, "the weights %s are not a regular file", weights);
    ssize_t n = pread(fd, version, sizeof(version), 0);
    if (n < 0)
        return idn_reason_set(
            reason, -errno, "cannot read the weights %s: %s", weights, strerror(errno));
    if (n < (ssize_t)sizeof(version))
        version[1] = 2; // too short for a header: the sizes below tell

    uint64_t found = (uint64_t)status.st_size;
    uint64_t expected = header_bytes(version) + sizeof(float) * floats(cfg);
    if (found != expected)
        return idn_reason_set(reason, -EINVAL,
            "the weights %s have %" PRIu64 " bytes, but this network needs exactly %" PRIu64 ": %s",
            weights, found, expected,
            found < expected ? "the file is cut short or of another network"
                             : "the file is of another network");
    return 0;
}
