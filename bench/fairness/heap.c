#include "bench/fairness/heap.h"

#include <stdlib.h>

static bool before(const struct fair_event *a, const struct fair_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void fair_heap_push(struct fair_heap *heap, struct fair_event event)
{
    if (heap->count == heap->room) {
        heap->room = heap->room * 2 + 256;
        struct fair_event *room = realloc(heap->event, heap->room * sizeof(*room));
        if (room == NULL)
            abort();
        heap->event = room;
    }
    event.order = heap->orders++;
    size_t at = heap->count++;
    while (at > 0 && before(&event, &heap->event[(at - 1) / 2])) {
        heap->event[at] = heap->event[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->event[at] = event;
}

bool fair_heap_pop(struct fair_heap *heap, struct fair_event *ret)
{
    if (heap->count == 0)
        return false;
    *ret = heap->event[0];
    struct fair_event last = heap->event[--heap->count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < heap->count) {
        if (child + 1 < heap->count && before(&heap->event[child + 1], &heap->event[child]))
            child++;
        if (!before(&heap->event[child], &last))
            break;
        heap->event[at] = heap->event[child];
        at = child;
    }
    heap->event[at] = last;
    return true;
}

void fair_heap_fini(struct fair_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        free(heap->event[i].payload);
    free(heap->event);
    *heap = (struct fair_heap){.count = 0};
}
