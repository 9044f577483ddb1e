// A configuration is read in three steps: every line is checked for its form (zconfig reports a
// wrong one on stdout, and silently cuts a long one), zconfig builds the tree, and the tree is
// flattened into entries that are checked against the table of keys. The entries stand in the
// order of the lines, which is how they know their line numbers.
#include "base/config.h"

#include "base/assert.h"
#include "base/config_lines.h"
#include "base/text.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 8, CANDIDATES_MAX = 64 };

struct entry {
    char *path;        // owned, "section/key"
    const char *name;  // the last component, inside path
    const char *value; // borrowed from the tree
    unsigned line;
    bool has_value;
};

struct idn_config {
    char *file;                        // owned, NULL without one
    zconfig_t *tree;                   // owned, NULL without a file
    const struct idn_config_key *keys; // borrowed
    struct idn_config_line *line;      // owned
    struct entry *entry;               // owned
    size_t entries, lines;
};

const char *idn_config_file(const struct idn_config *config)
{
    return config->file == NULL ? "(defaults)" : config->file;
}

// Whole file as text. Reads to the end rather than trusting a size, so that a pipe works too.
static int read_text(const char *path, char **ret, size_t *ret_size, struct idn_reason *reason)
{
    IDN_CLEANUP(idn_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return idn_reason_set(
            reason, -errno, "cannot read the configuration %s: %s", path, strerror(errno));
    IDN_CLEANUP(idn_freep) char *text = malloc(FILE_BYTES_MAX + 1);
    IDN_ASSERT(text != NULL);

    size_t size = 0;
    ssize_t n = 1;
    while (n != 0 && size <= FILE_BYTES_MAX) {
        n = read(fd, text + size, FILE_BYTES_MAX + 1 - size);
        if (n < 0 && errno != EINTR)
            return idn_reason_set(
                reason, -errno, "cannot read the configuration %s: %s", path, strerror(errno));
        size += n > 0 ? (size_t)n : 0;
    }
    if (size > FILE_BYTES_MAX)
        return idn_reason_set(reason, -EINVAL, "the configuration %s is larger than 1 MiB", path);
    text[size] = '\0';
    *ret = text;
    *ret_size = size;
    text = NULL;
    return 0;
}

static void flatten(struct idn_config *config, zconfig_t *parent, const char *prefix)
{
    for (zconfig_t *item = zconfig_child(parent); item != NULL; item = zconfig_next(item)) {
        if (config->entries == config->lines) {
            config->entries++; // more items than lines with a name: build() refuses
            return;
        }
        struct entry *entry = &config->entry[config->entries];
        const char *slash = *prefix == '\0' ? "" : "/";

        IDN_ASSERT(asprintf(&entry->path, "%s%s%s", prefix, slash, zconfig_name(item)) >= 0);
        entry->name = entry->path + strlen(prefix) + strlen(slash);
        entry->value = zconfig_value(item) == NULL ? "" : zconfig_value(item);
        entry->line = config->line[config->entries].number;
        entry->has_value = config->line[config->entries].has_value;
        config->entries++;
        flatten(config, item, entry->path);
    }
}

static size_t component(const char *path, size_t *ret_rest)
{
    size_t length = strcspn(path, "/");
    *ret_rest = path[length] == '/' ? length + 1 : length;
    return length;
}

enum match { MATCH_NONE, MATCH_KEY, MATCH_SECTION };

// How `path` stands to one key of the table: it, a section above it, or neither.
static enum match match_key(const char *path, const char *key)
{
    while (*path != '\0' && *key != '\0') {
        size_t path_rest, key_rest;
        size_t length = component(path, &path_rest), key_length = component(key, &key_rest);
        bool any = key_length == 1 && *key == '*';
        if (!any && (length != key_length || strncmp(path, key, length) != 0))
            return MATCH_NONE;
        path += path_rest;
        key += key_rest;
    }
    if (*path != '\0')
        return MATCH_NONE;
    return *key == '\0' ? MATCH_KEY : MATCH_SECTION;
}

static enum match match_keys(const struct idn_config_key *keys, const char *path)
{
    for (; keys->path != NULL; keys++) {
        enum match match = match_key(path, keys->path);
        if (match != MATCH_NONE)
            return match;
    }
    return MATCH_NONE;
}

// The names that could stand where `entry` stands, which its section does allow.
static size_t names_beside(const struct idn_config *config, const struct entry *entry,
    char text[static CANDIDATES_MAX][64], const char **names)
{
    char parent[IDN_CONFIG_LINE_MAX * DEPTH_MAX];
    size_t count = 0, depth = 0;
    size_t length = (size_t)(entry->name - entry->path);

    (void)snprintf(parent, sizeof(parent), "%.*s", (int)(length > 0 ? length - 1 : 0), entry->path);
    for (const char *at = entry->path; at < entry->name; at++)
        depth += *at == '/';
    for (const struct idn_config_key *key = config->keys; key->path != NULL; key++) {
        if (count == CANDIDATES_MAX || match_key(parent, key->path) != MATCH_SECTION)
            continue;
        const char *at = key->path;
        size_t rest, size;
        for (size_t i = 0; i < depth; i++) {
            (void)component(at, &rest);
            at += rest;
        }
        size = component(at, &rest);
        (void)snprintf(text[count], sizeof(text[count]), "%.*s", (int)size, at);
        if (count == 0 || strcmp(text[count], text[count - 1]) != 0) {
            names[count] = text[count];
            count++;
        }
    }
    return count;
}

static int refuse_unknown(
    const struct idn_config *config, const struct entry *entry, struct idn_reason *reason)
{
    char text[CANDIDATES_MAX][64];
    const char *names[CANDIDATES_MAX];
    size_t count = names_beside(config, entry, text, names);
    const char *nearest = idn_nearest(entry->name, names, count);
    int section = (int)(entry->name - entry->path);
    const char *what = section == 0 ? "section" : "key";

    if (nearest != NULL)
        return idn_reason_set(reason, -EINVAL, "%s:%u: unknown %s '%s'; the nearest is '%.*s%s'",
            config->file, entry->line, what, entry->path, section, entry->path, nearest);

    char known[256] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof(known); i++)
        used += (size_t)snprintf(
            known + used, sizeof(known) - used, "%s%s", i == 0 ? "" : ", ", names[i]);
    if (count == 0)
        return idn_reason_set(reason, -EINVAL,
            "%s:%u: unknown key '%s'; nothing stands below a key", config->file, entry->line,
            entry->path);
    return idn_reason_set(reason, -EINVAL, "%s:%u: unknown %s '%s'; known here are %s",
        config->file, entry->line, what, entry->path, known);
}

static const struct entry *find(const struct idn_config *config, const char *path)
{
    for (size_t i = 0; i < config->entries; i++)
        if (strcmp(config->entry[i].path, path) == 0)
            return &config->entry[i];
    return NULL;
}

static int check_entry(
    const struct idn_config *config, const struct entry *entry, struct idn_reason *reason)
{
    const struct entry *first = find(config, entry->path);

    if (first != entry)
        return idn_reason_set(reason, -EINVAL, "%s:%u: '%s' is written twice, first in line %u",
            config->file, entry->line, entry->path, first->line);
    switch (match_keys(config->keys, entry->path)) {
    case MATCH_NONE:
        return refuse_unknown(config, entry, reason);
    case MATCH_KEY:
        if (!entry->has_value)
            return idn_reason_set(reason, -EINVAL, "%s:%u: '%s' has no value; write %s = VALUE",
                config->file, entry->line, entry->path, entry->name);
        return 0;
    case MATCH_SECTION:
        break;
    }
    if (entry->has_value)
        return idn_reason_set(reason, -EINVAL,
            "%s:%u: '%s' is a section and takes no value; write its keys below it", config->file,
            entry->line, entry->path);
    return 0;
}

static int build(struct idn_config *config, const char *path, struct idn_reason *reason)
{
    IDN_CLEANUP(idn_freep) char *text = NULL;
    size_t size = 0;
    int error = read_text(path, &text, &size, reason);

    if (error < 0)
        return error;
    config->file = strdup(path);
    IDN_ASSERT(config->file != NULL);
    error = idn_config_lines_check(path, text, size, &config->line, &config->lines, reason);
    if (error < 0)
        return error;
    config->tree = zconfig_str_load(text);
    if (config->tree == NULL)
        return idn_reason_set(reason, -EINVAL, "%s is not a configuration in ZPL", path);
    config->entry = calloc(config->lines + 1, sizeof(*config->entry));
    IDN_ASSERT(config->entry != NULL);
    flatten(config, config->tree, "");
    if (config->entries != config->lines)
        return idn_reason_set(reason, -EINVAL, "%s is not a configuration in ZPL", path);
    for (size_t i = 0; i < config->entries && error == 0; i++)
        error = check_entry(config, &config->entry[i], reason);
    return error;
}

int idn_config_load(const char *path, const struct idn_config_key *keys, struct idn_config **ret,
    struct idn_reason *reason)
{
    struct idn_config *config = calloc(1, sizeof(*config));

    IDN_ASSERT(config != NULL);
    config->keys = keys;
    int error = path == NULL ? 0 : build(config, path, reason);
    if (error < 0) {
        idn_config_destroy(&config);
        return error;
    }
    *ret = config;
    return 0;
}

void idn_config_destroy(struct idn_config **config)
{
    if (*config == NULL)
        return;
    for (size_t i = 0; i < (*config)->entries; i++)
        free((*config)->entry[i].path);
    free((*config)->entry);
    free((*config)->line);
    zconfig_destroy(&(*config)->tree);
    free((*config)->file);
    free(*config);
    *config = NULL;
}

const char *idn_config_string(
    const struct idn_config *config, const char *path, const char *fallback)
{
    const struct entry *entry = find(config, path);
    return entry == NULL ? fallback : entry->value;
}

int idn_config_refuse(
    const struct idn_config *config, const char *path, const char *right, struct idn_reason *reason)
{
    const struct entry *entry = find(config, path);

    IDN_ASSERT(entry != NULL);
    return idn_reason_set(reason, -EINVAL, "%s:%u: %s = '%.100s' is not %s", config->file,
        entry->line, path, entry->value, right);
}

int idn_config_u64(const struct idn_config *config, const char *path, uint64_t fallback,
    uint64_t least, uint64_t most, uint64_t *ret, struct idn_reason *reason)
{
    const struct entry *entry = find(config, path);
    uint64_t value = fallback;

    if (entry != NULL) {
        char right[80];
        int error = idn_parse_u64(entry->value, most, &value);
        (void)snprintf(
            right, sizeof(right), "a whole number from %" PRIu64 " to %" PRIu64, least, most);
        if (error < 0 || value < least)
            return idn_config_refuse(config, path, right, reason);
    }
    *ret = value;
    return 0;
}

// Digits and perhaps one of K, M, G, T (powers of 1024).
static int parse_size(const char *text, uint64_t *ret)
{
    static const char units[] = "KMGT";
    char digits[32];
    size_t length = strlen(text);
    unsigned shift = 0;
    uint64_t value;

    if (length == 0 || length >= sizeof(digits))
        return -EINVAL;
    const char *unit = strchr(units, text[length - 1]);
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        length--;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    int error = idn_parse_u64(digits, UINT64_MAX >> shift, &value);
    if (error < 0)
        return error;
    *ret = value << shift;
    return 0;
}

int idn_config_size(const struct idn_config *config, const char *path, uint64_t fallback,
    uint64_t *ret_bytes, struct idn_reason *reason)
{
    const struct entry *entry = find(config, path);
    uint64_t value = fallback;

    if (entry != NULL && parse_size(entry->value, &value) < 0)
        return idn_config_refuse(
            config, path, "a size in bytes such as 4096, 64K, 512M or 2G", reason);
    *ret_bytes = value;
    return 0;
}

size_t idn_config_names(
    const struct idn_config *config, const char *section, const char **names, size_t max)
{
    size_t count = 0, length = strlen(section);

    for (size_t i = 0; i < config->entries && count < max; i++) {
        const struct entry *entry = &config->entry[i];
        if (strncmp(entry->path, section, length) == 0 && entry->path[length] == '/' &&
            entry->name == entry->path + length + 1)
            names[count++] = entry->name;
    }
    return count;
}
