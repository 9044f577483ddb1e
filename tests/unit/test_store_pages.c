// Result pages, list parts and summaries: which result of an image wins, what the filters pass, and
// that a summary says what the pages show.
#include "tests/unit/store_kit.h"

static struct kit kit;

static void begin(void)
{
    kit_init(&kit);
    kit_open(&kit);
}

static void commit_results(
    uint32_t first, uint32_t count, uint8_t status, uint32_t flavour, uint64_t epoch)
{
    struct idn_fact fact = kit_results(&kit, 1, first, count, status, flavour);

    fact.epoch.counter = epoch;
    kit_commit(&kit, fact);
}

static void commit_quarantine(uint32_t kind, uint32_t image, uint32_t generation)
{
    struct idn_fact fact = kit_fact(&kit, kind, 1);

    if (kind == IDN_FACT_QUARANTINED) {
        fact.u.quarantined.image = image;
        fact.u.quarantined.generation = generation;
        fact.u.quarantined.reason = IDN_DEATH_SIGNAL;
        fact.u.quarantined.spec_hash = idn_spec_hash(&kit.spec);
    } else {
        fact.u.lifted.generation = generation;
    }
    kit_commit(&kit, fact);
}

static struct idn_result row_of(const struct idn_completion *page, uint32_t i)
{
    struct idn_result result = {0};

    CHECK(i < page->count);
    CHECK(idn_result_unpack(page->bytes + (size_t)i * IDN_ROW_BYTES, &result));
    return result;
}

// The one image's winner as a class id, 1000 + status when it is not OK, or -1.
static int winner(uint32_t image)
{
    struct idn_completion page = kit_page(&kit, 1, image, 1, IDN_FILTER_ALL);
    int answer = -1;

    if (page.count > 0 && row_of(&page, 0).index == image) {
        struct idn_result row = row_of(&page, 0);
        answer = row.status == IDN_STATUS_OK ? (int)row.class_id[0] : 1000 + row.status;
    }
    free(page.bytes);
    return answer;
}

static void test_ok_beats_error_beats_quarantine(void)
{
    begin();
    CHECK_INT(winner(0), -1);
    commit_quarantine(IDN_FACT_QUARANTINED, 0, 1);
    CHECK_INT(winner(0), 1000 + IDN_STATUS_QUARANTINED);
    commit_results(0, 1, IDN_STATUS_CORRUPT, 0, 9);
    CHECK_INT(winner(0), 1000 + IDN_STATUS_CORRUPT);
    commit_results(0, 1, IDN_STATUS_OK, 5, 9);
    CHECK_INT(winner(0), 5);
    commit_results(0, 1, IDN_STATUS_CORRUPT, 0, 1);
    CHECK_INT(winner(0), 5);
    kit_fini(&kit);
}

static void test_lowest_epoch_then_origin_wins(void)
{
    begin();
    commit_results(0, 1, IDN_STATUS_OK, 5, 9);
    commit_results(0, 1, IDN_STATUS_OK, 6, 9);
    CHECK_INT(winner(0), 5); // same epoch, lower sequence
    commit_results(0, 1, IDN_STATUS_OK, 7, 8);
    CHECK_INT(winner(0), 7); // lower epoch
    struct idn_fact fact = kit_results(&kit, 1, 0, 1, IDN_STATUS_OK, 8);
    fact.epoch.counter = 8, fact.origin.incarnation = 4;
    kit_commit(&kit, fact);
    CHECK_INT(winner(0), 8); // lower incarnation, unsigned: the kit's own has its high bit set
    commit_results(1, 1, IDN_STATUS_UNREADABLE, 0, 9);
    commit_results(1, 1, IDN_STATUS_MISSING, 0, 8);
    CHECK_INT(winner(1), 1000 + IDN_STATUS_MISSING);
    kit_fini(&kit);
}

// Every image's, however far in the job, and whichever came first.
static void test_lifted_quarantine_is_no_answer(void)
{
    begin();
    kit.spec = kit_spec(0, 999999);
    commit_quarantine(IDN_FACT_QUARANTINED, 3, 1);
    commit_quarantine(IDN_FACT_QUARANTINED, 900000, 1);
    CHECK_INT(kit_refold(&kit, 1).quarantined, 2);
    CHECK_INT(kit_refold(&kit, 1).lifted, 0);
    commit_quarantine(IDN_FACT_LIFTED, 0, 1);
    CHECK_INT(winner(3), -1);
    CHECK_INT(winner(900000), -1);
    CHECK_INT(kit_refold(&kit, 1).quarantined, 0);
    CHECK_INT(kit_refold(&kit, 1).lifted, 1);
    commit_quarantine(IDN_FACT_QUARANTINED, 3, 2);
    CHECK_INT(winner(3), 1000 + IDN_STATUS_QUARANTINED);
    commit_quarantine(IDN_FACT_QUARANTINED, 500000, 1); // came after what voids it
    CHECK_INT(winner(500000), -1);
    kit_fini(&kit);
}

// Two brokers accepted the key, each with its own specification: those of the one that lost are
// void.
static void test_results_of_another_specification_do_not_count(void)
{
    begin();
    commit_results(0, 4, IDN_STATUS_OK, 5, 3);
    commit_quarantine(IDN_FACT_QUARANTINED, 8, 1);
    kit.spec = kit_spec(0, 99);
    commit_results(2, 4, IDN_STATUS_OK, 6, 3);
    commit_quarantine(IDN_FACT_QUARANTINED, 9, 1);
    CHECK_INT(winner(0), -1);
    CHECK_INT(winner(3), 6);
    CHECK_INT(winner(8), -1);
    CHECK_INT(winner(9), 1000 + IDN_STATUS_QUARANTINED);
    struct idn_summary summary = kit_refold(&kit, 1);
    CHECK_INT(summary.ok, 4);
    CHECK_INT(summary.quarantined, 1);
    CHECK_INT(summary.conflicts, 0);
    CHECK_INT(summary.compute_us, 1000);
    kit.spec = kit_spec(0, 9);
    summary = kit_refold(&kit, 1);
    CHECK_INT(summary.ok, 4);
    CHECK_INT(winner(0), 5);
    CHECK_INT(winner(9), -1);
    kit_fini(&kit);
}

static void test_unequal_ok_rows_are_conflicts(void)
{
    begin();
    commit_results(0, 10, IDN_STATUS_OK, 5, 3);
    commit_results(0, 4, IDN_STATUS_OK, 5, 3); // equal ones are none
    commit_results(2, 3, IDN_STATUS_OK, 6, 3);
    commit_results(2, 3, IDN_STATUS_OK, 6, 3);
    commit_results(8, 2, IDN_STATUS_CORRUPT, 0, 3); // nor is an error
    struct idn_completion page = kit_page(&kit, 1, 0, 10, IDN_FILTER_ALL);
    CHECK_INT(page.count, 10);
    CHECK_INT(page.conflicts, 3);
    free(page.bytes);
    CHECK_INT(kit_refold(&kit, 1).conflicts, 3);
    kit_fini(&kit);
}

static void test_filters(void)
{
    begin();
    commit_results(0, 3, IDN_STATUS_OK, 5, 3);
    commit_results(4, 2, IDN_STATUS_TOO_LARGE, 0, 3);
    commit_quarantine(IDN_FACT_QUARANTINED, 8, 1);
    struct idn_completion page = kit_page(&kit, 1, 0, 10, IDN_FILTER_ALL);
    CHECK_INT(page.count, 6);
    CHECK_INT(page.next, 10);
    free(page.bytes);
    page = kit_page(&kit, 1, 0, 10, IDN_FILTER_FAILED);
    CHECK_INT(page.count, 3);
    CHECK_INT(row_of(&page, 0).index, 4);
    CHECK_INT(row_of(&page, 2).index, 8);
    CHECK_INT(row_of(&page, 2).status, IDN_STATUS_QUARANTINED);
    free(page.bytes);
    page = kit_page(&kit, 1, 0, 10, IDN_FILTER_QUARANTINED);
    CHECK_INT(page.count, 1);
    CHECK_INT(row_of(&page, 0).index, 8);
    CHECK_INT(page.next, 10);
    free(page.bytes);
    page = kit_page(&kit, 1, 0, 2, IDN_FILTER_MISSING);
    CHECK_INT(page.count, 2);
    CHECK_INT(row_of(&page, 0).index, 3);
    CHECK_INT(row_of(&page, 1).index, 6);
    CHECK_INT(page.next, 7);
    free(page.bytes);
    page = kit_page(&kit, 1, page.next, 9, IDN_FILTER_MISSING);
    CHECK_INT(page.count, 2);
    CHECK_INT(row_of(&page, 1).index, 9);
    CHECK_INT(page.next, 10);
    free(page.bytes);
    kit_fini(&kit);
}

static void test_page_outside_the_job(void)
{
    begin();
    kit.spec = kit_spec(5, 6);
    commit_results(4, 4, IDN_STATUS_OK, 5, 3);
    struct idn_completion page = kit_page(&kit, 1, 0, 10, IDN_FILTER_ALL);
    CHECK_INT(page.count, 2);
    CHECK_INT(row_of(&page, 0).index, 5);
    CHECK_INT(page.next, 7);
    free(page.bytes);
    page = kit_page(&kit, 1, 7, 10, IDN_FILTER_ALL);
    CHECK_INT(page.count, 0);
    CHECK_INT(page.next, 7);
    free(page.bytes);
    page = kit_page(&kit, 2, 5, 10, IDN_FILTER_ALL); // another job
    CHECK_INT(page.count, 0);
    free(page.bytes);
    kit_fini(&kit);
}

// A page far from any result gives up and says where to go on: one read must not hold the others
// up.
static void test_sparse_job_is_read_in_bounded_steps(void)
{
    uint32_t from = 0, pages = 0, rows = 0;

    begin();
    kit.spec = kit_spec(0, IDN_JOB_IMAGES_MAX - 1);
    commit_results(9000000, 1, IDN_STATUS_CORRUPT, 0, 3);
    while (from <= kit.spec.last) {
        struct idn_completion page = kit_page(&kit, 1, from, 1000, IDN_FILTER_FAILED);
        CHECK(page.next > from);
        from = page.next;
        rows += page.count;
        pages++;
        free(page.bytes);
    }
    CHECK_INT(rows, 1);
    CHECK(pages > 10 && pages < 1000);
    kit_fini(&kit);
}

enum { MANY = 30000 };

// Reports as leases leave them: shuffled, overlapping, some of single images, one of a few rows
// that lie far apart.
static void commit_many(uint8_t *expected)
{
    uint8_t rows[3 * IDN_ROW_BYTES];
    unsigned random = 12345;

    for (int i = 0; i < 400; i++) {
        random = random * 1103515245 + 12345;
        uint32_t first = (random >> 8) % MANY, count = 1 + (random >> 4) % 300;
        count = count > MANY - first ? MANY - first : count;
        commit_results(first, count, IDN_STATUS_OK, 5, 3);
        memset(expected + first, 1, count);
        if (i % 50 == 49)
            kit_wait_stored(&kit);
    }
    struct idn_fact wide = kit_results(&kit, 1, 0, 1, IDN_STATUS_OK, 5);
    for (uint32_t i = 0; i < 3; i++) {
        kit_row(rows + (size_t)i * IDN_ROW_BYTES, i * (MANY / 2 - 1), IDN_STATUS_OK, 5);
        expected[i * (MANY / 2 - 1)] = 1;
    }
    wide.u.results.rows = rows, wide.u.results.count = 3;
    kit_commit(&kit, wide);
}

static void test_pages_over_many_overlapping_facts(void)
{
    static uint8_t expected[MANY];
    struct idn_summary folded, paged = {0};
    uint32_t at = 0;

    begin();
    kit.spec = kit_spec(0, MANY - 1);
    memset(expected, 0, sizeof(expected));
    commit_many(expected);
    for (uint32_t from = 0; from < MANY;) {
        struct idn_completion page = kit_page(&kit, 1, from, 777, IDN_FILTER_ALL);
        for (uint32_t i = 0; i < page.count; i++, at++) {
            struct idn_result row = row_of(&page, i);
            struct idn_digest term;
            while (at < row.index)
                CHECK_INT(expected[at++], 0);
            CHECK_INT(row.index, at);
            CHECK_INT(expected[at], 1);
            idn_digest_of(&row, &term);
            idn_digest_add(&paged.digest, &term);
            paged.ok++;
        }
        from = page.next;
        free(page.bytes);
    }
    for (; at < MANY; at++)
        CHECK_INT(expected[at], 0);
    folded = kit_refold(&kit, 1);
    CHECK_INT(folded.ok, paged.ok);
    CHECK(idn_digest_equal(&folded.digest, &paged.digest));
    CHECK_INT(folded.conflicts, 0);
    CHECK_INT(folded.compute_us, 401 * 1000);
    kit_fini(&kit);
}

static void test_summary_tells_all(void)
{
    struct idn_completion page;
    uint8_t seven[IDN_ROW_BYTES];

    begin();
    commit_results(0, 6, IDN_STATUS_OK, 5, 3); // sequence 1, when the wall clock said ...001
    commit_results(6, 2, IDN_STATUS_CORRUPT, 0, 3);
    commit_quarantine(IDN_FACT_QUARANTINED, 8, 1);
    commit_quarantine(IDN_FACT_QUARANTINED, 7, 1); // beaten by the error
    commit_results(9, 1, IDN_STATUS_OK, 5, 3);     // sequence 5: the last image
    struct idn_fact late = kit_results(&kit, 1, 7, 1, IDN_STATUS_OK, 6);
    late.u.results.class_hash = 99;
    kit_commit(&kit, late);
    struct idn_summary summary = kit_refold(&kit, 1);
    struct idn_key key = kit_key(1);
    CHECK(idn_key_equal(&summary.job, &key));
    CHECK_INT(summary.ok, 8);
    CHECK_INT(summary.failed, 1);
    CHECK_INT(summary.quarantined, 1);
    CHECK_INT(summary.compute_us, 4000);
    CHECK_INT(summary.class_hash, 77);
    CHECK_INT(summary.finished_wall_ms, 1700000000005);
    page = kit_page(&kit, 1, 7, 1, IDN_FILTER_ALL);
    kit_row(seven, 7, IDN_STATUS_OK, 6);
    CHECK(memcmp(page.bytes, seven, sizeof(seven)) == 0);
    free(page.bytes);
    kit_fini(&kit);
}

static void commit_list(uint8_t job, uint64_t total)
{
    static uint8_t bytes[IDN_LIST_PART_BYTES];

    for (uint64_t at = 0; at < total; at += IDN_LIST_PART_BYTES) {
        struct idn_fact fact = kit_fact(&kit, IDN_FACT_LIST_PART, job);
        memset(bytes, (int)(1 + at / IDN_LIST_PART_BYTES), sizeof(bytes));
        fact.u.list_part.offset = at, fact.u.list_part.total = total;
        fact.u.list_part.size =
            (uint32_t)(total - at < IDN_LIST_PART_BYTES ? total - at : IDN_LIST_PART_BYTES);
        fact.u.list_part.bytes = bytes;
        kit_commit(&kit, fact);
    }
}

static struct idn_completion list_at(uint8_t job, uint64_t offset)
{
    struct idn_key key = kit_key(job);
    struct idn_completion part;

    idn_store_read_list(kit.store, 11, &key, offset);
    CHECK(kit_wait(&kit, IDN_COMPLETION_LIST, &part));
    CHECK_INT(part.tag, 11);
    CHECK_INT(part.offset, offset);
    return part;
}

static void test_list_parts(void)
{
    begin();
    commit_list(1, 70000);
    struct idn_completion part = list_at(1, 32768);
    CHECK_INT(part.size, 32768);
    CHECK_INT(part.total, 70000);
    CHECK_INT(part.bytes[0], 2);
    free(part.bytes);
    part = list_at(1, 69999); // in the middle of a part
    CHECK_INT(part.size, 1);
    CHECK_INT(part.bytes[0], 3);
    free(part.bytes);
    part = list_at(1, 70000);
    CHECK_INT(part.size, 0);
    CHECK_INT(part.total, 0);
    part = list_at(2, 0);
    CHECK_INT(part.size, 0);
    kit_fini(&kit);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_ok_beats_error_beats_quarantine),
        CHECK_TEST(test_lowest_epoch_then_origin_wins),
        CHECK_TEST(test_lifted_quarantine_is_no_answer),
        CHECK_TEST(test_results_of_another_specification_do_not_count),
        CHECK_TEST(test_unequal_ok_rows_are_conflicts),
        CHECK_TEST(test_filters),
        CHECK_TEST(test_page_outside_the_job),
        CHECK_TEST(test_sparse_job_is_read_in_bounded_steps),
        CHECK_TEST(test_pages_over_many_overlapping_facts),
        CHECK_TEST(test_summary_tells_all),
        CHECK_TEST(test_list_parts),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
