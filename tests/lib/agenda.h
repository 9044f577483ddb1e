// What is to happen in a world in memory, the earliest first; at the same time, in the order of
// making. What times, types and numbers mean is the world's affair.
#ifndef IDN_TESTS_LIB_AGENDA_H
#define IDN_TESTS_LIB_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_event {
    uint64_t at, order;
    int type;
    uint32_t node; // whom it is for
    uint64_t boot; // of that one
    uint64_t a, b;
    void *payload; // owned
};

// Zeroed: empty.
struct agenda {
    struct agenda_event *event; // a binary heap
    size_t count, room;
    uint64_t order;
};

void agenda_add(struct agenda *agenda, struct agenda_event event); // its order is given here
bool agenda_take(struct agenda *agenda, struct agenda_event *ret); // false: it is empty
uint64_t agenda_due(const struct agenda *agenda);                  // UINT64_MAX: it is empty
void agenda_fini(struct agenda *agenda);                           // frees the payloads left

#endif
