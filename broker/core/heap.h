// A binary heap of numbered items by due time, ties by number; an item knows its place, so that it
// can be moved or removed. Memory is the caller's.
#ifndef IDN_BROKER_CORE_HEAP_H
#define IDN_BROKER_CORE_HEAP_H

#include <stdint.h>

struct idn_heap_item {
    uint64_t due;
    uint32_t item;
};

struct idn_heap {
    struct idn_heap_item *at; // max of them
    uint32_t *place;          // of an item: 1 + its place in the heap; 0: not in it
    uint32_t count, max;
};

void idn_heap_init(struct idn_heap *heap, struct idn_heap_item *at, uint32_t *place, uint32_t max);
void idn_heap_set(struct idn_heap *heap, uint32_t item, uint64_t due); // puts it in or moves it
void idn_heap_remove(struct idn_heap *heap, uint32_t item); // no effect when it is not in it
uint64_t idn_heap_due(const struct idn_heap *heap);         // the earliest; UINT64_MAX when empty

#endif
