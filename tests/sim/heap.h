// What is to happen, the earliest first; of the same millisecond, in the order of making.
#ifndef IDN_TESTS_SIM_HEAP_H
#define IDN_TESTS_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_event_type {
    // To a process that is up, of the boot it is meant for.
    SIM_REQUEST,     // payload: idn_request; a: peer
    SIM_REPLY,       // payload: idn_reply; a: broker
    SIM_MESSAGE,     // payload: idn_worker_message; a: peer
    SIM_ORDER,       // payload: idn_order; a: broker, b: peer
    SIM_WORKER_BEAT, // payload: idn_worker_beat
    SIM_BROKER_BEAT, // payload: idn_broker_beat; a: broker
    SIM_FRAME,       // payload: idn_mirror_frame
    SIM_STORED,      // a: position
    SIM_READ,        // payload: sim_read
    SIM_DISK_LOOK,
    SIM_GONE,  // a: peer, b: of a worker
    SIM_CHILD, // payload: sim_child
    SIM_NEXT,  // a client goes on
    SIM_LIST,  // a worker asks for the rest of a list
    // The world's.
    SIM_WRITTEN,   // a disk has; a: write number
    SIM_FAULT,     // the next one comes
    SIM_FAULT_END, // payload: sim_fault_end
    SIM_RESTART,
    SIM_LOOK, // a quarter of a second has passed
    SIM_EVENTS,
};

struct sim_event {
    uint64_t at, order;
    enum sim_event_type type;
    uint32_t node;
    uint64_t boot; // 0: any
    uint64_t a, b;
    void *payload; // owned
};

struct sim_heap {
    struct sim_event *event;
    size_t count, room;
    uint64_t order;
};

void sim_heap_push(struct sim_heap *heap, struct sim_event event); // its order is given here
bool sim_heap_pop(struct sim_heap *heap, struct sim_event *ret);

static inline uint64_t sim_heap_due(const struct sim_heap *heap)
{
    return heap->count == 0 ? UINT64_MAX : heap->event[0].at;
}

#endif
