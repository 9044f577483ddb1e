// idunno-dataset list: the data set of a folder of images.
#include "base/assert.h"
#include "base/sha256.h"
#include "bench/dataset.h"
#include "weights/list.h"
#include "weights/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct images {
    char **path; // owned, absolute
    size_t count, room;
    size_t other, unnameable;
};

static void images_fini(struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->path[i]);
    free(images->path);
}

// By what the file begins with; its name says nothing certain.
static int sniff(const char *path, bool *ret_image, struct idn_reason *reason)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff},
                         png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[sizeof(png)] = {0};
    IDN_CLEANUP(idn_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || pread(fd, head, sizeof(head), 0) < 0)
        return idn_reason_set(reason, -errno, "cannot read %s: %s", path, strerror(errno));
    *ret_image = memcmp(head, jpeg, sizeof(jpeg)) == 0 || memcmp(head, png, sizeof(png)) == 0;
    return 0;
}

static int take(struct images *images, const char *path, struct idn_reason *reason)
{
    bool image = false;
    int error = sniff(path, &image, reason);

    if (error < 0)
        return error;
    if (!image) {
        images->other++;
        return 0;
    }
    // A list has one path a line, and tabs between its fields.
    if (strpbrk(path, "\n\r\t") != NULL || strlen(path) >= IDN_PATH_SIZE) {
        images->unnameable++;
        return 0;
    }
    if (images->count == images->room) {
        images->room = images->room * 2 + 256;
        images->path = reallocarray(images->path, images->room, sizeof(*images->path));
        IDN_ASSERT(images->path != NULL);
    }
    images->path[images->count] = strdup(path);
    IDN_ASSERT(images->path[images->count] != NULL);
    images->count++;
    return 0;
}

// Anything that cannot be looked at is an error: leaving it out would renumber what follows.
static int visit(struct images *images, const FTSENT *entry, struct idn_reason *reason)
{
    switch (entry->fts_info) {
    case FTS_F:
        return take(images, entry->fts_path, reason);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return idn_reason_set(reason, -entry->fts_errno, "cannot read %s: %s", entry->fts_path,
            strerror(entry->fts_errno));
    default: // folders, loops, sockets, links to nowhere
        return 0;
    }
}

static int collect(char *folder, struct images *images, struct idn_reason *reason)
{
    char *roots[] = {folder, NULL};
    const FTSENT *entry;
    int error = 0;
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);

    if (tree == NULL)
        return idn_reason_set(reason, -errno, "cannot read %s: %s", folder, strerror(errno));
    errno = 0;
    while (error == 0 && (entry = fts_read(tree)) != NULL)
        error = visit(images, entry, reason);
    (void)fts_close(tree);
    if (error == 0 && images->count == 0)
        error = idn_reason_set(reason, -ENOENT,
            "there is no JPEG or PNG file below %s (%zu other files)", folder, images->other);
    if (error == 0 && images->count > IDN_JOB_IMAGES_MAX)
        error = idn_reason_set(reason, -EINVAL,
            "there are %zu images below %s; a list has at most "
            "%d",
            images->count, folder, (int)IDN_JOB_IMAGES_MAX);
    return error;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int write_line(
    const char *path, const char *shown, bool with_hash, FILE *to, struct idn_reason *reason)
{
    struct idn_sha256 digest;
    char hex[IDN_SHA256_HEX_SIZE];
    uint64_t size = 0;

    if (!with_hash) {
        (void)fprintf(to, "%s\n", shown);
        return 0;
    }
    int error = idn_sha256_of_file(path, &digest, &size);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot read %s: %s", path, strerror(-error));
    idn_sha256_to_hex(&digest, hex);
    (void)fprintf(to, "%s\t%" PRIu64 "\t%s\n", shown, size, hex);
    return 0;
}

// `base`: a list in this folder (with a slash at its end) names what is below it without it.
static int write_lines(const struct images *images, const char *base, bool with_hash, FILE *to,
    struct idn_reason *reason)
{
    size_t length = strlen(base);

    for (size_t i = 0; i < images->count; i++) {
        const char *path = images->path[i];
        bool below = length > 0 && strncmp(path, base, length) == 0;
        int error = write_line(path, path + (below ? length : 0), with_hash, to, reason);
        if (error < 0)
            return error;
        if (with_hash)
            idn_program_percent("hashing", 100 * ((uint64_t)i + 1) / images->count);
    }
    return ferror(to) != 0 || fflush(to) != 0
               ? idn_reason_set(reason, -EIO, "cannot write the list: %s", strerror(errno))
               : 0;
}

// The real folder of the output, with a slash at its end; "" when it cannot be found.
static void base_of(const char *output, char ret[static IDN_PATH_SIZE])
{
    const char *slash = strrchr(output, '/');
    char folder[IDN_PATH_SIZE];

    ret[0] = '\0';
    (void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - output) + 1,
        slash == NULL ? "." : output);
    char *real = realpath(folder, NULL);
    if (real != NULL)
        (void)snprintf(ret, IDN_PATH_SIZE, "%s%s", real, strcmp(real, "/") == 0 ? "" : "/");
    free(real);
}

static int write_file(
    const struct images *images, bool with_hash, const char *output, struct idn_reason *reason)
{
    char base[IDN_PATH_SIZE];
    struct idn_new_file out;
    int error = idn_new_file_open(output, &out, reason);

    if (error < 0)
        return error;
    base_of(output, base);
    error = write_lines(images, base, with_hash, out.file, reason);
    if (error == 0)
        return idn_new_file_commit(&out, reason);
    idn_new_file_abort(&out);
    return error;
}

int idn_dataset_list(const char *folder, int with_hash, const char *output)
{
    struct images images = {0};
    struct idn_reason reason = {""};
    char *real = realpath(folder, NULL);

    if (real == NULL)
        return idn_program_fail(IDN_DATASET, "cannot read %s: %s", folder, strerror(errno));
    int error = collect(real, &images, &reason);
    if (error == 0 && images.path != NULL)
        qsort(images.path, images.count, sizeof(*images.path), by_name);
    if (error == 0)
        error = output == NULL ? write_lines(&images, "", with_hash != 0, stdout, &reason)
                               : write_file(&images, with_hash != 0, output, &reason);
    free(real);
    if (error == 0)
        (void)fprintf(stderr, "%zu images, %zu other files left out\n", images.count, images.other);
    if (error == 0 && images.unnameable > 0)
        (void)idn_program_fail(IDN_DATASET,
            "%zu images were left out: their paths hold a tab or a line break, or are longer than "
            "4095 bytes",
            images.unnameable);
    images_fini(&images);
    return error == 0 ? IDN_EXIT_OK : idn_program_fail(IDN_DATASET, "%s", reason.text);
}
