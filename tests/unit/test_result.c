// Packed rows and the result digest.
#include "proto/result.h"
#include "tests/lib/check.h"

#include <math.h>

static struct idn_result sample(void)
{
    struct idn_result result = {.index = 4711,
        .class_id = {3, 999, 0, 17, 5},
        .probability = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f}};
    return result;
}

static struct idn_result failed(uint8_t status)
{
    struct idn_result result = {.index = 9, .status = status};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    return result;
}

static void test_round_trip(void)
{
    struct idn_result a = sample(), b;
    uint8_t row[IDN_ROW_BYTES];

    idn_result_pack(&a, row);
    CHECK(idn_result_unpack(row, &b));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    CHECK_INT(row[0], 4711 & 0xff);
    CHECK_INT(row[1], 4711 >> 8);
}

static bool unpacks(struct idn_result result)
{
    uint8_t row[IDN_ROW_BYTES];

    idn_result_pack(&result, row);
    return idn_result_unpack(row, &result);
}

static void test_refuses_what_nobody_packs(void)
{
    struct idn_result bad = sample();

    bad.probability[2] = 0.3f; // not descending
    CHECK(!unpacks(bad));
    bad = sample(), bad.probability[0] = NAN;
    CHECK(!unpacks(bad));
    bad = sample(), bad.probability[0] = 1.5f;
    CHECK(!unpacks(bad));
    bad = sample(), bad.status = IDN_STATUS_COUNT;
    CHECK(!unpacks(bad));
    bad = sample(), bad.status = IDN_STATUS_CORRUPT; // classes on a failed row
    CHECK(!unpacks(bad));
    bad = failed(IDN_STATUS_OK); // no class at all
    CHECK(!unpacks(bad));
    CHECK(unpacks(failed(IDN_STATUS_CORRUPT)));
    uint8_t row[IDN_ROW_BYTES];
    bad = sample();
    idn_result_pack(&bad, row);
    row[6] = 1;
    CHECK(!idn_result_unpack(row, &bad));
}

static void test_digest_is_a_sum(void)
{
    struct idn_result a = sample(), b = sample();
    struct idn_digest da, db, one = {0, 0}, two = {0, 0};

    b.index++;
    idn_digest_of(&a, &da);
    idn_digest_of(&b, &db);
    CHECK(!idn_digest_equal(&da, &db));
    idn_digest_add(&one, &da), idn_digest_add(&one, &db);
    idn_digest_add(&two, &db), idn_digest_add(&two, &da);
    CHECK(idn_digest_equal(&one, &two));
    idn_digest_subtract(&one, &da);
    CHECK(idn_digest_equal(&one, &db));
}

static void test_digest_knows_the_class_of_a_failure_only(void)
{
    struct idn_result a = failed(IDN_STATUS_CORRUPT), b = failed(IDN_STATUS_UNREADABLE),
                      c = failed(IDN_STATUS_QUARANTINED);
    struct idn_digest da, db, dc;

    idn_digest_of(&a, &da), idn_digest_of(&b, &db), idn_digest_of(&c, &dc);
    CHECK(idn_digest_equal(&da, &db));
    CHECK(!idn_digest_equal(&da, &dc));
}

// As `openssl mac -macopt hexkey:HEX -macopt size:16 SIPHASH` gives it for the same 48 bytes (its
// two words exchanged): the digest must not change between versions.
static void test_digest_is_stable(void)
{
    struct idn_result a = sample();
    struct idn_digest digest;
    char text[IDN_DIGEST_TEXT_SIZE];

    idn_digest_of(&a, &digest);
    idn_digest_to_text(&digest, text);
    CHECK_STRING(text, "5ab86acc188ace485ffbb4b4e2844565");
}

static void test_every_status_has_a_name(void)
{
    for (unsigned i = 0; i < IDN_STATUS_COUNT; i++)
        CHECK(idn_status_name(i) != NULL);
    CHECK(idn_status_name(IDN_STATUS_COUNT) == NULL);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_round_trip),
        CHECK_TEST(test_refuses_what_nobody_packs),
        CHECK_TEST(test_digest_is_a_sum),
        CHECK_TEST(test_digest_knows_the_class_of_a_failure_only),
        CHECK_TEST(test_digest_is_stable),
        CHECK_TEST(test_every_status_has_a_name),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
