// The broker core from a job's acceptance to its end, with hand-made messages.
#include "tests/lib/core_rig.h"

static void test_default_core_fits_its_budget(void)
{
    struct idn_core_config config = {.broker = "b",
        .letter = 'a',
        .has_peer = true,
        .models = IDN_MODELS_MAX,
        .datasets = IDN_DATASETS_MAX};
    size_t bytes = idn_core_bytes(&config);

    CHECK(bytes <= 256u << 20);
    CHECK(bytes > 128u << 20);
}

static void test_a_job_from_submit_to_finish(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    CHECK(rig_order(rig, 1, IDN_ORDER_WELCOME) != NULL);
    rig_submit(rig, 7, "alexnet", 5, 8);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    const struct idn_order *order = rig_order(rig, 1, IDN_ORDER_LEASE);
    CHECK(order != NULL);
    struct idn_order lease = *order;
    CHECK_INT(lease.u.lease.first, 5);
    CHECK_INT(lease.u.lease.count, 4);
    CHECK_INT(lease.u.lease.first_slice, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 5, 4, IDN_END_DONE));
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_ACK)->u.ack.number, 1);
    struct idn_job_info job = rig_job(rig, 7);
    CHECK_INT(job.state, IDN_JOB_FINISHED);
    CHECK_INT(job.ok, 4);
    CHECK_INT(rig->summaries, 1);
    CHECK(idn_digest_equal(&rig->summary[0].digest, &job.digest));
    rig_destroy(rig);
}

static void test_leases_keep_to_tasks(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 7, "alexnet", 3, 30);
    for (unsigned n = 1; n <= 3; n++) {
        rig_hello(rig, n);
        CHECK_INT(rig_order(rig, n, IDN_ORDER_LEASE)->u.lease.first, 3 + 10 * (n - 1));
    }
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_LEASE)->u.lease.count, 10);
    CHECK_INT(rig_order(rig, 3, IDN_ORDER_LEASE)->u.lease.count, 8);
    rig_destroy(rig);
}

// It beats, but no order reaches it, until its next word shows the way.
static void test_an_unreachable_worker_gets_nothing(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {1}});
    rig_beat(rig, 1, (struct idn_lease_id){0});
    rig_submit(rig, 7, "alexnet", 0, 9);
    CHECK(rig_order(rig, 0, IDN_ORDER_LEASE) == NULL);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER,
                      .u.worker = {.peer = 11, .message = rig_hello_message(rig, 1)}});
    CHECK(rig_order(rig, 11, IDN_ORDER_LEASE) != NULL);
    rig_destroy(rig);
}

static void test_nothing_is_promised_before_it_is_stored(void)
{
    struct rig *rig = rig_new();

    rig->hold_store = true;
    rig_hello(rig, 1);
    rig_submit(rig, 7, "alexnet", 0, 9);
    rig_submit(rig, 7, "alexnet", 0, 9);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED), 0);
    struct idn_order lease = *rig_order(rig, 1, IDN_ORDER_LEASE);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE));
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 2, 2, IDN_END_NONE));
    rig_say(rig, 1, rig_report(rig, 1, 3, &lease, 4, 2, IDN_END_NONE));
    CHECK(rig_order(rig, 1, IDN_ORDER_ACK) == NULL);
    rig_store(rig);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED), 2);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_ACK)->u.ack.number, 3);
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_ACK), 1);
    rig_destroy(rig);
}

static void test_not_active_before_its_reign_is_stored(void)
{
    struct rig *rig = rig_new();

    rig_boot(rig);
    rig->hold_store = true;
    rig_begin_reign(rig);
    rig_hello(rig, 1);
    rig_submit(rig, 7, "alexnet", 0, 9);
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_REFUSED)->u.refused.code, IDN_REFUSED_NOT_ACTIVE);
    CHECK(rig_find(rig, IDN_ACTION_BEAT, 0, 0) == NULL);
    CHECK(rig_find(rig, IDN_ACTION_ORDER, 1, IDN_ORDER_WELCOME) == NULL);
    rig_store(rig);
    CHECK(rig_find(rig, IDN_ACTION_BEAT, 0, 0) != NULL);
    rig_destroy(rig);
}

static void test_a_slow_disk_ends_the_reign(void)
{
    struct rig *rig = rig_new();

    rig->hold_store = true;
    rig_submit(rig, 7, "alexnet", 0, 9);
    rig_pass(rig, IDN_COMMIT_MS_MAX);
    CHECK(rig_find(rig, IDN_ACTION_EXIT, 0, 0) == NULL);
    rig_pass(rig, 1);
    CHECK_CONTAINS(rig_find(rig, IDN_ACTION_EXIT, 0, 0)->u.text, "3001 ms");
    rig_clear(rig);
    rig_pass(rig, 1000);
    CHECK_INT(rig->actions, 0);
    rig_destroy(rig);
}

static void test_a_stall_is_no_slow_disk(void)
{
    struct rig *rig = rig_new();

    rig->hold_store = true;
    rig_submit(rig, 7, "alexnet", 0, 9);
    rig->now += 60000;
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {59000}});
    CHECK(rig_find(rig, IDN_ACTION_EXIT, 0, 0) == NULL);
    rig_pass(rig, 2001);
    CHECK(rig_find(rig, IDN_ACTION_EXIT, 0, 0) != NULL);
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_default_core_fits_its_budget),
        CHECK_TEST(test_a_job_from_submit_to_finish),
        CHECK_TEST(test_leases_keep_to_tasks),
        CHECK_TEST(test_an_unreachable_worker_gets_nothing),
        CHECK_TEST(test_nothing_is_promised_before_it_is_stored),
        CHECK_TEST(test_not_active_before_its_reign_is_stored),
        CHECK_TEST(test_a_slow_disk_ends_the_reign),
        CHECK_TEST(test_a_stall_is_no_slow_disk),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
