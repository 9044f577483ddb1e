// What the bench's files share.
#ifndef IDN_BENCH_FAIRNESS_INTERNAL_H
#define IDN_BENCH_FAIRNESS_INTERNAL_H

#include "bench/fairness/cluster.h"

enum { FAIR_NETWORK_US = 500, FAIR_DATASETS = 1 };

// Zeroed; the caller frees it.
void *fair_allocate(size_t size);
void *fair_copy(const void *bytes, size_t size);

// For whoever is meant as long as it is the same process.
void fair_later(struct fair_cluster *cluster, uint64_t delay_us, struct fair_event event);
// A tick at that deadline (milliseconds).
void fair_tick_at(struct fair_cluster *cluster, uint64_t deadline_ms, struct fair_event event);

void fair_fill_digest(struct idn_sha256 *digest, unsigned byte);

void fair_worker_start(struct fair_cluster *cluster, uint32_t number);
void fair_worker_stop(struct fair_cluster *cluster, uint32_t number); // at once; if it runs
void fair_worker_happen(struct fair_cluster *cluster, const struct fair_event *event);

#endif
