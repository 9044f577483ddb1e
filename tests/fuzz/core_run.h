// One broker core that is driven by bytes: a header, then records, each one event (a message as it
// would lie on the wire, time, the store's answers, a restart). After each step the core checks
// itself, everything that it sends must encode, and its facts go to a store in memory.
//
//   input    u8 flags (enum core_run_flags), then records
//   record   u8 operation (enum core_run_operation), then its argument
//   u16      little-endian; a message is its size as u16, then its bytes
#ifndef IDN_TESTS_FUZZ_CORE_RUN_H
#define IDN_TESTS_FUZZ_CORE_RUN_H

#include "tests/fuzz/core_store.h"

enum core_run_flags {
    CORE_RUN_PEER = 1,   // another broker is configured
    CORE_RUN_LETTER = 2, // this one is b
    CORE_RUN_FIFO = 4,
    CORE_RUN_REQUIRED = 8, // mirror = required
    CORE_RUN_FEW = 16,     // tables that are soon full
};

enum core_run_operation {
    CORE_RUN_PASS,        // u16 milliseconds
    CORE_RUN_REQUEST,     // u8 peer, message
    CORE_RUN_WORKER,      // u8 peer + 8 * n, message; n: about the n-th lease from the last one
    CORE_RUN_BEAT,        // u8 8 * n, message
    CORE_RUN_MIRROR,      // u8, message; 1: of the session that goes on, with the next number
    CORE_RUN_HOLD,        // u8: 1 commits stay undurable, 2 reads stay unanswered
    CORE_RUN_DISK,        // u8: 0 it is full
    CORE_RUN_STALLED,     // u16 milliseconds
    CORE_RUN_CLIENT_GONE, // u8 peer
    CORE_RUN_WORKER_GONE, // u8 peer
    CORE_RUN_RESTART,     // u8: of what was durable, so many facts are lost
    CORE_RUN_OPERATIONS,
};

enum { CORE_RUN_LEASES = 16, CORE_RUN_REFOLDS = 64 };

struct core_run {
    struct idn_core_model model[2];
    struct idn_core_dataset dataset;
    struct idn_core_config config;
    void *memory; // owned
    size_t bytes;
    struct idn_core *core;
    struct idn_codec *codec; // borrowed, shared by all runs
    struct core_store store;
    uint64_t now, incarnations;
    bool hold_commits, hold_reads, over;
    struct idn_order lease[CORE_RUN_LEASES];
    uint32_t leases;
    uint64_t session, taken; // of the mirror link: the core's last; the last number delivered
    struct idn_action refold[CORE_RUN_REFOLDS], read;
    uint32_t refolds;
    bool reading;
    void (*see)(void *context, const struct idn_action *action); // may be NULL
    void *context;
};

void core_run_init(struct core_run *run, uint8_t flags);
void core_run_fini(struct core_run *run);
// Bytes of the record at the front; 0: there is none.
size_t core_run_length(const uint8_t *data, size_t size);
// Lives through it; returns its length.
size_t core_run_record(struct core_run *run, const uint8_t *data, size_t size);

#endif
