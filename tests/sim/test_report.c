// The table of what met what: a run in which something was met too seldom is told so, by name.
#include "tests/lib/capture.h"
#include "tests/lib/check.h"
#include "tests/sim/report.h"

enum { LEAST = 100 };

static struct sim_stats *all_met(uint64_t times)
{
    static struct sim_stats stats;

    for (int i = 0; i < SIM_FAULTS; i++)
        for (int k = 0; k < SIM_ROLES; k++)
            stats.met[i][k] = times;
    return &stats;
}

static void test_all_met(void)
{
    CHECK_INT(sim_report_gaps(all_met(LEAST), LEAST), 0);
    CHECK_INT(sim_report_gaps(all_met(0), 0), 0);
}

static void test_one_is_short(void)
{
    static const struct {
        enum sim_fault fault;
        enum sim_role role;
    } cells[] = {{SIM_FAULT_BROKER_CRASH, SIM_ROLE_LEARNER}, {SIM_FAULT_SPAM, SIM_ROLE_ACTIVE},
        {SIM_FAULT_CHILD_DEATH, SIM_ROLE_IDLE}, {SIM_FAULT_CLIENT_FREEZE, SIM_ROLE_CLIENT},
        {SIM_FAULT_CUT, SIM_ROLE_BUSY}, {SIM_FAULT_BREAK, SIM_ROLE_CLIENT},
        {SIM_FAULT_LOSS, SIM_ROLE_NONE}, {SIM_FAULT_DISK_FULL, SIM_ROLE_NONE}};

    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        struct sim_stats *stats = all_met(LEAST);
        stats->met[cells[i].fault][cells[i].role]--;
        CHECK_INT(sim_report_gaps(stats, LEAST), 1);
    }
}

// A worker's crash does not strike a broker.
static void test_what_cannot_be_met_need_not(void)
{
    struct sim_stats *stats = all_met(LEAST);

    stats->met[SIM_FAULT_WORKER_CRASH][SIM_ROLE_ACTIVE] = 0;
    stats->met[SIM_FAULT_BROKER_CRASH][SIM_ROLE_BUSY] = 0;
    stats->met[SIM_FAULT_LOSS][SIM_ROLE_ALONE] = 0;
    CHECK_INT(sim_report_gaps(stats, LEAST), 0);
}

static void test_the_gap_is_named(void)
{
    struct sim_stats *stats = all_met(LEAST);

    stats->met[SIM_FAULT_TAIL_LOST][SIM_ROLE_STANDBY] = 99;
    capture_begin();
    (void)sim_report_gaps(stats, LEAST);
    capture_end();
    CHECK_STRING(out, "the fault \"lost tail\" met the role \"standby\" 99 times, not 100\n");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_all_met),
        CHECK_TEST(test_one_is_short),
        CHECK_TEST(test_what_cannot_be_met_need_not),
        CHECK_TEST(test_the_gap_is_named),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
