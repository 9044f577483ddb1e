#include "weights/list.h"

#include "base/assert.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX (1ull << 30)

struct idn_list {
    char *bytes; // owned
    size_t size;
    char *base;   // owned, "" or ends with a slash
    size_t *line; // owned: where each line begins, and one past the last
    uint32_t lines;
    struct idn_sha256 digest;
};

// One line's fields, borrowed from the list's bytes.
struct fields {
    const char *path, *size, *digest; // size and digest NULL when the line states none
    size_t path_length, size_length, digest_length;
};

static struct fields split_line(const struct idn_list *list, uint32_t index)
{
    const char *at = list->bytes + list->line[index];
    const char *end = list->bytes + list->line[index + 1];
    struct fields fields = {.path = at};

    while (end > at && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    fields.path_length = (size_t)(end - at);
    const char *tab = memchr(at, '\t', (size_t)(end - at));
    if (tab == NULL)
        return fields;
    fields.path_length = (size_t)(tab - at);
    fields.size = tab + 1;
    fields.size_length = (size_t)(end - fields.size);
    tab = memchr(fields.size, '\t', (size_t)(end - fields.size));
    if (tab == NULL)
        return fields;
    fields.size_length = (size_t)(tab - fields.size);
    fields.digest = tab + 1;
    fields.digest_length = (size_t)(end - fields.digest);
    return fields;
}

static int copy_field(const char *field, size_t length, char *ret, size_t size)
{
    if (length >= size)
        return -EINVAL;
    memcpy(ret, field, length);
    ret[length] = '\0';
    return 0;
}

static int read_size(const struct fields *fields, uint64_t *ret)
{
    char text[24];

    if (copy_field(fields->size, fields->size_length, text, sizeof(text)) < 0)
        return -EINVAL;
    int error = idn_parse_u64(text, INT64_MAX, ret);
    return error < 0 || *ret == 0 ? -EINVAL : 0;
}

static int read_digest(const struct fields *fields, struct idn_sha256 *ret)
{
    char text[IDN_SHA256_HEX_SIZE];

    if (copy_field(fields->digest, fields->digest_length, text, sizeof(text)) < 0)
        return -EINVAL;
    return idn_sha256_from_hex(text, ret);
}

// Why a line is wrong, or NULL.
static const char *line_fault(const struct idn_list *list, uint32_t index)
{
    struct fields fields = split_line(list, index);
    size_t base = fields.path_length > 0 && *fields.path == '/' ? 0 : strlen(list->base);
    uint64_t size;
    struct idn_sha256 digest;

    if (fields.path_length == 0)
        return "is empty; every line needs the path of an image";
    if (memchr(fields.path, '\0', fields.path_length) != NULL)
        return "holds a NUL byte; a list is a text file";
    if (base + fields.path_length >= IDN_PATH_SIZE)
        return "holds a path of more than 4095 bytes";
    if (fields.size == NULL)
        return NULL;
    if (fields.digest == NULL)
        return "must be PATH, or PATH, SIZE and SHA-256 with tabs between them";
    if (read_size(&fields, &size) < 0)
        return "has a size that is not a whole number of bytes from 1";
    if (read_digest(&fields, &digest) < 0)
        return "has a SHA-256 that is not 64 hexadecimal digits";
    return NULL;
}

static int find_lines(struct idn_list *list, const char *name, struct idn_reason *reason)
{
    size_t room = 0;

    for (size_t at = 0; at <= list->size;) {
        if (list->lines == room) {
            room = room * 2 + 1024;
            list->line = reallocarray(list->line, room + 1, sizeof(*list->line));
            IDN_ASSERT(list->line != NULL);
        }
        list->line[list->lines] = at;
        if (at == list->size)
            break;
        if (list->lines == IDN_JOB_IMAGES_MAX)
            return idn_reason_set(reason, -EINVAL, "%s has more than %d lines, the most a list may",
                name, (int)IDN_JOB_IMAGES_MAX);
        list->lines++;
        const char *end = memchr(list->bytes + at, '\n', list->size - at);
        at = end == NULL ? list->size : (size_t)(end - list->bytes) + 1;
    }
    if (list->lines == 0)
        return idn_reason_set(
            reason, -EINVAL, "%s is empty; a list needs the path of one image a line", name);
    return 0;
}

// Takes the bytes over (they must be from malloc).
static int build(char *bytes, size_t size, const char *base, const char *name,
    struct idn_list **ret, struct idn_reason *reason)
{
    struct idn_list *list = calloc(1, sizeof(*list));
    size_t length = base == NULL ? 0 : strlen(base);

    IDN_ASSERT(list != NULL);
    list->bytes = bytes;
    list->size = size;
    const char *slash = length > 0 && base[length - 1] != '/' ? "/" : "";
    IDN_ASSERT(asprintf(&list->base, "%s%s", base == NULL ? "" : base, slash) >= 0);
    int error = find_lines(list, name, reason);
    for (uint32_t i = 0; error == 0 && i < list->lines; i++) {
        const char *fault = line_fault(list, i);
        if (fault != NULL)
            error = idn_reason_set(reason, -EINVAL, "%s: line %u %s", name, i + 1, fault);
    }
    if (error < 0) {
        idn_list_destroy(&list);
        return error;
    }
    idn_sha256_of(bytes, size, &list->digest);
    *ret = list;
    return 0;
}

int idn_list_parse(const void *bytes, size_t size, const char *base, struct idn_list **ret,
    struct idn_reason *reason)
{
    char *copy = malloc(size + 1);

    IDN_ASSERT(copy != NULL);
    memcpy(copy, bytes, size);
    return build(copy, size, base, "the list", ret, reason);
}

static int read_all(const char *path, char **ret, size_t *ret_size, struct idn_reason *reason)
{
    struct stat status;
    IDN_CLEANUP(idn_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0)
        return idn_reason_set(reason, -errno, "cannot read the list %s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return idn_reason_set(reason, -EINVAL, "the list %s is not a regular file", path);
    if ((uint64_t)status.st_size > BYTES_MAX)
        return idn_reason_set(reason, -EINVAL, "the list %s is larger than 1 GiB", path);
    size_t size = (size_t)status.st_size, done = 0;
    IDN_CLEANUP(idn_freep) char *bytes = malloc(size + 1);
    IDN_ASSERT(bytes != NULL);
    while (done < size) {
        ssize_t n = read(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return idn_reason_set(
                reason, -errno, "cannot read the list %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret = bytes;
    *ret_size = done;
    bytes = NULL;
    return 0;
}

// The folder of a file as an absolute path.
static int folder_of(const char *path, char ret[static IDN_PATH_SIZE], struct idn_reason *reason)
{
    char here[IDN_PATH_SIZE] = "";
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path) + 1;

    if (*path != '/' && getcwd(here, sizeof(here)) == NULL)
        return idn_reason_set(
            reason, -errno, "cannot find the current folder: %s", strerror(errno));
    if (snprintf(ret, IDN_PATH_SIZE, "%s%s%.*s", here, *here == '\0' ? "" : "/", length, path) >=
        IDN_PATH_SIZE)
        return idn_reason_set(
            reason, -ENAMETOOLONG, "the path of the list %.100s is too long", path);
    return 0;
}

int idn_list_open(const char *path, struct idn_list **ret, struct idn_reason *reason)
{
    char base[IDN_PATH_SIZE], *bytes = NULL;
    size_t size = 0;
    int error = folder_of(path, base, reason);

    if (error == 0)
        error = read_all(path, &bytes, &size, reason);
    return error < 0 ? error : build(bytes, size, base, path, ret, reason);
}

void idn_list_destroy(struct idn_list **list)
{
    if (*list == NULL)
        return;
    free((*list)->bytes);
    free((*list)->base);
    free((*list)->line);
    free(*list);
    *list = NULL;
}

uint32_t idn_list_count(const struct idn_list *list)
{
    return list->lines;
}

void idn_list_get(const struct idn_list *list, uint32_t index, struct idn_list_entry *ret)
{
    IDN_ASSERT(index < list->lines);
    struct fields fields = split_line(list, index);
    const char *base = *fields.path == '/' ? "" : list->base;

    *ret = (struct idn_list_entry){.has_digest = fields.digest != NULL};
    (void)snprintf(
        ret->path, sizeof(ret->path), "%s%.*s", base, (int)fields.path_length, fields.path);
    if (fields.digest != NULL) {
        IDN_ASSERT(read_size(&fields, &ret->size) == 0);
        IDN_ASSERT(read_digest(&fields, &ret->digest) == 0);
    }
}

const struct idn_sha256 *idn_list_digest(const struct idn_list *list)
{
    return &list->digest;
}

const void *idn_list_bytes(const struct idn_list *list, size_t *ret_size)
{
    *ret_size = list->size;
    return list->bytes;
}
