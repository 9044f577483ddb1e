// The store: what was committed comes back, in order, and who may open it.
#include "tests/unit/store_kit.h"

#include <sqlite3.h>

static struct kit kit;
static struct kit_seen seen;

static void test_comes_back_in_order(void)
{
    struct idn_completion done;

    kit_init(&kit);
    kit_open(&kit);
    CHECK_INT(kit.report.facts, 0);
    kit_accept(&kit, 1, 0, 999);
    struct idn_fact pair[2] = {kit_results(&kit, 1, 0, 500, IDN_STATUS_OK, 7),
        kit_results(&kit, 1, 500, 500, IDN_STATUS_CORRUPT, 0)};
    idn_store_commit(kit.store, pair, 2);
    kit_wait_stored(&kit);
    CHECK_INT(idn_store_oldest_ms(kit.store), 0);
    CHECK(!idn_store_next(kit.store, &done));
    kit_restart(&kit, &seen);
    CHECK_INT(kit.report.facts, 3);
    CHECK_INT(kit.report.lost, 0);
    CHECK_INT(seen.count, 3);
    CHECK_INT(seen.kind[0], IDN_FACT_ACCEPTED);
    CHECK_INT(seen.kind[1], IDN_FACT_RESULTS);
    CHECK_INT(seen.origin[0].incarnation, kit.incarnation - 1);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_INT(seen.origin[i].sequence, i + 1);
    CHECK_INT(seen.rows, 1000);
    CHECK_STRING(seen.last.u.results.worker, "host/0");
    CHECK_INT(seen.last.epoch.counter, 3);
    CHECK_INT(seen.last.epoch.broker, 'a');
    CHECK_INT(seen.last.wall_ms, 1700000000003);
    CHECK_INT(seen.last.u.results.class_hash, 77);
    kit_fini(&kit);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_comes_back_in_order),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
