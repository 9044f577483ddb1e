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

// 1 - min / max of the task rates of jobs 1 and 2 since the given counts.
static double gap(struct cluster *cluster, const struct idn_job_info since[2])
{
    struct idn_job_info a = job_info(cluster, 1), b = job_info(cluster, 2);
    double tasks_a = (double)(a.ok - since[0].ok) / a.batch,
           tasks_b = (double)(b.ok - since[1].ok) / b.batch;

    return 1 - (tasks_a < tasks_b ? tasks_a / tasks_b : tasks_b / tasks_a);
}

// The report's example: tasks of 6 and 9 seconds; three workers cannot be divided fairly as wholes.
static void two_jobs_get_equal_task_rates(void)
{
    struct cluster *cluster = cluster_new(1);
    struct idn_job_info begin[2] = {{.ok = 0}}, window[2];
    double worst = 0;

    cluster->percent[1] = 187; // 100 images of 60 ms; 80 of 112 ms
    for (int i = 0; i < 3; i++)
        worker_starts(cluster, i, 60000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 1999);
    client_submits(cluster, 2, "resnet18", 0, 1999);
    time_passes(cluster, 10000);
    for (int i = 0; i < 5; i++) {
        window[0] = job_info(cluster, 1), window[1] = job_info(cluster, 2);
        time_passes(cluster, 10000);
        worst = gap(cluster, window) > worst ? gap(cluster, window) : worst;
    }
    (void)printf("  gap: %.3f in all, %.3f in the worst ten seconds\n", gap(cluster, begin), worst);
    CHECK(gap(cluster, begin) <= 0.02);
    CHECK(worst <= 0.08);
    cluster_destroy(cluster);
}

// A newcomer's first result takes a while, then as many workers as equal rates need are its own: it
// hardly falls behind.
static void workers_are_divided_by_rates_at_once(void)
{
    struct cluster *cluster = cluster_new(1);
    struct idn_job_info begin[2], a, b;
    double most = 0;

    cluster->percent[1] = 187; // tasks of 6 and 9 seconds
    for (int i = 0; i < 8; i++)
        worker_starts(cluster, i, 60000);
    client_submits(cluster, 1, "alexnet", 0, 9999);
    time_passes(cluster, 10000);
    client_submits(cluster, 2, "resnet18", 10000, 19999);
    begin[0] = job_info(cluster, 1), begin[1] = job_info(cluster, 2);
    for (int i = 0; i < 100; i++) {
        time_passes(cluster, 200);
        a = job_info(cluster, 1), b = job_info(cluster, 2);
        double ahead = (double)(a.ok - begin[0].ok) / a.batch - (double)b.ok / b.batch;
        most = ahead > most ? ahead : most;
    }
    (void)printf("  the newcomer was %.2f tasks behind at most\n", most);
    CHECK(most < 1.0);
    cluster_destroy(cluster);
}

// A job that only one of four workers can serve falls behind. A newcomer does not begin there, or
// it would have the other workers to itself for a long time.
static void a_newcomer_is_owed_nothing(void)
{
    struct cluster *cluster = cluster_new(1);
    struct idn_job_info window[2];

    cluster->worker[0].class_name = "replay of another kind";
    worker_starts(cluster, 0, 40000);
    client_submits(cluster, 3, "alexnet", 0, 3999);
    until_images_done(cluster, 3, 1, 1000);
    for (int i = 1; i < 4; i++)
        worker_starts(cluster, i, 10000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 4000, 13999);
    time_passes(cluster, 20000);
    client_submits(cluster, 2, "resnet18", 4000, 13999);
    until_images_done(cluster, 2, 1, 500);
    window[0] = job_info(cluster, 1), window[1] = job_info(cluster, 2);
    time_passes(cluster, 5000);
    CHECK(gap(cluster, window) <= 0.20);
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
        CHECK_TEST(workers_are_divided_by_rates_at_once),
        CHECK_TEST(a_newcomer_is_owed_nothing),
        CHECK_TEST(three_jobs_share_one_worker),
        CHECK_TEST(an_idle_worker_steals_at_the_tail),
        CHECK_TEST(another_class_gets_nothing_of_a_pinned_job),
        CHECK_TEST(fifo_finishes_the_first_job_first),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
