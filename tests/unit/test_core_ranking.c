// The index of jobs by rank: against a sorted copy, its depth, and as what the broker chooses by
// (idn_core_check compares each choice with a look at all open jobs, after every step).
#include "broker/core/policy.h"
#include "broker/core/ranking.h"
#include "broker/core/workers.h"

#include "base/random.h"
#include "tests/lib/core_rig.h"

enum { JOBS = 1000, ROUNDS = 20000, STORM_JOBS = 40, STORM_WORKERS = 8, STORM_STEPS = 6000 };

static struct rig *rig_with_room(uint32_t jobs)
{
    struct rig *rig = rig_new();

    rig->config.model = rig->model;
    rig->config.jobs_max = jobs;
    rig->config.open_jobs_max = jobs;
    rig_boot(rig);
    return rig;
}

static bool is_before(const struct idn_job *a, const struct idn_job *b)
{
    if (a->ranked.rank != b->ranked.rank)
        return a->ranked.rank < b->ranked.rank;
    return memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes)) < 0;
}

static uint32_t depth(const struct idn_core *core, uint32_t name)
{
    if (name == 0)
        return 0;
    const struct idn_ranked *ranked = &core->job[name - 1].ranked;
    uint32_t left = depth(core, ranked->left), right = depth(core, ranked->right);
    return 1 + (left > right ? left : right);
}

static void check_order(const struct idn_core *core, uint32_t in)
{
    const struct idn_job *last = NULL, *next = idn_ranking_first(core, 0);
    uint32_t count = 0;

    for (; next != NULL; next = idn_ranking_next(core, next)) {
        CHECK(last == NULL || is_before(last, next));
        last = next;
        count++;
    }
    CHECK_INT(count, in);
}

static void test_it_is_in_order_whatever_is_put_in(void)
{
    struct rig *rig = rig_with_room(JOBS);
    struct idn_core *core = rig->core;
    struct idn_random random;
    uint32_t in = 0;

    idn_random_init(&random, 1, 1);
    for (uint32_t i = 0; i < JOBS; i++) {
        core->job[i].serial = i + 1;
        core->job[i].key.bytes[0] = (uint8_t)idn_random_below(&random, 256);
        core->job[i].key.bytes[1] = (uint8_t)(i >> 8), core->job[i].key.bytes[2] = (uint8_t)i;
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct idn_job *job = &core->job[idn_random_below(&random, JOBS)];
        in -= job->ranked.in;
        if (idn_random_below(&random, 4) == 0)
            idn_ranking_remove(core, job);
        else
            idn_ranking_put(core, job, idn_random_range(&random, -20, 20)); // many are equal
        in += job->ranked.in;
        if (round % 100 == 0)
            check_order(core, in);
    }
    check_order(core, in);
    rig_destroy(rig);
}

static void test_it_stays_flat(void)
{
    struct rig *rig = rig_with_room(JOBS);

    for (uint32_t i = 0; i < JOBS; i++) {
        rig->core->job[i].serial = i + 1;
        idn_ranking_put(rig->core, &rig->core->job[i], i); // as a plain tree grows into a list
    }
    CHECK(depth(rig->core, rig->core->ranking[0]) <= 30); // 2.5 to 3 times the logarithm of 1000
    rig_destroy(rig);
}

// ---- a storm of everything that moves a job's rank
struct storm {
    struct rig *rig;
    struct idn_random random;
    uint64_t reports[STORM_WORKERS + 1];
    uint32_t submitted, most_pending;
};

static void submit_one(struct storm *storm)
{
    static const char *const models[2] = {"alexnet", "resnet18"};
    struct idn_request request = rig_submission(++storm->submitted,
        models[idn_random_below(&storm->random, 2)], 0, idn_random_below(&storm->random, 200));

    request.u.submit.weight = 1 + idn_random_below(&storm->random, 3);
    rig_request(storm->rig, 1, request);
}

// One of its leases, as a LEASE order; false: it has none.
static bool lease_of(struct storm *storm, unsigned n, struct idn_order *ret)
{
    const struct idn_worker *worker = idn_workers_find(storm->rig->core, 100 + n);

    if (worker == NULL || worker->leases == 0)
        return false;
    const struct idn_lease *lease = worker->lease[0];
    *ret = (struct idn_order){.type = IDN_ORDER_LEASE};
    ret->u.lease.id = lease->id;
    ret->u.lease.job = lease->job->key;
    ret->u.lease.spec_hash = lease->job->spec_hash;
    ret->u.lease.first = lease->job->spec.first + lease->first + lease->count - lease->left;
    ret->u.lease.count = lease->left;
    return true;
}

static void report_some(struct storm *storm, unsigned n)
{
    struct idn_order lease;
    uint32_t count, dice = idn_random_below(&storm->random, 20);

    if (!lease_of(storm, n, &lease))
        return;
    count = 1 + idn_random_below(&storm->random, lease.u.lease.count);
    struct idn_worker_message *message = rig_report(storm->rig, n, ++storm->reports[n], &lease,
        lease.u.lease.first, dice == 0 ? 0 : count, dice == 0 ? IDN_END_DEATH : IDN_END_NONE);
    message->u.report.compute_us = 20000u * message->u.report.count;
    rig_say(storm->rig, n, message);
}

static void trim_some(struct storm *storm, unsigned n)
{
    const struct idn_worker *worker = idn_workers_find(storm->rig->core, 100 + n);
    struct idn_worker_message *message = rig_message(storm->rig, n, IDN_WORKER_TRIMMED);

    if (worker == NULL || worker->leases == 0)
        return;
    message->u.trimmed.lease = worker->lease[worker->leases - 1]->id;
    message->u.trimmed.kept =
        idn_random_below(&storm->random, worker->lease[worker->leases - 1]->count + 1);
    rig_say(storm->rig, n, message);
}

static void join(struct storm *storm, unsigned n)
{
    struct idn_worker_message *hello = rig_hello_message(storm->rig, n);
    bool one_model = idn_random_below(&storm->random, 3) == 0;

    hello->u.hello.reports_from = storm->reports[n] + 1;
    hello->u.hello.models = one_model ? 1 : 2;
    rig_say(storm->rig, n, hello);
}

static void happen(struct storm *storm)
{
    unsigned n = 1 + idn_random_below(&storm->random, STORM_WORKERS);
    uint32_t dice = idn_random_below(&storm->random, 100);

    if (dice < 55)
        report_some(storm, n);
    else if (dice < 65)
        trim_some(storm, n);
    else if (dice < 70)
        rig_pass(storm->rig, idn_random_below(&storm->random, 400)); // some fall silent
    else if (dice < 90)
        join(storm, n);
    else if (dice < 92)
        rig_say(storm->rig, n, rig_message(storm->rig, n, IDN_WORKER_GOODBYE));
    else if (dice < 93 && storm->submitted > 0)
        rig_ask(
            storm->rig, 1 + idn_random_below(&storm->random, storm->submitted), IDN_REQUEST_CANCEL);
    else if (storm->submitted < STORM_JOBS)
        submit_one(storm);
}

static void test_it_chooses_as_a_look_at_all_jobs_does(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct storm storm = {.rig = rig_with_room(64)};
        idn_random_init(&storm.random, seed, 1);
        rig_begin_reign(storm.rig);
        for (int i = 0; i < STORM_STEPS && storm.rig->facts < RIG_FACTS_MAX - 64; i++) {
            happen(&storm);
            if (i % 50 == 0)
                idn_policy_restart(storm.rig->core); // as a reign begins
            rig_clear(storm.rig);
            uint32_t pending = storm.rig->core->ranked;
            storm.most_pending = pending > storm.most_pending ? pending : storm.most_pending;
        }
        CHECK(storm.most_pending >= 10);
        rig_destroy(storm.rig);
    }
}

// Accepted first, it is a newcomer again before those that were accepted later.
static void test_a_job_that_comes_back_keeps_its_turn(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 0);
    for (uint64_t death = 1; death <= IDN_DEATHS_ALONE_MAX; death++) {
        struct idn_order lease = *rig_order(rig, 1, IDN_ORDER_LEASE);
        struct idn_worker_message *message = rig_report(rig, 1, death, &lease, 0, 0, IDN_END_DEATH);
        message->u.report.alone = message->u.report.in_child = 1;
        rig_say(rig, 1, message);
    }
    CHECK_INT(rig_job(rig, 1).quarantined, 1);
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
    rig_submit(rig, 2, "alexnet", 0, 9);
    rig_submit(rig, 3, "alexnet", 0, 9);
    rig_ask(rig, 1, IDN_REQUEST_RETRY);
    for (size_t i = 0; i < rig->actions; i++) {
        if (rig->action[i].type != IDN_ACTION_REFOLD)
            continue;
        static const uint8_t pending;
        struct idn_summary summary = {.job = rig_key(1)};
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_REFOLDED,
                          .u.refolded = {.summary = &summary, .states = &pending}});
    }
    CHECK_INT(rig_job(rig, 1).pending, 1);
    uint64_t serial = 0;
    uint32_t count = 0;
    IDN_EACH(link, &rig->core->unserved)
    {
        const struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_unserved);
        CHECK(job->serial > serial);
        serial = job->serial;
        count++;
    }
    CHECK_INT(count, 3);
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_it_is_in_order_whatever_is_put_in),
        CHECK_TEST(test_it_stays_flat),
        CHECK_TEST(test_it_chooses_as_a_look_at_all_jobs_does),
        CHECK_TEST(test_a_job_that_comes_back_keeps_its_turn),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
