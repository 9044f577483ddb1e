// Stories of two brokers: who reigns when one dies, freezes, or cannot be heard, and that reigns do
// not flap.
#include "broker/core/mirror.h"
#include "broker/core/roles.h"
#include "tests/story/realm.h"

static struct realm *realm;

static void end(void)
{
    realm_destroy(realm);
    realm = NULL;
}

// Both run, a reigns with b in sync; so many workers hear both.
static void begin(int workers)
{
    if (realm != NULL)
        end(); // of a story that failed
    realm = realm_new();
    broker_boots(realm, A);
    broker_boots(realm, B);
    for (int i = 0; i < workers; i++)
        worker_boots(realm, i, 10);
    until_reigns(realm, A, 500);
    time_goes(realm, 2000);
    CHECK(is_whole(realm));
    CHECK_INT(realm->reigns, 1);
}

static void check_finished_on(int which, unsigned job, uint32_t images)
{
    struct idn_job_info info = {0};

    CHECK(job_of(realm, which, job, &info));
    CHECK_INT(info.state, IDN_JOB_FINISHED);
    CHECK_INT(info.ok, images);
    CHECK_INT(info.conflicts, 0);
}

// ---- death

// However many tasks are undone, the standby's first lease comes at the same time.
static void the_active_dies_with_queue(uint32_t jobs)
{
    begin(3);
    for (uint32_t job = 1; job <= jobs; job++)
        submit_to(realm, A, job, 0, 199);
    time_goes(realm, 300);
    uint64_t died = now_of(realm);
    broker_dies(realm, A);
    time_goes(realm, 2000);
    CHECK(reigns(realm, B));
    CHECK_INT(realm->reigns, 2);
    CHECK(realm->leased_ms[B] > died);
    CHECK(realm->reign[1].at - died <= 1300);
    time_goes(realm, 10000 * jobs);
    for (uint32_t job = 1; job <= jobs; job++)
        check_finished_on(B, job, 200);
    broker_boots(realm, A);
    time_goes(realm, 3000);
    CHECK(is_whole(realm) && reigns(realm, B));
    for (uint32_t job = 1; job <= jobs; job++)
        check_finished_on(A, job, 200);
    CHECK_INT(realm->reigns, 2);
    end();
}

static void the_active_dies(void)
{
    the_active_dies_with_queue(1);
}

static void the_active_dies_with_much_undone(void)
{
    the_active_dies_with_queue(15);
}

static void the_standby_dies_and_returns(void)
{
    begin(2);
    broker_dies(realm, B);
    time_goes(realm, 3000);
    CHECK_INT(pair_role(realm->pair, A), IDN_ROLE_ALONE);
    submit_to(realm, A, 1, 0, 49);
    time_goes(realm, 2000);
    broker_boots(realm, B);
    time_goes(realm, 2000);
    CHECK(is_whole(realm) && reigns(realm, A));
    check_finished_on(B, 1, 50);
    CHECK_INT(realm->reigns, 1);
    end();
}

// Power fails for all at once; they come back in any order.
static void everybody_dies_and_returns(void)
{
    for (int first = A; first <= B; first++) {
        for (uint64_t pause = 0; pause <= 3000; pause += 750) {
            begin(2);
            submit_to(realm, A, 1, 0, 199);
            time_goes(realm, 500);
            broker_dies(realm, A), broker_dies(realm, B);
            worker_dies(realm, 0), worker_dies(realm, 1);
            time_goes(realm, 100);
            broker_boots(realm, first);
            worker_boots(realm, 0, 10);
            time_goes(realm, pause);
            broker_boots(realm, 1 - first);
            worker_boots(realm, 1, 10);
            time_goes(realm, 10000);
            CHECK(is_whole(realm));
            CHECK_INT(realm->reigns, 2);
            check_finished_on(A, 1, 200);
            check_finished_on(B, 1, 200);
            end();
        }
    }
}

// ---- a frozen process

static void the_active_freezes_and_returns(void)
{
    begin(2);
    submit_to(realm, A, 1, 0, 199);
    time_goes(realm, 500);
    broker_freezes(realm, A);
    time_goes(realm, 5000);
    CHECK(reigns(realm, B));
    uint64_t thawed = now_of(realm);
    broker_thaws(realm, A);
    submit_to(realm, A, 2, 0, 9);
    time_goes(realm, 3000);
    CHECK(is_whole(realm) && reigns(realm, B));
    CHECK_INT(realm->reigns, 2);
    CHECK(realm->leased_ms[A] < thawed && realm->promised_ms[A] < thawed);
    // What it took and did not promise is not lost either.
    time_goes(realm, 3000);
    check_finished_on(B, 1, 200);
    check_finished_on(B, 2, 10);
    end();
}

// It hears of nobody above it, and goes on.
static void the_active_freezes_alone(void)
{
    begin(1);
    broker_dies(realm, B);
    time_goes(realm, 3000);
    submit_to(realm, A, 1, 0, 199);
    time_goes(realm, 300);
    broker_freezes(realm, A);
    time_goes(realm, 5000);
    broker_thaws(realm, A);
    time_goes(realm, 5000);
    CHECK_INT(realm->reigns, 1);
    check_finished_on(A, 1, 200);
    end();
}

static void the_standby_freezes_and_returns(void)
{
    begin(2);
    submit_to(realm, A, 1, 0, 199);
    broker_freezes(realm, B);
    time_goes(realm, 5000);
    broker_thaws(realm, B);
    time_goes(realm, 3000);
    CHECK(is_whole(realm) && reigns(realm, A));
    CHECK_INT(realm->reigns, 1);
    check_finished_on(A, 1, 200);
    end();
}

// ---- the network

static void a_broken_link_alone_changes_nothing(void)
{
    begin(2);
    link_is(realm, false);
    time_goes(realm, 20000);
    CHECK(reigns(realm, A) && !reigns(realm, B));
    CHECK_INT(pair_role(realm->pair, A), IDN_ROLE_ALONE);
    link_is(realm, true);
    time_goes(realm, 3000);
    CHECK(is_whole(realm));
    CHECK_INT(realm->reigns, 1);
    end();
}

// Both islands go on with the same job and take new ones; afterwards both know everything.
static void two_islands_merge(void)
{
    begin(4);
    submit_to(realm, A, 1, 0, 199);
    time_goes(realm, 300);
    link_is(realm, false);
    worker_sees(realm, 0, true, false), worker_sees(realm, 1, true, false);
    worker_sees(realm, 2, false, true), worker_sees(realm, 3, false, true);
    time_goes(realm, 2000);
    CHECK(reigns(realm, A) && reigns(realm, B));
    submit_to(realm, A, 2, 0, 99);
    submit_to(realm, B, 3, 0, 99);
    time_goes(realm, 5000);
    check_finished_on(A, 2, 100);
    check_finished_on(B, 3, 100);
    for (int i = 0; i < 4; i++)
        worker_sees(realm, i, true, true);
    link_is(realm, true);
    time_goes(realm, 5000);
    CHECK(is_whole(realm) && reigns(realm, B));
    CHECK_INT(realm->reigns, 2);
    for (unsigned job = 1; job <= 3; job++) {
        check_finished_on(A, job, job == 1 ? 200 : 100);
        check_finished_on(B, job, job == 1 ? 200 : 100);
    }
    end();
}

// One worker sees both islands.
static void a_bridging_worker_does_not_make_reigns_flap(void)
{
    begin(3);
    link_is(realm, false);
    worker_sees(realm, 0, true, false);
    worker_sees(realm, 1, true, true);
    worker_sees(realm, 2, false, true);
    time_goes(realm, 60000); // b's other worker is no majority
    CHECK(reigns(realm, A) && !reigns(realm, B));
    CHECK_INT(realm->reigns, 1);
    worker_boots(realm, 3, 10);
    worker_sees(realm, 3, false, true);
    time_goes(realm, 60000); // now it is: b takes over, and the bridge goes with it
    CHECK(reigns(realm, A) && reigns(realm, B));
    CHECK_INT(realm->reigns, 2);
    CHECK_INT(realm->worker[1].obeyed.broker, 'b');
    worker_dies(realm, 2), worker_dies(realm, 3);
    time_goes(realm, 60000);
    CHECK_INT(realm->reigns, 2);
    worker_sees(realm, 1, true, false); // it strays to a, which must get above b for it
    time_goes(realm, 60000);
    CHECK_INT(realm->reigns, 3);
    CHECK_INT(realm->worker[1].obeyed.broker, 'a');
    link_is(realm, true);
    time_goes(realm, 5000);
    CHECK(reigns(realm, A) && !reigns(realm, B));
    CHECK_INT(realm->reigns, 3);
    end();
}

static void set_sight(int worker, int sight)
{
    worker_sees(realm, worker, sight != 1, sight != 0);
}

// Each of the ways in which four workers may see a, b or both while the link is down: at most one
// reign begins, soon or never; and when all is well again at most one more.
static void every_partition_settles_at_once(void)
{
    for (int ways = 0; ways < 81; ways++) {
        begin(4);
        link_is(realm, false);
        for (int i = 0, rest = ways; i < 4; i++, rest /= 3)
            set_sight(i, rest % 3);
        time_goes(realm, 4000);
        uint32_t reigns_then = realm->reigns;
        CHECK(reigns_then <= 2);
        time_goes(realm, 20000);
        CHECK_INT(realm->reigns, reigns_then);
        for (int i = 0; i < 4; i++)
            set_sight(i, 2);
        link_is(realm, true);
        time_goes(realm, 5000);
        CHECK(is_whole(realm));
        CHECK(realm->reigns <= reigns_then + 1);
        end();
    }
}

// One change of the network after the other, whatever it was before: at most one reign each.
static void no_change_of_the_network_begins_two_reigns(void)
{
    struct idn_random random;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        idn_random_init(&random, seed, 0);
        begin(3);
        for (int change = 0; change < 25; change++) {
            uint32_t before = realm->reigns;
            uint64_t what = idn_random_below(&random, 4);
            if (what == 3)
                link_is(realm, idn_random_below(&random, 2) == 0);
            else
                set_sight((int)what, (int)idn_random_below(&random, 3));
            time_goes(realm, 5000 + idn_random_below(&random, 3000));
            CHECK(realm->reigns <= before + 1);
            uint32_t settled = realm->reigns;
            time_goes(realm, 5000);
            CHECK_INT(realm->reigns, settled);
        }
        for (int i = 0; i < 3; i++)
            set_sight(i, 2);
        link_is(realm, true);
        time_goes(realm, 5000);
        CHECK(is_whole(realm));
        end();
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(the_active_dies),
        CHECK_TEST(the_active_dies_with_much_undone),
        CHECK_TEST(the_standby_dies_and_returns),
        CHECK_TEST(everybody_dies_and_returns),
        CHECK_TEST(the_active_freezes_and_returns),
        CHECK_TEST(the_active_freezes_alone),
        CHECK_TEST(the_standby_freezes_and_returns),
        CHECK_TEST(a_broken_link_alone_changes_nothing),
        CHECK_TEST(two_islands_merge),
        CHECK_TEST(a_bridging_worker_does_not_make_reigns_flap),
        CHECK_TEST(every_partition_settles_at_once),
        CHECK_TEST(no_change_of_the_network_begins_two_reigns),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
