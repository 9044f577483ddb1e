// The command line of idunno-submit: what fits together, and a sentence for what does not.
#include "client/submit.h"
#include "tests/lib/check.h"

#include <errno.h>

static struct idn_submit_options options;
static struct idn_reason reason;

// line: words separated by single spaces; '_' within a word stands for a space.
static int parse(const char *line)
{
    static char copy[1000];
    char *words[40], *rest = NULL;
    size_t count = 0;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *at = strtok_r(copy, " ", &rest); at != NULL; at = strtok_r(NULL, " ", &rest)) {
        words[count++] = at;
        for (; *at != '\0'; at++)
            if (*at == '_')
                *at = ' ';
    }
    words[count] = NULL;
    memset(&options, 0, sizeof(options));
    return idn_submit_parse(words, &options, &reason);
}

static const char *refusal_of(const char *line)
{
    CHECK_INT(parse(line), -EINVAL);
    return reason.text;
}

static void test_a_query_in_words_or_in_one(void)
{
    static const char *const lines[] = {"Inference 0 9999 alexnet", "Inference_0_9999_alexnet",
        "Inference 0 --dataset photos 9999 alexnet", "--model alexnet --range 0..9999",
        "--weight 3 Inference_0 9999_alexnet"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        CHECK_INT(parse(lines[i]), 0);
        CHECK(options.has_model && options.has_range);
        CHECK_STRING(options.query.model, "alexnet");
        CHECK_INT(options.query.first, 0);
        CHECK_INT(options.query.last, 9999);
    }
    CHECK_INT(options.weight, 3);
    CHECK_INT(parse("--model alexnet --list own.txt --output x.csv --timeout 0 --json"), 0);
    CHECK(!options.has_range && options.json);
    CHECK_INT(options.timeout_ms, UINT32_MAX);
    CHECK_INT(parse("--attach 0123abcd --quiet --broker a --broker b:1"), 0);
    CHECK_INT(options.brokers, 2);
    CHECK_INT(parse("Inference 0 9 m --detach --json"), 0); // the id, and by how many it is stored
    CHECK(options.detach && options.json);
}

static void test_nothing_to_do(void)
{
    CHECK_STRING(refusal_of(""),
        "nothing to submit; write for example: idunno-submit Inference 0 9999 alexnet");
    CHECK_CONTAINS(refusal_of("--range 0..9"), "--model is missing");
    CHECK_CONTAINS(refusal_of("--dataset photos"), "--model is missing");
    CHECK_INT(parse("--help"), 0);
    CHECK(options.help);
    CHECK_INT(parse("--version --model"), -EINVAL);
}

static void test_what_excludes_each_other(void)
{
    CHECK_STRING(refusal_of("--model m --list l --dataset d"),
        "--list l and --dataset d exclude each other; give one of them");
    CHECK_STRING(refusal_of("Inference 0 9 alexnet --model resnet18"),
        "the query 'Inference 0 9 alexnet' says it all; leave out --model");
    CHECK_CONTAINS(refusal_of("Inference 0 9 alexnet --range 0..5"), "leave out --range");
    CHECK_CONTAINS(refusal_of("Inference 0 9 alexnet --attach 01234567"), "or --attach");
    static const char *const others[] = {
        "--model m", "--range 0..1", "--dataset d", "--list l", "--weight 1", "--detach"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        char line[64], expected[64];
        (void)snprintf(line, sizeof(line), "--attach 01234567 %s", others[i]);
        (void)snprintf(
            expected, sizeof(expected), "leave out %.*s", (int)strcspn(others[i], " "), others[i]);
        CHECK_CONTAINS(refusal_of(line), expected);
    }
    CHECK_CONTAINS(refusal_of("Inference 0 9 m --detach --output x.csv"),
        "--detach ends before there is anything for --output");
}

static void test_wrong_values(void)
{
    CHECK_STRING(
        refusal_of("Inference -1 9 m"), "the first image is -1, but images are numbered from 0");
    CHECK_CONTAINS(refusal_of("--model m --range 9..0"), "comes before");
    CHECK_CONTAINS(refusal_of("--model a_b"), "'a b' cannot be a name");
    static const char *const weights[] = {"0", "1001", "x", "-1", "1.5"};
    for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "Inference 0 9 m --weight %s", weights[i]);
        CHECK_CONTAINS(refusal_of(line), "is not a whole number from 1 to 1000");
        CHECK_CONTAINS(reason.text, weights[i]);
    }
    static const char *const times[] = {"x", "-1", "1s", "inf", "nan", "1e99", "0x10", "_1"};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "Inference 0 9 m --timeout %s", times[i]);
        CHECK_CONTAINS(refusal_of(line), "is not a number of seconds from 0 to 4000000");
    }
    CHECK_CONTAINS(
        refusal_of("Inference 0 9 m --broker a --broker b --broker c"), "'c' is one too many");
    CHECK_CONTAINS(refusal_of("Inference 0 9 m --weigth 3"), "did you mean --weight?");
}

static void test_brokers(void)
{
    static const struct {
        const char *text, *address; // NULL: refused
    } cases[] = {
        {"localhost", "tcp://localhost:5570"},
        {"10.0.0.1:7000", "tcp://10.0.0.1:7000"},
        {"tcp://host:1", "tcp://host:1"},
        {"[::1]:5570", "tcp://[::1]:5570"},
        {"[::1]", "tcp://[::1]:5570"},
        {"", NULL},
        {":5570", NULL},
        {"host:", NULL},
        {"host:0", NULL},
        {"host:65536", NULL},
        {"host:x", NULL},
        {"::1", NULL},
        {"http://host", NULL},
        {"a b", NULL},
    };
    struct idn_cluster cluster = {.settings = {.port_clients = 5570}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int error = idn_cluster_use(&cluster, &cases[i].text, 1, &reason);
        CHECK_INT(error, cases[i].address == NULL ? -EINVAL : 0);
        if (cases[i].address != NULL)
            CHECK_STRING(cluster.address[0], cases[i].address);
        else
            CHECK_CONTAINS(reason.text, "is not a broker's address; write it as HOST or HOST:PORT");
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_query_in_words_or_in_one),
        CHECK_TEST(test_nothing_to_do),
        CHECK_TEST(test_what_excludes_each_other),
        CHECK_TEST(test_wrong_values),
        CHECK_TEST(test_brokers),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
