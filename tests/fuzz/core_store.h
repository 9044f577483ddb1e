// A broker's store in memory, for the core's fuzz target: facts as bytes in commit order, the first
// of them durable; what the core asks of it is answered from these bytes.
#ifndef IDN_TESTS_FUZZ_CORE_STORE_H
#define IDN_TESTS_FUZZ_CORE_STORE_H

#include "broker/core/core.h"
#include "proto/codec.h"

enum { CORE_STORE_FACTS = 4096, CORE_STORE_SUMMARIES = 256, CORE_STORE_SPAN = 20000 };

struct core_store {
    struct idn_codec *codec;                       // borrowed
    struct idn_stored_fact fact[CORE_STORE_FACTS]; // as the other broker would get them
    uint64_t count, durable;
    struct {
        struct idn_summary summary;
        uint64_t covers; // facts up to this position
    } summary[CORE_STORE_SUMMARIES];
    uint32_t summaries;
};

void core_store_init(struct core_store *store, struct idn_codec *codec);
void core_store_fini(struct core_store *store);

bool core_store_is_full(const struct core_store *store);
// What is decoded and has no body is encoded. Asserts that the facts of an incarnation follow each
// other without a gap.
void core_store_add(struct core_store *store, const struct idn_stored_fact *fact);
void core_store_summarise(struct core_store *store, const struct idn_summary *summary);
// A crash: the first `count` facts are left.
void core_store_cut(struct core_store *store, uint64_t count);

// As IDN_EVENT_FACTS_READ has it; the items are the store's own.
void core_store_read(
    const struct core_store *store, const struct idn_action *read, struct idn_event *ret);
// What the durable facts of a job come to. False: it has more images than are folded here.
// *ret_states: for free(); NULL when not wanted.
bool core_store_refold(struct core_store *store, const struct idn_action *refold,
    struct idn_summary *ret, uint8_t **ret_states);

// Everything, as broker/store.h says of idn_store_restore.
void core_store_restore(
    struct core_store *store, void (*step)(void *context, struct idn_event *event), void *context);

#endif
