// static: Adams' apportionment, whole workers set aside by it, and their moves.
#include "base/random.h"
#include "broker/core/shares.h"
#include "tests/lib/core_rig.h"

static struct rig *rig_with(unsigned workers)
{
    struct rig *rig = rig_new();

    rig->config.policy = IDN_POLICY_STATIC;
    rig->config.workers_max = 16;
    rig_boot(rig);
    rig_begin_reign(rig);
    for (unsigned n = 1; n <= workers; n++)
        rig_hello(rig, n);
    return rig;
}

static unsigned aside(const struct rig *rig, unsigned job)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < rig->core->workers_touched; i++) {
        const struct idn_job *of = idn_shares_job(rig->core, &rig->core->worker[i]);
        count += of != NULL && of->key.bytes[0] == job;
    }
    return count;
}

// Each worker does its lease whole, at so many microseconds an image of each model.
static void work(struct rig *rig, unsigned workers, uint64_t *number, const uint64_t image_us[2])
{
    for (unsigned n = 1; n <= workers; n++) {
        struct idn_worker *worker = &rig->core->worker[n - 1];
        if (worker->leases == 0)
            continue;
        const struct idn_lease *held = worker->lease[0];
        struct idn_order lease = {
            .u.lease = {.id = held->id, .job = held->job->key, .spec_hash = held->job->spec_hash}};
        struct idn_worker_message *message = rig_report(rig, n, ++number[n], &lease,
            held->job->spec.first + held->first, held->count, IDN_END_DONE);
        message->u.report.compute_us = held->count * image_us[held->job->model];
        rig_say(rig, n, message);
    }
}

static void test_adams(void)
{
    static const struct {
        uint64_t need[4];
        uint32_t jobs, workers;
        uint16_t share[4];
    } cases[] = {
        {{6, 9}, 2, 10, {4, 6}}, // the report's example by the report's formula
        {{6, 9}, 2, 3, {1, 2}},
        {{6, 9}, 2, 2, {1, 1}},
        {{1, 1}, 2, 5, {3, 2}},
        {{1, 1000}, 2, 10, {1, 9}},
        {{5, 5, 5}, 3, 9, {3, 3, 3}},
        {{53, 24, 23}, 3, 10, {5, 3, 2}}, // 5.3, 2.4, 2.3: Adams favours the small
        {{7}, 1, 4096, {4096}},
        {{UINT64_C(1) << 49, 1}, 2, 4096, {4095, 1}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint16_t share[4];
        idn_shares_apportion(cases[i].need, cases[i].jobs, cases[i].workers, share);
        for (uint32_t k = 0; k < cases[i].jobs; k++)
            CHECK_INT(share[k], cases[i].share[k]);
    }
}

// One worker each, then the next one to whoever has the most need for each that it has.
static void apportion_slowly(
    const uint64_t *need, uint32_t jobs, uint32_t workers, uint16_t *ret_share)
{
    for (uint32_t i = 0; i < jobs; i++)
        ret_share[i] = 1;
    for (uint32_t left = workers - jobs; left > 0; left--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < jobs; i++)
            if (need[i] * ret_share[best] > need[best] * ret_share[i])
                best = i;
        ret_share[best]++;
    }
}

static void test_adams_of_many(void)
{
    enum { JOBS_MAX = 200, WORKERS_MAX = 900, ROUNDS = 60 };
    uint16_t share[JOBS_MAX], wanted[JOBS_MAX];
    uint64_t need[JOBS_MAX];
    struct idn_random random;

    idn_random_init(&random, 17, 1);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t jobs = 1 + idn_random_below(&random, JOBS_MAX),
                 workers = jobs + idn_random_below(&random, WORKERS_MAX - jobs),
                 most = round % 3 == 0 ? 4 : 100000; // few values: many that are equal
        for (uint32_t i = 0; i < jobs; i++)
            need[i] = 1 + idn_random_below(&random, most);
        idn_shares_apportion(need, jobs, workers, share);
        apportion_slowly(need, jobs, workers, wanted);
        CHECK(memcmp(share, wanted, jobs * sizeof(*share)) == 0);
    }
}

static void test_workers_are_set_aside_by_time_and_weight(void)
{
    static const uint64_t image_us[] = {6000, 11250}; // 60 ms and 90 ms a task
    struct rig *rig = rig_with(10);
    uint64_t number[16] = {0};

    rig_submit(rig, 1, "alexnet", 0, 199);
    CHECK_INT(aside(rig, 1), 10);
    rig_submit(rig, 2, "resnet18", 0, 199);
    CHECK_INT(aside(rig, 1), 5); // nothing is known yet
    for (int i = 0; i < 2; i++)
        work(rig, 10, number, image_us);
    CHECK_INT(aside(rig, 1), 4);
    CHECK_INT(aside(rig, 2), 6);
    struct idn_request request = {.type = IDN_REQUEST_SET, .job = {.key = rig_key(1), .bits = 128}};
    snprintf(request.u.set.key, IDN_SETTING_SIZE, "weight");
    snprintf(request.u.set.value, IDN_NAME_SIZE, "6");
    rig_request(rig, 1, request);
    CHECK_INT(aside(rig, 1), 8);
    rig_ask(rig, 1, IDN_REQUEST_CANCEL);
    CHECK_INT(aside(rig, 2), 10);
    rig_say(rig, 3, rig_message(rig, 3, IDN_WORKER_GOODBYE));
    CHECK_INT(aside(rig, 2), 9);
    rig_destroy(rig);
}

// While a reign waits for the leases of the one before, nobody can serve its jobs.
static void test_workers_are_set_aside_when_a_reign_has_begun(void)
{
    struct rig *rig = rig_with(4);

    rig_submit(rig, 1, "alexnet", 0, 199);
    rig_submit(rig, 2, "alexnet", 0, 199);
    rig_restart(rig);
    for (unsigned n = 1; n <= 4; n++)
        rig_hello(rig, n);
    rig_pass(rig, IDN_DEAD_MS - IDN_SUSPECTED_MS / 2);
    for (unsigned n = 1; n <= 4; n++)
        rig_beat(rig, n, (struct idn_lease_id){.serial = 0});
    rig_pass(rig, IDN_SUSPECTED_MS / 2);
    CHECK_INT(aside(rig, 1), 2);
    CHECK_INT(aside(rig, 2), 2);
    rig_destroy(rig);
}

static void test_whoever_has_nothing_left_helps_the_oldest(void)
{
    static const uint64_t image_us[] = {6000, 6000};
    struct rig *rig = rig_with(2);
    uint64_t number[16] = {0};

    rig_submit(rig, 1, "alexnet", 0, 3);
    rig_submit(rig, 2, "resnet18", 0, 63);
    for (int i = 0; i < 6; i++)
        work(rig, 2, number, image_us);
    CHECK_INT(rig_job(rig, 1).state, IDN_JOB_FINISHED);
    CHECK_INT(rig_job(rig, 2).state, IDN_JOB_FINISHED);
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_adams),
        CHECK_TEST(test_adams_of_many),
        CHECK_TEST(test_workers_are_set_aside_by_time_and_weight),
        CHECK_TEST(test_workers_are_set_aside_when_a_reign_has_begun),
        CHECK_TEST(test_whoever_has_nothing_left_helps_the_oldest),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
