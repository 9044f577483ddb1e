#include "proto/fact.h"

static uint64_t fold(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

// Little-endian, so that brokers of any machine agree.
static uint64_t fold_number(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 8; i++, number >>= 8)
        hash = (hash ^ (number & 0xff)) * 0x100000001b3u;
    return hash;
}

uint64_t idn_spec_hash(const struct idn_job_spec *spec)
{
    uint64_t hash = 0xcbf29ce484222325u;

    hash = fold(hash, spec->model, strlen(spec->model) + 1);
    hash = fold(hash, spec->dataset, strlen(spec->dataset) + 1);
    hash = fold(hash, spec->model_digest.bytes, sizeof(spec->model_digest.bytes));
    hash = fold(hash, spec->list_digest.bytes, sizeof(spec->list_digest.bytes));
    hash = fold_number(hash, spec->first);
    hash = fold_number(hash, spec->last);
    return fold_number(hash, spec->list_bytes);
}

int idn_fact_order(struct idn_epoch epoch, struct idn_origin origin, struct idn_epoch other_epoch,
    struct idn_origin other)
{
    int order = idn_epoch_compare(epoch, other_epoch);

    if (order != 0)
        return order;
    if (origin.incarnation != other.incarnation)
        return origin.incarnation < other.incarnation ? -1 : 1;
    return (origin.sequence > other.sequence) - (origin.sequence < other.sequence);
}
