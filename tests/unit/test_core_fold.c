// Restore: facts and summaries back into memory, in any order that matters; late facts; refolding.
#include "tests/lib/core_rig.h"

static struct idn_order begin(struct rig *rig, uint32_t last)
{
    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, last);
    return *rig_order(rig, 1, IDN_ORDER_LEASE);
}

static struct idn_worker_message *failed_report(
    struct rig *rig, uint64_t number, const struct idn_order *lease, uint32_t image)
{
    static uint8_t row[IDN_ROW_BYTES];
    struct idn_worker_message *message = rig_report(rig, 1, number, lease, image, 1, IDN_END_NONE);
    struct idn_result result = {.index = image, .status = IDN_STATUS_CORRUPT};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    idn_result_pack(&result, row);
    message->u.report.rows = row;
    return message;
}

static void kill_alone(struct rig *rig, uint64_t number, const struct idn_order *lease)
{
    struct idn_worker_message *message = rig_report(rig, 1, number, lease, 0, 0, IDN_END_DEATH);

    message->u.report.death = IDN_DEATH_SIGNAL;
    message->u.report.alone = message->u.report.in_child = 1;
    message->u.report.image[0] = lease->u.lease.first;
    rig_clear(rig);
    rig_say(rig, 1, message);
}

static void test_a_better_result_replaces_a_worse_one(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 9);
    struct idn_job_info empty = rig_job(rig, 1);

    rig_say(rig, 1, failed_report(rig, 1, &lease, 4));
    rig_say(rig, 1, failed_report(rig, 2, &lease, 4));
    CHECK_INT(rig_job(rig, 1).failed, 1);
    rig_say(rig, 1, rig_report(rig, 1, 3, &lease, 4, 1, IDN_END_NONE));
    struct idn_job_info info = rig_job(rig, 1);
    CHECK_INT(info.failed, 0);
    CHECK_INT(info.ok, 1);
    rig_say(rig, 1, failed_report(rig, 4, &lease, 4)); // never back
    CHECK_INT(rig_job(rig, 1).ok, 1);
    struct idn_digest alone = {0, 0}, expected;
    uint8_t row[IDN_ROW_BYTES];
    struct idn_result result;
    rig_row(4, row);
    CHECK(idn_result_unpack(row, &result));
    idn_digest_of(&result, &expected);
    CHECK(idn_digest_equal(&empty.digest, &alone));
    CHECK(idn_digest_equal(&info.digest, &expected));
    rig_destroy(rig);
}

static void test_three_deaths_alone_and_a_late_result(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 0);

    for (uint64_t death = 1; death <= 3; death++) {
        kill_alone(rig, death, &lease);
        CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_QUARANTINED), death == 3);
        if (death == 3)
            break;
        lease = *rig_order(rig, 1, IDN_ORDER_LEASE);
        CHECK_INT(lease.u.lease.alone, 1);
    }
    struct idn_job_info info = rig_job(rig, 1);
    CHECK_INT(info.quarantined, 1);
    CHECK_INT(info.state, IDN_JOB_FINISHED);
    rig_clear(rig);
    rig_say(rig, 1, rig_report(rig, 1, 4, &lease, 0, 1, IDN_END_NONE)); // it is done after all
    const struct idn_action *refold = rig_find(rig, IDN_ACTION_REFOLD, 0, 0);
    CHECK(refold != NULL);
    CHECK_INT(rig_job(rig, 1).quarantined, 1); // until the store has read it back
    struct idn_summary summary = {.job = rig_key(1), .ok = 1, .class_hash = 77};
    rig_step(
        rig, (struct idn_event){.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}});
    CHECK_INT(rig_job(rig, 1).ok, 1);
    CHECK_INT(rig_job(rig, 1).quarantined, 0);
    CHECK(rig_find(rig, IDN_ACTION_SUMMARY, 0, 0) != NULL);
    rig_destroy(rig);
}

static void test_refold_waits_for_the_store_and_is_not_stale(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 3);
    struct idn_summary summary = {.job = rig_key(1), .ok = 4};

    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 4, IDN_END_DONE));
    rig->hold_store = true;
    rig_clear(rig);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 0, 1, IDN_END_NONE));
    CHECK(rig_find(rig, IDN_ACTION_REFOLD, 0, 0) == NULL);
    rig_store(rig);
    CHECK(rig_find(rig, IDN_ACTION_REFOLD, 0, 0) != NULL);
    rig_say(rig, 1, rig_report(rig, 1, 3, &lease, 1, 1, IDN_END_NONE)); // while it is read
    rig_clear(rig);
    rig_step(
        rig, (struct idn_event){.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}});
    CHECK(rig_find(rig, IDN_ACTION_SUMMARY, 0, 0) == NULL); // it misses the last one
    rig_store(rig);
    CHECK(rig_find(rig, IDN_ACTION_REFOLD, 0, 0) != NULL);
    rig_step(
        rig, (struct idn_event){.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}});
    CHECK(rig_find(rig, IDN_ACTION_SUMMARY, 0, 0) != NULL);
    rig_destroy(rig);
}

static void test_restart_restores_everything(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 29);

    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 7, IDN_END_NONE));
    rig_say(rig, 1, failed_report(rig, 2, &lease, 7));
    struct idn_job_info before = rig_job(rig, 1);
    rig_restart(rig);
    struct idn_job_info after = rig_job(rig, 1);
    CHECK_INT(after.ok, 7);
    CHECK_INT(after.failed, 1);
    CHECK_INT(after.pending, 22);
    CHECK(idn_digest_equal(&before.digest, &after.digest));
    CHECK_INT(after.created_wall_ms, before.created_wall_ms);
    rig_restart(rig); // no version of one run is another's
    CHECK(rig_job(rig, 1).version != after.version && after.version != before.version);
    CHECK_CONTAINS(after.why, "has just started");
    rig_hello(rig, 1);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL); // others may hold some of it
    for (int i = 0; i < 5; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, (struct idn_lease_id){0});
    }
    const struct idn_order *next = rig_order(rig, 1, IDN_ORDER_LEASE);
    CHECK_INT(next->u.lease.first, 8);
    CHECK_INT(next->u.lease.count, 2); // to the end of the task
    CHECK(idn_epoch_compare(next->u.lease.id.epoch, lease.u.lease.id.epoch) > 0);
    rig_destroy(rig);
}

static void test_a_summary_stands_for_the_results(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 3);

    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 4, IDN_END_DONE));
    struct idn_job_info before = rig_job(rig, 1);
    CHECK_INT(rig->summaries, 1);
    rig_boot(rig);
    for (size_t i = 0; i < rig->facts; i++)
        if (rig->fact[i].fact.kind != IDN_FACT_RESULTS)
            rig_step(rig, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &rig->fact[i].fact});
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_SUMMARY, .u.summary = &rig->summary[0]});
    rig_begin_reign(rig);
    struct idn_job_info after = rig_job(rig, 1);
    CHECK_INT(after.state, IDN_JOB_FINISHED);
    CHECK_INT(after.ok, 4);
    CHECK_INT(after.finished_wall_ms, before.finished_wall_ms);
    CHECK(idn_digest_equal(&before.digest, &after.digest));
    CHECK_INT(rig->summaries, 1); // not made again
    rig_destroy(rig);
}

static void test_a_summary_that_cannot_be_is_replaced(void)
{
    struct rig *rig = rig_new();
    struct idn_summary summary = {.job = rig_key(1), .ok = 5};

    begin(rig, 3);
    rig_boot(rig);
    for (size_t i = 0; i < rig->facts; i++)
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &rig->fact[i].fact});
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_SUMMARY, .u.summary = &summary});
    summary.ok = 3; // of an open job: not all
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_SUMMARY, .u.summary = &summary});
    rig_clear(rig);
    rig_begin_reign(rig);
    CHECK_INT(rig_job(rig, 1).state, IDN_JOB_OPEN);
    CHECK_INT(rig_job(rig, 1).pending, 4);
    CHECK_CONTAINS(rig_job(rig, 1).why, "being read back from the store");
    CHECK_INT(rig_find(rig, IDN_ACTION_REFOLD, 0, 0)->u.refold.states, 1);
    rig_destroy(rig);
}

static void test_a_finished_job_without_summary_gets_one(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 3);

    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 4, IDN_END_DONE));
    rig_restart(rig);
    CHECK_INT(rig->summaries, 2);
    CHECK(idn_digest_equal(&rig->summary[0].digest, &rig->summary[1].digest));
    CHECK_INT(rig->summary[1].finished_wall_ms, rig->summary[0].finished_wall_ms);
    rig_destroy(rig);
}

static void test_a_cancelled_job_with_late_results_is_refolded_at_start(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = begin(rig, 9);

    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 4, IDN_END_NONE));
    rig_ask(rig, 1, IDN_REQUEST_CANCEL);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 4, 1, IDN_END_DONE));
    CHECK_INT(rig_job(rig, 1).ok, 5); // its lease was open: no need to read anything back
    CHECK(rig_find(rig, IDN_ACTION_REFOLD, 0, 0) == NULL);
    rig_restart(rig);
    CHECK_INT(rig_job(rig, 1).state, IDN_JOB_CANCELLED);
    rig_pass(rig, 1);
    CHECK_INT(rig_job(rig, 1).ok, 4); // what came before CANCELLED
    struct idn_summary summary = {.job = rig_key(1), .ok = 5};
    rig_step(
        rig, (struct idn_event){.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}});
    CHECK_INT(rig_job(rig, 1).ok, 5);
    rig_destroy(rig);
}

static void test_forgotten_is_gone_after_restart(void)
{
    struct rig *rig = rig_new();
    struct idn_job_info info;
    struct idn_key key = rig_key(1);

    begin(rig, 9);
    rig_ask(rig, 1, IDN_REQUEST_CANCEL);
    rig_ask(rig, 1, IDN_REQUEST_FORGET);
    CHECK(!idn_core_job(rig->core, &key, &info));
    rig_restart(rig);
    CHECK(!idn_core_job(rig->core, &key, &info));
    rig_destroy(rig);
}

static void test_unknown_kinds_change_nothing(void)
{
    struct rig *rig = rig_new();
    struct idn_fact fact = {.kind = 99, .epoch = {7, 'b'}, .job = rig_key(1)};

    begin(rig, 9);
    rig_keep_fact(rig, &fact);
    rig_restart(rig);
    CHECK_INT(rig_job(rig, 1).pending, 10);
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_STATUS};
    struct idn_reply reply;
    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    CHECK_INT(reply.u.status.epoch.counter, 8); // but its epoch was seen
    rig_destroy(rig);
}

static void test_a_store_beyond_the_limits_is_refused(void)
{
    struct rig *rig = rig_new();

    for (unsigned i = 0; i < 3; i++)
        rig_submit(rig, i, "alexnet", 0, 9);
    rig->config.jobs_max = 2;
    rig_boot(rig);
    for (size_t i = 0; i < rig->facts; i++)
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &rig->fact[i].fact});
    rig_clear(rig);
    rig_begin_reign(rig);
    CHECK_CONTAINS(rig_find(rig, IDN_ACTION_EXIT, 0, 0)->u.text, "more jobs than");
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_better_result_replaces_a_worse_one),
        CHECK_TEST(test_three_deaths_alone_and_a_late_result),
        CHECK_TEST(test_refold_waits_for_the_store_and_is_not_stale),
        CHECK_TEST(test_restart_restores_everything),
        CHECK_TEST(test_a_summary_stands_for_the_results),
        CHECK_TEST(test_a_summary_that_cannot_be_is_replaced),
        CHECK_TEST(test_a_finished_job_without_summary_gets_one),
        CHECK_TEST(test_a_cancelled_job_with_late_results_is_refolded_at_start),
        CHECK_TEST(test_forgotten_is_gone_after_restart),
        CHECK_TEST(test_unknown_kinds_change_nothing),
        CHECK_TEST(test_a_store_beyond_the_limits_is_refused),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
