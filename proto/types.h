// The identities that everything else speaks of. Pure.
#ifndef IDN_PROTO_TYPES_H
#define IDN_PROTO_TYPES_H

#include "base/sha256.h" // the struct only: the pure cores compare digests, they never compute one
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// A job's identity: 128 bits drawn by the client, so that a re-sent submission is the same job.
struct idn_key {
    uint8_t bytes[IDN_KEY_SIZE];
};

static inline bool idn_key_equal(const struct idn_key *a, const struct idn_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool idn_sha256_equal(const struct idn_sha256 *a, const struct idn_sha256 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

// A reign of an active broker, ordered by counter, then broker ('a' or 'b'). {0, 0} is none.
struct idn_epoch {
    uint64_t counter;
    uint32_t broker;
};

static inline int idn_epoch_compare(struct idn_epoch a, struct idn_epoch b)
{
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    return (a.broker > b.broker) - (a.broker < b.broker);
}

// A lease: an old message can never fit a new one.
struct idn_lease_id {
    struct idn_epoch epoch;
    uint64_t serial; // from 1 in each epoch; 0 is none
};

static inline bool idn_lease_equal(struct idn_lease_id a, struct idn_lease_id b)
{
    return a.serial == b.serial && idn_epoch_compare(a.epoch, b.epoch) == 0;
}

// How an inference child ended while images were in it.
enum idn_death {
    IDN_DEATH_NONE = 0,
    IDN_DEATH_SIGNAL = 1, // killed by a signal
    IDN_DEATH_EXIT = 2,   // exited by itself
    IDN_DEATH_HANG = 3,   // no progress, killed by its agent
    IDN_DEATH_COUNT
};

#endif
