// Stories of lost messages, killed processes and poison.
#include "tests/story/cluster.h"

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

static void a_worker_dies_mid_lease(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    worker_starts(cluster, 1, 10000);
    client_submits(cluster, 1, "alexnet", 0, 399);
    until_images_done(cluster, 1, 100, 5000);
    CHECK(images_leased_to(cluster, 0, 1) > 0);
    worker_killed(cluster, 0);
    time_passes(cluster, IDN_SUSPECTED_MS);
    CHECK(images_leased_to(cluster, 0, 1) > 0); // suspected only
    time_passes(cluster, IDN_DEAD_MS);
    CHECK_INT(images_leased_to(cluster, 0, 1), 0);
    until_job_ends(cluster, 1, 10000);
    check_finished(cluster, 1, 400, 0, 0);
    // A wrong suspicion or a death costs what was in the child and not yet reported.
    CHECK(images_computed(cluster) <= 400 + 2 * IDN_CHILD_IMAGES_MAX);
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
        CHECK_TEST(a_worker_dies_mid_lease),
        CHECK_TEST(a_cut_off_worker_comes_back),
        CHECK_TEST(the_broker_restarts_and_adopts_the_lease),
        CHECK_TEST(a_broker_killed_again_and_again_loses_nothing),
        CHECK_TEST(poison_is_quarantined_and_its_neighbours_deliver),
        CHECK_TEST(poison_with_one_worker_is_quarantined_too),
        CHECK_TEST(late_results_of_a_finished_job_are_kept_and_refolded),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
