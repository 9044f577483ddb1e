#include "weights/new_file.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// For the signal handler: the temporary file that is to go.
static char doomed[IDN_PATH_SIZE];
static volatile sig_atomic_t is_doomed;

static void remove_and_end(int number)
{
    if (is_doomed)
        (void)unlink(doomed);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void doom(const char *path)
{
    is_doomed = 0;
    if (path == NULL)
        return;
    (void)snprintf(doomed, sizeof(doomed), "%s", path);
    is_doomed = 1;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        struct sigaction action = {.sa_handler = remove_and_end}, before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) // nohup
            (void)sigaction(signals[i], &action, NULL);
    }
}

static void folder_of(const char *path, char ret[static IDN_PATH_SIZE])
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        (void)snprintf(ret, IDN_PATH_SIZE, ".");
    else
        (void)snprintf(ret, IDN_PATH_SIZE, "%.*s", (int)(slash - path) + 1, path);
}

static int refuse(const char *path, int error, struct idn_reason *reason)
{
    return idn_reason_set(reason, -error, "cannot write %s: %s", path, strerror(error));
}

int idn_new_file_open(const char *path, struct idn_new_file *ret, struct idn_reason *reason)
{
    char folder[IDN_PATH_SIZE];
    struct stat status;

    if (snprintf(ret->path, sizeof(ret->path), "%s", path) >= IDN_PATH_SIZE ||
        snprintf(ret->temporary, sizeof(ret->temporary), "%s.part-XXXXXX", path) >= IDN_PATH_SIZE)
        return refuse(path, ENAMETOOLONG, reason);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return idn_reason_set(
            reason, -EEXIST, "cannot write %s: it is there and not a regular file", path);
    folder_of(path, folder);
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return refuse(path, errno, reason);
    int fd = mkostemp(ret->temporary, O_CLOEXEC);
    if (fd < 0)
        return refuse(path, errno, reason);
    doom(ret->temporary);
    mode_t mask = umask(0);
    (void)umask(mask);
    (void)fchmod(fd, 0666 & ~mask);
    ret->file = fdopen(fd, "w+");
    IDN_ASSERT(ret->file != NULL);
    return 0;
}

void idn_new_file_abort(struct idn_new_file *file)
{
    (void)unlink(file->temporary);
    doom(NULL);
    (void)fclose(file->file);
    file->file = NULL;
}

// The name is durable when its folder is synced; a file system that cannot is not our failure.
static void sync_folder(const char *path)
{
    char folder[IDN_PATH_SIZE];

    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

int idn_new_file_commit(struct idn_new_file *file, struct idn_reason *reason)
{
    if (fflush(file->file) != 0 || fsync(fileno(file->file)) < 0 ||
        rename(file->temporary, file->path) < 0) {
        int error = errno;
        idn_new_file_abort(file);
        return refuse(file->path, error, reason);
    }
    doom(NULL);
    sync_folder(file->path);
    if (fclose(file->file) != 0)
        return refuse(file->path, errno, reason);
    file->file = NULL;
    return 0;
}
