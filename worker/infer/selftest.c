#include "worker/infer/selftest.h"

#include "base/assert.h"
#include "worker/infer/selftest_compare.h"
#include "worker/infer/slice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE_USUAL = IDN_CHILD_IMAGES_MAX / 2 };

struct labels {
    char **name; // owned
    uint32_t count;
};

static int read_labels(const char *path, struct labels *ret, struct idn_reason *reason)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0, slots = 0;
    ssize_t length;

    if (file == NULL)
        return idn_reason_set(reason, -errno, "%s: %s", path, strerror(errno));
    while ((length = getline(&line, &room, file)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (ret->count == slots) {
            slots = slots == 0 ? 1024 : 2 * slots;
            ret->name = realloc(ret->name, slots * sizeof(*ret->name));
            IDN_ASSERT(ret->name != NULL);
        }
        ret->name[ret->count] = strdup(line);
        IDN_ASSERT(ret->name[ret->count] != NULL);
        ret->count++;
    }
    int error = ferror(file) != 0 ? -errno : 0;
    free(line);
    (void)fclose(file);
    return error == 0 ? 0 : idn_reason_set(reason, error, "%s: %s", path, strerror(-error));
}

static void free_labels(struct labels *labels)
{
    for (uint32_t i = 0; i < labels->count; i++)
        free(labels->name[i]);
    free(labels->name);
}

static void print_row(
    const char *path, const struct idn_result *row, const struct labels *labels, unsigned classes)
{
    (void)printf("%s\t%s", path, idn_status_name(row->status));
    for (unsigned i = 0; i < classes && row->class_id[i] != IDN_NO_CLASS; i++) {
        // Nine digits bring a float back to the bit.
        (void)printf("\t%u:%.9g", row->class_id[i], (double)row->probability[i]);
        if (row->class_id[i] < labels->count)
            (void)printf(":%s", labels->name[row->class_id[i]]);
    }
    (void)printf("\n");
}

// The list's slices: one is run while the one after it may be prepared.
struct course {
    const struct idn_list *list;
    struct idn_network *network;
    uint32_t most;  // images of a slice
    uint32_t first; // image of the next one
    struct idn_slice now, after;
    bool told; // `after` is
    struct idn_list_entry entry[2][IDN_CHILD_IMAGES_MAX];
    struct idn_child_image image[2][IDN_CHILD_IMAGES_MAX];
    unsigned turn; // which of them is next
};

void idn_selftest_images(const struct idn_list *list, uint32_t first, uint32_t count,
    struct idn_list_entry *ret_entries, struct idn_child_image *ret_images)
{
    for (uint32_t i = 0; i < count; i++) {
        struct idn_list_entry *entry = &ret_entries[i];
        idn_list_get(list, first + i, entry);
        ret_images[i] = (struct idn_child_image){.index = first + i,
            .size = entry->size,
            .has_digest = entry->has_digest,
            .digest = entry->digest,
            .path = entry->path};
    }
}

static bool cut_slice(struct course *course, struct idn_slice *ret)
{
    uint32_t left = idn_list_count(course->list) - course->first;
    struct idn_list_entry *entry = course->entry[course->turn];
    struct idn_child_image *image = course->image[course->turn];

    if (left == 0)
        return false;
    *ret = (struct idn_slice){.network = course->network,
        .images = image,
        .count = left < course->most ? left : course->most};
    idn_selftest_images(course->list, course->first, ret->count, entry, image);
    course->first += ret->count;
    course->turn = 1 - course->turn;
    return true;
}

static bool tell_next(void *context, struct idn_slice *ret)
{
    struct course *course = context;

    if (course->told || !cut_slice(course, &course->after))
        return false;
    course->told = true;
    *ret = course->after;
    return true;
}

static bool take_next(struct course *course)
{
    if (!course->told)
        return cut_slice(course, &course->now);
    course->now = course->after;
    course->told = false;
    return true;
}

// Of all threads.
static double processor_ms(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void run_list(const struct idn_infer_options *options, struct idn_engine *engine,
    struct idn_network *network, const struct idn_list *list, const struct labels *labels)
{
    struct course *course = calloc(1, sizeof(*course));
    struct idn_result row[IDN_CHILD_IMAGES_MAX];
    struct idn_slicer *slicer;
    uint32_t images = idn_list_count(list);
    uint64_t us, total_us = 0;
    double begun_ms = processor_ms();

    IDN_ASSERT(course != NULL);
    *course = (struct course){.list = list,
        .network = network,
        .most = options->slice > 0 ? options->slice : SLICE_USUAL};
    idn_slicer_new(engine, tell_next, course, &slicer);
    while (take_next(course)) {
        idn_slicer_run(slicer, &course->now, row, &us);
        total_us += us;
        for (uint32_t i = 0; i < course->now.count; i++)
            print_row(course->now.images[i].path, &row[i], labels, options->top5 ? IDN_TOP : 1);
    }
    idn_slicer_destroy(&slicer);
    free(course);
    (void)fprintf(stderr,
        "%u images in %.3f s, %.2f images/s, %.3f ms of processor time each (%s, %u threads)\n",
        images, (double)total_us / 1e6, total_us > 0 ? images * 1e6 / (double)total_us : 0.0,
        images > 0 ? (processor_ms() - begun_ms) / images : 0.0, engine->class_name,
        idn_pool_threads(engine->pool));
}

int idn_selftest(
    const struct idn_infer_options *options, struct idn_engine *engine, struct idn_reason *reason)
{
    struct idn_network *network = NULL;
    struct idn_list *list = NULL;
    struct labels labels = {0};

    if (options->compare_ops != NULL)
        return idn_selftest_compare(options, engine, reason);
    int error = idn_list_open(options->list, &list, reason);
    if (error == 0 && options->labels != NULL)
        error = read_labels(options->labels, &labels, reason);
    if (error == 0)
        error = idn_engine_load(engine, options->cfg, options->weights, &network, reason);
    if (error == 0)
        run_list(options, engine, network, list, &labels);
    idn_engine_unload(engine, &network);
    free_labels(&labels);
    idn_list_destroy(&list);
    return error;
}
