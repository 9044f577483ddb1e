// What is to happen, the earliest first; at the same time, in the order of making.
#ifndef IDN_BENCH_FAIRNESS_HEAP_H
#define IDN_BENCH_FAIRNESS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fair_event_type {
    FAIR_TO_BROKER,      // payload: struct idn_worker_message
    FAIR_BEAT_TO_BROKER, // payload: struct idn_worker_beat
    FAIR_TO_WORKER,      // payload: struct idn_order
    FAIR_BEAT_TO_WORKER, // payload: struct idn_broker_beat
    FAIR_CHILD_READY,
    FAIR_CHILD_GIVEN, // number: slice
    FAIR_CHILD_ROWS,  // payload: struct fair_slice
    FAIR_STORED,      // number: position
    FAIR_BROKER_TICK, // it is looked at then whether one is due
    FAIR_WORKER_TICK,
    FAIR_SUBMIT, // worker: number of the job
    FAIR_CHANGE, // worker: number of the change
    FAIR_SECOND, // one has passed
};

struct fair_event {
    uint64_t at_us, order;
    enum fair_event_type type;
    uint32_t worker;
    uint64_t boot; // of the broker or worker that it is for; another one never sees it
    uint64_t number;
    void *payload; // owned
};

struct fair_heap {
    struct fair_event *event;
    size_t count, room;
    uint64_t orders;
};

void fair_heap_push(struct fair_heap *heap, struct fair_event event); // its order is given here
bool fair_heap_pop(struct fair_heap *heap, struct fair_event *ret);
void fair_heap_fini(struct fair_heap *heap); // frees the payloads left

#endif
