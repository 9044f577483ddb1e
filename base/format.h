// Sentences into bounded buffers without stdio, so that the pure cores may make them. Understands
// %s, %u, %lu (and %llu) and %%: what PRIu32, PRIu64 and names need; anything else is an assertion.
// No locale, no allocation.
#ifndef IDN_BASE_FORMAT_H
#define IDN_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Writes at most size - 1 bytes and a NUL; what does not fit is cut. size >= 1.
void idn_format(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void idn_format_list(char *text, size_t size, const char *format, va_list *arguments);

// The same behind what the text already holds.
void idn_format_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Copies a name or sentence, cut at size - 1 bytes.
void idn_copy_text(char *text, size_t size, const char *from);

// What a counted word ends in: "%lu fact%s".
static inline const char *idn_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
