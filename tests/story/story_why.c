// Stories of jobs that wait, and of what they say of it (WHY, ASSIGNMENT).
#include "tests/story/cluster.h"

static struct idn_why_info *why(struct cluster *cluster, int job)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_WHY, .job.bits = IDN_KEY_SIZE * 8};
    struct idn_reply reply;

    request.job.key = job_info(cluster, job).key;
    idn_core_answer(cluster->core, cluster->now, &request, &items, &reply);
    CHECK_INT(reply.type, IDN_REPLY_WHY);
    return reply.u.why;
}

// NULL: it is not told.
static const struct idn_why_fact *fact(struct cluster *cluster, int job, uint32_t code)
{
    const struct idn_why_info *info = why(cluster, job);

    for (uint32_t i = 0; i < info->facts; i++)
        if (info->fact[i].code == code)
            return &info->fact[i];
    return NULL;
}

static const struct idn_why_fact *told(struct cluster *cluster, int job, uint32_t code)
{
    static struct idn_why_fact none;
    const struct idn_why_fact *found = fact(cluster, job, code);

    if (found == NULL)
        (void)printf("  no %s is told\n", idn_why_name(code));
    CHECK(found != NULL);
    return found == NULL ? &none : found;
}

static struct idn_assignment_info assignment(struct cluster *cluster, int worker)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_ASSIGNMENT};
    struct idn_reply reply;
    char name[IDN_NAME_SIZE];

    snprintf(name, sizeof(name), "worker-%d", worker);
    idn_core_answer(cluster->core, cluster->now, &request, &items, &reply);
    for (uint32_t i = 0; i < reply.u.assignment.count; i++)
        if (strcmp(items.assignment[i].name, name) == 0)
            return items.assignment[i];
    return (struct idn_assignment_info){.state = 0};
}

// Within a tenth of the time that is left.
static void check_expected(struct cluster *cluster, int job, uint64_t begin, uint64_t expected)
{
    uint64_t took = cluster->now - begin;

    (void)printf(
        "  job %d: %u ms were expected, %u ms it took\n", job, (unsigned)expected, (unsigned)took);
    CHECK(took < expected + expected / 10 && expected < took + took / 10);
}

static void a_job_says_what_it_waits_for_and_when_it_will_be_done(void)
{
    struct cluster *cluster = cluster_new(1);

    client_submits(cluster, 1, "alexnet", 0, 999);
    time_passes(cluster, 100);
    CHECK_STRING(told(cluster, 1, IDN_WHY_NO_WORKER)->text, "no worker is there");
    worker_starts(cluster, 0, 20000); // 50 images a second
    time_passes(cluster, 8000);
    CHECK(fact(cluster, 1, IDN_WHY_NO_WORKER) == NULL);
    CHECK_INT(told(cluster, 1, IDN_WHY_WORKING)->count, 1);
    uint64_t begin = cluster->now, expected = told(cluster, 1, IDN_WHY_EXPECTED)->ms;
    until_job_ends(cluster, 1, 30000);
    check_expected(cluster, 1, begin, expected);
    told(cluster, 1, IDN_WHY_FINISHED);
    cluster_destroy(cluster);
}

static void two_jobs_say_that_they_share(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 1999);
    time_passes(cluster, 2000);
    CHECK(fact(cluster, 1, IDN_WHY_SHARES) == NULL);
    client_submits(cluster, 2, "alexnet", 0, 1999);
    time_passes(cluster, 12000);
    CHECK_CONTAINS(told(cluster, 1, IDN_WHY_SHARES)->text,
        "it shares 1 worker with 1 other job, and gets 50 % of the tasks: weight 1 of 2; there are "
        "more jobs than workers");
    CHECK_INT(why(cluster, 1)->fact[0].code, IDN_WHY_SHARES);
    CHECK_INT(why(cluster, 1)->shares, 2);
    uint64_t begin = cluster->now, expected = told(cluster, 1, IDN_WHY_EXPECTED)->ms;
    until_job_ends(cluster, 1, 60000);
    check_expected(cluster, 1, begin, expected);
    CHECK(fact(cluster, 2, IDN_WHY_SHARES) == NULL);
    cluster_destroy(cluster);
}

static void a_worker_of_another_class_is_named_and_gets_nothing(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 20000);
    client_submits(cluster, 1, "alexnet", 0, 999);
    until_images_done(cluster, 1, 20, 3000);
    cluster->worker[1].class_name = "odd";
    worker_starts(cluster, 1, 1000);
    time_passes(cluster, 1000);
    CHECK_STRING(told(cluster, 1, IDN_WHY_OTHER_CLASS)->worker[0], "worker-1");
    CHECK_INT(assignment(cluster, 1).state, IDN_WORKER_IDLE);
    CHECK_INT(assignment(cluster, 1).leases, 0);
    worker_killed(cluster, 0); // now it is all that is there
    time_passes(cluster, IDN_DEAD_MS + 500);
    told(cluster, 1, IDN_WHY_NONE_ABLE);
    CHECK_STRING(told(cluster, 1, IDN_WHY_DEAD)->worker[0], "worker-0");
    CHECK_CONTAINS(job_info(cluster, 1).why, "1 worker is of another numerics class");
    CHECK_INT(assignment(cluster, 0).state, IDN_WORKER_DEAD);
    cluster_destroy(cluster);
}

static void the_assignment_follows_the_work(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    time_passes(cluster, 500);
    CHECK_INT(assignment(cluster, 0).leases, 0);
    client_submits(cluster, 1, "alexnet", 0, 299); // tasks of 100: one second each
    time_passes(cluster, 800);
    struct idn_assignment_info worker = assignment(cluster, 0);
    CHECK_INT(worker.state, IDN_WORKER_BUSY);
    CHECK_INT(worker.leases, 2); // the next task is leased before the current one runs out
    CHECK_STRING(worker.lease[0].model, "alexnet");
    CHECK_INT(worker.lease[0].first, 0);
    CHECK_INT(worker.lease[1].first, 100);
    CHECK_INT(worker.lease[0].count, 100);
    CHECK(worker.lease[0].done > 40 && worker.lease[0].done < 100);
    CHECK(worker.lease[0].held_ms > 700 && worker.lease[0].held_ms <= 800);
    CHECK(worker.lease[1].held_ms < worker.lease[0].held_ms);
    CHECK(worker.lease[0].confirmed && !worker.lease[0].returned && !worker.lease[0].trimming);
    until_job_ends(cluster, 1, 5000);
    CHECK_INT(assignment(cluster, 0).leases, 0);
    cluster_destroy(cluster);
}

static void what_came_back_from_a_dead_worker_is_marked(void)
{
    struct cluster *cluster = cluster_new(1);

    worker_starts(cluster, 0, 10000);
    client_submits(cluster, 1, "alexnet", 0, 999);
    worker_starts(cluster, 1, 10000);
    time_passes(cluster, 1500);
    worker_killed(cluster, 0);
    time_passes(cluster, IDN_SUSPECTED_MS + 150);
    CHECK_INT(assignment(cluster, 0).leases, 0);
    struct idn_assignment_info worker = assignment(cluster, 1);
    bool returned = false;
    for (uint32_t i = 0; i < worker.leases; i++)
        returned = returned || worker.lease[i].returned;
    CHECK(returned);
    cluster_destroy(cluster);
}

static void a_benched_worker_is_named(void)
{
    struct cluster *cluster = cluster_new(1);
    uint32_t deaths = 0, task = UINT32_MAX;

    for (int i = 0; i < 2; i++)
        worker_starts(cluster, i, 10000);
    client_submits(cluster, 1, "alexnet", 0, 12000 - 1);
    while (deaths < IDN_BENCH_TASKS) {
        struct idn_worker_info info = worker_info(cluster, 0);
        if (info.leases > 0 && info.lease_done > 0 && info.lease_first / 100 != task) {
            task = info.lease_first / 100;
            deaths++;
            child_killed(cluster, 0);
        }
        time_passes(cluster, 20);
    }
    time_passes(cluster, 10000);
    const struct idn_why_fact *benched = told(cluster, 1, IDN_WHY_BENCHED);
    CHECK_CONTAINS(benched->text, "1 worker is benched, because its process kept dying (worker-0)");
    CHECK(benched->ms > IDN_BENCH_MS - 11000 && benched->ms <= IDN_BENCH_MS - 9000);
    CHECK_INT(assignment(cluster, 0).state, IDN_WORKER_BENCHED);
    CHECK_INT(told(cluster, 1, IDN_WHY_WORKING)->total, 1);
    cluster_destroy(cluster);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(a_job_says_what_it_waits_for_and_when_it_will_be_done),
        CHECK_TEST(two_jobs_say_that_they_share),
        CHECK_TEST(a_worker_of_another_class_is_named_and_gets_nothing),
        CHECK_TEST(the_assignment_follows_the_work),
        CHECK_TEST(what_came_back_from_a_dead_worker_is_marked),
        CHECK_TEST(a_benched_worker_is_named),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
