// What suspicion takes away and gives back, urgent work, and that virtual time is refunded: line by
// line, with hand-made messages.
#include "broker/core/benched.h"
#include "broker/core/jobs.h"
#include "broker/core/workers.h"
#include "tests/lib/core_rig.h"

enum { NO_LEASE = 0 };

static struct idn_order granted(struct rig *rig, unsigned n)
{
    const struct idn_order *order = rig_order(rig, n, IDN_ORDER_LEASE);

    CHECK(order != NULL);
    return *order;
}

static void report(
    struct rig *rig, unsigned n, uint64_t number, const struct idn_order *lease, uint32_t count)
{
    struct idn_worker_message *message =
        rig_report(rig, n, number, lease, lease->u.lease.first, count, IDN_END_NONE);

    message->u.report.compute_us = 10000u * count;
    rig_say(rig, n, message);
}

static void beat(struct rig *rig, unsigned n)
{
    rig_beat(rig, n, (struct idn_lease_id){{NO_LEASE}});
}

// So long that nobody has to come back from anything.
static void all_beat(struct rig *rig, unsigned workers, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += IDN_BEAT_MS) {
        rig_pass(rig, IDN_BEAT_MS);
        for (unsigned n = 1; n <= workers; n++)
            beat(rig, n);
    }
}

// Worker 1 falls silent with a task of which it has reported 20; worker 2 has one of its own.
static struct rig *rig_with_a_suspect(struct idn_order lease[static 3])
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 199);
    lease[1] = granted(rig, 1), lease[2] = granted(rig, 2);
    report(rig, 2, 1, &lease[2], 10);
    all_beat(rig, 2, 1000);
    report(rig, 1, 1, &lease[1], 20);
    rig_clear(rig);
    for (int i = 0; i < 3; i++) {
        rig_pass(rig, IDN_BEAT_MS);
        beat(rig, 2);
    }
    return rig;
}

// In the very step in which it is suspected.
static void test_a_helper_is_trimmed_at_once(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 199);
    all_beat(rig, 2, 1000);
    rig_pass(rig, 70);
    beat(rig, 1);
    for (int i = 0; i < IDN_SUSPECTED_MS / 150; i++) {
        rig_pass(rig, 150 - (i == 0));
        beat(rig, 2);
    }
    CHECK(rig_order(rig, 2, IDN_ORDER_TRIM) == NULL);
    rig_pass(rig, 1);
    CHECK(rig_order(rig, 2, IDN_ORDER_TRIM) != NULL);
    rig_destroy(rig);
}

// The other one had lost a beat just then.
static void test_suspicion_is_looked_at_again(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 199);
    all_beat(rig, 2, 1000);
    rig_pass(rig, 250);
    beat(rig, 2);
    rig_pass(rig, IDN_SUSPECTED_MS - 250);
    CHECK_INT(idn_workers_find(rig->core, 101)->presence, IDN_PRESENCE_SUSPECTED);
    CHECK_INT(idn_workers_find(rig->core, 101)->leases, 1);
    beat(rig, 2);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK_INT(idn_workers_find(rig->core, 101)->leases, 0);
    rig_destroy(rig);
}

static void test_a_suspect_s_images_are_urgent(void)
{
    struct idn_order lease[3];
    struct rig *rig = rig_with_a_suspect(lease);

    const struct idn_order *trim = rig_order(rig, 2, IDN_ORDER_TRIM);
    CHECK(trim != NULL && idn_lease_equal(trim->u.trim.id, lease[2].u.lease.id));
    CHECK_INT(trim->u.trim.keep, 0);
    struct idn_order urgent = granted(rig, 2);
    CHECK_INT(urgent.u.lease.first, 20);
    CHECK_INT(urgent.u.lease.count, 80);
    // The helper's own rest comes after it.
    struct idn_worker_message *message = rig_message(rig, 2, IDN_WORKER_TRIMMED);
    message->u.trimmed.lease = lease[2].u.lease.id;
    message->u.trimmed.kept = 15;
    rig_clear(rig);
    rig_say(rig, 2, message);
    CHECK_INT(rig_job(rig, 1).pending, 85);
    rig_hello(rig, 3);
    CHECK_INT(granted(rig, 3).u.lease.first, 115);
    rig_destroy(rig);
}

static struct idn_worker_message *hello_with(
    struct rig *rig, unsigned n, const struct idn_order *lease, uint32_t done)
{
    struct idn_worker_message *hello = rig_hello_message(rig, n);

    hello->u.hello.reports_from = 2;
    hello->u.hello.leases = 1;
    hello->u.hello.lease[0] = (struct idn_held_lease){.id = lease->u.lease.id,
        .job = lease->u.lease.job,
        .spec_hash = lease->u.lease.spec_hash,
        .first = lease->u.lease.first,
        .count = lease->u.lease.count,
        .done = done};
    return hello;
}

static void test_who_was_suspected_says_hello_before_it_gets_more(void)
{
    struct idn_order lease[3];
    struct rig *rig = rig_with_a_suspect(lease);

    rig_clear(rig);
    beat(rig, 1);
    CHECK(rig_order(rig, 1, IDN_ORDER_HELLO_AGAIN) != NULL);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    rig_clear(rig);
    report(rig, 1, 2, &lease[1], 30); // welcome, hello or not: ten of them are new
    CHECK_INT(rig_job(rig, 1).ok, 40);
    CHECK(rig_order(rig, 1, IDN_ORDER_HELLO_AGAIN) == NULL); // asked just now
    rig_say(rig, 1, hello_with(rig, 1, &lease[1], 30));      // its images are worker 2's now
    CHECK(idn_lease_equal(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.id, lease[1].u.lease.id));
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.keep, 0);
    rig_destroy(rig);
}

// Nobody has taken its images yet: the only other one already helps with another run.
static void test_what_is_pending_still_is_adopted(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_order lease[4];

    for (unsigned n = 1; n <= 3; n++)
        rig_hello(rig, n);
    rig_submit(rig, 1, "alexnet", 0, 199);
    rig_submit(rig, 2, "alexnet", 0, 99);
    for (unsigned n = 1; n <= 3; n++) {
        lease[n] = granted(rig, n);
        report(rig, n, 1, &lease[n], 10);
    }
    all_beat(rig, 3, 1000);
    rig_clear(rig);
    for (int i = 0; i < 3; i++) {
        rig_pass(rig, IDN_BEAT_MS);
        beat(rig, 3);
    }
    struct idn_order taken = granted(rig, 3);
    // Worker 3 is done with its own part, and is not trimmed for the second run while it helps.
    struct idn_worker_message *message = rig_message(rig, 3, IDN_WORKER_TRIMMED);
    message->u.trimmed.lease = lease[3].u.lease.id;
    message->u.trimmed.kept = 10;
    rig_say(rig, 3, message);
    all_beat(rig, 3, 400);
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_TRIM), 1);
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_LEASE), 1);
    bool of_first = idn_key_equal(&taken.u.lease.job, &lease[1].u.lease.job) &&
                    taken.u.lease.first == lease[1].u.lease.first + 10;
    unsigned back = of_first ? 2 : 1;
    rig_clear(rig);
    rig_say(rig, back, hello_with(rig, back, &lease[back], 10));
    CHECK(rig_order(rig, back, IDN_ORDER_TRIM) == NULL);
    CHECK_INT(idn_workers_find(rig->core, 100 + back)->leases, 1);
    CHECK_INT(idn_workers_find(rig->core, 100 + back)->lease[0]->left, 90);
    rig_destroy(rig);
}

// Both were dead. Who comes back first is not trimmed for the other's images before that one had
// time to come back too.
static void test_the_others_may_follow(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_order lease;

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 199);
    lease = granted(rig, 2);
    report(rig, 2, 1, &lease, 10);
    rig_pass(rig, 2000);
    rig_clear(rig);
    rig_say(rig, 2, hello_with(rig, 2, &lease, 10));
    rig_pass(rig, 2 * IDN_BEAT_MS - 1);
    CHECK(rig_order(rig, 2, IDN_ORDER_TRIM) == NULL);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK(idn_lease_equal(rig_order(rig, 2, IDN_ORDER_TRIM)->u.trim.id, lease.u.lease.id));
    CHECK_INT(granted(rig, 2).u.lease.first, 0);
    rig_destroy(rig);
}

static void test_nothing_is_stolen_from_one_that_may_follow(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_order lease;

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    lease = granted(rig, 1);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 10, IDN_END_NONE);
    message->u.report.compute_us = 500000; // 90 of 50 ms are left
    rig_say(rig, 1, message);
    rig_pass(rig, IDN_SUSPECTED_MS + 100);
    rig_hello(rig, 2);
    rig_hello(rig, 3); // finds nothing pending
    CHECK_INT(idn_workers_find(rig->core, 101)->presence, IDN_PRESENCE_SUSPECTED);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    beat(rig, 1);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) != NULL);
    rig_destroy(rig);
}

static void test_results_by_others_have_a_lease_cut_anew(void)
{
    struct idn_order lease[3];
    struct rig *rig = rig_with_a_suspect(lease);
    struct idn_order urgent = granted(rig, 2);

    rig_clear(rig);
    report(rig, 1, 2, &lease[1], 29); // nine are new: less than a slice of 100 ms
    CHECK(rig_order(rig, 2, IDN_ORDER_TRIM) == NULL);
    report(rig, 1, 3, &lease[1], 50);
    CHECK(idn_lease_equal(rig_order(rig, 2, IDN_ORDER_TRIM)->u.trim.id, urgent.u.lease.id));
    struct idn_worker_message *message = rig_message(rig, 2, IDN_WORKER_TRIMMED);
    message->u.trimmed.lease = urgent.u.lease.id; // not begun
    rig_say(rig, 2, message);
    CHECK_INT(granted(rig, 2).u.lease.first, 50);
    rig_destroy(rig);
}

// What was in the child of one that died is suspect, whoever has it by then.
static void test_a_dead_host_s_images_in_the_child_become_suspect(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_worker_beat last = {.nonce = 101, .sequence = 1000000, .in_child = 2};

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    last.lease = granted(rig, 1).u.lease.id;
    last.image[0] = 4, last.image[1] = 5;
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &last});
    rig_pass(rig, IDN_DEAD_MS);
    rig_hello(rig, 2);
    CHECK_INT(granted(rig, 2).u.lease.count, 4); // 0 .. 3, urgent
    rig_hello(rig, 3);
    CHECK_INT(granted(rig, 3).u.lease.first, 6);
    rig_hello(rig, 4);
    CHECK_INT(granted(rig, 4).u.lease.alone, 1);
    rig_destroy(rig);
}

static void child_dies_of(
    struct rig *rig, unsigned n, const struct idn_order *lease, uint32_t image)
{
    struct idn_worker_message *message = rig_report(rig, n, 1, lease, 0, 0, IDN_END_DEATH);

    message->u.report.in_child = 1, message->u.report.image[0] = image;
    message->u.report.alone = true;
    rig_say(rig, n, message);
}

// Image 100 died on worker 1, which has nothing else to do; worker 2 is to try it.
static struct rig *rig_with_an_image_for_another(struct idn_order *ret_lease)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_hello(rig, 1);
    rig_submit(rig, 2, "alexnet", 100, 100);
    *ret_lease = granted(rig, 1);
    rig_clear(rig);
    child_dies_of(rig, 1, ret_lease, 100);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    return rig;
}

static void test_nobody_waits_for_a_worker_that_is_out_of_reach(void)
{
    struct idn_order lease;
    struct rig *rig = rig_with_an_image_for_another(&lease);

    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {.peer = 2}});
    CHECK_INT(granted(rig, 1).u.lease.alone, 1);
    CHECK_INT(idn_workers_find(rig->core, 102)->leases, 1);
    rig_destroy(rig);
}

// It had the image from a reign of before.
static void test_nobody_waits_for_a_worker_that_has_tried(void)
{
    struct idn_order lease;
    struct rig *rig = rig_with_an_image_for_another(&lease);

    lease.u.lease.id.epoch.counter = 0;
    child_dies_of(rig, 2, &lease, 100);
    CHECK_INT(granted(rig, 1).u.lease.alone, 1);
    CHECK_INT(idn_workers_find(rig->core, 102)->leases, 1);
    rig_destroy(rig);
}

static void hello_with_model(struct rig *rig, unsigned n, unsigned model)
{
    struct idn_worker_message *hello = rig_hello_message(rig, n);

    hello->u.hello.models = 1;
    hello->u.hello.model[0] = hello->u.hello.model[model];
    rig_say(rig, n, hello);
}

// ---- benched
struct death {
    uint64_t ms; // passes before it
    uint32_t index;
    bool benched; // after it
};

static void check_benched(const struct death *death, size_t deaths)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_key key = rig_key(1);

    rig_submit(rig, 1, "alexnet", 0, 199);
    rig_hello(rig, 1);
    rig_hello(rig, 2);
    for (size_t i = 0; i < deaths; i++) {
        for (uint64_t passed = 0; passed < death[i].ms; passed += IDN_BEAT_MS)
            all_beat(rig, 2, IDN_BEAT_MS);
        struct idn_worker *worker = idn_workers_find(rig->core, 101);
        idn_benched_death(rig->core, worker, idn_jobs_find(rig->core, &key), death[i].index);
        CHECK_INT(worker->benched, death[i].benched);
    }
    rig_destroy(rig);
}

static void test_deaths_on_three_tasks_bench(void)
{
    static const struct death tasks[] = {{0, 5, false}, {0, 105, false}, {0, 250, true}};

    check_benched(tasks, 3);
}

static void test_deaths_on_one_task_do_not(void)
{
    static const struct death same[] = {
        {0, 5, false}, {0, 6, false}, {0, 99, false}, {0, 100, false}, {0, 5, false}};

    check_benched(same, 5);
}

static void test_deaths_of_more_than_a_minute_do_not(void)
{
    static const struct death slow[] = {{0, 5, false}, {IDN_BENCH_MS / 2, 105, false},
        {IDN_BENCH_MS / 2, 250, false}, {0, 350, true}};

    check_benched(slow, 4);
}

static void child_dies_on_three_tasks(struct rig *rig, unsigned n, unsigned job)
{
    struct idn_key key = rig_key(job);
    struct idn_worker *worker = idn_workers_find(rig->core, 100 + n);

    for (uint32_t index = 0; index < 300; index += 100)
        idn_benched_death(rig->core, worker, idn_jobs_find(rig->core, &key), index);
}

static bool is_benched(const struct rig *rig, unsigned n)
{
    return idn_workers_find(rig->core, 100 + n)->benched;
}

// 1 and 2 can serve the job, 3 to 5 only another model.
static struct rig *rig_with_two_who_can(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_submit(rig, 1, "alexnet", 0, 199);
    for (unsigned n = 1; n <= 5; n++)
        hello_with_model(rig, n, n <= 2 ? 0 : 1);
    all_beat(rig, 5, IDN_BEAT_MS);
    return rig;
}

static void test_who_alone_can_serve_a_job_is_not_benched(void)
{
    struct rig *rig = rig_with_two_who_can();

    child_dies_on_three_tasks(rig, 1, 1);
    CHECK(is_benched(rig, 1));
    child_dies_on_three_tasks(rig, 2, 1); // two of five, but nobody else has the model
    CHECK(!is_benched(rig, 2));
    rig_destroy(rig);
}

static void test_who_is_needed_leaves_the_bench(void)
{
    struct rig *rig = rig_with_two_who_can();

    child_dies_on_three_tasks(rig, 1, 1);
    all_beat(rig, 5, 3000);
    CHECK(is_benched(rig, 1));
    rig_say(rig, 2, rig_message(rig, 2, IDN_WORKER_GOODBYE));
    rig_clear(rig);
    all_beat(rig, 1, 2000);
    CHECK(!is_benched(rig, 1));
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) != NULL);
    rig_destroy(rig);
}

// Of many that are benched a few are looked at each second, in turn. 18 and 19 have the one model,
// all others the other one.
static void test_of_many_who_is_needed_leaves_the_bench_too(void)
{
    enum { BENCHED = 18, WORKERS = 36 };
    struct rig *rig = rig_new();

    rig->model[0].batch = rig->model[1].batch = 100;
    rig->config.workers_max = WORKERS;
    rig_boot(rig);
    rig_begin_reign(rig);
    rig_submit(rig, 1, "alexnet", 0, 199);
    rig_submit(rig, 2, "resnet18", 0, 199);
    for (unsigned n = 1; n <= WORKERS; n++)
        hello_with_model(rig, n, n == 18 || n == 19 ? 0 : 1);
    rig_clear(rig);
    for (unsigned n = 1; n <= BENCHED; n++) {
        child_dies_on_three_tasks(rig, n, n == 18 ? 1 : 2);
        CHECK(is_benched(rig, n));
    }
    rig_say(rig, 19, rig_message(rig, 19, IDN_WORKER_GOODBYE));
    for (int second = 0; second < 3; second++) {
        rig_clear(rig);
        all_beat(rig, WORKERS, 1000);
    }
    CHECK(!is_benched(rig, 18));
    CHECK(is_benched(rig, 17));
    rig_destroy(rig);
}

// ---- virtual time: images that come back are not charged
enum { JOB_LEASED = 1, JOB_HALF_DONE = 2 };

// One job has half a task done; all of another's first task is leased to worker 1.
static struct rig *rig_with_a_task_in_flight(struct idn_order *ret_lease)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_order lease;

    rig_submit(rig, JOB_LEASED, "alexnet", 0, 199);
    rig_submit(rig, JOB_HALF_DONE, "resnet18", 0, 199);
    hello_with_model(rig, 2, 1);
    lease = granted(rig, 2);
    report(rig, 2, 1, &lease, 4);
    rig_say(rig, 2, rig_message(rig, 2, IDN_WORKER_GOODBYE));
    hello_with_model(rig, 1, 0);
    *ret_lease = granted(rig, 1);
    CHECK_INT(rig_job(rig, JOB_LEASED).in_flight, 100);
    return rig;
}

static unsigned chosen(struct rig *rig)
{
    rig_hello(rig, 3);
    return granted(rig, 3).u.lease.job.bytes[0];
}

static void test_time_in_flight_is_charged(void)
{
    struct idn_order lease;
    struct rig *rig = rig_with_a_task_in_flight(&lease);

    CHECK_INT(chosen(rig), JOB_HALF_DONE);
    rig_destroy(rig);
}

static void ends_by_goodbye(struct rig *rig, const struct idn_order *lease)
{
    (void)lease;
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
}

static void ends_by_silence(struct rig *rig, const struct idn_order *lease)
{
    (void)lease;
    rig_pass(rig, IDN_DEAD_MS);
}

static void ends_by_death(struct rig *rig, const struct idn_order *lease)
{
    rig_say(rig, 1, rig_report(rig, 1, 1, lease, 0, 0, IDN_END_DEATH));
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
}

static void ends_by_trim(struct rig *rig, const struct idn_order *lease)
{
    struct idn_worker_message *message = rig_message(rig, 1, IDN_WORKER_TRIMMED);

    message->u.trimmed.lease = lease->u.lease.id;
    message->u.trimmed.kept = 1;
    rig_say(rig, 1, message);
}

static void test_time_is_refunded(void)
{
    static void (*const ends[])(struct rig * rig, const struct idn_order *lease) = {
        ends_by_goodbye, ends_by_silence, ends_by_death, ends_by_trim};

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct idn_order lease;
        struct rig *rig = rig_with_a_task_in_flight(&lease);
        ends[i](rig, &lease);
        CHECK(rig_job(rig, JOB_LEASED).in_flight <= 1);
        CHECK_INT(chosen(rig), JOB_LEASED); // as if it had not been leased
        rig_destroy(rig);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_suspect_s_images_are_urgent),
        CHECK_TEST(test_a_helper_is_trimmed_at_once),
        CHECK_TEST(test_suspicion_is_looked_at_again),
        CHECK_TEST(test_the_others_may_follow),
        CHECK_TEST(test_nothing_is_stolen_from_one_that_may_follow),
        CHECK_TEST(test_nobody_waits_for_a_worker_that_is_out_of_reach),
        CHECK_TEST(test_nobody_waits_for_a_worker_that_has_tried),
        CHECK_TEST(test_deaths_on_three_tasks_bench),
        CHECK_TEST(test_who_alone_can_serve_a_job_is_not_benched),
        CHECK_TEST(test_who_is_needed_leaves_the_bench),
        CHECK_TEST(test_of_many_who_is_needed_leaves_the_bench_too),
        CHECK_TEST(test_deaths_on_one_task_do_not),
        CHECK_TEST(test_deaths_of_more_than_a_minute_do_not),
        CHECK_TEST(test_who_was_suspected_says_hello_before_it_gets_more),
        CHECK_TEST(test_what_is_pending_still_is_adopted),
        CHECK_TEST(test_results_by_others_have_a_lease_cut_anew),
        CHECK_TEST(test_a_dead_host_s_images_in_the_child_become_suspect),
        CHECK_TEST(test_time_in_flight_is_charged),
        CHECK_TEST(test_time_is_refunded),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
