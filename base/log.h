// Lines for the operator. Only main and loop modules log; every other module returns errors.
//
// A line is "LEVEL role: text"; when stderr is the journal (JOURNAL_STREAM names it) it begins with
// "<3>"-style priorities instead of the level word. With debug lines each begins with the seconds
// of the monotonic clock, but for the journal, which has its own. Each line names what it speaks of
// (epoch, job, worker, ...); nothing is logged per image at info level.
#ifndef IDN_BASE_LOG_H
#define IDN_BASE_LOG_H

enum idn_log_level { IDN_LOG_ERROR = 3, IDN_LOG_WARNING = 4, IDN_LOG_INFO = 6, IDN_LOG_DEBUG = 7 };

// Before the first line: the role that every line names ("broker a", "worker host/0"; copied) and
// the least urgent level that is printed.
void idn_log_init(const char *role, enum idn_log_level most);

void idn_log(enum idn_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define idn_error(...)   idn_log(IDN_LOG_ERROR, __VA_ARGS__)
#define idn_warning(...) idn_log(IDN_LOG_WARNING, __VA_ARGS__)
#define idn_info(...)    idn_log(IDN_LOG_INFO, __VA_ARGS__)
#define idn_debug(...)   idn_log(IDN_LOG_DEBUG, __VA_ARGS__)

#endif
