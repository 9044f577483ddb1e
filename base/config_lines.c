#include "base/config_lines.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct checker {
    const char *file; // borrowed
    struct idn_reason *reason;
    unsigned number;
    size_t level_max; // the deepest level the next name may have
};

static int refuse(const struct checker *checker, const char *why)
{
    return idn_reason_set(
        checker->reason, -EINVAL, "%s:%u: %s", checker->file, checker->number, why);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("$-_@.&+", c) != NULL);
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r");
}

static bool is_end(const char *at)
{
    at = skip_space(at);
    return *at == '\0' || *at == '#';
}

// What follows a name: nothing, or "=" and a value.
static int check_value(const struct checker *checker, const char *at, bool *ret_has_value)
{
    at = skip_space(at);
    *ret_has_value = *at == '=';
    if (!*ret_has_value)
        return is_end(at) ? 0
                          : refuse(checker, "a name is followed by '= VALUE' or by nothing; names "
                                            "are made of letters, digits and - _ . + @ $ &");
    at = skip_space(at + 1);
    if (*at != '"' && *at != '\'')
        return is_end(at) ? refuse(checker, "the value is missing after '='") : 0;
    const char *close = strchr(at + 1, *at);
    if (close == NULL)
        return refuse(checker, "the closing quote is missing");
    if (!is_end(close + 1))
        return refuse(checker, "something follows the closing quote");
    return 0;
}

// One line without its newline. *ret_name: whether it holds a name.
static int check_line(
    struct checker *checker, const char *line, bool *ret_name, bool *ret_has_value)
{
    size_t indent = strspn(line, " "), length = 0;

    *ret_name = !is_end(line);
    if (!*ret_name)
        return 0;
    if (line[indent] == '\t')
        return refuse(checker, "the line is indented with a tab; use four spaces a level");
    if (indent % 4 != 0)
        return refuse(checker, "the indentation is not a multiple of four spaces");
    if (indent / 4 > checker->level_max)
        return refuse(checker, "the line is indented deeper than its section's keys");
    checker->level_max = indent / 4 + 1;
    while (is_name_char(line[indent + length]))
        length++;
    if (length == 0)
        return refuse(
            checker, "the line does not begin with a name of letters, digits and - _ . + @ $ &");
    return check_value(checker, line + indent + length, ret_has_value);
}

int idn_config_lines_check(const char *file, char *text, size_t size, struct idn_config_line **ret,
    size_t *ret_count, struct idn_reason *reason)
{
    struct checker checker = {.file = file, .reason = reason, .number = 1};
    IDN_CLEANUP(idn_freep) struct idn_config_line *lines = NULL;
    size_t count = 0, room = 0;

    for (char *at = text; at < text + size; checker.number++) {
        char line[IDN_CONFIG_LINE_MAX + 1];
        const char *end = memchr(at, '\n', (size_t)(text + size - at));
        size_t length = end == NULL ? (size_t)(text + size - at) : (size_t)(end - at);
        bool name, has_value = false;

        if (length > IDN_CONFIG_LINE_MAX)
            return refuse(&checker, "the line is longer than 1024 bytes");
        if (memchr(at, '\0', length) != NULL)
            return refuse(&checker, "the line holds a NUL byte; this is not a text file");
        memcpy(line, at, length);
        line[length] = '\0';
        int error = check_line(&checker, line, &name, &has_value);
        if (error < 0)
            return error;
        if (name && count == room) {
            room = room * 2 + 64;
            lines = reallocarray(lines, room, sizeof(*lines));
            IDN_ASSERT(lines != NULL);
        }
        if (name)
            lines[count++] =
                (struct idn_config_line){.number = checker.number, .has_value = has_value};
        else
            memset(at, ' ', length);
        at += length + 1;
    }
    *ret = lines;
    *ret_count = count;
    lines = NULL;
    return 0;
}
