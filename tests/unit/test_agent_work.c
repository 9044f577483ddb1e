// The agent core at work: leases, slices, trims, the child's death and hang.
#include "tests/lib/agent_rig.h"

static uint32_t slice_count(void)
{
    const struct idn_agent_action *slice = rig_find(IDN_AGENT_SLICE);

    return slice == NULL ? 0 : slice->u.slice.count;
}

static struct idn_agent_view look(void)
{
    struct idn_agent_view view;

    idn_agent_look(rig.agent, &view);
    return view;
}

// The lease's first slice and the one queued behind it.
static void test_a_lease_begins_with_its_first_slice(void)
{
    rig_new();
    rig_lease(1, 40, 100);
    CHECK_INT(rig_count(IDN_AGENT_SLICE), 2);
    const struct idn_agent_action *slice = rig_find(IDN_AGENT_SLICE);
    CHECK_INT(slice->u.slice.first, 40);
    CHECK_INT(slice->u.slice.count, 2);
    CHECK_STRING(slice->u.slice.model, "m0");
    CHECK_STRING(slice->u.slice.dataset, "d0");
    CHECK_INT(slice[1].u.slice.first, 42);
    CHECK_INT(slice[1].u.slice.count, 2); // nothing is measured yet
}

static void test_slices_aim_at_a_time(void)
{
    rig_new();
    rig_lease(1, 0, 1000);
    CHECK(rig_compute(10 * 1000)); // 10 ms an image
    CHECK_INT(slice_count(), IDN_SLICE_MS / 10);
    rig_new();
    rig_lease(1, 0, 1000);
    CHECK(rig_compute(5)); // nearly nothing: bounded by what the child may hold
    CHECK_INT(slice_count(), IDN_CHILD_IMAGES_MAX / 2);
    rig_new();
    rig_lease(1, 0, 1000);
    CHECK(rig_compute(400 * 1000)); // longer than a slice: one by one
    CHECK_INT(slice_count(), 1);
}

static void test_a_lease_is_worked_off_and_ends(void)
{
    rig_new();
    rig_lease(1, 10, 7);
    uint32_t rows = 0;
    for (int i = 0; rig_compute(30 * 1000); i++) {
        CHECK(i < 7);
        for (size_t n = 0; rig_sent(IDN_WORKER_REPORT, n) != NULL; n++)
            rows += rig_sent(IDN_WORKER_REPORT, n)->u.report.count;
    }
    CHECK_INT(rows, 7);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.end, IDN_END_DONE);
    CHECK_INT(look().leases, 0);
}

static void test_a_lease_given_twice_is_one(void)
{
    rig_new();
    rig_lease(1, 0, 2);
    rig_lease(1, 0, 2);
    CHECK_INT(look().leases, 1);
    rig_given(1);
    rig_rows(1, 0, 2, 1000); // ends it
    CHECK_INT(look().leases, 0);
    rig_lease(1, 0, 2);
    CHECK_INT(look().leases, 0); // its results are on their way
}

static void test_a_third_lease_is_ignored(void)
{
    rig_new();
    rig_lease(1, 0, 100), rig_lease(2, 100, 100), rig_lease(3, 200, 100);
    CHECK_INT(look().leases, 2);
    rig_trim(3, 0);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 0);
}

static void test_the_next_lease_is_queued_behind_the_first(void)
{
    rig_new();
    rig_lease(1, 0, 2);
    CHECK_INT(rig_count(IDN_AGENT_SLICE), 1);
    rig_lease(2, 50, 10);
    CHECK_INT(rig_count(IDN_AGENT_SLICE), 1);
    CHECK_INT(rig_act(IDN_AGENT_SLICE)->u.slice.first, 50);
}

static void test_an_alone_image_is_alone(void)
{
    rig_new();
    rig_lease(1, 0, 2);
    struct idn_order alone = rig_a_lease(2, 7, 1);
    alone.u.lease.alone = 1;
    rig_order(0, &alone);
    CHECK_INT(slice_count(), 0); // the other slice is in the child
    rig_given(1);
    rig_rows(1, 0, 2, 1000);
    CHECK_INT(slice_count(), 1);
    CHECK_INT(rig_act(IDN_AGENT_SLICE)->u.slice.first, 7);
    rig_given(2);
    rig_lease(3, 100, 10);
    CHECK_INT(slice_count(), 0); // nothing is added to it
    rig_rows(2, 7, 1, 1000);
    CHECK(slice_count() > 0);
}

static void test_what_is_not_held_is_unavailable(void)
{
    rig_new();
    struct idn_order lease = rig_a_lease(1, 0, 10);
    lease.u.lease.model_digest.bytes[0] ^= 1;
    rig_order(0, &lease);
    const struct idn_worker_message *report = rig_sent(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.end, IDN_END_UNAVAILABLE);
    CHECK_CONTAINS(report->u.report.text, "model");
    lease = rig_a_lease(2, 0, 10);
    lease.u.lease.list_digest.bytes[0] ^= 1;
    rig_order(0, &lease);
    CHECK_CONTAINS(rig_must(IDN_WORKER_REPORT, 0)->u.report.text, "data set");
    CHECK_INT(look().leases, 0);
    lease = rig_a_lease(3, 0, 10);
    lease.u.lease.dataset[0] = '\0'; // an uploaded list: fetched when needed
    lease.u.lease.list_digest.bytes[0] ^= 1;
    rig_order(0, &lease);
    CHECK_INT(rig_count(IDN_AGENT_SLICE), 2);
}

static void unavailable(uint64_t slice)
{
    rig_step((struct idn_agent_event){.type = IDN_AGENT_UNAVAILABLE,
        .u.unavailable = {.slice = slice, .text = "no such weights"}});
}

static void test_an_unavailable_slice_ends_its_lease(void)
{
    rig_new();
    rig_lease(1, 0, 100); // slices 1 and 2
    unavailable(1);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL); // slice 2 is with the shell
    unavailable(2);
    const struct idn_worker_message *report = rig_sent(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.end, IDN_END_UNAVAILABLE);
    CHECK_STRING(report->u.report.text, "no such weights");
    CHECK_INT(report->u.report.count, 0);
    CHECK_INT(look().leases, 0);
    rig_trim(1, 50);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 0);
}

static void test_an_unavailable_slice_spares_the_one_before(void)
{
    rig_new();
    rig_lease(1, 0, 100); // slices 1 and 2
    rig_given(1);
    unavailable(2);
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_trim(1, 50);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 2);
    rig_rows(1, 0, 2, 1000);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 2);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.end, IDN_END_UNAVAILABLE);
}

static void test_rows_after_a_gap_are_worth_nothing(void)
{
    rig_new();
    rig_lease(1, 0, 100); // slices 1 and 2
    unavailable(1);
    rig_given(2);
    rig_rows(2, 2, 2, 1000);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 0);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.end, IDN_END_UNAVAILABLE);
}

static void test_trim_keeps_what_was_begun(void)
{
    rig_new();
    rig_lease(1, 0, 100); // 4 begun
    rig_trim(1, 0);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 4);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.lease.serial, 1);
    rig_trim(1, 50); // what was given back is not taken again
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 4);
    rig_given(1), rig_given(2);
    rig_rows(1, 0, 2, 1000);
    CHECK_INT(slice_count(), 0);
    rig_rows(2, 2, 2, 1000);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.end, IDN_END_DONE);
    rig_trim(1, 0); // crosses the last report
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 4);
}

static void test_trim_to_what_is_already_reported_ends_it(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_given(1), rig_rows(1, 0, 2, 1000);
    rig_died(IDN_DEATH_EXIT, "exited"); // with nothing in it
    CHECK_INT(look().leases, 1);
    rig_trim(1, 1);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 2);
    const struct idn_worker_message *report = rig_must(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.end, IDN_END_DONE);
    CHECK_INT(report->u.report.count, 0);
    CHECK_INT(look().leases, 0);
}

static void test_trim_of_an_untouched_lease_ends_it(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_lease(2, 100, 100);
    rig_trim(2, 0);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 0);
    CHECK_INT(look().leases, 1);
    rig_lease(2, 100, 100); // late: it is not ours any more
    CHECK_INT(look().leases, 1);
}

static void test_trim_of_an_unknown_lease_keeps_nothing(void)
{
    rig_new();
    rig_trim(9, 100);
    CHECK_INT(rig_must(IDN_WORKER_TRIMMED, 0)->u.trimmed.kept, 0);
    rig_lease(9, 0, 100);
    CHECK_INT(look().leases, 0);
}

static void test_old_leases_are_stated_to_a_new_reign(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_compute(1000);
    rig_beat(0, 101, 2, IDN_ROLE_ALONE);
    const struct idn_worker_message *hello = rig_sent(IDN_WORKER_HELLO, 0);
    CHECK_INT(hello->u.hello.leases, 1);
    CHECK_INT(hello->u.hello.lease[0].id.serial, 1);
    CHECK_INT(hello->u.hello.lease[0].id.epoch.counter, 1);
    CHECK_INT(hello->u.hello.lease[0].count, 100);
    CHECK_INT(hello->u.hello.lease[0].done, 2);
    CHECK_INT(hello->u.hello.reports_from, 1);
    CHECK(rig_compute(1000)); // and worked on meanwhile
}

static void test_death_names_the_images(void)
{
    rig_new();
    rig_lease(1, 0, 2), rig_lease(2, 50, 100);
    rig_lease(1, 0, 2);
    rig_given(1), rig_given(2);
    rig_died(IDN_DEATH_SIGNAL, "killed by signal 11");
    const struct idn_worker_message *a = rig_sent(IDN_WORKER_REPORT, 0),
                                    *b = rig_sent(IDN_WORKER_REPORT, 1);
    CHECK(a != NULL && b != NULL);
    CHECK_INT(a->u.report.end, IDN_END_DEATH);
    CHECK_INT(a->u.report.death, IDN_DEATH_SIGNAL);
    CHECK_INT(a->u.report.in_child, 2);
    CHECK_INT(a->u.report.image[1], 1);
    CHECK_INT(a->u.report.alone, 0);
    CHECK_STRING(a->u.report.text, "killed by signal 11");
    CHECK_INT(b->u.report.image[0], 50);
    CHECK_INT(look().leases, 0);
}

static void test_death_of_one_image_alone(void)
{
    rig_new();
    rig_lease(1, 30, 1);
    rig_given(1);
    rig_died(IDN_DEATH_EXIT, "exited");
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.alone, 1);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.image[0], 30);
}

static void test_death_spares_leases_not_in_the_child(void)
{
    rig_new();
    rig_lease(1, 0, 1), rig_lease(2, 50, 10);
    rig_given(1); // slice 2 (of lease 2) still waits for its model
    rig_died(IDN_DEATH_SIGNAL, "killed");
    CHECK(rig_sent(IDN_WORKER_REPORT, 1) == NULL);
    CHECK_INT(look().leases, 1);
    CHECK(rig_find(IDN_AGENT_START_CHILD) != NULL);
    rig_ready_class(5);
    CHECK_INT(rig_act(IDN_AGENT_SLICE)->u.slice.first, 50); // from its beginning
}

static void test_rows_before_the_death_are_reported(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_given(1), rig_given(2);
    rig_rows(1, 0, 2, 1000); // reported at once: the first
    rig_rows(2, 2, 2, 1000); // gathered
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_given(3);
    rig_died(IDN_DEATH_SIGNAL, "killed");
    const struct idn_worker_message *report = rig_sent(IDN_WORKER_REPORT, 0);
    CHECK_INT(report->u.report.count, 2);
    CHECK_INT(report->u.report.end, IDN_END_DEATH);
    CHECK_INT(report->u.report.image[0], 4);
}

static uint64_t pause_after_death(void)
{
    rig_died(IDN_DEATH_EXIT, "exited");
    for (uint64_t ms = 0; ms < 100 * 1000; ms += 100) {
        if (rig_find(IDN_AGENT_START_CHILD) != NULL)
            return ms;
        rig_tick(100);
    }
    return UINT64_MAX;
}

static void test_restarts_back_off(void)
{
    static const uint64_t expected_ms[] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000};

    rig_new();
    for (size_t i = 0; i < sizeof(expected_ms) / sizeof(*expected_ms); i++)
        CHECK_INT(pause_after_death(), expected_ms[i]);
    rig_ready_class(5);
    rig_tick(60 * 1000); // healthy
    CHECK_INT(pause_after_death(), 0);
    CHECK_INT(pause_after_death(), 1000);
}

static void test_a_fruitful_child_is_restarted_at_once(void)
{
    rig_new();
    CHECK_INT(pause_after_death(), 0);
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    rig_lease(1, 0, 100);
    CHECK(rig_compute(1000));
    CHECK_INT(pause_after_death(), 0);
    rig_ready_class(5); // the next one is judged by what it did itself
    CHECK_INT(pause_after_death(), 1000);
}

static void test_a_new_class_is_told(void)
{
    rig_new();
    rig_died(IDN_DEATH_EXIT, "exited");
    rig_ready_class(5);
    CHECK(rig_sent(IDN_WORKER_HELLO, 0) == NULL);
    rig_died(IDN_DEATH_EXIT, "exited");
    rig_tick(1000);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    rig_ready_class(6);
    CHECK_INT(rig_must(IDN_WORKER_HELLO, 0)->u.hello.class_hash, 6);
}

static void test_a_hang_is_killed_and_named(void)
{
    rig_new();
    rig_lease(1, 0, 1);
    rig_tick(IDN_WEDGED_MS_MIN * 3); // still loading: the shell's affair
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL);
    rig_given(1);
    rig_tick(IDN_WEDGED_MS_MIN - 1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL);
    rig_tick(1);
    CHECK_CONTAINS(rig_act(IDN_AGENT_KILL_CHILD)->u.text, "no progress");
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL); // once
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    rig_welcome(0);
    rig_died(IDN_DEATH_SIGNAL, "killed by signal 9");
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.death, IDN_DEATH_HANG);
    CHECK_CONTAINS(rig_must(IDN_WORKER_REPORT, 0)->u.report.text, "no progress");
}

// A queued slice is timed from when the one before it was done.
// Who stood still cannot say what the child did meanwhile.
static void test_a_stall_is_no_hang(void)
{
    rig_new();
    rig_lease(1, 0, 1);
    rig_given(1);
    rig_tick(IDN_WEDGED_MS_MIN - 1);
    rig.now += 5000;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled.ms = 5000});
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL);
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) != NULL);
}

static void test_a_queued_slice_does_not_hang(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    CHECK(rig_compute(1000)); // measured
    rig_given(2), rig_given(3);
    rig_tick(IDN_WEDGED_MS_MIN - 1);
    rig_rows(2, 2, 2, 1000);
    rig_tick(IDN_WEDGED_MS_MIN - 1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL);
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) != NULL);
}

static void test_slow_is_not_hung(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    CHECK(rig_compute(2 * 1000 * 1000)); // 2 s an image: 40 s are allowed
    rig_given(rig_queue.item[0].serial);
    CHECK_INT(rig_queue.item[0].count, 2);
    rig_tick(IDN_WEDGED_IMAGES * 2 * 2000 - 1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) == NULL);
    rig_tick(1);
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) != NULL);
}

static void test_nonsense_from_the_child_kills_it(void)
{
    rig_new();
    rig_lease(1, 0, 100);
    rig_given(1);
    rig_rows(1, 1, 2, 1000); // other images than asked
    CHECK(rig_find(IDN_AGENT_KILL_CHILD) != NULL);
    rig_rows(1, 0, 2, 1000); // too late
    CHECK(rig_sent(IDN_WORKER_REPORT, 0) == NULL);
    rig_died(IDN_DEATH_SIGNAL, "killed by signal 9");
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.death, IDN_DEATH_EXIT);
    CHECK_INT(rig_must(IDN_WORKER_REPORT, 0)->u.report.count, 0);
}

static void test_beats_name_the_images_in_the_child(void)
{
    rig_new();
    rig_lease(1, 20, 100);
    rig_given(1);
    rig_pass(IDN_BEAT_MS - 100);
    rig_tick(100);
    const struct idn_agent_action *beat = rig_find(IDN_AGENT_BEAT);
    CHECK_INT(beat->u.beat.in_child, 2);
    CHECK_INT(beat->u.beat.image[0], 20);
    CHECK_INT(beat->u.beat.lease.serial, 1);
    rig_rows(1, 20, 2, 1000);
    rig_tick(IDN_BEAT_MS);
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.in_child, 0); // slice 2 was not given
    CHECK_INT(rig_act(IDN_AGENT_BEAT)->u.beat.images_done, 2);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_lease_begins_with_its_first_slice),
        CHECK_TEST(test_slices_aim_at_a_time),
        CHECK_TEST(test_a_lease_is_worked_off_and_ends),
        CHECK_TEST(test_a_lease_given_twice_is_one),
        CHECK_TEST(test_a_third_lease_is_ignored),
        CHECK_TEST(test_the_next_lease_is_queued_behind_the_first),
        CHECK_TEST(test_an_alone_image_is_alone),
        CHECK_TEST(test_what_is_not_held_is_unavailable),
        CHECK_TEST(test_an_unavailable_slice_ends_its_lease),
        CHECK_TEST(test_an_unavailable_slice_spares_the_one_before),
        CHECK_TEST(test_rows_after_a_gap_are_worth_nothing),
        CHECK_TEST(test_trim_keeps_what_was_begun),
        CHECK_TEST(test_trim_to_what_is_already_reported_ends_it),
        CHECK_TEST(test_trim_of_an_untouched_lease_ends_it),
        CHECK_TEST(test_trim_of_an_unknown_lease_keeps_nothing),
        CHECK_TEST(test_old_leases_are_stated_to_a_new_reign),
        CHECK_TEST(test_death_names_the_images),
        CHECK_TEST(test_death_of_one_image_alone),
        CHECK_TEST(test_death_spares_leases_not_in_the_child),
        CHECK_TEST(test_rows_before_the_death_are_reported),
        CHECK_TEST(test_restarts_back_off),
        CHECK_TEST(test_a_fruitful_child_is_restarted_at_once),
        CHECK_TEST(test_a_new_class_is_told),
        CHECK_TEST(test_a_hang_is_killed_and_named),
        CHECK_TEST(test_a_stall_is_no_hang),
        CHECK_TEST(test_a_queued_slice_does_not_hang),
        CHECK_TEST(test_slow_is_not_hung),
        CHECK_TEST(test_nonsense_from_the_child_kills_it),
        CHECK_TEST(test_beats_name_the_images_in_the_child),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
