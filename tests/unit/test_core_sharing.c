// Which jobs share, and since when; what is a change, and what is none.
#include "broker/core/measure.h"
#include "tests/lib/measure_kit.h"

static struct kit kit;

static void begin(void)
{
    kit_begin(&kit);
}

static void end(void)
{
    rig_destroy(kit.rig);
}

static bool gap(enum idn_window window)
{
    struct idn_gap gap;

    return idn_measure_gap(kit.rig->core, window, kit.rig->now, &gap);
}

// ---- who shares

static bool share(uint32_t jobs, uint32_t awaited)
{
    return kit.rig->core->measures.sharing == jobs && kit.rig->core->measures.awaited == awaited;
}

static uint64_t shared_ms(void)
{
    return kit.rig->now - idn_measure_begin(kit.rig->core, IDN_WINDOW_SHARED, kit.rig->now);
}

static void test_since_when_jobs_share(void)
{
    begin();
    CHECK(share(0, 0));
    kit_submit(&kit, 1, "alexnet", 5000);
    CHECK(share(1, 1));
    kit_run(&kit, 3, 1, 0);
    CHECK(share(1, 0));
    CHECK_INT(shared_ms(), 3000);
    kit_submit(&kit, 2, "resnet18", 5000);
    kit_pass(&kit, 400);
    CHECK(share(2, 1) && shared_ms() == 0);
    kit_run(&kit, 3, 1, 1);
    CHECK(share(2, 0));
    CHECK_INT(shared_ms(), 3000);
    kit_submit(&kit, 3, "resnet18", 16); // its images are all leased sooner or later
    while (idn_job_pending(kit_job(&kit, 3)) > 0)
        kit_work(&kit, 2, kit_lease(&kit, 2)->left, 1000);
    CHECK(share(2, 0) && shared_ms() == 0);
    kit_pass(&kit, 2000);
    CHECK_INT(shared_ms(), 2000);
    rig_ask(kit.rig, 1, IDN_REQUEST_CANCEL);
    CHECK(share(1, 0) && shared_ms() == 0);
    end();
}

// It neither holds up the others nor is it compared with them.
static void test_what_nobody_can_serve_does_not_share(void)
{
    begin();
    kit_goodbye(&kit, 2);
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_submit(&kit, 2, "resnet18", 5000); // nobody holds it
    kit_run(&kit, 6, 1, 0);
    CHECK(share(1, 0));
    CHECK_INT(shared_ms(), 6000);
    kit_hello(&kit, 2);
    kit_pass(&kit, KIT_BEAT_MS);
    CHECK(share(2, 1) && shared_ms() == 0);
    kit_run(&kit, 11, 1, 1);
    CHECK(share(2, 0) && gap(IDN_WINDOW_SHARED) && gap(IDN_WINDOW_10S));
    kit_set(&kit, 0, "drain/w2", "1");
    kit_pass(&kit, KIT_BEAT_MS);
    CHECK(share(1, 0) && !gap(IDN_WINDOW_10S));
    CHECK(kit_rate(&kit, 2, IDN_WINDOW_SHARED) <= 0);
    kit_run(&kit, 2, 1, 0);
    kit_set(&kit, 0, "drain/w2", "0");
    kit_run(&kit, 6, 1, 1);
    CHECK(share(2, 0) && gap(IDN_WINDOW_SHARED));
    CHECK(!gap(IDN_WINDOW_10S)); // for a part of them it did not share
    end();
}

static void test_without_a_worker_nobody_shares(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_run(&kit, 3, 1, 0);
    kit_set(&kit, 0, "drain/w1", "1");
    kit_set(&kit, 0, "drain/w2", "1");
    kit_pass(&kit, 1000);
    CHECK(share(0, 0) && shared_ms() == 0);
    kit_set(&kit, 0, "drain/w1", "0");
    kit_pass(&kit, 1000);
    CHECK(share(1, 1) && shared_ms() == 0);
    rig_step(kit.rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {100 << 20}});
    kit_pass(&kit, 1000);
    CHECK(share(0, 0));
    end();
}

// ---- changes

static void test_what_is_no_change(void)
{
    begin();
    kit_submit(&kit, 1, "alexnet", 5000);
    kit_submit(&kit, 2, "alexnet", 5000);
    kit_run(&kit, 2, 1, 0);
    rig_ask(kit.rig, 2, IDN_REQUEST_CANCEL);
    uint32_t changes = kit.rig->core->measures.change, shared = kit.rig->core->measures.shared;
    kit_set(&kit, 2, "weight", "7"); // it has ended
    CHECK_INT(kit_job(&kit, 2)->weight, 7);
    kit_set(&kit, 1, "weight", "1");         // it is already
    kit_set(&kit, 0, "batch/resnet18", "3"); // no job has that model
    kit_set(&kit, 0, "batch/alexnet", "10");
    kit_set(&kit, 0, "drain/w2", "0");
    CHECK_INT(kit.rig->core->measures.change, changes);
    CHECK_INT(kit.rig->core->measures.shared, shared);
    kit_set(&kit, 0, "drain/w2", "1");
    CHECK_INT(kit.rig->core->measures.change, changes + 1);
    kit_set(&kit, 0, "drain/w2", "1");
    CHECK_INT(kit.rig->core->measures.change, changes + 1);
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_since_when_jobs_share),
        CHECK_TEST(test_what_nobody_can_serve_does_not_share),
        CHECK_TEST(test_without_a_worker_nobody_shares), CHECK_TEST(test_what_is_no_change)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
