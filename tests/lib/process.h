// A program under test as a process of its own: with a temporary folder that holds its
// configuration, a list of images, and the log that it writes on stderr.
#ifndef IDN_TESTS_LIB_PROCESS_H
#define IDN_TESTS_LIB_PROCESS_H

#include "base/sha256.h"

#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_OPTIONS_MAX = 16, PROCESS_LOG_SIZE = 16 * 1024 };

// Zeroed: none.
struct process {
    char folder[64];
    pid_t pid; // 0: it does not run
};

// Makes the folder, with d0.list (image0.jpg, ...).
void process_open(struct process *process, int images);
// Writes idunno.conf: what is given here, model m0 (its digest all 1) and data set d0.
void process_configure(const struct process *process, const char *config, ...)
    __attribute__((format(printf, 2, 3)));
// options: a NULL-terminated list after --config FILE.
void process_start(struct process *process, const char *program, const char *const *options);
void process_kill(struct process *process);  // if it runs
void process_close(struct process *process); // likewise, and removes the folder

const char *process_log(const struct process *process); // so far; static storage
struct idn_sha256 process_list_digest(const struct process *process);

uint64_t process_clock_ms(void);

#endif
