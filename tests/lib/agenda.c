#include "tests/lib/agenda.h"

#include <stdlib.h>

static bool before(const struct agenda_event *a, const struct agenda_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void make_room(struct agenda *agenda)
{
    if (agenda->count < agenda->room)
        return;
    agenda->room = agenda->room * 2 + 256;
    struct agenda_event *event = realloc(agenda->event, agenda->room * sizeof(*event));
    if (event == NULL)
        abort();
    agenda->event = event;
}

void agenda_add(struct agenda *agenda, struct agenda_event event)
{
    make_room(agenda);
    event.order = agenda->order++;
    size_t at = agenda->count++;
    while (at > 0 && before(&event, &agenda->event[(at - 1) / 2])) {
        agenda->event[at] = agenda->event[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    agenda->event[at] = event;
}

bool agenda_take(struct agenda *agenda, struct agenda_event *ret)
{
    if (agenda->count == 0)
        return false;
    *ret = agenda->event[0];
    struct agenda_event last = agenda->event[--agenda->count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < agenda->count) {
        if (child + 1 < agenda->count && before(&agenda->event[child + 1], &agenda->event[child]))
            child++;
        if (!before(&agenda->event[child], &last))
            break;
        agenda->event[at] = agenda->event[child];
        at = child;
    }
    agenda->event[at] = last;
    return true;
}

uint64_t agenda_due(const struct agenda *agenda)
{
    return agenda->count == 0 ? UINT64_MAX : agenda->event[0].at;
}

void agenda_fini(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->count; i++)
        free(agenda->event[i].payload);
    free(agenda->event);
    *agenda = (struct agenda){.count = 0};
}
