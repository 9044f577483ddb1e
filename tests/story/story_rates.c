// What the broker measures, against what is seen from outside: rates, the gap, task times, what the
// formula wants; also when a broker starts anew in the middle.
#include "tests/story/cluster.h"

#include <math.h>

static struct idn_reply ask(struct cluster *cluster, uint32_t type)
{
    static union idn_core_items items;
    struct idn_request request = {.type = type};
    struct idn_reply reply;

    idn_core_answer(cluster->core, cluster->now, &request, &items, &reply);
    return reply;
}

static struct idn_rates_page rates(struct cluster *cluster)
{
    struct idn_reply reply = ask(cluster, IDN_REQUEST_RATES);

    CHECK_INT(reply.type, IDN_REPLY_RATES);
    CHECK(reply.u.rates.head);
    return reply.u.rates;
}

static struct idn_times_info times(struct cluster *cluster, uint32_t model)
{
    return ask(cluster, IDN_REQUEST_TIMES).u.times.item[model];
}

static bool is_about(double value, double wanted, double part)
{
    return fabs(value - wanted) <= part * wanted;
}

// Tasks of 6 and of about 9 seconds on three workers.
static struct cluster *two_jobs_on_three_workers(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->percent[1] = 187; // 100 images of 60 ms; 80 of 112 ms
    for (int i = 0; i < 3; i++)
        worker_starts(cluster, i, 60000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 3999);
    client_submits(cluster, 2, "resnet18", 0, 3999);
    return cluster;
}

static void rates_are_those_seen_from_outside(void)
{
    struct cluster *cluster = two_jobs_on_three_workers();
    double ok[2];

    time_passes(cluster, 30000);
    ok[0] = job_info(cluster, 1).ok, ok[1] = job_info(cluster, 2).ok;
    time_passes(cluster, 60000);
    struct idn_rates_page page = rates(cluster);
    CHECK_INT(page.count, 2);
    for (int job = 1; job <= 2; job++) {
        const struct idn_rate_info *info = &page.item[2 - job];
        double outside = (job_info(cluster, job).ok - ok[job - 1]) / 60;
        (void)printf("  job %d: %.2f images/s, %.2f seen from outside\n", job,
            info->images_per_s[IDN_WINDOW_60S], outside);
        CHECK(is_about(info->images_per_s[IDN_WINDOW_60S], outside, 0.03));
        CHECK_INT(info->ok, job_info(cluster, job).ok);
        CHECK(info->workers >= 1);
    }
    CHECK_INT(page.changed_by, IDN_CHANGE_JOB_ACCEPTED);
    CHECK_INT(page.gap[IDN_WINDOW_SHARED].jobs, 2);
    CHECK(page.gap[IDN_WINDOW_SHARED].gap <= 0.02);
    CHECK(page.gap[IDN_WINDOW_10S].gap <= 0.10);
    CHECK(page.gap[IDN_WINDOW_60S].gap <= 0.03);
    cluster_destroy(cluster);
}

// Although each task is of many slices, and of several workers.
static void times_are_those_of_whole_tasks(void)
{
    struct cluster *cluster = two_jobs_on_three_workers();

    CHECK_INT(rates(cluster).item[0].wanted_workers, 0); // nobody invents one
    time_passes(cluster, 90000);
    struct idn_times_info six = times(cluster, 0), nine = times(cluster, 1);
    (void)printf("  %lu tasks of %.2f s, %lu of %.2f s\n", (unsigned long)six.tasks,
        (double)six.mean_us / 1e6, (unsigned long)nine.tasks, (double)nine.mean_us / 1e6);
    CHECK(six.tasks >= 10 && nine.tasks >= 10);
    CHECK(is_about((double)six.mean_us, 6e6, 0.01));
    CHECK(is_about((double)nine.mean_us, 80 * 60000 * 1.87, 0.01));
    CHECK(is_about((double)nine.p99_us, (double)nine.mean_us, 0.02));
    struct idn_rates_page page = rates(cluster);
    CHECK_INT(page.item[0].wanted_workers, 2);
    CHECK_INT(page.item[1].wanted_workers, 1);
    cluster_destroy(cluster);
}

// kill -9 of the broker: tasks that were begun before it are no whole ones for the new one.
static void a_broker_that_starts_anew_counts_anew(void)
{
    struct cluster *cluster = two_jobs_on_three_workers();

    time_passes(cluster, 30000);
    broker_killed(cluster);
    time_passes(cluster, 100);
    broker_starts(cluster);
    time_passes(cluster, 4000);
    struct idn_rates_page page = rates(cluster);
    CHECK(page.item[0].images_per_s[IDN_WINDOW_10S] > 0);
    CHECK_INT(times(cluster, 0).tasks, 0);
    time_passes(cluster, 60000);
    CHECK(times(cluster, 0).tasks >= 5);
    CHECK(is_about((double)times(cluster, 0).mean_us, 6e6, 0.01));
    CHECK(rates(cluster).gap[IDN_WINDOW_SHARED].gap <= 0.02);
    cluster_destroy(cluster);
}

static void a_worker_that_leaves_is_a_change(void)
{
    struct cluster *cluster = two_jobs_on_three_workers();

    time_passes(cluster, 20000);
    worker_killed(cluster, 2);
    time_passes(cluster, 21000);
    struct idn_rates_page page = rates(cluster);
    CHECK_INT(page.workers, 2);
    CHECK_INT(page.changed_by, IDN_CHANGE_WORKER_LEFT);
    CHECK(is_about((double)page.gap[IDN_WINDOW_CHANGE].window_ms, 20000, 0.02));
    CHECK(page.gap[IDN_WINDOW_CHANGE].jobs == 2 && page.gap[IDN_WINDOW_CHANGE].gap <= 0.10);
    cluster_destroy(cluster);
}

// What is told of the time after an outage is of that time.
static void without_workers_nobody_shares(void)
{
    struct cluster *cluster = two_jobs_on_three_workers();

    time_passes(cluster, 20000);
    CHECK(rates(cluster).sharing == 2 && rates(cluster).awaited == 0);
    for (int i = 0; i < 3; i++)
        worker_killed(cluster, i);
    time_passes(cluster, 30000);
    struct idn_rates_page page = rates(cluster);
    CHECK(page.sharing == 0 && page.gap[IDN_WINDOW_SHARED].window_ms == 0);
    CHECK(page.item[0].left_ms == 0 && page.item[0].change_ms == 0);
    worker_starts(cluster, 0, 60000);
    time_passes(cluster, 15000);
    page = rates(cluster);
    CHECK(page.sharing == 2 && page.awaited == 0);
    CHECK(page.gap[IDN_WINDOW_SHARED].window_ms > 10000);
    CHECK(page.gap[IDN_WINDOW_SHARED].window_ms < 15000);
    for (uint32_t i = 0; i < 2; i++) {
        const struct idn_rate_info *job = &page.item[i];
        double left = (double)job->pending + job->in_flight;
        CHECK(job->change_ms > 10000 && job->change_ms < 15000);
        CHECK(is_about(
            (double)job->left_ms, left * 1000 / job->images_per_s[IDN_WINDOW_CHANGE], 0.15));
        CHECK(is_about((double)job_info(cluster, 2 - (int)i).left_ms, (double)job->left_ms, 0.02));
    }
    cluster_destroy(cluster);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(rates_are_those_seen_from_outside),
        CHECK_TEST(times_are_those_of_whole_tasks),
        CHECK_TEST(a_broker_that_starts_anew_counts_anew),
        CHECK_TEST(a_worker_that_leaves_is_a_change), CHECK_TEST(without_workers_nobody_shares)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
