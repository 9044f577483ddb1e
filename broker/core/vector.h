// The version vectors of both brokers in one table: how many facts of each incarnation are here,
// and how many the other broker is known to have. Open addressing, never shrinks; entries stay
// where they are. Memory is the caller's.
#ifndef IDN_BROKER_CORE_VECTOR_H
#define IDN_BROKER_CORE_VECTOR_H

#include "proto/mirror.h"

#include <stdbool.h>
#include <stdint.h>

struct idn_vector_entry {
    uint64_t incarnation; // 0: the slot is free
    uint64_t here, there; // facts 1 .. here are in this store, 1 .. there in the other one
};

struct idn_vector {
    struct idn_vector_entry *at; // mask + 1 slots, zeroed
    uint32_t mask, count, max;   // max: entries, less than there are slots
};

void idn_vector_init(
    struct idn_vector *vector, struct idn_vector_entry *at, uint32_t slots, uint32_t max);

// NULL: not in it.
struct idn_vector_entry *idn_vector_find(const struct idn_vector *vector, uint64_t incarnation);
// Found or added; NULL: it is full, or the incarnation is 0.
struct idn_vector_entry *idn_vector_add(struct idn_vector *vector, uint64_t incarnation);

// Nothing is known any more of what the other broker has.
void idn_vector_forget_there(struct idn_vector *vector);
// What is here, for a VECTOR frame: from *slot on, most entries at most; advances *slot, which
// begins as 0, and is mask + 1 after the last one. Returns how many.
uint32_t idn_vector_list(
    const struct idn_vector *vector, uint32_t *slot, uint32_t most, struct idn_held *ret);
// Where the other broker's facts end before those here do: at most `most` places, each the next
// fact that it lacks. Returns how many there are in all.
uint32_t idn_vector_lacking(const struct idn_vector *vector, uint32_t most, struct idn_origin *ret);

#endif
