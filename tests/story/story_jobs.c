// Stories of jobs that nothing goes wrong with, or only what clients do.
#include "tests/story/cluster.h"

static void a_job_runs_on_two_workers(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    worker_starts(cluster, 1, 10000);
    time_passes(cluster, 500);
    client_submits(cluster, 1, "alexnet", 0, 499);
    time_passes(cluster, 10);
    CHECK_INT(cluster->reply.type, IDN_REPLY_ACCEPTED);
    time_passes(cluster, 500);
    CHECK(images_leased_to(cluster, 0, 1) > 0);
    CHECK(images_leased_to(cluster, 1, 1) > 0);
    until_job_ends(cluster, 1, 4000); // 500 images of 10 ms, shared by two, and little more
    check_finished(cluster, 1, 500, 0, 0);
    CHECK_INT(images_computed(cluster), 500);
    time_passes(cluster, 1000);
    CHECK_INT(cluster->summaries, 1);
    cluster_destroy(cluster);
}

static void unreadable_images_are_results(void)
{
    struct cluster *cluster = cluster_new(1);

    cluster->broken[3] = cluster->broken[77] = true;
    worker_starts(cluster, 0, 1000);
    client_submits(cluster, 1, "alexnet", 0, 99);
    until_job_ends(cluster, 1, 3000);
    check_finished(cluster, 1, 98, 2, 0);
    cluster_destroy(cluster);
}

static void a_key_is_one_job_however_often_it_is_sent(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 1000);
    client_submits(cluster, 1, "alexnet", 0, 99);
    client_submits(cluster, 1, "alexnet", 0, 99); // before the first one is stored
    CHECK_INT(cluster->replies, 0);
    time_passes(cluster, 10);
    CHECK_INT(cluster->replies, 2);
    until_job_ends(cluster, 1, 3000);
    client_submits(cluster, 1, "alexnet", 0, 99); // long after
    CHECK_INT(cluster->reply.type, IDN_REPLY_ACCEPTED);
    client_submits(cluster, 1, "alexnet", 0, 98);
    CHECK_INT(cluster->reply.u.refused.code, IDN_REFUSED_CONFLICT);
    CHECK_CONTAINS(cluster->reply.u.refused.text, "alexnet on images 0 to 99 of photos");
    check_finished(cluster, 1, 100, 0, 0);
    CHECK_INT(images_computed(cluster), 100);
    cluster_destroy(cluster);
}

static void a_cancelled_job_stops_and_keeps_what_it_has(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 499);
    until_images_done(cluster, 1, 50, 3000);
    client_asks(cluster, 1, IDN_REQUEST_CANCEL);
    CHECK_INT(job_info(cluster, 1).state, IDN_JOB_CANCELLED);
    time_passes(cluster, 1000);
    CHECK_INT(cluster->reply.type, IDN_REPLY_ACCEPTED);
    struct idn_job_info job = job_info(cluster, 1);
    CHECK_INT(job.state, IDN_JOB_CANCELLED);
    CHECK_INT(job.in_flight, 0);
    CHECK(job.ok >= 50 && job.ok < 100);
    CHECK_INT(images_computed(cluster), job.ok); // what it had begun arrived, nothing more
    CHECK_INT(stored_summary(cluster, 1).ok, job.ok);
    CHECK_INT(cluster->summaries, 1);
    client_asks(cluster, 1, IDN_REQUEST_FORGET);
    time_passes(cluster, 10);
    CHECK_INT(cluster->reply.type, IDN_REPLY_ACCEPTED);
    client_asks(cluster, 1, IDN_REQUEST_WATCH);
    CHECK_INT(cluster->reply.u.refused.code, IDN_REFUSED_FORGOTTEN);
    cluster_destroy(cluster);
}

static void a_cancelled_job_may_finish_all_the_same(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 4);
    until_images_done(cluster, 1, 1, 3000);
    client_asks(cluster, 1, IDN_REQUEST_CANCEL); // all of it is in the child already
    CHECK_INT(job_info(cluster, 1).state, IDN_JOB_CANCELLED);
    time_passes(cluster, 1000);
    check_finished(cluster, 1, 5, 0, 0);
    cluster_destroy(cluster);
}

static void a_full_disk_pauses_and_resumes(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 299);
    until_images_done(cluster, 1, 20, 3000);
    disk_has(cluster, 100u << 20);
    client_submits(cluster, 2, "alexnet", 0, 9);
    CHECK_INT(cluster->reply.u.refused.code, IDN_REFUSED_DISK_LOW);
    CHECK_CONTAINS(cluster->reply.u.refused.text, "100 MiB");
    CHECK_CONTAINS(cluster->reply.u.refused.text, "512 MiB");
    time_passes(cluster, 5000);
    struct idn_job_info job = job_info(cluster, 1);
    CHECK_INT(job.ok, 100); // its lease went on and was stored, nothing new was granted
    CHECK_CONTAINS(job.why, "100 MiB are free");
    disk_has(cluster, 1u << 30);
    until_job_ends(cluster, 1, 5000);
    check_finished(cluster, 1, 300, 0, 0);
    cluster_destroy(cluster);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(a_job_runs_on_two_workers),
        CHECK_TEST(unreadable_images_are_results),
        CHECK_TEST(a_key_is_one_job_however_often_it_is_sent),
        CHECK_TEST(a_cancelled_job_stops_and_keeps_what_it_has),
        CHECK_TEST(a_cancelled_job_may_finish_all_the_same),
        CHECK_TEST(a_full_disk_pauses_and_resumes),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
