// Settings: what is refused with which sentence; batch, weight and drain as the fold of their
// facts, live, copied and after a restart; what dispatch makes of them.
#include "broker/core/fold.h"
#include "broker/core/policy.h"
#include "broker/core/settings.h"
#include "tests/lib/core_rig.h"

static void ask(struct rig *rig, unsigned job, const char *key, const char *value)
{
    struct idn_request request = {.type = IDN_REQUEST_SET};

    if (job > 0)
        request.job = (struct idn_job_name){.key = rig_key(job), .bits = 128};
    snprintf(request.u.set.key, IDN_SETTING_SIZE, "%s", key);
    snprintf(request.u.set.value, IDN_NAME_SIZE, "%s", value);
    rig_clear(rig);
    rig_request(rig, 9, request);
}

static void set(struct rig *rig, unsigned job, const char *key, const char *value)
{
    struct idn_key wanted = job > 0 ? rig_key(job) : (struct idn_key){{0}};

    ask(rig, job, key, value);
    const struct idn_reply *reply = rig_reply(rig, 9, IDN_REPLY_ACCEPTED);
    CHECK(reply != NULL && idn_key_equal(&reply->u.accepted.job, &wanted));
    CHECK_INT(reply->u.accepted.durable, 1);
}

static void refuse(struct rig *rig, unsigned job, const char *key, const char *value, uint32_t code,
    const char *text)
{
    ask(rig, job, key, value);
    const struct idn_reply *reply = rig_reply(rig, 9, IDN_REPLY_REFUSED);
    CHECK(reply != NULL);
    CHECK_INT(reply->u.refused.code, code);
    CHECK_STRING(reply->u.refused.text, text);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 0);
}

// Of the other broker's, or of an earlier start: told to the fold directly.
static void told(struct rig *rig, uint64_t counter, uint64_t incarnation, unsigned job,
    const char *key, const char *value)
{
    struct idn_fact fact = {.kind = IDN_FACT_SETTING,
        .epoch = {.counter = counter, .broker = 'b'},
        .origin = {.incarnation = incarnation, .sequence = 1}};

    if (job > 0)
        fact.job = rig_key(job);
    snprintf(fact.u.setting.key, IDN_SETTING_SIZE, "%s", key);
    snprintf(fact.u.setting.value, IDN_NAME_SIZE, "%s", value);
    rig->core->actions = 0;
    idn_fold(rig->core, &fact);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
}

static struct idn_worker_info worker(struct rig *rig, unsigned n)
{
    struct idn_request request = {.type = IDN_REQUEST_WORKERS};
    union idn_core_items items;
    struct idn_reply reply;
    char name[IDN_NAME_SIZE];

    snprintf(name, sizeof(name), "w%u", n);
    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    for (uint32_t i = 0; i < reply.u.workers.count; i++)
        if (strcmp(items.worker[i].name, name) == 0)
            return items.worker[i];
    CHECK(false); // it is not listed
    return items.worker[0];
}

static struct idn_status_info status(struct rig *rig)
{
    struct idn_request request = {.type = IDN_REQUEST_STATUS};
    union idn_core_items items;
    struct idn_reply reply;

    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    return reply.u.status;
}

static struct idn_entry_info model(struct rig *rig, uint32_t index)
{
    struct idn_request request = {.type = IDN_REQUEST_MODELS};
    static union idn_core_items items;
    struct idn_reply reply;

    idn_core_answer(rig->core, rig->now, &request, &items, &reply);
    CHECK(index < reply.u.entries.count);
    return items.entry[index];
}

static struct idn_order granted(struct rig *rig, unsigned n)
{
    const struct idn_order *lease = rig_order(rig, n, IDN_ORDER_LEASE);

    CHECK(lease != NULL);
    return *lease;
}

static void trimmed(struct rig *rig, unsigned n, const struct idn_order *lease, uint32_t kept)
{
    struct idn_worker_message *message = rig_message(rig, n, IDN_WORKER_TRIMMED);

    message->u.trimmed.lease = lease->u.lease.id;
    message->u.trimmed.kept = kept;
    rig_say(rig, n, message);
}

// ---- what both brokers must have alike

struct alike {
    uint64_t models, datasets;
};

static struct alike alike_after(struct rig *rig)
{
    rig_restart(rig);
    return (struct alike){status(rig).models_hash, status(rig).datasets_hash};
}

static void test_what_brokers_must_have_alike(void)
{
    struct rig *rig = rig_new();
    const struct alike before = alike_after(rig);
    struct idn_core_model alexnet = rig->model[0];
    struct idn_core_dataset photos = rig->dataset[0];
    struct alike now;

    CHECK(!status(rig).mirror_required);
    rig->config.mirror_required = true;
    rig->model[0] = rig->model[1], rig->model[1] = alexnet; // the order is no difference
    rig->dataset[0] = rig->dataset[1], rig->dataset[1] = photos;
    set(rig, 0, "batch/alexnet", "7"); // nor is what all brokers have heard
    now = alike_after(rig);
    CHECK(now.models == before.models && now.datasets == before.datasets);
    CHECK(status(rig).mirror_required);
    rig->model[1].batch++;
    now = alike_after(rig);
    CHECK(now.models != before.models && now.datasets == before.datasets);
    rig->model[1] = alexnet;
    snprintf(rig->model[1].problem, IDN_TEXT_SIZE, "no weights");
    rig->dataset[1].digest.bytes[7]++;
    now = alike_after(rig);
    CHECK(now.models != before.models && now.datasets != before.datasets);
    rig_destroy(rig);
}

// ---- what is refused

static void test_bad_settings_are_refused_with_a_sentence(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 49);
    refuse(rig, 0, "speed", "1", IDN_REFUSED_UNKNOWN_SETTING,
        "there is no setting speed; there are batch/MODEL, weight (of a job) and drain/WORKER");
    refuse(rig, 0, "batch/", "1", IDN_REFUSED_UNKNOWN_SETTING,
        "there is no setting batch/; there are batch/MODEL, weight (of a job) and drain/WORKER");
    refuse(rig, 1, "weights", "1", IDN_REFUSED_UNKNOWN_SETTING,
        "there is no setting weights; there are batch/MODEL, weight (of a job) and drain/WORKER");
    refuse(rig, 0, "batch/alexnt", "7", IDN_REFUSED_UNKNOWN_MODEL,
        "no model is named alexnt; did you mean alexnet?");
    refuse(rig, 0, "batch/alexnet", "0", IDN_REFUSED_VALUE,
        "batch/alexnet = '0' is not a whole number from 1 to 10000, or default");
    refuse(rig, 0, "batch/alexnet", "10001", IDN_REFUSED_VALUE,
        "batch/alexnet = '10001' is not a whole number from 1 to 10000, or default");
    refuse(rig, 0, "batch/alexnet", "", IDN_REFUSED_VALUE,
        "batch/alexnet = '' is not a whole number from 1 to 10000, or default");
    refuse(rig, 1, "weight", "1001", IDN_REFUSED_VALUE,
        "weight = '1001' is not a whole number from 1 to 1000");
    refuse(rig, 1, "weight", "-1", IDN_REFUSED_VALUE,
        "weight = '-1' is not a whole number from 1 to 1000");
    refuse(rig, 0, "weight", "2", IDN_REFUSED_MALFORMED,
        "a weight is a job's: the request names none");
    ask(rig, 2, "weight", "2");
    CHECK_INT(rig_reply(rig, 9, IDN_REPLY_REFUSED)->u.refused.code, IDN_REFUSED_UNKNOWN_JOB);
    refuse(rig, 0, "drain/w1", "2", IDN_REFUSED_VALUE,
        "drain/w1 = '2' is not a whole number from 0 to 1");
    refuse(rig, 0, "drain/w2", "1", IDN_REFUSED_UNKNOWN_WORKER,
        "no worker is named w2; idunno-ctl workers lists them");
    refuse(rig, 0, "drain/elsewhere", "0", IDN_REFUSED_UNKNOWN_WORKER,
        "no worker is named elsewhere; idunno-ctl workers lists them");
    struct idn_worker_message *named = rig_hello_message(rig, 2);
    snprintf(named->u.hello.name, IDN_NAME_SIZE, "gpu7/0");
    rig_say(rig, 2, named);
    refuse(rig, 0, "drain/gpu7", "1", IDN_REFUSED_UNKNOWN_WORKER,
        "no worker is named gpu7; did you mean gpu7/0?");
    rig_destroy(rig);
}

static void test_the_table_of_drained_names_has_an_end(void)
{
    struct rig *rig = rig_new();

    rig->config.drained_max = 2;
    rig_boot(rig);
    rig_begin_reign(rig);
    for (unsigned n = 1; n <= 3; n++)
        rig_hello(rig, n);
    set(rig, 0, "drain/w1", "1");
    set(rig, 0, "drain/w1", "0");
    set(rig, 0, "drain/w2", "1");
    refuse(rig, 0, "drain/w3", "1", IDN_REFUSED_DRAINED_FULL,
        "2 different workers have been drained, which is the limit; stop w3 instead");
    set(rig, 0, "drain/w1", "1"); // its name is there
    // More than fits, from the other broker: this one cannot go on.
    told(rig, 1, 5, 0, "drain/w4", "1");
    CHECK(rig->core->over && strstr(rig->core->failure, "ever drained") != NULL);
    rig_destroy(rig);
}

static void test_a_setting_is_accepted_when_it_is_stored(void)
{
    struct rig *rig = rig_new();

    rig->hold_store = true;
    ask(rig, 0, "batch/alexnet", "7");
    CHECK(rig_reply(rig, 9, IDN_REPLY_ACCEPTED) == NULL);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 1);
    ask(rig, 0, "batch/alexnet", "7"); // its reply was lost: no other fact
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 0);
    CHECK(rig_reply(rig, 9, IDN_REPLY_ACCEPTED) == NULL);
    rig->hold_store = false;
    rig_store(rig);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED), 2);
    // As the configuration has it already, but the other broker's may not.
    set(rig, 0, "batch/resnet18", "8");
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 1);
    rig_destroy(rig);
}

// ---- batch

static void test_a_batch_applies_to_tasks_cut_afterwards(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    CHECK_INT(lease.u.lease.count, 10);
    set(rig, 0, "batch/alexnet", "25");
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    CHECK_INT(rig_job(rig, 1).batch, 25);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 9, IDN_END_NONE));
    CHECK_INT(granted(rig, 1).u.lease.first, 10);
    CHECK_INT(granted(rig, 1).u.lease.count, 15); // to the end of the task that it lies in now
    rig_restart(rig);
    CHECK_INT(rig_job(rig, 1).batch, 25);
    rig_destroy(rig);
}

// ---- virtual times

static int64_t progress(struct rig *rig, unsigned job)
{
    struct idn_key key = rig_key(job);
    IDN_EACH(link, &rig->core->open)
    {
        struct idn_job *open = IDN_ENTRY(link, struct idn_job, in_open);
        if (idn_key_equal(&open->key, &key))
            return idn_policy_progress(rig->core, open);
    }
    CHECK(false); // it is not open
    return 0;
}

static void test_virtual_times_go_on_from_where_they_are(void)
{
    struct rig *rig = rig_new();
    enum { TASK = 1 << 20 };

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 5, IDN_END_NONE));
    CHECK_INT(progress(rig, 1), TASK / 2);
    set(rig, 0, "batch/alexnet", "1000");
    CHECK_INT(progress(rig, 1), TASK / 2);
    set(rig, 1, "weight", "100");
    CHECK_INT(rig_job(rig, 1).spec.weight, 100);
    CHECK_INT(progress(rig, 1), TASK / 2);
    rig_say(rig, 1, rig_report(rig, 1, 2, &lease, 5, 5, IDN_END_DONE));
    int64_t now = progress(rig, 1); // five images more, at the new price
    CHECK(now > TASK / 2 && now - TASK / 2 <= 5 * TASK / 100000 + 1);
    rig_destroy(rig);
}

static void test_a_heavier_job_gets_the_worker_more_often(void)
{
    struct rig *rig = rig_new();
    struct idn_order lease;
    uint32_t leases[3] = {0};
    uint64_t number = 0;

    rig_submit(rig, 1, "alexnet", 0, 199);
    rig_submit(rig, 2, "alexnet", 0, 199);
    set(rig, 2, "weight", "3");
    rig_hello(rig, 1);
    lease = granted(rig, 1);
    while (number < 16) {
        uint32_t first = lease.u.lease.first, count = lease.u.lease.count;
        leases[lease.u.lease.job.bytes[0]]++;
        rig_clear(rig);
        rig_say(rig, 1, rig_report(rig, 1, ++number, &lease, first, count, IDN_END_DONE));
        lease = granted(rig, 1);
    }
    CHECK_INT(leases[1], 4);
    CHECK_INT(leases[2], 12);
    rig_destroy(rig);
}

// A submission that is repeated is the same job, whatever its weight is now.
static void test_a_weight_does_not_make_another_job(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 99);
    set(rig, 1, "weight", "9");
    rig_clear(rig);
    rig_submit(rig, 1, "alexnet", 0, 99);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_restart(rig);
    CHECK_INT(rig_job(rig, 1).spec.weight, 9);
    rig_destroy(rig);
}

static void test_a_batch_returns_to_the_configurations(void)
{
    struct rig *rig = rig_new();

    CHECK(!model(rig, 0).is_set && model(rig, 0).count == 10);
    set(rig, 0, "batch/alexnet", "25");
    CHECK(model(rig, 0).is_set && model(rig, 0).count == 25 && model(rig, 0).configured == 10);
    set(rig, 0, "batch/alexnet", "default");
    CHECK(!model(rig, 0).is_set && model(rig, 0).count == 10);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 1);
    set(rig, 0, "batch/alexnet", "default"); // a lost reply is asked for again
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_SETTING), 0);
    rig->model[0].batch = 12; // what the configuration says at the next start is what counts
    rig_restart(rig);
    CHECK(!model(rig, 0).is_set && model(rig, 0).count == 12);
    told(rig, 9, 1, 0, "batch/alexnet", "7");
    CHECK(model(rig, 0).is_set && model(rig, 0).count == 7);
    refuse(rig, 1, "weight", "default", IDN_REFUSED_VALUE,
        "weight = 'default' is not a whole number from 1 to 1000");
    rig_destroy(rig);
}

// ---- drain

static void test_a_drained_worker_keeps_what_it_has_begun(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 19);
    struct idn_order lease = granted(rig, 1);
    CHECK(!worker(rig, 1).drained);
    set(rig, 0, "drain/w1", "1");
    CHECK(worker(rig, 1).drained && !worker(rig, 2).drained);
    CHECK_INT(rig_order(rig, 1, IDN_ORDER_TRIM)->u.trim.keep, 0);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINING);
    CHECK_STRING(worker(rig, 1).note, "drained: it finishes what it has begun");
    rig_clear(rig);
    trimmed(rig, 1, &lease, 2);
    CHECK_INT(rig_job(rig, 1).in_flight, 12);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, lease.u.lease.first, 2, IDN_END_DONE));
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    CHECK_STRING(worker(rig, 1).note, "drained: it has nothing to do, until idunno-ctl undrain");
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINED);
    CHECK_INT(status(rig).workers, 2);
    CHECK_INT(status(rig).workers_drained, 1);
    set(rig, 0, "drain/w1", "0");
    CHECK_INT(status(rig).workers_drained, 0);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_BUSY);
    CHECK_INT(granted(rig, 1).u.lease.count, 8); // what was taken back
    rig_destroy(rig);
}

static void test_a_drain_outlives_worker_and_broker(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    set(rig, 0, "drain/w1", "1");
    rig_submit(rig, 1, "alexnet", 0, 19);
    CHECK_STRING(rig_job(rig, 1).why,
        "no worker can work on it: 1 worker is drained (w1), until idunno-ctl undrain");
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
    set(rig, 0, "drain/w1", "1"); // it is not there, its name is known
    struct idn_worker_message *hello = rig_hello_message(rig, 1);
    hello->nonce += 500; // it was started again
    rig_clear(rig);
    rig_say(rig, 1, hello);
    CHECK(rig_order(rig, 1, IDN_ORDER_WELCOME) != NULL);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    rig_restart(rig);
    rig->now += 1000; // all workers have had their time to say hello
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
    rig_hello(rig, 1);
    rig_hello(rig, 2);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINED);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    CHECK(rig_order(rig, 2, IDN_ORDER_LEASE) != NULL);
    rig_destroy(rig);
}

// Names without a worker follow the workers in their listing, over as many pages as it takes.
static void test_drained_names_without_a_worker_are_listed(void)
{
    struct rig *rig = rig_new();
    struct idn_request request = {.type = IDN_REQUEST_WORKERS};
    union idn_core_items items;
    struct idn_reply reply;
    char key[IDN_SETTING_SIZE];
    uint32_t away = 0, pages = 0;

    rig_hello(rig, 1);
    for (unsigned i = 1; i <= 40; i++) {
        snprintf(key, sizeof(key), "drain/w%u", i);
        told(rig, 1, i, 0, key, i == 7 ? "0" : "1");
    }
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINED);
    do {
        idn_core_answer(rig->core, rig->now, &request, &items, &reply);
        for (uint32_t i = 0; i < reply.u.workers.count; i++) {
            away += items.worker[i].state == IDN_WORKER_AWAY;
            CHECK(strcmp(items.worker[i].name, "w7") != 0);
        }
        request.u.page.cursor = reply.u.workers.cursor;
        pages++;
    } while (reply.u.workers.cursor != 0);
    CHECK_INT(away, 38); // without w1, which is there, and w7, which is not drained
    CHECK_INT(pages, 3);
    CHECK_INT(status(rig).workers, status(rig).workers_drained);
    for (uint64_t cursor = 1; cursor != 0; cursor *= 2) { // whatever a client makes up
        request.u.page.cursor = cursor;
        idn_core_answer(rig->core, rig->now, &request, &items, &reply);
        CHECK(reply.u.workers.cursor == 0 || reply.u.workers.cursor > cursor);
    }
    rig_destroy(rig);
}

// What a drained worker still holds when another broker begins is adopted, and trimmed again.
static void test_a_drained_worker_brings_its_lease_to_another_reign(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 19);
    struct idn_order lease = granted(rig, 1);
    set(rig, 0, "drain/w1", "1");
    rig_restart(rig);
    struct idn_worker_message *hello = rig_hello_message(rig, 1);
    hello->u.hello.leases = 1;
    hello->u.hello.lease[0] = (struct idn_held_lease){.id = lease.u.lease.id,
        .job = lease.u.lease.job,
        .spec_hash = lease.u.lease.spec_hash,
        .count = 10};
    rig_say(rig, 1, hello);
    CHECK_INT(rig_job(rig, 1).in_flight, 10);
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) != NULL);
    trimmed(rig, 1, &lease, 3);
    CHECK_INT(rig_job(rig, 1).in_flight, 3);
    rig_clear(rig);
    rig_say(rig, 1, hello); // it is not asked in vain
    CHECK(rig_order(rig, 1, IDN_ORDER_TRIM) == NULL);
    rig_destroy(rig);
}

// ---- which one counts

static void test_the_highest_setting_counts(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    set(rig, 1, "weight", "5"); // in epoch 1a
    told(rig, 1, 1, 1, "weight", "6");
    CHECK_INT(rig_job(rig, 1).spec.weight, 6); // 1b
    told(rig, 0, 9, 1, "weight", "7");
    CHECK_INT(rig_job(rig, 1).spec.weight, 6);
    told(rig, 1, 1, 0, "drain/w1", "0");
    told(rig, 1, 2, 0, "drain/w1", "1");
    told(rig, 0, 3, 0, "drain/w1", "0");
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_DRAINING); // what it has begun is on its way
    told(rig, 1, 7, 0, "batch/alexnet", "77");
    told(rig, 1, 6, 0, "batch/alexnet", "66");
    CHECK_INT(rig_job(rig, 1).batch, 77);
    // Of a reign that is above ours: this broker is about to begin another.
    refuse(rig, 0, "batch/alexnet", "5", IDN_REFUSED_NOT_ACTIVE,
        "this broker is about to begin another reign; ask again");
    rig_destroy(rig);
}

// What a later version, or another configuration, has recorded.
static void test_what_is_not_understood_changes_nothing(void)
{
    static const char *const facts[][2] = {{"batch/other", "5"}, {"batch/alexnet", "0"},
        {"batch/alexnet", "10001"}, {"batch/alexnet", "many"}, {"batch/alexnet", ""},
        {"batch", "5"}, {"weight", "5"}, {"weight/", "5"}, {"drain/", "1"}, {"drain/w1", "2"},
        {"colour", "red"}};
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        told(rig, 9, 1, 0, facts[i][0], facts[i][1]);
    CHECK_INT(rig_job(rig, 1).batch, 10);
    CHECK_INT(rig_job(rig, 1).spec.weight, 1);
    CHECK_INT(worker(rig, 1).state, IDN_WORKER_BUSY);
    CHECK_INT(rig->core->drained.count, 0);
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_what_brokers_must_have_alike),
        CHECK_TEST(test_bad_settings_are_refused_with_a_sentence),
        CHECK_TEST(test_the_table_of_drained_names_has_an_end),
        CHECK_TEST(test_a_setting_is_accepted_when_it_is_stored),
        CHECK_TEST(test_a_batch_applies_to_tasks_cut_afterwards),
        CHECK_TEST(test_virtual_times_go_on_from_where_they_are),
        CHECK_TEST(test_a_heavier_job_gets_the_worker_more_often),
        CHECK_TEST(test_a_weight_does_not_make_another_job),
        CHECK_TEST(test_a_drained_worker_keeps_what_it_has_begun),
        CHECK_TEST(test_a_batch_returns_to_the_configurations),
        CHECK_TEST(test_a_drain_outlives_worker_and_broker),
        CHECK_TEST(test_drained_names_without_a_worker_are_listed),
        CHECK_TEST(test_a_drained_worker_brings_its_lease_to_another_reign),
        CHECK_TEST(test_the_highest_setting_counts),
        CHECK_TEST(test_what_is_not_understood_changes_nothing),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
