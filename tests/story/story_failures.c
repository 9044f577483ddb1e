// Stories of lost messages, killed, frozen and cut off workers, and poison.
#include "tests/story/cluster.h"

#include "broker/core/workers.h"

static bool loses_every_third_ack(
    struct cluster *cluster, int worker, const struct idn_order *order)
{
    static int count;

    (void)cluster, (void)worker;
    return order->type == IDN_ORDER_ACK && ++count % 3 == 0;
}

static bool repeats_reports(
    struct cluster *cluster, int worker, const struct idn_worker_message *message)
{
    (void)cluster, (void)worker;
    return message->type == IDN_WORKER_REPORT;
}

static void repeated_reports_count_once(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->repeat_message = repeats_reports;
    cluster->lose_order = loses_every_third_ack;
    worker_starts(cluster, 0, 5000);
    client_submits(cluster, 1, "alexnet", 0, 299);
    until_job_ends(cluster, 1, 10000);
    check_finished(cluster, 1, 300, 0, 0);
    CHECK_INT(images_computed(cluster), 300);
    cluster_destroy(cluster);
}

static bool loses_second_report(
    struct cluster *cluster, int worker, const struct idn_worker_message *message)
{
    (void)worker;
    if (message->type != IDN_WORKER_REPORT || message->u.report.number != 2)
        return false;
    cluster->lose_message = NULL; // only once
    return true;
}

static void a_lost_report_comes_again(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->lose_message = loses_second_report;
    worker_starts(cluster, 0, 5000);
    client_submits(cluster, 1, "alexnet", 0, 299);
    until_job_ends(cluster, 1, 10000);
    check_finished(cluster, 1, 300, 0, 0);
    CHECK_INT(images_computed(cluster), 300);
    cluster_destroy(cluster);
}

static bool loses_first_lease(struct cluster *cluster, int worker, const struct idn_order *order)
{
    (void)worker;
    if (order->type != IDN_ORDER_LEASE)
        return false;
    cluster->lose_order = NULL;
    return true;
}

static void a_lost_lease_is_sent_again(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 1000);
    time_passes(cluster, 500);
    cluster->lose_order = loses_first_lease;
    client_submits(cluster, 1, "alexnet", 0, 99);
    time_passes(cluster, 900);
    CHECK_INT(job_info(cluster, 1).ok, 0);
    until_job_ends(cluster, 1, 2000);
    check_finished(cluster, 1, 100, 0, 0);
    cluster_destroy(cluster);
}

// ---- silence
enum { ALL_BUSY_MS = 3000, ELSEWHERE_MS = 1200 };

struct run {
    uint32_t first, count; // unreported images of a lease
};

// What the worker holds and has not reported, as the broker sees it.
static uint32_t unreported(struct cluster *cluster, int worker, struct run run[static 2])
{
    uint64_t nonce = 1000u * (unsigned)(worker + 1) + cluster->worker[worker].boots;
    const struct idn_worker *w = idn_workers_find(cluster->core, nonce);

    for (uint32_t i = 0; i < w->leases; i++) {
        const struct idn_lease *lease = w->lease[i];
        run[i].count = lease->left;
        run[i].first = lease->job->spec.first + lease->first + lease->count - lease->left;
    }
    return w->leases;
}

static bool is_begun_by_others(const struct cluster *cluster, int worker, uint32_t image)
{
    return cluster->begun[image].worker != worker && cluster->begun[image].ms <= cluster->now;
}

// A job of so many images in tasks of so many; each worker needs 10 ms an image.
static struct cluster *all_are_busy(int workers, uint32_t batch, uint32_t images)
{
    struct cluster *cluster = cluster_new(batch);

    broker_killed(cluster);
    cluster->model[0].batch = cluster->model[1].batch = batch;
    broker_starts(cluster);
    for (int i = 0; i < workers; i++) {
        worker_starts(cluster, i, 10000);
        time_passes(cluster, 45); // their beats are spread
    }
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, images - 1);
    return cluster;
}

// Its unreported work is begun by others within 1.2 s, the images of one slice after another.
static void check_runs_elsewhere(struct cluster *cluster, int worker)
{
    struct run run[2] = {{0, 0}, {0, 0}};
    uint32_t runs = unreported(cluster, worker, run);
    uint64_t begin = cluster->now, last = 0;

    CHECK(runs > 0 && run[0].count > 0);
    worker_killed(cluster, worker);
    time_passes(cluster, ELSEWHERE_MS);
    for (uint32_t i = 0; i < runs; i++) {
        CHECK(is_begun_by_others(cluster, worker, run[i].first));
        last = cluster->begun[run[i].first].ms > last ? cluster->begun[run[i].first].ms : last;
    }
    (void)printf("  %u runs, the first of %u images: begun elsewhere after %lu ms\n", runs,
        run[0].count, last - begin);
}

static void a_worker_is_killed_while_all_are_busy(uint32_t batch, uint32_t images)
{
    for (uint64_t ms = 0; ms < 400; ms += 50) { // wherever in its task, and in its beat
        struct cluster *cluster = all_are_busy(4, batch, images);
        time_passes(cluster, ALL_BUSY_MS + ms);
        check_runs_elsewhere(cluster, (int)(ms / 50) % 4);
        cluster_destroy(cluster);
    }
}

static void killed_with_tasks_of_50_images(void)
{
    a_worker_is_killed_while_all_are_busy(50, 4000);
}

static void killed_with_tasks_of_500_images(void)
{
    a_worker_is_killed_while_all_are_busy(500, 4000);
}

static void killed_with_tasks_of_5000_images(void)
{
    a_worker_is_killed_while_all_are_busy(5000, 20000);
}

static void killed_while_the_others_work_for_another_job(void)
{
    struct cluster *cluster = all_are_busy(3, 5000, 15000);

    time_passes(cluster, ALL_BUSY_MS);
    for (int job = 2; job <= 4; job++)
        client_submits(cluster, job, "resnet18", 0, 9999);
    time_passes(cluster, ALL_BUSY_MS);
    check_runs_elsewhere(cluster, 1);
    cluster_destroy(cluster);
}

// Those that help with what the last one left are there for the next one, too.
static void killed_one_after_another(void)
{
    struct cluster *cluster = all_are_busy(3, 5000, 20000);

    time_passes(cluster, ALL_BUSY_MS);
    for (int kill = 0; kill < 9; kill++) {
        check_runs_elsewhere(cluster, kill < 6 ? 0 : kill % 3);
        worker_starts(cluster, kill < 6 ? 0 : kill % 3, 10000);
        time_passes(cluster, 600);
    }
    cluster_destroy(cluster);
}

static void half_of_the_workers_are_killed(void)
{
    struct cluster *cluster = all_are_busy(8, 1000, 8000);
    struct run run[4][2];

    time_passes(cluster, ALL_BUSY_MS);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(unreported(cluster, i, run[i]), 1);
        worker_killed(cluster, i);
    }
    time_passes(cluster, ELSEWHERE_MS);
    for (int i = 0; i < 4; i++)
        CHECK(is_begun_by_others(cluster, i, run[i][0].first));
    cluster_destroy(cluster);
}

static void a_frozen_worker_is_as_a_killed_one(void)
{
    struct cluster *cluster = all_are_busy(3, 500, 4000);
    struct run run[2];

    time_passes(cluster, ALL_BUSY_MS);
    CHECK(unreported(cluster, 0, run) > 0);
    worker_freezes(cluster, 0, 4000);
    time_passes(cluster, ELSEWHERE_MS);
    CHECK(is_begun_by_others(cluster, 0, run[0].first));
    time_passes(cluster, 4000 - ELSEWHERE_MS + 2000);
    CHECK(images_leased_to(cluster, 0, 1) > 0); // back at work
    until_job_ends(cluster, 1, 100000);
    check_finished(cluster, 1, 4000, 0, 0);
    // What was in its child when it froze: two slices.
    (void)printf("  %lu computed twice\n", images_computed(cluster) - 4000);
    CHECK(images_computed(cluster) <= 4000 + 20);
    cluster_destroy(cluster);
}

static void a_wrong_suspicion_costs_little(void)
{
    struct cluster *cluster = all_are_busy(3, 500, 4000);

    time_passes(cluster, ALL_BUSY_MS);
    network_cut(cluster, 0, true);
    time_passes(cluster, IDN_SUSPECTED_MS + 50); // it computes on
    CHECK_INT(images_leased_to(cluster, 0, 1), 0);
    network_cut(cluster, 0, false);
    until_job_ends(cluster, 1, 100000);
    check_finished(cluster, 1, 4000, 0, 0);
    (void)printf("  %lu computed twice\n", images_computed(cluster) - 4000);
    // What is in a child, two slices of ten images, of each of the two.
    CHECK(images_computed(cluster) <= 4000 + 40);
    cluster_destroy(cluster);
}

// Nobody else can serve the job: suspicion alone takes nothing away.
static void the_only_worker_keeps_its_lease_when_suspected(void)
{
    struct cluster *cluster = all_are_busy(1, 500, 4000);

    cluster->worker[1].class_name = "replay of another kind";
    worker_starts(cluster, 1, 10000);
    time_passes(cluster, ALL_BUSY_MS);
    network_cut(cluster, 0, true);
    time_passes(cluster, IDN_SUSPECTED_MS + 100);
    CHECK(images_leased_to(cluster, 0, 1) > 0);
    network_cut(cluster, 0, false);
    time_passes(cluster, 1000);
    CHECK(images_leased_to(cluster, 0, 1) > 0);
    worker_killed(cluster, 0);
    time_passes(cluster, IDN_DEAD_MS + 10);
    CHECK_INT(images_leased_to(cluster, 0, 1), 0);
    cluster_destroy(cluster);
}

// The network falls silent for all of them: each goes on with what it had.
static void a_blip_moves_nothing(uint64_t blip_ms)
{
    struct cluster *cluster = all_are_busy(5, 1000, 5000);
    struct run before[5][2], after[5][2];

    time_passes(cluster, ALL_BUSY_MS + 70);
    for (int i = 0; i < 5; i++)
        unreported(cluster, i, before[i]);
    for (int i = 0; i < 5; i++)
        network_cut(cluster, i, true);
    time_passes(cluster, blip_ms);
    for (int i = 0; i < 5; i++)
        network_cut(cluster, i, false);
    time_passes(cluster, 1000);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(unreported(cluster, i, after[i]), 1);
        CHECK_INT(after[i][0].first + after[i][0].count, before[i][0].first + before[i][0].count);
        CHECK(after[i][0].first > before[i][0].first);
    }
    time_passes(cluster, 10000);
    until_job_ends(cluster, 1, 100000);
    check_finished(cluster, 1, 5000, 0, 0);
    CHECK_INT(images_computed(cluster), 5000);
    cluster_destroy(cluster);
}

static void a_network_blip_moves_nothing(void)
{
    for (uint64_t ms = 500; ms < 1000; ms += 50)
        a_blip_moves_nothing(ms);
}

static void a_long_network_blip_moves_nothing(void)
{
    for (uint64_t ms = 1000; ms < 3000; ms += 250)
        a_blip_moves_nothing(ms);
}

// ---- slow ones and sick ones
// A worker fifty times slower than the other keeps what it has begun.
static void the_tail_is_taken_from_a_slow_worker(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 500000);
    time_passes(cluster, 100);
    client_submits(cluster, 1, "alexnet", 0, 99); // one task: 50 s of this one
    time_passes(cluster, 2000);
    worker_starts(cluster, 1, 10000);
    until_job_ends(cluster, 1, 4000);
    check_finished(cluster, 1, 100, 0, 0);
    CHECK_INT(images_computed(cluster), 100);
    cluster_destroy(cluster);
}

// Its speed is not known: it loads the model for half a minute.
static void the_tail_is_taken_from_one_that_stands_still(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 30000000);
    time_passes(cluster, 100);
    client_submits(cluster, 1, "alexnet", 0, 99);
    worker_starts(cluster, 1, 10000);
    until_images_done(cluster, 1, 98, 4000); // all but what is in its child
    cluster_destroy(cluster);
}

// Its child dies a while after it began with each of three tasks.
static void kill_child_on_three_tasks(struct cluster *cluster, int worker)
{
    uint32_t task[IDN_BENCH_TASKS] = {0}, deaths = 0;

    while (deaths < IDN_BENCH_TASKS) {
        struct idn_worker_info info = worker_info(cluster, worker);
        bool again = info.leases == 0 || info.lease_done == 0;
        for (uint32_t i = 0; i < deaths; i++)
            again = again || task[i] == info.lease_first / 100;
        if (!again) {
            task[deaths++] = info.lease_first / 100;
            child_killed(cluster, worker);
        }
        time_passes(cluster, 20);
    }
}

static void a_worker_whose_child_keeps_dying_is_benched(void)
{
    struct cluster *cluster = cluster_new(1);
    struct idn_worker_info sick;

    for (int i = 0; i < 2; i++)
        worker_starts(cluster, i, 10000);
    client_submits(cluster, 1, "alexnet", 0, 12000 - 1);
    time_passes(cluster, 1000);
    kill_child_on_three_tasks(cluster, 0);
    sick = worker_info(cluster, 0);
    CHECK_INT(sick.state, IDN_WORKER_BENCHED);
    CHECK_CONTAINS(sick.note, "died on 3 tasks within 60 s; it gets nothing for another 60 s");
    CHECK_INT(images_leased_to(cluster, 0, 1), 0);
    kill_child_on_three_tasks(cluster, 1); // the only one left goes on
    CHECK_INT(worker_info(cluster, 1).state, IDN_WORKER_BUSY);
    time_passes(cluster, IDN_BENCH_MS / 2);
    sick = worker_info(cluster, 0);
    CHECK_INT(sick.state, IDN_WORKER_BENCHED);
    CHECK_CONTAINS(sick.note, "for another");
    time_passes(cluster, IDN_BENCH_MS / 2 + 1000);
    sick = worker_info(cluster, 0);
    CHECK_INT(sick.state, IDN_WORKER_BUSY);
    CHECK_STRING(sick.note, "");
    until_job_ends(cluster, 1, 300000);
    check_finished(cluster, 1, 12000, 0, 0);
    cluster_destroy(cluster);
}

static void a_cut_off_worker_comes_back(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    worker_starts(cluster, 1, 10000);
    client_submits(cluster, 1, "alexnet", 0, 799);
    until_images_done(cluster, 1, 100, 5000);
    network_cut(cluster, 0, true);
    time_passes(cluster, 1500); // declared dead; it computes on
    network_cut(cluster, 0, false);
    until_job_ends(cluster, 1, 10000);
    check_finished(cluster, 1, 800, 0, 0);
    cluster_destroy(cluster);
}

static void the_broker_restarts_and_adopts_the_lease(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 99);
    until_images_done(cluster, 1, 40, 3000);
    broker_killed(cluster);
    time_passes(cluster, 100); // the worker computes on
    broker_starts(cluster);
    CHECK(job_info(cluster, 1).ok >= 30);
    time_passes(cluster, 200);
    struct idn_job_info job = job_info(cluster, 1);
    CHECK(job.in_flight > 0); // adopted: no new lease is granted before IDN_DEAD_MS
    CHECK_INT(job.ok + job.in_flight + job.pending, 100);
    until_job_ends(cluster, 1, 2000);
    check_finished(cluster, 1, 100, 0, 0);
    CHECK_INT(images_computed(cluster), 100); // nothing twice
    cluster_destroy(cluster);
}

static void a_broker_killed_again_and_again_loses_nothing(void)
{
    struct cluster *cluster = cluster_new(5);

    worker_starts(cluster, 0, 5000);
    worker_starts(cluster, 1, 7000);
    client_submits(cluster, 1, "alexnet", 0, 999);
    time_passes(cluster, 5);
    for (int kill = 0; kill < 10; kill++) {
        time_passes(cluster, 100 + idn_random_below(&cluster->random, 400));
        broker_killed(cluster);
        time_passes(cluster, idn_random_below(&cluster->random, 1500));
        broker_starts(cluster);
        time_passes(cluster, 5);
    }
    until_job_ends(cluster, 1, 20000);
    check_finished(cluster, 1, 1000, 0, 0);
    cluster_destroy(cluster);
}

static void poison_is_quarantined_and_its_neighbours_deliver(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->poison[37] = true;
    worker_starts(cluster, 0, 5000);
    worker_starts(cluster, 1, 5000);
    client_submits(cluster, 1, "alexnet", 0, 199);
    until_job_ends(cluster, 1, 60000);
    check_finished(cluster, 1, 199, 0, 1);
    // Once or more in company, three times alone, on both workers.
    CHECK(cluster->worker[0].deaths > 0 && cluster->worker[1].deaths > 0);
    CHECK(cluster->worker[0].deaths + cluster->worker[1].deaths <= 5);
    cluster_destroy(cluster);
}

static void poison_with_one_worker_is_quarantined_too(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->poison[0] = cluster->poison[99] = true;
    worker_starts(cluster, 0, 5000);
    client_submits(cluster, 1, "alexnet", 0, 99);
    until_job_ends(cluster, 1, 200000);
    check_finished(cluster, 1, 98, 0, 2);
    cluster_destroy(cluster);
}

static void late_results_of_a_finished_job_are_kept_and_refolded(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 39);
    until_images_done(cluster, 1, 10, 3000);
    network_cut(cluster, 0, true); // it has the rest, and computes it
    worker_starts(cluster, 1, 1000);
    until_job_ends(cluster, 1, 5000); // worker 1 computed it too
    check_finished(cluster, 1, 40, 0, 0);
    time_passes(cluster, 1000);
    size_t summaries = cluster->summaries, facts = cluster->facts;
    network_cut(cluster, 0, false);
    time_passes(cluster, 5000);
    CHECK(cluster->facts > facts);
    CHECK(cluster->summaries > summaries);
    check_finished(cluster, 1, 40, 0, 0);
    broker_killed(cluster);
    broker_starts(cluster);
    check_finished(cluster, 1, 40, 0, 0);
    cluster_destroy(cluster);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(repeated_reports_count_once),
        CHECK_TEST(a_lost_report_comes_again),
        CHECK_TEST(a_lost_lease_is_sent_again),
        CHECK_TEST(killed_with_tasks_of_50_images),
        CHECK_TEST(killed_with_tasks_of_500_images),
        CHECK_TEST(killed_with_tasks_of_5000_images),
        CHECK_TEST(killed_while_the_others_work_for_another_job),
        CHECK_TEST(killed_one_after_another),
        CHECK_TEST(half_of_the_workers_are_killed),
        CHECK_TEST(a_frozen_worker_is_as_a_killed_one),
        CHECK_TEST(a_wrong_suspicion_costs_little),
        CHECK_TEST(the_only_worker_keeps_its_lease_when_suspected),
        CHECK_TEST(a_network_blip_moves_nothing),
        CHECK_TEST(a_long_network_blip_moves_nothing),
        CHECK_TEST(the_tail_is_taken_from_a_slow_worker),
        CHECK_TEST(the_tail_is_taken_from_one_that_stands_still),
        CHECK_TEST(a_worker_whose_child_keeps_dying_is_benched),
        CHECK_TEST(a_cut_off_worker_comes_back),
        CHECK_TEST(the_broker_restarts_and_adopts_the_lease),
        CHECK_TEST(a_broker_killed_again_and_again_loses_nothing),
        CHECK_TEST(poison_is_quarantined_and_its_neighbours_deliver),
        CHECK_TEST(poison_with_one_worker_is_quarantined_too),
        CHECK_TEST(late_results_of_a_finished_job_are_kept_and_refolded),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
