#include "base/cgroup.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096 + 256, WORD_SIZE = 32 };

struct words {
    char first[WORD_SIZE], second[WORD_SIZE]; // "" when there is none
};

// Of a setting's only line.
static struct words read_words(const char *folder, const char *name)
{
    char path[PATH_SIZE + WORD_SIZE], line[2 * WORD_SIZE] = "", *rest = line;
    struct words words = {"", ""};

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return words;
    if (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(words.first, sizeof(words.first), "%s", strsep(&rest, " "));
        (void)snprintf(words.second, sizeof(words.second), "%s", rest == NULL ? "" : rest);
    }
    (void)fclose(file);
    return words;
}

// "max" and -1, which are no limit, are no numbers either.
static void limit_cores(
    const char *quota_text, const char *period_text, struct idn_cgroup_limits *limits)
{
    uint64_t quota, period;

    if (idn_parse_u64(quota_text, UINT32_MAX, &quota) != 0 ||
        idn_parse_u64(period_text, UINT32_MAX, &period) != 0 || period == 0)
        return;
    uint64_t cores = quota > period ? (quota + period - 1) / period : 1;
    if (cores < limits->cores)
        limits->cores = (uint32_t)cores;
}

static void limit_memory(const char *text, struct idn_cgroup_limits *limits)
{
    uint64_t bytes;

    if (idn_parse_u64(text, UINT64_MAX, &bytes) == 0 && bytes < limits->memory)
        limits->memory = bytes;
}

static void look_v2(const char *folder, struct idn_cgroup_limits *limits)
{
    struct words words = read_words(folder, "cpu.max");

    limit_cores(words.first, words.second, limits);
    limit_memory(read_words(folder, "memory.max").first, limits);
    limit_memory(read_words(folder, "memory.high").first, limits);
}

static void look_v1_cpu(const char *folder, struct idn_cgroup_limits *limits)
{
    limit_cores(read_words(folder, "cpu.cfs_quota_us").first,
        read_words(folder, "cpu.cfs_period_us").first, limits);
}

static void look_v1_memory(const char *folder, struct idn_cgroup_limits *limits)
{
    limit_memory(read_words(folder, "memory.limit_in_bytes").first, limits);
}

// At the group and at each above it. In a container the path may be the host's: then only the
// mount itself is there, and it is the container's own group.
static void climb(const char *top, const char *group,
    void (*look)(const char *folder, struct idn_cgroup_limits *limits),
    struct idn_cgroup_limits *limits)
{
    char folder[PATH_SIZE], *slash;
    int length = snprintf(folder, sizeof(folder), "%s%s", top, group);

    if (length < 0 || (size_t)length >= sizeof(folder))
        return;
    look(folder, limits);
    while ((slash = strrchr(folder + strlen(top), '/')) != NULL) {
        *slash = '\0';
        look(folder, limits);
    }
}

static bool names(const char *controllers, const char *wanted)
{
    size_t length = strlen(wanted);

    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, wanted, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

// A line is NUMBER:CONTROLLERS:GROUP; version 2's names no controller.
static void take_line(char *line, const char *mount, struct idn_cgroup_limits *limits)
{
    char top[PATH_SIZE];

    line[strcspn(line, "\n")] = '\0';
    (void)strsep(&line, ":");
    const char *controllers = strsep(&line, ":"), *group = line;
    if (group == NULL)
        return;
    if (*controllers == '\0')
        climb(mount, group, look_v2, limits);
    if (names(controllers, "cpu")) {
        (void)snprintf(top, sizeof(top), "%s/cpu", mount);
        climb(top, group, look_v1_cpu, limits);
    }
    if (names(controllers, "memory")) {
        (void)snprintf(top, sizeof(top), "%s/memory", mount);
        climb(top, group, look_v1_memory, limits);
    }
}

void idn_cgroup_read(const char *groups, const char *mount, struct idn_cgroup_limits *ret)
{
    char line[PATH_SIZE];
    FILE *file = fopen(groups, "re");

    *ret = (struct idn_cgroup_limits){.cores = UINT32_MAX, .memory = UINT64_MAX};
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL)
        take_line(line, mount, ret);
    (void)fclose(file);
}
