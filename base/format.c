#include "base/format.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

struct output {
    char *text;
    size_t size, length;
};

static void put(struct output *output, char c)
{
    if (output->length + 1 < output->size)
        output->text[output->length++] = c;
}

static void put_string(struct output *output, const char *string)
{
    for (; *string != '\0'; string++)
        put(output, *string);
}

static void put_number(struct output *output, uint64_t value)
{
    char digits[20];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (count > 0)
        put(output, digits[--count]);
}

static uint64_t take_number(va_list *arguments, unsigned longs)
{
    if (longs == 0)
        return va_arg(*arguments, unsigned);
    if (longs == 1)
        return va_arg(*arguments, unsigned long);
    return va_arg(*arguments, unsigned long long);
}

// Carries out the conversion behind a '%'; returns its last character.
static const char *convert(struct output *output, const char *at, va_list *arguments)
{
    unsigned longs = 0;

    for (; *at == 'l'; at++)
        longs++;
    if (*at == 'u') {
        put_number(output, take_number(arguments, longs));
    } else if (*at == 's') {
        put_string(output, va_arg(*arguments, const char *));
    } else {
        IDN_ASSERT(*at == '%');
        put(output, '%');
    }
    return at;
}

static void format_to(struct output *output, const char *format, va_list *arguments)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '%')
            at = convert(output, at + 1, arguments);
        else
            put(output, *at);
    }
    output->text[output->length] = '\0';
}

void idn_format_list(char *text, size_t size, const char *format, va_list *arguments)
{
    struct output output = {.text = text, .size = size};

    IDN_ASSERT(size > 0);
    format_to(&output, format, arguments);
}

void idn_format(char *text, size_t size, const char *format, ...)
{
    struct output output = {.text = text, .size = size};
    va_list arguments;

    IDN_ASSERT(size > 0);
    va_start(arguments, format);
    format_to(&output, format, &arguments);
    va_end(arguments);
}

void idn_format_append(char *text, size_t size, const char *format, ...)
{
    struct output output = {.text = text, .size = size, .length = strnlen(text, size)};
    va_list arguments;

    IDN_ASSERT(output.length < size);
    va_start(arguments, format);
    format_to(&output, format, &arguments);
    va_end(arguments);
}

void idn_copy_text(char *text, size_t size, const char *from)
{
    idn_format(text, size, "%s", from);
}
