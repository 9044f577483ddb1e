// What users write: queries, ranges, options. Every kind of wrong input has its sentence.
#include "client/arguments.h"
#include "client/query.h"
#include "tests/lib/check.h"

#include <errno.h>

static struct idn_reason reason;
static struct idn_query query;

static const char *refusal_of_query(const char *text)
{
    struct idn_query before = query;

    reason.text[0] = '\0';
    CHECK_INT(idn_query_parse(text, &query, &reason), -EINVAL);
    CHECK(memcmp(&before, &query, sizeof(query)) == 0);
    return reason.text;
}

static const char *refusal_of_range(const char *text)
{
    uint32_t first, last;

    reason.text[0] = '\0';
    CHECK_INT(idn_query_parse_range(text, &first, &last, &reason), -EINVAL);
    return reason.text;
}

static void test_a_query(void)
{
    CHECK_INT(idn_query_parse("Inference 0 9999 alexnet", &query, &reason), 0);
    CHECK_INT(query.first, 0);
    CHECK_INT(query.last, 9999);
    CHECK_STRING(query.model, "alexnet");
    CHECK_INT(idn_query_parse("  inference\t7  7 resnet18 ", &query, &reason), 0);
    CHECK_INT(query.first, 7);
    CHECK_INT(query.last, 7);
}

static void test_malformed_queries_are_told_the_right_form(void)
{
    static const char *const wrong[] = {"", "alexnet", "Inference 0 9999", "Infer 0 9 alexnet",
        "Inference 0 9 alexnet resnet18", "0 9 alexnet", "Inference 0..9 alexnet"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        CHECK_CONTAINS(refusal_of_query(wrong[i]), wrong[i]);
        CHECK_CONTAINS(reason.text, "is not a query; write it as: Inference FIRST LAST MODEL");
    }
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CHECK_CONTAINS(refusal_of_query(text), "too long");
}

static void test_wrong_numbers_are_named(void)
{
    CHECK_STRING(refusal_of_query("Inference -5 9 alexnet"),
        "the first image is -5, but images are numbered from 0");
    CHECK_STRING(
        refusal_of_query("Inference 0 ten alexnet"), "the last image 'ten' is not a whole number");
    CHECK_STRING(
        refusal_of_query("Inference 0 9.5 alexnet"), "the last image '9.5' is not a whole number");
    CHECK_STRING(
        refusal_of_query("Inference 9 5 alexnet"), "the last image (5) comes before the first (9)");
    CHECK_STRING(refusal_of_query("Inference 0 99999999999999999999 alexnet"),
        "the last image is 99999999999999999999, but image numbers end at 4294967294");
    CHECK_STRING(refusal_of_query("Inference 1 10000001 alexnet"),
        "1 to 10000001 are 10000001 images, but a job has at most 10000000");
    CHECK_INT(idn_query_parse("Inference 1 10000000 alexnet", &query, &reason), 0);
}

static void test_impossible_names(void)
{
    CHECK_CONTAINS(refusal_of_query("Inference 0 9 \"alexnet\""), "'\"alexnet\"' cannot be a name");
    CHECK_CONTAINS(
        refusal_of_query("Inference 0 9 "
                         "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"),
        "cannot be a name: it takes 1 to 63 characters");
}

static void test_ranges(void)
{
    uint32_t first, last;

    CHECK_INT(idn_query_parse_range("0..9999", &first, &last, &reason), 0);
    CHECK_INT(first, 0);
    CHECK_INT(last, 9999);
    static const char *const wrong[] = {"", "5", "5-9", "..9", "5..", ".."};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        CHECK_CONTAINS(refusal_of_range(wrong[i]),
            "is not a range; write it as FIRST..LAST, for example 0..9999");
    CHECK_STRING(refusal_of_range("9..5"), "the last image (5) comes before the first (9)");
    CHECK_STRING(
        refusal_of_range("-1..5"), "the first image is -1, but images are numbered from 0");
    CHECK_STRING(refusal_of_range("1...5"), "the last image '.5' is not a whole number");
}

enum { MODEL = 1, QUIET, HELP };
static const struct idn_option options[] = {
    {"model", "NAME", MODEL}, {"quiet", NULL, QUIET}, {"help", NULL, HELP}, {NULL, NULL, 0}};

static int next_id; // 0 for an operand
static const char *next_value;

static int next(struct idn_arguments *arguments)
{
    const struct idn_option *option = NULL;
    int error = idn_arguments_next(arguments, &option, &next_value, &reason);

    next_id = option == NULL ? 0 : option->id;
    return error;
}

static void check_next(struct idn_arguments *arguments, int id, const char *value)
{
    CHECK_INT(next(arguments), 0);
    CHECK_INT(next_id, id);
    if (value != NULL)
        CHECK_STRING(next_value, value);
}

static const char *refusal_of_arguments(char *one, char *two)
{
    char *items[] = {one, two, NULL};
    struct idn_arguments arguments = {.item = items, .options = options};

    CHECK_INT(next(&arguments), -EINVAL);
    return reason.text;
}

static void test_options_and_operands_in_any_order(void)
{
    char *items[] = {(char[]){"Inference"}, (char[]){"-5"}, (char[]){"--model"}, (char[]){"--odd"},
        (char[]){"--model=a=b"}, (char[]){"--quiet"}, (char[]){"-"}, (char[]){"-h"}, (char[]){"--"},
        (char[]){"--quiet"}, (char[]){"--"}, NULL};
    struct idn_arguments arguments = {.item = items, .options = options};

    check_next(&arguments, 0, "Inference");
    check_next(&arguments, 0, "-5"); // a negative number, for the query to judge
    check_next(&arguments, MODEL, "--odd");
    check_next(&arguments, MODEL, "a=b");
    check_next(&arguments, QUIET, NULL);
    check_next(&arguments, 0, "-");
    check_next(&arguments, HELP, NULL);
    check_next(&arguments, 0, "--quiet");
    check_next(&arguments, 0, "--");
    CHECK_INT(next(&arguments), IDN_ARGUMENTS_END);
}

static void test_wrong_options_are_named(void)
{
    char modle[] = "--modle", wild[] = "--xyzzyxyzzy", x[] = "-x", model[] = "--model",
         quiet[] = "--quiet=yes", prefix[] = "--mod";

    CHECK_STRING(
        refusal_of_arguments(modle, NULL), "unknown option --modle; did you mean --model?");
    CHECK_STRING(
        refusal_of_arguments(wild, NULL), "unknown option --xyzzyxyzzy; --help lists them");
    CHECK_CONTAINS(refusal_of_arguments(x, NULL), "unknown option -x");
    CHECK_STRING(refusal_of_arguments(model, NULL), "option --model needs a value: --model NAME");
    CHECK_STRING(
        refusal_of_arguments(quiet, NULL), "option --quiet takes no value, but 'yes' is given");
    CHECK_CONTAINS(refusal_of_arguments(prefix, NULL), "unknown option --mod");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_query),
        CHECK_TEST(test_malformed_queries_are_told_the_right_form),
        CHECK_TEST(test_wrong_numbers_are_named),
        CHECK_TEST(test_impossible_names),
        CHECK_TEST(test_ranges),
        CHECK_TEST(test_options_and_operands_in_any_order),
        CHECK_TEST(test_wrong_options_are_named),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
