// Workers as the core sees them: introduction, silence, orders that get lost, reports that do not
// fit.
#include "broker/core/workers.h"
#include "tests/lib/core_rig.h"

static struct idn_worker_info worker(struct rig *rig, unsigned n)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_WORKERS};
    struct idn_reply reply;
    char name[IDN_NAME_SIZE];

    snprintf(name, sizeof(name), "w%u", n);
    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    for (uint32_t i = 0; i < reply.u.workers.count; i++)
        if (strcmp(items.worker[i].name, name) == 0)
            return items.worker[i];
    return (struct idn_worker_info){.state = 0};
}

static struct idn_order granted(struct rig *rig, unsigned n)
{
    const struct idn_order *order = rig_order(rig, n, IDN_ORDER_LEASE);

    CHECK(order != NULL);
    return *order;
}

static void test_a_name_is_its_owner_s_while_it_beats(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message;

    rig_hello(rig, 1);
    message = rig_hello_message(rig, 2);
    memcpy(message->u.hello.name, "w1", 3);
    rig_say(rig, 2, message);
    const struct idn_order *refused = rig_order(rig, 2, IDN_ORDER_REFUSED);
    CHECK_INT(refused->u.refused.code, IDN_REFUSED_NAME_IN_USE);
    CHECK_CONTAINS(refused->u.refused.text, "w1 is in use");
    rig_pass(rig, IDN_DEAD_MS);
    message = rig_hello_message(rig, 2);
    memcpy(message->u.hello.name, "w1", 3);
    rig_say(rig, 2, message);
    CHECK(rig_order(rig, 2, IDN_ORDER_WELCOME) != NULL);
    rig_destroy(rig);
}

static void test_workers_are_bounded_but_the_dead_make_room(void)
{
    struct rig *rig = rig_new();

    for (unsigned n = 1; n <= 8; n++)
        rig_hello(rig, n);
    rig_hello(rig, 9);
    CHECK_INT(rig_order(rig, 9, IDN_ORDER_REFUSED)->u.refused.code, IDN_REFUSED_MANY_WORKERS);
    rig_pass(rig, IDN_DEAD_MS);
    rig_hello(rig, 9);
    CHECK(rig_order(rig, 9, IDN_ORDER_WELCOME) != NULL);
    rig_destroy(rig);
}

static void test_silence(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_BUSY);
    rig_pass(rig, IDN_SUSPECTED_MS);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_SUSPECTED);
    CHECK_INT(rig_job(rig, 1).in_flight, 10);
    rig_beat(rig, 1, (struct idn_lease_id){0});
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_BUSY);
    rig_pass(rig, IDN_DEAD_MS);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DEAD);
    CHECK_INT(rig_job(rig, 1).in_flight, 0);
    CHECK_CONTAINS(rig_job(rig, 1).why, "no worker is there");
    rig_clear(rig);
    rig_beat(rig, 1, (struct idn_lease_id){0});
    CHECK(rig_order(rig, 1, IDN_ORDER_HELLO_AGAIN) != NULL);
    rig_hello(rig, 1);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_BUSY);
    rig_pass(rig, IDN_DEAD_MS + IDN_DEAD_SHOWN_MS);
    CHECK_INT(worker(rig, 1).state, 0); // not listed for ever
    rig_destroy(rig);
}

static void test_a_stall_kills_nobody(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig->now += 5000;
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {5000}});
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_IDLE);
    rig_destroy(rig);
}

static void test_strangers_say_hello_again(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease = {.u.lease.id = {.serial = 1}};

    rig_say(rig, 3, rig_report(rig, 3, 1, &lease, 0, 1, IDN_END_NONE));
    CHECK(rig_order(rig, 3, IDN_ORDER_HELLO_AGAIN) != NULL);
    CHECK_INT(rig_order(rig, 3, IDN_ORDER_HELLO_AGAIN)->nonce, 103);
    rig_destroy(rig);
}

static void test_only_what_it_holds(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message = rig_hello_message(rig, 1);

    rig_fill(&message->u.hello.model[0].digest, 99);
    message->u.hello.models = 1;
    rig_say(rig, 1, message);
    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_submit(rig, 2, "resnet18", 0, 9);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    struct idn_worker_info info = worker(rig, 1);
    CHECK_CONTAINS(info.note, "model alexnet differs from the broker's");
    CHECK_CONTAINS(info.note, "model resnet18 is not in the worker's configuration");
    CHECK(strstr(info.note, "broken") == NULL); // the broker cannot use that one itself
    CHECK_INT(info.models_ready, 0);
    CHECK_INT(info.models_lacking, 2); // of those that the broker can use
    CHECK_INT(info.datasets_ready, 2);
    CHECK_INT(info.datasets_lacking, 0);
    CHECK_CONTAINS(rig_job(rig, 1).why, "1 worker does not hold the job's model alexnet (w1)");
    rig_destroy(rig);
}

// What it has nothing usable of is no match for what the broker cannot use either.
static void test_what_a_worker_lacks(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message = rig_hello_message(rig, 1);
    struct idn_holding *model = message->u.hello.model, *dataset = message->u.hello.dataset;

    model[0] = (struct idn_holding){.name = "alexnet", .lack = IDN_LACK_WEIGHTS};
    model[1] = (struct idn_holding){.name = "resnet18", .lack = IDN_LACK_CFG};
    model[2] = (struct idn_holding){.name = "broken", .lack = IDN_LACK_WEIGHTS};
    message->u.hello.models = 3;
    dataset[0].digest = (struct idn_sha256){{0}};
    dataset[0].lack = IDN_LACK_LIST;
    message->u.hello.datasets = 1;
    rig->model[2].digest = (struct idn_sha256){{0}};
    rig_restart(rig);
    rig_say(rig, 1, message);
    struct idn_worker_info info = worker(rig, 1);
    CHECK_STRING(info.note,
        "model alexnet has no weights file there; model resnet18 has no cfg file there; data set "
        "photos has no list file there; data set many is not in the worker's configuration");
    CHECK_INT(info.models_ready, 0);
    CHECK_INT(info.datasets_ready, 0);
    rig_destroy(rig);
}

static void test_a_lack_is_told_as_far_as_it_is_known(void)
{
    static const uint32_t lacks[] = {IDN_LACK_NONE, IDN_LACK_OTHER, 77};
    static const char *const texts[] = {"model alexnet cannot be used there",
        "model alexnet cannot be used there (the worker's log says why)",
        "model alexnet cannot be used there"};

    for (int i = 0; i < 3; i++) {
        struct rig *rig = rig_new();
        struct idn_worker_message *message = rig_hello_message(rig, 1);
        message->u.hello.model[0] = (struct idn_holding){.name = "alexnet", .lack = lacks[i]};
        rig_say(rig, 1, message);
        CHECK_STRING(worker(rig, 1).note, texts[i]);
        rig_destroy(rig);
    }
}

static void test_unanswered_orders_are_repeated(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    rig_clear(rig);
    for (int i = 0; i < 5; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, (struct idn_lease_id){0});
    }
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_LEASE), 1);
    CHECK(idn_lease_equal(granted(rig, 1).u.lease.id, lease.u.lease.id));
    rig_beat(rig, 1, lease.u.lease.id);
    rig_clear(rig);
    for (int i = 0; i < 10; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, lease.u.lease.id);
    }
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_LEASE), 0);
    rig_ask(rig, 1, IDN_REQUEST_CANCEL);
    for (int i = 0; i < 6; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, lease.u.lease.id);
    }
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_TRIM), 2);
    rig_destroy(rig);
}

static void test_reports_are_numbered(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 2, 2, IDN_END_NONE)); // 1 is missing
    CHECK_INT(rig_job(rig, 1).ok, 0);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE));
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE)); // again
    CHECK_INT(rig_job(rig, 1).ok, 2);
    CHECK_INT(rig_count(rig, IDN_ACTION_ORDER, IDN_ORDER_ACK), 2);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_RESULTS), 1);
    rig_destroy(rig);
}

static void test_rows_that_do_not_belong_are_dropped(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 5, 9);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 3, 10, IDN_END_NONE)); // 3 .. 12
    CHECK_INT(rig_job(rig, 1).ok, 5);
    for (size_t i = 0; i < rig->facts; i++)
        if (rig->fact[i].fact.kind == IDN_FACT_RESULTS)
            CHECK_INT(rig->fact[i].fact.u.results.count, 5);
    lease.u.lease.job = rig_key(77); // no such job: acknowledged and forgotten
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 5, 1, IDN_END_NONE));
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_ACK)->u.ack.number, 2);
    rig_destroy(rig);
}

static void test_a_contradiction_is_counted(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message;
    uint8_t rows[8 * IDN_ROW_BYTES];

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 8, IDN_END_NONE));
    struct idn_job_info before = rig_job(rig, 1);
    message = rig_report(rig, 1, 2, &lease, 0, 8, IDN_END_NONE);
    memcpy(rows, message->u.report.rows, sizeof(rows));
    for (uint32_t i = 0; i < 8; i++)
        rows[i * IDN_ROW_BYTES + 8]++; // another best class
    message->u.report.rows = rows;
    rig_say(rig, 1, message);
    struct idn_job_info after = rig_job(rig, 1);
    CHECK(after.conflicts >= 4 && after.conflicts <= 8); // noticed with a chance of 7 in 8
    CHECK_INT(after.ok, 8);
    CHECK(idn_digest_equal(&before.digest, &after.digest));
    rig_destroy(rig);
}

static void test_unavailable_is_not_asked_again(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    struct idn_worker_message *message = rig_report(rig, 1, 1, &lease, 0, 0, IDN_END_UNAVAILABLE);
    snprintf(message->u.report.text, IDN_TEXT_SIZE, "the weights have 7 bytes");
    rig_clear(rig);
    rig_say(rig, 1, message);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    CHECK_STRING(worker(rig, 1).note, "the weights have 7 bytes");
    for (int i = 0; i < IDN_UNAVAILABLE_MS / 500; i++) { // as often as an idle worker may say it
        rig_hello(rig, 1);
        CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
        CHECK_STRING(worker(rig, 1).note, "the weights have 7 bytes");
        rig_pass(rig, 500);
        rig_clear(rig);
    }
    rig_hello(rig, 1); // it may have recovered
    CHECK_STRING(granted(rig, 1).u.lease.model, "alexnet");
    CHECK(strstr(worker(rig, 1).note, "7 bytes") == NULL);
    rig_destroy(rig);
}

static void test_beats_without_progress_end_the_lease(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE));
    rig_clear(rig);
    for (int i = 0; i < 9 * 5; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, lease.u.lease.id);
    }
    CHECK_INT(rig_job(rig, 1).in_flight, 8);
    for (int i = 0; i < 6 * 5; i++) {
        rig_pass(rig, 200);
        rig_beat(rig, 1, lease.u.lease.id);
    }
    CHECK_INT(rig_job(rig, 1).in_flight, 0);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.keep, 0);
    CHECK_CONTAINS(worker(rig, 1).note, "does not get on");
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 2, 1, IDN_END_NONE)); // it got on after all
    CHECK_INT(rig_job(rig, 1).in_flight, 7);
    rig_destroy(rig);
}

static void test_goodbye(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
    CHECK_INT(rig_job(rig, 1).in_flight, 0);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINING);
    rig_pass(rig, IDN_DEAD_MS);
    CHECK_INT(worker(rig, 1).state, 0);
    rig_destroy(rig);
}

static void test_another_protocol(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message = rig_hello_message(rig, 1);

    message->u.hello.lowest = message->u.hello.highest = 7;
    rig_say(rig, 1, message);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_REFUSED)->u.refused.code, IDN_REFUSED_UNSUPPORTED);
    CHECK_CONTAINS(rig_order(rig, 1, IDN_ORDER_REFUSED)->u.refused.text, "the worker 7 to 7");
    rig_destroy(rig);
}

static void test_a_foreign_lease_is_not_adopted(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *message;

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9); // all of it leased to worker 1
    message = rig_hello_message(rig, 2);
    message->u.hello.leases = 1;
    message->u.hello.lease[0] = (struct idn_held_lease){
        .id = {.epoch = {1, 'a'}, .serial = 44}, .job = rig_key(1), .first = 0, .count = 5};
    rig_say(rig, 2, message);
    CHECK_INT(rig_order(rig, 2, IDN_ORDER_TRIM)->u.trim.id.serial, 44);
    CHECK_INT(rig_order(rig, 2, IDN_ORDER_TRIM)->u.trim.keep, 0);
    CHECK_INT(worker(rig, 2).leases, 0);
    rig_destroy(rig);
}

// It was acknowledged while the broker forgot the worker, and is nowhere kept any more.
static void test_a_report_that_will_not_come_again_is_not_waited_for(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    struct idn_order lease = *rig_order(rig, 1, IDN_ORDER_LEASE);
    rig_pass(rig, IDN_BEAT_MS);
    rig_clear(rig);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 0, 10, IDN_END_DONE));
    CHECK_INT(rig_job(rig, 1).ok, 0);
    CHECK(rig_order(rig, 1, IDN_ORDER_HELLO_AGAIN) != NULL);
    struct idn_worker_message *hello = rig_hello_message(rig, 1);
    hello->u.hello.reports_from = 2;
    rig_say(rig, 1, hello);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 0, 10, IDN_END_DONE));
    CHECK_INT(rig_job(rig, 1).ok, 10);
    rig_destroy(rig);
}

// ---- kinds of workers

static void hello_of_class(struct rig *rig, unsigned n, uint64_t class_hash)
{
    struct idn_worker_message *hello = rig_hello_message(rig, n);

    hello->u.hello.class_hash = class_hash;
    rig_say(rig, n, hello);
}

static void test_kinds(void)
{
    struct rig *rig = rig_new();
    struct idn_kinds kinds;

    rig->config.workers_max = 20;
    rig_restart(rig);
    rig_submit(rig, 1, "alexnet", 0, 99);
    const struct idn_job *job = IDN_ENTRY(rig->core->open.next, struct idn_job, in_open);
    idn_workers_kinds(rig->core, &kinds);
    CHECK(kinds.count == 0 && !idn_kinds_can_serve(rig->core, &kinds, job));
    for (unsigned n = 1; n <= 3; n++)
        hello_of_class(rig, n, n == 3 ? 78 : 77);
    idn_workers_kinds(rig->core, &kinds);
    CHECK_INT(kinds.count, 2);
    CHECK(idn_kinds_can_serve(rig->core, &kinds, job));
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {1}});
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {2}});
    idn_workers_kinds(rig->core, &kinds);
    CHECK(kinds.count == 1 && !kinds.more);
    CHECK(!idn_kinds_can_serve(rig->core, &kinds, job)); // it is leased to the other class
    for (unsigned n = 4; n <= 3 + IDN_KINDS_MAX; n++)
        hello_of_class(rig, n, 78 + n);
    idn_workers_kinds(rig->core, &kinds);
    CHECK(kinds.count == IDN_KINDS_MAX && kinds.more);
    CHECK(idn_kinds_can_serve(rig->core, &kinds, job)); // nobody knows
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_name_is_its_owner_s_while_it_beats),
        CHECK_TEST(test_workers_are_bounded_but_the_dead_make_room),
        CHECK_TEST(test_silence),
        CHECK_TEST(test_a_stall_kills_nobody),
        CHECK_TEST(test_strangers_say_hello_again),
        CHECK_TEST(test_only_what_it_holds),
        CHECK_TEST(test_what_a_worker_lacks),
        CHECK_TEST(test_a_lack_is_told_as_far_as_it_is_known),
        CHECK_TEST(test_unanswered_orders_are_repeated),
        CHECK_TEST(test_reports_are_numbered),
        CHECK_TEST(test_rows_that_do_not_belong_are_dropped),
        CHECK_TEST(test_a_contradiction_is_counted),
        CHECK_TEST(test_unavailable_is_not_asked_again),
        CHECK_TEST(test_beats_without_progress_end_the_lease),
        CHECK_TEST(test_goodbye),
        CHECK_TEST(test_another_protocol),
        CHECK_TEST(test_a_foreign_lease_is_not_adopted),
        CHECK_TEST(test_kinds),
        CHECK_TEST(test_a_report_that_will_not_come_again_is_not_waited_for),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
