#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int idn_reason_set(struct idn_reason *reason, int error, const char *format, ...)
{
    if (reason == NULL)
        return error;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    for (char *at = reason->text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    return error;
}

void idn_freep(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;
    free(*pointer);
    *pointer = NULL;
}

void idn_closep(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
