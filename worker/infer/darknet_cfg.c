// The cfg that darknet is given: the user's, with buffers for one image. A cfg written for training
// says batch=128 or so, and darknet would allocate for that many.
#include "base/error.h"
#include "worker/infer/darknet_network.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_net_section(const char *line)
{
    while (isspace((unsigned char)*line))
        line++;
    return strncmp(line, "[net]", 5) == 0 || strncmp(line, "[network]", 9) == 0;
}

// darknet takes the first of several equal keys, so ours go right behind the section's head.
static int copy_with_batch(FILE *from, FILE *to)
{
    char *line = NULL;
    size_t room = 0;
    bool done = false;

    while (getline(&line, &room, from) >= 0) {
        (void)fputs(line, to);
        if (!done && is_net_section(line)) {
            (void)fputs("\nbatch=1\nsubdivisions=1\n", to);
            done = true;
        }
    }
    free(line);
    return ferror(from) || fflush(to) != 0 || ferror(to) ? -EIO : 0;
}

int idn_darknet_cfg_open(const char *path, int *ret_fd, struct idn_reason *reason)
{
    FILE *from = fopen(path, "re");

    if (from == NULL)
        return idn_reason_set(reason, -errno, "%s: %s", path, strerror(errno));
    int fd = memfd_create("idunno.cfg", MFD_CLOEXEC);
    FILE *to = fd < 0 ? NULL : fdopen(dup(fd), "w");
    int error = to == NULL ? -errno : copy_with_batch(from, to);
    if (to != NULL)
        (void)fclose(to);
    (void)fclose(from);
    if (error != 0) {
        if (fd >= 0)
            (void)close(fd);
        return idn_reason_set(reason, error, "%s: %s", path, strerror(-error));
    }
    *ret_fd = fd;
    return 0;
}
