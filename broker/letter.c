#include "broker/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = "letter", new_name[] = "letter.new";

int idn_letter_check(int directory_fd, const char *directory, uint32_t letter, bool *ret_known,
    struct idn_reason *reason)
{
    IDN_CLEANUP(idn_closep) int fd = openat(directory_fd, file_name, O_RDONLY | O_CLOEXEC);
    char text[4] = "";

    if (fd < 0 && errno == ENOENT) {
        *ret_known = false;
        return 0;
    }
    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return idn_reason_set(
            reason, -errno, "cannot read %s in %.200s: %s", file_name, directory, strerror(errno));
    if (strcmp(text, "a\n") != 0 && strcmp(text, "b\n") != 0)
        return idn_reason_set(reason, -EBADMSG,
            "the file %s in %.200s says neither a nor b: write into it whose directory this is, or "
            "remove it",
            file_name, directory);
    if ((uint32_t)text[0] != letter)
        return idn_reason_set(reason, -EPERM,
            "the state directory %.200s is broker %c's, and this is broker %c: name one of its "
            "own, or an empty one; when it is to become broker %c's for good, remove the file %s "
            "in it",
            directory, text[0], (char)letter, (char)letter, file_name);
    *ret_known = true;
    return 0;
}

// 0 or -errno.
static int write_new(int directory_fd, uint32_t letter)
{
    IDN_CLEANUP(idn_closep)
    int fd = openat(directory_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char text[] = {(char)letter, '\n'};

    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, text, sizeof(text));
    if (written < 0 || fsync(fd) != 0)
        return -errno;
    return written == sizeof(text) ? 0 : -ENOSPC;
}

int idn_letter_keep(
    int directory_fd, const char *directory, uint32_t letter, struct idn_reason *reason)
{
    int error = write_new(directory_fd, letter);

    if (error == 0 && (renameat(directory_fd, new_name, directory_fd, file_name) != 0 ||
                          fsync(directory_fd) != 0))
        error = -errno;
    return error == 0 ? 0
                      : idn_reason_set(reason, error, "cannot write %s in %.200s: %s", file_name,
                            directory, strerror(-error));
}
