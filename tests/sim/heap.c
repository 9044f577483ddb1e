#include "tests/sim/heap.h"

#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void sim_heap_push(struct sim_heap *heap, struct sim_event event)
{
    if (heap->count == heap->room) {
        heap->room = heap->room * 2 + 256;
        heap->event = realloc(heap->event, heap->room * sizeof(*heap->event));
        if (heap->event == NULL)
            abort();
    }
    event.order = heap->order++;
    size_t at = heap->count++;
    while (at > 0 && before(&event, &heap->event[(at - 1) / 2])) {
        heap->event[at] = heap->event[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->event[at] = event;
}

bool sim_heap_pop(struct sim_heap *heap, struct sim_event *ret)
{
    if (heap->count == 0)
        return false;
    *ret = heap->event[0];
    struct sim_event last = heap->event[--heap->count];
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
