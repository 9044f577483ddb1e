// The dispatch rule's lines one by one (the table in broker/core/dispatch.c), with hand-made
// reports.
#include "broker/core/jobs.h"
#include "broker/core/policy.h"
#include "broker/core/workers.h"
#include "tests/lib/core_rig.h"

static struct idn_order granted(struct rig *rig, unsigned n)
{
    const struct idn_order *order = rig_order(rig, n, IDN_ORDER_LEASE);

    CHECK(order != NULL);
    return *order;
}

// A report whose images took so long each.
static void report(struct rig *rig, unsigned n, uint64_t number, const struct idn_order *lease,
    uint32_t first, uint32_t count, uint64_t image_us)
{
    struct idn_worker_message *message =
        rig_report(rig, n, number, lease, first, count, IDN_END_NONE);

    message->u.report.compute_us = image_us * count;
    rig_say(rig, n, message);
}

static void trimmed(struct rig *rig, unsigned n, const struct idn_order *lease, uint32_t kept)
{
    struct idn_worker_message *message = rig_message(rig, n, IDN_WORKER_TRIMMED);

    message->u.trimmed.lease = lease->u.lease.id;
    message->u.trimmed.kept = kept;
    rig_say(rig, n, message);
}

static const struct idn_job *job_of(const struct rig *rig, unsigned number)
{
    struct idn_key key = rig_key(number);

    return idn_jobs_find(rig->core, &key);
}

static void test_the_next_lease_comes_before_the_current_one_runs_out(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    CHECK_INT(lease.u.lease.count, 100);
    CHECK_INT(lease.u.lease.first_slice, 1);
    rig_clear(rig);
    report(rig, 1, 1, &lease, 0, 48, 10000); // 52 images of 10 ms are left
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    report(rig, 1, 2, &lease, 48, 3, 10000); // 49
    CHECK_INT(granted(rig, 1).u.lease.first, 100);
    CHECK_INT(granted(rig, 1).u.lease.first_slice, 10); // what it does in IDN_SLICE_MS
    rig_clear(rig);
    report(rig, 1, 3, &lease, 51, 10, 10000); // never a third
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    rig_destroy(rig);
}

// Whatever it holds, it does no more in that time.
static void test_what_a_worker_will_have_done_is_counted_once(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    uint32_t soon = IDN_SHARE_MS / 10 + 1; // of images that take 10 ms

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    CHECK_INT(job_of(rig, 1)->claim, 100); // nothing is known of its speed
    rig_clear(rig);
    report(rig, 1, 1, &lease, 0, 60, 10000);
    struct idn_order next = granted(rig, 1);
    CHECK_INT(next.u.lease.first, 100);
    CHECK_INT(job_of(rig, 1)->claim, soon); // 40 of the first one, the rest of the second
    struct idn_worker_message *message = rig_report(rig, 1, 2, &lease, 60, 40, IDN_END_DONE);
    message->u.report.compute_us = 40 * 10000;
    rig_say(rig, 1, message);
    CHECK_INT(job_of(rig, 1)->claim, soon);
    rig_destroy(rig);
}

static void test_a_newcomer_gets_its_lease_with_the_trim(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    report(rig, 1, 1, &lease, 0, 2, 50000);
    rig_clear(rig);
    rig_submit(rig, 2, "resnet18", 0, 199);
    const struct idn_order *trim = rig_order(rig, 1, IDN_ORDER_TRIM);
    CHECK(idn_lease_equal(trim->u.trim.id, lease.u.lease.id));
    CHECK_INT(trim->u.trim.keep, 0);
    CHECK_STRING(granted(rig, 1).u.lease.model, "resnet18"); // behind what it has begun
    rig_clear(rig);
    struct idn_worker_message *message = rig_message(rig, 1, IDN_WORKER_TRIMMED);
    message->u.trimmed.lease = lease.u.lease.id;
    message->u.trimmed.kept = 5;
    rig_say(rig, 1, message);
    CHECK_INT(rig_job(rig, 1).in_flight, 3);
    CHECK_INT(rig_job(rig, 1).pending, 195);
    rig_destroy(rig);
}

// It cannot be served while the only worker finishes what it had begun for another and has its next
// lease; as soon as it comes to that, it is trimmed.
static void test_a_newcomer_waits_no_longer_than_it_must(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    report(rig, 1, 1, &lease, 0, 2, 50000);
    rig_submit(rig, 2, "alexnet", 0, 199);
    struct idn_order second = granted(rig, 1);
    trimmed(rig, 1, &lease, 5);
    rig_clear(rig);
    rig_submit(rig, 3, "alexnet", 0, 199);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 2, 3, IDN_END_DONE));
    const struct idn_order *trim = rig_order(rig, 1, IDN_ORDER_TRIM);
    CHECK(trim != NULL && idn_lease_equal(trim->u.trim.id, second.u.lease.id));
    struct idn_order third = granted(rig, 1);
    struct idn_key key = rig_key(3);
    CHECK(idn_key_equal(&third.u.lease.job, &key));
    rig_destroy(rig);
}

// A job that is not new begins with what the worker does in IDN_SLICE_MS, also where only others
// have computed it.
static void test_only_a_newcomer_begins_with_one_image(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    CHECK_INT(lease.u.lease.first_slice, 1);
    report(rig, 1, 1, &lease, 0, 2, 20000);
    rig_clear(rig);
    rig_hello(rig, 2);
    CHECK_INT(granted(rig, 2).u.lease.first_slice, 5);
    rig_destroy(rig);
}

static void test_a_worker_has_its_turn(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order first = granted(rig, 1), second = granted(rig, 2);
    report(rig, 1, 1, &first, 0, 2, 50000);
    report(rig, 2, 1, &second, 100, 2, 50000);
    rig_clear(rig);
    rig_submit(rig, 2, "alexnet", 0, 199); // worker 1 is trimmed for it
    struct idn_order other = granted(rig, 1);
    trimmed(rig, 1, &first, 2);
    rig_clear(rig);
    report(rig, 1, 2, &other, 0, 20, 50000); // far ahead
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    rig_pass(rig, IDN_TURN_MS);
    report(rig, 1, 3, &other, 20, 1, 50000);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) != NULL);
    struct idn_order back = granted(rig, 1);
    CHECK(idn_key_equal(&back.u.lease.job, &first.u.lease.job));
    rig_destroy(rig);
}

// Newcomers that worker 1 cannot serve, of two kinds by turns and more than are remembered, stand
// before one that it can.
static void test_a_newcomer_is_found_past_those_that_find_nobody(void)
{
    enum { UNABLE = 40 };
    struct rig *rig = rig_with_tasks_of_100();

    rig->config.open_jobs_max = rig->config.jobs_max = UNABLE + 2;
    rig_boot(rig);
    rig_begin_reign(rig);
    struct idn_worker_message *hello = rig_hello_message(rig, 1);
    hello->u.hello.models = 1; // alexnet
    rig_say(rig, 1, hello);
    rig_submit(rig, 1, "alexnet", 0, 199);
    struct idn_order lease = granted(rig, 1);
    report(rig, 1, 1, &lease, 0, 2, 50000);
    for (unsigned i = 0; i < UNABLE; i++) {
        struct idn_request request = rig_submission(2 + i, "resnet18", 0, 9);
        snprintf(request.u.submit.dataset, IDN_NAME_SIZE, i % 2 == 0 ? "photos" : "many");
        rig_request(rig, 1, request);
    }
    CHECK_INT(rig->core->ranked, UNABLE + 1);
    rig_clear(rig);
    rig_submit(rig, UNABLE + 2, "alexnet", 0, 9);
    const struct idn_order *trim = rig_order(rig, 1, IDN_ORDER_TRIM);
    CHECK(trim != NULL && idn_lease_equal(trim->u.trim.id, lease.u.lease.id));
    struct idn_order next = granted(rig, 1);
    struct idn_key key = rig_key(UNABLE + 2);
    CHECK(idn_key_equal(&next.u.lease.job, &key));
    rig_destroy(rig);
}

// Worker 2 has only the model of job 1, worker 1 that of both, and works for job 2. When that gets
// its next lease, it is owed what all workers do of job 1 in IDN_OWED_MS. One that left does
// nothing.
static void test_what_nobody_could_do_is_not_owed(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    uint32_t images = 2 * IDN_OWED_MS / 100 + 1;

    rig_hello(rig, 3);
    rig_say(rig, 3, rig_message(rig, 3, IDN_WORKER_GOODBYE));
    rig_hello(rig, 1);
    rig_submit(rig, 2, "resnet18", 0, 199);
    struct idn_order other = granted(rig, 1);
    report(rig, 1, 1, &other, 0, 2, 100000);
    struct idn_worker_message *message = rig_hello_message(rig, 2);
    message->u.hello.models = 1;
    rig_say(rig, 2, message);
    rig_clear(rig);
    struct idn_request request = rig_submission(1, "alexnet", 0, 999);
    snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "many");
    rig_request(rig, 1, request);
    struct idn_order lease = granted(rig, 2);
    report(rig, 2, 1, &lease, 0, 98, 100000);
    struct idn_order next = granted(rig, 2);
    report(rig, 2, 2, &next, 100, 90, 100000);
    rig_clear(rig);
    const struct idn_job *ahead = job_of(rig, 1), *behind = job_of(rig, 2);
    int64_t lag = idn_policy_progress(rig->core, ahead) - idn_policy_progress(rig->core, behind);
    CHECK(lag > (int64_t)images * (1 << 20) / 100);
    rig_say(rig, 1, rig_report(rig, 1, 2, &other, 2, 6, IDN_END_DONE));
    CHECK_STRING(granted(rig, 1).u.lease.model, "resnet18");
    lag = idn_policy_progress(rig->core, ahead) - idn_policy_progress(rig->core, behind);
    CHECK_INT(lag, (int64_t)images * (1 << 20) / 100);
    rig_destroy(rig);
}

static void test_the_tail_is_divided(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    rig_hello(rig, 2);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL); // its speed is not known
    report(rig, 1, 1, &lease, 0, 20, 100000);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.keep, 60); // 20 done, 40 of 80 left
    rig_clear(rig);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL); // once
    struct idn_worker_message *message = rig_message(rig, 1, IDN_WORKER_TRIMMED);
    message->u.trimmed.lease = lease.u.lease.id;
    message->u.trimmed.kept = 60;
    rig_say(rig, 1, message);
    CHECK_INT(granted(rig, 2).u.lease.first, 60);
    CHECK_INT(granted(rig, 2).u.lease.count, 40);
    rig_destroy(rig);
}

// Between two beats of the broker's, too.
static void test_who_becomes_idle_steals_at_once(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    report(rig, 1, 1, &lease, 0, 20, 100000);
    rig_pass(rig, IDN_BEAT_MS / 2);
    rig_hello(rig, 2);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.keep, 60);
    rig_destroy(rig);
}

// Many who can do nothing about it have been idle for longer than the one who can.
static void test_the_tail_is_found_past_the_unable(void)
{
    enum { UNABLE = 40, ABLE = UNABLE + 2 };
    struct rig *rig = rig_with_tasks_of_100();

    rig->config.workers_max = ABLE;
    rig_boot(rig);
    rig_begin_reign(rig);
    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    for (unsigned i = 2; i < ABLE; i++) {
        struct idn_worker_message *hello = rig_hello_message(rig, i);
        hello->u.hello.class_hash = 78;
        rig_say(rig, i, hello);
    }
    rig_hello(rig, ABLE);
    report(rig, 1, 1, &lease, 0, 20, 100000);
    rig_pass(rig, IDN_BEAT_MS);
    rig_pass(rig, IDN_BEAT_MS);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) != NULL);
    rig_destroy(rig);
}

static void test_a_short_tail_is_not_worth_it(void)
{
    struct rig *rig = rig_with_tasks_of_100();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    rig_hello(rig, 2);
    report(rig, 1, 1, &lease, 0, 20, 12000); // 80 of 12 ms: below IDN_STEAL_MS
    rig_pass(rig, IDN_BEAT_MS);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    rig_destroy(rig);
}

static void hello_of_class(struct rig *rig, unsigned n, uint64_t class_hash)
{
    struct idn_worker_message *message = rig_hello_message(rig, n);

    message->u.hello.class_hash = class_hash;
    rig_say(rig, n, message);
}

static void test_a_class_is_kept_to_from_the_first_lease(void)
{
    struct rig *rig = rig_new();

    hello_of_class(rig, 1, 77);
    rig_submit(rig, 1, "alexnet", 0, 99);
    hello_of_class(rig, 2, 78);
    CHECK(rig_order(rig, 2, IDN_ORDER_LEASE) == NULL);
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE)); // nothing came of it
    CHECK(rig_order(rig, 2, IDN_ORDER_LEASE) != NULL);
    rig_destroy(rig);
}

static void test_results_of_another_class_are_not_taken(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE));
    struct idn_worker_message *message = rig_report(rig, 1, 2, &lease, 2, 8, IDN_END_DONE);
    message->u.report.class_hash = 78; // its child came back as another
    rig_say(rig, 1, message);
    CHECK_INT(rig_job(rig, 1).ok, 2);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_ACK)->u.ack.number, 2);
    CHECK_INT(rig_job(rig, 1).in_flight, 8); // leased again
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_RESULTS), 1);
    rig_destroy(rig);
}

static void test_a_suspect_goes_to_another_worker_first(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 0);
    struct idn_order lease = granted(rig, 1);
    rig_hello(rig, 2);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 0, IDN_END_DEATH);
    message->u.report.alone = message->u.report.in_child = 1;
    rig_clear(rig);
    rig_say(rig, 1, message);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    lease = granted(rig, 2);
    CHECK_INT(lease.u.lease.alone, 1);
    message = rig_report(rig, 2, 1, &lease, 0, 0, IDN_END_DEATH);
    message->u.report.alone = message->u.report.in_child = 1;
    rig_clear(rig);
    rig_say(rig, 2, message);
    CHECK(rig_find(rig, IDN_ACTION_ORDER, 0, IDN_ORDER_LEASE) != NULL); // anybody now
    rig_destroy(rig);
}

// A job's only image killed worker 1's process, and the job counts as a newcomer again, as at the
// beginning of a reign: nobody is trimmed for it but worker 2.
static void test_nobody_is_trimmed_for_a_suspect_that_is_not_for_him(void)
{
    struct rig *rig = rig_with_tasks_of_100();
    struct idn_key key = rig_key(1);

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 0);
    struct idn_order lease = granted(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 2, "alexnet", 0, 199);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 0, IDN_END_DEATH);
    message->u.report.alone = message->u.report.in_child = 1;
    rig_say(rig, 1, message);
    struct idn_job *job = idn_jobs_find(rig->core, &key);
    struct idn_worker *second = idn_workers_find(rig->core, 102);
    CHECK_INT(granted(rig, 1).u.lease.count, 100); // of job 2, as worker 2 has
    idn_link_move(&second->lease[0]->job->lease_list, &second->lease[0]->in_job);
    idn_link_move(&rig->core->unserved, &job->in_unserved);
    rig->core->look = rig->core->newcomers = true;
    rig_clear(rig);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    CHECK(rig_order(rig, 2, IDN_ORDER_TRIM) != NULL);
    CHECK_INT(granted(rig, 2).u.lease.alone, 1);
    rig_destroy(rig);
}

// The worker's image kills its child; false: it holds none.
static bool die_alone(struct rig *rig, unsigned n, uint64_t number, uint32_t *ret_image)
{
    const struct idn_worker *worker = idn_workers_find(rig->core, 100 + n);
    struct idn_order lease = {.u.lease = {.job = rig_key(1)}};

    if (worker->leases == 0)
        return false;
    lease.u.lease.id = worker->lease[0]->id;
    lease.u.lease.spec_hash = worker->lease[0]->job->spec_hash;
    *ret_image = worker->lease[0]->first;
    struct idn_worker_message *message = rig_report(rig, n, number, &lease, 0, 0, IDN_END_DEATH);
    message->u.report.alone = message->u.report.in_child = 1;
    message->u.report.image[0] = *ret_image;
    rig_say(rig, n, message);
    return true;
}

// Images kill in turn: the count of one outlives the quarantine of another.
static void test_deaths_are_counted_image_by_image(void)
{
    struct rig *rig = rig_new();
    enum { IMAGES = 6 };
    uint32_t deaths[IMAGES] = {0}, image;
    uint64_t number[3] = {0, 1, 0};

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, IMAGES - 1);
    struct idn_order lease = granted(rig, 1);
    rig_hello(rig, 2);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 0, IDN_END_DEATH);
    message->u.report.in_child = IMAGES;
    for (uint32_t i = 0; i < IMAGES; i++)
        message->u.report.image[i] = i;
    rig_say(rig, 1, message); // from now on each is leased alone
    for (int round = 0; round < 4 * IMAGES; round++)
        for (unsigned n = 1; n <= 2; n++)
            if (die_alone(rig, n, number[n] + 1, &image))
                deaths[image]++, number[n]++;
    CHECK_INT(rig_job(rig, 1).quarantined, IMAGES);
    for (uint32_t i = 0; i < IMAGES; i++)
        CHECK_INT(deaths[i], IDN_DEATHS_ALONE_MAX);
    rig_destroy(rig);
}

static void test_company_in_the_child_is_suspected_one_and_all(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_DEATH);
    message->u.report.in_child = 3;
    for (uint32_t i = 0; i < 3; i++)
        message->u.report.image[i] = i + 1; // 1 has its result already
    rig_clear(rig);
    rig_say(rig, 1, message);
    CHECK_INT(granted(rig, 1).u.lease.first, 2);
    CHECK_INT(granted(rig, 1).u.lease.count, 1);
    CHECK_INT(granted(rig, 1).u.lease.alone, 1);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_QUARANTINED), 0);
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_the_next_lease_comes_before_the_current_one_runs_out),
        CHECK_TEST(test_what_a_worker_will_have_done_is_counted_once),
        CHECK_TEST(test_a_newcomer_gets_its_lease_with_the_trim),
        CHECK_TEST(test_a_newcomer_waits_no_longer_than_it_must),
        CHECK_TEST(test_only_a_newcomer_begins_with_one_image),
        CHECK_TEST(test_a_worker_has_its_turn),
        CHECK_TEST(test_a_newcomer_is_found_past_those_that_find_nobody),
        CHECK_TEST(test_what_nobody_could_do_is_not_owed),
        CHECK_TEST(test_the_tail_is_divided),
        CHECK_TEST(test_who_becomes_idle_steals_at_once),
        CHECK_TEST(test_the_tail_is_found_past_the_unable),
        CHECK_TEST(test_a_short_tail_is_not_worth_it),
        CHECK_TEST(test_a_class_is_kept_to_from_the_first_lease),
        CHECK_TEST(test_results_of_another_class_are_not_taken),
        CHECK_TEST(test_a_suspect_goes_to_another_worker_first),
        CHECK_TEST(test_nobody_is_trimmed_for_a_suspect_that_is_not_for_him),
        CHECK_TEST(test_deaths_are_counted_image_by_image),
        CHECK_TEST(test_company_in_the_child_is_suspected_one_and_all),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
