// The store's fold and the core's follow one rule: here the store commits facts about a key in any
// order, its own and another broker's, and what it answers to REFOLD is held against the reference
// that the core's folds are held against (test_core_order.c).
#include "base/random.h"
#include "tests/lib/facts_oracle.h"
#include "tests/unit/store_kit.h"

enum { HISTORIES = 40, FACTS = 60, IMAGES = 12 };

static struct idn_random chance;
static struct idn_fact fact[FACTS];
static const struct idn_fact *list[FACTS];
static uint8_t rows[FACTS][IMAGES * IDN_ROW_BYTES];
static unsigned disputed, rivals, lifted, quarantined;

static uint32_t below(uint32_t end)
{
    return idn_random_below(&chance, end);
}

static struct idn_job_spec a_spec(void)
{
    return below(3) == 0 ? kit_spec(4, 9) : kit_spec(0, IMAGES - 1);
}

static void fill_results(struct idn_fact *to, uint8_t *bytes)
{
    struct idn_job_spec spec = a_spec();
    uint32_t total = spec.last - spec.first + 1, at = below(total), first = spec.first + at,
             count = 1 + below(total - at);

    for (uint32_t i = 0; i < count; i++)
        kit_row(bytes + (size_t)i * IDN_ROW_BYTES, first + i,
            below(6) == 0 ? IDN_STATUS_CORRUPT : IDN_STATUS_OK, below(12) == 0);
    to->u.results.rows = bytes;
    to->u.results.count = count;
    to->u.results.class_hash = 77 + (below(8) == 0);
    to->u.results.compute_us = 1 + below(1000);
    to->u.results.spec_hash = idn_spec_hash(&spec);
}

static void fill_quarantined(struct idn_fact *to)
{
    struct idn_job_spec spec = a_spec();

    to->u.quarantined.image = spec.first + below(spec.last - spec.first + 1);
    to->u.quarantined.generation = 1 + below(3);
    to->u.quarantined.reason = IDN_DEATH_SIGNAL;
    to->u.quarantined.spec_hash = idn_spec_hash(&spec);
}

static void make(struct kit *kit, uint8_t job, size_t at)
{
    static const uint32_t kinds[] = {IDN_FACT_RESULTS, IDN_FACT_RESULTS, IDN_FACT_QUARANTINED,
        IDN_FACT_QUARANTINED, IDN_FACT_LIFTED, IDN_FACT_ACCEPTED};
    uint32_t kind = at == 0 ? IDN_FACT_ACCEPTED : kinds[below(at < 20 ? 5 : 6)];
    struct idn_fact *made = &fact[at];

    *made = kit_fact(kit, kind, job);
    made->epoch = (struct idn_epoch){1 + below(4), 'a' + below(2)};
    if (kind == IDN_FACT_RESULTS)
        fill_results(made, rows[at]);
    if (kind == IDN_FACT_QUARANTINED)
        fill_quarantined(made);
    if (kind == IDN_FACT_LIFTED)
        made->u.lifted.generation = below(6) == 0 ? 2 : 1;
    if (kind == IDN_FACT_ACCEPTED)
        made->u.accepted = a_spec();
    list[at] = made;
}

static void check(struct kit *kit, uint8_t job, size_t count)
{
    struct idn_key key = kit_key(job);
    struct idn_completion done;
    struct oracle oracle;

    oracle_ask(list, count, &key, NULL, &oracle);
    kit_wait_stored(kit);
    idn_store_refold(kit->store, &key, &oracle.spec, true);
    CHECK(kit_wait(kit, IDN_COMPLETION_REFOLDED, &done));
    CHECK_INT(done.summary.ok, oracle.ok);
    CHECK_INT(done.summary.failed, oracle.failed);
    CHECK_INT(done.summary.quarantined, oracle.quarantined);
    CHECK_INT(done.summary.conflicts, oracle.conflicts);
    CHECK_INT(done.summary.lifted, oracle.lifted);
    CHECK_INT(done.summary.compute_us, oracle.compute_us);
    CHECK_INT(done.summary.class_hash, oracle.class_hash);
    CHECK(idn_digest_equal(&done.summary.digest, &oracle.digest));
    CHECK(memcmp(done.bytes, oracle.states, (oracle.total + 1) / 2) == 0);
    free(done.bytes);
    disputed += oracle.conflicts > 0, rivals += oracle.rivals, lifted += oracle.lifted > 0;
    quarantined += oracle.quarantined;
}

static void test_the_store_folds_as_the_core_does(void)
{
    struct kit kit;

    idn_random_init(&chance, 1, 1);
    kit_init(&kit);
    kit_open(&kit);
    for (uint8_t job = 1; job <= HISTORIES; job++) {
        uint64_t theirs = 0;
        for (size_t i = 0; i < FACTS; i++) {
            make(&kit, job, i);
            if (i > 0 && below(2) == 0) {
                fact[i].origin = (struct idn_origin){0x1000u + job, ++theirs};
                kit_commit_foreign(&kit, fact[i], 0x1000u + job, theirs);
            } else {
                kit_commit(&kit, fact[i]);
            }
            if (i + 1 < FACTS && below(20) == 0)
                check(&kit, job, i + 1);
        }
        check(&kit, job, FACTS);
    }
    CHECK(disputed > HISTORIES && rivals > HISTORIES && lifted > HISTORIES && quarantined > 10);
    kit_fini(&kit);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_the_store_folds_as_the_core_does)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
