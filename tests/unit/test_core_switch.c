// What an operator asks of two brokers: SWITCH and BOOTSTRAP.
#include "broker/core/roles.h"
#include "tests/unit/reign_kit.h"

// ---- SWITCH

static void test_a_switch_hands_the_reign_over(void)
{
    begin();
    hello(A, 1);
    pair_settle(pair);
    request_of(A, IDN_REQUEST_SWITCH, 77);
    CHECK_INT(pair->side[A].replies, 0);
    pair_settle(pair);
    CHECK(!reigns(A) && reigns(B));
    CHECK_INT(reply_of(A)->type, IDN_REPLY_ACCEPTED);
    CHECK_INT(reply_of(A)->id, 77);
    CHECK_INT(idn_roles_epoch(core_of(B)).counter, 3);
    pair_pass(pair, 1000);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_ACTIVE);
    // Its client did not get the answer, and asks one or the other again: it is done.
    for (int which = A; which <= B; which++) {
        pair_clear(pair);
        request_of(which, IDN_REQUEST_SWITCH, 77);
        CHECK_INT(reply_of(which)->type, IDN_REPLY_ACCEPTED);
        pair_pass(pair, 100);
        CHECK(!reigns(A) && reigns(B));
    }
    request_of(B, IDN_REQUEST_SWITCH, 78);
    pair_settle(pair);
    CHECK(reigns(A) && !reigns(B));
    end();
}

static void test_a_switch_needs_a_standby_in_sync(void)
{
    begin();
    request_of(B, IDN_REQUEST_SWITCH, 0);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "this broker is the standby; ask a");
    (void)snprintf(pair->side[B].config.peer_address, IDN_NAME_SIZE, "10.0.0.1:5570");
    pair_boot(pair, B);
    pair_pass(pair, 500);
    request_of(B, IDN_REQUEST_SWITCH, 0);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "this broker is the standby; ask a at 10.0.0.1:5570");
    cut(true);
    pair_pass(pair, 1200);
    request_of(A, IDN_REQUEST_SWITCH, 0);
    check_refused(A, IDN_REFUSED_NO_MIRROR, "out of sight");
    begin_empty();
    pair->side[A].config.has_peer = false;
    pair_boot(pair, A);
    pair_settle(pair);
    request_of(A, IDN_REQUEST_SWITCH, 0);
    check_refused(A, IDN_REFUSED_NO_MIRROR, "no other broker is configured (cluster/b)");
    end();
}

// While it waits for the standby's last acknowledgement nothing new is begun or committed.
static void test_nothing_begins_while_the_reign_is_handed_over(void)
{
    begin();
    hello(A, 1);
    pair_submit(pair, A, 7);
    pair_settle(pair);
    struct idn_order lease = lease_of(A);
    pair->side[B].hold_store = true;
    pair_submit(pair, A, 8);
    pair_submit(pair, A, 10); // nobody has it yet
    pair_settle(pair);
    pair_clear(pair);
    uint64_t facts = pair->side[A].facts;
    request_of(A, IDN_REQUEST_SWITCH, 77);
    request_of(A, IDN_REQUEST_SWITCH, 78);
    check_refused(A, IDN_REFUSED_SLOW_DOWN, "being handed over already");
    pair_submit(pair, A, 9);
    check_refused(A, IDN_REFUSED_NOT_ACTIVE, "this broker is handing its reign over; ask b");
    struct idn_worker_message *report =
        rig_report(&pair->names, 1, 1, &lease, lease.u.lease.first, 5, IDN_END_NONE);
    report->u.report.spec_hash = lease.u.lease.spec_hash;
    say(A, 1, report);
    hello(A, 2);
    CHECK_INT(first_reason(A, 8), IDN_WHY_HANDING_OVER);
    pair_pass(pair, 300);
    CHECK_INT(pair->side[A].facts, facts);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 0);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_HANDOVER], 0);
    pair->side[B].hold_store = false;
    pair_pass(pair, 300);
    CHECK_INT(pair->side[A].sent[IDN_MIRROR_HANDOVER], 1);
    CHECK(reigns(B) && !reigns(A));
    CHECK(pair_accepted(pair, A, 8) != NULL); // stored by both before
    end();
}

static void test_a_switch_ends_when_the_standby_falls_behind(void)
{
    begin();
    pair->side[B].hold_store = true;
    pair_submit(pair, A, 7);
    pair_settle(pair);
    request_of(A, IDN_REQUEST_SWITCH, 0);
    pair_pass(pair, IDN_MIRROR_LAG_MS + 100);
    CHECK(pair_accepted(pair, A, 7) != NULL); // by itself
    pair->side[A].replies--;
    check_refused(A, IDN_REFUSED_NO_MIRROR, "fell behind or out of sight: this one goes on");
    hello(A, 1);
    pair_settle(pair);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 1);
    CHECK_INT(core_of(A)->roles.stage, IDN_STAGE_REIGNING);
    end();
}

static void test_a_switch_without_an_answer_ends(void)
{
    begin();
    request_of(A, IDN_REQUEST_SWITCH, 0);
    pair_crash(pair, B); // HANDOVER is on its way
    pair_pass(pair, IDN_HANDOVER_MS - 1);
    CHECK_INT(core_of(A)->roles.stage, IDN_STAGE_YIELDING);
    pair_pass(pair, 1);
    check_refused(A, IDN_REFUSED_NO_MIRROR, "did not take over in time");
    CHECK_INT(core_of(A)->roles.stage, IDN_STAGE_REIGNING);
    end();
}

// ---- STATUS

static double rate_of(int which)
{
    struct idn_reply reply = answer(which, (struct idn_request){.type = IDN_REQUEST_STATUS});

    CHECK_INT(reply.type, IDN_REPLY_STATUS);
    return reply.u.status.images_per_s;
}

// What was reported to the other broker is no work of this one's, whenever it gets to know it.
static void test_copied_results_are_nobodys_speed(void)
{
    begin();
    hello(A, 1);
    pair_submit(pair, A, 7);
    pair_settle(pair);
    struct idn_order lease = lease_of(A);
    say(A, 1, rig_report(&pair->names, 1, 1, &lease, lease.u.lease.first, 5, IDN_END_NONE));
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    CHECK(rate_of(A) > 0);
    CHECK(rate_of(B) <= 0);
    request_of(A, IDN_REQUEST_SWITCH, 77);
    pair_settle(pair);
    CHECK(reigns(B));
    CHECK(rate_of(B) <= 0);
    end();
}

// ---- BOOTSTRAP

static void test_a_learner_reigns_when_the_operator_says_so(void)
{
    begin_empty();
    pair_boot(pair, B);
    pair_pass(pair, 3000);
    pair_submit(pair, B, 7);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "idunno-ctl bootstrap");
    pair->side[B].hold_store = true;
    pair_clear(pair);
    request_of(B, IDN_REQUEST_BOOTSTRAP, 5);
    pair_settle(pair);
    CHECK_INT(pair->side[B].replies, 0);
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK_INT(reply_of(B)->type, IDN_REPLY_ACCEPTED);
    CHECK(reigns(B));
    request_of(B, IDN_REQUEST_BOOTSTRAP, 5); // the reply was lost
    CHECK_INT(reply_of(B)->type, IDN_REPLY_ACCEPTED);
    end();
}

static void test_only_a_learner_that_sees_nobody_can_be_told_to(void)
{
    begin();
    request_of(B, IDN_REQUEST_BOOTSTRAP, 0);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "this broker is the standby");
    cut(true);
    pair_pass(pair, 1500);
    request_of(B, IDN_REQUEST_BOOTSTRAP, 0);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "does not hear a");
    begin_empty();
    pair_fill(pair, A, 11, 3, 100);
    pair_boot(pair, A), pair_boot(pair, B);
    pair->side[A].hold_reads = true;
    pair_pass(pair, 500);
    CHECK_INT(pair_role(pair, B), IDN_ROLE_LEARNER);
    request_of(B, IDN_REQUEST_BOOTSTRAP, 0);
    check_refused(B, IDN_REFUSED_NOT_ACTIVE, "this broker is learning what a knows");
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_switch_hands_the_reign_over),
        CHECK_TEST(test_a_switch_needs_a_standby_in_sync),
        CHECK_TEST(test_nothing_begins_while_the_reign_is_handed_over),
        CHECK_TEST(test_a_switch_ends_when_the_standby_falls_behind),
        CHECK_TEST(test_a_switch_without_an_answer_ends),
        CHECK_TEST(test_copied_results_are_nobodys_speed),
        CHECK_TEST(test_a_learner_reigns_when_the_operator_says_so),
        CHECK_TEST(test_only_a_learner_that_sees_nobody_can_be_told_to),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
