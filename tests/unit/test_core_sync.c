// Two real cores that have the same: each commit goes to the standby at once, replies wait for both
// stores while it is in sync, and not when it lags or is out of sight.
#include "tests/unit/mirror_kit.h"

// ---- live

static void test_commits_follow_at_once(void)
{
    begin_level();
    pair_submit(pair, A, 1);
    pair_settle(pair);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair->side[B].copies, 1);
    CHECK_INT(pair->side[A].facts_read, 1);
    CHECK_INT(pair->side[B].sent[IDN_MIRROR_FACTS], 0); // it does not come back
    CHECK_INT(pair_accepted(pair, A, 1)->u.accepted.durable, 2);
    struct idn_key key = rig_key(1);
    struct idn_job_info info;
    CHECK(idn_core_job(pair->side[B].core, &key, &info));
    end();
}

static void test_a_reply_waits_for_both_stores(void)
{
    for (int held = A; held <= B; held++) {
        begin_level();
        pair->side[held].hold_store = true;
        pair_submit(pair, A, 1);
        pair_pass(pair, 300);
        CHECK(pair_accepted(pair, A, 1) == NULL);
        CHECK_INT(pair_peer(pair, A).lag_facts, held == B);
        pair->side[held].hold_store = false;
        pair_settle(pair);
        CHECK_INT(pair_accepted(pair, A, 1)->u.accepted.durable, 2);
        end();
    }
}

static const struct idn_order *order_of(uint32_t type)
{
    for (uint32_t i = 0; i < pair->side[A].orders; i++)
        if (pair->side[A].order[i].type == type)
            return &pair->side[A].order[i];
    return NULL;
}

static void worker_says(const struct idn_worker_message *message)
{
    pair_step(pair, A,
        (struct idn_event){.type = IDN_EVENT_WORKER, .u.worker = {.peer = 1, .message = message}});
    pair_settle(pair);
}

static struct idn_stored_fact fact_of_b(uint32_t kind)
{
    struct idn_stored_fact item = {.decoded = true};

    item.fact.origin = (struct idn_origin){77, 1};
    item.fact.epoch = (struct idn_epoch){.counter = 1, .broker = 'b'};
    item.fact.kind = kind;
    item.fact.job = rig_key(1);
    return item;
}

// Comes to a, whose store is held.
static void copy_held(const struct idn_stored_fact *item)
{
    struct idn_mirror_frame frame = {.type = IDN_MIRROR_FACTS,
        .session = pair->side[A].core->mirror.nonce,
        .number = session(A)->in.taken + 1,
        .role = IDN_ROLE_STANDBY,
        .u.facts = {.count = 1, .item = item}};

    pair->side[A].hold_store = true;
    pair_send(pair, A, &frame);
    pair_settle(pair);
}

// Known only by a copy that is not stored yet, after a partition: not promised before it is.
static void test_a_reply_waits_for_a_copy(void)
{
    begin_level();
    struct idn_stored_fact item = fact_of_b(IDN_FACT_ACCEPTED);
    item.fact.u.accepted = rig_submission(1, "alexnet", 0, 9).u.submit;
    item.fact.u.accepted.model_digest = pair->names.model[0].digest;
    item.fact.u.accepted.list_digest = pair->names.dataset[0].digest;
    copy_held(&item);
    pair_submit(pair, A, 1);
    pair_settle(pair);
    CHECK_INT(pair->side[A].replies, 0);
    pair->side[A].hold_store = false;
    pair_settle(pair);
    CHECK(pair_accepted(pair, A, 1) != NULL);
    end();
}

static void test_so_does_one_about_a_part_of_a_list(void)
{
    static const uint8_t list[] = "/1.jpg\n/2.jpg\n";
    struct idn_stored_fact item = fact_of_b(IDN_FACT_LIST_PART);
    struct idn_request request = {
        .type = IDN_REQUEST_UPLOAD, .id = 7, .job = {.key = rig_key(1), .bits = 128}};

    begin_level();
    item.fact.u.list_part.total = item.fact.u.list_part.size = sizeof(list) - 1;
    item.fact.u.list_part.bytes = list;
    copy_held(&item);
    request.u.upload.total = request.u.upload.size = sizeof(list) - 1;
    request.u.upload.bytes = list;
    pair_step(pair, A,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &request}});
    pair_settle(pair);
    CHECK_INT(pair->side[A].replies, 0);
    pair->side[A].hold_store = false;
    pair_settle(pair);
    CHECK_INT(pair->side[A].replies, 1);
    CHECK_INT(pair->side[A].reply[0].u.uploaded.offset, sizeof(list) - 1);
    end();
}

static void test_an_acknowledgement_waits_for_both_stores(void)
{
    begin_level();
    pair_pass(pair, IDN_DEAD_MS); // the grace after the reign began
    pair_submit(pair, A, 1);
    worker_says(rig_hello_message(&pair->names, 1));
    CHECK(order_of(IDN_ORDER_LEASE) != NULL);
    struct idn_order lease = *order_of(IDN_ORDER_LEASE);
    struct idn_worker_message *report = rig_report(&pair->names, 1, 1, &lease, 0, 2, IDN_END_NONE);
    report->u.report.spec_hash = lease.u.lease.spec_hash;
    pair->side[B].hold_store = true;
    worker_says(report);
    CHECK(order_of(IDN_ORDER_ACK) == NULL);
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK(order_of(IDN_ORDER_ACK) != NULL);
    end();
}

// ---- in sync, and not

static void test_a_standby_that_lags_is_not_waited_for(void)
{
    begin_level();
    pair->side[B].hold_store = true;
    pair_submit(pair, A, 1);
    pair_pass(pair, IDN_MIRROR_LAG_MS);
    CHECK(pair_accepted(pair, A, 1) == NULL && pair_peer(pair, A).in_sync);
    pair_pass(pair, 1);
    CHECK(!pair_peer(pair, A).in_sync);
    CHECK_INT(pair_accepted(pair, A, 1)->u.accepted.durable, 1);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ALONE);
    CHECK_STRING(pair->side[A].told, "broker b has not stored for 1001 ms what it was sent: out "
                                     "of sync");
    pair_submit(pair, A, 2);
    pair_settle(pair);
    CHECK_INT(pair_accepted(pair, A, 2)->u.accepted.durable, 1);
    CHECK(pair_peer(pair, A).in_sight && pair_peer(pair, A).exchanged);
    pair->side[B].hold_store = false;
    pair_settle(pair);
    CHECK(pair_peer(pair, A).in_sync && pair_is_level(pair));
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    pair_submit(pair, A, 3);
    pair_settle(pair);
    CHECK_INT(pair_accepted(pair, A, 3)->u.accepted.durable, 2);
    end();
}

// The oldest fact counts, however many came and were acknowledged since.
static void test_a_standby_that_lags_a_little_stays_in_sync(void)
{
    begin_level();
    for (unsigned key = 1; key <= 40; key++) {
        pair->side[B].hold_store = key % 4 != 0; // stores every 400 ms
        pair_submit(pair, A, key % 10);
        pair_pass(pair, 100);
        CHECK(pair_peer(pair, A).in_sync);
    }
    end();
}

static void cancel(unsigned key)
{
    struct idn_request request = {
        .type = IDN_REQUEST_CANCEL, .id = 1000 + key, .job = {.key = rig_key(key), .bits = 128}};

    pair_step(pair, A,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 2, .message = &request}});
}

static void test_many_commits_do_not_hide_the_oldest(void)
{
    begin_level();
    uint64_t facts = pair->side[A].facts;
    pair->side[B].hold_store = true;
    for (unsigned key = 1; key <= 50; key++) {
        pair_submit(pair, A, key);
        pair_pass(pair, 9);
        cancel(key);
        pair_pass(pair, 9);
    }
    CHECK_INT(pair->side[A].facts, facts + 100);
    pair_pass(pair, IDN_MIRROR_LAG_MS - 900);
    CHECK(pair_peer(pair, A).in_sync);
    pair_pass(pair, 1);
    CHECK(!pair_peer(pair, A).in_sync);
    end();
}

static void test_a_standby_out_of_sight_is_not_waited_for(void)
{
    begin_level();
    pair->cut[A] = pair->cut[B] = true;
    pair_submit(pair, A, 1);
    pair_pass(pair, IDN_DEAD_MS - IDN_BEAT_MS - 1);
    CHECK(pair_accepted(pair, A, 1) == NULL);
    pair_pass(pair, IDN_BEAT_MS + 1);
    CHECK_INT(pair_accepted(pair, A, 1)->u.accepted.durable, 1);
    CHECK(!pair_peer(pair, A).in_sync && pair_peer(pair, A).lag_facts == 1);
    end();
}

// Nothing was stored here yet when the session began: the peer is in sync only once it has it.
static void test_in_sync_means_that_it_has_everything(void)
{
    begin(2000, 0);
    boot_both();
    pair->side[B].hold_store = true;
    pair_pass(pair, 900);
    CHECK(!pair_peer(pair, A).in_sync && !pair_peer(pair, B).in_sync);
    pair->side[B].hold_store = false;
    pair_pass(pair, 50);
    CHECK(pair_peer(pair, A).in_sync && pair_peer(pair, B).in_sync);
    end();
}

// b repeats its HELLO until it hears the WELCOME: what that says of its reign is heard each time.
static void test_a_repeated_hello_ends_a_lower_reign(void)
{
    struct idn_mirror_frame hello = {.type = IDN_MIRROR_HELLO,
        .role = IDN_ROLE_ALONE,
        .epoch = {9, 'b'},
        .u.hello = {.lowest = 1, .highest = 1, .letter = 'b', .incarnation = 12, .broker = "b"}};

    begin_level();
    hello.session = pair->side[A].core->mirror.nonce;
    pair_send(pair, A, &hello);
    pair_settle(pair);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_STANDBY);
    end();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_commits_follow_at_once),
        CHECK_TEST(test_a_reply_waits_for_both_stores),
        CHECK_TEST(test_a_reply_waits_for_a_copy),
        CHECK_TEST(test_so_does_one_about_a_part_of_a_list),
        CHECK_TEST(test_an_acknowledgement_waits_for_both_stores),
        CHECK_TEST(test_a_standby_that_lags_is_not_waited_for),
        CHECK_TEST(test_a_standby_that_lags_a_little_stays_in_sync),
        CHECK_TEST(test_many_commits_do_not_hide_the_oldest),
        CHECK_TEST(test_a_standby_out_of_sight_is_not_waited_for),
        CHECK_TEST(test_in_sync_means_that_it_has_everything),
        CHECK_TEST(test_a_repeated_hello_ends_a_lower_reign),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
