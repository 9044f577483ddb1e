// The store: what was committed comes back, in order, and who may open it.
#include "broker/store_schema.h"
#include "tests/unit/store_kit.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

static struct kit kit;
static struct kit_seen seen;

static void test_comes_back_in_order(void)
{
    struct idn_completion done;

    kit_init(&kit);
    kit_open(&kit);
    CHECK_INT(kit.report.facts, 0);
    kit_accept(&kit, 1, 0, 999);
    struct idn_fact pair[2] = {kit_results(&kit, 1, 0, 500, IDN_STATUS_OK, 7),
        kit_results(&kit, 1, 500, 500, IDN_STATUS_CORRUPT, 0)};
    kit_commit_all(&kit, pair, 2);
    kit_wait_stored(&kit);
    CHECK(!idn_store_next(kit.store, &done));
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.facts, 3);
    CHECK_INT(kit.report.lost, 0);
    CHECK_INT(seen.count, 3);
    CHECK_INT(seen.kind[0], IDN_FACT_ACCEPTED);
    CHECK_INT(seen.kind[1], IDN_FACT_RESULTS);
    CHECK_INT(seen.origin[0].incarnation, kit.incarnation - 1);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_INT(seen.origin[i].sequence, i + 1);
    CHECK_INT(seen.rows, 1000);
    CHECK_STRING(seen.last.u.results.worker, "host/0");
    CHECK_INT(seen.last.epoch.counter, 3);
    CHECK_INT(seen.last.epoch.broker, 'a');
    CHECK_INT(seen.last.wall_ms, 1700000000003);
    CHECK_INT(seen.last.u.results.class_hash, 77);
    kit_fini(&kit);
}

static struct idn_summary summary_of(uint8_t job, uint32_t ok)
{
    return (struct idn_summary){.job = kit_key(job),
        .ok = ok,
        .failed = 2,
        .quarantined = 3,
        .conflicts = 4,
        .lifted = 5,
        .digest = {.low = UINT64_MAX, .high = 6},
        .finished_wall_ms = 7,
        .compute_us = 8,
        .class_hash = UINT64_MAX - 9};
}

static void summarise(uint8_t job, uint32_t ok)
{
    struct idn_summary summary = summary_of(job, ok);

    idn_store_summarise(kit.store, &summary);
}

static void test_summary_stands_for_what_it_covers(void)
{
    struct idn_summary expected = summary_of(1, 20);

    kit_init(&kit);
    kit_open(&kit);
    kit_accept(&kit, 1, 0, 9);
    kit_commit(&kit, kit_results(&kit, 1, 0, 5, IDN_STATUS_OK, 7));
    summarise(1, 10);
    kit_commit(&kit, kit_results(&kit, 1, 5, 5, IDN_STATUS_OK, 7));
    summarise(1, 20);                                               // replaces the first
    kit_commit(&kit, kit_results(&kit, 1, 3, 1, IDN_STATUS_OK, 8)); // late
    kit_commit(&kit, kit_fact(&kit, IDN_FACT_CANCELLED, 1));
    kit_accept(&kit, 2, 0, 9);
    kit_commit(&kit, kit_results(&kit, 2, 0, 5, IDN_STATUS_OK, 7));
    kit_wait_stored(&kit);
    kit_restart(&kit, &seen);
    static const uint32_t kinds[] = {IDN_FACT_ACCEPTED, 0, IDN_FACT_RESULTS, IDN_FACT_CANCELLED,
        IDN_FACT_ACCEPTED, IDN_FACT_RESULTS};
    CHECK_INT(seen.count, 6);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_INT(seen.kind[i], kinds[i]);
    CHECK_INT(seen.rows, 6);
    CHECK(idn_key_equal(&seen.summary.job, &expected.job));
    CHECK_INT(seen.summary.ok, 20);
    CHECK_INT(seen.summary.conflicts, 4);
    CHECK_INT(seen.summary.lifted, 5);
    CHECK(idn_digest_equal(&seen.summary.digest, &expected.digest));
    CHECK_INT(seen.summary.finished_wall_ms, 7);
    CHECK_INT(seen.summary.class_hash, expected.class_hash);
    kit_fini(&kit);
}

static void sql(const char *statement)
{
    sqlite3 *db = NULL;

    CHECK_INT(sqlite3_open(kit_path(&kit, "facts.db"), &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static void test_damaged_summary_is_thrown_away(void)
{
    kit_init(&kit);
    kit_open(&kit);
    kit_accept(&kit, 1, 0, 9);
    kit_commit(&kit, kit_results(&kit, 1, 0, 10, IDN_STATUS_OK, 7));
    summarise(1, 10);
    kit_wait_stored(&kit);
    idn_store_close(&kit.store);
    sql("UPDATE summaries SET ok = 11");
    kit_restart(&kit, &seen);
    CHECK_INT(seen.summaries, 0);
    CHECK_INT(seen.rows, 10);
    kit_fini(&kit);
}

// Turns a row into what a newer version would have stored, its checksum right.
static void make_unknown(int64_t position, uint32_t kind)
{
    sqlite3_stmt *select, *update;
    struct idn_store_row row;
    sqlite3 *db;

    CHECK_INT(idn_store_connect(kit.directory, true, &db, NULL), 0);
    CHECK_INT(idn_store_prepare(
                  db, "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE position = ?1", &select),
        SQLITE_OK);
    CHECK_INT(
        idn_store_prepare(db, "UPDATE facts SET kind = ?1, crc = ?2 WHERE position = ?3", &update),
        SQLITE_OK);
    CHECK_INT(sqlite3_bind_int64(select, 1, position), SQLITE_OK);
    CHECK_INT(sqlite3_step(select), SQLITE_ROW);
    idn_store_row_get(select, true, &row);
    row.kind = kind;
    CHECK_INT(sqlite3_bind_int64(update, 1, kind), SQLITE_OK);
    CHECK_INT(sqlite3_bind_int64(update, 2, idn_store_row_crc(&row)), SQLITE_OK);
    CHECK_INT(sqlite3_bind_int64(update, 3, position), SQLITE_OK);
    CHECK_INT(sqlite3_finalize(select), SQLITE_OK);
    CHECK_INT(sqlite3_step(update), SQLITE_DONE);
    CHECK_INT(sqlite3_finalize(update), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static void test_unknown_kind_is_kept_and_left_out(void)
{
    kit_init(&kit);
    kit_open(&kit);
    kit_accept(&kit, 1, 0, 9);
    kit_commit(&kit, kit_fact(&kit, IDN_FACT_CANCELLED, 1));
    kit_commit(&kit, kit_fact(&kit, IDN_FACT_CANCELLED, 1));
    kit_wait_stored(&kit);
    idn_store_close(&kit.store);
    make_unknown(2, 200);
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.facts, 3);
    CHECK_INT(seen.count, 2);
    kit_fini(&kit);
}

// More rows than one transaction empties, so that forgetting takes several.
static void commit_bulk(uint8_t job, uint32_t facts)
{
    for (uint32_t i = 0; i < facts; i++) {
        kit_commit(&kit, kit_results(&kit, job, i * 10, 10, IDN_STATUS_OK, 7));
        if (i % 64 == 63)
            kit_wait_stored(&kit);
    }
}

static void test_forgotten_bodies_are_emptied(void)
{
    kit_init(&kit);
    kit_open(&kit);
    kit_accept(&kit, 1, 0, 1999);
    commit_bulk(1, 200);
    commit_bulk(2, 3);
    summarise(1, 2000);
    kit_commit(&kit, kit_fact(&kit, IDN_FACT_FORGOTTEN, 1));
    kit_wait_stored(&kit);
    kit_wait_forgotten(&kit);
    CHECK_INT(kit_number(&kit, "SELECT count(*) FROM facts WHERE body IS NULL"), 200);
    CHECK_INT(kit_number(&kit, "SELECT count(*) FROM summaries"), 0);
    CHECK_INT(kit_number(&kit, "SELECT count(DISTINCT sequence) FROM facts"), 205);
    struct idn_completion page = kit_page(&kit, 1, 0, 1000, IDN_FILTER_ALL);
    CHECK_INT(page.count, 0);
    free(page.bytes);
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.facts, 205);
    CHECK_INT(seen.count, 5);
    CHECK_INT(seen.rows, 30);
    kit_fini(&kit);
}

// The process ended between FORGOTTEN and the last body.
static void test_forgetting_goes_on_after_a_start(void)
{
    kit_init(&kit);
    kit_open(&kit);
    commit_bulk(1, 100);
    kit_wait_stored(&kit);
    idn_store_close(&kit.store);
    sql("INSERT INTO forgetting VALUES (x'01000000000000000000000000000001')");
    kit_open(&kit);
    kit_wait_forgotten(&kit);
    CHECK_INT(kit_number(&kit, "SELECT count(*) FROM facts WHERE body IS NULL"), 100);
    kit_restart(&kit, &seen);
    CHECK_INT(seen.count, 0);
    kit_fini(&kit);
}

// Before, in and after the transaction of its FORGOTTEN: the key is void for ever.
static void test_a_forgotten_key_stays_empty(void)
{
    kit_init(&kit);
    kit_open(&kit);
    kit_accept(&kit, 1, 0, 1999);
    commit_bulk(1, 200);
    kit_wait_stored(&kit);
    struct idn_fact facts[] = {kit_results(&kit, 1, 0, 10, IDN_STATUS_OK, 7),
        kit_fact(&kit, IDN_FACT_FORGOTTEN, 1), kit_results(&kit, 1, 0, 10, IDN_STATUS_OK, 7),
        kit_results(&kit, 2, 0, 10, IDN_STATUS_OK, 7)};
    kit_commit_all(&kit, facts, 4);
    kit_wait_stored(&kit);
    kit_wait_forgotten(&kit);
    CHECK_INT(kit_number(&kit, "SELECT count(*) FROM facts WHERE body IS NULL"), 202);
    struct idn_completion page = kit_page(&kit, 1, 0, 1000, IDN_FILTER_ALL);
    CHECK_INT(page.count, 0);
    free(page.bytes);
    kit_restart(&kit, &seen);
    CHECK_INT(seen.count, 3); // ACCEPTED, FORGOTTEN, the other job's
    CHECK_INT(seen.rows, 10);
    CHECK_INT(kit.report.facts, 205);
    kit_fini(&kit);
}

static void test_second_broker_is_refused(void)
{
    struct kit second;

    kit_init(&kit);
    kit_open(&kit);
    second = kit;
    second.store = NULL;
    CHECK_INT(kit_open_only(&second, false), -EBUSY);
    CHECK_CONTAINS(second.reason.text, "another broker uses the state directory");
    CHECK_CONTAINS(second.reason.text, kit.directory);
    kit_accept(&kit, 1, 0, 9); // the first goes on
    kit_wait_stored(&kit);
    kit_fini(&kit);
}

static int open_at(const char *directory)
{
    kit = (struct kit){0};
    (void)snprintf(kit.directory, sizeof(kit.directory), "%s", directory);
    return kit_open_only(&kit, false);
}

static void test_directory_that_cannot_be_used(void)
{
    char file[200];

    CHECK(open_at("/proc/self") < 0); // nobody can make files there, not even root
    CHECK_CONTAINS(kit.reason.text, "/proc/self");
    CHECK_CONTAINS(kit.reason.text, "not writable");
    CHECK_INT(open_at("/proc/none/such"), -ENOENT);
    CHECK_CONTAINS(kit.reason.text, "cannot make the state directory /proc/none/such");
    kit_init(&kit);
    (void)snprintf(file, sizeof(file), "%.190s/file", kit.directory);
    CHECK(creat(file, 0600) >= 0);
    CHECK_INT(open_at(file), -ENOTDIR);
    CHECK_CONTAINS(kit.reason.text, "Not a directory");
    *strrchr(file, '/') = '\0';
    kit_remove(file);
}

static void test_directory_is_made_private(void)
{
    struct stat status;

    kit_init(&kit);
    CHECK_INT(rmdir(kit.directory), 0);
    kit_open(&kit);
    CHECK_INT(stat(kit.directory, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0700);
    kit_fini(&kit);
}

static void test_newer_and_foreign_databases_are_refused(void)
{
    kit_init(&kit);
    kit_open(&kit);
    idn_store_close(&kit.store);
    sql("PRAGMA user_version = 2");
    CHECK_INT(kit_open_only(&kit, false), -EPROTO);
    CHECK_CONTAINS(kit.reason.text, "schema version 2");
    CHECK_CONTAINS(kit.reason.text, "start the newer version");
    sql("PRAGMA user_version = 1; PRAGMA application_id = 5");
    CHECK_INT(kit_open_only(&kit, false), -EBADMSG);
    CHECK_CONTAINS(kit.reason.text, "not a store of IDunno");
    kit_fini(&kit);
}

static void test_space(void)
{
    uint64_t free_bytes = 0, used = 0;
    struct statvfs system;

    kit_init(&kit);
    kit_open(&kit);
    CHECK_INT(idn_store_space(kit.store, &free_bytes, &used), 0);
    CHECK(used >= 64 * 1024);
    CHECK_INT(statvfs(kit.directory, &system), 0);
    CHECK(free_bytes > 0 && free_bytes <= (uint64_t)system.f_blocks * system.f_frsize);
    kit_fini(&kit);
}

static void expect_gone(struct kit *of, const char *name)
{
    struct idn_reason reason;

    CHECK_INT(idn_store_check(of->store, &reason), -ESTALE);
    CHECK_CONTAINS(reason.text, name);
    CHECK_CONTAINS(reason.text, "was removed, moved or replaced");
    CHECK_CONTAINS(reason.text, of->directory);
}

// Whoever removes or moves the files of a running broker must not be told that they hold anything.
static void test_files_that_go_are_noticed(void)
{
    struct kit one;
    struct idn_reason reason;
    char before[512], after[512];

    kit_init(&one);
    kit_open(&one);
    kit_accept(&one, 1, 0, 9);
    kit_wait_stored(&one);
    CHECK_INT(idn_store_check(one.store, &reason), 0);
    kit_restart(&one, &(struct kit_seen){0}); // the clean end emptied the log
    kit_commit(&one, kit_results(&one, 1, 0, 10, IDN_STATUS_OK, 1));
    kit_wait_stored(&one);
    CHECK_INT(idn_store_check(one.store, &reason), 0);
    (void)snprintf(before, sizeof(before), "%s", one.directory);
    (void)snprintf(after, sizeof(after), "%s.moved", one.directory);
    CHECK_INT(rename(before, after), 0);
    expect_gone(&one, "facts.db in");
    CHECK_INT(rename(after, before), 0);
    CHECK_INT(idn_store_check(one.store, &reason), 0);
    CHECK_INT(unlink(kit_path(&one, "facts.db-wal")), 0);
    expect_gone(&one, "facts.db-wal in");
    CHECK_INT(unlink(kit_path(&one, "facts.db")), 0);
    expect_gone(&one, "facts.db in");
    int other = open(kit_path(&one, "facts.db"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(other >= 0);
    (void)close(other);
    expect_gone(&one, "facts.db in");
    kit_fini(&one);
}

static void write_letter(const struct kit *of, const char *text)
{
    FILE *file = fopen(kit_path(of, "letter"), "w");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void test_a_directory_knows_whose_it_is(void)
{
    struct kit one;

    kit_init(&one); // of a version that kept no letter, with facts
    kit_open(&one);
    kit_accept(&one, 1, 0, 9);
    idn_store_close(&one.store);
    one.letter = 'b';
    CHECK_INT(kit_open_only(&one, false), 0); // takes the first one
    idn_store_close(&one.store);
    one.letter = 'a';
    for (int accept = 0; accept < 2; accept++) {
        CHECK_INT(kit_open_only(&one, accept != 0), -EPERM);
        CHECK_CONTAINS(one.reason.text, one.directory);
        CHECK_CONTAINS(one.reason.text, "is broker b's, and this is broker a");
    }
    one.letter = 'b';
    CHECK_INT(kit_open_only(&one, false), 0);
    CHECK_INT(one.report.facts, 1);
    idn_store_close(&one.store);
    CHECK_INT(unlink(kit_path(&one, "letter")), 0); // the operator's word
    one.letter = 'a';
    CHECK_INT(kit_open_only(&one, false), 0);
    idn_store_close(&one.store);
    write_letter(&one, "ab\n");
    CHECK_INT(kit_open_only(&one, false), -EBADMSG);
    CHECK_CONTAINS(one.reason.text, "says neither a nor b");
    write_letter(&one, "");
    CHECK_INT(kit_open_only(&one, false), -EBADMSG);
    kit_fini(&one);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_comes_back_in_order),
        CHECK_TEST(test_summary_stands_for_what_it_covers),
        CHECK_TEST(test_damaged_summary_is_thrown_away),
        CHECK_TEST(test_unknown_kind_is_kept_and_left_out),
        CHECK_TEST(test_forgotten_bodies_are_emptied),
        CHECK_TEST(test_forgetting_goes_on_after_a_start),
        CHECK_TEST(test_a_forgotten_key_stays_empty),
        CHECK_TEST(test_second_broker_is_refused),
        CHECK_TEST(test_directory_that_cannot_be_used),
        CHECK_TEST(test_directory_is_made_private),
        CHECK_TEST(test_newer_and_foreign_databases_are_refused),
        CHECK_TEST(test_space),
        CHECK_TEST(test_files_that_go_are_noticed),
        CHECK_TEST(test_a_directory_knows_whose_it_is),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
