// The agent core's reports: gathered, numbered, retained, sent again.
#include "tests/lib/agent_rig.h"

static uint32_t reports_kept(void)
{
    struct idn_agent_view view;

    idn_agent_look(rig.agent, &view);
    return view.reports;
}

static void test_the_first_result_goes_at_once(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    CHECK(rig_compute(1000));
    const struct idn_worker_message *report = rig_must(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.number, 1);
    CHECK_INT(report->u.report.count, 2);
    CHECK_INT(report->u.report.end, IDN_END_NONE);
    CHECK_INT(report->u.report.class_hash, 5);
    CHECK_INT(report->u.report.compute_us, 2000);
    CHECK_INT(report->u.report.lease.serial, 1);
    CHECK_INT(report->u.report.job.bytes[0], 1);
    CHECK_INT(report->nonce, RIG_NONCE);
    struct idn_result row;
    CHECK(idn_result_unpack(report->u.report.rows + IDN_ROW_BYTES, &row));
    CHECK_INT(row.index, 1);
}

// Its time to be acknowledged begins when it is made, however long nothing was awaited before.
static void test_a_report_after_a_rest_is_sent_once(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_pass(3 * 1000);
    CHECK(rig_compute(1000));
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 1);
    CHECK(rig_sent(IDN_WORKER_REPORT, 1) == NULL);
    rig_tick(1);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
}

static void test_rows_gather_for_a_time(void)
{
    rig_new();
    rig_lease(1, 0, 1000);
    CHECK(rig_compute(1000)); // reported
    CHECK(rig_compute(1000)); // gathered
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_tick(50);
    CHECK(rig_compute(1000));
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    CHECK_INT(idn_agent_deadline(rig.agent), rig.now + 50);
    rig_tick(49);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_tick(1);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 2 + 32);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.compute_us, 34 * 1000);
}

static void test_a_full_report_does_not_wait(void)
{
    rig_new();
    rig_lease(1, 0, 10000);
    CHECK(rig_compute(1));
    CHECK(rig_compute(1));
    uint32_t slices = 0;
    for (;;) {
        CHECK(rig_compute(1));
        slices++;
        if (rig_sent(IDN_WORKER_REPORT, 0) != NULL)
            break;
        CHECK(slices < IDN_REPORT_ROWS_MAX);
    }
    uint32_t count = rig_must(IDN_WORKER_REPORT, 0)->u.report.count;
    CHECK(count <= IDN_REPORT_ROWS_MAX);
    CHECK(count + IDN_CHILD_IMAGES_MAX > IDN_REPORT_ROWS_MAX);
}

static void test_a_report_is_of_one_lease(void)
{
    rig_new();
    rig_lease(1, 0, 4), rig_lease(2, 50, 4);
    uint32_t of[3] = {0};
    uint64_t number = 0;
    while (rig_compute(1000))
        for (size_t n = 0; rig_sent(IDN_WORKER_REPORT, n) != NULL; n++) {
            const struct idn_worker_message *report = rig_must(IDN_WORKER_REPORT, n);
            uint64_t serial = report->u.report.lease.serial;
            struct idn_result row;
            CHECK(serial == 1 || serial == 2);
            CHECK_INT(report->u.report.number, ++number);
            CHECK(idn_result_unpack(report->u.report.rows, &row));
            CHECK((row.index >= 50) == (serial == 2));
            of[serial] += report->u.report.count;
        }
    CHECK_INT(of[1], 4);
    CHECK_INT(of[2], 4);
}

// One small lease after the other, each with one report; nothing is acknowledged.
static uint64_t next_serial;
static void make_reports(uint32_t count)
{
    while (count-- > 0) {
        uint64_t serial = ++next_serial;
        rig_lease(serial, (uint32_t)serial, 1);
        CHECK(rig_compute(1000));
    }
}

static void fresh(void)
{
    rig_new();
    next_serial = 0;
}

static void test_unacknowledged_reports_are_sent_again(void)
{
    fresh();
    make_reports(3);
    rig_acknowledge(1);
    CHECK_INT(reports_kept(), 2);
    rig_pass(900);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_pass(100);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 1)->u.report.number, 3);
    CHECK(rig_sent(IDN_WORKER_REPORT, 2) == NULL);
    rig_acknowledge(3);
    CHECK_INT(reports_kept(), 0);
    rig_pass(3000);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
}

static void test_progress_puts_the_repetition_off(void)
{
    fresh();
    make_reports(3);
    rig_pass(900);
    rig_acknowledge(1);
    rig_pass(900);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_acknowledge(1); // no progress
    rig_pass(100);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) != NULL);
}

static void test_acknowledgement_of_what_was_never_sent_is_ignored(void)
{
    fresh();
    make_reports(2);
    rig_acknowledge(3);
    CHECK_INT(reports_kept(), 2);
    rig_acknowledge(0);
    CHECK_INT(reports_kept(), 2);
}

static void test_welcome_acknowledges_and_asks_for_the_rest(void)
{
    fresh();
    make_reports(3);
    rig_welcome(1);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 1)->u.report.number, 3);
    CHECK_INT(reports_kept(), 2);
}

static void test_nothing_is_sent_to_who_has_not_welcomed_us(void)
{
    fresh();
    rig_lease(1, 0, 1);
    rig_beat(0, 101, 2, IDN_ROLE_ALONE); // a new reign
    CHECK(rig_compute(1000));
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_tick(200);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    struct idn_order order = rig_an_order(IDN_ORDER_WELCOME);
    order.epoch = rig_epoch(2);
    order.u.welcome.version = 1;
    rig_order(0, &order);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 1);
}

static void test_many_reports_go_in_several_steps(void)
{
    fresh();
    make_reports(40);
    rig_welcome(0);
    uint64_t number = 0;
    for (;;) {
        for (size_t n = 0; rig_sent(IDN_WORKER_REPORT, n) != NULL; n++)
            CHECK_INT(rig_must(IDN_WORKER_REPORT, n)->u.report.number, ++number);
        if (number == 40)
            break;
        CHECK_INT(idn_agent_deadline(rig.agent), rig.now); // at once
        rig_tick(0);
        CHECK(rig_sent(IDN_WORKER_REPORT, 0) != NULL);
    }
    CHECK(idn_agent_deadline(rig.agent) > rig.now);
}

static void test_an_acknowledgement_overtakes_the_repetition(void)
{
    fresh();
    make_reports(40);
    rig_welcome(0);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) != NULL);
    rig_acknowledge(35);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.number, 36);
}

// Rows of one numerics class never wait for rows of another.
static void test_a_new_class_flushes_what_is_gathered(void)
{
    fresh();
    rig_lease(1, 0, 100);
    CHECK(rig_compute(1000));
    CHECK(rig_compute(1000)); // gathered
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_died(IDN_DEATH_EXIT, "exited"); // with nothing in it
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_ready_class(6);
    rig_tick(0);
    rig_welcome(1);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.class_hash, 5);
}

// Whatever fills the window meanwhile: what is in the child finds room in one report.
static void test_gathered_rows_never_outgrow_a_report(void)
{
    uint64_t reported = 0;
    uint32_t gathered = 0;

    fresh();
    rig_lease(1, 0, 100 * 1000);
    for (int slice = 0; slice < 200; slice++) {
        gathered += rig_queue.item[0].count;
        CHECK(rig_compute(3500)); // 28 images a slice: no divisor of a report's rows
        if (rig_sent(IDN_WORKER_REPORT, 0) != NULL) {
            gathered = 0;
            rig_acknowledge(++reported);
        }
        uint32_t begun = 0;
        for (uint32_t i = 0; i < rig_queue.count; i++)
            begun += rig_queue.item[i].count;
        CHECK(gathered + begun <= IDN_REPORT_ROWS_MAX);
    }
    CHECK(reported > 10);
}

static void test_a_full_window_stops_the_work(void)
{
    fresh();
    make_reports(IDN_REPORT_WINDOW);
    CHECK_INT(reports_kept(), IDN_REPORT_WINDOW);
    rig_lease(1000, 0, 10);
    CHECK(rig_find(IDN_AGENT_SLICE) == NULL);
    rig_acknowledge(1);
    CHECK(rig_find(IDN_AGENT_SLICE) != NULL);
}

static void test_a_full_window_holds_gathered_rows_back(void)
{
    fresh();
    make_reports(IDN_REPORT_WINDOW - 1);
    rig_lease(1000, 0, 3);
    CHECK(rig_compute(1000)); // images 0 1, reported at once: the window is full
    CHECK_INT(reports_kept(), IDN_REPORT_WINDOW);
    CHECK(rig_compute(1000)); // image 2, begun before: waits, and the lease's end with it
    CHECK_INT(reports_kept(), IDN_REPORT_WINDOW);
    rig_trim(1000, 0);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 3);
    rig_acknowledge(2);
    const struct idn_worker_message *report = rig_must(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.count, 1);
    CHECK_INT(report->u.report.end, IDN_END_DONE);
}

// Full reports of 24 KiB each: the bytes run out before the numbers do.
static void test_a_window_of_bytes(void)
{
    fresh();
    rig_lease(1, 0, 1000 * 1000);
    uint64_t rows = 0;
    while (rig_compute(1))
        for (size_t n = 0; rig_sent(IDN_WORKER_REPORT, n) != NULL; n++)
            rows += rig_must(IDN_WORKER_REPORT, n)->u.report.count;
    CHECK(rows * IDN_ROW_BYTES <= IDN_REPORT_WINDOW_BYTES);
    CHECK((rows + IDN_REPORT_ROWS_MAX + IDN_CHILD_IMAGES_MAX) * IDN_ROW_BYTES >
          IDN_REPORT_WINDOW_BYTES);
    rig_acknowledge(5);
    CHECK(rig_compute(1));
}

static void test_death_with_a_full_window_is_told_later(void)
{
    fresh();
    make_reports(IDN_REPORT_WINDOW - 1);
    rig_lease(1000, 0, 9);
    CHECK(rig_compute(1000)); // images 0 1: the window is full
    rig_given(rig_queue.item[0].serial);
    rig_died(IDN_DEATH_SIGNAL, "killed");
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_ready_class(5);
    CHECK(rig_find(IDN_AGENT_SLICE) == NULL); // the lease is over
    rig_acknowledge(1);
    const struct idn_worker_message *report = rig_must(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.end, IDN_END_DEATH);
    CHECK_INT(report->u.report.in_child, 7);
    CHECK_INT(report->u.report.image[0], 2);
    CHECK_INT(report->u.report.count, 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_the_first_result_goes_at_once),
        CHECK_TEST(test_a_report_after_a_rest_is_sent_once),
        CHECK_TEST(test_rows_gather_for_a_time),
        CHECK_TEST(test_a_full_report_does_not_wait),
        CHECK_TEST(test_a_report_is_of_one_lease),
        CHECK_TEST(test_unacknowledged_reports_are_sent_again),
        CHECK_TEST(test_progress_puts_the_repetition_off),
        CHECK_TEST(test_acknowledgement_of_what_was_never_sent_is_ignored),
        CHECK_TEST(test_welcome_acknowledges_and_asks_for_the_rest),
        CHECK_TEST(test_nothing_is_sent_to_who_has_not_welcomed_us),
        CHECK_TEST(test_many_reports_go_in_several_steps),
        CHECK_TEST(test_an_acknowledgement_overtakes_the_repetition),
        CHECK_TEST(test_a_new_class_flushes_what_is_gathered),
        CHECK_TEST(test_gathered_rows_never_outgrow_a_report),
        CHECK_TEST(test_a_full_window_stops_the_work),
        CHECK_TEST(test_a_full_window_holds_gathered_rows_back),
        CHECK_TEST(test_a_window_of_bytes),
        CHECK_TEST(test_death_with_a_full_window_is_told_later),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
