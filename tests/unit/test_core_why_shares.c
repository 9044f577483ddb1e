// WHY: who shares the workers with a job, what each gets, and when the job will be done.
#include "base/human.h"
#include "tests/unit/why_kit.h"

// ---- who shares

static bool near(double value, double wanted)
{
    return value > wanted - 0.001 && value < wanted + 0.001;
}

static void test_jobs_share_by_weight(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    CHECK_INT(why(rig, 1)->jobs, 1);
    CHECK(!tells(rig, 1, IDN_WHY_SHARES));
    rig_submit(rig, 2, "resnet18", 0, 99);
    rig_submit(rig, 3, "resnet18", 0, 99);
    set(rig, 3, "weight", "2");
    const struct idn_why_fact *fact = says(rig, 3, IDN_WHY_SHARES,
        "it shares 1 worker with 2 other jobs, and gets 50 % of the tasks: weight 2 of 4; there "
        "are more jobs than workers");
    CHECK_INT(fact->count, 2);
    CHECK_INT(fact->total, 1);
    const struct idn_why_info *info = why(rig, 3);
    CHECK_INT(info->jobs, 3);
    CHECK_INT(info->shares, 3);
    CHECK(info->share[0].job.bytes[0] == 3 && info->share[1].job.bytes[0] == 1);
    CHECK(near(info->share[0].share, 0.5) && near(info->share[1].share, 0.25));
    CHECK_STRING(info->share[2].model, "resnet18");
    CHECK_INT(info->share[1].workers, 1);
    CHECK_INT(info->share[2].left, 100);
    rig_destroy(rig);
}

// A job of which no worker may do anything that may be done for this one takes nothing from it.
static void test_only_those_share_that_workers_can_do(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *hello = rig_hello_message(rig, 1);

    rig_fill(&hello->u.hello.model[1].digest, 99); // no resnet18 here
    rig_say(rig, 1, hello);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_submit(rig, 2, "resnet18", 0, 99);
    CHECK_INT(why(rig, 1)->jobs, 1);
    rig_hello(rig, 2);
    CHECK_INT(why(rig, 1)->jobs, 2);
    rig_destroy(rig);
}

static void test_more_jobs_than_are_listed(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig->config.open_jobs_max = 40;
    rig_restart(rig);
    rig_hello(rig, 1);
    for (unsigned job = 1; job <= 20; job++)
        rig_submit(rig, job, "alexnet", 0, 99);
    CHECK_INT(why(rig, 20)->jobs, 20);
    CHECK_INT(why(rig, 20)->shares, IDN_WHY_JOBS_MAX);
    CHECK(why(rig, 20)->share[0].job.bytes[0] == 20);
    CHECK(near(why(rig, 20)->share[0].share, 0.05));
    says(rig, 20, IDN_WHY_SHARES, "and gets 5 % of the tasks: weight 1 of 20;");
    set(rig, 1, "weight", "1000");
    says(rig, 20, IDN_WHY_SHARES, "and gets <1 % of the tasks: weight 1 of 1,019;");
    rig_destroy(rig);
}

static void test_fifo_says_who_is_first(void)
{
    struct rig *rig = rig_new();

    rig->config.policy = IDN_POLICY_FIFO;
    rig_restart(rig);
    rig_hello(rig, 1);
    for (unsigned job = 1; job <= 3; job++)
        rig_submit(rig, job, "alexnet", 0, 99);
    const struct idn_why_fact *fact = says(
        rig, 3, IDN_WHY_BEHIND, "the policy is fifo, and 2 jobs come before it, 04000000 first");
    CHECK_INT(fact->count, 2);
    CHECK(near(why(rig, 3)->share[0].share, 0) && near(why(rig, 3)->share[1].share, 1));
    says(rig, 1, IDN_WHY_BEHIND, "it comes before the 2 other jobs");
    rig_destroy(rig);
}

static void test_static_says_how_many_are_set_aside(void)
{
    struct rig *rig = rig_new();

    rig->config.policy = IDN_POLICY_STATIC;
    rig_restart(rig);
    for (unsigned n = 1; n <= 3; n++)
        rig_hello(rig, n);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_submit(rig, 2, "alexnet", 0, 99);
    const struct idn_why_fact *fact =
        says(rig, 2, IDN_WHY_SET_ASIDE, "1 of the 3 workers that can serve it is set aside for it");
    CHECK_INT(fact->count, 1);
    CHECK_INT(fact->total, 3);
    CHECK(near(why(rig, 2)->share[1].share, 2.0 / 3));
    rig_destroy(rig);
}

static void test_static_with_more_jobs_than_workers(void)
{
    struct rig *rig = rig_new();

    rig->config.policy = IDN_POLICY_STATIC;
    rig_restart(rig);
    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_submit(rig, 2, "alexnet", 0, 99);
    says(rig, 1, IDN_WHY_SET_ASIDE, "1 of the 1 worker that can serve it is set aside for it");
    says(rig, 2, IDN_WHY_SET_ASIDE,
        "there are more jobs than workers: no worker is set aside for it before another job ends");
    rig_destroy(rig);
}

// A worker that is set aside does not leave what it has begun.
static void test_static_waits_for_a_worker_that_is_busy(void)
{
    struct rig *rig = rig_new();

    rig->config.policy = IDN_POLICY_STATIC;
    rig_restart(rig);
    for (unsigned n = 1; n <= 2; n++)
        rig_hello(rig, n);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_submit(rig, 2, "alexnet", 0, 99);
    says(rig, 2, IDN_WHY_SET_ASIDE,
        "1 of the 2 workers that can serve it is set aside for it, 1 of which finishes another "
        "job's images; the others help when they find nothing else");
    rig_destroy(rig);
}

// ---- how it gets on

static void test_who_works_and_when_it_is_expected(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 14);
    struct idn_order lease = granted(rig, 1);
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_WORKING, "the only worker that can serve it works on it");
    CHECK_INT(fact->count, 1);
    CHECK(!tells(rig, 1, IDN_WHY_EXPECTED));
    rig->now += 1000;
    rig_clear(rig);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 1, IDN_END_NONE));
    CHECK(!tells(rig, 1, IDN_WHY_EXPECTED)); // how long one took, nobody knows
    rig->now += 2000;
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 1, 4, IDN_END_NONE));
    fact = says(rig, 1, IDN_WHY_EXPECTED, "10 images are left, at ");
    CHECK_INT(fact->count, 10);
    CHECK(fact->ms > 0);
    const struct idn_why_info *info = why(rig, 1);
    CHECK_INT(info->fact[info->facts - 1].code, IDN_WHY_EXPECTED);
    says(rig, 1, IDN_WHY_WORKING, "its last 10 images are with 1 worker now");
    rig_destroy(rig);
}

static void test_how_many_of_those_that_can_work_do(void)
{
    struct rig *rig = rig_new();

    for (unsigned n = 1; n <= 3; n++)
        rig_hello(rig, n);
    rig_submit(rig, 1, "alexnet", 0, 99);
    says(rig, 1, IDN_WHY_WORKING, "3 of the 3 workers that can serve it work on it");
    rig_submit(rig, 2, "resnet18", 0, 99);
    for (unsigned n = 1; n <= 3; n++)
        (void)granted(rig, n);
    CHECK_INT(why(rig, 1)->share[0].workers + why(rig, 1)->share[1].workers, 3);
    set(rig, 0, "drain/w1", "1");
    says(rig, 1, IDN_WHY_WORKING, "of the 2 workers that can serve it work");
    set(rig, 0, "drain/w2", "1");
    set(rig, 0, "drain/w3", "1");
    says(rig, 1, IDN_WHY_WORKING, "still with workers, which finish what they have begun");
    rig_destroy(rig);
}

// The text and the table say the same.
static void test_per_cent_are_rounded_alike(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    rig_submit(rig, 2, "alexnet", 0, 99);
    set(rig, 2, "weight", "2");
    says(rig, 2, IDN_WHY_SHARES, "and gets 67 % of the tasks: weight 2 of 3");
    CHECK_STRING(idn_human_percent(why(rig, 2)->share[0].share).text, "67 %");
    CHECK_STRING(idn_human_percent(0).text, "0 %");
    CHECK_STRING(idn_human_percent(0.009).text, "<1 %");
    CHECK_STRING(idn_human_percent(0.991).text, ">99 %");
    CHECK_STRING(idn_human_percent(1).text, "100 %");
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_jobs_share_by_weight),
        CHECK_TEST(test_only_those_share_that_workers_can_do),
        CHECK_TEST(test_more_jobs_than_are_listed),
        CHECK_TEST(test_fifo_says_who_is_first),
        CHECK_TEST(test_static_says_how_many_are_set_aside),
        CHECK_TEST(test_static_with_more_jobs_than_workers),
        CHECK_TEST(test_static_waits_for_a_worker_that_is_busy),
        CHECK_TEST(test_who_works_and_when_it_is_expected),
        CHECK_TEST(test_how_many_of_those_that_can_work_do),
        CHECK_TEST(test_per_cent_are_rounded_alike),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
