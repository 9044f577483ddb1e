// The whole test library: checks that say where and what, and a table of tests.
//
//   static void test_empty(void) { CHECK(idn_x_count(&x) == 0); }
//   int main(int argc, char **argv)
//   {
//       static const struct check_test tests[] = {CHECK_TEST(test_empty)};
//       return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
//   }
//
// A failed check ends its test, not the program. `program NAME ...` runs only these tests.
#ifndef IDN_TESTS_LIB_CHECK_H
#define IDN_TESTS_LIB_CHECK_H

#include <inttypes.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct check_test {
    const char *name;
    void (*run)(void);
};
#define CHECK_TEST(function)               \
    {                                      \
        .name = #function, .run = function \
    }

// One for the program, so that checks in a test's helper files end the test too.
__attribute__((weak)) jmp_buf check_jump;

__attribute__((unused)) static _Noreturn void check_fail(void)
{
    longjmp(check_jump, 1);
}

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            (void)printf("  %s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
            check_fail();                                                           \
        }                                                                           \
    } while (0)

// Integers up to 64 bits; prints both sides.
#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        int64_t check_a = (int64_t)(actual), check_e = (int64_t)(expected);                        \
        if (check_a != check_e) {                                                                  \
            (void)printf("  %s:%d: %s is %" PRId64 ", expected %" PRId64 "\n", __FILE__, __LINE__, \
                #actual, check_a, check_e);                                                        \
            check_fail();                                                                          \
        }                                                                                          \
    } while (0)

#define CHECK_STRING(actual, expected)                                                            \
    do {                                                                                          \
        const char *check_a = (actual), *check_e = (expected);                                    \
        if (strcmp(check_a, check_e) != 0) {                                                      \
            (void)printf("  %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #actual, \
                check_a, check_e);                                                                \
            check_fail();                                                                         \
        }                                                                                         \
    } while (0)

// That `part` occurs in `text`: for sentences.
#define CHECK_CONTAINS(text, part)                                                                \
    do {                                                                                          \
        const char *check_t = (text), *check_p = (part);                                          \
        if (strstr(check_t, check_p) == NULL) {                                                   \
            (void)printf("  %s:%d: \"%s\" lacks \"%s\"\n", __FILE__, __LINE__, check_t, check_p); \
            check_fail();                                                                         \
        }                                                                                         \
    } while (0)

static inline int check_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc < 2;
}

static __attribute__((noinline)) int check_run(const struct check_test *test)
{
    if (setjmp(check_jump) != 0)
        return 1;
    test->run();
    return 0;
}

static inline int check_main(const struct check_test *tests, size_t count, int argc, char **argv)
{
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        if (!check_wanted(tests[i].name, argc, argv))
            continue;
        int broke = check_run(&tests[i]);
        (void)printf("%s %s\n", broke ? "FAIL" : "ok  ", tests[i].name);
        *(broke ? &failed : &passed) += 1;
    }
    (void)printf("%u checks of this program passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}

#endif
