#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static char log_role[128] = "idunno";
static enum idn_log_level log_most = IDN_LOG_INFO;
static bool log_to_journal;

// systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream that is connected to the journal.
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    unsigned long long device, inode;

    return stream != NULL &&
           sscanf(stream, "%llu:%llu", &device, &inode) == 2 && // NOLINT(cert-err34-c)
           fstat(2, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void idn_log_init(const char *role, enum idn_log_level most)
{
    (void)snprintf(log_role, sizeof(log_role), "%s", role);
    log_most = most;
    log_to_journal = stderr_is_journal();
}

static const char *level_word(enum idn_log_level level)
{
    switch (level) {
    case IDN_LOG_ERROR:
        return "error ";
    case IDN_LOG_WARNING:
        return "warning ";
    case IDN_LOG_DEBUG:
        return "debug ";
    case IDN_LOG_INFO:
        break;
    }
    return "";
}

// The journal has times of its own.
static void print_time(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)fprintf(stderr, "%lld.%06ld ", (long long)now.tv_sec, now.tv_nsec / 1000);
}

void idn_log(enum idn_log_level level, const char *format, ...)
{
    if (level > log_most)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (log_to_journal) {
        (void)fprintf(stderr, "<%d>%s: %s\n", (int)level, log_role, text);
        return;
    }
    if (log_most == IDN_LOG_DEBUG)
        print_time();
    (void)fprintf(stderr, "%s%s: %s\n", level_word(level), log_role, text);
}
