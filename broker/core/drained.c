#include "broker/core/drained.h"

#include "base/format.h"

#include <string.h>

void idn_drained_init(struct idn_drained *drained, struct idn_drained_name *name, uint32_t max,
    uint32_t *index, uint32_t index_size)
{
    *drained = (struct idn_drained){
        .name = name, .max = max, .index = index, .index_mask = index_size - 1};
}

// FNV-1a (64 bit).
static uint32_t home(const struct idn_drained *drained, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return (uint32_t)(hash >> 32) & drained->index_mask;
}

// Where the name stands, or the empty entry where it belongs.
static uint32_t *place_of(const struct idn_drained *drained, const char *name)
{
    uint32_t at = home(drained, name);

    while (drained->index[at] != 0 && strcmp(drained->name[drained->index[at] - 1].name, name) != 0)
        at = (at + 1) & drained->index_mask;
    return &drained->index[at];
}

struct idn_drained_name *idn_drained_find(const struct idn_drained *drained, const char *name)
{
    uint32_t place = *place_of(drained, name);

    return place == 0 ? NULL : &drained->name[place - 1];
}

bool idn_drained_has(const struct idn_drained *drained, const char *name)
{
    const struct idn_drained_name *found = idn_drained_find(drained, name);

    return found != NULL && found->drained;
}

struct idn_drained_name *idn_drained_put(struct idn_drained *drained, const char *name)
{
    uint32_t *place = place_of(drained, name);

    if (*place == 0 && drained->count == drained->max)
        return NULL;
    if (*place == 0) {
        *place = ++drained->count;
        idn_copy_text(drained->name[*place - 1].name, IDN_NAME_SIZE, name);
    }
    return &drained->name[*place - 1];
}
