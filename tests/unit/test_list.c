// Lists of images: what they mean and what a wrong line is told.
#include "weights/list.h"

#include "tests/lib/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct idn_reason reason;
static struct idn_list_entry entry;

static struct idn_list *parse(const char *text, const char *base)
{
    struct idn_list *list = NULL;

    reason.text[0] = '\0';
    (void)idn_list_parse(text, strlen(text), base, &list, &reason);
    return list;
}

static const char *refusal(const char *text)
{
    CHECK(parse(text, "/base") == NULL);
    return reason.text;
}

static void test_entries(void)
{
    struct idn_list *list = parse("a.jpg\n/abs/b c.png\r\nd/e.jpg\t123\t" HEX, "/base");

    CHECK_INT(idn_list_count(list), 3);
    idn_list_get(list, 0, &entry);
    CHECK_STRING(entry.path, "/base/a.jpg");
    CHECK_INT(entry.size, 0);
    CHECK(!entry.has_digest);
    idn_list_get(list, 1, &entry);
    CHECK_STRING(entry.path, "/abs/b c.png");
    idn_list_get(list, 2, &entry);
    CHECK_STRING(entry.path, "/base/d/e.jpg");
    CHECK_INT(entry.size, 123);
    CHECK(entry.has_digest);
    CHECK_INT(entry.digest.bytes[0], 0xba);
    idn_list_destroy(&list);
    idn_list_destroy(&list);
}

// A newline at the end makes no further line, but another digest: it is of the bytes.
static void test_last_newline(void)
{
    struct idn_list *with = parse("a\nb\n", "/x/"), *without = parse("a\nb", "/x/");
    struct idn_sha256 digest;
    size_t size;

    CHECK_INT(idn_list_count(with), 2);
    CHECK_INT(idn_list_count(without), 2);
    idn_list_get(with, 1, &entry);
    CHECK_STRING(entry.path, "/x/b");
    idn_sha256_of("a\nb\n", 4, &digest);
    CHECK(memcmp(&digest, idn_list_digest(with), sizeof(digest)) == 0);
    CHECK(memcmp(&digest, idn_list_digest(without), sizeof(digest)) != 0);
    CHECK(memcmp(idn_list_bytes(with, &size), "a\nb\n", 4) == 0);
    CHECK_INT(size, 4);
    idn_list_destroy(&with);
    idn_list_destroy(&without);
}

static void test_hostile_names_are_only_names(void)
{
    struct idn_list *list = parse("$(touch PWNED).png\n../..\n -rf\n", NULL);

    CHECK_INT(idn_list_count(list), 3);
    idn_list_get(list, 0, &entry);
    CHECK_STRING(entry.path, "$(touch PWNED).png");
    idn_list_get(list, 2, &entry);
    CHECK_STRING(entry.path, " -rf");
    idn_list_destroy(&list);
}

static void test_refusals(void)
{
    CHECK_STRING(
        refusal("a\n\nb\n"), "the list: line 2 is empty; every line needs the path of an image");
    CHECK_STRING(
        refusal("a\n\n"), "the list: line 2 is empty; every line needs the path of an image");
    CHECK_STRING(refusal(""), "the list is empty; a list needs the path of one image a line");
    CHECK_STRING(refusal("a\t5\n"),
        "the list: line 1 must be PATH, or PATH, SIZE and SHA-256 with tabs between them");
    CHECK_STRING(refusal("a\nb\tfive\t" HEX),
        "the list: line 2 has a size that is not a whole number of bytes from 1");
    CHECK_CONTAINS(refusal("b\t0\t" HEX), "line 1 has a size that is not");
    CHECK_CONTAINS(refusal("b\t-5\t" HEX), "line 1 has a size that is not");
    CHECK_CONTAINS(refusal("b\t99999999999999999999999999\t" HEX), "line 1 has a size that is not");
    CHECK_STRING(
        refusal("b\t5\tabc\n"), "the list: line 1 has a SHA-256 that is not 64 hexadecimal digits");
    CHECK_CONTAINS(refusal("b\t5\t" HEX "0\n"), "line 1 has a SHA-256 that is not");
    CHECK_CONTAINS(refusal("b\t5\t" HEX "\tmore\n"), "line 1 has a SHA-256 that is not");
    struct idn_list *list = NULL;
    CHECK_INT(idn_list_parse("a\0b", 3, "/", &list, &reason), -EINVAL);
    CHECK_STRING(reason.text, "the list: line 1 holds a NUL byte; a list is a text file");
}

static void test_long_paths(void)
{
    static char text[IDN_PATH_SIZE + 1];

    memset(text, 'x', IDN_PATH_SIZE - 1);
    text[0] = '/';
    struct idn_list *list = parse(text, "/base"); // 4095 bytes: the base is not for it
    CHECK_STRING(reason.text, "");
    idn_list_get(list, 0, &entry);
    CHECK_STRING(entry.path, text);
    idn_list_destroy(&list);
    text[0] = 'x';
    CHECK_STRING(refusal(text), "the list: line 1 holds a path of more than 4095 bytes");
    text[0] = '/';
    text[IDN_PATH_SIZE - 1] = 'x';
    CHECK_STRING(refusal(text), "the list: line 1 holds a path of more than 4095 bytes");
}

static void test_files(void)
{
    char folder[] = "/tmp/idunno-test-list-XXXXXX", path[64], expected[64];
    struct idn_list *list = NULL;

    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/l.list", folder);
    FILE *out = fopen(path, "w");
    CHECK(out != NULL && fputs("p/1.jpg\n\n", out) >= 0 && fclose(out) == 0);
    CHECK_INT(idn_list_open(path, &list, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "/l.list: line 2 is empty; every line needs the path of an image");
    out = fopen(path, "w");
    CHECK(out != NULL && fputs("p/1.jpg\n", out) >= 0 && fclose(out) == 0);
    CHECK_INT(idn_list_open(path, &list, &reason), 0);
    idn_list_get(list, 0, &entry);
    (void)snprintf(expected, sizeof(expected), "%s/p/1.jpg", folder);
    CHECK_STRING(entry.path, expected);
    idn_list_destroy(&list);

    CHECK_INT(chdir(folder), 0); // a relative name gives absolute paths too
    CHECK_INT(idn_list_open("l.list", &list, &reason), 0);
    idn_list_get(list, 0, &entry);
    CHECK_STRING(entry.path, expected);
    idn_list_destroy(&list);

    CHECK_INT(idn_list_open("/nonexistent.list", &list, &reason), -ENOENT);
    CHECK_STRING(reason.text, "cannot read the list /nonexistent.list: No such file or directory");
    CHECK_INT(idn_list_open(folder, &list, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "is not a regular file");
    (void)unlink(path);
    (void)rmdir(folder);
}

static void test_many_lines(void)
{
    enum { LINES = 200 * 1000 };
    char *text = malloc(LINES * 2);

    CHECK(text != NULL);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + 2 * i, "x\n", 2);
    struct idn_list *list = NULL;
    CHECK_INT(idn_list_parse(text, LINES * 2, "/b", &list, &reason), 0);
    CHECK_INT(idn_list_count(list), LINES);
    idn_list_get(list, LINES - 1, &entry);
    CHECK_STRING(entry.path, "/b/x");
    idn_list_destroy(&list);
    free(text);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_entries),
        CHECK_TEST(test_last_newline),
        CHECK_TEST(test_hostile_names_are_only_names),
        CHECK_TEST(test_refusals),
        CHECK_TEST(test_long_paths),
        CHECK_TEST(test_files),
        CHECK_TEST(test_many_lines),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
