// A file that has its name only when it is complete and on disk: written beside it under a
// temporary name, synced, renamed. Nothing is left behind by a failure, SIGINT or SIGTERM.
#ifndef IDN_WEIGHTS_NEW_FILE_H
#define IDN_WEIGHTS_NEW_FILE_H

#include "base/error.h"
#include "proto/limits.h"

#include <stdio.h>

struct idn_new_file {
    FILE *file;
    char path[IDN_PATH_SIZE], temporary[IDN_PATH_SIZE];
};

// One at a time in a process. Makes the folder when only its last part is missing. Errors: -errno
// with a sentence.
int idn_new_file_open(const char *path, struct idn_new_file *ret, struct idn_reason *reason);

// Ends with either; both close.
int idn_new_file_commit(struct idn_new_file *file, struct idn_reason *reason);
void idn_new_file_abort(struct idn_new_file *file);

#endif
