// idunno-dataset make: a folder of pictures that is either whole or says that it is not.
//
// FOLDER/manifest holds what the set is made of; it is written with "unfinished" before the first
// picture and again after the last, so that a set that was broken off is neither used nor taken for
// a folder of somebody else's.
#include "base/sha256.h"
#include "bench/dataset.h"
#include "weights/list.h"
#include "weights/new_file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>

#define PHOTOS "/usr/share/darknet/data"

enum { MANIFEST_SIZE = 512 };

struct set {
    uint32_t images;
    uint64_t seed;
    const char *folder;
    struct idn_photos photos;
    uint64_t bytes; // of all pictures
    struct idn_reason reason;
};

static int path_in(const struct set *set, const char *name, char ret[static IDN_PATH_SIZE])
{
    return snprintf(ret, IDN_PATH_SIZE, "%s/%s", set->folder, name) < IDN_PATH_SIZE ? 0
                                                                                    : -ENAMETOOLONG;
}

static int picture_path(const struct set *set, uint32_t index, char ret[static IDN_PATH_SIZE])
{
    char name[32];
    (void)snprintf(name, sizeof(name), "%06" PRIu32 ".jpg", index);
    return path_in(set, name, ret);
}

static void describe(const struct set *set, const char *state, char ret[static MANIFEST_SIZE])
{
    char hex[IDN_SHA256_HEX_SIZE];
    struct idn_sha256 digest;

    memcpy(digest.bytes, set->photos.digest, sizeof(digest.bytes));
    idn_sha256_to_hex(&digest, hex);
    (void)snprintf(ret, MANIFEST_SIZE,
        "idunno-dataset 1\nimages %" PRIu32 "\nseed %" PRIu64 "\nphotos %s\n%s\n", set->images,
        set->seed, hex, state);
}

static int write_text(struct set *set, const char *path, const char *text)
{
    struct idn_new_file out;
    int error = idn_new_file_open(path, &out, &set->reason);

    if (error < 0)
        return error;
    if (fputs(text, out.file) >= 0)
        return idn_new_file_commit(&out, &set->reason);
    error = idn_reason_set(&set->reason, -EIO, "cannot write %s: %s", path, strerror(errno));
    idn_new_file_abort(&out);
    return error;
}

static int write_manifest(struct set *set, const char *state)
{
    char path[IDN_PATH_SIZE], text[MANIFEST_SIZE];
    int error = path_in(set, "manifest", path);

    describe(set, state, text);
    return error < 0 ? error : write_text(set, path, text);
}

static void read_manifest(const struct set *set, char ret[static MANIFEST_SIZE])
{
    char path[IDN_PATH_SIZE];

    ret[0] = '\0';
    FILE *in = path_in(set, "manifest", path) < 0 ? NULL : fopen(path, "re");
    if (in == NULL)
        return;
    ret[fread(ret, 1, MANIFEST_SIZE - 1, in)] = '\0';
    (void)fclose(in);
}

// The sizes of all pictures together; -1 when one is missing.
static int64_t sum_sizes(const struct set *set)
{
    char path[IDN_PATH_SIZE];
    struct stat status;
    int64_t sum = 0;

    for (uint32_t i = 0; i < set->images; i++) {
        if (picture_path(set, i, path) < 0 || stat(path, &status) < 0)
            return -1;
        sum += status.st_size;
    }
    return sum;
}

static void finished_state(uint64_t bytes, char ret[static 64])
{
    (void)snprintf(ret, 64, "finished, %" PRIu64 " bytes of pictures", bytes);
}

static bool is_there(const struct set *set)
{
    char found[MANIFEST_SIZE], expected[MANIFEST_SIZE], state[64], path[IDN_PATH_SIZE];
    int64_t bytes = sum_sizes(set);

    if (bytes < 0 || path_in(set, "images.list", path) < 0 || access(path, R_OK) < 0)
        return false;
    finished_state((uint64_t)bytes, state);
    describe(set, state, expected);
    read_manifest(set, found);
    return strcmp(found, expected) == 0;
}

// Whether a folder that is there may be filled: it is empty, or a set of ours.
static int check_folder(struct set *set)
{
    char found[MANIFEST_SIZE];
    const struct dirent *entry;
    bool empty = true;

    if (mkdir(set->folder, 0777) < 0 && errno != EEXIST)
        return idn_reason_set(
            &set->reason, -errno, "cannot make the folder %s: %s", set->folder, strerror(errno));
    DIR *folder = opendir(set->folder);
    if (folder == NULL)
        return idn_reason_set(
            &set->reason, -errno, "cannot read the folder %s: %s", set->folder, strerror(errno));
    while ((entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    (void)closedir(folder);
    read_manifest(set, found);
    if (!empty && strncmp(found, "idunno-dataset 1\n", 17) != 0)
        return idn_reason_set(&set->reason, -EEXIST,
            "the folder %s is not empty and holds no set of idunno-dataset; name another with "
            "--output",
            set->folder);
    return 0;
}

static int write_picture(struct set *set, uint32_t index)
{
    char path[IDN_PATH_SIZE];
    uint8_t *jpeg = NULL;
    size_t size = 0;
    int error = idn_picture_make(&set->photos, set->seed, index, &jpeg, &size, &set->reason);

    if (error < 0 || (error = picture_path(set, index, path)) < 0)
        return error;
    FILE *out = fopen(path, "we");
    size_t done = out == NULL ? 0 : fwrite(jpeg, 1, size, out);
    if (out == NULL || fclose(out) != 0 || done != size)
        error = idn_reason_set(&set->reason, -errno, "cannot write %s: %s", path, strerror(errno));
    set->bytes += size;
    tjFree(jpeg);
    return error;
}

// One path a line; `prefix` before each.
static int write_list(struct set *set, const char *path, const char *prefix)
{
    struct idn_new_file out;
    int error = idn_new_file_open(path, &out, &set->reason);

    if (error < 0)
        return error;
    for (uint32_t i = 0; i < set->images; i++)
        (void)fprintf(out.file, "%s%06" PRIu32 ".jpg\n", prefix, i);
    if (ferror(out.file) == 0)
        return idn_new_file_commit(&out, &set->reason);
    error = idn_reason_set(&set->reason, -EIO, "cannot write %s", path);
    idn_new_file_abort(&out);
    return error;
}

// Pictures of a larger set that was here before.
static void remove_rest(const struct set *set)
{
    char path[IDN_PATH_SIZE];

    for (uint32_t i = set->images; picture_path(set, i, path) == 0 && unlink(path) == 0; i++)
        continue;
}

static int make(struct set *set)
{
    char path[IDN_PATH_SIZE], state[64];
    int error = check_folder(set);

    if (error == 0)
        error = write_manifest(set, "unfinished");
    for (uint32_t i = 0; error == 0 && i < set->images; i++) {
        error = write_picture(set, i);
        idn_program_percent("making pictures", 100 * ((uint64_t)i + 1) / set->images);
    }
    if (error == 0)
        error = path_in(set, "images.list", path);
    if (error == 0)
        error = write_list(set, path, "");
    if (error < 0)
        return error;
    remove_rest(set);
    finished_state(set->bytes, state);
    return write_manifest(set, state);
}

static int write_other_list(struct set *set, const char *list)
{
    char *folder = realpath(set->folder, NULL), prefix[IDN_PATH_SIZE];

    if (folder == NULL)
        return idn_reason_set(
            &set->reason, -errno, "cannot find %s: %s", set->folder, strerror(errno));
    int length = snprintf(prefix, sizeof(prefix), "%s/", folder);
    free(folder);
    if (length >= IDN_PATH_SIZE - 16)
        return idn_reason_set(
            &set->reason, -ENAMETOOLONG, "the path of %s is too long", set->folder);
    return write_list(set, list, prefix);
}

int idn_dataset_make(uint32_t images, uint64_t seed, const char *folder, const char *list)
{
    struct set set = {.images = images, .seed = seed, .folder = folder};
    int error = idn_photos_load(PHOTOS, &set.photos, &set.reason);
    bool there = error == 0 && is_there(&set);

    if (error == 0 && !there)
        error = make(&set);
    if (error == 0 && list != NULL)
        error = write_other_list(&set, list);
    idn_photos_fini(&set.photos);
    if (error < 0)
        return idn_program_fail(IDN_DATASET, "%s", set.reason.text);
    (void)printf("%s/images.list: %" PRIu32 " pictures of seed %" PRIu64 "%s\n", folder, images,
        seed, there ? " were there already" : "");
    return IDN_EXIT_OK;
}
