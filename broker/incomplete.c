#include "broker/incomplete.h"

#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void path_of(const char *directory, char ret[static IDN_PATH_SIZE])
{
    (void)snprintf(ret, IDN_PATH_SIZE, "%s/incomplete", directory);
}

// 0 or -errno.
static int write_mark(const char *path)
{
    static const char text[] = "Facts may be missing here that the other broker has.\n"
                               "idunno-broker removes this file when it has them all.\n";
    IDN_CLEANUP(idn_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    if (write(fd, text, sizeof(text) - 1) < 0 || fsync(fd) != 0)
        return -errno;
    return 0;
}

static int sync_directory(const char *directory)
{
    IDN_CLEANUP(idn_closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) != 0 ? -errno : 0;
}

int idn_incomplete_begin(const char *directory, struct idn_reason *reason)
{
    char path[IDN_PATH_SIZE];

    path_of(directory, path);
    int error = write_mark(path);
    if (error == 0)
        error = sync_directory(directory);
    return error == 0
               ? 0
               : idn_reason_set(reason, error, "cannot write %.300s: %s", path, strerror(-error));
}

bool idn_incomplete_is(const char *directory)
{
    char path[IDN_PATH_SIZE];

    path_of(directory, path);
    return access(path, F_OK) == 0;
}

void idn_incomplete_end(const char *directory)
{
    char path[IDN_PATH_SIZE];

    path_of(directory, path);
    (void)unlink(path);
}
