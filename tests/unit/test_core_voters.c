// What workers say of who reigns: whose word counts, for how long, and what a majority is.
#include "broker/core/state.h"
#include "broker/core/voters.h"
#include "tests/lib/core_rig.h"

enum { SILENT = IDN_DEAD_MS, HEARD = 0 };

static const struct idn_epoch none = {0}, lower = {4, 'a'}, ours = {5, 'b'}, higher = {6, 'a'};

static struct rig *rig;
static uint64_t sequence;

// A core that takes part in nothing; only its voters are looked at.
static struct idn_core *begin(void)
{
    if (rig != NULL)
        rig_destroy(rig); // of a test that failed
    rig = rig_new();
    rig->core->epoch = ours;
    return rig->core;
}

static void end(void)
{
    rig_destroy(rig);
    rig = NULL;
}

static void say(uint64_t nonce, struct idn_epoch obeyed, uint64_t silent_ms)
{
    struct idn_worker_beat beat = {
        .nonce = nonce, .sequence = ++sequence, .obeyed = obeyed, .active_silent_ms = silent_ms};

    idn_voters_heard(rig->core, &beat);
}

static void wait_ms(uint64_t ms)
{
    rig->core->now += ms;
    idn_voters_judge(rig->core);
}

static void test_nobody_is_no_majority(void)
{
    struct idn_core *core = begin();

    CHECK(!idn_voters_miss_the_active(core) && !idn_voters_left(core) && !idn_voters_obey(core));
    CHECK(!idn_voters_strayed(core));
    CHECK(idn_voters_all_greeted(core));
    end();
}

static void test_half_is_no_majority(void)
{
    struct idn_core *core = begin();

    say(1, lower, SILENT);
    CHECK(idn_voters_miss_the_active(core));
    say(2, lower, SILENT - 1);
    CHECK(!idn_voters_miss_the_active(core));
    say(3, none, SILENT);
    CHECK(idn_voters_miss_the_active(core));
    say(3, none, HEARD);
    CHECK(!idn_voters_miss_the_active(core));
    end();
}

static void test_only_those_who_hear_the_higher_epoch_have_left(void)
{
    struct idn_core *core = begin();

    say(1, higher, HEARD);
    say(2, ours, HEARD);
    CHECK(!idn_voters_left(core));
    say(3, higher, SILENT);
    CHECK(!idn_voters_left(core));
    CHECK(idn_voters_strayed(core));
    say(3, higher, HEARD);
    CHECK(idn_voters_left(core));
    CHECK(!idn_voters_strayed(core));
    end();
}

static void test_who_obeys_us_may_be_silent(void)
{
    struct idn_core *core = begin();

    say(1, ours, SILENT);
    say(2, ours, HEARD);
    say(3, lower, HEARD);
    CHECK(idn_voters_obey(core));
    say(4, higher, HEARD);
    CHECK(!idn_voters_obey(core));
    end();
}

static void test_a_new_epoch_of_ours_is_compared_anew(void)
{
    struct idn_core *core = begin();

    say(1, higher, HEARD);
    say(2, higher, SILENT);
    CHECK(idn_voters_strayed(core));
    core->epoch = (struct idn_epoch){7, 'b'};
    idn_voters_recount(core);
    CHECK(!idn_voters_strayed(core) && !idn_voters_left(core));
    say(1, core->epoch, HEARD);
    say(2, core->epoch, HEARD);
    CHECK(idn_voters_obey(core));
    wait_ms(IDN_DEAD_MS);
    CHECK_INT(core->roles.voters.live, 0);
    end();
}

static void test_a_voice_lasts_five_intervals(void)
{
    struct idn_core *core = begin();

    say(1, lower, HEARD);
    wait_ms(500);
    say(2, lower, SILENT);
    wait_ms(499);
    CHECK(!idn_voters_miss_the_active(core));
    wait_ms(1);
    CHECK(idn_voters_miss_the_active(core));
    CHECK_INT(core->roles.voters.live, 1);
    wait_ms(500);
    CHECK_INT(core->roles.voters.live, 0);
    end();
}

static void test_an_old_beat_says_nothing(void)
{
    struct idn_core *core = begin();
    struct idn_worker_beat beat = {.nonce = 1, .sequence = 0, .active_silent_ms = SILENT};

    idn_voters_heard(core, &beat); // beats count from 1
    CHECK_INT(core->roles.voters.live, 0);
    beat.sequence = 8;
    idn_voters_heard(core, &beat);
    beat.active_silent_ms = HEARD;
    idn_voters_heard(core, &beat);
    beat.sequence = 7;
    idn_voters_heard(core, &beat);
    CHECK(idn_voters_miss_the_active(core));
    wait_ms(IDN_DEAD_MS);
    CHECK_INT(core->roles.voters.live, 0);
    end();
}

static void test_an_epoch_that_cannot_be_is_none(void)
{
    struct idn_core *core = begin();

    say(1, (struct idn_epoch){UINT64_MAX, 'a'}, SILENT);
    CHECK(!idn_voters_strayed(core));
    CHECK(idn_voters_miss_the_active(core));
    end();
}

static void test_more_than_there_is_room_for_are_not_counted(void)
{
    struct idn_core *core = begin();
    uint32_t room = core->workers_max;

    for (uint64_t nonce = 1; nonce <= room; nonce++)
        say(nonce, lower, HEARD);
    say(99, higher, SILENT);
    CHECK_INT(core->roles.voters.live, room);
    CHECK(!idn_voters_strayed(core));
    wait_ms(999);
    for (uint64_t nonce = 2; nonce <= room; nonce++)
        say(nonce, lower, HEARD);
    wait_ms(1);
    say(99, higher, SILENT);
    CHECK_INT(core->roles.voters.live, room);
    CHECK(idn_voters_strayed(core));
    end();
}

// Thousands come and go through few places: each is found again, and nobody stays.
static void test_places_are_used_again(void)
{
    struct idn_core *core = begin();

    for (uint64_t round = 0; round < 2000; round++) {
        for (uint64_t i = 0; i < 5; i++)
            say(0x9e3779b9u * (round * 5 + i + 1), lower, SILENT);
        for (uint64_t i = 0; i < 5; i++)
            say(0x9e3779b9u * (round * 5 + i + 1), lower, HEARD);
        CHECK_INT(core->roles.voters.live, 5);
        CHECK(!idn_voters_miss_the_active(core));
        wait_ms(IDN_DEAD_MS);
        CHECK_INT(core->roles.voters.live, 0);
    }
    end();
}

// With many workers beats are rarer, so their voices last longer.
static void test_many_voters_last_longer(void)
{
    begin();
    rig->config.workers_max = 4000;
    rig_boot(rig);
    for (uint64_t nonce = 1; nonce <= 4000; nonce++)
        say(nonce, lower, HEARD);
    wait_ms(1999);
    CHECK_INT(rig->core->roles.voters.live, 4000);
    wait_ms(1);
    // Each that goes shortens the life of the others.
    CHECK_INT(rig->core->roles.voters.live, 0);
    end();
}

static void test_who_said_hello_is_greeted(void)
{
    struct idn_core *core = begin();

    say(101, ours, HEARD);
    CHECK(!idn_voters_all_greeted(core));
    rig_hello(rig, 1);
    CHECK(idn_voters_all_greeted(core));
    say(102, ours, HEARD);
    CHECK(!idn_voters_all_greeted(core));
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_nobody_is_no_majority),
        CHECK_TEST(test_half_is_no_majority),
        CHECK_TEST(test_only_those_who_hear_the_higher_epoch_have_left),
        CHECK_TEST(test_who_obeys_us_may_be_silent),
        CHECK_TEST(test_a_new_epoch_of_ours_is_compared_anew),
        CHECK_TEST(test_a_voice_lasts_five_intervals),
        CHECK_TEST(test_an_old_beat_says_nothing),
        CHECK_TEST(test_an_epoch_that_cannot_be_is_none),
        CHECK_TEST(test_more_than_there_is_room_for_are_not_counted),
        CHECK_TEST(test_places_are_used_again),
        CHECK_TEST(test_many_voters_last_longer),
        CHECK_TEST(test_who_said_hello_is_greeted),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
