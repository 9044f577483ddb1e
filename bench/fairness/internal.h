// What the bench's files share.
#ifndef IDN_BENCH_FAIRNESS_INTERNAL_H
#define IDN_BENCH_FAIRNESS_INTERNAL_H

#include "bench/fairness/cluster.h"

// On the cluster's agenda; node: worker.
enum fair_event_type {
    FAIR_TO_BROKER,      // payload: struct idn_worker_message
    FAIR_BEAT_TO_BROKER, // payload: struct idn_worker_beat
    FAIR_TO_WORKER,      // payload: struct idn_order
    FAIR_BEAT_TO_WORKER, // payload: struct idn_broker_beat
    FAIR_CHILD_READY,
    FAIR_CHILD_GIVEN, // a: slice
    FAIR_CHILD_ROWS,  // payload: struct fair_slice
    FAIR_STORED,      // a: position
    FAIR_BROKER_TICK, // it is looked at then whether one is due
    FAIR_WORKER_TICK,
    FAIR_SUBMIT, // node: number of the job
    FAIR_CHANGE, // node: number of the change
    FAIR_SECOND, // one has passed
};

enum { FAIR_NETWORK_US = 500, FAIR_DATASETS = 1 };

// Zeroed; the caller frees it.
void *fair_allocate(size_t size);
void *fair_copy(const void *bytes, size_t size);

// For whoever is meant as long as it is the same process.
void fair_later(struct fair_cluster *cluster, uint64_t delay_us, struct agenda_event event);
// A tick at that deadline (milliseconds).
void fair_tick_at(struct fair_cluster *cluster, uint64_t deadline_ms, struct agenda_event event);

void fair_fill_digest(struct idn_sha256 *digest, unsigned byte);

void fair_worker_start(struct fair_cluster *cluster, uint32_t number);
void fair_worker_stop(struct fair_cluster *cluster, uint32_t number); // at once; if it runs
void fair_worker_happen(struct fair_cluster *cluster, const struct agenda_event *event);

#endif
