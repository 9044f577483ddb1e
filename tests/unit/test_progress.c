// What people see: quantities, tables, the progress line at every width.
#include "client/human.h"
#include "client/progress.h"
#include "client/table.h"
#include "tests/lib/check.h"

#include <stdlib.h>

static const struct idn_progress_view halfway = {
    .total = 10000, .done = 5000, .failed = 3, .images_per_s = 100, .left_ms = 50000, .note = ""};

static void test_quantities(void)
{
    CHECK_STRING(idn_human_count(0).text, "0");
    CHECK_STRING(idn_human_count(999).text, "999");
    CHECK_STRING(idn_human_count(1000).text, "1,000");
    CHECK_STRING(idn_human_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
    CHECK_STRING(idn_human_duration(400).text, "400 ms");
    CHECK_STRING(idn_human_duration(999).text, "999 ms");
    CHECK_STRING(idn_human_duration(1400).text, "1.4 s");
    CHECK_STRING(idn_human_duration(9949).text, "9.9 s");
    CHECK_STRING(idn_human_duration(9950).text, "10 s");
    CHECK_STRING(idn_human_duration(47100).text, "47 s");
    CHECK_STRING(idn_human_duration(192000).text, "3 min 12 s");
    CHECK_STRING(idn_human_duration(59600).text, "1 min 0 s");
    CHECK_STRING(idn_human_duration(7500000).text, "2 h 5 min");
    CHECK_STRING(idn_human_duration(300000000).text, "3 d 11 h");
    CHECK_STRING(idn_human_rate(0).text, "0");
    CHECK_STRING(idn_human_rate(0.427).text, "0.43");
    CHECK_STRING(idn_human_rate(0.05).text, "0.05");
    CHECK_STRING(idn_human_rate(0.997).text, "1.0");
    CHECK_STRING(idn_human_rate(9.81).text, "9.8");
    CHECK_STRING(idn_human_rate(9.96).text, "10");
    CHECK_STRING(idn_human_rate(1e300).text, "1,000,000,000,000,000,000");
    CHECK_STRING(idn_human_rate(1212.4).text, "1,212");
    CHECK_STRING(idn_human_bytes(812).text, "812 B");
    CHECK_STRING(idn_human_bytes(1536).text, "1.5 KiB");
    CHECK_STRING(idn_human_bytes(1ull << 40).text, "1.0 TiB");
    CHECK_STRING(idn_human_time(0).text, "-");
}

static void test_a_wide_bar(void)
{
    char line[IDN_PROGRESS_LINE_SIZE];

    idn_progress_bar(&halfway, 80, line);
    CHECK_STRING(
        line, "[############-------------]   50 %  5,000 of 10,000  3 failed  50 s left  100/s");
}

static void test_no_width_makes_it_wrap(void)
{
    struct idn_progress_view view = {.total = UINT32_MAX,
        .failed = UINT32_MAX / 2,
        .images_per_s = 0.001,
        .left_ms = UINT64_MAX,
        .note = ""};
    char line[IDN_PROGRESS_LINE_SIZE];

    for (unsigned columns = 0; columns < 2000; columns++) {
        for (int step = 0; step <= 4; step++) {
            view.done = view.total / 4 * (uint64_t)step;
            view.note = step == 3 ? "waiting for a worker that holds the model alexnet" : "";
            idn_progress_bar(&view, columns, line);
            CHECK(strlen(line) < (columns == 0 ? 1 : columns));
        }
    }
    idn_progress_bar(&halfway, 32, line); // what matters most stays
    CHECK_STRING(line, " 50 %  5,000 of 10,000");
}

static void test_plain_lines(void)
{
    struct idn_progress_view view = halfway;
    char line[IDN_PROGRESS_LINE_SIZE];

    idn_progress_plain(&view, line);
    CHECK_STRING(line, "5,000 of 10,000 images (50 %), 3 failed, 100/s, 50 s left");
    view.failed = 0;
    view.note = "no worker yet";
    idn_progress_plain(&view, line);
    CHECK_STRING(line, "5,000 of 10,000 images (50 %), no worker yet");
    view = (struct idn_progress_view){.total = 5, .done = 5, .note = ""};
    idn_progress_plain(&view, line);
    CHECK_STRING(line, "5 of 5 images (100 %), 0/s");
}

// Without a terminal: at most one line in IDN_PROGRESS_PLAIN_MS, and none that repeats.
static void test_plain_lines_are_rare(void)
{
    struct idn_progress progress;
    struct idn_progress_view view = halfway;
    char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *file = tmpfile();

    CHECK(file != NULL);
    idn_progress_init(&progress, file, false);
    CHECK(!progress.terminal);
    for (uint64_t now_ms = 1000; now_ms < 21000; now_ms += 100) {
        view.done++;
        idn_progress_show(&progress, &view, now_ms);
    }
    for (uint64_t now_ms = 30000; now_ms < 60000; now_ms += 100)
        idn_progress_show(&progress, &view, now_ms);
    rewind(file);
    while (getline(&text, &size, file) > 0)
        lines++;
    CHECK_INT(lines, 4 + 1); // and none before IDN_PROGRESS_FIRST_MS
    free(text);
    (void)fclose(file);
}

static void test_a_table(void)
{
    struct idn_table *table;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    idn_table_new("NAME|>IMAGES|NOTE", &table);
    idn_table_cell(table, "photos");
    idn_table_cell(table, "%d", 12);
    idn_table_cell(table, "%s", "");
    idn_table_cell(table, "gr\xc3\xbc\xc3\x9f"
                          "e");
    idn_table_cell(table, "%d", 1000000);
    idn_table_cell(table, "a\033[2Jb");
    idn_table_print(table, file);
    idn_table_destroy(&table);
    CHECK(table == NULL);
    (void)fclose(file);
    CHECK_STRING(text, "NAME     IMAGES  NOTE\n"
                       "photos       12\n"
                       "gr\xc3\xbc\xc3\x9f"
                       "e   1000000  a?[2Jb\n");
    free(text);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_quantities),
        CHECK_TEST(test_a_wide_bar),
        CHECK_TEST(test_no_width_makes_it_wrap),
        CHECK_TEST(test_plain_lines),
        CHECK_TEST(test_plain_lines_are_rare),
        CHECK_TEST(test_a_table),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
