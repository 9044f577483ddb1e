// Reads that the store was asked for and has not answered: whom the answer goes to. Bounded, for
// all and for each peer.
#ifndef IDN_BROKER_READS_H
#define IDN_BROKER_READS_H

#include "broker/core/core.h"

#include <stdint.h>

enum {
    IDN_READS_MAX = 1024,
    IDN_PEER_READS_MAX = 4, // a client has one request outstanding, a worker one list
};

// The request as the core's PAGE or LIST action said it.
struct idn_read {
    uint64_t tag; // 0: this place is free
    idn_peer peer;
    uint64_t request;       // PAGE: id to answer
    struct idn_epoch epoch; // LIST
    uint64_t nonce;         // LIST
    struct idn_key job;
};

struct idn_reads {
    uint64_t serial;
    struct idn_read item[IDN_READS_MAX];
};

// Keeps a copy of *read and returns its tag, never 0; 0: no room.
uint64_t idn_reads_add(struct idn_reads *reads, const struct idn_read *read);

// Takes the read with this tag out. False when there is none.
bool idn_reads_take(struct idn_reads *reads, uint64_t tag, struct idn_read *ret);

#endif
