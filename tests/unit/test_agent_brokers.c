// The agent core between two brokers: which one is obeyed, what is kept over a take-over, how long
// the active was silent.
#include "tests/lib/agent_rig.h"

static void start(void)
{
    rig_new_stopped(2);
    rig_step((struct idn_agent_event){.type = IDN_AGENT_START});
    rig_ready_class(5);
}

static struct idn_agent_view look(void)
{
    struct idn_agent_view view;

    idn_agent_look(rig.agent, &view);
    return view;
}

// An order of broker 0 or 1 in its reign of this counter.
static struct idn_order order_of(uint32_t broker, uint64_t counter, uint32_t type)
{
    struct idn_order order = rig_an_order(type);

    order.epoch = (struct idn_epoch){.counter = counter, .broker = 'a' + broker};
    if (type == IDN_ORDER_WELCOME)
        order.u.welcome.version = 1, order.u.welcome.beat_ms = IDN_BEAT_MS;
    return order;
}

static void welcome(uint32_t broker, uint64_t counter, uint64_t acknowledged)
{
    struct idn_order order = order_of(broker, counter, IDN_ORDER_WELCOME);

    order.u.welcome.acknowledged = acknowledged;
    rig_order(broker, &order);
}

// At work for broker 0 in epoch 1, two leases, reports 1 and 2 not acknowledged.
static void work(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    welcome(0, 1, 0);
    rig_lease(1, 0, 100);
    rig_lease(2, 500, 100);
    CHECK(rig_compute(1000));
    rig_tick(IDN_REPORT_MS);
    CHECK(rig_compute(1000));
    rig_tick(IDN_REPORT_MS);
    CHECK_INT(look().reports, 2);
}

// The message of this type that the last step sent to this broker, and to no other.
static const struct idn_worker_message *sent_to(uint32_t broker, uint32_t type)
{
    struct idn_agent_actions actions = idn_agent_actions(rig.agent);
    const struct idn_worker_message *found = NULL;

    for (size_t i = 0; i < actions.count; i++) {
        const struct idn_agent_action *action = &actions.item[i];
        if (action->type != IDN_AGENT_SEND || action->u.send.message->type != type)
            continue;
        CHECK_INT(action->u.send.broker, broker);
        found = found != NULL ? found : action->u.send.message;
    }
    CHECK(found != NULL);
    return found;
}

// ---- which one

static void test_obeys_the_highest_epoch(void)
{
    start();
    rig_beat(0, 100, 3, IDN_ROLE_ALONE);
    rig_beat(1, 200, 2, IDN_ROLE_ALONE); // an older reign elsewhere
    struct idn_agent_view view;
    idn_agent_look(rig.agent, &view);
    CHECK_INT(view.broker, 0);
    rig_beat(1, 200, 4, IDN_ROLE_ALONE);
    idn_agent_look(rig.agent, &view);
    CHECK_INT(view.broker, 1);
    CHECK_INT(rig_act(IDN_AGENT_SEND)->u.send.broker, 1);
    CHECK_INT(rig_act(IDN_AGENT_SEND)->u.send.message->type, IDN_WORKER_HELLO);
    rig_tick(200);
    rig_beat(0, 100, 3, IDN_ROLE_ALONE); // the lower one is not heard as the active
    rig_tick(IDN_BEAT_MS);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.active_silent_ms, 200 + IDN_BEAT_MS);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.obeyed.counter, 4);
}

static void test_a_lower_epochs_order_is_answered_stale(void)
{
    start();
    rig_beat(1, 200, 4, IDN_ROLE_ALONE);
    struct idn_order order = rig_a_lease(1, 0, 10); // epoch 1
    rig_order(0, &order);
    const struct idn_worker_message *stale = rig_sent(IDN_WORKER_STALE, 0);
    CHECK(stale != NULL);
    CHECK_INT(stale->u.stale.obeyed.counter, 4);
    CHECK_INT(rig_act(IDN_AGENT_SEND)->u.send.broker, 0);
    struct idn_agent_view view;
    idn_agent_look(rig.agent, &view);
    CHECK_INT(view.leases, 0);
}

static void test_a_higher_epochs_order_is_obeyed(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    struct idn_order order = rig_an_order(IDN_ORDER_HELLO_AGAIN);
    order.epoch = (struct idn_epoch){.counter = 2, .broker = 'b'};
    rig_order(1, &order);
    CHECK_INT(rig_act(IDN_AGENT_SEND)->u.send.broker, 1);
    CHECK_INT(rig_act(IDN_AGENT_SEND)->u.send.message->type, IDN_WORKER_HELLO);
}

// A delayed beat of a dead reign, a broker that lost its state: the epoch obeyed never decreases.
static void test_the_epoch_obeyed_never_decreases(void)
{
    start();
    rig_beat(0, 100, 7, IDN_ROLE_ALONE);
    rig_beat(0, 101, 1, IDN_ROLE_ALONE); // restarted, its state lost
    CHECK_INT(look().epoch.counter, 7);
    rig_beat(0, 101, 1, IDN_ROLE_ALONE);
    CHECK_INT(look().epoch.counter, 7);
    rig_tick(IDN_DEAD_MS + 1);
    CHECK(look().silent);                // it is not the one that we obey
    rig_beat(0, 101, 8, IDN_ROLE_ALONE); // it has heard of the reign that we obeyed
    CHECK_INT(look().epoch.counter, 8);
    CHECK(sent_to(0, IDN_WORKER_HELLO) != NULL);
}

static void test_the_letter_decides_between_equal_counters(void)
{
    start();
    rig_beat(1, 200, 4, IDN_ROLE_ALONE);
    rig_beat(0, 100, 4, IDN_ROLE_ALONE);
    CHECK_INT(look().broker, 1);
    rig_beat(0, 100, 5, IDN_ROLE_ALONE);
    CHECK_INT(look().broker, 0);
}

static void beat_of(uint32_t broker, uint64_t sequence, uint32_t role)
{
    struct idn_broker_beat beat = {.name = "broker",
        .incarnation = 100,
        .sequence = sequence,
        .epoch = {.counter = 1, .broker = 'a'},
        .role = role,
        .beat_ms = IDN_BEAT_MS};

    rig_step((struct idn_agent_event){
        .type = IDN_AGENT_BROKER_BEAT, .u.beat = {.broker = broker, .beat = &beat}});
}

static void test_late_and_repeated_beats_are_no_sign_of_life(void)
{
    start();
    beat_of(0, 10, IDN_ROLE_ALONE);
    rig_tick(IDN_DEAD_MS);
    beat_of(0, 10, IDN_ROLE_ALONE);
    beat_of(0, 9, IDN_ROLE_ALONE);
    rig_tick(1);
    CHECK(look().silent);
    beat_of(0, 11, IDN_ROLE_ALONE);
    CHECK(!look().silent);
    beat_of(0, 13, IDN_ROLE_STANDBY); // it has stepped down
    rig_tick(IDN_DEAD_MS);
    beat_of(0, 12, IDN_ROLE_ALONE); // said before that
    rig_tick(1);
    CHECK(look().silent);
}

static void test_an_acknowledgement_of_a_lower_reign_counts_for_nothing(void)
{
    work();
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    struct idn_order ack = order_of(0, 1, IDN_ORDER_ACK);
    ack.u.ack.number = 2;
    rig_order(0, &ack);
    CHECK_INT(sent_to(0, IDN_WORKER_STALE)->u.stale.obeyed.counter, 2);
    CHECK_INT(look().reports, 2);
}

static void test_a_refusal_of_the_other_broker_is_no_reason_to_leave(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    struct idn_order refused = order_of(1, 0, IDN_ORDER_REFUSED);
    refused.u.refused.code = IDN_REFUSED_NAME_IN_USE;
    for (int i = 0; i < 60; i++) {
        rig_pass(100);
        rig_order(1, &refused);
        CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    }
}

// ---- what is kept

static void check_hello_of_work(const struct idn_worker_message *hello)
{
    CHECK_INT(hello->u.hello.reports_from, 1);
    CHECK_INT(hello->u.hello.leases, 2);
    CHECK(idn_lease_equal(hello->u.hello.lease[0].id, rig_id(1)));
    CHECK_INT(hello->u.hello.lease[0].spec_hash, 1001);
    CHECK_INT(hello->u.hello.lease[0].job.bytes[0], 1);
    CHECK_INT(hello->u.hello.lease[0].count, 100);
    CHECK_INT(hello->u.hello.lease[0].done, 4);
    CHECK(idn_lease_equal(hello->u.hello.lease[1].id, rig_id(2)));
    CHECK_INT(hello->u.hello.lease[1].spec_hash, 1002);
    CHECK_INT(hello->u.hello.lease[1].done, 0);
}

static void test_a_new_reign_is_told_at_once_what_is_held(void)
{
    work();
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    check_hello_of_work(sent_to(1, IDN_WORKER_HELLO));
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL); // not before it knows us
    welcome(1, 2, 0);
    CHECK_INT(sent_to(1, IDN_WORKER_REPORT)->u.report.number, 1);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 1)->u.report.number, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.spec_hash, 1001);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.lease.epoch.counter, 1);
}

static void test_a_new_reign_of_the_same_broker_likewise(void)
{
    work();
    rig_beat(0, 101, 2, IDN_ROLE_ALONE);
    check_hello_of_work(sent_to(0, IDN_WORKER_HELLO));
}

// The new active knows from the mirror what was stored.
static void test_a_new_reign_says_what_it_has(void)
{
    work();
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    welcome(1, 2, 1);
    CHECK_INT(look().reports, 1);
    CHECK_INT(sent_to(1, IDN_WORKER_REPORT)->u.report.number, 2);
}

// Nobody reigns for a while: the child goes on, and what it gives is kept.
static void test_work_goes_on_while_nobody_reigns(void)
{
    work();
    rig_tick(IDN_DEAD_MS + 1);
    CHECK(look().silent);
    uint64_t before = look().images_done;
    while (rig_compute(1000))
        rig_tick(IDN_REPORT_MS);
    CHECK_INT(look().images_done, 200);
    CHECK(before < 200 && look().reports >= 4);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL); // to whom?
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    CHECK_INT(sent_to(1, IDN_WORKER_HELLO)->u.hello.leases, 0);
    welcome(1, 2, 0);
    CHECK_INT(sent_to(1, IDN_WORKER_REPORT)->u.report.number, 1);
}

static void test_a_new_reign_may_take_back_a_lease_of_the_old_one(void)
{
    work();
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    welcome(1, 2, 2);
    struct idn_order trim = order_of(1, 2, IDN_ORDER_TRIM);
    trim.u.trim.id = rig_id(2);
    rig_order(1, &trim);
    CHECK_INT(sent_to(1, IDN_WORKER_TRIMMED)->u.trimmed.kept, 0);
    CHECK_INT(look().leases, 1);
}

// ---- leaving

static void drain(void)
{
    rig_step((struct idn_agent_event){.type = IDN_AGENT_DRAIN});
}

static void test_goodbye_is_said_to_the_obeyed_one(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    welcome(1, 2, 0);
    drain();
    CHECK(sent_to(1, IDN_WORKER_GOODBYE) != NULL);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
}

// The broker dies while we leave: what we computed goes to the next one.
static void test_a_drain_outlives_a_take_over(void)
{
    work();
    for (uint32_t i = 0; i < rig_queue.count; i++)
        rig_given(rig_queue.item[i].serial);
    drain();
    while (rig_compute(1000))
        continue;
    rig_tick(IDN_DEAD_MS + 1);
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    uint64_t reports = look().reports;
    CHECK(reports > 2);
    rig_beat(1, 200, 2, IDN_ROLE_ALONE);
    CHECK(sent_to(1, IDN_WORKER_HELLO) != NULL);
    welcome(1, 2, 0);
    CHECK_INT(sent_to(1, IDN_WORKER_REPORT)->u.report.number, 1);
    struct idn_order ack = order_of(1, 2, IDN_ORDER_ACK);
    ack.u.ack.number = reports;
    rig_order(1, &ack);
    CHECK(sent_to(1, IDN_WORKER_GOODBYE) != NULL);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
}

// ---- how long the active was silent: what a standby counts votes by

// By the next beat.
static uint64_t silent_ms(void)
{
    uint64_t now = rig.now, at = idn_agent_deadline(rig.agent);

    while (rig_find(IDN_AGENT_BEAT) == NULL) {
        rig_tick(at > rig.now ? at - rig.now : 0);
        at = idn_agent_deadline(rig.agent);
    }
    CHECK(rig.now <= now + IDN_BEAT_MS);
    return rig_act(IDN_AGENT_BEAT)->u.beat.active_silent_ms + now - rig.now;
}

static void test_before_any_active_was_heard_silence_counts_from_the_start(void)
{
    start();
    rig_tick(700);
    rig_beat(0, 100, 1, IDN_ROLE_STANDBY);
    rig_beat(1, 200, 3, IDN_ROLE_LEARNER);
    CHECK_INT(silent_ms(), 700);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.obeyed.counter, 0);
    rig_beat(1, 200, 3, IDN_ROLE_ACTIVE);
    CHECK_INT(silent_ms(), 0);
}

static void test_a_standby_is_not_the_active(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    rig_tick(300);
    rig_beat(1, 200, 1, IDN_ROLE_STANDBY);
    rig_beat(0, 100, 1, IDN_ROLE_STANDBY); // stepped down, and who reigns now is not heard
    CHECK_INT(silent_ms(), 300);
}

static void test_orders_are_signs_of_life(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    rig_tick(300);
    welcome(0, 1, 0);
    CHECK_INT(silent_ms(), 0);
}

// Nobody was heard while we could not listen: that says nothing about the active.
static void test_our_own_stall_is_nobodys_silence(void)
{
    start();
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    rig_tick(300);
    rig.now += 5000;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled.ms = 5000});
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.active_silent_ms, 300);
    rig_tick(IDN_DEAD_MS - 300);
    CHECK(!look().silent);
    rig_tick(1);
    CHECK(look().silent);
}

static void test_a_stall_before_anybody_was_heard_likewise(void)
{
    start();
    rig_tick(300);
    rig.now += 5000;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled.ms = 5000});
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.active_silent_ms, 300);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_obeys_the_highest_epoch),
        CHECK_TEST(test_a_lower_epochs_order_is_answered_stale),
        CHECK_TEST(test_a_higher_epochs_order_is_obeyed),
        CHECK_TEST(test_the_epoch_obeyed_never_decreases),
        CHECK_TEST(test_the_letter_decides_between_equal_counters),
        CHECK_TEST(test_late_and_repeated_beats_are_no_sign_of_life),
        CHECK_TEST(test_an_acknowledgement_of_a_lower_reign_counts_for_nothing),
        CHECK_TEST(test_a_refusal_of_the_other_broker_is_no_reason_to_leave),
        CHECK_TEST(test_a_new_reign_is_told_at_once_what_is_held),
        CHECK_TEST(test_a_new_reign_of_the_same_broker_likewise),
        CHECK_TEST(test_a_new_reign_says_what_it_has),
        CHECK_TEST(test_work_goes_on_while_nobody_reigns),
        CHECK_TEST(test_a_new_reign_may_take_back_a_lease_of_the_old_one),
        CHECK_TEST(test_goodbye_is_said_to_the_obeyed_one),
        CHECK_TEST(test_a_drain_outlives_a_take_over),
        CHECK_TEST(test_before_any_active_was_heard_silence_counts_from_the_start),
        CHECK_TEST(test_a_standby_is_not_the_active),
        CHECK_TEST(test_orders_are_signs_of_life),
        CHECK_TEST(test_our_own_stall_is_nobodys_silence),
        CHECK_TEST(test_a_stall_before_anybody_was_heard_likewise),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
