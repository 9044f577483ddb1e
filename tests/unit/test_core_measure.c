// Rates over each window against a log of what was reported; the gap; task times of whole tasks
// only.
#include "tests/lib/measure_kit.h"

#include "base/random.h"

enum { LOG_MAX = 4096, STORM_STEPS = 400 };

static struct kit kit;

static void begin(void)
{
    kit_begin(&kit);
}

static void end(void)
{
    rig_destroy(kit.rig);
}

// ---- rates

// What was reported when; and of each job, when the windows without a length began.
struct log {
    uint64_t ms[LOG_MAX];
    uint32_t job[LOG_MAX], images[LOG_MAX];
    size_t count;
    uint64_t first_ms[3], shared_ms;
    size_t change_at, shared_at; // entries from here on are of these windows
};

static void note_change(struct log *log)
{
    log->change_at = log->count;
}

static void note_shared(struct log *log)
{
    log->shared_ms = kit.rig->now;
    log->shared_at = log->count;
}

static void note_work(struct log *log, unsigned job, uint32_t images)
{
    CHECK(log->count < LOG_MAX);
    log->ms[log->count] = kit.rig->now;
    log->job[log->count] = job;
    log->images[log->count++] = images;
    if (log->first_ms[job] != 0)
        return;
    log->first_ms[job] = kit.rig->now;
    note_shared(log);
}

static double sum_since(const struct log *log, unsigned job, size_t at, uint64_t ms)
{
    double sum = 0;

    for (; at < log->count; at++)
        sum += log->job[at] == job && log->ms[at] >= ms ? log->images[at] : 0;
    return sum;
}

// From its first result after the change on, and without that one.
static double expected_of_change(const struct log *log, unsigned job)
{
    size_t at = log->change_at;

    while (at < log->count && log->job[at] != job)
        at++;
    if (at == log->count)
        return 0;
    uint64_t ms = kit.rig->now - log->ms[at];
    return sum_since(log, job, at + 1, 0) * 1000 / (double)(ms < 1000 ? 1000 : ms);
}

static double expected(const struct log *log, unsigned job, enum idn_window window)
{
    uint64_t now = kit.rig->now, seconds = window == IDN_WINDOW_10S ? 9 : 59, since = 0;
    double sum;

    if (window == IDN_WINDOW_CHANGE)
        return expected_of_change(log, job);
    if (window == IDN_WINDOW_SHARED && (log->first_ms[1] == 0 || log->first_ms[2] == 0))
        return 0; // one of those that share has had no result yet
    if (window == IDN_WINDOW_SHARED) {
        since = log->shared_ms;
        sum = sum_since(log, job, log->shared_at, 0);
    } else {
        since = now / 1000 > seconds ? (now / 1000 - seconds) * 1000 : 0;
        sum = sum_since(log, job, 0, since);
        if (log->first_ms[job] / 1000 * 1000 > since)
            since = log->first_ms[job] / 1000 * 1000;
    }
    return log->first_ms[job] == 0 ? 0
                                   : sum * 1000 / (double)(now - since < 1000 ? 1000 : now - since);
}

static void check_rates(const struct log *log)
{
    for (unsigned job = 1; job <= 2; job++) {
        for (int i = 0; i < IDN_WINDOWS; i++)
            CHECK(kit_near(
                kit_rate(&kit, job, (enum idn_window)i), expected(log, job, (enum idn_window)i)));
        CHECK(kit_near(rig_job(kit.rig, job).images_per_s, expected(log, job, IDN_WINDOW_10S)));
    }
}

static void work(struct log *log, struct idn_random *random)
{
    unsigned n = 1 + idn_random_below(random, 2);
    uint32_t left = kit_lease(&kit, n)->left, images = 1 + idn_random_below(random, left);

    kit_work(&kit, n, images, 1000 * images);
    note_work(log, n, images);
}

static void change(struct log *log, struct idn_random *random)
{
    static const char *const values[] = {"2", "3"};

    switch (idn_random_below(random, 4)) {
    case 0:
        kit_hello(&kit, 3);
        note_change(log);
        kit_goodbye(&kit, 3);
        break;
    case 1: // twice: one of them is not what it is already
        for (int i = 0; i < 2; i++)
            kit_set(&kit, 2, "weight", values[i]);
        note_shared(log);
        break;
    case 2:
        kit_set(&kit, 0, "drain/w1", "1");
        kit_set(&kit, 0, "drain/w1", "0");
        break;
    default:
        kit_submit(&kit, 3, "broken", 5); // refused
        return;
    }
    note_change(log);
}

static void test_rates(void)
{
    static struct log log;
    struct idn_random random;

    begin();
    idn_random_init(&random, 11, 1);
    kit_submit(&kit, 1, "alexnet", 8000);
    kit_submit(&kit, 2, "resnet18", 8000);
    note_change(&log);
    for (int step = 0; step < STORM_STEPS; step++) {
        uint32_t dice = idn_random_below(&random, 100);
        if (dice < 70)
            work(&log, &random);
        else if (dice < 72 && log.first_ms[1] != 0 && log.first_ms[2] != 0)
            change(&log, &random);
        else
            kit_pass(&kit, dice < 98 ? 1 + idn_random_below(&random, 900) : 11000);
        check_rates(&log);
    }
    kit_pass(&kit, 9000);
    check_rates(&log);
    end();
}

static void test_a_quiet_minute_is_forgotten(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 10, 1000);
    CHECK(kit_rate(&kit, 1, IDN_WINDOW_60S) > 9);
    kit_pass(&kit, 61000);
    CHECK(kit_rate(&kit, 1, IDN_WINDOW_60S) <= 0);
    CHECK(kit_rate(&kit, 1, IDN_WINDOW_SHARED) <= 0); // its first result is not of that window
    kit_pass(&kit, 120000);
    kit_work(&kit, 1, 6, 1000);
    uint64_t begin_ms = idn_measure_begin(kit.rig->core, IDN_WINDOW_60S, kit.rig->now);
    CHECK(kit_near(kit_rate(&kit, 1, IDN_WINDOW_60S), 6000.0 / (double)(kit.rig->now - begin_ms)));
    end();
}

// An image counts once, whoever reports it, and only while its job is open.
static void test_images_count_once(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 20);
    const struct idn_lease *lease = kit_lease(&kit, 1);
    struct idn_order order = {
        .u.lease = {
            .id = {.serial = 99}, .job = lease->job->key, .spec_hash = lease->job->spec_hash}};
    rig_say(kit.rig, 2, rig_report(kit.rig, 2, ++kit.reports[2], &order, 0, 4, IDN_END_NONE));
    CHECK_INT(kit_job(&kit, 1)->images.kind[IDN_IMAGE_OK], 4);
    kit_pass(&kit, 2000);
    double rate = kit_rate(&kit, 1, IDN_WINDOW_60S);
    rig_say(kit.rig, 1, rig_report(kit.rig, 1, ++kit.reports[1], &order, 0, 4, IDN_END_NONE));
    CHECK(kit_near(kit_rate(&kit, 1, IDN_WINDOW_60S), rate));
    rig_ask(kit.rig, 1, IDN_REQUEST_CANCEL);
    CHECK_INT(kit_job(&kit, 1)->measured, 0);
    CHECK(rig_job(kit.rig, 1).images_per_s <= 0);
    end();
}

// ---- the gap

static bool gap(enum idn_window window, double *ret)
{
    struct idn_gap gap;
    bool is = idn_measure_gap(kit.rig->core, window, kit.rig->now, &gap);

    if (is) {
        CHECK_INT(gap.jobs, 2);
        *ret = gap.gap;
    }
    return is;
}

static bool gap_is(enum idn_window window, double wanted)
{
    double is;

    return gap(window, &is) && kit_near(is, wanted);
}

static void test_gap(void)
{
    double is;

    begin();
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_run(&kit, 3, 1, 0);
    CHECK(!gap(IDN_WINDOW_SHARED, &is)); // of one job there is none
    kit_submit(&kit, 2, "resnet18", 5000);
    CHECK(!gap(IDN_WINDOW_SHARED, &is)); // nor before both have a first result
    kit_pass(&kit, 100);
    kit_work(&kit, 2, 1, 1000);
    kit_work(&kit, 2, 7, 7000);
    CHECK(!gap(IDN_WINDOW_SHARED, &is)); // the first one has done nothing since: too soon to say
    kit_run(&kit, 12, 3, 3);
    is = 1 - 36.0 / (36 + 7.0 / 8);
    CHECK(gap_is(IDN_WINDOW_SHARED, is));
    CHECK(gap_is(IDN_WINDOW_10S, 0));
    CHECK(!gap(IDN_WINDOW_60S, &is));    // it began before the second job did
    CHECK(!gap(IDN_WINDOW_CHANGE, &is)); // likewise: the change was its submission
    kit_run(&kit, 9, 4, 1);
    CHECK(gap_is(IDN_WINDOW_10S, 0.75));
    kit_run(&kit, 50, 2, 2);
    CHECK(gap(IDN_WINDOW_60S, &is) && is > 0 && is < 0.75);
    CHECK(gap_is(IDN_WINDOW_10S, 0));
    kit_set(&kit, 1, "weight", "4");
    CHECK(!gap(IDN_WINDOW_10S, &is) && !gap(IDN_WINDOW_60S, &is)); // other terms before
    kit_run(&kit, 11, 4, 1);
    CHECK(gap_is(IDN_WINDOW_10S, 0) && gap_is(IDN_WINDOW_CHANGE, 0));
    CHECK(gap_is(IDN_WINDOW_SHARED, 0));
    kit_set(&kit, 0, "batch/resnet18", "4");
    CHECK(!gap(IDN_WINDOW_10S, &is));
    CHECK_INT(kit.rig->core->measures.changed_by, IDN_CHANGE_BATCH);
    end();
}

// Who has nothing left that others could take is not slow, but done.
static void test_gap_is_of_jobs_with_work_left(void)
{
    double is;

    begin();
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_submit(&kit, 2, "resnet18", 14 * 8);
    kit_run(&kit, 11, 1, 1);
    CHECK(gap_is(IDN_WINDOW_10S, 0)); // its last task is still pending
    while (idn_job_pending(kit_job(&kit, 2)) > 0)
        kit_work(&kit, 2, kit_lease(&kit, 2)->left, 1000);
    CHECK_INT(kit_job(&kit, 2)->state, IDN_JOB_OPEN);
    CHECK(!gap(IDN_WINDOW_10S, &is) && !gap(IDN_WINDOW_SHARED, &is));
    kit_goodbye(&kit, 2); // what it held is pending again, but was not all the time
    CHECK(idn_job_pending(kit_job(&kit, 2)) > 0);
    CHECK(!gap(IDN_WINDOW_10S, &is) && !gap(IDN_WINDOW_SHARED, &is));
    kit_run(&kit, 11, 1, 0);
    CHECK(!gap(IDN_WINDOW_10S, &is)); // it was, but there is nobody to be given it
    end();
}

static void test_short_windows(void)
{
    double is;

    begin();
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_submit(&kit, 2, "resnet18", 5000);
    kit_run(&kit, 5, 1, 1);
    kit_set(&kit, 1, "weight", "2");
    kit_run(&kit, 4, 2, 1);
    CHECK(!gap(IDN_WINDOW_SHARED, &is) && !gap(IDN_WINDOW_CHANGE, &is));
    kit_run(&kit, 1, 2, 1);
    CHECK(gap_is(IDN_WINDOW_SHARED, 0) && gap_is(IDN_WINDOW_CHANGE, 0));
    end();
}

// ---- task times

static struct idn_moments task_us(uint32_t model)
{
    return kit.rig->core->measures.task_us[model].moments;
}

static void test_whole_tasks(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 35);
    kit_work(&kit, 1, 4, 1000);
    kit_work(&kit, 1, 3, 500);
    CHECK_INT(task_us(0).count, 0);
    kit_work(&kit, 1, 3, 700);
    CHECK_INT(task_us(0).count, 1);
    CHECK(kit_near(task_us(0).mean, 2200));
    kit_work(&kit, 1, 10, 4200);
    kit_work(&kit, 1, 10, 3200);
    CHECK_INT(idn_measure_job_task_us(kit.rig->core, kit_job(&kit, 1)).count, 3);
    kit_work(&kit, 1, 5, 9999999); // less than a batch: no task like the others
    CHECK_INT(task_us(0).count, 3);
    CHECK(kit_near(task_us(0).mean, 3200));
    CHECK_INT(rig_job(kit.rig, 1).state, IDN_JOB_FINISHED);
    CHECK_INT(task_us(1).count, 0);
    end();
}

// The store lost rows of a job that was read back, and they are computed again.
static void test_images_that_had_results_before(void)
{
    const struct idn_folded seven = {.fresh = 7, .first = 0, .last = 6};

    begin();
    kit_submit(&kit, 1, "alexnet", 30);
    for (int i = 0; i < 2; i++) {
        idn_measure_report(kit.rig->core, kit_job(&kit, 1), &seven, 7, 1000);
        CHECK_INT(task_us(0).count, 0);
    }
    end();
}

// A task that two workers share is whole all the same.
static void test_a_task_of_two_workers(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 4, 1000);
    uint32_t first = kit_lease(&kit, 1)->first;
    kit_goodbye(&kit, 1);
    kit_hello(&kit, 3);
    CHECK_INT(kit_lease(&kit, 3)->first, first + 4);
    kit_work(&kit, 3, 6, 5000);
    CHECK_INT(task_us(0).count, 1);
    CHECK(kit_near(task_us(0).mean, 6000));
    end();
}

// After a restart, what was begun before it is no whole task.
static void test_a_task_begun_before_is_not_counted(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 4, 1000);
    rig_restart(kit.rig);
    kit_hello(&kit, 1);
    kit_pass(&kit, 2000);
    CHECK_INT(kit_lease(&kit, 1)->first, 4);
    kit_work(&kit, 1, 2, 1000);
    kit_work(&kit, 1, 4, 1000);
    CHECK_INT(task_us(0).count, 0);
    kit_work(&kit, 1, 10, 1234);
    CHECK_INT(task_us(0).count, 1);
    CHECK(kit_near(task_us(0).mean, 1234));
    end();
}

// Rows that are there already took time too, but not this task's.
static void test_repeated_rows_take_no_time(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 5, 1000);
    const struct idn_lease *lease = kit_lease(&kit, 1);
    struct idn_order order = {
        .u.lease = {
            .id = {.serial = 99}, .job = lease->job->key, .spec_hash = lease->job->spec_hash}};
    struct idn_worker_message *message =
        rig_report(kit.rig, 2, ++kit.reports[2], &order, 0, 10, IDN_END_NONE);
    message->u.report.compute_us = 8000;
    rig_say(kit.rig, 2, message);
    CHECK_INT(task_us(0).count, 1);
    CHECK(kit_near(task_us(0).mean, 1000 + 4000));
    end();
}

// Another batch makes other tasks: what was measured and begun before is not theirs.
static void test_another_batch(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 10, 1000);
    kit_work(&kit, 1, 4, 1000);
    kit_set(&kit, 0, "batch/alexnet", "5");
    CHECK_INT(task_us(0).count, 0);
    CHECK_INT(idn_measure_job_task_us(kit.rig->core, kit_job(&kit, 1)).count, 0);
    kit_work(&kit, 1, 2, 1000); // of the tasks 10 to 14 and 15 to 19
    kit_work(&kit, 1, 4, 1000);
    CHECK_INT(task_us(0).count, 0);
    kit_work(&kit, 1, 5, 777);
    CHECK_INT(task_us(0).count, 1);
    CHECK(kit_near(task_us(0).mean, 777));
    kit_set(&kit, 0, "batch/alexnet", "5"); // it is already
    CHECK_INT(task_us(0).count, 1);
    end();
}

// The rest of a small task is not a whole one of the greater ones that come after it.
static void test_a_greater_batch(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_work(&kit, 1, 4, 1000);
    kit_set(&kit, 0, "batch/alexnet", "14");
    kit_work(&kit, 1, 6, 1000);
    CHECK_INT(task_us(0).count, 0);
    CHECK_INT(kit_lease(&kit, 1)->first, 10);
    kit_work(&kit, 1, 4, 1000);
    CHECK_INT(task_us(0).count, 0);
    end();
}

// ---- what may be expected

// Images a second of the first job; kit_run(&kit, ) has ended with a second without any.
static bool expects(double rate)
{
    double is = idn_measure_expected_images_per_s(kit.rig->core, kit_job(&kit, 1), kit.rig->now);

    return fabs(is - rate) <= rate * 0.1;
}

static void test_expected_finish(void)
{
    uint64_t ms;

    begin();
    kit_submit(&kit, 1, "alexnet", 2000);
    CHECK(!idn_measure_finish_ms(kit.rig->core, kit_job(&kit, 1), kit.rig->now, &ms));
    kit_run(&kit, 40, 2, 0);
    CHECK(idn_measure_finish_ms(kit.rig->core, kit_job(&kit, 1), kit.rig->now, &ms));
    CHECK(ms >= 57000 && ms <= 63000);
    kit_hello(&kit, 3); // a change: only the last ten seconds count until the next ten are over
    kit_run(&kit, 5, 1, 0);
    double rate = kit_rate(&kit, 1, IDN_WINDOW_10S);
    CHECK(kit_near(
        idn_measure_expected_images_per_s(kit.rig->core, kit_job(&kit, 1), kit.rig->now), rate));
    kit_run(&kit, 10, 1, 0); // then those since the change
    CHECK(expects(10));
    kit_pass(&kit, 60000);
    CHECK(!idn_measure_finish_ms(kit.rig->core, kit_job(&kit, 1), kit.rig->now, &ms));
    kit_work(&kit, 1, 10, 1000);
    kit_pass(&kit, 1000);
    CHECK(!idn_measure_finish_ms(kit.rig->core, kit_job(&kit, 1), kit.rig->now, &ms));
    kit_run(&kit, 3, 4, 0); // the pause before is no work at all
    CHECK(expects(40));
    end();
}

// A job that waits for the only worker that can do it is not as slow as it was long in waiting.
static void test_what_waited_is_not_slow(void)
{
    begin();
    kit_goodbye(&kit, 2);
    kit_submit(&kit, 2, "resnet18", 5000);
    kit_pass(&kit, 30000);
    kit_hello(&kit, 2); // a change
    kit_pass(&kit, 4000);
    CHECK_INT(idn_measure_change_ms(kit.rig->core, kit_job(&kit, 2), kit.rig->now), 0);
    kit_run(&kit, 7, 0, 2);
    CHECK_INT(idn_measure_change_ms(kit.rig->core, kit_job(&kit, 2), kit.rig->now), 7000);
    CHECK(kit_near(kit_rate(&kit, 2, IDN_WINDOW_CHANGE), (7 * 16 - 8) / 7.0));
    CHECK(kit_near(
        idn_measure_expected_images_per_s(kit.rig->core, kit_job(&kit, 2), kit.rig->now), 16));
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_rates),
        CHECK_TEST(test_a_quiet_minute_is_forgotten), CHECK_TEST(test_images_count_once),
        CHECK_TEST(test_gap), CHECK_TEST(test_gap_is_of_jobs_with_work_left),
        CHECK_TEST(test_whole_tasks), CHECK_TEST(test_images_that_had_results_before),
        CHECK_TEST(test_a_task_of_two_workers), CHECK_TEST(test_a_task_begun_before_is_not_counted),
        CHECK_TEST(test_repeated_rows_take_no_time), CHECK_TEST(test_another_batch),
        CHECK_TEST(test_a_greater_batch), CHECK_TEST(test_expected_finish),
        CHECK_TEST(test_what_waited_is_not_slow), CHECK_TEST(test_short_windows)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
