#include "base/program.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 32 };

static bool percent_is_open; // its line has not ended

__attribute__((format(printf, 2, 0))) static void say(
    const char *program, const char *format, va_list arguments)
{
    char text[IDN_REASON_MAX + 256];

    (void)vsnprintf(text, sizeof(text), format, arguments);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s%s: %s\n", percent_is_open ? "\n" : "", program, text);
    percent_is_open = false;
}

int idn_program_fail(const char *program, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(program, format, arguments);
    va_end(arguments);
    return IDN_EXIT_FAILURE;
}

int idn_program_usage(const char *program, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(program, format, arguments);
    va_end(arguments);
    return IDN_EXIT_USAGE;
}

int idn_program_bad_option(
    const char *program, int found, const char *item, const struct option *options)
{
    const char *names[OPTIONS_MAX], *nearest = NULL;
    size_t count = 0;

    if (found == ':')
        return idn_program_usage(program, "%s needs a value", item);
    for (; options[count].name != NULL && count < OPTIONS_MAX; count++)
        names[count] = options[count].name;
    if (strncmp(item, "--", 2) == 0)
        nearest = idn_nearest(item + 2, names, count);
    if (nearest != NULL)
        return idn_program_usage(program, "unknown option %s; the nearest is --%s", item, nearest);
    return idn_program_usage(program, "unknown option %s; see %s --help", item, program);
}

int idn_program_end(const char *program, int status)
{
    errno = EIO;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE) // the reader has seen enough
        return status;
    return idn_program_fail(program, "cannot write the output: %s", strerror(errno));
}

void idn_program_percent(const char *what, uint64_t percent)
{
    static uint64_t shown = UINT64_MAX;

    if (!isatty(STDERR_FILENO) || percent == shown)
        return;
    shown = percent;
    percent_is_open = percent < 100;
    (void)fprintf(stderr, "\r%s: %" PRIu64 " %%%s", what, percent, percent_is_open ? "" : "\n");
}
