// Keys of forgotten jobs and uploads, for ever: what is said of them later is void, in whatever
// order it comes, and no new job gets one of them.
#ifndef IDN_BROKER_CORE_FORGOTTEN_H
#define IDN_BROKER_CORE_FORGOTTEN_H

#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_forgotten {
    struct idn_key *slot; // open addressing by the first 40 bits; all zero: empty
    uint32_t slots, count, max;
    bool zero; // the all-zero key, which no slot can hold
};

// Entries of the table `slot` for so many keys.
uint32_t idn_forgotten_slots(uint32_t max);
// The memory must be zeroed.
void idn_forgotten_init(struct idn_forgotten *forgotten, struct idn_key *slot, uint32_t max);

bool idn_forgotten_has(const struct idn_forgotten *forgotten, const struct idn_key *key);
// How many of them a name fits, 2 for several; *ret is one of them.
uint32_t idn_forgotten_named(
    const struct idn_forgotten *forgotten, const struct idn_job_name *name, struct idn_key *ret);
// Adding one twice is adding it once. False: full.
bool idn_forgotten_add(struct idn_forgotten *forgotten, const struct idn_key *key);

#endif
