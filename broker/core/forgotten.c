#include "broker/core/forgotten.h"

#include "base/assert.h"

#include <string.h>

static const struct idn_key zero;

// Nine tenths full at most: it is asked rarely, and every byte counts.
uint32_t idn_forgotten_slots(uint32_t max)
{
    return max + max / 9 + 1;
}

void idn_forgotten_init(struct idn_forgotten *forgotten, struct idn_key *slot, uint32_t max)
{
    *forgotten =
        (struct idn_forgotten){.slot = slot, .slots = idn_forgotten_slots(max), .max = max};
}

// By the first 40 bits only, the least that a person may type, so that all keys with a common
// prefix stand in one run.
static uint32_t home(const struct idn_forgotten *forgotten, const struct idn_key *key)
{
    uint64_t prefix = 0;

    for (int i = 0; i < 5; i++)
        prefix = prefix << 8 | key->bytes[i];
    uint64_t hash = prefix * 0x9e3779b97f4a7c15u >> 32;
    return (uint32_t)(hash * forgotten->slots >> 32);
}

// Where the key stands, or the empty slot where it belongs.
static uint32_t find(const struct idn_forgotten *forgotten, const struct idn_key *key)
{
    uint32_t at = home(forgotten, key);

    while (!idn_key_equal(&forgotten->slot[at], &zero) && !idn_key_equal(&forgotten->slot[at], key))
        at = (at + 1) % forgotten->slots;
    return at;
}

bool idn_forgotten_has(const struct idn_forgotten *forgotten, const struct idn_key *key)
{
    if (idn_key_equal(key, &zero))
        return forgotten->zero;
    return idn_key_equal(&forgotten->slot[find(forgotten, key)], key);
}

uint32_t idn_forgotten_named(
    const struct idn_forgotten *forgotten, const struct idn_job_name *name, struct idn_key *ret)
{
    uint32_t count = forgotten->zero && idn_key_has_prefix(zero.bytes, name->key.bytes, name->bits);

    if (count > 0)
        *ret = zero;
    for (uint32_t at = home(forgotten, &name->key);
         count < 2 && !idn_key_equal(&forgotten->slot[at], &zero);
         at = (at + 1) % forgotten->slots) {
        if (!idn_key_has_prefix(forgotten->slot[at].bytes, name->key.bytes, name->bits))
            continue;
        *ret = forgotten->slot[at];
        count++;
    }
    return count;
}

bool idn_forgotten_add(struct idn_forgotten *forgotten, const struct idn_key *key)
{
    if (idn_forgotten_has(forgotten, key))
        return true;
    if (forgotten->count == forgotten->max)
        return false;
    forgotten->count++;
    if (idn_key_equal(key, &zero))
        forgotten->zero = true;
    else
        forgotten->slot[find(forgotten, key)] = *key;
    return true;
}
