// Checksums and digests against published values; what a log line looks like.
#include "base/crc32c.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "tests/lib/capture.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// RFC 3720, appendix B.4.
static void test_crc32c_vectors(void)
{
    uint8_t bytes[32] = {0};

    CHECK_INT(idn_crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_INT(idn_crc32c(0, bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    CHECK_INT(idn_crc32c(0, bytes, 32), 0x46dd794eu);
    CHECK_INT(idn_crc32c(idn_crc32c(0, bytes, 13), bytes + 13, 19), 0x46dd794eu);
}

// FIPS 180-2, appendix B.1.
static void test_sha256_vector(void)
{
    struct idn_sha256 digest, back;
    char hex[IDN_SHA256_HEX_SIZE];

    idn_sha256_of("abc", 3, &digest);
    idn_sha256_to_hex(&digest, hex);
    CHECK_STRING(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_INT(idn_sha256_from_hex(hex, &back), 0);
    CHECK(memcmp(&digest, &back, sizeof(digest)) == 0);
    CHECK_INT(idn_sha256_from_hex("ba78", &back), -EINVAL);
    hex[5] = 'g';
    CHECK_INT(idn_sha256_from_hex(hex, &back), -EINVAL);
    CHECK_INT(idn_sha256_of_file("/nonexistent", &digest, NULL), -ENOENT);
}

// What a sentence quotes may hold anything: a terminal must not obey it.
static void test_a_reason_is_one_line(void)
{
    struct idn_reason reason;

    CHECK_INT(idn_reason_set(&reason, -EINVAL, "'%s' is no name", "a\n\033[2Jb\177"), -EINVAL);
    CHECK_STRING(reason.text, "'a??[2Jb?' is no name");
    CHECK_INT(idn_reason_set(&reason, -EIO, "%s", "na\xc3\xafve"), -EIO);
    CHECK_STRING(reason.text, "na\xc3\xafve");
    CHECK_INT(idn_reason_set(NULL, -EIO, "nobody asks"), -EIO);
}

// What one line of this level looks like, on a stderr that is no journal.
static void log_line(enum idn_log_level most)
{
    capture_begin();
    idn_log_init("worker a/0", most);
    idn_warning("it is %s", "late");
    capture_end();
}

static void test_verbose_lines_have_times(void)
{
    char *rest;

    CHECK_INT(unsetenv("JOURNAL_STREAM"), 0);
    log_line(IDN_LOG_INFO);
    CHECK_STRING(err, "warning worker a/0: it is late\n");
    log_line(IDN_LOG_DEBUG);
    CHECK(strtod(err, &rest) > 0);
    CHECK_STRING(rest, " warning worker a/0: it is late\n");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_crc32c_vectors),
        CHECK_TEST(test_sha256_vector),
        CHECK_TEST(test_a_reason_is_one_line),
        CHECK_TEST(test_verbose_lines_have_times),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
