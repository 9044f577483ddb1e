#include "weights/cfg_section.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20 };

static int read_file(const char *file, char **ret, struct idn_reason *reason)
{
    struct stat status;
    IDN_CLEANUP(idn_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0)
        return idn_reason_set(
            reason, -errno, "cannot read the network %s: %s", file, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX)
        return idn_reason_set(
            reason, -EINVAL, "the network %s is not a cfg file of at most 1 MiB", file);

    size_t size = (size_t)status.st_size, done = 0;
    char *text = calloc(1, size + 1);
    IDN_ASSERT(text != NULL);
    while (done < size) {
        ssize_t n = read(fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int error = -errno;
            free(text);
            return idn_reason_set(
                reason, error, "cannot read the network %s: %s", file, strerror(-error));
        }
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret = text;
    return 0;
}

// Drops every white space, as darknet's strip() does, within the line.
static void strip(char *line)
{
    char *to = line;

    for (const char *at = line; *at != '\0'; at++)
        if (*at != ' ' && *at != '\t' && *at != '\r' && *at != '\n')
            *to++ = *at;
    *to = '\0';
}

static void *grown(void *array, size_t count, size_t item)
{
    if ((count & (count - 1)) != 0 && count != 0)
        return array;
    array = reallocarray(array, count == 0 ? 1 : count * 2, item);
    IDN_ASSERT(array != NULL);
    return array;
}

static int take_section(
    struct idn_cfg_text *text, char *line, unsigned number, struct idn_reason *reason)
{
    char *close = strchr(line, ']');

    if (close == NULL)
        return idn_reason_set(
            reason, -EINVAL, "%s:%u: '%.60s' lacks its closing ]", text->file, number, line);
    *close = '\0';
    text->section = grown(text->section, text->sections, sizeof(*text->section));
    text->section[text->sections++] =
        (struct idn_cfg_section){.type = line + 1, .line = number, .first = text->options};
    return 0;
}

static int take_option(
    struct idn_cfg_text *text, char *line, unsigned number, struct idn_reason *reason)
{
    char *equals = strchr(line, '=');

    if (text->sections == 0)
        return idn_reason_set(reason, -EINVAL,
            "%s:%u: '%.60s' stands before the first section; a network begins with [net]",
            text->file, number, line);
    if (equals == NULL)
        return idn_reason_set(reason, -EINVAL, "%s:%u: '%.60s' is neither [section] nor key=value",
            text->file, number, line);
    *equals = '\0';
    text->option = grown(text->option, text->options, sizeof(*text->option));
    text->option[text->options++] =
        (struct idn_cfg_option){.key = line, .value = equals + 1, .line = number};
    text->section[text->sections - 1].options++;
    return 0;
}

static int split(struct idn_cfg_text *text, struct idn_reason *reason)
{
    unsigned number = 1;

    for (char *line = text->text, *next; line != NULL; line = next, number++) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        strip(line);
        if (*line == '\0' || *line == '#' || *line == ';')
            continue;
        int error = *line == '[' ? take_section(text, line, number, reason)
                                 : take_option(text, line, number, reason);
        if (error < 0)
            return error;
    }
    return 0;
}

int idn_cfg_text_read(const char *file, struct idn_cfg_text *ret, struct idn_reason *reason)
{
    struct idn_cfg_text text = {.file = file};
    int error = read_file(file, &text.text, reason);

    if (error == 0)
        error = split(&text, reason);
    if (error < 0) {
        idn_cfg_text_fini(&text);
        return error;
    }
    *ret = text;
    return 0;
}

void idn_cfg_text_fini(struct idn_cfg_text *text)
{
    free(text->text);
    free(text->section);
    free(text->option);
    *text = (struct idn_cfg_text){0};
}

const struct idn_cfg_option *idn_cfg_find(
    const struct idn_cfg_text *text, const struct idn_cfg_section *section, const char *key)
{
    for (size_t i = section->first; i < section->first + section->options; i++)
        if (strcmp(text->option[i].key, key) == 0)
            return &text->option[i];
    return NULL;
}

int idn_cfg_number(const struct idn_cfg_text *text, const struct idn_cfg_section *section,
    const char *key, int64_t fallback, int64_t least, int64_t most, uint32_t *ret,
    struct idn_reason *reason)
{
    const struct idn_cfg_option *option = idn_cfg_find(text, section, key);
    int64_t value = fallback;

    if (option != NULL) {
        char *end;
        errno = 0;
        value = strtoll(option->value, &end, 10);
        if (end == option->value || errno != 0)
            value = least - 1;
    }
    if (value < least || value > most)
        return idn_reason_set(reason, -EINVAL,
            "%s:%u: [%.40s] %s = '%.40s' is not a whole number from %" PRId64 " to %" PRId64,
            text->file, option == NULL ? section->line : option->line, section->type, key,
            option == NULL ? "" : option->value, least, most);
    *ret = (uint32_t)value;
    return 0;
}

int idn_cfg_layers(const struct idn_cfg_text *text, const struct idn_cfg_section *section,
    const char *key, size_t index, size_t max, uint32_t *ret_from, uint32_t *ret_count,
    struct idn_reason *reason)
{
    const struct idn_cfg_option *option = idn_cfg_find(text, section, key);
    const char *at = option == NULL ? "" : option->value;
    uint32_t count = 0;
    bool more = true, good = true;

    while (more && good) {
        char *end;
        long long value = strtoll(at, &end, 10);
        if (value < 0)
            value += (long long)index;
        // Nothing but a comma may follow: darknet counts commas, not numbers.
        good = end != at && (*end == ',' || *end == '\0') && count < max && value >= 0 &&
               value < (long long)index;
        if (good)
            ret_from[count++] = (uint32_t)value;
        more = *end == ',';
        at = end + 1;
    }
    if (!good)
        return idn_reason_set(reason, -EINVAL,
            "%s:%u: [%.40s] %s = '%.40s' is not a list of at most %zu layers before this one",
            text->file, option == NULL ? section->line : option->line, section->type, key,
            option == NULL ? "" : option->value, max);
    *ret_count = count;
    return 0;
}
