// Names of workers that are drained, and of those that were: a drain that comes late from the other
// broker must not outlive a later undrain, so no name is ever dropped.
#ifndef IDN_BROKER_CORE_DRAINED_H
#define IDN_BROKER_CORE_DRAINED_H

#include "proto/fact.h"

#include <stdbool.h>
#include <stdint.h>

struct idn_drained_name {
    char name[IDN_NAME_SIZE];
    struct idn_stamp set; // of the SETTING fact that counts
    bool drained;
};

struct idn_drained {
    struct idn_drained_name *name;
    uint32_t count, max;
    uint32_t *index; // open addressing by the name: 1 + place in name, 0 empty
    uint32_t index_mask;
};

// The memory must be zeroed; the index has a power of two of entries, at most half of them used.
void idn_drained_init(struct idn_drained *drained, struct idn_drained_name *name, uint32_t max,
    uint32_t *index, uint32_t index_size);

bool idn_drained_has(const struct idn_drained *drained, const char *name);
// NULL: it never was.
struct idn_drained_name *idn_drained_find(const struct idn_drained *drained, const char *name);
// Found or added, not drained. NULL: full.
struct idn_drained_name *idn_drained_put(struct idn_drained *drained, const char *name);

#endif
