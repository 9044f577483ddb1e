// The mirror link's session between two real cores: how it begins, what ends it, and that it heals
// whatever is lost, repeated, late or of another time. What it carries: test_core_catchup.c.
#include "broker/core/mirror.h"
#include "tests/lib/pair.h"

enum { A, B };

static struct pair *pair;

// Both know something, so that neither is a learner.
static void begin(void)
{
    if (pair != NULL)
        pair_destroy(pair); // of a test that failed
    pair = pair_new();
    pair_fill(pair, A, 11, 3, 100);
    pair_fill(pair, B, 12, 3, 100);
}

static void begin_both(void)
{
    begin();
    pair_boot(pair, A);
    pair_boot(pair, B);
    pair_pass(pair, 50);
}

static void end(void)
{
    pair_destroy(pair);
    pair = NULL;
}

static void check_healed(void)
{
    CHECK(pair_peer(pair, A).in_sync && pair_peer(pair, B).in_sync);
    CHECK(pair_is_level(pair));
}

static struct idn_mirror_frame frame_of(uint32_t type, uint64_t session, uint64_t number)
{
    return (struct idn_mirror_frame){
        .type = type, .session = session, .number = number, .role = IDN_ROLE_STANDBY};
}

static struct idn_mirror_frame hello_of(uint64_t session)
{
    struct idn_mirror_frame frame = frame_of(IDN_MIRROR_HELLO, session, 0);

    frame.u.hello.lowest = frame.u.hello.highest = 1;
    frame.u.hello.letter = 'b';
    frame.u.hello.incarnation = 0xbeef;
    snprintf(frame.u.hello.broker, IDN_NAME_SIZE, "b");
    return frame;
}

static uint64_t session_of(int which)
{
    return pair->side[which].core->mirror.nonce;
}

// ---- beginning

static void test_two_brokers_meet_and_are_level_at_once(void)
{
    begin_both();
    check_healed();
    CHECK_INT(pair->side[A].stored, 7); // and a's reign
    CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_STANDBY);
    CHECK_STRING(pair_peer(pair, A).broker, "b");
    CHECK_INT(pair_peer(pair, B).role, IDN_ROLE_ACTIVE);
    end();
}

static void test_a_peer_that_comes_later_is_met_within_a_beat(void)
{
    begin();
    pair_boot(pair, B);
    pair_pass(pair, 10100);
    CHECK(!pair_peer(pair, B).in_sight);
    CHECK(pair->side[B].resets >= 9); // one a second: the old socket may never connect
    pair_boot(pair, A);
    pair_pass(pair, IDN_BEAT_MS);
    check_healed();
    end();
}

static void test_nothing_happens_without_a_peer(void)
{
    begin();
    pair->side[A].config.has_peer = false;
    pair_boot(pair, A);
    struct idn_mirror_frame hello = hello_of(5);
    pair_send(pair, A, &hello);
    pair_pass(pair, 5000);
    CHECK_INT(pair->side[A].resets, 0);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_WELCOME], 0);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    CHECK(!pair_peer(pair, A).configured);
    end();
}

static void test_who_cannot_be_the_peer_is_not_welcomed(void)
{
    struct idn_mirror_frame hello;

    begin();
    pair_boot(pair, A);
    hello = hello_of(5), hello.u.hello.letter = 'a';
    pair_send(pair, A, &hello);
    hello = hello_of(5), hello.u.hello.incarnation = pair->side[A].incarnation;
    pair_send(pair, A, &hello);
    hello = hello_of(0);
    pair_send(pair, A, &hello);
    hello = hello_of(5), hello.epoch.counter = UINT64_MAX;
    pair_send(pair, A, &hello);
    pair_settle(pair);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_WELCOME], 0);
    CHECK(!pair_peer(pair, A).in_sight);
    end();
}

static void test_a_peer_of_another_version_is_told_of(void)
{
    struct idn_mirror_frame hello = hello_of(5);

    begin();
    pair_boot(pair, A);
    hello.u.hello.lowest = 7, hello.u.hello.highest = 9;
    pair_send(pair, A, &hello);
    pair_settle(pair);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_WELCOME], 0);
    CHECK_STRING(pair->side[A].told, "broker b speaks versions 7 to 9 of the protocol and this one "
                                     "1 to 1: update the older one");
    end();
}

// What is said in HELLO and WELCOME decides who reigns: it must be said of one session only.
static void test_news_before_the_welcome_make_another_session(void)
{
    begin();
    pair_boot(pair, B);
    pair_settle(pair);
    uint64_t first = session_of(B);
    pair_pass(pair, 300);
    CHECK(session_of(B) == first); // repeated, and the same
    pair->side[B].core->highest.counter += 5;
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_TICK});
    CHECK(session_of(B) != first);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_HELLO], 3);
    end();
}

// ---- what goes wrong on the way

// Each frame of the first exchange in turn is lost, comes twice, or comes after the next one.
enum meddling { LOSE, REPEAT, SWAP };

static void check_heals(enum meddling meddling)
{
    for (uint64_t n = 1; n <= 12; n++) {
        for (int to = A; to <= B; to++) {
            begin();
            uint64_t *turn = meddling == LOSE     ? pair->lose
                             : meddling == REPEAT ? pair->repeat
                                                  : pair->swap;
            turn[to] = n;
            pair_boot(pair, A);
            pair_boot(pair, B);
            pair_pass(pair, 1600);
            check_healed();
            if (meddling == REPEAT)
                CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
            end();
        }
    }
}

static void test_each_frame_may_be_lost(void)
{
    check_heals(LOSE);
}

static void test_each_frame_may_come_twice(void)
{
    check_heals(REPEAT);
}

static void test_each_frame_may_be_overtaken(void)
{
    check_heals(SWAP);
}

static void test_silence_ends_the_session_on_both_sides(void)
{
    begin_both();
    pair_clear(pair);
    pair->cut[A] = pair->cut[B] = true;
    pair_pass(pair, IDN_DEAD_MS - IDN_BEAT_MS - 1); // the last frame came within a beat
    CHECK(pair_peer(pair, A).in_sight && pair_peer(pair, B).in_sight);
    pair_pass(pair, IDN_BEAT_MS + 1);
    CHECK(!pair_peer(pair, A).in_sight && !pair_peer(pair, B).in_sight);
    CHECK(!pair_peer(pair, A).in_sync && !pair_peer(pair, A).exchanged);
    CHECK_INT(pair->side[A].resets, 1);
    CHECK_STRING(pair->side[A].told, "broker b is out of sight");
    pair->cut[A] = pair->cut[B] = false;
    pair_pass(pair, IDN_BEAT_MS);
    check_healed();
    end();
}

// The other one may have given the session up; what is queued of it says nothing.
static void test_a_stall_of_ones_own_begins_another_session(void)
{
    begin_both();
    pair_clear(pair);
    uint64_t session = session_of(A);
    pair->now += 3000;
    for (int which = A; which <= B; which++)
        pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {3000}});
    CHECK(!pair_peer(pair, A).exchanged && !pair_peer(pair, B).in_sight);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(session_of(A) != session);
    CHECK_INT(pair->side[A].resets, 1);
    check_healed();
    end();
}

// One hears the other, which hears nothing: whoever calls goes on calling, and both meet again.
static void test_a_link_that_works_one_way(void)
{
    for (int deaf = A; deaf <= B; deaf++) {
        begin_both();
        pair->cut[deaf] = true;
        pair_pass(pair, 5000);
        CHECK(!pair_peer(pair, deaf).in_sight);
        CHECK(!pair_peer(pair, A).in_sync && !pair_peer(pair, B).in_sync);
        pair->cut[deaf] = false;
        pair_pass(pair, IDN_DEAD_MS + IDN_BEAT_MS);
        check_healed();
        end();
    }
}

// ---- other times

// a was killed and is back at once: b need not wait for silence.
static void test_a_broker_that_restarts_is_met_within_a_beat(void)
{
    for (int which = A; which <= B; which++) {
        begin_both();
        pair_crash(pair, which);
        pair_boot(pair, which);
        pair_pass(pair, 2 * IDN_BEAT_MS);
        check_healed();
        end();
    }
}

// The socket that told it is good; a new one might be turned away while the old one still closes.
static void test_who_is_told_gone_keeps_the_socket(void)
{
    begin_both();
    pair_pass(pair, IDN_BEAT_MS);
    pair_clear(pair);
    struct idn_mirror_frame gone = frame_of(IDN_MIRROR_GONE, session_of(B), 0);
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &gone});
    CHECK(session_of(B) != gone.session);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_HELLO], 1);
    pair_settle(pair);
    check_healed();
    CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
    // And not at the speed of the network.
    gone.session = session_of(B);
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &gone});
    pair_pass(pair, IDN_BEAT_MS - 1);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_HELLO], 1);
    pair_pass(pair, 1);
    check_healed();
    end();
}

static void test_a_session_that_is_gone_is_told_once_and_with_each_beat(void)
{
    struct idn_mirror_frame facts = frame_of(IDN_MIRROR_FACTS, 99, 4),
                            beat = frame_of(IDN_MIRROR_BEAT, 99, 0);

    begin();
    pair_boot(pair, A);
    for (int i = 0; i < 5; i++)
        pair_send(pair, A, &facts);
    pair_settle(pair);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_GONE], 1);
    pair_send(pair, A, &beat);
    pair_settle(pair);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_GONE], 2);
    end();
}

static void test_frames_of_another_session_change_nothing(void)
{
    begin_both();
    pair_clear(pair);
    uint64_t session = session_of(A), facts = pair->side[A].facts;
    for (int to = A; to <= B; to++) {
        for (uint32_t type = IDN_MIRROR_WELCOME; type <= IDN_MIRROR_GONE; type++) {
            struct idn_mirror_frame frame = frame_of(type, session + 1, 1);
            frame.epoch.counter = 1000, frame.role = IDN_ROLE_ACTIVE;
            if (type == IDN_MIRROR_WELCOME)
                frame = hello_of(session + 1), frame.type = type;
            if (type == IDN_MIRROR_HANDOVER)
                frame.u.handover.epoch.counter = 1000;
            pair_send(pair, to, &frame);
        }
    }
    pair_settle(pair);
    CHECK(session_of(A) == session && session_of(B) == session);
    CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
    CHECK_INT(pair->side[A].facts, facts);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    check_healed();
    end();
}

// A HELLO of a boot of b's before this one: a is fooled, and finds out by b's next beat.
static void test_a_late_hello_costs_a_beat(void)
{
    struct idn_mirror_frame hello = hello_of(1234);

    begin_both();
    pair_send(pair, A, &hello);
    pair_settle(pair);
    CHECK_INT(session_of(A), 1234);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(session_of(A) == session_of(B));
    check_healed();
    end();
}

// It costs no more than the next HELLO, and no session.
static void test_a_welcome_that_is_lost_is_repeated(void)
{
    begin();
    pair->lose[B] = 1;
    pair_boot(pair, A);
    pair_boot(pair, B);
    pair_pass(pair, IDN_BEAT_MS);
    CHECK_INT(pair->lost, 1);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_WELCOME], 2);
    CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
    check_healed();
    end();
}

static void test_nothing_counts_before_the_welcome(void)
{
    begin();
    pair_boot(pair, B);
    pair_settle(pair);
    for (uint32_t type = IDN_MIRROR_VECTOR; type <= IDN_MIRROR_GONE; type++) {
        struct idn_mirror_frame frame = frame_of(type, session_of(B), 1);
        pair_send(pair, B, &frame);
    }
    pair_settle(pair);
    CHECK(!pair_peer(pair, B).in_sight);
    CHECK_INT(pair->side[B].core->mirror.session.in.taken, 0);
    CHECK_INT(pair->side[B].resets, 0);
    end();
}

static void test_a_welcome_that_comes_again_begins_nothing(void)
{
    begin_both();
    struct idn_mirror_frame welcome = hello_of(session_of(B));
    welcome.type = IDN_MIRROR_WELCOME, welcome.u.hello.letter = 'a';
    pair_clear(pair);
    pair_send(pair, B, &welcome);
    pair_settle(pair);
    CHECK_INT(pair->side[B].reads, 0);
    CHECK_INT(pair->side[A].resets + pair->side[B].resets, 0);
    check_healed();
    end();
}

// A WELCOME that is a session late must not begin anything at b.
static void test_a_late_welcome_is_dropped(void)
{
    struct idn_mirror_frame welcome = hello_of(77);

    begin();
    pair_boot(pair, B);
    pair_settle(pair);
    welcome.type = IDN_MIRROR_WELCOME, welcome.u.hello.letter = 'a';
    pair_send(pair, B, &welcome);
    pair_settle(pair);
    CHECK(!pair_peer(pair, B).in_sight);
    end();
}

// ---- what a peer must not say

static void check_breaks(struct idn_mirror_frame frame, const char *why)
{
    char line[IDN_TEXT_SIZE];

    begin_both();
    pair_clear(pair);
    uint64_t session = session_of(A);
    frame.session = session;
    if (frame.number == 1)
        frame.number = pair->side[A].core->mirror.session.in.taken + 1;
    pair_step(pair, A, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &frame});
    snprintf(line, sizeof(line), "the mirror link with broker b begins anew: %s", why);
    CHECK_STRING(pair->side[A].told, line);
    CHECK_INT(pair->side[A].resets, 1);
    CHECK(!pair_peer(pair, A).in_sight);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    CHECK(session_of(A) != session);
    check_healed();
    end();
}

static void test_a_frame_that_cannot_be_ends_the_session(void)
{
    struct idn_held held = {5, 1};
    struct idn_mirror_frame frame = frame_of(IDN_MIRROR_VECTOR, 0, 1);

    frame.u.vector.count = 1, frame.u.vector.item = &held;
    check_breaks(frame, "a vector came after its last part");
    frame = frame_of(IDN_MIRROR_FACTS, 0, 1000);
    check_breaks(frame, "a frame is missing");
    frame = frame_of(IDN_MIRROR_FACTS, 0, 1);
    frame.u.facts.count = IDN_MIRROR_FACTS_MAX + 1;
    check_breaks(frame, "a frame has too many facts");
    frame = frame_of(IDN_MIRROR_BEAT, 0, 0);
    frame.durable = 1000;
    check_breaks(frame, "a frame acknowledges what was not sent");
    frame = frame_of(IDN_MIRROR_BEAT, 0, 0);
    frame.role = 9;
    check_breaks(frame, "a frame's role or epoch is none");
    frame = frame_of(IDN_MIRROR_HANDOVER, 0, 1);
    frame.u.handover.epoch.counter = UINT64_MAX;
    check_breaks(frame, "a handover's epoch is none");
}

static void test_facts_that_cannot_be_end_the_session(void)
{
    struct idn_stored_fact fact = {.fact = {.kind = 77}};
    struct idn_mirror_frame frame = frame_of(IDN_MIRROR_FACTS, 0, 1);

    frame.u.facts.count = 1, frame.u.facts.item = &fact;
    fact.fact.origin = (struct idn_origin){0, 1};
    check_breaks(frame, "a fact's incarnation or epoch is none");
    fact.fact.origin = (struct idn_origin){99, 1};
    fact.fact.epoch.counter = UINT64_MAX;
    check_breaks(frame, "a fact's incarnation or epoch is none");
    fact.fact.epoch.counter = 1;
    fact.fact.origin = (struct idn_origin){99, 2};
    check_breaks(frame, "a fact came before the one that it follows");
    fact.fact.origin = (struct idn_origin){0xc0de0001, 2}; // a's own next one
    check_breaks(frame, "a fact came before the one that it follows");
}

static void test_facts_before_the_vectors_end_the_session(void)
{
    struct idn_mirror_frame hello = hello_of(42), facts = frame_of(IDN_MIRROR_FACTS, 42, 1),
                            handover = frame_of(IDN_MIRROR_HANDOVER, 42, 1);

    begin();
    pair_boot(pair, A);
    pair_send(pair, A, &hello);
    pair_send(pair, A, &facts);
    pair_settle(pair);
    CHECK_STRING(pair->side[A].told,
        "the mirror link with broker b begins anew: facts came before the vectors");
    pair_pass(pair, IDN_BREAK_TOLD_MS);
    pair_send(pair, A, &hello);
    pair_send(pair, A, &handover);
    pair_settle(pair);
    CHECK_STRING(pair->side[A].told,
        "the mirror link with broker b begins anew: a handover came before the exchange");
    end();
}

// Whoever speaks for the other broker may break sessions all day: the log has one line in ten
// seconds, with the number of those that it does not have.
static void test_sessions_that_break_fill_no_log(void)
{
    struct idn_mirror_frame hello = hello_of(77), facts = frame_of(IDN_MIRROR_FACTS, 77, 1);

    begin();
    pair_boot(pair, A);
    for (int i = 0; i < 6; i++) {
        pair_clear(pair);
        pair_send(pair, A, &hello);
        pair_send(pair, A, &facts);
        pair_settle(pair);
        CHECK_INT(pair->side[A].resets, 1);
        CHECK_INT(pair->side[A].told[0] == '\0', i > 0);
    }
    pair_pass(pair, IDN_BREAK_TOLD_MS);
    pair_send(pair, A, &hello);
    pair_send(pair, A, &facts);
    pair_settle(pair);
    CHECK_STRING(pair->side[A].told, "the mirror link with broker b begins anew: facts came before "
                                     "the vectors (5 times before this one)");
    end();
}

// The last line about the link must not be that it broke, when it is up again.
static void test_the_session_that_lasts_is_told_of(void)
{
    struct idn_mirror_frame hello = hello_of(77), facts = frame_of(IDN_MIRROR_FACTS, 77, 1);

    begin();
    pair_boot(pair, A);
    for (int i = 0; i < 3; i++) {
        pair_send(pair, A, &hello);
        pair_send(pair, A, &facts);
        pair_settle(pair);
    }
    pair_boot(pair, B);
    pair_pass(pair, IDN_BREAK_TOLD_MS / 2);
    CHECK(pair_peer(pair, A).in_sight);
    pair_clear(pair);
    pair_pass(pair, IDN_BREAK_TOLD_MS);
    CHECK_STRING(
        pair->side[A].told, "broker b is in sight; the mirror link began anew 2 more times before");
    pair_clear(pair);
    pair_pass(pair, 2 * IDN_BREAK_TOLD_MS);
    CHECK_STRING(pair->side[A].told, "");
    end();
}

// A peer that never acknowledges anything can have this broker hold no more than the window, and
// one that sends more than the window breaks off.
static void test_more_frames_than_the_window_end_the_session(void)
{
    begin_both();
    pair_clear(pair);
    pair->side[A].hold_store = true;
    pair_submit(pair, A, 1); // so that something waits for the store
    struct idn_stored_fact known = pair->side[A].fact[0].item;
    struct idn_mirror_frame frame = frame_of(IDN_MIRROR_FACTS, session_of(A), 0);
    frame.u.facts.count = 1, frame.u.facts.item = &known;
    uint64_t taken = pair->side[A].core->mirror.session.in.taken;
    for (uint64_t i = 1; i <= IDN_MIRROR_WINDOW + 1; i++) {
        frame.number = taken + i;
        CHECK_INT(pair->side[A].resets, 0);
        pair_step(pair, A, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &frame});
    }
    CHECK_INT(pair->side[A].resets, 1);
    CHECK_STRING(pair->side[A].told,
        "the mirror link with broker b begins anew: more frames came than the window holds");
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_two_brokers_meet_and_are_level_at_once),
        CHECK_TEST(test_a_peer_that_comes_later_is_met_within_a_beat),
        CHECK_TEST(test_nothing_happens_without_a_peer),
        CHECK_TEST(test_who_cannot_be_the_peer_is_not_welcomed),
        CHECK_TEST(test_a_peer_of_another_version_is_told_of),
        CHECK_TEST(test_news_before_the_welcome_make_another_session),
        CHECK_TEST(test_each_frame_may_be_lost),
        CHECK_TEST(test_each_frame_may_come_twice),
        CHECK_TEST(test_each_frame_may_be_overtaken),
        CHECK_TEST(test_silence_ends_the_session_on_both_sides),
        CHECK_TEST(test_a_stall_of_ones_own_begins_another_session),
        CHECK_TEST(test_a_link_that_works_one_way),
        CHECK_TEST(test_a_broker_that_restarts_is_met_within_a_beat),
        CHECK_TEST(test_who_is_told_gone_keeps_the_socket),
        CHECK_TEST(test_a_session_that_is_gone_is_told_once_and_with_each_beat),
        CHECK_TEST(test_frames_of_another_session_change_nothing),
        CHECK_TEST(test_a_late_hello_costs_a_beat),
        CHECK_TEST(test_a_welcome_that_is_lost_is_repeated),
        CHECK_TEST(test_nothing_counts_before_the_welcome),
        CHECK_TEST(test_a_welcome_that_comes_again_begins_nothing),
        CHECK_TEST(test_a_late_welcome_is_dropped),
        CHECK_TEST(test_a_frame_that_cannot_be_ends_the_session),
        CHECK_TEST(test_facts_that_cannot_be_end_the_session),
        CHECK_TEST(test_facts_before_the_vectors_end_the_session),
        CHECK_TEST(test_sessions_that_break_fill_no_log),
        CHECK_TEST(test_the_session_that_lasts_is_told_of),
        CHECK_TEST(test_more_frames_than_the_window_end_the_session),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
