// Facts of another broker's beside our own: stored byte for byte, read back in commit order for the
// link, and what a start makes of them when the tail is lost.
#include "broker/core/images.h"
#include "tests/unit/store_kit.h"

#include <sqlite3.h>

enum { OTHER = 9 }; // its incarnation

static struct kit kit;
static struct kit_seen seen;

static void begin(void)
{
    kit_init(&kit);
    kit_open(&kit);
}

static void commit_own(uint8_t job, uint32_t first)
{
    kit_commit(&kit, kit_results(&kit, job, first, 1, IDN_STATUS_OK, 7));
}

static void commit_other(uint8_t job, uint32_t first, uint64_t sequence)
{
    kit_commit_foreign(&kit, kit_results(&kit, job, first, 1, IDN_STATUS_OK, 7), OTHER, sequence);
}

static void commit_raw(struct idn_stored_fact fact)
{
    kit.copies++;
    idn_store_commit(kit.store, &fact, 1);
}

// Reads everything from `after` on, a frame at a time; returns how many facts there were.
static uint32_t read_all(uint64_t after, struct idn_origin *origins, uint32_t room)
{
    uint32_t count = 0;

    for (bool end = false; !end;) {
        struct idn_completion facts = kit_read_facts(&kit, after, NULL, 0);
        CHECK(facts.end || facts.next_position > after);
        for (uint32_t i = 0; i < facts.count; i++) {
            CHECK(count < room);
            origins[count++] = facts.fact[i].fact.origin;
        }
        after = facts.next_position;
        end = facts.end;
        kit_free(&facts);
    }
    return count;
}

static void test_both_brokers_share_the_positions(void)
{
    static const uint64_t sequences[] = {1, 1, 2, 2, 3};
    struct idn_completion done;

    begin();
    kit.spec = kit_spec(0, 999999);
    commit_own(1, 0);
    commit_other(1, 900000, 1);
    commit_other(1, 2, 2);
    commit_own(1, 3);
    commit_other(1, 4, 3);
    while (kit_wait(&kit, IDN_COMPLETION_STORED, &done) && done.position < 5)
        ;
    CHECK_INT(done.position, 5);
    CHECK_INT(kit_refold(&kit, 1).ok, 5);
    kit_restart(&kit, &seen);
    CHECK_INT(seen.count, 5);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_INT(seen.origin[i].sequence, sequences[i]);
    CHECK_INT(seen.held_count, 2);
    CHECK_INT(kit_held(&seen, OTHER), 3);
    CHECK_INT(kit_held(&seen, kit.incarnation - 1), 2);
    commit_other(1, 5, 4); // both go on
    commit_own(1, 6);
    kit_wait_stored(&kit);
    kit_restart(&kit, &seen);
    CHECK_INT(seen.held_count, 3);
    CHECK_INT(kit_held(&seen, OTHER), 4);
    CHECK_INT(kit_held(&seen, kit.incarnation - 1), 1);
    kit_fini(&kit);
}

// In one frame: an own fact, a copy with bytes that this version would not have written, a kind
// that it does not know, and an emptied one.
static void test_copies_are_kept_byte_for_byte(void)
{
    static const uint8_t strange[] = {0, 0, 0, 0, 0xff, 0x00, 0x80};
    struct idn_fact fact;

    begin();
    commit_own(1, 0);
    fact = kit_fact(&kit, 200, 2);
    kit.sequence--;
    fact.origin = (struct idn_origin){.incarnation = UINT64_MAX, .sequence = 1};
    fact.epoch = (struct idn_epoch){.counter = UINT64_MAX - 1, .broker = 'b'};
    commit_raw((struct idn_stored_fact){.fact = fact, .body = strange, .size = sizeof(strange)});
    fact.kind = 201, fact.origin.sequence = 2;
    commit_raw((struct idn_stored_fact){.fact = fact}); // not even a head
    fact.kind = IDN_FACT_RESULTS, fact.origin.sequence = 3;
    commit_raw((struct idn_stored_fact){.fact = fact, .emptied = true});
    kit_restart(&kit, &seen);
    CHECK_INT(seen.count, 1); // the core hears of what it can understand
    CHECK_INT(kit_held(&seen, UINT64_MAX), 3);
    struct idn_completion facts = kit_read_facts(&kit, 0, NULL, 0);
    CHECK_INT(facts.count, 4);
    CHECK_INT(facts.next_position, 4);
    CHECK(facts.end);
    const struct idn_stored_fact *item = facts.fact;
    CHECK_INT(item[0].fact.kind, IDN_FACT_RESULTS);
    CHECK(item[0].size > IDN_ROW_BYTES && !item[0].emptied);
    CHECK_INT(item[1].fact.kind, 200);
    CHECK_INT(item[1].fact.origin.incarnation, -1);
    CHECK_INT(item[1].fact.epoch.counter, -2);
    CHECK_INT(item[1].fact.epoch.broker, 'b');
    CHECK_INT(item[1].fact.wall_ms, fact.wall_ms);
    CHECK(idn_key_equal(&item[1].fact.job, &fact.job));
    CHECK_INT(item[1].size, sizeof(strange));
    CHECK(memcmp(item[1].body, strange, sizeof(strange)) == 0);
    CHECK_INT(item[2].size, 0);
    CHECK(!item[2].emptied && item[3].emptied);
    CHECK_INT(item[3].fact.kind, IDN_FACT_RESULTS);
    CHECK(!item[0].decoded && !item[3].decoded);
    kit_free(&facts);
    kit_fini(&kit);
}

// What a newer version wrote of a kind that this one knows too, with a field more.
static void test_a_known_kind_is_kept_byte_for_byte(void)
{
    static uint8_t body[IDN_FACT_BODY_BYTES_MAX];
    struct idn_stored_fact other;
    struct idn_completion facts;

    begin();
    other = kit_foreign(kit_results(&kit, 1, 0, 1, IDN_STATUS_OK, 7), OTHER, 1);
    kit.sequence--;
    uint32_t head = other.body[0];
    CHECK(head < 126 && other.body[1] == 0);
    memcpy(body, other.body, 4 + head);
    body[0] = (uint8_t)(head + 2);
    memcpy(body + 4 + head, "\x78\x01", 2); // field 15, a number
    memcpy(body + 4 + head + 2, other.body + 4 + head, IDN_ROW_BYTES);
    other.body = body, other.size += 2;
    commit_raw(other);
    kit_wait_stored(&kit);
    CHECK_INT(kit_refold(&kit, 1).ok, 1);
    facts = kit_read_facts(&kit, 0, NULL, 0);
    CHECK_INT(facts.fact[0].size, other.size);
    CHECK(memcmp(facts.fact[0].body, body, other.size) == 0);
    kit_free(&facts);
    kit_fini(&kit);
}

static void check_found(const struct idn_origin *find, uint32_t finds, uint64_t from)
{
    struct idn_completion facts = kit_read_facts(&kit, 0, find, finds);

    CHECK_INT(facts.count, 6 - (from - 1));
    CHECK_INT(facts.next_position, 6);
    CHECK(facts.end);
    kit_free(&facts);
}

// Positions:  1 own 1, 2 other 1, 3 other 2, 4 own 2, 5 other 3, 6 own 3.
static void test_reading_begins_at_the_first_place_found(void)
{
    begin();
    uint64_t own = kit.incarnation;
    commit_own(1, 0);
    commit_other(1, 1, 1);
    commit_other(1, 2, 2);
    commit_own(1, 3);
    commit_other(1, 4, 3);
    commit_own(1, 5);
    check_found((struct idn_origin[]){{OTHER, 2}}, 1, 3);
    check_found((struct idn_origin[]){{OTHER, 3}, {own, 2}}, 2, 4);
    check_found((struct idn_origin[]){{own, 3}, {OTHER, 3}}, 2, 5);
    check_found((struct idn_origin[]){{own, 3}}, 1, 6);
    check_found((struct idn_origin[]){{own, 3}, {OTHER, 4}}, 2, 1); // its row is damaged
    check_found((struct idn_origin[]){{12345, 1}, {own, 3}}, 2, 1);
    check_found(NULL, 0, 1);
    struct idn_completion facts = kit_read_facts(&kit, 4, NULL, 0);
    CHECK_INT(facts.count, 2);
    CHECK_INT(facts.fact[0].fact.origin.sequence, 3);
    kit_free(&facts);
    facts = kit_read_facts(&kit, UINT64_MAX, NULL, 0);
    CHECK_INT(facts.count, 0);
    CHECK(facts.end);
    kit_free(&facts);
    kit_fini(&kit);
}

static void test_a_frame_holds_so_many_facts(void)
{
    static struct idn_origin origins[2 * IDN_MIRROR_FACTS_MAX];
    const uint32_t all = IDN_MIRROR_FACTS_MAX + 88;

    begin();
    for (uint32_t i = 0; i < all; i++)
        commit_own(1, i);
    struct idn_completion facts = kit_read_facts(&kit, 0, NULL, 0);
    CHECK_INT(facts.count, IDN_MIRROR_FACTS_MAX);
    CHECK_INT(facts.next_position, IDN_MIRROR_FACTS_MAX);
    CHECK(!facts.end);
    kit_free(&facts);
    CHECK_INT(read_all(0, origins, 2 * IDN_MIRROR_FACTS_MAX), all);
    for (uint32_t i = 0; i < all; i++)
        CHECK_INT(origins[i].sequence, i + 1);
    kit_fini(&kit);
}

// 24 KB each: ten go into 256 KiB. One body may exceed it alone.
static void test_a_frame_holds_so_many_bytes(void)
{
    static uint8_t large[IDN_MIRROR_FRAME_BYTES + 1000];
    struct idn_origin origins[25];
    struct idn_fact fact;
    uint32_t bytes = 0;

    begin();
    for (uint32_t i = 0; i < 20; i++)
        kit_commit(&kit, kit_results(&kit, 1, i * 512, 512, IDN_STATUS_OK, 7));
    fact = kit_fact(&kit, 200, 2);
    kit.sequence--;
    fact.origin = (struct idn_origin){.incarnation = OTHER, .sequence = 1};
    commit_raw((struct idn_stored_fact){.fact = fact, .body = large, .size = sizeof(large)});
    commit_own(1, 0);
    struct idn_completion facts = kit_read_facts(&kit, 0, NULL, 0);
    for (uint32_t i = 0; i < facts.count; i++)
        bytes += facts.fact[i].size;
    CHECK(bytes <= IDN_MIRROR_FRAME_BYTES && bytes > IDN_MIRROR_FRAME_BYTES - 25 * 1024);
    CHECK(facts.count == facts.next_position && !facts.end);
    kit_free(&facts);
    facts = kit_read_facts(&kit, 20, NULL, 0);
    CHECK_INT(facts.count, 1);
    CHECK_INT(facts.fact[0].size, sizeof(large));
    CHECK(!facts.end);
    kit_free(&facts);
    CHECK_INT(read_all(0, origins, 25), 22);
    kit_fini(&kit);
}

// The link must never send what is not called stored yet.
static void test_what_is_read_was_called_stored_before(void)
{
    struct idn_completion done;
    uint64_t stored = 0, read = 0;

    begin();
    for (int i = 0; i < 50; i++) {
        commit_own(1, (uint32_t)i);
        idn_store_read_facts(kit.store, read, NULL, 0);
        commit_own(1, (uint32_t)i);
        for (;;) {
            while (!idn_store_next(kit.store, &done))
                CHECK(poll(&(struct pollfd){.fd = idn_store_fd(kit.store), .events = POLLIN}, 1,
                          KIT_DEADLINE_MS) == 1);
            if (done.type != IDN_COMPLETION_STORED)
                break;
            stored = done.position;
        }
        CHECK_INT(done.type, IDN_COMPLETION_FACTS);
        CHECK(done.next_position <= stored);
        CHECK(done.next_position > read); // and sees what was committed before it was asked for
        read = done.next_position;
        kit_free(&done);
    }
    kit_fini(&kit);
}

static unsigned state_of(const uint8_t *states, uint32_t index)
{
    return states[index / 2] >> (index % 2 * 4) & 15;
}

static void test_states_of_each_image(void)
{
    struct idn_key key = kit_key(1);
    struct idn_completion done;
    struct idn_fact bad;

    begin();
    kit.spec = kit_spec(3, 5003); // an odd number of images, more than one window
    kit_commit(&kit, kit_results(&kit, 1, 3, 1, IDN_STATUS_OK, 5));
    kit_commit(&kit, kit_results(&kit, 1, 5, 1, IDN_STATUS_CORRUPT, 0));
    kit_commit(&kit, kit_results(&kit, 1, 5003, 1, IDN_STATUS_OK, 6));
    bad = kit_fact(&kit, IDN_FACT_QUARANTINED, 1);
    bad.u.quarantined.image = 5002, bad.u.quarantined.generation = 1;
    bad.u.quarantined.spec_hash = idn_spec_hash(&kit.spec);
    kit_commit(&kit, bad);
    idn_store_refold(kit.store, &key, &kit.spec, true);
    CHECK(kit_wait(&kit, IDN_COMPLETION_REFOLDED, &done));
    CHECK_INT(done.summary.ok, 2);
    CHECK(done.bytes != NULL);
    struct idn_result first = {.index = 3, .probability = {0.5f}};
    for (int i = 0; i < IDN_TOP; i++)
        first.class_id[i] = i == 0 ? 5 : IDN_NO_CLASS;
    struct idn_digest digest;
    idn_digest_of(&first, &digest);
    CHECK_INT(state_of(done.bytes, 0), IDN_IMAGE_OK | (digest.low & IDN_IMAGE_CHECK_BITS));
    CHECK_INT(state_of(done.bytes, 1), IDN_IMAGE_PENDING);
    CHECK_INT(state_of(done.bytes, 2), IDN_IMAGE_ERROR);
    CHECK_INT(state_of(done.bytes, 4999), IDN_IMAGE_QUARANTINED);
    CHECK(state_of(done.bytes, 5000) >= IDN_IMAGE_OK);
    CHECK_INT(done.bytes[5000 / 2] >> 4, 0);
    free(done.bytes);
    idn_store_refold(kit.store, &key, &kit.spec, false);
    CHECK(kit_wait(&kit, IDN_COMPLETION_REFOLDED, &done));
    CHECK(done.bytes == NULL);
    kit_fini(&kit);
}

// FORGOTTEN of the other broker's, and then what it had recorded before.
static void test_a_copied_forgotten_voids_what_follows_it(void)
{
    struct idn_completion facts;

    begin();
    commit_own(1, 0);
    commit_own(2, 0);
    kit_commit_foreign(&kit, kit_fact(&kit, IDN_FACT_FORGOTTEN, 1), OTHER, 1);
    kit_wait_stored(&kit);
    kit_wait_forgotten(&kit);
    commit_other(1, 1, 2);
    commit_other(2, 1, 3);
    kit_wait_stored(&kit);
    CHECK_INT(kit_refold(&kit, 1).ok, 0);
    CHECK_INT(kit_refold(&kit, 2).ok, 2);
    kit_restart(&kit, &seen);
    CHECK_INT(kit_held(&seen, OTHER), 3);
    facts = kit_read_facts(&kit, 0, NULL, 0);
    CHECK_INT(facts.count, 5);
    CHECK(facts.fact[0].emptied && !facts.fact[1].emptied && !facts.fact[2].emptied);
    CHECK(facts.fact[3].emptied && !facts.fact[4].emptied);
    CHECK(facts.fact[3].body == NULL && facts.fact[3].size == 0);
    CHECK_INT(facts.fact[3].fact.origin.sequence, 2);
    kit_free(&facts);
    kit_fini(&kit);
}

static void test_a_fact_that_is_there_already_is_the_end(void)
{
    struct idn_completion done;

    begin();
    commit_other(1, 0, 1);
    commit_other(1, 0, 1);
    while (kit_wait(&kit, IDN_COMPLETION_STORED, &done))
        CHECK(done.position < 2);
    CHECK_INT(kit.failed, 1);
    CHECK_CONTAINS(kit.text, "UNIQUE constraint failed");
    kit_fini(&kit);
}

// ---- a lost tail, with another broker that may have it

// Facts of ours and of theirs in this order, still in the log.
static void begin_mixed(const char *order, struct kit *copy)
{
    uint64_t other = 0;

    begin();
    for (uint32_t i = 0; order[i] != '\0'; i++) {
        if (order[i] == 'o')
            commit_own(1, i);
        else
            commit_other(1, i, ++other);
        kit_wait_stored(&kit);
    }
    kit_copy(&kit, copy);
    copy->has_peer = true;
    kit_fini(&kit);
}

static void begin_ten(struct kit *copy)
{
    begin_mixed("ototototot", copy);
}

static void cut_log(const struct kit *of, off_t by)
{
    struct stat status;

    CHECK_INT(stat(kit_path(of, "facts.db-wal"), &status), 0);
    CHECK_INT(truncate(kit_path(of, "facts.db-wal"), status.st_size - by), 0);
}

static void test_a_lost_tail_comes_back_as_copies(void)
{
    struct kit copy;

    begin_ten(&copy);
    uint64_t old = kit.incarnation;
    cut_log(&copy, 4096 + 24);
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK(copy.report.lost > 0 && copy.report.facts > 0);
    CHECK_INT(copy.report.facts + copy.report.lost, 10);
    seen = (struct kit_seen){0};
    CHECK_INT(idn_store_restore(copy.store, kit_see, &seen, &copy.reason), 0);
    CHECK_INT(seen.count, copy.report.facts);
    uint64_t own = kit_held(&seen, old), other = kit_held(&seen, OTHER);
    CHECK_INT(own + other, copy.report.facts);
    CHECK_INT(idn_store_start(copy.store, &copy.reason), 0);
    // The peer sends both, ours among them, and this start records a fact of its own.
    kit = copy;
    while (own < 5)
        kit_commit_foreign(&kit, kit_results(&kit, 1, 0, 1, IDN_STATUS_OK, 7), old, ++own);
    while (other < 5)
        commit_other(1, 1, ++other);
    commit_own(1, 9);
    kit_wait_stored(&kit);
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.lost, 0);
    CHECK_INT(kit_held(&seen, old), 5);
    CHECK_INT(kit_held(&seen, OTHER), 5);
    CHECK_INT(kit_held(&seen, kit.incarnation - 1), 1);
    CHECK_INT(seen.count, 11);
    kit_fini(&kit);
}

static void test_everything_lost_is_a_lost_tail_too(void)
{
    struct kit copy;

    begin_ten(&copy);
    CHECK_INT(unlink(kit_path(&copy, "facts.db")), 0);
    CHECK_INT(kit_open_only(&copy, false), 0);
    CHECK_INT(copy.report.facts, 0);
    CHECK_INT(copy.report.lost, 10);
    idn_store_close(&copy.store);
    kit_restart(&copy, &seen); // said once: it is as new now
    CHECK_INT(copy.report.lost, 0);
    CHECK_INT(seen.held_count, 0);
    kit_fini(&copy);
}

static void sql(const struct kit *of, const char *statement)
{
    sqlite3 *db = NULL;

    CHECK_INT(sqlite3_open(kit_path(of, "facts.db"), &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

// A row that was checkpointed is no tail: what follows it may be nowhere else.
static void test_old_damage_is_no_lost_tail(void)
{
    struct kit copy;

    begin_ten(&copy);
    kit_open(&copy);
    kit_commit(&copy, kit_fact(&copy, IDN_FACT_CANCELLED, 1));
    kit_wait_stored(&copy);
    idn_store_close(&copy.store);
    kit_restart(&copy, &seen); // checkpointed: 11 facts
    kit = copy;
    commit_own(1, 9);
    kit_wait_stored(&kit);
    kit_copy(&kit, &copy); // the twelfth is in the log
    copy.has_peer = true;
    kit_fini(&kit);
    CHECK_INT(truncate(kit_path(&copy, "facts.db-wal"), 0), 0);
    sql(&copy, "UPDATE facts SET body = x'00' WHERE position = 5");
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG);
    CHECK_CONTAINS(copy.reason.text, "row 5 of facts.db");
    CHECK_CONTAINS(copy.reason.text, "move the directory away");
    sql(&copy, "UPDATE facts SET body = x'00' WHERE position = 6");
    CHECK_INT(kit_open_only(&copy, false), -EBADMSG); // nothing was thrown away by looking
    CHECK_CONTAINS(copy.reason.text, "row 5 of facts.db");
    kit_fini(&copy);
}

// ---- --accept-lost-tail

// Whose facts they are, in order; '.': set aside.
static void check_order(const char *expected, uint64_t own)
{
    uint64_t sequence[2] = {0};
    struct idn_completion facts = kit_read_facts(&kit, 0, NULL, 0);

    CHECK_INT(facts.count, strlen(expected));
    for (uint32_t i = 0; i < facts.count; i++) {
        const struct idn_stored_fact *item = &facts.fact[i];
        bool ours = item->fact.origin.incarnation == own;
        CHECK(ours || item->fact.origin.incarnation == OTHER);
        CHECK_INT(item->fact.origin.sequence, ++sequence[ours]);
        CHECK_INT(item->fact.kind == 255, expected[i] == '.');
        CHECK_INT(item->emptied, expected[i] == '.');
        CHECK(expected[i] == '.' || ours == (expected[i] == 'o'));
    }
    kit_free(&facts);
}

// Rows of both brokers' facts are damaged, all columns of them: each keeps its place.
static void test_a_set_aside_fact_keeps_its_place(void)
{
    struct kit copy;

    begin_ten(&copy);
    uint64_t old = kit.incarnation;
    sql(&copy, "UPDATE facts SET incarnation = position, sequence = 100, body = x'00', kind = 1"
               " WHERE position IN (3, 4, 7, 10)");
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK_INT(copy.report.lost, 4);
    seen = (struct kit_seen){0};
    CHECK_INT(idn_store_restore(copy.store, kit_see, &seen, &copy.reason), 0);
    CHECK_INT(seen.count, 6);
    CHECK_INT(seen.held_count, 2);
    CHECK_INT(kit_held(&seen, old), 5);
    CHECK_INT(kit_held(&seen, OTHER), 4); // nobody knows that there was a fifth
    CHECK_INT(idn_store_start(copy.store, &copy.reason), 0);
    kit = copy;
    check_order("ot..ot.to", old);
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.facts, 10);
    CHECK_INT(kit.report.lost, 0);
    kit_fini(&kit);
}

// Which gap a row was in is told by what lies around it: the fifth cannot have been the second of
// ours, nor the third the third of theirs.
static void test_set_aside_facts_of_two_brokers_are_told_apart(void)
{
    struct kit copy;

    begin_mixed("ototttoooo", &copy);
    uint64_t old = kit.incarnation;
    sql(&copy, "UPDATE facts SET body = x'00' WHERE position IN (3, 5)");
    CHECK_INT(kit_open_only(&copy, true), 0);
    CHECK_INT(idn_store_start(copy.store, &copy.reason), 0);
    kit = copy;
    check_order("ot.t.toooo", old);
    kit_fini(&kit);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_both_brokers_share_the_positions),
        CHECK_TEST(test_copies_are_kept_byte_for_byte),
        CHECK_TEST(test_a_known_kind_is_kept_byte_for_byte),
        CHECK_TEST(test_reading_begins_at_the_first_place_found),
        CHECK_TEST(test_a_frame_holds_so_many_facts),
        CHECK_TEST(test_a_frame_holds_so_many_bytes),
        CHECK_TEST(test_what_is_read_was_called_stored_before),
        CHECK_TEST(test_states_of_each_image),
        CHECK_TEST(test_a_copied_forgotten_voids_what_follows_it),
        CHECK_TEST(test_a_fact_that_is_there_already_is_the_end),
        CHECK_TEST(test_a_lost_tail_comes_back_as_copies),
        CHECK_TEST(test_everything_lost_is_a_lost_tail_too),
        CHECK_TEST(test_old_damage_is_no_lost_tail),
        CHECK_TEST(test_a_set_aside_fact_keeps_its_place),
        CHECK_TEST(test_set_aside_facts_of_two_brokers_are_told_apart),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
