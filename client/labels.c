#include "client/labels.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct idn_labels {
    uint32_t count, room;
    char **name; // owned, each of them too
};

static void add(struct idn_labels *labels, const char *line)
{
    if (labels->count == labels->room) {
        labels->room = labels->room * 2 + 64;
        labels->name = reallocarray(labels->name, labels->room, sizeof(*labels->name));
        IDN_ASSERT(labels->name != NULL);
    }
    char *name = strndup(line, strcspn(line, "\r\n"));
    IDN_ASSERT(name != NULL);
    labels->name[labels->count++] = name;
}

int idn_labels_open(const char *path, struct idn_labels **ret)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;

    if (file == NULL)
        return -errno;
    struct idn_labels *labels = calloc(1, sizeof(*labels));
    IDN_ASSERT(labels != NULL);
    while (getline(&line, &room, file) >= 0)
        add(labels, line);
    int error = ferror(file) ? -EIO : 0;
    free(line);
    (void)fclose(file);
    if (error != 0)
        idn_labels_destroy(&labels);
    else
        *ret = labels;
    return error;
}

void idn_labels_destroy(struct idn_labels **labels)
{
    if (*labels == NULL)
        return;
    for (uint32_t i = 0; i < (*labels)->count; i++)
        free((*labels)->name[i]);
    free((*labels)->name);
    free(*labels);
    *labels = NULL;
}

const char *idn_labels_get(const struct idn_labels *labels, uint32_t class_id)
{
    return class_id < labels->count ? labels->name[class_id] : "";
}
