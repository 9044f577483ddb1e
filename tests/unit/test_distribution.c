// What is kept of many durations against all of them: mean and deviation, quantiles within their
// bound; and the table of open tasks against a plain list.
#include "base/random.h"
#include "broker/core/distribution.h"
#include "broker/core/open_tasks.h"
#include "tests/lib/check.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 20000, OPEN_MAX = 37, OPEN_STEPS = 20000, OPEN_JOBS = 5, OPEN_NUMBERS = 40 };

static int by_size(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void check_moments(const struct idn_moments *moments, const uint64_t *value, size_t count)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)value[i];
    for (size_t i = 0; i < count; i++)
        squares +=
            ((double)value[i] - sum / (double)count) * ((double)value[i] - sum / (double)count);
    double mean = sum / (double)count, deviation = sqrt(squares / (double)(count - 1));
    CHECK_INT(moments->count, count);
    CHECK(fabs(moments->mean - mean) <= 1e-9 * mean);
    CHECK(fabs(idn_moments_deviation(moments) - deviation) <= 1e-9 * deviation + 1e-14 * mean);
}

// The value at rank ceil(count * q): what "so many thousandths are not above" means.
static void check_quantiles(
    const struct idn_distribution *distribution, uint64_t *value, size_t count)
{
    static const uint32_t asked[] = {1, 100, 500, 900, 950, 990, 1000};

    qsort(value, count, sizeof(*value), by_size);
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        size_t rank = (count * asked[i] + 999) / 1000;
        double exact = (double)value[rank - 1];
        CHECK(fabs(idn_distribution_quantile(distribution, asked[i]) - exact) <= exact / 64);
    }
}

// Of two values it lies between them.
static void test_median(void)
{
    struct idn_distribution distribution = {0};

    CHECK(idn_distribution_median(&distribution) <= 0);
    idn_distribution_add(&distribution, 10);
    CHECK(fabs(idn_distribution_median(&distribution) - 10) < 1e-9);
    idn_distribution_add(&distribution, 40);
    CHECK(fabs(idn_distribution_median(&distribution) - 25) < 1e-9);
    idn_distribution_add(&distribution, 12);
    CHECK(fabs(idn_distribution_median(&distribution) - 12) < 1e-9);
    idn_distribution_add(&distribution, 12);
    CHECK(fabs(idn_distribution_median(&distribution) - 12) < 1e-9);
}

static void try_spread(struct idn_random *random, uint32_t bits, uint64_t offset)
{
    static uint64_t value[SAMPLES];
    struct idn_distribution distribution = {0};

    for (size_t i = 0; i < SAMPLES; i++) {
        value[i] = offset + (idn_random_next(random) >> (64 - 1 - idn_random_below(random, bits)));
        idn_distribution_add(&distribution, value[i]);
    }
    check_moments(&distribution.moments, value, SAMPLES);
    check_quantiles(&distribution, value, SAMPLES);
}

static void test_many_values(void)
{
    struct idn_random random;

    idn_random_init(&random, 5, 1);
    try_spread(&random, 6, 0);
    try_spread(&random, 12, 0);
    try_spread(&random, 39, 0);
    try_spread(&random, 20, 6000000);
    // Sums of squares would have lost every digit of the deviation here.
    try_spread(&random, 5, 900000000000u);
}

static void test_few_values(void)
{
    struct idn_distribution distribution = {0};

    CHECK(idn_distribution_quantile(&distribution, 500) <= 0);
    CHECK(idn_moments_deviation(&distribution.moments) <= 0);
    idn_distribution_add(&distribution, 0);
    CHECK(idn_distribution_quantile(&distribution, 500) <= 0);
    CHECK(idn_moments_deviation(&distribution.moments) <= 0);
    idn_distribution_add(&distribution, 63);
    CHECK_INT(idn_distribution_quantile(&distribution, 500), 0);
    CHECK_INT(idn_distribution_quantile(&distribution, 501), 63);
    CHECK_INT(idn_distribution_quantile(&distribution, 1000), 63);
}

static void test_values_beyond_the_greatest(void)
{
    struct idn_distribution distribution = {0};
    double greatest = (double)((UINT64_C(1) << IDN_BUCKET_VALUE_BITS) - 1);

    idn_distribution_add(&distribution, UINT64_MAX);
    double median = idn_distribution_quantile(&distribution, 500);
    CHECK(fabs(median - greatest) <= greatest / 64);
}

// ---- open tasks

struct pair {
    uint64_t job;
    uint32_t task;
};

static size_t position(const struct pair *list, size_t count, uint64_t job, uint32_t task)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].job == job && list[i].task == task)
            return i;
    return count;
}

static void drop(struct pair *list, size_t *count, size_t at)
{
    (*count)--;
    memmove(list + at, list + at + 1, (*count - at) * sizeof(*list));
}

static void test_open_tasks(void)
{
    struct idn_open_task at[OPEN_MAX] = {{0}}, *found;
    uint32_t bucket[16] = {0};      // few, so that they are shared
    struct pair list[OPEN_MAX + 1]; // the oldest first
    struct idn_open_tasks tasks;
    struct idn_random random;
    size_t count = 0;

    idn_random_init(&random, 3, 1);
    idn_open_tasks_init(&tasks, at, OPEN_MAX, bucket, 16);
    for (int step = 0; step < OPEN_STEPS; step++) {
        uint64_t job = 1 + idn_random_below(&random, OPEN_JOBS);
        uint32_t task = idn_random_below(&random, OPEN_NUMBERS);
        size_t place = position(list, count, job, task);
        found = idn_open_tasks_find(&tasks, job, task);
        CHECK((found != NULL) == (place < count));
        if (found != NULL) {
            CHECK(found->job == job && found->task == task);
            CHECK_INT(found->compute_us, job * 1000 + task);
            idn_open_tasks_remove(&tasks, found);
            drop(list, &count, place);
            continue;
        }
        if (count == OPEN_MAX)
            drop(list, &count, 0);
        list[count++] = (struct pair){job, task};
        idn_open_tasks_add(&tasks, job, task)->compute_us = job * 1000 + task;
    }
    CHECK(count > OPEN_MAX / 2);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_median), CHECK_TEST(test_many_values),
        CHECK_TEST(test_few_values), CHECK_TEST(test_values_beyond_the_greatest),
        CHECK_TEST(test_open_tasks)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
