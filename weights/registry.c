#include "weights/registry.h"

#include "base/assert.h"
#include "weights/cfg.h"
#include "weights/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEIGHTS_FOLDER "/var/lib/idunno/weights"

enum { BATCH_DEFAULT = 400 };

// There without being declared: Debian's package darknet.
static const struct built_in {
    const char *name, *cfg;
    uint32_t batch;
} built_ins[] = {
    {"alexnet", "/usr/share/darknet/cfg/alexnet.cfg", 500},
    {"resnet18", "/usr/share/darknet/cfg/resnet18.cfg", 400},
};
static const char built_in_labels[] = "/usr/share/darknet/data/imagenet.shortnames.list";
enum { BUILT_INS = sizeof(built_ins) / sizeof(*built_ins) };

static const struct built_in *find_built_in(const char *name)
{
    for (size_t i = 0; i < BUILT_INS; i++)
        if (strcmp(name, built_ins[i].name) == 0)
            return &built_ins[i];
    return NULL;
}

struct reader {
    const struct idn_config *config;
    char folder[IDN_PATH_SIZE];  // of the configuration file, absolute, with a slash at its end
    char weights[IDN_PATH_SIZE]; // where weights are that the file does not place, likewise
    struct idn_reason *reason;
};

static int too_long(const struct reader *reader, const char *path)
{
    return idn_reason_set(reader->reason, -ENAMETOOLONG, "%s: the path %.100s... is too long",
        idn_config_file(reader->config), path);
}

// Absolute: a relative path begins at `folder`.
static int resolve(const struct reader *reader, const char *folder, const char *path,
    char ret[static IDN_PATH_SIZE])
{
    int length = snprintf(ret, IDN_PATH_SIZE, "%s%s", *path == '/' ? "" : folder, path);
    return length >= IDN_PATH_SIZE ? too_long(reader, path) : 0;
}

static int find_folders(struct reader *reader)
{
    const char *file = idn_config_file(reader->config), *named = getenv("IDUNNO_WEIGHTS");
    bool has_file = strcmp(file, "(defaults)") != 0;
    const char *slash = has_file ? strrchr(file, '/') : NULL;
    char current[IDN_PATH_SIZE - 1], here[IDN_PATH_SIZE], folder[IDN_PATH_SIZE];

    if (getcwd(current, sizeof(current)) == NULL)
        return idn_reason_set(
            reader->reason, -errno, "cannot find the current folder: %s", strerror(errno));
    (void)snprintf(here, sizeof(here), "%s/", current);
    if (snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 0 : (int)(slash - file) + 1,
            file) >= IDN_PATH_SIZE)
        return too_long(reader, file);
    int error = resolve(reader, here, folder, reader->folder);
    if (error < 0)
        return error;

    // What a program made does not belong below /etc.
    bool beside = has_file && strncmp(reader->folder, "/etc/", 5) != 0;
    if (named != NULL && *named != '\0')
        error = resolve(reader, here, named, folder);
    else
        error = resolve(reader, reader->folder, beside ? "weights" : WEIGHTS_FOLDER, folder);
    if (error == 0 && snprintf(reader->weights, IDN_PATH_SIZE, "%s/", folder) >= IDN_PATH_SIZE)
        error = too_long(reader, folder);
    return error;
}

// The path of the key of one declared name.
static const char *key_of(const char *section, const char *name, const char *key)
{
    static char path[3 * IDN_NAME_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", section, name, key);
    return path;
}

static const char *string_of(
    const struct reader *reader, const char *name, const char *key, const char *fallback)
{
    return idn_config_string(reader->config, key_of("models", name, key), fallback);
}

// A SHA-256 in hexadecimal, or nothing.
static int read_hex(
    const struct reader *reader, const char *key, struct idn_sha256 *ret, bool *ret_stated)
{
    const char *hex = idn_config_string(reader->config, key, NULL);

    *ret_stated = hex != NULL;
    if (hex != NULL && idn_sha256_from_hex(hex, ret) < 0)
        return idn_config_refuse(
            reader->config, key, "a SHA-256 of 64 hexadecimal digits", reader->reason);
    return 0;
}

static int read_url(const struct reader *reader, struct idn_model *model)
{
    const char *url = string_of(reader, model->name, "url", "");
    struct idn_sha256 digest;
    bool stated = false;

    if (*url != '\0' && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return idn_config_refuse(reader->config, key_of("models", model->name, "url"),
            "an address that begins with http:// or https://", reader->reason);
    if (snprintf(model->url, sizeof(model->url), "%s", url) >= IDN_PATH_SIZE)
        return too_long(reader, url);
    int error = idn_config_size(
        reader->config, key_of("models", model->name, "size"), 0, &model->url_size, reader->reason);
    if (error == 0)
        error = read_hex(reader, key_of("models", model->name, "sha256"), &digest, &stated);
    if (error == 0 && stated)
        idn_sha256_to_hex(&digest, model->url_sha256);
    return error;
}

static int read_paths(const struct reader *reader, struct idn_model *model)
{
    const struct built_in *built_in = find_built_in(model->name);
    const char *cfg = string_of(reader, model->name, "cfg", NULL);
    bool ours = cfg == NULL && built_in != NULL; // then its labels are ours too
    char fallback[IDN_NAME_SIZE + 16];

    if (cfg == NULL && built_in == NULL)
        return idn_reason_set(reader->reason, -EINVAL,
            "%s: models/%s has no cfg; write cfg = the path of its darknet cfg file",
            idn_config_file(reader->config), model->name);
    int error = resolve(reader, reader->folder, ours ? built_in->cfg : cfg, model->cfg);
    if (error < 0)
        return error;
    const char *weights = string_of(reader, model->name, "weights", NULL);
    (void)snprintf(fallback, sizeof(fallback), "%s.weights", model->name);
    error = weights == NULL ? resolve(reader, reader->weights, fallback, model->weights)
                            : resolve(reader, reader->folder, weights, model->weights);
    const char *labels = string_of(reader, model->name, "labels", ours ? built_in_labels : "");
    if (error == 0 && *labels != '\0')
        error = resolve(reader, reader->folder, labels, model->labels);
    return error;
}

static int read_model(const struct reader *reader, const char *name, struct idn_model *model)
{
    const struct built_in *built_in = find_built_in(name);
    uint64_t batch = 0;

    (void)snprintf(model->name, sizeof(model->name), "%s", name);
    int error = read_paths(reader, model);
    if (error == 0)
        error = idn_config_u64(reader->config, key_of("models", name, "batch"),
            built_in == NULL ? BATCH_DEFAULT : built_in->batch, 1, IDN_BATCH_MAX, &batch,
            reader->reason);
    if (error == 0)
        error = read_hex(
            reader, key_of("models", name, "digest"), &model->digest, &model->has_stated_digest);
    if (error == 0)
        error = read_url(reader, model);
    model->batch = (uint32_t)batch;
    model->states_batch =
        idn_config_string(reader->config, key_of("models", name, "batch"), NULL) != NULL;
    return error;
}

static int read_dataset(const struct reader *reader, const char *name, struct idn_dataset *dataset)
{
    const char *list = idn_config_string(reader->config, key_of("datasets", name, "list"), NULL);

    (void)snprintf(dataset->name, sizeof(dataset->name), "%s", name);
    if (list == NULL || *list == '\0')
        return idn_reason_set(reader->reason, -EINVAL,
            "%s: datasets/%s has no list; write list = the path of a file with one image path a "
            "line",
            idn_config_file(reader->config), name);
    int error = resolve(reader, reader->folder, list, dataset->list);
    if (error == 0)
        error = read_hex(reader, key_of("datasets", name, "digest"), &dataset->digest,
            &dataset->has_stated_digest);
    return error;
}

// The declared names of a section, each short enough to be one.
static int read_names(const struct reader *reader, const char *section, const char **names,
    size_t max, size_t *ret_count)
{
    size_t count = idn_config_names(reader->config, section, names, max + 1);

    if (count > max)
        return idn_reason_set(reader->reason, -EINVAL, "%s: there are more than %zu %s",
            idn_config_file(reader->config), max, section);
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) >= IDN_NAME_SIZE)
            return idn_reason_set(reader->reason, -EINVAL,
                "%s: the name '%.80s' in %s is longer than %d characters",
                idn_config_file(reader->config), names[i], section, (int)IDN_NAME_SIZE - 1);
    *ret_count = count;
    return 0;
}

static bool contains(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int read_models(const struct reader *reader, struct idn_registry *registry)
{
    const char *names[IDN_MODELS_MAX + 1];
    size_t count = 0;
    int error = read_names(reader, "models", names, IDN_MODELS_MAX - BUILT_INS, &count);

    if (error < 0)
        return error;
    registry->model = calloc(count + BUILT_INS, sizeof(*registry->model));
    IDN_ASSERT(registry->model != NULL);
    for (size_t i = 0; error == 0 && i < BUILT_INS; i++)
        error = read_model(reader, built_ins[i].name, &registry->model[registry->models++]);
    for (size_t i = 0; error == 0 && i < count; i++)
        if (find_built_in(names[i]) == NULL)
            error = read_model(reader, names[i], &registry->model[registry->models++]);
    for (uint32_t i = 0; i < registry->models; i++)
        registry->model[i].declared = contains(names, count, registry->model[i].name);
    return error;
}

static int read_datasets(const struct reader *reader, struct idn_registry *registry)
{
    const char *names[IDN_DATASETS_MAX + 1];
    size_t count = 0;
    int error = read_names(reader, "datasets", names, IDN_DATASETS_MAX, &count);

    if (error < 0)
        return error;
    registry->dataset = calloc(count + 1, sizeof(*registry->dataset));
    IDN_ASSERT(registry->dataset != NULL);
    for (size_t i = 0; error == 0 && i < count; i++)
        error = read_dataset(reader, names[i], &registry->dataset[registry->datasets++]);
    return error;
}

int idn_registry_new(
    const struct idn_config *config, struct idn_registry **ret, struct idn_reason *reason)
{
    struct reader reader = {.config = config, .reason = reason};
    struct idn_registry *registry = calloc(1, sizeof(*registry));

    IDN_ASSERT(registry != NULL);
    int error = find_folders(&reader);
    if (error == 0)
        error = read_models(&reader, registry);
    if (error == 0)
        error = read_datasets(&reader, registry);
    if (error < 0) {
        idn_registry_destroy(&registry);
        return error;
    }
    *ret = registry;
    return 0;
}

void idn_registry_destroy(struct idn_registry **registry)
{
    if (*registry == NULL)
        return;
    free((*registry)->model);
    free((*registry)->dataset);
    free(*registry);
    *registry = NULL;
}

static int digest_of(const char *cfg, const char *weights, struct idn_sha256 *ret)
{
    struct idn_sha256 parts[2];
    int error = idn_sha256_of_file(cfg, &parts[0], NULL);

    if (error == 0)
        error = idn_sha256_of_file(weights, &parts[1], NULL);
    if (error == 0)
        idn_sha256_of(parts, sizeof(parts), ret);
    return error;
}

static void set_problem(char problem[static IDN_TEXT_SIZE], const char *text)
{
    (void)snprintf(problem, IDN_TEXT_SIZE, "%.*s", (int)IDN_TEXT_SIZE - 1, text);
}

// A stated digest stays what it is: the file must follow it.
static void compare_digest(bool stated, struct idn_sha256 *digest, const struct idn_sha256 *found,
    const char *what, char problem[static IDN_TEXT_SIZE])
{
    char is[IDN_SHA256_HEX_SIZE], should[IDN_SHA256_HEX_SIZE];

    if (!stated)
        *digest = *found;
    if (memcmp(digest, found, sizeof(*found)) == 0)
        return;
    idn_sha256_to_hex(found, is);
    idn_sha256_to_hex(digest, should);
    (void)snprintf(problem, IDN_TEXT_SIZE,
        "the digest of %s is %.16s..., but the configuration states %.16s...", what, is, should);
}

static struct idn_file_stamp stamp_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return (struct idn_file_stamp){0};
    return (struct idn_file_stamp){.device = status.st_dev,
        .inode = status.st_ino,
        .size = (uint64_t)status.st_size,
        .written_s = status.st_mtim.tv_sec,
        .written_ns = status.st_mtim.tv_nsec};
}

static bool has_changed(const char *path, const struct idn_file_stamp *before)
{
    struct idn_file_stamp now = stamp_of(path);

    return now.device != before->device || now.inode != before->inode || now.size != before->size ||
           now.written_s != before->written_s || now.written_ns != before->written_ns;
}

bool idn_model_has_changed(const struct idn_model *model)
{
    return has_changed(model->cfg, &model->cfg_stamp) ||
           has_changed(model->weights, &model->weights_stamp);
}

void idn_model_inspect(struct idn_model *model)
{
    struct idn_cfg *cfg = NULL;
    struct idn_reason reason = {""};
    struct idn_sha256 digest;

    model->problem[0] = '\0';
    model->cfg_stamp = stamp_of(model->cfg); // before reading: what is written meanwhile is noticed
    model->weights_stamp = stamp_of(model->weights);
    int error = idn_cfg_read(model->cfg, &cfg, &reason);
    if (error == 0)
        error = idn_cfg_check_weights(cfg, model->weights, &reason);
    idn_cfg_destroy(&cfg);
    if (error == 0) {
        error = digest_of(model->cfg, model->weights, &digest);
        if (error < 0)
            (void)idn_reason_set(
                &reason, error, "cannot read the weights %s: %s", model->weights, strerror(-error));
    }
    if (error < 0)
        set_problem(model->problem, reason.text);
    else
        compare_digest(
            model->has_stated_digest, &model->digest, &digest, "cfg and weights", model->problem);
}

bool idn_model_is_unasked(const struct idn_model *model)
{
    return !model->declared && model->problem[0] != '\0' && access(model->weights, F_OK) != 0;
}

void idn_registry_unasked(const struct idn_registry *registry, char ret[static IDN_TEXT_SIZE])
{
    size_t used = 0;

    *ret = '\0';
    for (uint32_t i = 0; i < registry->models; i++)
        if (idn_model_is_unasked(&registry->model[i]) && used < IDN_TEXT_SIZE)
            used += (size_t)snprintf(ret + used, IDN_TEXT_SIZE - used, "%s%s",
                used == 0 ? "" : ", ", registry->model[i].name);
}

static void inspect_dataset(struct idn_dataset *dataset)
{
    struct idn_list *list = NULL;
    struct idn_reason reason = {""};

    dataset->problem[0] = '\0';
    if (idn_list_open(dataset->list, &list, &reason) < 0) {
        set_problem(dataset->problem, reason.text);
        return;
    }
    dataset->images = idn_list_count(list);
    compare_digest(dataset->has_stated_digest, &dataset->digest, idn_list_digest(list), "the list",
        dataset->problem);
    idn_list_destroy(&list);
}

void idn_registry_inspect(struct idn_registry *registry)
{
    for (uint32_t i = 0; i < registry->models; i++)
        idn_model_inspect(&registry->model[i]);
    for (uint32_t i = 0; i < registry->datasets; i++)
        inspect_dataset(&registry->dataset[i]);
}

const struct idn_model *idn_registry_model(const struct idn_registry *registry, const char *name)
{
    for (uint32_t i = 0; i < registry->models; i++)
        if (strcmp(registry->model[i].name, name) == 0)
            return &registry->model[i];
    return NULL;
}

const struct idn_dataset *idn_registry_dataset(
    const struct idn_registry *registry, const char *name)
{
    for (uint32_t i = 0; i < registry->datasets; i++)
        if (strcmp(registry->dataset[i].name, name) == 0)
            return &registry->dataset[i];
    return NULL;
}
