// Damage: whatever was called stored and is not there any more is noticed at opening and named;
// --accept-lost-tail goes on with the rest; old rows are scrubbed.
#include "broker/store_schema.h"
#include "tests/unit/store_kit.h"

#include <sqlite3.h>

enum { FACTS = 40, FRAME_BYTES = 24 + 4096, WAL_HEADER_BYTES = 32 };

static struct kit kit, copy;
static struct kit_seen seen;

// Every fourth fact is another broker's.
static void commit_one(uint32_t i)
{
    struct idn_fact fact = kit_results(&kit, 1, i * 100, 100, IDN_STATUS_OK, i);

    if (i % 4 == 3)
        kit_commit_foreign(&kit, fact, 77, i / 4 + 1);
    else
        kit_commit(&kit, fact);
}

// Forty facts of results, stored, all still in the log; then what kill -9 would leave, in `copy`.
static void begin(void)
{
    if (kit.store != NULL) {
        kit_copy(&kit, &copy);
        return;
    }
    kit_init(&kit);
    kit.spec = kit_spec(0, FACTS * 100 - 1);
    kit_open(&kit);
    for (uint32_t i = 0; i < FACTS; i++) {
        commit_one(i);
        kit_wait_stored(&kit);
    }
    kit_copy(&kit, &copy);
}

static void end(void)
{
    kit_fini(&copy);
}

// The same after a clean end: checkpointed.
static void begin_clean(void)
{
    begin();
    kit_open(&copy);
    idn_store_close(&copy.store);
}

static off_t size_of(const struct kit *of, const char *name)
{
    struct stat status;

    return stat(kit_path(of, name), &status) == 0 ? status.st_size : -1;
}

static void flip(const struct kit *of, const char *name, off_t at)
{
    uint8_t byte;
    int fd = open(kit_path(of, name), O_RDWR | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK_INT(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    CHECK_INT(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void sql(const struct kit *of, const char *statement)
{
    sqlite3 *db = NULL;

    CHECK_INT(sqlite3_open(kit_path(of, "facts.db"), &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static void test_undamaged_log_is_taken_as_it_is(void)
{
    begin();
    CHECK(size_of(&copy, "facts.db-wal") > FACTS * FRAME_BYTES);
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK_INT(copy.report.facts, FACTS);
    CHECK_INT(copy.report.verified, FACTS);
    end();
}

// Every part of the log: headers, page numbers, salts, checksums, pages, the first frame and the
// last.
static void test_flipped_byte_in_the_log_is_named(void)
{
    static const int parts[] = {0, 4, 8, 15, 16, 23, 24, 500, 4119};
    char frame[64];
    int frames = 0;

    begin();
    frames = (int)((size_of(&copy, "facts.db-wal") - WAL_HEADER_BYTES) / FRAME_BYTES);
    for (int i = 0; i < 45; i++) {
        int k = i % 5 * (frames - 1) / 4;
        off_t at = WAL_HEADER_BYTES + (off_t)k * FRAME_BYTES + parts[i / 5];
        flip(&copy, "facts.db-wal", at);
        CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
        (void)snprintf(frame, sizeof(frame), "frame %d of facts.db-wal is damaged", k + 1);
        CHECK_CONTAINS(copy.reason.text, frame);
        CHECK_CONTAINS(copy.reason.text, copy.directory);
        CHECK_CONTAINS(copy.reason.text, "--accept-lost-tail");
        flip(&copy, "facts.db-wal", at);
    }
    // Looking did not destroy the evidence: mended, it opens.
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK_INT(copy.report.facts, FACTS);
    end();
}

static void test_flipped_byte_in_the_logs_header_is_named(void)
{
    begin();
    for (off_t at = 0; at < WAL_HEADER_BYTES; at++) {
        flip(&copy, "facts.db-wal", at);
        CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
        CHECK_CONTAINS(copy.reason.text, "the header of facts.db-wal is damaged");
        CHECK_CONTAINS(copy.reason.text, "facts that were stored are gone");
        flip(&copy, "facts.db-wal", at);
    }
    end();
}

static void test_cut_log_is_named(void)
{
    begin();
    off_t size = size_of(&copy, "facts.db-wal");
    CHECK_INT(truncate(kit_path(&copy, "facts.db-wal"), size - FRAME_BYTES), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "1 facts that were stored are gone");
    CHECK_CONTAINS(copy.reason.text, "facts.db-wal ends after frame");
    CHECK_INT(truncate(kit_path(&copy, "facts.db-wal"), 0), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "40 facts that were stored are gone");
    CHECK_INT(unlink(kit_path(&copy, "facts.db-wal")), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "40 facts that were stored are gone");
    end();
}

static void test_missing_database_is_named(void)
{
    begin();
    CHECK_INT(unlink(kit_path(&copy, "facts.db")), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "facts.db in");
    CHECK_CONTAINS(copy.reason.text, "is missing or empty");
    CHECK(size_of(&copy, "facts.db-wal") > 0);
    end();
}

static void test_missing_or_damaged_highwater(void)
{
    begin();
    CHECK_INT(truncate(kit_path(&copy, "highwater"), 100), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "highwater in");
    CHECK_CONTAINS(copy.reason.text, "is damaged");
    CHECK_INT(unlink(kit_path(&copy, "highwater")), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "is missing");
    CHECK_INT(kit_open_only(&copy, true), 0); // nothing is lost, as far as one can tell
    CHECK_INT(copy.report.facts, FACTS);
    CHECK_INT(copy.report.lost, 0);
    idn_store_close(&copy.store);
    CHECK_INT(kit_open_only(&copy, false), 0);
    end();
}

// The mark of the last transaction was torn: the store is ahead of the one before it.
static void test_torn_mark_is_no_damage(void)
{
    begin();
    flip(&copy, "highwater", 64 * (1 + FACTS) + 8);
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK_INT(copy.report.facts, FACTS);
    end();
}

static void test_highwater_of_another_store(void)
{
    struct kit other;

    begin();
    kit_init(&other);
    kit_open(&other);
    for (uint32_t i = 0; i < FACTS; i++)
        kit_commit(&other, kit_results(&other, 2, i, 1, IDN_STATUS_OK, i));
    kit_wait_stored(&other);
    CHECK_INT(unlink(kit_path(&copy, "highwater")), 0);
    char from[512];
    (void)snprintf(from, sizeof(from), "%s", kit_path(&other, "highwater"));
    CHECK_INT(link(from, kit_path(&copy, "highwater")), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "highwater is of another store");
    kit_fini(&other);
    end();
}

static void test_accepted_loss_is_counted_and_past(void)
{
    begin();
    off_t size = size_of(&copy, "facts.db-wal");
    flip(&copy, "facts.db-wal", size / 2);
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK(copy.report.facts > 0);
    CHECK(copy.report.lost > 0);
    CHECK_INT(copy.report.facts + copy.report.lost, FACTS);
    uint64_t kept = copy.report.facts;
    CHECK_INT(idn_store_start(copy.store, &copy.reason), 0);
    kit_commit(&copy, kit_results(&copy, 1, 0, 10, IDN_STATUS_OK, 1));
    kit_wait_stored(&copy);
    kit_restart(&copy, &seen);
    CHECK_INT(copy.report.facts, kept + 1);
    CHECK_INT(seen.count, kept + 1);
    end();
}

// A checkpoint that a reader kept from emptying the log, then damage: the database holds newer
// pages than what is left of the log, so that what SQLite shows is a mixture.
static void begin_half_checkpointed(void)
{
    sqlite3 *db;

    begin();
    CHECK_INT(idn_store_connect(copy.directory, true, &db, NULL), 0);
    CHECK_INT(idn_store_sql(db, "PRAGMA wal_checkpoint(PASSIVE)"), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static void test_damaged_log_is_not_trusted_though_nothing_is_missing(void)
{
    begin_half_checkpointed();
    CHECK_INT(kit_open_only(&copy, false), 0);
    idn_store_close(&copy.store);
    flip(&copy, "facts.db-wal", WAL_HEADER_BYTES + 100);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "frame 1 of facts.db-wal is damaged");
    CHECK_CONTAINS(copy.reason.text, "cannot be trusted");
    CHECK_INT(kit_open_only(&copy, true), 0); // frame 1: nothing of the log was used
    CHECK_INT(copy.report.lost, 0);
    CHECK_INT(copy.report.facts, FACTS);
    end();
}

// Wherever the damage is: either every row that is left reads well, or the repair says no.
static void test_mixture_is_repaired_or_refused(void)
{
    int repaired = 0;

    for (int i = 1; i < 20; i++) {
        begin_half_checkpointed();
        off_t size = size_of(&copy, "facts.db-wal");
        flip(&copy, "facts.db-wal", size / 20 * i);
        CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
        if (kit_open_only(&copy, true) < 0) {
            CHECK_CONTAINS(copy.reason.text, "cannot be repaired");
            CHECK_CONTAINS(copy.reason.text, "put back a backup");
            end();
            continue;
        }
        repaired++;
        uint64_t kept = copy.report.facts;
        kit_restart(&copy, &seen);
        CHECK(seen.count + copy.report.lost <= FACTS);
        CHECK_INT(copy.report.facts, kept);
        CHECK_INT(kit_refold(&copy, 1).ok, seen.rows);
        end();
    }
    CHECK(repaired > 0);
}

static void test_empty_database_beside_a_highwater(void)
{
    struct stat status;

    begin_clean();
    CHECK_INT(unlink(kit_path(&copy, "facts.db")), 0);
    sql(&copy, "CREATE TABLE x(y); DROP TABLE x");
    CHECK_INT(stat(kit_path(&copy, "facts.db"), &status), 0);
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "40 facts that were stored are gone");
    CHECK_INT(size_of(&copy, "facts.db"), status.st_size); // left as it was found
    end();
}

// A summary may count what is set aside.
static void test_repair_throws_summaries_away(void)
{
    begin();
    kit_open(&copy);
    idn_store_summarise(copy.store, &(struct idn_summary){.job = kit_key(1), .ok = 4000});
    idn_store_close(&copy.store);
    kit_restart(&copy, &seen);
    CHECK_INT(seen.summaries, 1);
    idn_store_close(&copy.store);
    sql(&copy, "UPDATE facts SET body = x'00' WHERE position = 17");
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK_INT(copy.report.lost, 1);
    kit_restart(&copy, &seen);
    CHECK_INT(seen.summaries, 0);
    CHECK_INT(seen.rows, (FACTS - 1) * 100);
    end();
}

static void test_repair_rebuilds_indexes(void)
{
    begin_clean();
    // An index that knows nothing of the last row.
    sql(&copy, "CREATE TABLE row AS SELECT * FROM facts WHERE position = 40;"
               "CREATE TABLE entry AS SELECT * FROM sqlite_schema WHERE name = 'facts_job';"
               "DELETE FROM facts WHERE position = 40; PRAGMA writable_schema = ON;"
               "DELETE FROM sqlite_schema WHERE name = 'facts_job'");
    sql(&copy, "INSERT INTO facts SELECT * FROM row; PRAGMA writable_schema = ON;"
               "INSERT INTO sqlite_schema SELECT * FROM entry");
    sql(&copy, "DROP TABLE row; DROP TABLE entry");
    kit_open(&copy);
    CHECK_INT(kit_refold(&copy, 1).ok, (FACTS - 1) * 100);
    idn_store_close(&copy.store);
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK_INT(copy.report.lost, 0);
    CHECK_INT(idn_store_start(copy.store, &copy.reason), 0);
    CHECK_INT(kit_refold(&copy, 1).ok, FACTS * 100);
    end();
}

static void test_damaged_new_row_is_named(void)
{
    static const char *const damages[] = {
        "UPDATE facts SET body = x'00' WHERE position = 17",
        "UPDATE facts SET sequence = 999 WHERE position = 17",
        "UPDATE facts SET first = first + 1 WHERE position = 17",
        "UPDATE facts SET wall_ms = 0 WHERE position = 17",
        "UPDATE facts SET crc = crc + 1 WHERE position = 17",
        "UPDATE facts SET chain = chain + 1 WHERE position = 17",
        "UPDATE facts SET job = x'' WHERE position = 17",
        "DELETE FROM facts WHERE position = 16",
        "UPDATE facts SET body = NULL WHERE position = 17",
    };

    begin();
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        struct kit one;
        kit_copy(&kit, &one);
        sql(&one, damages[i]);
        CHECK_INT(kit_open_only(&one, false), -EBADMSG);
        CHECK_CONTAINS(one.reason.text, "row 17 of facts.db");
        CHECK_CONTAINS(one.reason.text, "is damaged");
        kit_fini(&one);
    }
    end();
}

// After a clean end everything is checkpointed, and opening does not read it again: the scrub and
// whoever needs the row find the damage.
static void test_damaged_old_row_is_scrubbed_and_not_served(void)
{
    struct idn_completion found;

    begin_clean();
    sql(&copy, "UPDATE facts SET body = zeroblob(length(body)) WHERE position = 17");
    kit_open(&copy);
    CHECK_INT(copy.report.verified, 0);
    CHECK(kit_wait(&copy, IDN_COMPLETION_DAMAGED, &found));
    CHECK_CONTAINS(found.text, "row 17 of facts.db");
    CHECK_CONTAINS(found.text, "its checksum differs");
    CHECK_INT(found.position, 17);
    struct idn_completion page = kit_page(&copy, 1, 1500, 1000, IDN_FILTER_ALL);
    CHECK_CONTAINS(page.text, "results of images 1600 to 1699 cannot be read: row 17 of");
    CHECK_CONTAINS(page.text, "docs/OPERATING.md");
    CHECK_INT(page.count, 0);
    CHECK(page.bytes == NULL);
    page = kit_page(&copy, 1, 1600, 100, IDN_FILTER_MISSING); // nor are they missing
    CHECK_CONTAINS(page.text, "images 1600 to 1699");
    page = kit_page(&copy, 1, 0, 100, IDN_FILTER_ALL); // others are served
    CHECK_STRING(page.text, "");
    CHECK_INT(page.count, 100);
    free(page.bytes);
    kit_commit(&copy, kit_results(&copy, 1, 1600, 100, IDN_STATUS_OK, 1)); // the store goes on
    kit_wait_stored(&copy);
    end();
}

static void test_restore_refuses_a_damaged_row_until_told(void)
{
    begin_clean();
    sql(&copy, "UPDATE facts SET body = x'00' WHERE position = 17");
    seen = (struct kit_seen){0};
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK_INT(idn_store_restore(copy.store, kit_see, &seen, &copy.reason), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "row 17 of facts.db");
    idn_store_close(&copy.store);
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK_INT(copy.report.lost, 1);
    CHECK_INT(copy.report.facts, FACTS);
    kit_restart(&copy, &seen);
    CHECK_INT(seen.count, FACTS - 1);
    end();
}

static void test_what_sqlite_cannot_read_is_said(void)
{
    begin_clean();
    for (off_t at = 0; at < 100; at++)
        flip(&copy, "facts.db", at);
    CHECK(kit_open_only(&copy, false) < 0);
    CHECK_CONTAINS(copy.reason.text, "facts.db in");
    CHECK_CONTAINS(copy.reason.text, "not a database");
    CHECK_CONTAINS(copy.reason.text, "move the directory away");
    CHECK(strstr(copy.reason.text, "SQLite code") == NULL);
    end();
}

// Some hundred bytes where the facts' tree begins: nothing finds its rows any more.
static void test_what_no_repair_can_mend_has_a_remedy(void)
{
    begin_clean();
    int64_t root = kit_number(&copy, "SELECT rootpage FROM sqlite_schema WHERE name = 'facts'");
    CHECK(root > 1);
    for (off_t at = 0; at < 400; at++)
        flip(&copy, "facts.db", (root - 1) * 4096 + at);
    for (int accept = 0; accept < 2; accept++) {
        CHECK_INT(kit_open_only(&copy, accept != 0), -EBADMSG);
        CHECK_CONTAINS(copy.reason.text, accept ? "cannot be repaired; move" : "is damaged: ");
        CHECK_CONTAINS(copy.reason.text, "put back a backup");
        CHECK(strstr(copy.reason.text, "SQLite code") == NULL);
    }
    copy.has_peer = true;
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "move the directory away, and the other broker fills");
    CHECK(strstr(copy.reason.text, "SQLite code") == NULL);
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_undamaged_log_is_taken_as_it_is),
        CHECK_TEST(test_flipped_byte_in_the_log_is_named),
        CHECK_TEST(test_flipped_byte_in_the_logs_header_is_named),
        CHECK_TEST(test_cut_log_is_named),
        CHECK_TEST(test_missing_database_is_named),
        CHECK_TEST(test_missing_or_damaged_highwater),
        CHECK_TEST(test_torn_mark_is_no_damage),
        CHECK_TEST(test_highwater_of_another_store),
        CHECK_TEST(test_accepted_loss_is_counted_and_past),
        CHECK_TEST(test_damaged_log_is_not_trusted_though_nothing_is_missing),
        CHECK_TEST(test_mixture_is_repaired_or_refused),
        CHECK_TEST(test_empty_database_beside_a_highwater),
        CHECK_TEST(test_repair_throws_summaries_away),
        CHECK_TEST(test_repair_rebuilds_indexes),
        CHECK_TEST(test_damaged_new_row_is_named),
        CHECK_TEST(test_damaged_old_row_is_scrubbed_and_not_served),
        CHECK_TEST(test_restore_refuses_a_damaged_row_until_told),
        CHECK_TEST(test_what_sqlite_cannot_read_is_said),
        CHECK_TEST(test_what_no_repair_can_mend_has_a_remedy),
    };
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    kit_fini(&kit);
    return failed;
}
