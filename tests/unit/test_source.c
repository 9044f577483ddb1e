// Reading image files: what is not a plain readable file of the stated content gets its status.
#include "tests/lib/check.h"
#include "worker/infer/source.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/idunno-source-XXXXXX";
static char path[512];

static const char *in_directory(const char *name)
{
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static const char *make_file(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");

    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK_INT(fclose(file), 0);
    return path;
}

static int read_image(struct idn_child_image image, const char *expected)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int status = idn_source_read(&image, &bytes, &size);

    if (status == 0 && expected != NULL)
        CHECK(size == strlen(expected) && memcmp(bytes, expected, size) == 0);
    free(bytes);
    return status;
}

static int read_path(const char *name)
{
    return read_image((struct idn_child_image){.path = name}, NULL);
}

static void test_plain_file(void)
{
    struct idn_child_image image = {.path = make_file("plain", "abc")};

    CHECK_INT(read_image(image, "abc"), 0);
    image.size = 3;
    image.has_digest = true;
    idn_sha256_of("abc", 3, &image.digest);
    CHECK_INT(read_image(image, "abc"), 0);
    image.path = make_file("empty", "");
    CHECK_INT(read_image((struct idn_child_image){.path = path}, ""), 0);
}

static void test_missing(void)
{
    CHECK_INT(read_path(in_directory("nothing")), IDN_STATUS_MISSING);
    (void)make_file("file", "x");
    CHECK_INT(read_path(in_directory("file/below")), IDN_STATUS_MISSING);
}

static void test_names_are_only_names(void)
{
    CHECK_INT(read_path("/$(touch PWNED).png"), IDN_STATUS_MISSING);
    CHECK(access("PWNED", F_OK) != 0);
    CHECK_INT(read_image((struct idn_child_image){.path = make_file("$(x) `y` ;", "z")}, "z"), 0);
}

static void test_not_regular_is_unreadable(void)
{
    CHECK_INT(read_path(directory), IDN_STATUS_UNREADABLE);
    CHECK_INT(read_path("/dev/zero"), IDN_STATUS_UNREADABLE);
    CHECK_INT(mkfifo(in_directory("fifo"), 0600), 0);
    CHECK_INT(read_path(path), IDN_STATUS_UNREADABLE); // and does not wait for a writer
}

static void test_without_permission(void)
{
    (void)make_file("secret", "x");
    CHECK_INT(chmod(path, 0), 0);
    if (geteuid() != 0) // root may read everything
        CHECK_INT(read_path(path), IDN_STATUS_UNREADABLE);
    CHECK_INT(symlink("loop", in_directory("loop")), 0);
    CHECK_INT(read_path(path), IDN_STATUS_UNREADABLE);
}

static void test_changed(void)
{
    struct idn_child_image image = {.path = make_file("changed", "abc"), .size = 4};

    CHECK_INT(read_image(image, NULL), IDN_STATUS_CHANGED);
    image.size = 0;
    image.has_digest = true;
    idn_sha256_of("abd", 3, &image.digest);
    CHECK_INT(read_image(image, NULL), IDN_STATUS_CHANGED);
}

// The kernel's own files say a size that they do not have, as one does that is being written.
static void test_another_size_than_it_said(void)
{
    static const char longer[] = "/proc/version", shorter[] = "/sys/kernel/uevent_seqnum";

    CHECK_INT(read_path(longer), IDN_STATUS_CHANGED);
    if (access(shorter, R_OK) == 0)
        CHECK_INT(read_path(shorter), IDN_STATUS_CHANGED);
}

static void test_too_large(void)
{
    (void)make_file("large", "x");
    CHECK_INT(truncate(path, IDN_SOURCE_BYTES_MAX + 1), 0); // sparse
    CHECK_INT(read_path(path), IDN_STATUS_TOO_LARGE);
    struct idn_child_image image = {.path = path, .size = 7};
    CHECK_INT(read_image(image, NULL), IDN_STATUS_CHANGED);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_plain_file),
        CHECK_TEST(test_missing),
        CHECK_TEST(test_names_are_only_names),
        CHECK_TEST(test_not_regular_is_unreadable),
        CHECK_TEST(test_without_permission),
        CHECK_TEST(test_changed),
        CHECK_TEST(test_another_size_than_it_said),
        CHECK_TEST(test_too_large),
    };
    static const char *const made[] = {
        "plain", "empty", "file", "$(x) `y` ;", "fifo", "secret", "loop", "changed", "large"};

    if (mkdtemp(directory) == NULL)
        return 1;
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
        (void)unlink(in_directory(made[i]));
    (void)rmdir(directory);
    return failed;
}
