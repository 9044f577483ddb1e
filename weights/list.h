// A data set's list: one image a line, `path`, or `path TAB size TAB sha256`; index = line number
// from 0. Empty lines are not allowed (they would shift the index), a last newline is optional.
// Relative paths start at the list's own folder (`base`). A list holds at most IDN_JOB_IMAGES_MAX
// lines.
#ifndef IDN_WEIGHTS_LIST_H
#define IDN_WEIGHTS_LIST_H

#include "base/error.h"
#include "base/sha256.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_list; // opaque: the bytes and where each line begins

struct idn_list_entry {
    char path[IDN_PATH_SIZE]; // absolute when base is
    uint64_t size;            // 0: not stated
    bool has_digest;
    struct idn_sha256 digest;
};

// From a file, or from bytes in memory (copied). The reason names file and line (from 1) of what is
// wrong.
int idn_list_open(const char *path, struct idn_list **ret, struct idn_reason *reason);
int idn_list_parse(const void *bytes, size_t size, const char *base, struct idn_list **ret,
    struct idn_reason *reason);
void idn_list_destroy(struct idn_list **list);

uint32_t idn_list_count(const struct idn_list *list);
void idn_list_get(const struct idn_list *list, uint32_t index, struct idn_list_entry *ret);
const struct idn_sha256 *idn_list_digest(const struct idn_list *list);
const void *idn_list_bytes(const struct idn_list *list, size_t *ret_size); // borrowed

#endif
