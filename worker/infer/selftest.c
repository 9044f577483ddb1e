#include "worker/infer/selftest.h"

#include "base/assert.h"
#include "weights/list.h"
#include "worker/infer/slice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 16 };

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
        ret->name[ret->count++] = strdup(line);
    }
    free(line);
    (void)fclose(file);
    return 0;
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

static void run_list(const struct idn_infer_options *options, struct idn_engine *engine,
    struct idn_network *network, const struct idn_list *list, const struct labels *labels)
{
    static struct idn_list_entry entry[SLICE];
    struct idn_child_image image[SLICE];
    struct idn_result row[SLICE];
    struct idn_slicer *slicer;
    uint32_t images = idn_list_count(list);
    uint64_t us, total_us = 0;

    idn_slicer_new(engine, &slicer);
    for (uint32_t first = 0; first < images; first += SLICE) {
        uint32_t count = images - first < SLICE ? images - first : SLICE;
        for (uint32_t i = 0; i < count; i++) {
            idn_list_get(list, first + i, &entry[i]);
            image[i] = (struct idn_child_image){.index = first + i,
                .size = entry[i].size,
                .has_digest = entry[i].has_digest,
                .digest = entry[i].digest,
                .path = entry[i].path};
        }
        idn_slicer_run(slicer, network, image, count, row, &us);
        total_us += us;
        for (uint32_t i = 0; i < count; i++)
            print_row(entry[i].path, &row[i], labels, options->top5 ? IDN_TOP : 1);
    }
    idn_slicer_destroy(&slicer);
    (void)fprintf(stderr, "%u images in %.3f s, %.2f images/s (%s, %u threads)\n", images,
        (double)total_us / 1e6, total_us > 0 ? images * 1e6 / (double)total_us : 0.0,
        engine->class_name, idn_pool_threads(engine->pool));
}

int idn_selftest(
    const struct idn_infer_options *options, struct idn_engine *engine, struct idn_reason *reason)
{
    struct idn_network *network = NULL;
    struct idn_list *list = NULL;
    struct labels labels = {0};

    int error = idn_list_open(options->list, &list, reason);
    if (error == 0 && options->labels != NULL)
        error = read_labels(options->labels, &labels, reason);
    if (error == 0)
        error = idn_engine_load(engine, options->cfg, options->weights, &network, reason);
    if (error == 0) {
        run_list(options, engine, network, list, &labels);
        if (fflush(stdout) != 0)
            error = idn_reason_set(reason, -errno, "cannot write to stdout: %s", strerror(errno));
    }
    idn_engine_unload(engine, &network);
    free_labels(&labels);
    idn_list_destroy(&list);
    return error;
}
