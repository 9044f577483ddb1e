// Result rows as CSV and JSON lines, and the file that appears only when it is complete.
#include "base/assert.h"
#include "client/output.h"
#include "client/rows.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct idunno_row good = {.index = 1,
    .class_id = {2, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX},
    .probability = {0.75f, 0.1f}};
static const struct idunno_row bad = {.index = 0,
    .status = 1,
    .class_id = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};

static char folder[] = "/tmp/idn-rows-XXXXXX";
static char *text;

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *at = path[next++ % 4];

    (void)snprintf(at, sizeof(path[0]), "%s/%s", folder, name);
    return at;
}

static void write_file(const char *path, const char *bytes)
{
    FILE *file = fopen(path, "w");
    IDN_ASSERT(file != NULL);
    (void)fputs(bytes, file);
    (void)fclose(file);
}

static const char *written(struct idn_rows rows)
{
    size_t size;

    free(text);
    text = NULL;
    rows.file = open_memstream(&text, &size);
    idn_rows_put(&rows, &bad);
    idn_rows_put(&rows, &good);
    idn_rows_end(&rows);
    (void)fclose(rows.file);
    return text;
}

static struct idn_labels *some_labels(void)
{
    struct idn_labels *labels;

    write_file(in_folder("labels"), "tabby cat\r\ndog\n\"Quoted\", and more");
    CHECK_INT(idn_labels_open(in_folder("labels"), &labels), 0);
    return labels;
}

static struct idn_list *some_paths(void)
{
    static const char bytes[] = "/a,b.jpg\nplain.png\n";
    struct idn_list *list;

    CHECK_INT(idn_list_parse(bytes, sizeof(bytes) - 1, "/photos", &list, NULL), 0);
    return list;
}

static void test_labels(void)
{
    struct idn_labels *labels = some_labels();

    CHECK_STRING(idn_labels_get(labels, 0), "tabby cat");
    CHECK_STRING(idn_labels_get(labels, 2), "\"Quoted\", and more");
    CHECK_STRING(idn_labels_get(labels, 3), "");
    idn_labels_destroy(&labels);
    CHECK_INT(idn_labels_open(in_folder("none"), &labels), -ENOENT);
}

static void test_csv(void)
{
    CHECK_STRING(written((struct idn_rows){.format = IDN_ROWS_CSV}),
        "index,status,class_1,probability_1,class_2,probability_2,class_3,probability_3,"
        "class_4,probability_4,class_5,probability_5\n"
        "0,missing,,,,,,,,,,\n"
        "1,ok,2,0.75,0,0.1,,,,,,\n");
}

static void test_csv_with_paths_and_labels(void)
{
    struct idn_labels *labels = some_labels();
    struct idn_list *paths = some_paths();

    CHECK_STRING(
        written((struct idn_rows){.format = IDN_ROWS_CSV, .labels = labels, .paths = paths}),
        "index,path,status,class_1,probability_1,label_1,class_2,probability_2,label_2,"
        "class_3,probability_3,label_3,class_4,probability_4,label_4,"
        "class_5,probability_5,label_5\n"
        "0,\"/a,b.jpg\",missing,,,,,,,,,,,,,,,\n"
        "1,/photos/plain.png,ok,2,0.75,\"\"\"Quoted\"\", and more\",0,0.1,tabby cat,,,,,,,,,\n");
    idn_labels_destroy(&labels);
    idn_list_destroy(&paths);
}

static void test_json_lines(void)
{
    struct idn_labels *labels = some_labels();
    struct idn_list *paths = some_paths();

    CHECK_STRING(written((struct idn_rows){.format = IDN_ROWS_JSONL}),
        "{\"index\":0,\"status\":\"missing\",\"top\":[]}\n"
        "{\"index\":1,\"status\":\"ok\",\"top\":[{\"class\":2,\"probability\":0.75},"
        "{\"class\":0,\"probability\":0.1}]}\n");
    CHECK_CONTAINS(
        written((struct idn_rows){.format = IDN_ROWS_JSONL, .labels = labels, .paths = paths}),
        "{\"index\":1,\"path\":\"/photos/plain.png\",\"status\":\"ok\",\"top\":[{\"class\":2,"
        "\"probability\":0.75,\"label\":\"\\\"Quoted\\\", and more\"}");
    idn_labels_destroy(&labels);
    idn_list_destroy(&paths);
}

static void test_images_without_a_result(void)
{
    CHECK_STRING(
        written((struct idn_rows){.format = IDN_ROWS_CSV, .index_only = true}), "index\n0\n1\n");
    CHECK_STRING(written((struct idn_rows){.format = IDN_ROWS_JSONL, .index_only = true}),
        "{\"index\":0}\n{\"index\":1}\n");
}

static void test_no_rows_at_all(void)
{
    size_t size;
    struct idn_rows rows = {.format = IDN_ROWS_CSV, .index_only = true};

    free(text);
    text = NULL;
    rows.file = open_memstream(&text, &size);
    idn_rows_end(&rows);
    (void)fclose(rows.file);
    CHECK_STRING(text, "index\n");
}

static size_t files_in_folder(void)
{
    char command[300];
    unsigned count = 0;

    (void)snprintf(command, sizeof(command), "ls %s | wc -l", folder);
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c)
    IDN_ASSERT(pipe != NULL);
    IDN_ASSERT(fscanf(pipe, "%u", &count) == 1); // NOLINT(cert-err34-c)
    (void)pclose(pipe);
    return count;
}

static void test_the_output_appears_when_complete(void)
{
    struct idn_output *output;
    struct idn_reason reason;
    size_t before = files_in_folder();

    CHECK_INT(idn_output_open(in_folder("out.csv"), &output, &reason), 0);
    (void)fputs("rows\n", idn_output_file(output));
    CHECK(access(in_folder("out.csv"), F_OK) != 0);
    CHECK_INT(idn_output_commit(&output, &reason), 0);
    CHECK(output == NULL);
    CHECK(access(in_folder("out.csv"), R_OK) == 0);
    CHECK_INT(files_in_folder(), before + 1);
    CHECK_INT(idn_output_open(in_folder("never.jsonl"), &output, &reason), 0);
    CHECK_INT(idn_output_format(output), IDN_ROWS_JSONL);
    idn_output_abandon(&output);
    CHECK_INT(files_in_folder(), before + 1);
}

static void test_outputs_that_cannot_be(void)
{
    struct idn_output *output;
    struct idn_reason reason;
    static const char *const names[] = {"out.txt", "out", "a.csv/out", ".csv.gz"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        CHECK_INT(idn_output_open(names[i], &output, &reason), -EINVAL);
        CHECK_CONTAINS(reason.text, "must end with .csv or .jsonl");
        CHECK_CONTAINS(reason.text, names[i]);
    }
    CHECK_INT(idn_output_open(in_folder("none/out.csv"), &output, &reason), -ENOENT);
    CHECK_CONTAINS(reason.text, "No such file or directory");
}

static void test_a_full_disk_leaves_nothing(void)
{
    struct idn_output *output;
    struct idn_reason reason;
    size_t before = files_in_folder();

    CHECK_INT(idn_output_open(in_folder("full.csv"), &output, &reason), 0);
    int full = open("/dev/full", O_WRONLY);
    CHECK(full >= 0 && dup2(full, fileno(idn_output_file(output))) >= 0);
    (void)fputs("rows\n", idn_output_file(output));
    CHECK_INT(idn_output_commit(&output, &reason), -ENOSPC);
    CHECK_CONTAINS(reason.text, "No space left on device");
    CHECK_INT(files_in_folder(), before);

    // Room again at the end does not bring back what was lost in the middle.
    CHECK_INT(idn_output_open(in_folder("full.csv"), &output, &reason), 0);
    int file = fileno(idn_output_file(output)), good_file = dup(file);
    CHECK(good_file >= 0 && dup2(full, file) >= 0);
    (void)fputs("rows\n", idn_output_file(output));
    CHECK(fflush(idn_output_file(output)) != 0);
    CHECK(dup2(good_file, file) >= 0);
    CHECK_INT(idn_output_commit(&output, &reason), -EIO);
    CHECK_INT(files_in_folder(), before);
    (void)close(good_file);
    (void)close(full);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_labels),
        CHECK_TEST(test_csv),
        CHECK_TEST(test_csv_with_paths_and_labels),
        CHECK_TEST(test_json_lines),
        CHECK_TEST(test_images_without_a_result),
        CHECK_TEST(test_no_rows_at_all),
        CHECK_TEST(test_the_output_appears_when_complete),
        CHECK_TEST(test_outputs_that_cannot_be),
        CHECK_TEST(test_a_full_disk_leaves_nothing),
    };
    char command[300];

    IDN_ASSERT(mkdtemp(folder) != NULL);
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    free(text);
    return system(command) != 0 || result != 0; // NOLINT(cert-env33-c)
}
