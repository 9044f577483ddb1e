#include "broker/core/heap.h"

#include "base/assert.h"

#include <stdbool.h>

void idn_heap_init(struct idn_heap *heap, struct idn_heap_item *at, uint32_t *place, uint32_t max)
{
    *heap = (struct idn_heap){.at = at, .place = place, .max = max};
}

static bool before(const struct idn_heap_item *a, const struct idn_heap_item *b)
{
    return a->due != b->due ? a->due < b->due : a->item < b->item;
}

static void put(struct idn_heap *heap, uint32_t place, struct idn_heap_item item)
{
    heap->at[place] = item;
    heap->place[item.item] = place + 1;
}

static void sift_up(struct idn_heap *heap, uint32_t place, struct idn_heap_item item)
{
    while (place > 0 && before(&item, &heap->at[(place - 1) / 2])) {
        put(heap, place, heap->at[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(heap, place, item);
}

static void sift_down(struct idn_heap *heap, uint32_t place, struct idn_heap_item item)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < heap->count && before(&heap->at[child + 1], &heap->at[child]))
            child++;
        if (child >= heap->count || !before(&heap->at[child], &item))
            break;
        put(heap, place, heap->at[child]);
        place = child;
    }
    put(heap, place, item);
}

void idn_heap_set(struct idn_heap *heap, uint32_t item, uint64_t due)
{
    idn_heap_remove(heap, item);
    IDN_ASSERT(item < heap->max && heap->count < heap->max);
    heap->count++;
    sift_up(heap, heap->count - 1, (struct idn_heap_item){.due = due, .item = item});
}

void idn_heap_remove(struct idn_heap *heap, uint32_t item)
{
    uint32_t place = heap->place[item];

    if (place == 0)
        return;
    heap->place[item] = 0;
    heap->count--;
    if (place - 1 == heap->count)
        return;
    struct idn_heap_item last = heap->at[heap->count];
    if (place > 1 && before(&last, &heap->at[(place - 2) / 2]))
        sift_up(heap, place - 1, last);
    else
        sift_down(heap, place - 1, last);
}

uint64_t idn_heap_due(const struct idn_heap *heap)
{
    return heap->count == 0 ? UINT64_MAX : heap->at[0].due;
}
