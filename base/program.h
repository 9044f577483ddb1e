// What our command-line programs say and how they end: one sentence on stderr behind the program's
// name, exit statuses, a progress line of percents.
#ifndef IDN_BASE_PROGRAM_H
#define IDN_BASE_PROGRAM_H

#include <getopt.h>
#include <stdint.h>

enum idn_exit {
    IDN_EXIT_OK = 0,
    IDN_EXIT_FAILURE = 1,
    IDN_EXIT_USAGE = 2,
};

// One sentence on stderr, behind the program's name. Return IDN_EXIT_FAILURE, IDN_EXIT_USAGE.
int idn_program_fail(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int idn_program_usage(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// getopt_long found what is no option ('?') or lacks its value (':'): says so and what is nearest.
// Returns IDN_EXIT_USAGE.
int idn_program_bad_option(
    const char *program, int found, const char *item, const struct option *options);

// Ends stdout: a full disk or a closed pipe must not pass for success. Returns the status to exit
// with.
int idn_program_end(const char *program, int status);

// "WHAT: 42 %" on a terminal, written over each time, and nothing elsewhere. 100 ends it.
void idn_program_percent(const char *what, uint64_t percent);

#endif
