// What every command of idunno-ctl says alike.
#include "client/ctl.h"

#include <stdarg.h>
#include <stdio.h>

int idn_ctl_fail(struct idn_ctl *ctl, enum idunno_code code)
{
    int signal = code == IDUNNO_STOPPED ? idn_signals_take(ctl->signal_fd) : 0;

    return signal != 0 ? IDN_EXIT_SIGNAL + signal
                       : idn_program_fail_call(IDN_CTL, ctl->idunno, code);
}

void idn_ctl_line(const char *name, const char *format, ...)
{
    va_list arguments;

    (void)printf("%-10s ", name);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}
