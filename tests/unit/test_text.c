// Job keys as text, numbers, nearest names.
#include "base/text.h"
#include "tests/lib/check.h"

#include <errno.h>

static void test_key_round_trip(void)
{
    uint8_t key[IDN_KEY_SIZE], back[IDN_KEY_SIZE];
    char text[IDN_KEY_TEXT_SIZE];
    unsigned bits;

    for (int i = 0; i < IDN_KEY_SIZE; i++)
        key[i] = (uint8_t)(i * 37 + 11);
    idn_key_to_text(key, text);
    CHECK_INT(strlen(text), 26);
    CHECK_INT(idn_key_from_text(text, back, &bits), 0);
    CHECK_INT(bits, 128);
    CHECK(memcmp(key, back, sizeof(key)) == 0);
}

static void test_key_prefix(void)
{
    uint8_t key[IDN_KEY_SIZE] = {0xde, 0xad, 0xbe, 0xef, 0x12, 0x34}, prefix[IDN_KEY_SIZE];
    char text[IDN_KEY_TEXT_SIZE];
    unsigned bits;

    idn_key_to_text(key, text);
    text[8] = '\0';
    CHECK_INT(idn_key_from_text(text, prefix, &bits), 0);
    CHECK_INT(bits, 40);
    CHECK(idn_key_has_prefix(key, prefix, bits));
    prefix[4] ^= 1; // the 40th bit
    CHECK(!idn_key_has_prefix(key, prefix, bits));
}

static void test_key_refuses(void)
{
    uint8_t key[IDN_KEY_SIZE];
    unsigned bits;

    CHECK_INT(idn_key_from_text("short", key, &bits), -EINVAL);
    CHECK_INT(idn_key_from_text("abcdefgu", key, &bits), -EINVAL);
    CHECK_INT(idn_key_from_text("zzzzzzzzzzzzzzzzzzzzzzzzzz", key, &bits), -EINVAL);
    CHECK_INT(idn_key_from_text("0123456789abcdefghjkmnpqrst", key, &bits), -EINVAL);
    CHECK_INT(idn_key_from_text("OIL00000", key, &bits), 0);
}

static void test_numbers(void)
{
    uint64_t value = 7;

    CHECK_INT(idn_parse_u64("", 10, &value), -EINVAL);
    CHECK_INT(idn_parse_u64("-1", 10, &value), -EINVAL);
    CHECK_INT(idn_parse_u64("1x", 10, &value), -EINVAL);
    CHECK_INT(idn_parse_u64("11", 10, &value), -ERANGE);
    CHECK_INT(idn_parse_u64("18446744073709551616", UINT64_MAX, &value), -ERANGE);
    CHECK_INT(value, 7);
    CHECK_INT(idn_parse_u64("18446744073709551615", UINT64_MAX, &value), 0);
    CHECK(value == UINT64_MAX);
}

static void test_nearest(void)
{
    static const char *const names[] = {"alexnet", "resnet18", "vgg-16"};

    CHECK_STRING(idn_nearest("alexnt", names, 3), "alexnet");
    CHECK_STRING(idn_nearest("resnet-18", names, 3), "resnet18");
    CHECK(idn_nearest("transformer", names, 3) == NULL);
    CHECK(idn_nearest("alexnet", names, 0) == NULL);
}

// A third of the letters and no more; two that changed places are one.
static void test_nearest_is_near(void)
{
    static const char *const workers[] = {"w1", "w2", "gpu7/0"};
    static const char *const commands[] = {"status", "jobs", "job", "why", "list"};

    CHECK(idn_nearest("w9", workers, 3) == NULL);
    CHECK(idn_nearest("w", workers, 3) == NULL);
    CHECK_STRING(idn_nearest("gpu7-0", workers, 3), "gpu7/0");
    CHECK_STRING(idn_nearest("gpu/0", workers, 3), "gpu7/0");
    CHECK(idn_nearest("gp/1", workers, 3) == NULL);
    CHECK(idn_nearest("foo", commands, 5) == NULL);
    CHECK_STRING(idn_nearest("jbo", commands, 5), "job");
    CHECK_STRING(idn_nearest("lits", commands, 5), "list");
    CHECK_STRING(idn_nearest("satus", commands, 5), "status");
}

static void test_order_of_names(void)
{
    static const char *const names[] = {
        "a", "vm/02", "vm/2", "vm/10", "vm/x", "vm10/1", "w", "w00", "w1"};
    const int count = sizeof(names) / sizeof(*names);

    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            int order = idn_name_order(names[i], names[k]);
            CHECK_INT((order > 0) - (order < 0), (i > k) - (i < k));
        }
}

static void test_names(void)
{
    CHECK(idn_name_is_valid("host/0", 64));
    CHECK(!idn_name_is_valid("", 64));
    CHECK(!idn_name_is_valid("a b", 64));
    CHECK(!idn_name_is_valid("a\"b", 64));
    CHECK(!idn_name_is_valid("abcd", 4));
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_key_round_trip),
        CHECK_TEST(test_key_prefix),
        CHECK_TEST(test_key_refuses),
        CHECK_TEST(test_numbers),
        CHECK_TEST(test_nearest),
        CHECK_TEST(test_nearest_is_near),
        CHECK_TEST(test_order_of_names),
        CHECK_TEST(test_names),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
