// The cfg that libdarknet is given: the text that was checked and nothing else, since libdarknet
// reads files by rules of its own (a carriage return is part of a name, "[conv]x" no section).
#include "worker/infer/darknet_network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Before the user's own keys of [net]: libdarknet takes the first of several equal ones. A cfg
// written for training asks for batch=128 or so, time_steps multiplies that, adam keeps twice the
// weights beside them, and a policy without all of its keys ends the process.
static const char for_one_image[] =
    "batch=1\nsubdivisions=1\ntime_steps=1\nadam=0\npolicy=constant\n";

static int write_text(const struct idn_cfg_text *text, int fd)
{
    for (size_t i = 0; i < text->sections; i++) {
        const struct idn_cfg_section *section = &text->section[i];
        if (dprintf(fd, "[%s]\n%s", section->type, i == 0 ? for_one_image : "") < 0)
            return -errno;
        for (size_t k = section->first; k < section->first + section->options; k++)
            if (dprintf(fd, "%s=%s\n", text->option[k].key, text->option[k].value) < 0)
                return -errno;
    }
    return 0;
}

int idn_darknet_cfg_open(const struct idn_cfg_text *text, int *ret_fd, struct idn_reason *reason)
{
    int fd = memfd_create("idunno.cfg", MFD_CLOEXEC);
    int error = fd < 0 ? -errno : write_text(text, fd);

    if (error != 0) {
        if (fd >= 0)
            (void)close(fd);
        return idn_reason_set(
            reason, error, "cannot copy the network %s: %s", text->file, strerror(-error));
    }
    *ret_fd = fd;
    return 0;
}
