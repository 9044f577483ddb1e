#include "worker/infer/source.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_regular(const char *path, int *ret_fd, size_t *ret_size)
{
    // O_NONBLOCK: opening a FIFO or a device must not wait; on a regular file it changes nothing.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat stat;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? IDN_STATUS_MISSING : IDN_STATUS_UNREADABLE;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size < 0) {
        (void)close(fd);
        return IDN_STATUS_UNREADABLE;
    }
    *ret_fd = fd;
    *ret_size = (size_t)stat.st_size;
    return 0;
}

// There is room for a byte more: a file that has it, or ends earlier, is being written.
static int read_all(int fd, uint8_t *bytes, size_t size)
{
    size_t used = 0;

    while (used <= size) {
        ssize_t got = read(fd, bytes + used, size + 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return IDN_STATUS_UNREADABLE;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return used == size ? 0 : IDN_STATUS_CHANGED;
}

static bool is_as_stated(const struct idn_child_image *image, const uint8_t *bytes, size_t size)
{
    struct idn_sha256 digest;

    if (!image->has_digest)
        return true;
    idn_sha256_of(bytes, size, &digest);
    return idn_sha256_equal(&digest, &image->digest);
}

int idn_source_read(const struct idn_child_image *image, uint8_t **ret_bytes, size_t *ret_size)
{
    IDN_CLEANUP(idn_closep) int fd = -1;
    size_t size;
    int status = open_regular(image->path, &fd, &size);

    if (status != 0)
        return status;
    if (image->size != 0 && image->size != size)
        return IDN_STATUS_CHANGED;
    if (size > IDN_SOURCE_BYTES_MAX)
        return IDN_STATUS_TOO_LARGE;
    uint8_t *bytes = malloc(size + 1);
    IDN_ASSERT(bytes != NULL);
    status = read_all(fd, bytes, size);
    if (status == 0 && !is_as_stated(image, bytes, size))
        status = IDN_STATUS_CHANGED;
    if (status != 0) {
        free(bytes);
        return status;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

void idn_source_announce(const struct idn_child_image *image)
{
    IDN_CLEANUP(idn_closep) int fd = -1;
    size_t size;

    if (open_regular(image->path, &fd, &size) == 0 && size <= IDN_SOURCE_BYTES_MAX)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}
