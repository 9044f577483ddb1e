// Facts of the other broker's on one that runs, with leases and watches; what clients ask that
// makes facts; what must not make any.
#include "broker/core/policy.h"
#include "tests/lib/facts_site.h"

static struct rig rig;      // for its configuration and messages
static struct site site;    // the broker
static uint64_t sequence;   // of the other broker's facts
static uint64_t reports[3]; // of each worker

static void begin_with(bool has_peer)
{
    rig_configure(&rig);
    site.config = rig.config;
    site.config.open_images_max = 64;
    site.config.open_jobs_max = 4;
    site.config.jobs_max = 6;
    site.config.forgotten_max = 4;
    site.config.has_peer = has_peer;
    site.now = 5000;
    site.facts = site.stored = site.summaries = site.refolds = site.actions = 0;
    site.holds_store = site.holds_refolds = false;
    sequence = 0;
    memset(reports, 0, sizeof(reports));
    site_boot(&site);
    site_start(&site, 0x77);
    if (has_peer)
        site_request(&site, IDN_REQUEST_BOOTSTRAP, 0);
    CHECK(site.core->active);
    site_clear(&site);
}

static void hello(unsigned n)
{
    struct idn_worker_message *message = rig_hello_message(&rig, n);

    message->u.hello.reports_from = reports[n] + 1;
    site_say(&site, n, message);
}

static void submit(unsigned key, uint32_t first, uint32_t last)
{
    site_ask(&site, rig_submission(key, "alexnet", first, last));
}

static const struct idn_order *order(uint32_t type)
{
    const struct idn_action *action = site_find(&site, IDN_ACTION_ORDER, type);

    CHECK(action != NULL);
    return &action->u.order;
}

static void expect_refusal(uint32_t code, const char *part)
{
    const struct idn_action *action = site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_REFUSED);

    CHECK(action != NULL);
    CHECK_INT(action->u.reply.u.refused.code, code);
    CHECK_CONTAINS(action->u.reply.u.refused.text, part);
    site_clear(&site);
}

static void expect_accepted(void)
{
    CHECK(site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED) != NULL);
    CHECK(site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_REFUSED) == NULL);
    site_clear(&site);
}

// ---- the other broker's facts: of an earlier epoch than ours, or of a later one

static struct idn_fact other(uint32_t kind, unsigned key, uint64_t epoch)
{
    return (struct idn_fact){.kind = kind,
        .job = rig_key(key),
        .epoch = {epoch, 'b'},
        .origin = {0xbb, ++sequence},
        .wall_ms = 1};
}

static void accept_there(unsigned key, uint32_t first, uint32_t last, uint64_t epoch)
{
    struct idn_fact fact = other(IDN_FACT_ACCEPTED, key, epoch);

    fact.u.accepted = rig_submission(key, "alexnet", first, last).u.submit;
    fact.u.accepted.model_digest = rig.model[0].digest;
    fact.u.accepted.list_digest = rig.dataset[0].digest;
    site_copy(&site, pool_keep(&fact));
}

static void rows_there(unsigned key, const uint8_t *rows, uint32_t count, uint64_t epoch)
{
    struct idn_fact fact = other(IDN_FACT_RESULTS, key, epoch);

    fact.u.results.rows = rows;
    fact.u.results.count = count;
    fact.u.results.class_hash = 77;
    fact.u.results.spec_hash = site_job(&site, key)->spec_hash;
    site_copy(&site, pool_keep(&fact));
}

static void results_there(unsigned key, uint32_t first, uint32_t count)
{
    uint8_t rows[16 * IDN_ROW_BYTES];

    for (uint32_t i = 0; i < count; i++)
        rig_row(first + i, rows + (size_t)i * IDN_ROW_BYTES);
    rows_there(key, rows, count, 9);
}

static void quarantine_there(unsigned key, uint32_t image, uint32_t generation)
{
    struct idn_fact fact = other(IDN_FACT_QUARANTINED, key, 9);

    fact.u.quarantined.image = image;
    fact.u.quarantined.generation = generation;
    fact.u.quarantined.spec_hash = site_job(&site, key)->spec_hash;
    site_copy(&site, pool_keep(&fact));
}

static void lift_there(unsigned key, uint32_t generation)
{
    struct idn_fact fact = other(IDN_FACT_LIFTED, key, 9);

    fact.u.lifted.generation = generation;
    site_copy(&site, pool_keep(&fact));
}

static void say_there(uint32_t kind, unsigned key)
{
    struct idn_fact fact = other(kind, key, 9);

    site_copy(&site, pool_keep(&fact));
}

static void watch(unsigned key)
{
    struct idn_request request = {
        .type = IDN_REQUEST_WATCH, .job = {.key = rig_key(key), .bits = 128}};

    request.u.watch.version = site_job(&site, key)->version;
    request.u.watch.wait_ms = 10000;
    site_ask(&site, request);
    site_clear(&site);
}

static void pass(uint64_t ms)
{
    site.now += ms;
    site_step(&site, (struct idn_event){.type = IDN_EVENT_TICK});
}

static void report(unsigned n, const struct idn_order *lease, uint32_t first, uint32_t count)
{
    site_say(&site, n, rig_report(&rig, n, ++reports[n], lease, first, count, IDN_END_NONE));
}

// A job of five images that has ended, image 2 quarantined.
static void end_with_a_quarantine(void)
{
    begin_with(false);
    submit(1, 0, 4);
    results_there(1, 0, 2);
    results_there(1, 3, 2);
    quarantine_there(1, 2, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_FINISHED);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_QUARANTINED], 1);
    site_clear(&site);
}

// ---- stories

static void test_results_of_the_other_end_a_lease_and_a_watch(void)
{
    begin_with(false);
    hello(1);
    submit(1, 0, 9);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    CHECK_INT(lease.u.lease.spec_hash, site_job(&site, 1)->spec_hash);
    watch(1);
    results_there(1, 0, 9);
    CHECK_INT(site_job(&site, 1)->leases, 1);
    results_there(1, 9, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_FINISHED);
    CHECK_INT(site.core->leases, 0);
    CHECK(idn_lease_equal(order(IDN_ORDER_TRIM)->u.trim.id, lease.u.lease.id));
    CHECK_INT(order(IDN_ORDER_TRIM)->u.trim.keep, 0);
    const struct idn_action *heard = site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_JOB);
    CHECK(heard != NULL);
    CHECK_INT(heard->u.reply.u.job.state, IDN_JOB_FINISHED);
}

static void test_a_job_of_the_other_is_dispatched(void)
{
    begin_with(false);
    hello(1);
    accept_there(1, 0, 9, 9);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.count, 10);
    say_there(IDN_FACT_CANCELLED, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_CANCELLED);
    CHECK_INT(order(IDN_ORDER_TRIM)->u.trim.keep, 0);
}

static void test_an_answer_about_a_copied_job_waits_for_the_store(void)
{
    begin_with(false);
    site.holds_store = true;
    accept_there(1, 0, 9, 9);
    submit(1, 0, 9);
    CHECK(site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED) == NULL);
    site.holds_store = false;
    site_store(&site);
    expect_accepted();
}

static void test_a_report_of_another_specification_folds_nothing(void)
{
    begin_with(false);
    hello(1);
    submit(1, 0, 9);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    lease.u.lease.spec_hash++;
    report(1, &lease, 0, 3);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_OK], 0);
    CHECK(site_find(&site, IDN_ACTION_COMMIT, IDN_FACT_RESULTS) == NULL);
    CHECK_INT(order(IDN_ORDER_ACK)->u.ack.number, 1);
    lease.u.lease.spec_hash--;
    report(1, &lease, 0, 3);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_OK], 3);
}

static void test_a_lease_of_another_specification_is_not_adopted(void)
{
    begin_with(false);
    submit(1, 0, 9);
    for (uint64_t wrong = 0; wrong < 2; wrong++) {
        struct idn_worker_message *message = rig_hello_message(&rig, 1);
        message->u.hello.models = 0; // nothing but what it has
        message->u.hello.leases = 1;
        message->u.hello.lease[0] = (struct idn_held_lease){.id = {{1, 'b'}, 5},
            .job = rig_key(1),
            .spec_hash = site_job(&site, 1)->spec_hash + 1 - wrong,
            .count = 10};
        site_say(&site, 1, message);
        CHECK_INT(site.core->leases, wrong);
    }
}

static void test_the_earlier_specification_counts(void)
{
    begin_with(false);
    hello(1);
    submit(1, 0, 9);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    report(1, &lease, 0, 3);
    watch(1);
    accept_there(1, 0, 4, 0);
    const struct idn_job *job = site_job(&site, 1);
    CHECK_INT(job->images.total, 5);
    CHECK_INT(job->images.kind[IDN_IMAGE_OK], 0);
    CHECK(idn_lease_equal(order(IDN_ORDER_TRIM)->u.trim.id, lease.u.lease.id));
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.count, 5);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.spec_hash, job->spec_hash);
    pass(IDN_WATCH_MS_MIN);
    const struct idn_action *heard = site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_JOB);
    CHECK(heard != NULL);
    CHECK_CONTAINS(heard->u.reply.u.job.why, "its key was another job's too while the brokers");
    report(1, &lease, 0, 3); // late
    CHECK_INT(job->images.kind[IDN_IMAGE_OK], 0);
    accept_there(1, 7, 8, 9); // a later one changes nothing
    CHECK_INT(job->images.total, 5);
    CHECK_INT(site.core->open_images, 5);
}

static void test_retry_opens_an_ended_job_again(void)
{
    end_with_a_quarantine();
    hello(1);
    site.holds_store = site.holds_refolds = true;
    site_request(&site, IDN_REQUEST_RETRY, 1);
    CHECK(site_find(&site, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED) == NULL);
    site.holds_store = false;
    site_store(&site);
    const struct idn_action *lifted = site_find(&site, IDN_ACTION_COMMIT, IDN_FACT_LIFTED);
    CHECK(lifted != NULL);
    CHECK_INT(lifted->u.fact.u.lifted.generation, 1);
    CHECK(site_find(&site, IDN_ACTION_ORDER, IDN_ORDER_LEASE) == NULL); // which image?
    CHECK_INT(site_find(&site, IDN_ACTION_REFOLD, 0)->u.refold.states, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_OPEN);
    expect_accepted();
    site_let_go(&site);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.first, 2);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.count, 1);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    report(1, &lease, 2, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_FINISHED);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_OK], 5);
    site_clear(&site);
    site_request(&site, IDN_REQUEST_RETRY, 1); // nothing is quarantined
    CHECK(site_find(&site, IDN_ACTION_COMMIT, IDN_FACT_LIFTED) == NULL);
    expect_accepted();
}

static void test_the_next_quarantine_is_of_the_next_generation(void)
{
    end_with_a_quarantine();
    site_request(&site, IDN_REQUEST_RETRY, 1);
    quarantine_there(1, 2, 1); // by one who did not know
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_QUARANTINED], 0);
    hello(1);
    for (int death = 0; death < IDN_DEATHS_ALONE_MAX; death++) {
        const struct idn_order *lease = order(IDN_ORDER_LEASE);
        struct idn_worker_message *message =
            rig_report(&rig, 1, ++reports[1], lease, 2, 0, IDN_END_DEATH);
        message->u.report.death = IDN_DEATH_SIGNAL;
        message->u.report.alone = message->u.report.in_child = 1;
        message->u.report.image[0] = 2;
        site_say(&site, 1, message);
    }
    const struct idn_action *action = site_find(&site, IDN_ACTION_COMMIT, IDN_FACT_QUARANTINED);
    CHECK(action != NULL);
    CHECK_INT(action->u.fact.u.quarantined.generation, 2);
    CHECK_INT(action->u.fact.u.quarantined.spec_hash, site_job(&site, 1)->spec_hash);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_FINISHED);
}

static void test_a_cancelled_job_is_not_retried(void)
{
    begin_with(false);
    submit(1, 0, 4);
    quarantine_there(1, 2, 1);
    site_request(&site, IDN_REQUEST_CANCEL, 1);
    site_clear(&site);
    site_request(&site, IDN_REQUEST_RETRY, 1);
    expect_refusal(IDN_REFUSED_CANCELLED, "its 1 quarantined images stay so; submit them");
}

static void test_what_is_lifted_elsewhere_stays_cancelled(void)
{
    end_with_a_quarantine();
    say_there(IDN_FACT_CANCELLED, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_FINISHED);
    site.holds_refolds = true;
    lift_there(1, 1);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_CANCELLED);
    site_let_go(&site);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_CANCELLED);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_PENDING], 1);
    site_restart(&site, 0x78);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_CANCELLED);
}

static void test_a_lift_makes_the_answer_stale(void)
{
    begin_with(false);
    submit(1, 0, 4);
    site_request(&site, IDN_REQUEST_CANCEL, 1);
    site.holds_refolds = true;
    quarantine_there(1, 2, 1); // late: it is to be read
    CHECK_INT(site.refolds, 1);
    site.holds_store = true;
    lift_there(1, 1);
    site_refold(&site); // by a store that does not have it yet
    CHECK(idn_job_is_read_back(site_job(&site, 1)));
    site_let_go(&site);
    CHECK_INT(site_job(&site, 1)->images.kind[IDN_IMAGE_QUARANTINED], 0);
}

static void test_a_row_that_is_damaged_is_computed_again(void)
{
    uint8_t states[3] = {0x08, 0x88, 0x08}; // of images 0, 2, 3 and 4
    struct idn_summary summary = {.job = rig_key(1), .ok = 4};
    struct idn_event event = {.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}};

    begin_with(false);
    submit(1, 0, 4);
    results_there(1, 0, 5);
    site.holds_refolds = true;
    results_there(1, 0, 1); // late
    site_step(&site, event);
    CHECK_INT(site_job(&site, 1)->state, IDN_JOB_OPEN);
    CHECK_INT(site_find(&site, IDN_ACTION_REFOLD, 0)->u.refold.states, 1);
    event.u.refolded.states = states;
    site_step(&site, event);
    hello(1);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.first, 1);
    CHECK_INT(order(IDN_ORDER_LEASE)->u.lease.count, 1);
}

static void test_a_job_that_is_open_again_is_not_owed_the_time_it_was_away(void)
{
    end_with_a_quarantine();
    submit(2, 0, 39);
    hello(1);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    report(1, &lease, 0, 10);
    site_request(&site, IDN_REQUEST_RETRY, 1);
    int64_t others = idn_policy_progress(site.core, site_job(&site, 2));
    CHECK_INT(others, 1 << 20);
    CHECK_INT(idn_policy_progress(site.core, site_job(&site, 1)), others);
}

static void test_few_jobs_are_read_back_at_once(void)
{
    begin_with(false);
    site.config.open_jobs_max = 20, site.config.jobs_max = 20;
    site.config.open_images_max = 2000;
    site_boot(&site);
    site_start(&site, 0x78);
    site.holds_refolds = true;
    for (unsigned key = 1; key <= IDN_REFOLDS_MAX + 1; key++) {
        accept_there(key, 0, 4, 9);
        results_there(key, 0, 5);
        results_there(key, 0, 1); // late
    }
    CHECK_INT(site.refolds, IDN_REFOLDS_MAX);
    site_let_go(&site);
    for (unsigned key = 1; key <= IDN_REFOLDS_MAX + 1; key++)
        CHECK(!idn_job_is_read_back(site_job(&site, key)));
}

// Another answer for the image, whose hash begins with the same three bits.
static void contradict_there(unsigned key, uint32_t image, uint64_t epoch)
{
    uint8_t row[IDN_ROW_BYTES];
    struct idn_digest right, wrong;
    struct idn_result result;

    rig_row(image, row);
    CHECK(idn_result_unpack(row, &result));
    idn_digest_of(&result, &right);
    do {
        result.class_id[0] = 2000 + result.class_id[0] % 1000 + 1;
        idn_digest_of(&result, &wrong);
    } while (((right.low ^ wrong.low) & IDN_IMAGE_CHECK_BITS) != 0);
    idn_result_pack(&result, row);
    rows_there(key, row, 1, epoch);
}

static void test_a_disputed_job_ends_with_the_digest_of_the_store(void)
{
    begin_with(false);
    submit(2, 3, 4);
    results_there(2, 3, 1);
    contradict_there(2, 3, 1);                   // of a lower epoch: it counts
    CHECK_INT(site_job(&site, 2)->conflicts, 0); // memory cannot tell
    site.holds_refolds = true;
    results_there(2, 4, 1);
    CHECK_INT(site_job(&site, 2)->state, IDN_JOB_OPEN);
    site_let_go(&site);
    CHECK_INT(site_job(&site, 2)->state, IDN_JOB_FINISHED);
    CHECK_INT(site_job(&site, 2)->conflicts, 1);
    struct idn_key key = rig_key(2);
    struct oracle oracle;
    oracle_ask(site.fact, site.facts, &key, NULL, &oracle);
    CHECK(idn_digest_equal(&site_job(&site, 2)->digest, &oracle.digest));
}

static void test_retry_needs_room(void)
{
    end_with_a_quarantine();
    submit(2, 0, 59);
    site_clear(&site);
    site_request(&site, IDN_REQUEST_RETRY, 1);
    expect_refusal(IDN_REFUSED_CLUSTER_FULL, "have 60 images, 5 more exceed the limit of 64");
}

static void test_forgotten_is_for_ever(void)
{
    end_with_a_quarantine();
    watch(1);
    site_request(&site, IDN_REQUEST_FORGET, 1);
    expect_refusal(IDN_REFUSED_FORGOTTEN, "this job has been forgotten"); // the watch
    site_request(&site, IDN_REQUEST_FORGET, 1);                           // its reply was lost
    expect_accepted();
    submit(1, 0, 4);
    expect_refusal(IDN_REFUSED_FORGOTTEN, "has been forgotten, and its key is not used again");
    site_request(&site, IDN_REQUEST_CANCEL, 1);
    expect_refusal(IDN_REFUSED_FORGOTTEN, "has been forgotten");
    accept_there(1, 0, 4, 0);
    CHECK(site_job(&site, 1) == NULL);
    site_restart(&site, 0x78);
    CHECK(site_job(&site, 1) == NULL);
    submit(1, 0, 4);
    expect_refusal(IDN_REFUSED_FORGOTTEN, "has been forgotten");
}

static void test_forgotten_by_the_other(void)
{
    begin_with(false);
    hello(1);
    submit(1, 0, 9);
    struct idn_order lease = *order(IDN_ORDER_LEASE);
    watch(1);
    say_there(IDN_FACT_FORGOTTEN, 1);
    CHECK(site_job(&site, 1) == NULL);
    CHECK(idn_lease_equal(order(IDN_ORDER_TRIM)->u.trim.id, lease.u.lease.id));
    CHECK_INT(site.core->leases, 0);
    expect_refusal(IDN_REFUSED_FORGOTTEN, "this job has been forgotten");
    report(1, &lease, 0, 5);
    CHECK(site_find(&site, IDN_ACTION_COMMIT, IDN_FACT_RESULTS) == NULL);
    CHECK_INT(order(IDN_ORDER_ACK)->u.ack.number, 1);
}

static void test_the_forgotten_are_bounded(void)
{
    begin_with(false);
    for (unsigned key = 1; key <= 5; key++) {
        submit(key, 0, 4);
        site_request(&site, IDN_REQUEST_CANCEL, key);
        site_clear(&site);
        site_request(&site, IDN_REQUEST_FORGET, key);
        if (key < 5)
            expect_accepted();
    }
    expect_refusal(
        IDN_REFUSED_HISTORY_FULL, "4 jobs have been forgotten and their keys are kept, which is");
    CHECK(site_job(&site, 5) != NULL);
    say_there(IDN_FACT_FORGOTTEN, 5);
    CHECK_CONTAINS(site_find(&site, IDN_ACTION_EXIT, 0)->u.text, "more forgotten jobs than");
}

static void test_half_of_the_limits_while_the_other_is_out_of_sight(void)
{
    begin_with(true);
    submit(1, 0, 31);
    expect_accepted();
    submit(2, 0, 0);
    expect_refusal(IDN_REFUSED_CLUSTER_FULL,
        "have 32 images, 1 more exceed the limit of 32 while the other broker is out of sight");
    site_request(&site, IDN_REQUEST_CANCEL, 1);
    submit(2, 0, 0), submit(3, 0, 0);
    site_clear(&site);
    submit(4, 0, 0);
    expect_refusal(IDN_REFUSED_CLUSTER_FULL, "2 jobs are open, which is the limit while");
    site_request(&site, IDN_REQUEST_CANCEL, 2);
    site_clear(&site);
    submit(4, 0, 0);
    expect_refusal(IDN_REFUSED_HISTORY_FULL, "3 jobs are known, which is the limit while");
    accept_there(5, 0, 30, 9); // what the other took fits
    CHECK_INT(site_job(&site, 5)->images.pages, 1);
}

static void test_a_job_waits_for_pages(void)
{
    begin_with(false);
    hello(1);
    submit(1, 0, 31);
    site_request(&site, IDN_REQUEST_CANCEL, 1); // but its worker still has a lease
    uint32_t held = site.core->pages.free - 1;
    site.core->pages.free -= held; // as if many such jobs had them
    site.core->pages.count -= held;
    submit(2, 0, 4);
    site_clear(&site);
    accept_there(3, 0, 4, 9);
    results_there(3, 0, 1);
    CHECK_INT(site_job(&site, 3)->images.pages, 0);
    CHECK(site_find(&site, IDN_ACTION_REFOLD, 0) == NULL);
    site_request(&site, IDN_REQUEST_CANCEL, 2);
    struct idn_worker_message *message = rig_message(&rig, 1, IDN_WORKER_GOODBYE);
    site_say(&site, 1, message); // and there are pages
    CHECK_INT(site_job(&site, 3)->images.pages, 1);
    CHECK_INT(idn_job_pending(site_job(&site, 3)), 4);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_results_of_the_other_end_a_lease_and_a_watch),
        CHECK_TEST(test_a_job_of_the_other_is_dispatched),
        CHECK_TEST(test_an_answer_about_a_copied_job_waits_for_the_store),
        CHECK_TEST(test_a_report_of_another_specification_folds_nothing),
        CHECK_TEST(test_a_lease_of_another_specification_is_not_adopted),
        CHECK_TEST(test_the_earlier_specification_counts),
        CHECK_TEST(test_retry_opens_an_ended_job_again),
        CHECK_TEST(test_the_next_quarantine_is_of_the_next_generation),
        CHECK_TEST(test_a_cancelled_job_is_not_retried),
        CHECK_TEST(test_what_is_lifted_elsewhere_stays_cancelled),
        CHECK_TEST(test_a_lift_makes_the_answer_stale),
        CHECK_TEST(test_a_row_that_is_damaged_is_computed_again),
        CHECK_TEST(test_a_job_that_is_open_again_is_not_owed_the_time_it_was_away),
        CHECK_TEST(test_few_jobs_are_read_back_at_once),
        CHECK_TEST(test_a_disputed_job_ends_with_the_digest_of_the_store),
        CHECK_TEST(test_retry_needs_room),
        CHECK_TEST(test_forgotten_is_for_ever),
        CHECK_TEST(test_forgotten_by_the_other),
        CHECK_TEST(test_the_forgotten_are_bounded),
        CHECK_TEST(test_half_of_the_limits_while_the_other_is_out_of_sight),
        CHECK_TEST(test_a_job_waits_for_pages),
    };
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);

    pool_empty();
    free(site.memory);
    return failed;
}
