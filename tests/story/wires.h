// The cluster's parts that are neither core nor agent: copies of messages, the store, what a child
// computes, the client, and what a story asks about.
#ifndef IDN_TESTS_STORY_WIRES_H
#define IDN_TESTS_STORY_WIRES_H

#include "tests/story/cluster.h"

// Something that an inference child does.
struct wires_child {
    uint64_t child; // process number
    enum idn_agent_event_type type;
    uint64_t slice;
    uint32_t first, count;
    uint64_t compute_us;
};

void *wires_copy(const void *bytes, size_t size);
struct idn_worker_message *wires_copy_message(const struct idn_worker_message *message);
void wires_free_message(struct idn_worker_message *message);

void wires_keep_fact(struct cluster *cluster, const struct idn_fact *fact);
void wires_keep_summary(struct cluster *cluster, const struct idn_summary *summary);
// Answers REFOLD with what the store holds.
void wires_refolded(struct cluster *cluster, const struct idn_key *job);

void wires_compute(const struct cluster *cluster, uint32_t image, struct idn_result *ret);

void wires_step_core(struct cluster *cluster, struct idn_event event);

#endif
