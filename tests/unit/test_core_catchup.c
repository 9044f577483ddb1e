// What the mirror link carries between two real cores: whatever one store lacks comes from the
// other, in order and within the window; then each commit at once. What is durable on both counts
// as two.
#include "tests/unit/mirror_kit.h"

#include <string.h>

// ---- catching up

static void test_an_empty_standby_gets_everything_in_order(void)
{
    enum { FACTS = 10000 };

    begin(0, 0);
    pair_fill(pair, A, 11, FACTS / 2, 1000);
    pair_fill(pair, A, 13, FACTS / 2, 1000);
    boot_both();
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair->side[B].copies, FACTS + 1); // and the reign that began
    CHECK_INT(pair->side[A].facts_read, FACTS + 1);
    for (uint64_t i = 0; i < FACTS; i++)
        CHECK(pair->side[B].fact[i].item.fact.origin.sequence ==
              pair->side[A].fact[i].item.fact.origin.sequence);
    end();
}

// The other broker's disk hangs: what is sent and not durable there stays within the window.
static void test_the_window_holds_the_sender_back(void)
{
    begin(0, 0);
    pair_fill(pair, A, 11, 10000, 1000);
    boot_both();
    pair->side[B].hold_store = true;
    pair_settle(pair);
    CHECK(session(A)->out.bytes <= IDN_MIRROR_WINDOW_BYTES);
    CHECK(session(A)->out.bytes + IDN_MIRROR_MESSAGE_BYTES_MAX > IDN_MIRROR_WINDOW_BYTES);
    CHECK(pair->side[B].copies > 1000 && pair->side[B].copies < 5000);
    CHECK(!pair_peer(pair, A).exchanged && !pair_peer(pair, B).exchanged);
    CHECK_INT(pair_peer(pair, A).lag_facts, 10001); // a reigns meanwhile
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    end();
}

static void test_both_lack_something(void)
{
    begin(700, 900);
    pair_fill(pair, A, 20, 5, 10);
    pair_fill(pair, B, 20, 9, 10); // a began these, and has less of them
    pair_fill(pair, B, 21, 1, 10);
    boot_both();
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair_last_of(pair, A, 12), 900);
    CHECK_INT(pair_last_of(pair, B, 11), 700);
    CHECK_INT(pair_last_of(pair, A, 20), 9);
    CHECK_INT(pair->side[A].copies, 900 + 4 + 1);
    end();
}

// A short absence: the reader looks up where the other one ends and reads from there.
static void test_little_is_read_for_who_lacks_little(void)
{
    begin(5000, 0);
    boot_both();
    pair_settle(pair);
    pair_crash(pair, B);
    pair_crash(pair, A);
    pair_fill(pair, A, 30, 7, 10);
    pair_clear(pair);
    boot_both();
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    CHECK(pair->side[A].facts_read <= 7 + 1); // and a reign
    CHECK_INT(pair->side[B].copies, pair->side[A].facts_read);
    end();
}

static void test_many_places_are_not_looked_up(void)
{
    begin(3000, 0);
    boot_both();
    pair_settle(pair);
    pair_crash(pair, A);
    pair_crash(pair, B);
    for (uint64_t i = 0; i < IDN_MIRROR_FINDS_MAX; i++)
        pair_fill(pair, A, 100 + i, 1, 10);
    pair_clear(pair);
    boot_both();
    pair->side[A].hold_reads = true;
    pair_settle(pair);
    CHECK_INT(pair->side[A].last_read.u.read_facts.finds, IDN_MIRROR_FINDS_MAX);
    pair_crash(pair, A);
    pair_fill(pair, A, 200, 1, 10);
    pair_boot(pair, A);
    pair->side[A].hold_reads = true;
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK_INT(pair->side[A].last_read.u.read_facts.finds, 0);
    CHECK_INT(pair->side[A].last_read.u.read_facts.after, 0);
    pair->side[A].hold_reads = false;
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    CHECK(pair->side[A].facts_read > 3000);
    end();
}

static void test_a_vector_of_many_parts(void)
{
    begin(0, 0);
    for (uint64_t i = 1; i <= IDN_MIRROR_VECTOR_MAX + 100; i++)
        pair_fill(pair, A, 1000 + i, 1, 10);
    boot_both();
    pair_settle(pair);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_VECTOR], 2);
    CHECK(pair_is_level(pair));
    pair_crash(pair, B);
    pair_boot(pair, B);
    pair_clear(pair);
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair->side[B].copies, 0);
    CHECK_INT(pair->side[A].facts_read, 0);
    CHECK_INT(pair->side[B].facts_read, 0); // a has said that it has its own
    end();
}

// What is committed and not stored is not looked for: the tail brings it.
static void test_what_is_not_stored_is_not_looked_up(void)
{
    begin_level();
    pair->side[B].hold_store = true; // what it takes now keeps its next vector back
    pair_submit(pair, A, 1);
    pair_settle(pair);
    struct idn_mirror_frame wrong = {.type = IDN_MIRROR_BEAT,
        .session = pair->side[A].core->mirror.nonce,
        .role = IDN_ROLE_STANDBY,
        .durable = 1000};
    pair_send(pair, A, &wrong);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(session(A)->stage == IDN_MIRROR_GREETED && session(A)->vector_sent);
    pair->side[A].hold_store = pair->side[A].hold_reads = true;
    pair_submit(pair, A, 2);
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK(session(A)->stage == IDN_MIRROR_UP && pair->side[A].reading);
    CHECK_INT(pair->side[A].last_read.u.read_facts.finds, 0);
    pair->side[A].hold_store = pair->side[A].hold_reads = false;
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    end();
}

// Kinds of a later version, and facts whose job is forgotten, are stored as they come.
static void test_what_is_not_understood_is_kept(void)
{
    struct idn_key key = rig_key(9);
    struct idn_job_info info;

    begin(1, 1);
    pair_fill(pair, A, 30, 3, 40);
    struct idn_stored_fact *later = &pair->side[A].fact[1].item,
                           *emptied = &pair->side[A].fact[2].item;
    later->fact.kind = 4711;
    later->decoded = false;
    emptied->fact.kind = IDN_FACT_ACCEPTED;
    emptied->fact.job = key;
    emptied->fact.u.accepted = rig_submission(9, "alexnet", 0, 9).u.submit; // not to be looked at
    emptied->decoded = false, emptied->emptied = true;
    boot_both();
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair_last_of(pair, B, 30), 3);
    CHECK(!idn_core_job(pair->side[B].core, &key, &info));
    end();
}

// ---- tails

// What a disk lost behind the broker's back comes back, also what the broker itself recorded.
static void test_a_lost_tail_comes_back(void)
{
    for (int which = A; which <= B; which++) {
        begin_level();
        for (unsigned key = 1; key <= 5; key++)
            pair_submit(pair, A, key);
        pair_settle(pair);
        CHECK(pair_is_level(pair));
        uint64_t incarnation = pair->side[A].incarnation, last = pair_last_of(pair, A, incarnation),
                 facts = pair->side[A].facts;
        pair_crash(pair, which);
        pair_lose_tail(pair, which, 4);
        pair_boot(pair, which);
        pair_pass(pair, 2 * IDN_BEAT_MS);
        CHECK(pair_is_level(pair));
        CHECK_INT(pair_last_of(pair, which, incarnation), last);
        CHECK(pair->side[which].facts >= facts);
        struct idn_job_info info;
        for (unsigned key = 1; key <= 5; key++) {
            struct idn_key job = rig_key(key);
            CHECK(idn_core_job(pair->side[which].core, &job, &info));
        }
        end();
    }
}

// It has lost all of it: a new disk.
static void test_a_lost_store_comes_back(void)
{
    begin_level();
    pair_submit(pair, A, 1);
    pair_settle(pair);
    pair_crash(pair, A);
    pair_lose_tail(pair, A, pair->side[A].facts);
    pair_boot(pair, A);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(pair_is_level(pair));
    end();
}

// A crash in the middle of catching up: what was taken and not stored is sent again.
static void test_a_crash_while_catching_up(void)
{
    for (int which = A; which <= B; which++) {
        begin(5000, 2000);
        boot_both();
        pair->side[B].hold_store = true;
        pair_settle(pair);
        CHECK(!pair_peer(pair, A).exchanged);
        pair_crash(pair, which);
        pair->side[B].hold_store = false;
        pair_boot(pair, which);
        pair_pass(pair, 2 * IDN_BEAT_MS);
        CHECK(pair_is_level(pair));
        end();
    }
}

// A new session begins while copies of the last one wait for the disk: they are not claimed yet.
static void test_what_waits_for_the_disk_is_not_claimed(void)
{
    begin(1000, 1);
    boot_both();
    pair->side[B].hold_store = true;
    pair_settle(pair);
    CHECK_INT(pair->side[B].copies, 1000 + 1); // and the reign of a
    pair_crash(pair, A);
    pair_boot(pair, A);
    pair_clear(pair);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(pair_peer(pair, A).in_sight);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_VECTOR], 0);
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_VECTOR], 1);
    CHECK_INT(pair->side[B].copies, 1); // a's new reign: nothing came twice
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    end();
}

// The answer to a read of a session that is over belongs to no other one.
static void test_a_read_of_an_old_session_is_void(void)
{
    begin(600, 1);
    boot_both();
    pair_pass(pair, 50);
    pair_clear(pair);
    pair->side[A].hold_reads = true;
    pair_submit(pair, A, 1);
    pair_settle(pair);
    CHECK_INT(pair->side[A].reads, 1); // from where the other one ended
    pair_crash(pair, B);
    pair_lose_tail(pair, B, pair->side[B].facts);
    pair_boot(pair, B);
    pair_pass(pair, IDN_BEAT_MS);
    CHECK(pair_peer(pair, A).in_sight);
    CHECK_INT(pair->side[A].reads, 1); // one at a time
    pair->side[A].hold_reads = false;
    pair_settle(pair);
    CHECK(pair->side[A].resets + pair->side[B].resets == 0);
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    end();
}

// ---- what cannot be mended

static void test_a_fact_that_cannot_be_read_stops_the_rest(void)
{
    begin(1000, 1);
    boot_both();
    // The store leaves a damaged row out.
    pair->side[A].hold_reads = true;
    pair_settle(pair);
    struct idn_stored_fact items[2] = {pair->side[A].fact[0].item, pair->side[A].fact[2].item};
    pair->side[A].reading = false;
    pair_step(pair, A,
        (struct idn_event){.type = IDN_EVENT_FACTS_READ,
            .u.facts_read = {.next = 3, .end = true, .count = 2, .item = items}});
    pair_pass(pair, 5000);
    CHECK_STRING(pair->side[A].told, "facts 2 to 2 of incarnation 11 cannot be read from the "
                                     "store: broker b cannot be brought up to date");
    CHECK(pair_peer(pair, A).in_sight && pair->side[A].resets == 0);
    CHECK(!pair_peer(pair, A).exchanged && !pair_peer(pair, A).in_sync);
    CHECK_INT(pair_last_of(pair, B, 11), 1);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE); // it has what b has
    end();
}

// Nothing comes after it that would show the gap.
static void test_the_last_fact_that_cannot_be_read_is_missed_too(void)
{
    begin(3, 1);
    boot_both();
    pair->side[A].hold_reads = true;
    pair_settle(pair);
    struct idn_stored_fact items[2] = {pair->side[A].fact[0].item, pair->side[A].fact[1].item};
    pair->side[A].reading = false;
    pair_step(pair, A,
        (struct idn_event){.type = IDN_EVENT_FACTS_READ,
            .u.facts_read = {.next = 3, .end = true, .count = 2, .item = items}});
    CHECK_STRING(pair->side[A].told, "facts 3 to 3 of incarnation 11 cannot be read from the "
                                     "store: broker b cannot be brought up to date");
    pair->side[A].hold_reads = false;
    pair_pass(pair, 5000);
    CHECK(pair_peer(pair, A).in_sight);
    CHECK(!pair_peer(pair, A).exchanged && !pair_peer(pair, A).in_sync);
    CHECK(!pair_peer(pair, B).exchanged);
    end();
}

// The answer to its read: its store has fact `hole` not, but those before and after it.
static void reads_around(int which, uint64_t hole, uint64_t facts)
{
    struct idn_stored_fact items[8];
    uint32_t count = 0;

    for (uint64_t i = 1; i <= facts; i++)
        if (i != hole)
            items[count++] = pair->side[which].fact[i - 1].item;
    pair->side[which].reading = false;
    pair_step(pair, which,
        (struct idn_event){.type = IDN_EVENT_FACTS_READ,
            .u.facts_read = {.next = facts, .end = true, .count = count, .item = items}});
    pair_settle(pair);
}

// b would be chosen, and waits for what a cannot read.
static void begin_with_a_hole_at_a(uint64_t facts_b)
{
    begin(3, facts_b);
    pair->side[B].fact[0].item.fact.epoch = (struct idn_epoch){5, 'b'};
    boot_both();
    pair->side[A].hold_reads = true;
    pair->side[B].hold_reads = facts_b > 1;
    pair_settle(pair);
    reads_around(A, 2, 3);
}

// It has the facts of both, and b never would.
static void test_who_alone_has_all_facts_reigns(void)
{
    begin_with_a_hole_at_a(1);
    pair_pass(pair, IDN_DEAD_MS - 1);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_STANDBY);
    pair->side[A].hold_reads = false;
    pair_pass(pair, IDN_BEAT_MS);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    pair_pass(pair, 2 * IDN_STUCK_MS);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_STANDBY);
    CHECK_STRING(pair->side[A].exit, "");
    end();
}

static void test_a_learner_that_alone_has_all_facts_reigns(void)
{
    begin(3, 1);
    pair->side[B].fact[0].item.fact.epoch = (struct idn_epoch){5, 'b'};
    pair->side[A].tail_lost = pair->side[B].tail_lost = true;
    boot_both();
    pair->side[A].hold_reads = true;
    pair_settle(pair);
    reads_around(A, 2, 3);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_LEARNER);
    pair_pass(pair, IDN_DEAD_MS + IDN_BEAT_MS);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_LEARNER);
    end();
}

// Each waits for the other one: a ends, and b takes over from it.
static void test_of_two_that_cannot_read_a_fact_one_ends(void)
{
    begin_with_a_hole_at_a(3);
    reads_around(B, 2, 3);
    pair_pass(pair, IDN_STUCK_MS - 1);
    CHECK_STRING(pair->side[A].exit, "");
    pair_pass(pair, IDN_BEAT_MS);
    CHECK_STRING(pair->side[A].exit,
        "fact 2 of incarnation 11 cannot be read from the store, and broker b, which cannot send "
        "all of its own either, waits for it: stopping, so that it can reign; move the state "
        "directory away and start with an empty one");
    CHECK_STRING(pair->side[B].exit, "");
    pair_crash(pair, A);
    pair_pass(pair, IDN_DEAD_MS);
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {5000}});
    pair_settle(pair);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_ALONE);
    end();
}

// What b sends takes long, but it comes.
static void test_nobody_ends_while_facts_come(void)
{
    begin_with_a_hole_at_a(3);
    for (uint32_t i = 0; i < 3; i++) {
        pair_pass(pair, IDN_STUCK_MS - IDN_BEAT_MS);
        pair->side[B].reading = false;
        pair_step(pair, B,
            (struct idn_event){.type = IDN_EVENT_FACTS_READ,
                .u.facts_read = {.next = i + 1,
                    .end = i == 2,
                    .count = 1,
                    .item = &pair->side[B].fact[i].item}});
        pair_settle(pair);
    }
    CHECK_STRING(pair->side[A].exit, "");
    pair_pass(pair, IDN_DEAD_MS + IDN_BEAT_MS);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    end();
}

static void test_learners_that_cannot_read_a_fact_wait(void)
{
    begin(3, 3);
    pair->side[A].tail_lost = pair->side[B].tail_lost = true;
    boot_both();
    pair->side[A].hold_reads = pair->side[B].hold_reads = true;
    pair_settle(pair);
    reads_around(A, 2, 3);
    reads_around(B, 2, 3);
    pair_pass(pair, 2 * IDN_STUCK_MS);
    CHECK_STRING(pair->side[A].exit, "");
    CHECK_STRING(pair->side[B].exit, "");
    CHECK_INT(pair_role(pair, A), IDN_ROLE_LEARNER);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_LEARNER);
    end();
}

// After the exchange: it must not count as mirrored.
static void test_a_fact_of_now_that_cannot_be_read_is_missed(void)
{
    begin_level();
    pair->side[A].hold_reads = true;
    pair_submit(pair, A, 1);
    pair_settle(pair);
    pair_clear(pair);
    pair->side[A].reading = false;
    pair_step(pair, A,
        (struct idn_event){.type = IDN_EVENT_FACTS_READ,
            .u.facts_read = {.next = pair->side[A].facts, .end = true}});
    CHECK(strstr(pair->side[A].told, "cannot be read from the store: broker b cannot be") != NULL);
    pair->side[A].hold_reads = false;
    pair_pass(pair, 2 * IDN_DEAD_MS);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    end();
}

static void hold_incarnations(uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++)
        idn_mirror_held(pair->side[A].core, &(struct idn_held){1000 + i, 1});
}

static void test_too_many_incarnations(void)
{
    begin(0, 1);
    pair->side[A].core =
        idn_core_init(pair->side[A].memory = calloc(1, idn_core_bytes(&pair->side[A].config)),
            &pair->side[A].config);
    hold_incarnations(IDN_INCARNATIONS_MAX);
    pair_step(
        pair, A, (struct idn_event){.type = IDN_EVENT_START, .u.start = {5, IDN_INCARNATIONS_MAX}});
    CHECK_STRING(pair->side[A].exit,
        "the store holds facts of 65536 starts of brokers, and a broker with a peer can keep no "
        "more; begin with a new store");
    // One less, and the peer's fill it.
    free(pair->side[A].memory);
    pair->side[A].core =
        idn_core_init(pair->side[A].memory = calloc(1, idn_core_bytes(&pair->side[A].config)),
            &pair->side[A].config);
    hold_incarnations(IDN_INCARNATIONS_MAX - 1);
    pair_step(
        pair, A, (struct idn_event){.type = IDN_EVENT_START, .u.start = {5, IDN_INCARNATIONS_MAX}});
    pair->side[A].hold_reads = true;
    pair_boot(pair, B);
    pair_settle(pair);
    CHECK_STRING(pair->side[A].exit,
        "the two brokers' stores together hold facts of more starts of brokers than one can keep, "
        "65536; this needs a new store");
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_an_empty_standby_gets_everything_in_order),
        CHECK_TEST(test_the_window_holds_the_sender_back),
        CHECK_TEST(test_both_lack_something),
        CHECK_TEST(test_little_is_read_for_who_lacks_little),
        CHECK_TEST(test_many_places_are_not_looked_up),
        CHECK_TEST(test_a_vector_of_many_parts),
        CHECK_TEST(test_what_is_not_stored_is_not_looked_up),
        CHECK_TEST(test_what_is_not_understood_is_kept),
        CHECK_TEST(test_a_lost_tail_comes_back),
        CHECK_TEST(test_a_lost_store_comes_back),
        CHECK_TEST(test_a_crash_while_catching_up),
        CHECK_TEST(test_what_waits_for_the_disk_is_not_claimed),
        CHECK_TEST(test_a_read_of_an_old_session_is_void),
        CHECK_TEST(test_a_fact_that_cannot_be_read_stops_the_rest),
        CHECK_TEST(test_the_last_fact_that_cannot_be_read_is_missed_too),
        CHECK_TEST(test_who_alone_has_all_facts_reigns),
        CHECK_TEST(test_a_learner_that_alone_has_all_facts_reigns),
        CHECK_TEST(test_of_two_that_cannot_read_a_fact_one_ends),
        CHECK_TEST(test_nobody_ends_while_facts_come),
        CHECK_TEST(test_learners_that_cannot_read_a_fact_wait),
        CHECK_TEST(test_a_fact_of_now_that_cannot_be_read_is_missed),
        CHECK_TEST(test_too_many_incarnations),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
