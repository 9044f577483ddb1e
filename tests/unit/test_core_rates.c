// The answers RATES and TIMES: what they tell of jobs and models, page by page, and what the
// formula of whole workers wants.
#include "broker/core/measure.h"
#include "tests/lib/measure_kit.h"

#include <math.h>

static struct kit kit;
static union idn_core_items items;

static void begin(void)
{
    kit_begin(&kit);
}

static void end(void)
{
    rig_destroy(kit.rig);
}

static struct idn_reply ask(uint32_t type, uint64_t cursor)
{
    struct idn_request request = {.type = type, .id = 5, .u.page = {.cursor = cursor}};
    struct idn_reply reply;

    idn_core_answer(kit.rig->core, kit.rig->now, &request, &items, &reply);
    CHECK_INT(reply.id, 5);
    return reply;
}

static struct idn_rates_page rates(uint64_t cursor)
{
    struct idn_reply reply = ask(IDN_REQUEST_RATES, cursor);

    CHECK_INT(reply.type, IDN_REPLY_RATES);
    return reply.u.rates;
}

static struct idn_times_info times(uint32_t model)
{
    struct idn_reply reply = ask(IDN_REQUEST_TIMES, 0);

    CHECK_INT(reply.type, IDN_REPLY_TIMES);
    CHECK_INT(reply.u.times.cursor, 0);
    CHECK_INT(reply.u.times.count, 3);
    return reply.u.times.item[model];
}

static void test_nothing_yet(void)
{
    begin();
    struct idn_rates_page page = rates(0);
    CHECK(page.count == 0 && page.cursor == 0 && page.head);
    CHECK_INT(page.workers, 2);
    CHECK_INT(page.changed_by, IDN_CHANGE_REIGN); // which the workers' hellos belong to
    CHECK(page.sharing == 0 && page.awaited == 0 && page.gap[IDN_WINDOW_SHARED].window_ms == 0);
    kit_hello(&kit, 3);
    CHECK_INT(rates(0).changed_by, IDN_CHANGE_WORKER_JOINED);
    for (int i = 0; i < IDN_WINDOWS; i++)
        CHECK_INT(page.gap[i].jobs, 0);
    CHECK_INT(times(0).tasks, 0);
    CHECK_INT(times(0).p99_us, 0);
    CHECK_STRING(times(1).name, "resnet18");
    CHECK_INT(times(1).batch, 8);
    end();
}

static void test_a_job(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 100);
    kit_set(&kit, 1, "weight", "3");
    kit_work(&kit, 1, 10, 6000);
    kit_work(&kit, 1, 10, 8000);
    kit_pass(&kit, 4000);
    struct idn_rates_page page = rates(0);
    CHECK_INT(page.count, 1);
    const struct idn_rate_info *info = &page.item[0];
    CHECK_STRING(info->model, "alexnet");
    CHECK(idn_key_equal(&info->key, &kit_job(&kit, 1)->key));
    CHECK(info->weight == 3 && info->batch == 10);
    CHECK(info->ok == 20 && info->failed == 0 && info->quarantined == 0);
    CHECK_INT(info->ok + info->in_flight + info->pending, 100);
    CHECK(info->in_flight > 0);
    CHECK_INT(info->workers, 1);
    CHECK(info->tasks == 2 && info->mean_us == 7000 && info->deviation_us == 1414);
    for (int i = 0; i < IDN_WINDOWS; i++)
        CHECK(kit_near(info->images_per_s[i], kit_rate(&kit, 1, (enum idn_window)i)));
    CHECK_INT(info->left_ms, 0); // of one second nothing is expected
    CHECK(info->sharing && info->change_ms == 4000);
    CHECK(page.sharing == 1 && page.awaited == 0);
    CHECK_INT(page.changed_by, IDN_CHANGE_WEIGHT);
    CHECK_INT(page.gap[IDN_WINDOW_CHANGE].window_ms, 4000);
    for (int i = 0; i < 4; i++) {
        kit_work(&kit, 1, 10, 6000);
        kit_pass(&kit, 1000);
    }
    CHECK(rates(0).item[0].left_ms > 0);
    CHECK_INT(rig_job(kit.rig, 1).left_ms, rates(0).item[0].left_ms); // wherever it is told
    end();
}

// It leaves no mark on what is told of the others.
static void test_a_job_that_nobody_can_serve(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_submit(&kit, 2, "resnet18", 1000);
    kit_work(&kit, 1, 10, 6000);
    kit_work(&kit, 2, 8, 6000);
    kit_goodbye(&kit, 2);
    kit_pass(&kit, 1000);
    struct idn_rates_page page = rates(0);
    CHECK(page.sharing == 1 && page.awaited == 0 && page.gap[IDN_WINDOW_SHARED].window_ms > 0);
    CHECK(!page.item[0].sharing && page.item[0].wanted_workers == 0);
    CHECK(page.item[1].sharing && page.item[1].wanted_workers == 1);
    end();
}

// Each works on one job, whatever it has leased next.
static void test_workers_add_up(void)
{
    begin();
    for (unsigned key = 1; key <= 4; key++)
        kit_submit(&kit, key, key % 2 == 0 ? "alexnet" : "resnet18", 1000);
    for (int i = 0; i < 40; i++) {
        uint32_t workers = 0;
        unsigned n = 1 + (unsigned)i % 2;
        kit_work(&kit, n, 1 + (uint32_t)i % kit_lease(&kit, n)->left, 1000);
        for (uint32_t at = 0; at < 4; at++)
            workers += rates(0).item[at].workers;
        CHECK_INT(workers, 2);
        kit_pass(&kit, 100);
    }
    end();
}

static void test_workers_that_cannot_work(void)
{
    begin();
    kit_hello(&kit, 3);
    kit_set(&kit, 0, "drain/w1", "1");
    kit.here[2] = false; // it falls silent
    kit_pass(&kit, 800);
    struct idn_rates_page page = rates(0);
    CHECK(page.workers == 1 && page.present == 3 && page.hindered_by == 0);
    CHECK(page.at_all.drained == 1 && page.at_all.suspected == 1 && page.at_all.benched == 0);
    end();
}

// Its 60 s are those that it has had.
static void test_a_young_job(void)
{
    begin();
    kit_pass(&kit, 100000);
    kit_submit(&kit, 1, "alexnet", 1000);
    CHECK_INT(rates(0).item[0].measured_ms, 0);
    for (int second = 0; second < 15; second++) {
        kit_work(&kit, 1, 1, 1000);
        kit_pass(&kit, 1000);
    }
    struct idn_rate_info info = rates(0).item[0];
    CHECK_INT(info.measured_ms, 15000);
    CHECK(kit_near(info.images_per_s[IDN_WINDOW_60S], 1));
    end();
}

// Nobody can work: then nothing is expected of a job, and no job is compared with another.
static void test_nobody_can_work(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_submit(&kit, 2, "resnet18", 1000);
    for (int second = 0; second < 15; second++) {
        kit_work(&kit, 1, 1, 1000);
        kit_work(&kit, 2, 1, 1000);
        kit_pass(&kit, 1000);
    }
    struct idn_rates_page page = rates(0);
    CHECK(page.item[0].left_ms > 0 && page.item[1].left_ms > 0);
    CHECK(page.gap[IDN_WINDOW_10S].jobs == 2 && page.gap[IDN_WINDOW_SHARED].jobs == 2);
    kit_set(&kit, 0, "drain/w1", "1");
    page = rates(0);
    CHECK(page.workers == 1 && page.present == 2 && page.hindered_by == 0);
    CHECK(page.item[0].left_ms > 0 && page.item[1].left_ms == 0);
    CHECK_INT(page.gap[IDN_WINDOW_SHARED].jobs, 0);
    CHECK(page.item[1].images_per_s[IDN_WINDOW_10S] > 0); // that was so
    kit_set(&kit, 0, "drain/w2", "1");
    page = rates(0);
    CHECK(page.workers == 0 && page.present == 2 && page.hindered_by == IDN_WHY_DRAINED);
    CHECK_INT(page.item[0].left_ms, 0);
    kit_set(&kit, 0, "drain/w2", "0");
    kit_set(&kit, 0, "drain/w1", "0");
    page = rates(0);
    CHECK(page.item[1].left_ms > 0 && page.gap[IDN_WINDOW_SHARED].jobs == 2);
    rig_step(kit.rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {100 << 20}});
    page = rates(0);
    CHECK(page.item[0].left_ms == 0 && page.item[1].left_ms == 0);
    CHECK_INT(page.gap[IDN_WINDOW_SHARED].jobs, 0);
    CHECK_INT(page.hindered_by, IDN_WHY_DISK_LOW);
    end();
}

static void test_times(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 10000);
    for (uint64_t i = 1; i <= 100; i++) {
        kit_work(&kit, 1, 10, i * 1000);
        kit_pass(&kit, 10);
    }
    struct idn_times_info info = times(0);
    CHECK_STRING(info.name, "alexnet");
    CHECK(info.batch == 10 && info.tasks == 100);
    CHECK(info.mean_us == 50500 && info.deviation_us == 29011);
    CHECK(fabs((double)info.median_us - 50000) <= 50000 * 0.02);
    CHECK(fabs((double)info.p90_us - 90000) <= 90000 * 0.02);
    CHECK(fabs((double)info.p95_us - 95000) <= 95000 * 0.02);
    CHECK(fabs((double)info.p99_us - 99000) <= 99000 * 0.02);
    CHECK_INT(times(1).tasks, 0);
    kit_set(&kit, 0, "batch/alexnet", "20"); // other tasks from now on
    CHECK(times(0).batch == 20 && times(0).tasks == 0);
    end();
}

// ---- what is wanted

// Tasks of 6 s and 9 s: of ten workers 4 and 6, as the formula says.
static void test_wanted_workers(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 1000);
    kit_submit(&kit, 2, "resnet18", 1000);
    kit_work(&kit, 1, 10, 6000000);
    struct idn_rates_page page = rates(0);
    CHECK(page.item[1].wanted_workers == 0 && page.item[1].wanted_share <= 0); // of one: unknown
    kit_work(&kit, 2, 8, 9000000);
    page = rates(0);
    CHECK_INT(page.count, 2); // the newest first
    CHECK_INT(page.item[0].wanted_workers, 1);
    CHECK_INT(page.item[1].wanted_workers, 1);
    CHECK(fabs(page.item[0].wanted_share - 1.2) < 1e-6);
    CHECK(fabs(page.item[1].wanted_share - 0.8) < 1e-6);
    kit_hello(&kit, 3);
    page = rates(0);
    CHECK_INT(page.workers, 3);
    CHECK_INT(page.item[0].wanted_workers, 2);
    CHECK_INT(page.item[1].wanted_workers, 1);
    for (unsigned n = 4; n <= 8; n++)
        kit_hello(&kit, n);
    page = rates(0);
    CHECK_INT(page.item[0].wanted_workers, 5);
    CHECK_INT(page.item[1].wanted_workers, 3);
    kit_set(&kit, 1, "weight", "3");
    page = rates(0);
    CHECK(fabs(page.item[1].wanted_share - 8 * 18.0 / 27) < 1e-6);
    CHECK_INT(page.item[0].wanted_workers + page.item[1].wanted_workers, 8);
    end();
}

// More jobs than workers: fractions of them only.
static void test_more_jobs_than_workers(void)
{
    begin();
    for (unsigned key = 1; key <= 3; key++)
        kit_submit(&kit, key, "alexnet", 1000);
    kit_work(&kit, 1, kit_lease(&kit, 1)->left, 1000);
    while (rates(0).item[0].wanted_share <= 0)
        kit_work(&kit, 1, kit_lease(&kit, 1)->left, 1000);
    struct idn_rates_page page = rates(0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(page.item[i].wanted_workers, 0);
        CHECK(fabs(page.item[i].wanted_share - 2.0 / 3) < 1e-6);
    }
    end();
}

// ---- pages

static void test_pages(void)
{
    enum { JOBS = IDN_PAGE_JOBS_MAX + 5 };
    uint32_t told = 0;

    kit = (struct kit){.rig = rig_new()};
    kit.rig->config.model = kit.rig->model;
    kit.rig->config.open_jobs_max = JOBS;
    rig_boot(kit.rig);
    rig_begin_reign(kit.rig);
    for (unsigned n = 1; n <= 8; n++)
        kit_hello(&kit, n);
    kit_pass(&kit, 1000);
    for (unsigned key = 1; key <= JOBS; key++)
        kit_submit(&kit, key, "alexnet", 1000);
    kit_work(&kit, 1, kit_lease(&kit, 1)->left, 1000);
    kit_work(&kit, 1, kit_lease(&kit, 1)->left, 1000);
    uint64_t cursor = 0;
    do {
        struct idn_rates_page page = rates(cursor);
        CHECK(page.head == (cursor == 0));
        for (uint32_t i = 0; i < page.count; i++, told++) {
            CHECK_INT(page.item[i].key.bytes[0], JOBS - told);
            CHECK(fabs(page.item[i].wanted_share - 8.0 / JOBS) < 1e-6);
        }
        cursor = page.cursor;
    } while (cursor != 0);
    CHECK_INT(told, JOBS);
    CHECK(!rates(UINT64_MAX).head); // whatever a client makes up
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_nothing_yet), CHECK_TEST(test_a_job),
        CHECK_TEST(test_a_job_that_nobody_can_serve), CHECK_TEST(test_workers_add_up),
        CHECK_TEST(test_workers_that_cannot_work), CHECK_TEST(test_a_young_job),
        CHECK_TEST(test_nobody_can_work), CHECK_TEST(test_times), CHECK_TEST(test_wanted_workers),
        CHECK_TEST(test_more_jobs_than_workers), CHECK_TEST(test_pages)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
