#include "broker/core/vector.h"

#include "base/assert.h"

#include <string.h>

void idn_vector_init(
    struct idn_vector *vector, struct idn_vector_entry *at, uint32_t slots, uint32_t max)
{
    IDN_ASSERT((slots & (slots - 1)) == 0 && max < slots);
    *vector = (struct idn_vector){.at = at, .mask = slots - 1, .max = max};
}

// Incarnations are random, but whoever speaks for the other broker could choose them: mixed (the
// end of MurmurHash3), so that at least neighbours do not pile up.
static uint32_t home(const struct idn_vector *vector, uint64_t incarnation)
{
    uint64_t hash = incarnation;

    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(hash ^ hash >> 33) & vector->mask;
}

// Its slot, or the free one where it would be.
static struct idn_vector_entry *slot_of(const struct idn_vector *vector, uint64_t incarnation)
{
    uint32_t slot = home(vector, incarnation);

    while (vector->at[slot].incarnation != 0 && vector->at[slot].incarnation != incarnation)
        slot = (slot + 1) & vector->mask;
    return &vector->at[slot];
}

struct idn_vector_entry *idn_vector_find(const struct idn_vector *vector, uint64_t incarnation)
{
    if (vector->count == 0 || incarnation == 0)
        return NULL;
    struct idn_vector_entry *entry = slot_of(vector, incarnation);
    return entry->incarnation == 0 ? NULL : entry;
}

struct idn_vector_entry *idn_vector_add(struct idn_vector *vector, uint64_t incarnation)
{
    if (incarnation == 0)
        return NULL;
    struct idn_vector_entry *entry = slot_of(vector, incarnation);
    if (entry->incarnation == incarnation)
        return entry;
    if (vector->count == vector->max)
        return NULL;
    vector->count++;
    entry->incarnation = incarnation;
    return entry;
}

void idn_vector_forget_there(struct idn_vector *vector)
{
    for (uint32_t slot = 0; vector->count > 0 && slot <= vector->mask; slot++)
        vector->at[slot].there = 0;
}

uint32_t idn_vector_list(
    const struct idn_vector *vector, uint32_t *slot, uint32_t most, struct idn_held *ret)
{
    uint32_t count = 0;

    for (; *slot <= vector->mask && count < most; (*slot)++) {
        const struct idn_vector_entry *entry = &vector->at[*slot];
        if (entry->here > 0)
            ret[count++] = (struct idn_held){entry->incarnation, entry->here};
    }
    return count;
}

uint32_t idn_vector_lacking(const struct idn_vector *vector, uint32_t most, struct idn_origin *ret)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot <= vector->mask; slot++) {
        const struct idn_vector_entry *entry = &vector->at[slot];
        if (entry->here <= entry->there)
            continue;
        if (count < most)
            ret[count] = (struct idn_origin){entry->incarnation, entry->there + 1};
        count++;
    }
    return count;
}
