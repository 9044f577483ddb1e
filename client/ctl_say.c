// What every command of idunno-ctl says alike.
#include "client/ctl.h"

#include "base/text.h"
#include "proto/messages.h"

#include <stdarg.h>
#include <stdio.h>

static_assert(sizeof(struct idn_ctl_text) >= IDN_KEY_TEXT_SIZE, "an id has room");

int idn_ctl_fail(struct idn_ctl *ctl, enum idunno_code code)
{
    int signal = code == IDUNNO_STOPPED ? idn_signals_take(ctl->signal_fd) : 0;

    return signal != 0 ? IDN_EXIT_SIGNAL + signal
                       : idn_program_fail_call(IDN_CTL, ctl->idunno, code);
}

int idn_ctl_no_model(const char *name, const char *const *names, size_t count)
{
    const char *nearest = idn_nearest(name, names, count);

    if (nearest == NULL)
        return idn_program_fail(
            IDN_CTL, "no model is named %.100s; idunno-ctl models lists them", name);
    return idn_program_fail(IDN_CTL, "no model is named %.100s; did you mean %s?", name, nearest);
}

struct idn_ctl_text idn_ctl_key(const struct idn_key *key)
{
    struct idn_ctl_text text;

    idn_key_to_text(key->bytes, text.text);
    return text;
}

const char *idn_ctl_worker_state(uint32_t state)
{
    const char *name = idn_worker_state_name(state);

    return name == NULL ? "unknown" : name;
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
