// What a reign's beginning, end and doubt do to clients and workers, and what a
// broker that does not reign answers.
#include "broker/core/policy.h"
#include "broker/core/reign.h"
#include "broker/core/roles.h"
#include "tests/unit/reign_kit.h"

// b takes over from one that is cut off.
static void b_takes_over(void)
{
    cut(true);
    pair_pass(pair, 1200);
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {5000}});
    pair_settle(pair);
    CHECK(reigns(A) && reigns(B));
}

// ---- uploads that nobody submits

static const uint8_t list[] = "/1.jpg\n/2.jpg\n";

static void submit_list(int which)
{
    struct idn_request submit = rig_submission(9, "alexnet", 0, 1);

    submit.u.submit.dataset[0] = '\0';
    submit.u.submit.list_bytes = sizeof(list) - 1;
    rig_fill(&submit.u.submit.list_digest, 5);
    request(which, submit);
    pair_settle(pair);
}

// An hour ago; a sweeps now, and b does not hear of it when the link is cut.
static void begin_with_an_old_upload(bool is_cut)
{
    struct idn_request upload = {
        .type = IDN_REQUEST_UPLOAD, .job = {.key = rig_key(9), .bits = 128}};

    begin();
    upload.u.upload.total = upload.u.upload.size = sizeof(list) - 1;
    upload.u.upload.bytes = list;
    request(A, upload);
    pair_settle(pair);
    CHECK_INT(reply_of(A)->type, IDN_REPLY_UPLOADED);
    cut(is_cut);
    core_of(A)->upload[0].touched_ms -= IDN_UPLOAD_MS;
    core_of(A)->next_sweep_ms = pair->now;
    pair_pass(pair, 10);
}

static unsigned count_forgotten(int which)
{
    unsigned count = 0;

    for (uint64_t i = 0; i < pair->side[which].facts; i++)
        count += pair->side[which].fact[i].item.fact.kind == IDN_FACT_FORGOTTEN;
    return count;
}

static void test_an_old_upload_is_closed_then_forgotten(void)
{
    begin_with_an_old_upload(false);
    submit_list(A);
    check_refused(A, IDN_REFUSED_FORGOTTEN, "its key is not used again");
    pair_pass(pair, IDN_CLOSED_MS - 2000);
    CHECK_INT(count_forgotten(A), 0);
    pair_pass(pair, 4000);
    CHECK_INT(count_forgotten(A), 1);
    CHECK_INT(count_forgotten(B), 1);
    end();
}

static void test_a_closed_upload_is_closed_at_the_other_broker(void)
{
    begin_with_an_old_upload(false);
    pair_crash(pair, A);
    pair_crash(pair, B), pair_boot(pair, B); // it is a fact
    pair_pass(pair, IDN_START_MS + 500);
    CHECK(reigns(B));
    submit_list(B);
    check_refused(B, IDN_REFUSED_FORGOTTEN, "its key is not used again");
    end();
}

// What a said of the upload was not heard in time; b has told a client that the job is accepted.
static void test_an_old_upload_takes_no_accepted_job_with_it(void)
{
    struct idn_key key = rig_key(9);
    struct idn_job_info job;

    begin_with_an_old_upload(true);
    CHECK(core_of(A)->upload[0].closed);
    pair_crash(pair, A);
    pair_pass(pair, 1200);
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {5000}});
    pair_settle(pair);
    submit_list(B);
    CHECK_INT(reply_of(B)->type, IDN_REPLY_ACCEPTED);
    cut(false);
    pair_boot(pair, A);
    pair_pass(pair, 2 * IDN_CLOSED_MS);
    CHECK(pair_is_level(pair));
    CHECK_INT(count_forgotten(A) + count_forgotten(B), 0);
    CHECK(idn_core_job(core_of(A), &key, &job) && idn_core_job(core_of(B), &key, &job));
    end();
}

// The two were apart, and each has another list under one key: it is the key that is closed.
static void test_closing_closes_whatever_has_the_key(void)
{
    struct idn_request upload = {
        .type = IDN_REQUEST_UPLOAD, .job = {.key = rig_key(9), .bits = 128}};

    begin();
    b_takes_over();
    for (int which = A; which <= B; which++) {
        upload.u.upload.total = upload.u.upload.size = sizeof(list) - 1 - 7u * (which == A);
        upload.u.upload.bytes = list;
        request(which, upload);
        pair_settle(pair);
    }
    cut(false);
    pair_pass(pair, 3000);
    CHECK(reigns(B) && !reigns(A));
    CHECK(core_of(A)->upload[0].total != core_of(B)->upload[0].total);
    core_of(B)->upload[0].touched_ms -= IDN_UPLOAD_MS;
    pair_pass(pair, 2000);
    CHECK(core_of(B)->upload[0].closed);
    CHECK(core_of(A)->upload[0].closed);
    end();
}

// ---- results of a job that is not known here

// a accepted it alone. Its worker's report comes to b, which reigns on the other side of a cut:
// kept it would fill the worker's window, with an image that a has not acknowledged either.
static void test_results_of_a_job_that_is_not_known_are_computed_again(void)
{
    struct idn_key key = rig_key(8);
    struct idn_job_info job;

    begin();
    cut(true);
    pair_pass(pair, 1200);
    pair_submit(pair, A, 8);
    hello(A, 1);
    pair_settle(pair);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 1);
    struct idn_order lease = pair->side[A].order[pair->side[A].orders - 1];
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {5000}});
    pair_settle(pair);
    hello(B, 1);
    uint64_t facts = pair->side[B].facts;
    say(B, 1, rig_report(&pair->names, 1, 1, &lease, lease.u.lease.first, 2, IDN_END_NONE));
    pair_settle(pair);
    CHECK_INT(count_orders(B, IDN_ORDER_ACK), 1);
    CHECK_INT(pair->side[B].facts, facts);
    pair_crash(pair, A);
    cut(false);
    pair_boot(pair, A);
    for (int i = 0; i < 10; i++) {
        beat(B, 1, core_of(B)->epoch, 0);
        pair_pass(pair, 200);
    }
    CHECK(idn_core_job(core_of(B), &key, &job));
    CHECK_INT(job.ok, 0);
    CHECK(job.in_flight > 0);
    CHECK_INT(job.in_flight + job.pending, job.spec.last - job.spec.first + 1);
    end();
}

// ---- the beginning

static void test_a_restored_job_waits_for_every_worker_that_is_heard(void)
{
    struct idn_epoch none = {0};

    begin();
    pair_submit(pair, A, 7);
    pair_settle(pair);
    pair_crash(pair, A);
    pair_pass(pair, 900);
    beat(B, 1, none, 5000), beat(B, 2, none, 5000);
    pair_pass(pair, 200);
    CHECK(reigns(B));
    hello(B, 1);
    pair_pass(pair, 100);
    CHECK_INT(count_orders(B, IDN_ORDER_LEASE), 0);
    hello(B, 2);
    pair_settle(pair);
    CHECK_INT(count_orders(B, IDN_ORDER_LEASE), 1);
    end();
}

static void test_but_not_for_ever(void)
{
    struct idn_epoch none = {0};

    begin();
    pair_submit(pair, A, 7);
    pair_settle(pair);
    pair_crash(pair, A);
    for (int i = 0; i < 6; i++) {
        beat(B, 1, none, 5000), beat(B, 2, none, 5000);
        pair_pass(pair, 200);
    }
    CHECK(reigns(B));
    hello(B, 1);
    for (int i = 0; i < 3; i++) {
        pair_pass(pair, 200);
        beat(B, 1, none, 5000), beat(B, 2, none, 5000);
        CHECK_INT(count_orders(B, IDN_ORDER_LEASE), 0);
    }
    pair_pass(pair, 600);
    CHECK_INT(count_orders(B, IDN_ORDER_LEASE), 1);
    end();
}

// Of jobs that it accepted itself, in a reign before, workers may hold leases of the other's.
static void test_a_job_of_an_earlier_reign_waits_as_well(void)
{
    begin();
    pair_submit(pair, A, 7);
    pair_settle(pair);
    for (uint64_t id = 1; id <= 2; id++) { // there and back
        request_of(reigns(A) ? A : B, IDN_REQUEST_SWITCH, id);
        beat(A, 1, (struct idn_epoch){0}, 0), beat(A, 2, (struct idn_epoch){0}, 0);
        pair_pass(pair, 400);
    }
    CHECK(reigns(A));
    pair_clear(pair);
    hello(A, 1);
    pair_pass(pair, 100);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 0);
    hello(A, 2);
    pair_settle(pair);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 1);
    end();
}

static void test_a_reign_begins_with_equal_virtual_times(void)
{
    begin();
    pair_submit(pair, A, 7), pair_submit(pair, A, 8);
    hello(A, 1);
    pair_settle(pair);
    struct idn_order lease = lease_of(A);
    struct idn_worker_message *report =
        rig_report(&pair->names, 1, 1, &lease, lease.u.lease.first, 5, IDN_END_NONE);
    report->u.report.spec_hash = lease.u.lease.spec_hash;
    say(A, 1, report);
    pair_settle(pair);
    b_takes_over();
    uint32_t done = 0;
    for (unsigned job = 7; job <= 8; job++) {
        struct idn_key key = rig_key(job);
        struct idn_job_info info;
        CHECK(idn_core_job(core_of(B), &key, &info));
        done += info.ok;
    }
    CHECK_INT(done, 5);
    int64_t progress = INT64_MIN;
    IDN_EACH_CONST(link, &core_of(B)->open)
    {
        int64_t of =
            idn_policy_progress(core_of(B), IDN_ENTRY_CONST(link, struct idn_job, in_open));
        CHECK(progress == INT64_MIN || of == progress);
        progress = of;
    }
    end();
}

// ---- the end

static void test_who_waits_for_one_that_steps_down_is_sent_on(void)
{
    begin();
    pair_submit(pair, A, 7);
    pair_settle(pair);
    b_takes_over();
    hello(A, 1);
    pair_pass(pair, 1200);
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 1);
    struct idn_request watch = watch_of(7);
    struct idn_job_info info;
    CHECK(idn_core_job(core_of(A), &watch.job.key, &info));
    watch.u.watch.version = info.version;
    request(A, watch);
    pair->side[A].hold_store = true;
    pair_submit(pair, A, 8);
    pair_clear(pair);
    cut(false);
    pair_pass(pair, 1000);
    CHECK(!reigns(A) && reigns(B));
    CHECK_INT(pair->side[A].replies, 2);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pair->side[A].reply[i].u.refused.code, IDN_REFUSED_NOT_ACTIVE);
    CHECK_CONTAINS(reply_of(A)->u.refused.text, "this broker is the standby");
    CHECK_INT(core_of(A)->workers, 0);
    CHECK_INT(core_of(A)->leases, 0);
    pair_clear(pair);
    say(A, 1, rig_message(&pair->names, 1, IDN_WORKER_GOODBYE));
    hello(A, 2);
    pair_pass(pair, 100);
    CHECK_INT(pair->side[A].orders, 0);
    // What it had committed is not lost.
    pair->side[A].hold_store = false;
    pair_pass(pair, 500);
    struct idn_key key = rig_key(8);
    CHECK(idn_core_job(core_of(B), &key, &info));
    end();
}

static void test_thousands_who_wait_are_all_sent_on(void)
{
    begin();
    pair_submit(pair, A, 7);
    pair_settle(pair);
    b_takes_over();
    struct idn_request watch = watch_of(7);
    for (idn_peer peer = 1; peer <= 3000; peer++) {
        watch.id = peer;
        pair_step(pair, A,
            (struct idn_event){
                .type = IDN_EVENT_REQUEST, .u.request = {.peer = peer, .message = &watch}});
    }
    CHECK_INT(core_of(A)->watch_heap.count, 3000);
    cut(false);
    pair_pass(pair, 1000);
    CHECK(!reigns(A));
    CHECK_INT(core_of(A)->watch_heap.count, 0);
    end();
}

// ---- doubt

static void begin_doubt(void)
{
    begin();
    hello(A, 1);
    pair_settle(pair);
    cut(true);
    pair_pass(pair, 1500);
    pair->now += 5000;
    pair_step(pair, A, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {5000}});
    hello(A, 1);
    pair_clear(pair);
    pair_submit(pair, A, 7);
    pair_settle(pair);
}

static void check_doubt(void)
{
    CHECK(reigns(A));
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 0);
    CHECK(pair_accepted(pair, A, 7) == NULL);
    CHECK_INT(first_reason(A, 7), IDN_WHY_UNCONFIRMED);
}

static void check_no_doubt(void)
{
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 1);
    CHECK(pair_accepted(pair, A, 7) != NULL);
}

static void test_after_a_stall_nothing_is_granted_or_promised_for_a_second(void)
{
    begin_doubt();
    pair_pass(pair, IDN_DEAD_MS / 2);
    beat(A, 1, (struct idn_epoch){0}, 5000);
    pair_pass(pair, IDN_DEAD_MS / 2 - 1);
    check_doubt();
    pair_pass(pair, 1);
    check_no_doubt();
    end();
}

static void test_most_workers_that_obey_end_the_doubt(void)
{
    begin_doubt();
    beat(A, 1, core_of(A)->epoch, 5000);
    pair_pass(pair, IDN_BEAT_MS - 1); // it may have been queued long ago
    check_doubt();
    pair_pass(pair, 1);
    check_no_doubt();
    end();
}

static void test_the_peer_ends_the_doubt(void)
{
    begin_doubt();
    cut(false);
    pair_pass(pair, 2 * IDN_BEAT_MS);
    check_no_doubt();
    end();
}

static void test_a_higher_reign_ends_the_doubt_otherwise(void)
{
    begin_doubt();
    pair_step(pair, B, (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked = {5000}});
    pair_settle(pair);
    CHECK(reigns(B));
    cut(false);
    pair_pass(pair, 2000);
    CHECK(!reigns(A));
    CHECK_INT(count_orders(A, IDN_ORDER_LEASE), 0);
    CHECK(pair_accepted(pair, A, 7) == NULL);
    end();
}

// ---- answers

static bool refuses_jobs(int which)
{
    struct idn_request request = {.type = IDN_REQUEST_STATUS};
    static union idn_core_items items;
    struct idn_reply reply;

    idn_core_answer(pair->side[which].core, pair->now, &request, &items, &reply);
    return reply.u.status.refuses_jobs;
}

static void test_a_required_mirror_is_required(void)
{
    begin_empty();
    pair->side[A].config.mirror_required = true;
    pair_fill(pair, A, 11, 3, 100);
    pair_boot(pair, A);
    pair_pass(pair, IDN_START_MS + 500);
    CHECK(reigns(A));
    pair_submit(pair, A, 7);
    check_refused(A, IDN_REFUSED_NO_MIRROR, "mirror = required");
    CHECK_CONTAINS(pair->side[A].told, "mirror = required, and no standby is in sync: jobs are");
    CHECK(refuses_jobs(A));
    pair_boot(pair, B);
    pair_pass(pair, 500);
    CHECK_CONTAINS(pair->side[A].told, "a standby is in sync: jobs are accepted again");
    CHECK(!refuses_jobs(A) && !refuses_jobs(B));
    pair_submit(pair, A, 7);
    pair_settle(pair);
    CHECK_INT(pair_accepted(pair, A, 7)->u.accepted.durable, 2);
    cut(true);
    pair_pass(pair, 1500);
    pair_submit(pair, A, 7); // it is accepted already
    CHECK_INT(reply_of(A)->type, IDN_REPLY_ACCEPTED);
    pair_submit(pair, A, 8);
    check_refused(A, IDN_REFUSED_NO_MIRROR, "no standby is in sync");
    end();
}

static void test_what_the_other_broker_may_hold_is_not_denied(void)
{
    struct idn_request job = {.type = IDN_REQUEST_JOB, .job = {.key = rig_key(7), .bits = 128}};

    begin();
    CHECK_INT(answer(A, job).u.refused.code, IDN_REFUSED_UNKNOWN_JOB);
    cut(true);
    pair_pass(pair, 1500);
    struct idn_reply reply = answer(A, job);
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_UNKNOWN_HERE);
    CHECK_CONTAINS(reply.u.refused.text, "the other broker may hold it");
    request(A, watch_of(7));
    check_refused(A, IDN_REFUSED_UNKNOWN_HERE, "known here");
    end();
}

static void test_a_standby_answers_for_itself_only(void)
{
    begin();
    struct idn_request greeting = {
        .type = IDN_REQUEST_HELLO, .u.hello = {.lowest = 1, .highest = 1}};
    struct idn_reply reply = answer(B, greeting);
    CHECK_INT(reply.type, IDN_REPLY_WELCOME);
    CHECK_INT(reply.u.welcome.role, IDN_ROLE_STANDBY);
    CHECK_INT(reply.u.welcome.epoch.counter, 2);
    reply = answer(B, (struct idn_request){.type = IDN_REQUEST_STATUS});
    CHECK_INT(reply.u.status.role, IDN_ROLE_STANDBY);
    CHECK(reply.u.status.peer.configured && reply.u.status.peer.exchanged);
    CHECK_INT(reply.u.status.peer.role, IDN_ROLE_ACTIVE);
    CHECK_STRING(reply.u.status.peer.broker, "a");
    reply = answer(A, (struct idn_request){.type = IDN_REQUEST_STATUS});
    CHECK_INT(reply.u.status.role, IDN_ROLE_ACTIVE);
    CHECK(reply.u.status.peer.in_sync);
    for (uint32_t type = IDN_REQUEST_JOB; type <= IDN_REQUEST_DATASETS; type++) {
        reply = answer(B, (struct idn_request){.type = type});
        CHECK_INT(reply.u.refused.code, IDN_REFUSED_NOT_ACTIVE);
        CHECK_CONTAINS(reply.u.refused.text, "this broker is the standby; ask a");
    }
    reply = answer(B, (struct idn_request){.type = IDN_REQUEST_RATES});
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_NOT_ACTIVE);
    reply = answer(B, (struct idn_request){.type = IDN_REQUEST_TIMES});
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_NOT_ACTIVE);
    cut(true);
    pair_pass(pair, 1500);
    reply = answer(B, (struct idn_request){.type = IDN_REQUEST_JOBS});
    CHECK_CONTAINS(reply.u.refused.text, "does not hear a; it takes over when");
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_an_old_upload_is_closed_then_forgotten),
        CHECK_TEST(test_a_closed_upload_is_closed_at_the_other_broker),
        CHECK_TEST(test_an_old_upload_takes_no_accepted_job_with_it),
        CHECK_TEST(test_closing_closes_whatever_has_the_key),
        CHECK_TEST(test_results_of_a_job_that_is_not_known_are_computed_again),
        CHECK_TEST(test_a_restored_job_waits_for_every_worker_that_is_heard),
        CHECK_TEST(test_but_not_for_ever),
        CHECK_TEST(test_a_job_of_an_earlier_reign_waits_as_well),
        CHECK_TEST(test_a_reign_begins_with_equal_virtual_times),
        CHECK_TEST(test_who_waits_for_one_that_steps_down_is_sent_on),
        CHECK_TEST(test_thousands_who_wait_are_all_sent_on),
        CHECK_TEST(test_after_a_stall_nothing_is_granted_or_promised_for_a_second),
        CHECK_TEST(test_most_workers_that_obey_end_the_doubt),
        CHECK_TEST(test_the_peer_ends_the_doubt),
        CHECK_TEST(test_a_higher_reign_ends_the_doubt_otherwise),
        CHECK_TEST(test_a_required_mirror_is_required),
        CHECK_TEST(test_what_the_other_broker_may_hold_is_not_denied),
        CHECK_TEST(test_a_standby_answers_for_itself_only),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
