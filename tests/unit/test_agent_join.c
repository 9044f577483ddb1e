// The agent core: which broker is obeyed, hello and welcome, beats, drain.
#include "tests/lib/agent_rig.h"

static void start(uint32_t brokers)
{
    rig_new_stopped(brokers);
    rig_step((struct idn_agent_event){.type = IDN_AGENT_START});
}

static void test_start_starts_the_child_and_beats(void)
{
    start(1);
    CHECK(rig_find(IDN_AGENT_START_CHILD) != NULL);
    const struct idn_agent_action *beat = rig_find(IDN_AGENT_BEAT);
    CHECK(beat != NULL);
    CHECK_STRING(beat->u.beat.name, "host/0");
    CHECK_INT(beat->u.beat.nonce, RIG_NONCE);
    CHECK_INT(beat->u.beat.sequence, 1);
    CHECK_INT(idn_agent_deadline(rig.agent), rig.now + IDN_BEAT_MS);
    rig_tick(IDN_BEAT_MS - 1);
    CHECK(rig_find(IDN_AGENT_BEAT) == NULL);
    rig_tick(1);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.sequence, 2);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.active_silent_ms, IDN_BEAT_MS);
}

static void test_hello_waits_for_class_and_active(void)
{
    start(1);
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL); // the class is not known
    rig_ready_class(5);
    const struct idn_worker_message *hello = rig_sent(IDN_WORKER_HELLO, 0);
    CHECK(hello != NULL);
    CHECK_STRING(hello->u.hello.name, "host/0");
    CHECK_STRING(hello->u.hello.class_name, "replay");
    CHECK_INT(hello->u.hello.class_hash, 5);
    CHECK_INT(hello->u.hello.models, 2);
    CHECK_STRING(hello->u.hello.model[1].name, "m1");
    CHECK_INT(hello->u.hello.reports_from, 1);
    CHECK_INT(hello->u.hello.leases, 0);

    start(1);
    rig_ready_class(5);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL); // no active was heard
    rig_beat(0, 100, 1, IDN_ROLE_STANDBY);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

static void test_hello_is_repeated_until_welcome(void)
{
    start(1);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    rig_tick(499);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    CHECK_INT(idn_agent_deadline(rig.agent), rig.now + 1);
    rig_tick(1);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
    rig_welcome(0);
    rig_pass(3000);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    struct idn_agent_view view;
    idn_agent_look(rig.agent, &view);
    CHECK(view.obeys && view.welcomed);
}

static void test_welcome_of_another_boot_is_ignored(void)
{
    start(1);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ACTIVE);
    struct idn_order order = rig_an_order(IDN_ORDER_WELCOME);
    order.u.welcome.version = 1;
    order.nonce = RIG_NONCE + 1;
    rig_order(0, &order);
    rig_tick(500);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

static void test_hello_again_when_asked(void)
{
    rig_new();
    struct idn_order order = rig_an_order(IDN_ORDER_HELLO_AGAIN);
    rig_order(0, &order);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

static void test_hello_again_after_silence(void)
{
    rig_new();
    rig_tick(IDN_DEAD_MS + 1);
    struct idn_agent_view view;
    idn_agent_look(rig.agent, &view);
    CHECK(!view.welcomed);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL); // nobody is there
    rig_tick(5000);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

// The broker beats, but its orders may go to a connection that is no more.
static void test_hello_again_when_idle_and_no_order_comes(void)
{
    struct idn_agent_view view;
    unsigned hellos = 0;

    rig_new();
    for (int i = 0; i < 110; i++) {
        rig_pass(100);
        hellos += rig_sent(IDN_WORKER_HELLO, 0) != NULL;
        idn_agent_look(rig.agent, &view);
        CHECK(view.welcomed);
    }
    CHECK_INT(hellos, 2);
    rig_lease(1, 0, 100); // who works reports, and is heard
    for (int i = 0; i < 110; i++) {
        rig_pass(100);
        CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    }
}

static void test_hello_again_to_a_new_incarnation(void)
{
    rig_new();
    rig_beat(0, 101, 2, IDN_ROLE_ALONE);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

static void refuse(uint32_t code, const char *text)
{
    struct idn_order order = rig_an_order(IDN_ORDER_REFUSED);

    order.u.refused.code = code;
    memcpy(order.u.refused.text, text, strlen(text) + 1);
    rig_order(0, &order);
}

static void test_refused_for_long_is_the_end(void)
{
    start(1);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    refuse(IDN_REFUSED_NAME_IN_USE, "name host/0 is in use");
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_pass(4900);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL || rig_find(IDN_AGENT_EXIT) == NULL);
    refuse(IDN_REFUSED_NAME_IN_USE, "name host/0 is in use");
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_pass(100);
    refuse(IDN_REFUSED_NAME_IN_USE, "name host/0 is in use");
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
    CHECK_STRING(rig_act(IDN_AGENT_EXIT)->u.text, "name host/0 is in use");
}

static void test_a_refusal_that_passes_is_forgotten(void)
{
    start(1);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    refuse(IDN_REFUSED_NAME_IN_USE, "in use");
    rig_pass(1000);
    rig_welcome(0);
    rig_pass(6000);
    struct idn_order order = rig_an_order(IDN_ORDER_HELLO_AGAIN);
    rig_order(0, &order);
    refuse(IDN_REFUSED_NAME_IN_USE, "in use");
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
}

// A report that the broker cannot read would be sent for ever; other refused messages are nothing.
static void test_a_report_refused_for_long_is_the_end(void)
{
    rig_new();
    refuse(IDN_REFUSED_MALFORMED, "none of a report");
    rig_pass(5000);
    rig_lease(1, 0, 100);
    CHECK(rig_compute(1000));
    refuse(IDN_REFUSED_MALFORMED, "rows hold one that is no result");
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_pass(4900);
    rig_acknowledge(1); // it was another message
    CHECK(rig_compute(1000));
    rig_pass(100);
    refuse(IDN_REFUSED_MALFORMED, "rows hold one that is no result");
    rig_pass(4900);
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_pass(100);
    refuse(IDN_REFUSED_MALFORMED, "rows hold one that is no result");
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
    CHECK_CONTAINS(rig_act(IDN_AGENT_EXIT)->u.text, "no result");
}

static void test_an_unspoken_version_is_the_end(void)
{
    start(1);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    struct idn_order order = rig_an_order(IDN_ORDER_WELCOME);
    order.u.welcome.version = IDN_PROTOCOL_HIGHEST + 1;
    rig_order(0, &order);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
    CHECK_CONTAINS(rig_act(IDN_AGENT_EXIT)->u.text, "version");
}

static void test_beat_interval_is_the_brokers(void)
{
    rig_new();
    struct idn_order order = rig_an_order(IDN_ORDER_WELCOME);
    order.u.welcome.version = 1;
    order.u.welcome.beat_ms = 400;
    rig_order(0, &order);
    rig_tick(200); // the one planned before
    CHECK(rig_find(IDN_AGENT_BEAT) != NULL);
    rig_tick(399);
    CHECK(rig_find(IDN_AGENT_BEAT) == NULL);
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_BEAT) != NULL);
}

static void test_own_stall_is_not_the_brokers_silence(void)
{
    rig_new();
    rig.now += 900;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled.ms = 900});
    rig_tick(500);
    struct idn_agent_view view;
    idn_agent_look(rig.agent, &view);
    CHECK(view.welcomed);
    // Stalled for so long that the broker has buried us: say so.
    rig.now += 2000;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled.ms = 2000});
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) != NULL);
}

static void drain(void)
{
    rig_step((struct idn_agent_event){.type = IDN_AGENT_DRAIN});
}

static void test_drain_of_an_idle_worker_says_goodbye(void)
{
    rig_new();
    drain();
    CHECK(rig_sent(IDN_WORKER_GOODBYE, 0) != NULL);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
    CHECK_STRING(rig_act(IDN_AGENT_EXIT)->u.text, "");
    CHECK_INT((int64_t)idn_agent_deadline(rig.agent), -1); // UINT64_MAX: it is over
}

static void test_drain_finishes_what_is_in_the_child(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    const struct idn_agent_action *slice = rig_find(IDN_AGENT_SLICE);
    uint64_t serial = slice->u.slice.slice;
    CHECK_INT(slice->u.slice.count, 2);
    rig_given(serial);
    drain();
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_rows(serial, 0, 2, 1000);
    CHECK(rig_find(IDN_AGENT_SLICE) == NULL); // no further one
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 2);
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL); // not acknowledged
    rig_acknowledge(1);
    CHECK(rig_sent(IDN_WORKER_GOODBYE, 0) != NULL);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
}

static void test_drain_does_not_wait_for_ever(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    uint64_t serial = rig_act(IDN_AGENT_SLICE)->u.slice.slice;
    rig_given(serial);
    drain();
    rig_rows(serial, 0, 2, 1000);
    rig_pass(4999);
    CHECK(rig_find(IDN_AGENT_EXIT) == NULL);
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
}

static void test_drain_voids_what_the_child_was_not_given(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    CHECK(rig_find(IDN_AGENT_SLICE) != NULL); // its model is being loaded, say
    drain();
    CHECK(rig_find(IDN_AGENT_EXIT) != NULL);
}

static void test_class_hash(void)
{
    CHECK(idn_class_hash("") == 0xcbf29ce484222325u);
    CHECK(idn_class_hash("a") == 0xaf63dc4c8601ec8cu); // FNV's published vectors
    CHECK(idn_class_hash("foobar") == 0x85944171f73967e8u);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_start_starts_the_child_and_beats),
        CHECK_TEST(test_hello_waits_for_class_and_active),
        CHECK_TEST(test_hello_is_repeated_until_welcome),
        CHECK_TEST(test_welcome_of_another_boot_is_ignored),
        CHECK_TEST(test_hello_again_when_asked),
        CHECK_TEST(test_hello_again_after_silence),
        CHECK_TEST(test_hello_again_when_idle_and_no_order_comes),
        CHECK_TEST(test_hello_again_to_a_new_incarnation),
        CHECK_TEST(test_refused_for_long_is_the_end),
        CHECK_TEST(test_a_refusal_that_passes_is_forgotten),
        CHECK_TEST(test_a_report_refused_for_long_is_the_end),
        CHECK_TEST(test_an_unspoken_version_is_the_end),
        CHECK_TEST(test_beat_interval_is_the_brokers),
        CHECK_TEST(test_own_stall_is_not_the_brokers_silence),
        CHECK_TEST(test_drain_of_an_idle_worker_says_goodbye),
        CHECK_TEST(test_drain_finishes_what_is_in_the_child),
        CHECK_TEST(test_drain_does_not_wait_for_ever),
        CHECK_TEST(test_drain_voids_what_the_child_was_not_given),
        CHECK_TEST(test_class_hash),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
