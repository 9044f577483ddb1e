// Sentences without stdio.
#include "base/format.h"
#include "tests/lib/check.h"

static void test_says_what_printf_would(void)
{
    char text[100], expected[100];

    idn_format(text, sizeof(text), "%s: %u of %lu, %llu %%", "a", 0u, 18446744073709551615ul, 7ull);
    snprintf(expected, sizeof(expected), "%s: %u of %lu, %llu %%", "a", 0u, 18446744073709551615ul,
        7ull);
    CHECK_STRING(text, expected);
}

static void test_cuts_what_does_not_fit(void)
{
    char text[8];

    memset(text, 'x', sizeof(text));
    idn_format(text, 5, "%s%u", "ab", 12345u);
    CHECK_STRING(text, "ab12");
    CHECK_INT(text[5], 'x');
    idn_format(text, 1, "abc");
    CHECK_STRING(text, "");
}

static void test_appends(void)
{
    char text[10];

    idn_copy_text(text, sizeof(text), "abc");
    idn_format_append(text, sizeof(text), "-%u", 42u);
    CHECK_STRING(text, "abc-42");
    idn_format_append(text, sizeof(text), "-%s", "full up");
    CHECK_STRING(text, "abc-42-fu");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_says_what_printf_would),
        CHECK_TEST(test_cuts_what_does_not_fit),
        CHECK_TEST(test_appends),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
