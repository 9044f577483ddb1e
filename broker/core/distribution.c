#include "broker/core/distribution.h"

#include "base/assert.h"

void idn_moments_add(struct idn_moments *moments, double value)
{
    double before = value - moments->mean;

    moments->count++;
    moments->mean += before / (double)moments->count;
    moments->squares += before * (value - moments->mean);
}

// Heron's method from above: each step is less than the one before it, until it cannot be.
static double square_root(double value)
{
    double root = value > 1 ? value : 1, next = (root + value / root) / 2;

    while (next < root) {
        root = next;
        next = (root + value / root) / 2;
    }
    return root;
}

double idn_moments_deviation(const struct idn_moments *moments)
{
    if (moments->count < 2 || !(moments->squares > 0))
        return 0;
    return square_root(moments->squares / (double)(moments->count - 1));
}

// Values below 64 have a bucket each; above, the highest six bits say which.
static uint32_t bucket_of(uint64_t value)
{
    uint64_t greatest = (UINT64_C(1) << IDN_BUCKET_VALUE_BITS) - 1;
    uint32_t shift = 0;

    value = value < greatest ? value : greatest;
    while (value >> shift >= 2u << IDN_BUCKET_BITS)
        shift++;
    return (shift << IDN_BUCKET_BITS) + (uint32_t)(value >> shift);
}

static double middle_of(uint32_t bucket)
{
    uint32_t linear = 1u << IDN_BUCKET_BITS, shift = bucket < 2 * linear ? 0 : bucket / linear - 1;
    uint64_t least = (uint64_t)(bucket - shift * linear) << shift;

    return (double)least + (double)((UINT64_C(1) << shift) - 1) / 2;
}

void idn_distribution_add(struct idn_distribution *distribution, uint64_t value)
{
    uint32_t *bucket = &distribution->bucket[bucket_of(value)];

    *bucket += *bucket < UINT32_MAX;
    idn_moments_add(&distribution->moments, (double)value);
}

// The value of that place among all in order, from 1.
static double value_at(const struct idn_distribution *distribution, uint64_t place)
{
    uint64_t below = 0;
    uint32_t at = 0;

    for (; at < IDN_BUCKETS - 1; at++) {
        below += distribution->bucket[at];
        if (below >= place && below > 0)
            break;
    }
    return middle_of(at);
}

static uint64_t count_all(const struct idn_distribution *distribution)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < IDN_BUCKETS; i++)
        all += distribution->bucket[i];
    return all;
}

double idn_distribution_quantile(const struct idn_distribution *distribution, uint32_t thousandths)
{
    uint64_t all = count_all(distribution);

    IDN_ASSERT(thousandths <= 1000);
    // The buckets are 2^32 at most each, so there is room for thousands of all of them.
    return all == 0 ? 0 : value_at(distribution, (all * thousandths + 999) / 1000);
}

double idn_distribution_median(const struct idn_distribution *distribution)
{
    uint64_t all = count_all(distribution);

    if (all == 0)
        return 0;
    return (value_at(distribution, (all + 1) / 2) + value_at(distribution, all / 2 + 1)) / 2;
}
