// Who reigns: the start table, what two brokers agree on, take-over, stepping down, renewal.
#include "broker/core/roles.h"
#include "tests/lib/pair.h"

enum { A, B };

static struct pair *pair;
static uint64_t beat_sequence;
// The last beat of each broker, and how many said that it reigns.
static struct idn_broker_beat last_beat[2];
static unsigned active_beats[2];

static void on_action(void *context, int which, const struct idn_action *action)
{
    (void)context;
    if (action->type != IDN_ACTION_BEAT)
        return;
    last_beat[which] = action->u.beat;
    active_beats[which] +=
        action->u.beat.role == IDN_ROLE_ACTIVE || action->u.beat.role == IDN_ROLE_ALONE;
}

static void begin_empty(void)
{
    if (pair != NULL)
        pair_destroy(pair); // of a test that failed
    pair = pair_new();
    pair->on_action = on_action;
    memset(last_beat, 0, sizeof(last_beat));
    memset(active_beats, 0, sizeof(active_beats));
}

// Both have the same facts.
static void begin(void)
{
    begin_empty();
    pair_fill(pair, A, 11, 3, 100);
    pair_fill(pair, B, 11, 3, 100);
}

// a reigns, b is in sync.
static void begin_whole(void)
{
    begin();
    pair_boot(pair, A), pair_boot(pair, B);
    pair_pass(pair, 1000);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_STANDBY);
}

// b was in sync, and a is gone.
static void begin_orphaned(void)
{
    begin_whole();
    pair_crash(pair, A);
    pair_clear(pair);
}

static void cut(bool is_cut)
{
    pair->cut[A] = pair->cut[B] = is_cut;
}

static void end(void)
{
    pair_destroy(pair);
    pair = NULL;
}

static bool reigns(int which)
{
    return pair->side[which].core->active;
}

static struct idn_epoch epoch_of(int which)
{
    return idn_roles_epoch(pair->side[which].core);
}

static void beat(int which, uint64_t nonce, struct idn_epoch obeyed, uint64_t silent_ms)
{
    struct idn_worker_beat worker = {.nonce = nonce,
        .sequence = ++beat_sequence,
        .obeyed = obeyed,
        .active_silent_ms = silent_ms};

    pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &worker});
}

static void ask(int which, uint32_t unheard_ms)
{
    pair_step(pair, which,
        (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {.unheard_ms = unheard_ms}});
}

// The store's last fact says so: as if a reign of this epoch had been mirrored.
static void store_epoch(int which, uint64_t counter, uint32_t letter)
{
    struct pair_side *side = &pair->side[which];

    side->fact[side->facts - 1].item.fact.epoch = (struct idn_epoch){counter, letter};
}

// ---- starts

static void test_alone_it_reigns_at_once(void)
{
    begin_empty();
    pair->side[A].config.has_peer = false;
    pair->side[A].hold_store = true;
    pair_boot(pair, A);
    pair->side[A].hold_store = true;
    pair_pass(pair, 100);
    CHECK(!reigns(A));
    CHECK_INT(last_beat[A].role, 0);
    pair->side[A].hold_store = false;
    pair_settle(pair);
    CHECK(reigns(A));
    CHECK_INT(last_beat[A].role, IDN_ROLE_ALONE);
    CHECK_INT(last_beat[A].epoch.counter, 1);
    end();
}

static void test_what_a_broker_with_a_peer_is_at_its_start(void)
{
    begin_empty();
    pair_boot(pair, A); // an empty store
    CHECK_INT(pair_role(pair, A), IDN_ROLE_LEARNER);
    pair_crash(pair, A);
    pair_fill(pair, A, 11, 3, 100);
    pair_boot(pair, A);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_STANDBY);
    pair_crash(pair, A);
    pair_lose_tail(pair, A, 1);
    pair_boot(pair, A);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_LEARNER);
    CHECK_INT(last_beat[A].role, IDN_ROLE_LEARNER);
    end();
}

// ---- two that agree

static void test_of_two_learners_a_reigns(void)
{
    begin_empty();
    pair_boot(pair, B), pair_boot(pair, A);
    pair_pass(pair, 500);
    CHECK(reigns(A) && !reigns(B));
    CHECK_INT(epoch_of(A).counter, 1);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_STANDBY);
    end();
}

static void test_of_two_equals_a_reigns(void)
{
    begin_whole();
    CHECK_INT(epoch_of(A).counter, 2);
    CHECK_INT(epoch_of(A).broker, 'a');
    CHECK_INT(active_beats[B], 0);
    CHECK_INT(last_beat[B].role, IDN_ROLE_STANDBY);
    CHECK_INT(last_beat[B].epoch.counter, 2);
    end();
}

static void test_the_higher_epoch_reigns(void)
{
    begin();
    store_epoch(B, 5, 'b');
    pair_boot(pair, A), pair_boot(pair, B);
    pair_pass(pair, 500);
    CHECK(reigns(B) && !reigns(A));
    CHECK_INT(epoch_of(B).counter, 6);
    end();
}

static void test_it_does_not_wait_until_the_other_has_all(void)
{
    begin();
    pair_fill(pair, A, 12, 5000, 1000);
    pair_boot(pair, A), pair_boot(pair, B);
    pair->side[B].hold_store = true;
    pair_pass(pair, 1000);
    CHECK(!pair_peer(pair, A).exchanged);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_STANDBY);
    pair->side[B].hold_store = false;
    pair_pass(pair, 1000);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    CHECK_INT(active_beats[B], 0);
    end();
}

static void test_nor_does_it_reign_before_it_has_all(void)
{
    begin();
    pair_fill(pair, B, 12, 5000, 1000);
    pair_boot(pair, A), pair_boot(pair, B);
    pair->side[A].hold_store = true;
    pair_pass(pair, 1000);
    CHECK(!reigns(A) && !reigns(B));
    CHECK_INT(pair->side[A].core->roles.rising_position, 0);
    pair->side[A].hold_store = false;
    pair_pass(pair, 1000);
    CHECK(reigns(A) && !reigns(B));
    end();
}

static void test_a_reign_is_above_all_that_workers_obey(void)
{
    begin();
    pair_boot(pair, A);
    beat(A, 1, (struct idn_epoch){9, 'b'}, 0);
    pair_boot(pair, B);
    pair_pass(pair, 500);
    CHECK_INT(epoch_of(A).counter, 10);
    end();
}

static void test_a_reign_is_nobodys_before_it_is_stored(void)
{
    begin();
    pair_boot(pair, A), pair_boot(pair, B);
    pair->side[A].hold_store = true;
    pair_pass(pair, 1000);
    CHECK(pair->side[A].facts > pair->side[A].stored); // its REIGN
    CHECK_INT(last_beat[A].role, IDN_ROLE_STANDBY);
    CHECK_INT(last_beat[A].epoch.counter, 1);
    CHECK_INT(pair_peer(pair, B).epoch.counter, 1);
    pair->side[A].hold_store = false;
    pair_settle(pair);
    CHECK_INT(last_beat[A].epoch.counter, 2);
    CHECK(reigns(A));
    end();
}

// ---- take-over

static void test_votes_count_for_nothing_while_the_link_is_up(void)
{
    begin_whole();
    for (int i = 0; i < 20; i++) {
        beat(B, 1, epoch_of(A), 5000);
        pair_pass(pair, 200);
    }
    CHECK(reigns(A) && !reigns(B));
    end();
}

static void test_nor_while_it_catches_up(void)
{
    begin();
    pair_boot(pair, A);
    pair_pass(pair, IDN_START_MS + 1000);
    pair->side[A].hold_reads = true;
    pair_boot(pair, B);
    for (int i = 0; i < 20; i++) {
        beat(B, 1, epoch_of(A), 5000);
        ask(B, 5000);
        pair_pass(pair, 200);
    }
    CHECK(pair_peer(pair, B).in_sight && !pair_peer(pair, B).exchanged);
    CHECK(reigns(A) && !reigns(B));
    end();
}

static void test_more_than_half_of_the_workers_must_miss_the_active(void)
{
    begin_orphaned();
    for (int i = 0; i < 20; i++) {
        beat(B, 1, epoch_of(B), 0);
        beat(B, 2, epoch_of(B), 5000);
        pair_pass(pair, 200);
    }
    CHECK(!reigns(B));
    beat(B, 3, (struct idn_epoch){0}, IDN_DEAD_MS);
    pair_settle(pair);
    CHECK(reigns(B));
    CHECK_INT(epoch_of(B).counter, 3);
    CHECK_INT(last_beat[B].role, IDN_ROLE_ALONE);
    end();
}

static void test_the_link_must_have_been_silent_for_as_long(void)
{
    begin_whole();
    uint64_t cut_ms = pair->now;
    cut(true);
    while (!reigns(B)) {
        beat(B, 1, epoch_of(A), 5000);
        pair_pass(pair, 10);
        CHECK(pair->now < cut_ms + 1100);
    }
    CHECK(pair->now > cut_ms + IDN_DEAD_MS - IDN_BEAT_MS);
    end();
}

static void test_without_workers_a_client_that_asks_in_vain_decides(void)
{
    begin_whole();
    ask(B, 5000); // the other one was slow then
    pair_pass(pair, 1000);
    pair_crash(pair, A);
    pair_pass(pair, 60000);
    CHECK(!reigns(B));
    ask(B, IDN_DEAD_MS - 1);
    pair_settle(pair);
    CHECK(!reigns(B));
    ask(B, IDN_DEAD_MS);
    pair_settle(pair);
    CHECK(reigns(B));
    end();
}

static void test_a_client_that_asks_in_vain_does_not_outvote_workers(void)
{
    begin_orphaned();
    for (int i = 0; i < 20; i++) {
        beat(B, 1, epoch_of(B), 0);
        ask(B, 5000);
        pair_pass(pair, 200);
    }
    CHECK(!reigns(B));
    end();
}

static void test_a_standby_that_never_heard_anybody_takes_over(void)
{
    begin();
    pair_boot(pair, B);
    pair_pass(pair, IDN_START_MS - 1);
    CHECK(!reigns(B));
    pair_pass(pair, IDN_BEAT_MS);
    CHECK(reigns(B));
    end();
}

static void test_but_not_while_a_client_may_hear_the_other(void)
{
    begin();
    pair_boot(pair, B);
    for (int i = 0; i < 20; i++) {
        ask(B, 0);
        pair_pass(pair, 900);
    }
    CHECK(!reigns(B));
    pair_pass(pair, IDN_DEAD_MS);
    CHECK(reigns(B));
    end();
}

static void test_a_learner_never_takes_over(void)
{
    begin_empty();
    pair_boot(pair, B);
    for (int i = 0; i < 100; i++) {
        beat(B, 1, (struct idn_epoch){0}, 5000);
        ask(B, 5000);
        pair_pass(pair, 500);
    }
    CHECK(!reigns(B));
    CHECK_INT(active_beats[B], 0);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_LEARNER);
    end();
}

// It has not everything yet when the other one dies: better than nobody, and both know in the end.
static void test_a_take_over_while_catching_up(void)
{
    begin();
    pair_fill(pair, A, 12, 5000, 1000);
    pair_boot(pair, A);
    pair_pass(pair, IDN_START_MS + 1000);
    CHECK(reigns(A));
    pair_submit(pair, A, 7);
    pair->side[A].hold_reads = true;
    pair_boot(pair, B);
    pair_pass(pair, 600);
    CHECK(pair_peer(pair, B).in_sight && !pair_peer(pair, B).exchanged);
    pair_crash(pair, A);
    for (int i = 0; i < 10; i++) {
        beat(B, 1, (struct idn_epoch){0}, 5000);
        pair_pass(pair, 200);
    }
    CHECK(reigns(B));
    CHECK(epoch_of(B).counter > 1);
    pair_boot(pair, A);
    pair_pass(pair, 2000);
    CHECK(reigns(B) && !reigns(A));
    CHECK(pair_is_level(pair));
    struct idn_key key = rig_key(7);
    struct idn_job_info info;
    CHECK(idn_core_job(pair->side[B].core, &key, &info));
    end();
}

// ---- stepping down

static void test_of_two_that_reign_the_lower_steps_down(void)
{
    begin_whole();
    cut(true);
    pair_pass(pair, 2000);
    ask(B, 5000);
    pair_pass(pair, 100);
    CHECK(reigns(A) && reigns(B));
    cut(false);
    pair_pass(pair, 1000);
    CHECK(!reigns(A) && reigns(B));
    CHECK_INT(epoch_of(B).counter, 3);
    CHECK(pair_is_level(pair));
    CHECK_INT(last_beat[A].role, IDN_ROLE_STANDBY);
    end();
}

static void test_most_workers_may_leave_their_broker(void)
{
    struct idn_epoch above = {5, 'b'};

    begin_whole();
    cut(true);
    pair_pass(pair, 2000);
    beat(A, 2, epoch_of(A), 0);
    beat(A, 1, above, 0);
    pair_pass(pair, 500);
    CHECK(reigns(A));
    beat(A, 3, above, 0);
    pair_settle(pair);
    CHECK(!reigns(A));
    CHECK_CONTAINS(pair->side[A].told, "most workers follow a higher epoch");
    for (int i = 0; i < 50; i++) { // as long as they hear it
        beat(A, 1, above, 0), beat(A, 2, above, 0), beat(A, 3, above, 0);
        pair_pass(pair, 200);
    }
    CHECK(!reigns(A));
    end();
}

static void test_one_stale_worker_deposes_nobody(void)
{
    struct idn_worker_message message = {.type = IDN_WORKER_STALE, .nonce = 1};

    begin_whole();
    message.u.stale.obeyed = (struct idn_epoch){9, 'b'};
    pair_step(pair, A,
        (struct idn_event){.type = IDN_EVENT_WORKER, .u.worker = {.peer = 1, .message = &message}});
    pair_pass(pair, 1000);
    CHECK(reigns(A));
    CHECK_INT(epoch_of(A).counter, 2);
    pair->side[A].core->roles.stage = IDN_STAGE_STANDBY; // but the next reign is above what it said
    pair->side[A].core->active = false;
    idn_roles_begin_reign(pair->side[A].core, 1);
    CHECK_INT(pair->side[A].core->roles.rising.counter, 10);
    end();
}

// ---- renewal

static void test_a_reign_rises_above_what_a_stray_worker_obeys(void)
{
    struct idn_epoch above = {7, 'b'};

    begin_whole();
    cut(true);
    pair_pass(pair, 2000);
    beat(A, 1, epoch_of(A), 0);
    beat(A, 2, above, IDN_DEAD_MS - 1); // it hears its broker still
    pair_settle(pair);
    CHECK_INT(epoch_of(A).counter, 2);
    pair->side[A].hold_store = true;
    beat(A, 2, above, IDN_DEAD_MS);
    pair_settle(pair);
    CHECK(reigns(A));
    CHECK_INT(epoch_of(A).counter, 2); // not before it is stored
    pair->side[A].hold_store = false;
    uint64_t facts = pair->side[A].facts;
    pair_settle(pair);
    CHECK_INT(last_beat[A].epoch.counter, 8);
    CHECK_INT(epoch_of(A).counter, 8);
    pair_pass(pair, 300);
    CHECK_INT(pair->side[A].facts, facts); // once
    end();
}

static void test_without_a_peer_a_reign_rises_as_well(void)
{
    begin_empty();
    pair->side[A].config.has_peer = false;
    pair_boot(pair, A);
    pair_settle(pair);
    CHECK_INT(epoch_of(A).counter, 1);
    beat(A, 1, (struct idn_epoch){7, 'a'}, 0); // misconfigured, but no reason to stop
    beat(A, 2, (struct idn_epoch){7, 'a'}, 0);
    pair_settle(pair);
    CHECK(reigns(A));
    beat(A, 1, (struct idn_epoch){7, 'a'}, IDN_DEAD_MS);
    pair_settle(pair);
    CHECK_INT(epoch_of(A).counter, 8);
    end();
}

static void test_an_epoch_that_cannot_be_raises_nothing(void)
{
    begin_whole();
    cut(true);
    pair_pass(pair, 2000);
    uint64_t facts = pair->side[A].facts;
    for (int i = 0; i < 10; i++) {
        beat(A, 1, (struct idn_epoch){UINT64_MAX, 'b'}, 5000);
        pair_pass(pair, 200);
    }
    CHECK_INT(pair->side[A].facts, facts);
    beat(A, 2, (struct idn_epoch){UINT64_C(1) << 48, 'b'}, 5000); // there would be none above it
    pair_pass(pair, 200);
    CHECK_INT(pair->side[A].facts, facts);
    beat(A, 1, (struct idn_epoch){7, 'b'}, 5000);
    pair_settle(pair);
    CHECK_INT(epoch_of(A).counter, 8);
    CHECK_INT(pair->side[A].facts, facts + 1);
    end();
}

// Whoever reaches the port may claim more with each beat; each renewal is a fact for ever.
static void test_claims_that_rise_renew_a_reign_now_and_then(void)
{
    begin_whole();
    cut(true);
    pair_pass(pair, 2000);
    uint64_t facts = pair->side[A].facts;
    for (int beats = 0; beats < 60 * 1000 / IDN_BEAT_MS; beats++) {
        beat(A, 1, (struct idn_epoch){epoch_of(A).counter + 1, 'b'}, IDN_DEAD_MS);
        pair_pass(pair, IDN_BEAT_MS);
    }
    CHECK(reigns(A));
    uint64_t renewals = pair->side[A].facts - facts;
    CHECK(renewals >= IDN_RENEWALS);
    CHECK(renewals <= IDN_RENEWALS + 60 * 1000 / IDN_RENEW_MS);
    end();
}

static void test_a_reign_rises_above_what_a_returning_peer_has_stored(void)
{
    begin_whole();
    pair_crash(pair, B);
    pair_pass(pair, 2000);
    store_epoch(B, 9, 'b'); // of a reign that a never heard of
    pair_boot(pair, B);
    pair_pass(pair, 500);
    CHECK(reigns(A) && !reigns(B));
    CHECK_INT(epoch_of(A).counter, 10);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_alone_it_reigns_at_once),
        CHECK_TEST(test_what_a_broker_with_a_peer_is_at_its_start),
        CHECK_TEST(test_of_two_learners_a_reigns),
        CHECK_TEST(test_of_two_equals_a_reigns),
        CHECK_TEST(test_the_higher_epoch_reigns),
        CHECK_TEST(test_it_does_not_wait_until_the_other_has_all),
        CHECK_TEST(test_nor_does_it_reign_before_it_has_all),
        CHECK_TEST(test_a_reign_is_above_all_that_workers_obey),
        CHECK_TEST(test_a_reign_is_nobodys_before_it_is_stored),
        CHECK_TEST(test_votes_count_for_nothing_while_the_link_is_up),
        CHECK_TEST(test_nor_while_it_catches_up),
        CHECK_TEST(test_more_than_half_of_the_workers_must_miss_the_active),
        CHECK_TEST(test_the_link_must_have_been_silent_for_as_long),
        CHECK_TEST(test_without_workers_a_client_that_asks_in_vain_decides),
        CHECK_TEST(test_a_client_that_asks_in_vain_does_not_outvote_workers),
        CHECK_TEST(test_a_standby_that_never_heard_anybody_takes_over),
        CHECK_TEST(test_but_not_while_a_client_may_hear_the_other),
        CHECK_TEST(test_a_learner_never_takes_over),
        CHECK_TEST(test_a_take_over_while_catching_up),
        CHECK_TEST(test_of_two_that_reign_the_lower_steps_down),
        CHECK_TEST(test_most_workers_may_leave_their_broker),
        CHECK_TEST(test_one_stale_worker_deposes_nobody),
        CHECK_TEST(test_a_reign_rises_above_what_a_stray_worker_obeys),
        CHECK_TEST(test_without_a_peer_a_reign_rises_as_well),
        CHECK_TEST(test_an_epoch_that_cannot_be_raises_nothing),
        CHECK_TEST(test_claims_that_rise_renew_a_reign_now_and_then),
        CHECK_TEST(test_a_reign_rises_above_what_a_returning_peer_has_stored),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
