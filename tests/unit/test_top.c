// The best classes of a network's output.
#include "tests/lib/check.h"
#include "worker/infer/top.h"

#include <math.h>

static struct idn_result result;

static void test_best_first(void)
{
    const float p[] = {.05f, .1f, .4f, .02f, .03f, .3f, .1f};

    idn_top(7, p, 7, &result);
    CHECK_INT(result.index, 7);
    CHECK_INT(result.status, IDN_STATUS_OK);
    CHECK_INT(result.class_id[0], 2);
    CHECK_INT(result.class_id[1], 5);
    CHECK_INT(result.class_id[2], 1); // equal to 6: the lower id first
    CHECK_INT(result.class_id[3], 6);
    CHECK_INT(result.class_id[4], 0);
    CHECK(result.probability[0] == .4f && result.probability[4] == .05f);
}

static void test_equal_ones_by_id(void)
{
    float p[1000];

    for (int i = 0; i < 1000; i++)
        p[i] = .001f;
    idn_top(0, p, 1000, &result);
    for (int i = 0; i < IDN_TOP; i++)
        CHECK_INT(result.class_id[i], i);
    p[999] = .002f;
    idn_top(0, p, 1000, &result);
    CHECK_INT(result.class_id[0], 999);
    CHECK_INT(result.class_id[4], 3);
}

static void test_fewer_than_five(void)
{
    const float p[] = {0.f, 1.f};

    idn_top(0, p, 2, &result);
    CHECK_INT(result.class_id[0], 1);
    CHECK_INT(result.class_id[1], 0); // a class with probability 0 is a class
    CHECK_INT(result.class_id[2], IDN_NO_CLASS);
    CHECK_INT(result.class_id[4], IDN_NO_CLASS);
    CHECK(result.probability[4] == 0.f);
}

static void test_not_finite(void)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};

    for (int i = 0; i < 3; i++) {
        float p[] = {.5f, .2f, .1f, .1f, .05f, .05f, 0.f};
        p[6] = bad[i];
        idn_top(3, p, 7, &result);
        CHECK_INT(result.status, IDN_STATUS_NOT_FINITE);
        CHECK_INT(result.class_id[0], IDN_NO_CLASS);
        CHECK(result.probability[0] == 0.f);
        CHECK_INT(result.index, 3);
    }
}

// Whatever comes of it can be packed and unpacked.
static void test_rounding_is_clamped(void)
{
    const float p[] = {-1e-9f, 1.0000001f, -0.0f};
    uint8_t row[IDN_ROW_BYTES];

    idn_top(0, p, 3, &result);
    CHECK(result.probability[0] == 1.f);
    CHECK(!signbit(result.probability[1]) && !signbit(result.probability[2]));
    idn_result_pack(&result, row);
    CHECK(idn_result_unpack(row, &result));
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_best_first),
        CHECK_TEST(test_equal_ones_by_id),
        CHECK_TEST(test_fewer_than_five),
        CHECK_TEST(test_not_finite),
        CHECK_TEST(test_rounding_is_clamped),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
