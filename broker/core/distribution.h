// What is kept of many durations: count, mean and standard deviation, exactly, and quantiles within
// 1.6 %, in a bounded size. Pure.
//
// Mean and deviation by B. P. Welford's method (Note on a Method for Calculating Corrected Sums of
// Squares and Products, Technometrics 4, 1962), which does not lose digits as sums of squares do.
// Quantiles from a log-linear histogram, as in G. Tene's HdrHistogram: each power of two in 32
// equal buckets; a bucket's middle stands for what is in it, so it is wrong by 1/64 at most.
#ifndef IDN_BROKER_CORE_DISTRIBUTION_H
#define IDN_BROKER_CORE_DISTRIBUTION_H

#include <stdint.h>

struct idn_moments {
    uint64_t count;
    double mean, squares; // of the differences to the mean
};

void idn_moments_add(struct idn_moments *moments, double value);
// Of the sample; 0 with fewer than two values.
double idn_moments_deviation(const struct idn_moments *moments);

enum {
    IDN_BUCKET_BITS = 5,
    IDN_BUCKET_VALUE_BITS = 40, // greater values count as the greatest that has so many
    IDN_BUCKETS = (IDN_BUCKET_VALUE_BITS - IDN_BUCKET_BITS + 1) << IDN_BUCKET_BITS,
};

struct idn_distribution {
    struct idn_moments moments;
    uint32_t bucket[IDN_BUCKETS]; // stays at UINT32_MAX
};

void idn_distribution_add(struct idn_distribution *distribution, uint64_t value);
// The least value that so many thousandths of all are not above; 0 when there are none.
double idn_distribution_quantile(const struct idn_distribution *distribution, uint32_t thousandths);
// Of an even number of values the mean of the middle two.
double idn_distribution_median(const struct idn_distribution *distribution);

#endif
