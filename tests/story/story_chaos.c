// The same job again and again, each time with other misfortunes drawn from a seed: whatever
// happens, the same results, the same digest, nothing missing. `story-chaos SEED` repeats one run.
#include "tests/story/cluster.h"

#include <stdlib.h>

enum { RUNS = 40, JOB_IMAGES = 600 };

static void set_images(struct cluster *cluster)
{
    cluster->broken[17] = cluster->broken[300] = true;
    cluster->poison[123] = true;
}

static struct idn_job_info run_calmly(void)
{
    struct cluster *cluster = cluster_new(1);

    set_images(cluster);
    worker_starts(cluster, 0, 3000);
    client_submits(cluster, 1, "alexnet", 0, JOB_IMAGES - 1);
    until_job_ends(cluster, 1, 100000);
    check_finished(cluster, 1, JOB_IMAGES - 3, 2, 1);
    struct idn_job_info info = job_info(cluster, 1);
    cluster_destroy(cluster);
    return info;
}

static void bad_luck(struct cluster *cluster)
{
    int worker = (int)idn_random_below(&cluster->random, 3);

    switch (idn_random_below(&cluster->random, 6)) {
    case 0:
        broker_killed(cluster);
        time_passes(cluster, idn_random_below(&cluster->random, 1500));
        broker_starts(cluster);
        time_passes(cluster, 5);
        break;
    case 1:
        worker_killed(cluster, worker);
        worker_starts(cluster, worker, 1000 + idn_random_below(&cluster->random, 5000));
        break;
    case 2:
        child_killed(cluster, worker);
        break;
    case 3:
        network_cut(cluster, worker, true);
        break;
    case 4:
        network_cut(cluster, worker, false);
        break;
    default:
        cluster->loss = (uint32_t)idn_random_below(&cluster->random, 200);
        break;
    }
}

static void end_of_bad_luck(struct cluster *cluster)
{
    cluster->loss = 0;
    for (int i = 0; i < 3; i++)
        network_cut(cluster, i, false);
}

static void run_with_bad_luck(uint64_t seed, const struct idn_job_info *calm)
{
    struct cluster *cluster = cluster_new(seed);

    set_images(cluster);
    for (int i = 0; i < 3; i++)
        worker_starts(cluster, i, 1000 + idn_random_below(&cluster->random, 5000));
    client_submits(cluster, 1, "alexnet", 0, JOB_IMAGES - 1);
    time_passes(cluster, 5);
    for (int i = 0; i < 12; i++) {
        time_passes(cluster, 20 + idn_random_below(&cluster->random, 300));
        bad_luck(cluster);
    }
    end_of_bad_luck(cluster);
    until_job_ends(cluster, 1, 300000);
    // A host that dies leaves its images suspect, so an image may die alone more often than three
    // times; but only the poisonous one is ever quarantined.
    check_finished(cluster, 1, JOB_IMAGES - 3, 2, 1);
    struct idn_job_info info = job_info(cluster, 1);
    CHECK(idn_digest_equal(&info.digest, &calm->digest));
    time_passes(cluster, 3000); // late reports, and what is refolded for them
    check_finished(cluster, 1, JOB_IMAGES - 3, 2, 1);
    cluster_destroy(cluster);
}

static uint64_t first_seed = 1, last_seed = RUNS;

static void digests_are_equal_whatever_happens(void)
{
    struct idn_job_info calm = run_calmly();

    for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
        (void)printf("  seed %" PRIu64 "\n", seed);
        (void)fflush(stdout);
        run_with_bad_luck(seed, &calm);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(digests_are_equal_whatever_happens)};

    if (argc == 2)
        first_seed = last_seed = strtoull(argv[1], NULL, 10);
    return check_main(tests, 1, 1, argv);
}
