// Stories of several jobs at once: fair time, newcomers, stealing, classes.
#include "tests/story/cluster.h"

static void a_second_job_is_served_at_once(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 20000);
    client_submits(cluster, 1, "alexnet", 0, 999);
    until_images_done(cluster, 1, 20, 3000);
    client_submits(cluster, 2, "resnet18", 0, 999);
    until_images_done(cluster, 2, 1, 250); // by trimming the only worker's lease
    cluster_destroy(cluster);
}

// Both jobs have had images of tasks done in proportion: the report's equal task rate.
static void check_equal_rates(struct cluster *cluster, double most_gap)
{
    struct idn_job_info a = job_info(cluster, 1), b = job_info(cluster, 2);
    double rate_a = (double)a.ok / a.batch, rate_b = (double)b.ok / b.batch;
    double gap = 1 - (rate_a < rate_b ? rate_a / rate_b : rate_b / rate_a);

    if (gap > most_gap)
        (void)printf("  tasks: %.3f and %.3f\n", rate_a, rate_b);
    CHECK(gap <= most_gap);
}

static void two_jobs_get_equal_task_rates(void)
{
    struct cluster *cluster = cluster_new(1);

    for (int i = 0; i < 3; i++)
        worker_starts(cluster, i, 20000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 1999);  // 100 a task
    client_submits(cluster, 2, "resnet18", 0, 1999); // 80 a task
    time_passes(cluster, 10000);
    check_equal_rates(cluster, 0.10);
    time_passes(cluster, 10000);
    check_equal_rates(cluster, 0.05);
    cluster_destroy(cluster);
}

static void three_jobs_share_one_worker(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    for (int job = 1; job <= 3; job++)
        client_submits(cluster, job, "alexnet", 0, 999);
    time_passes(cluster, 15000);
    for (int job = 1; job <= 3; job++)
        CHECK(job_info(cluster, job).ok > 400);
    until_job_ends(cluster, 1, 20000);
    until_job_ends(cluster, 2, 20000);
    until_job_ends(cluster, 3, 20000);
    CHECK_INT(images_computed(cluster), 3000);
    CHECK(cluster->now < 10000 + 32000);
    cluster_destroy(cluster);
}

static void an_idle_worker_steals_at_the_tail(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 100000);
    worker_starts(cluster, 1, 100000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 99); // one task: ten seconds of one worker
    until_job_ends(cluster, 1, 7000);
    check_finished(cluster, 1, 100, 0, 0);
    CHECK_INT(images_computed(cluster), 100);
    CHECK(cluster->worker[0].images_computed > 30 && cluster->worker[1].images_computed > 30);
    cluster_destroy(cluster);
}

static void another_class_gets_nothing_of_a_pinned_job(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->worker[1].class_name = "replay of another kind";
    worker_starts(cluster, 0, 10000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 299);
    until_images_done(cluster, 1, 20, 3000);
    worker_starts(cluster, 1, 1000);
    time_passes(cluster, 1000);
    CHECK_INT(cluster->worker[1].images_computed, 0);
    worker_killed(cluster, 0);
    time_passes(cluster, 3000);
    CHECK_INT(cluster->worker[1].images_computed, 0);
    CHECK_CONTAINS(job_info(cluster, 1).why, "numerics class");
    worker_starts(cluster, 2, 10000);
    until_job_ends(cluster, 1, 6000);
    check_finished(cluster, 1, 300, 0, 0);
    cluster_destroy(cluster);
}

static void fifo_finishes_the_first_job_first(void)
{
    struct cluster *cluster = cluster_new(1);

    broker_killed(cluster);
    cluster->policy = IDN_POLICY_FIFO;
    broker_starts(cluster);
    time_passes(cluster, 5);
    worker_starts(cluster, 0, 2000);
    client_submits(cluster, 1, "alexnet", 0, 499);
    time_passes(cluster, 100);
    client_submits(cluster, 2, "resnet18", 0, 499);
    until_job_ends(cluster, 1, 5000);
    CHECK(job_info(cluster, 2).ok < 100);
    until_job_ends(cluster, 2, 5000);
    cluster_destroy(cluster);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(a_second_job_is_served_at_once),
        CHECK_TEST(two_jobs_get_equal_task_rates),
        CHECK_TEST(three_jobs_share_one_worker),
        CHECK_TEST(an_idle_worker_steals_at_the_tail),
        CHECK_TEST(another_class_gets_nothing_of_a_pinned_job),
        CHECK_TEST(fifo_finishes_the_first_job_first),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
