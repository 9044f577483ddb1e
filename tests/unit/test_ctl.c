// idunno-ctl against brokers in threads: what it says of two of them, and what it tells which one.
#include "client/ctl_commands.h"
#include "tests/lib/check.h"
#include "tests/lib/ctl_run.h"

// What a broker is to answer, set before it is asked.
struct part {
    uint32_t role, role_after; // after a SWITCH to the one, or a BOOTSTRAP of it
    uint64_t epoch;
    struct idn_peer_info peer;
    uint64_t damaged_row;
    uint32_t refusal; // of SWITCH, BOOTSTRAP and RETRY; 0: accepted
    bool mute;        // does not answer the first SWITCH
    uint32_t unknown; // so many times the job is not known here
    atomic_uint switches, bootstraps, retries, finds, sets;
    struct idn_request set; // the last one
};
static struct part a, b;
static atomic_bool switched;
static const char *value; // the second operand of the next run

static struct part *part_of(struct fake_broker *broker)
{
    return broker == &ctl_broker[0] ? &a : &b;
}

static void status_of(struct part *part, struct idn_reply *ret)
{
    bool after = atomic_load(&switched) || atomic_load(&part->bootstraps) > 0;

    ret->type = IDN_REPLY_STATUS;
    ret->u.status = (struct idn_status_info){.role = after ? part->role_after : part->role,
        .epoch = {part->epoch + after, part == &a ? 'a' : 'b'},
        .uptime_ms = 5000,
        .version = "0.1.0",
        .policy = "fair-time",
        .workers = 3,
        .jobs_known = 7,
        .facts = 1234,
        .peer = part->peer,
        .damaged_row = part->damaged_row};
    ret->u.status.broker[0] = part == &a ? 'a' : 'b';
}

static void jobs(struct idn_reply *ret)
{
    static struct idn_job_info job[2];

    for (uint32_t i = 0; i < 2; i++)
        job[i] = (struct idn_job_info){.key = {{(uint8_t)(i + 1)}},
            .spec = {.model = "tiny", .dataset = "photos", .client = "me", .last = 9, .weight = 1},
            .state = IDN_JOB_FINISHED,
            .version = 1,
            .ok = 10 - 2 * i,
            .quarantined = 2 * i};
    ret->u.jobs.count = 2;
    ret->u.jobs.item = job;
}

static void rows(const struct idn_request *request, struct idn_reply *ret)
{
    static uint8_t row[2 * IDN_ROW_BYTES];
    static const uint32_t index[] = {4, 7};

    struct idn_result result = {.status = IDN_STATUS_QUARANTINED};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    for (int i = 0; i < 2; i++) {
        result.index = index[i];
        idn_result_pack(&result, row + (size_t)i * IDN_ROW_BYTES);
    }
    ret->u.results.job = request->job.key;
    ret->u.results.next = 10;
    ret->u.results.count = request->u.results.filter == IDN_FILTER_QUARANTINED ? 2 : 0;
    ret->u.results.rows = row;
}

static bool told(struct part *part, atomic_uint *count, struct idn_reply *ret)
{
    atomic_fetch_add(count, 1);
    if (part->refusal != 0)
        return fake_refuse(ret, part->refusal, "the standby is not in sync");
    ret->type = IDN_REPLY_ACCEPTED;
    ret->u.accepted.durable = 1;
    return true;
}

static void models(struct idn_reply *ret)
{
    static struct idn_entry_info model[] = {
        {.name = "alexnet", .count = 500}, {.name = "resnet18", .count = 400}};

    ret->type = IDN_REPLY_MODELS;
    ret->u.entries.count = 2;
    ret->u.entries.item = model;
}

static struct idn_worker_info worker[] = {{.name = "w1", .state = IDN_WORKER_BUSY, .leases = 1},
    {.name = "w2", .state = IDN_WORKER_IDLE}, {.name = "w3", .state = IDN_WORKER_DEAD}};

static void workers(struct idn_reply *ret)
{
    ret->type = IDN_REPLY_WORKERS;
    ret->u.workers.count = 3;
    ret->u.workers.item = worker;
}

// The last worker is dead and stays so.
static void drain(uint32_t which, bool drained)
{
    struct idn_worker_info *of = &worker[which];
    bool busy = of->leases > 0;

    of->drained = drained;
    if (which < 2 && drained)
        of->state = busy ? IDN_WORKER_DRAINING : IDN_WORKER_DRAINED;
    else if (which < 2)
        of->state = busy ? IDN_WORKER_BUSY : IDN_WORKER_IDLE;
}

static bool set(struct part *part, const struct idn_request *request, struct idn_reply *ret)
{
    part->set = *request;
    for (uint32_t i = 0; i < sizeof(worker) / sizeof(*worker); i++)
        if (strncmp(request->u.set.key, "drain/", 6) == 0 &&
            strcmp(request->u.set.key + 6, worker[i].name) == 0)
            drain(i, request->u.set.value[0] == '1');
    return told(part, &part->sets, ret);
}

static bool answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    struct part *part = part_of(broker);

    switch (request->type) {
    case IDN_REQUEST_HELLO:
        return fake_welcome(ret, part->role);
    case IDN_REQUEST_STATUS:
        status_of(part, ret);
        return true;
    case IDN_REQUEST_SWITCH:
        atomic_store(&switched, part->refusal == 0);
        if (part->mute && atomic_load(&part->switches) == 0)
            return atomic_fetch_add(&part->switches, 1) > 0;
        return told(part, &part->switches, ret);
    case IDN_REQUEST_BOOTSTRAP:
        return told(part, &part->bootstraps, ret);
    case IDN_REQUEST_RETRY:
        return told(part, &part->retries, ret);
    case IDN_REQUEST_SET:
        return set(part, request, ret);
    case IDN_REQUEST_MODELS:
        models(ret);
        return true;
    case IDN_REQUEST_WORKERS:
        workers(ret);
        return true;
    case IDN_REQUEST_JOBS:
        ret->type = IDN_REPLY_JOBS;
        jobs(ret);
        return true;
    case IDN_REQUEST_JOB:
        if (atomic_fetch_add(&part->finds, 1) < part->unknown)
            return fake_refuse(ret, IDN_REFUSED_UNKNOWN_HERE, "not known here; b may know it");
        jobs(ret);
        ret->type = IDN_REPLY_JOB;
        ret->u.job = ret->u.jobs.item[request->job.key.bytes[0] == 2];
        return true;
    default:
        ret->type = IDN_REPLY_RESULTS;
        rows(request, ret);
        return true;
    }
}

// ---- a run

static void part_with(struct part *part, uint32_t role, uint32_t role_after, uint64_t epoch)
{
    memset(part, 0, sizeof(*part));
    part->role = role;
    part->role_after = role_after;
    part->epoch = epoch;
}

// Active a in epoch 4 and its standby b, in sync.
static void pair(void)
{
    part_with(&a, IDN_ROLE_ACTIVE, IDN_ROLE_STANDBY, 4);
    part_with(&b, IDN_ROLE_STANDBY, IDN_ROLE_ACTIVE, 4);
    a.peer = (struct idn_peer_info){.configured = true,
        .in_sight = true,
        .exchanged = true,
        .in_sync = true,
        .broker = "b",
        .role = IDN_ROLE_STANDBY,
        .silent_ms = 120};
    b.peer = a.peer;
    b.peer.broker[0] = 'a';
    b.peer.role = IDN_ROLE_ACTIVE;
}

// brokers: how many are known; up: how many of them run.
static int run(ctl_command *command, uint32_t brokers, uint32_t up, const char *id, bool json)
{
    atomic_store(&switched, false);
    return ctl_run(&(struct ctl_run){.command = command,
        .id = id,
        .value = value,
        .json = json,
        .brokers = brokers,
        .away = brokers - up,
        .answer = answer});
}

// ---- status

static void test_status_of_two_brokers(void)
{
    pair();
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "broker     a (0.1.0), active, with a standby in sync\n");
    CHECK_CONTAINS(out, "epoch 4a");
    CHECK_CONTAINS(out, "peer       b, standby, in sync; heard 120 ms ago\n");
    CHECK_CONTAINS(out, "\nbroker     b (0.1.0), standby\n");
    CHECK_CONTAINS(out, "peer       a, active, in sync");
    CHECK(strstr(strstr(out, "broker     b"), "workers") == NULL); // a standby has none
    CHECK_STRING(err, "");
}

static void test_status_when_one_is_away(void)
{
    pair();
    a.role = IDN_ROLE_ALONE;
    a.peer.in_sight = a.peer.exchanged = a.peer.in_sync = false;
    a.peer.silent_ms = 61000;
    a.peer.lag_facts = 12;
    CHECK_INT(run(idn_ctl_status, 2, 1, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "active, without a standby in sync");
    CHECK_CONTAINS(
        out, "peer       b, standby when it was last heard, 1 min 1 s ago, 12 facts behind\n");
    CHECK_CONTAINS(out, "\nbroker     no broker answers at tcp://127.0.0.3:1 (no");
    CHECK_STRING(err, "");
}

static void test_status_of_peers_on_their_way(void)
{
    pair();
    a.peer = (struct idn_peer_info){.configured = true};
    b.peer.exchanged = b.peer.in_sync = false;
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "peer       not heard since this broker started\n");
    CHECK_CONTAINS(out, "peer       a, active, in sight; they exchange what the other lacks\n");
    pair();
    a.peer.in_sync = false;
    a.peer.lag_facts = 3;
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "peer       b, standby, not in sync, 3 facts behind; heard");
}

static void test_status_of_a_single_broker(void)
{
    part_with(&a, IDN_ROLE_ALONE, IDN_ROLE_ALONE, 1);
    CHECK_INT(run(idn_ctl_status, 1, 1, NULL, false), IDN_EXIT_OK);
    CHECK(strstr(out, "peer") == NULL);
    CHECK_CONTAINS(out, "workers    3");
    CHECK_INT(run(idn_ctl_status, 1, 1, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"peer\":null");
}

static void test_no_broker_answers(void)
{
    CHECK_INT(run(idn_ctl_status, 2, 0, NULL, false), IDN_EXIT_FAILURE);
    CHECK_STRING(out, "");
    CHECK_CONTAINS(err, "idunno-ctl: no broker answers at tcp://127.0.0.3:1 (no connection, tried");
    CHECK_CONTAINS(err, "; no broker answers at tcp://127.0.0.3:1");
}

// The object is the one that reigns, whichever is named first.
static void test_status_for_programs(void)
{
    pair();
    part_with(&a, IDN_ROLE_STANDBY, IDN_ROLE_STANDBY, 5);
    b.role = IDN_ROLE_ALONE;
    b.epoch = 5;
    b.peer.lag_facts = 9;
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, true), IDN_EXIT_OK);
    CHECK(strncmp(out, "{\"broker\":\"b\",", 14) == 0);
    CHECK_CONTAINS(out, "\"role\":\"alone\",\"epoch\":\"5b\"");
    CHECK_CONTAINS(out,
        "\"peer\":{\"broker\":\"a\",\"role\":\"active\",\"epoch\":\"0-\",\"in_sight\":true,"
        "\"exchanged\":true,\"in_sync\":true,\"silent_ms\":120,\"lag_facts\":9}");
    CHECK_CONTAINS(out, "\"brokers\":[{\"address\":\"tcp://127.0.0.1:");
    CHECK_CONTAINS(out, "\"problem\":null,\"broker\":\"a\"");
    pair(); // two islands
    b.role = IDN_ROLE_ALONE;
    b.epoch = 9;
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, true), IDN_EXIT_OK);
    CHECK(strncmp(out, "{\"broker\":\"b\",", 14) == 0);
    pair();
    CHECK_INT(run(idn_ctl_status, 2, 1, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"problem\":\"no broker answers at ");
}

// ---- switch

static void test_switch(void)
{
    pair();
    CHECK_INT(run(idn_ctl_switch, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "broker b reigns now, epoch 5b; broker a is its standby\n");
    CHECK_INT(atomic_load(&a.switches), 1);
    CHECK_INT(atomic_load(&b.switches), 0);
}

static void test_no_switch_to_a_damaged_store(void)
{
    pair();
    b.damaged_row = 812;
    CHECK_INT(run(idn_ctl_switch, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "broker a goes on: row 812 of the store of broker b cannot be read");
    CHECK_INT(atomic_load(&a.switches), 0);
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "row 812 of the store cannot be read");
    CHECK_INT(run(idn_ctl_status, 2, 2, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"damaged_row\":812");
    CHECK_CONTAINS(out, "\"damaged_row\":null");
}

// Asked again it is the same request, and to the same broker: the other would hand the reign back.
static void test_a_lost_answer_to_a_switch(void)
{
    pair();
    a.mute = true;
    CHECK_INT(run(idn_ctl_switch, 2, 2, NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "broker b reigns now, epoch 5b; broker a is its standby\n");
    CHECK_INT(atomic_load(&a.switches), 2);
    CHECK_INT(atomic_load(&b.switches), 0);
}

static void test_a_switch_that_is_refused(void)
{
    pair();
    a.refusal = IDN_REFUSED_NO_MIRROR;
    CHECK_INT(run(idn_ctl_switch, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_STRING(err, "idunno-ctl: the standby is not in sync\n");
    CHECK_STRING(out, "");
}

static void test_no_switch(void)
{
    pair();
    CHECK_INT(run(idn_ctl_switch, 1, 1, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "both are needed for a switch");
    CHECK_INT(run(idn_ctl_switch, 2, 1, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "broker a goes on, the other one does not answer: no broker answers at ");
    a.role = IDN_ROLE_STANDBY;
    CHECK_INT(run(idn_ctl_switch, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "no broker is active: there is nothing to hand over");
    CHECK_INT(atomic_load(&a.switches) + atomic_load(&b.switches), 0);
}

// ---- bootstrap

static void test_bootstrap(void)
{
    part_with(&a, IDN_ROLE_LEARNER, IDN_ROLE_ALONE, 0);
    CHECK_INT(run(idn_ctl_bootstrap, 2, 1, NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "broker a begins with what it has: 1234 facts, 7 jobs; it is alone\n");
    CHECK_INT(atomic_load(&a.bootstraps), 1);
}

static void test_no_bootstrap(void)
{
    pair();
    CHECK_INT(run(idn_ctl_bootstrap, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "no broker that answers is a learner");
    b.role = IDN_ROLE_LEARNER;
    CHECK_INT(run(idn_ctl_bootstrap, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "broker a is active: broker b gets from it what it lacks");
    a.role = IDN_ROLE_LEARNER;
    CHECK_INT(run(idn_ctl_bootstrap, 2, 2, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "both brokers are learners");
    CHECK_INT(atomic_load(&a.bootstraps) + atomic_load(&b.bootstraps), 0);
}

// ---- wait

// A broker out of sight may know the job.
static void test_wait_goes_on_when_the_job_is_unknown_here(void)
{
    pair();
    a.unknown = 1;
    CHECK_INT(run(idn_ctl_wait, 1, 1, "04000000", false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "job 04000000 finished: 10 of 10 images classified");
    CHECK_INT(atomic_load(&a.finds), 2);
    a.unknown = 100;
    CHECK_INT(run(idn_ctl_job, 1, 1, "04000000", false), IDN_EXIT_FAILURE); // who does not wait
    CHECK_STRING(err, "idunno-ctl: not known here; b may know it\n");
}

// ---- quarantine

static void test_quarantine_list(void)
{
    pair();
    CHECK_INT(run(idn_ctl_quarantine_list, 1, 1, NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "JOB       IMAGE  MODEL  DATASET\n"
                      "08000000      4  tiny   photos\n"
                      "08000000      7  tiny   photos\n");
    CHECK_INT(run(idn_ctl_quarantine_list, 1, 1, NULL, true), IDN_EXIT_OK);
    CHECK_STRING(out, "[{\"job\":\"08000000000000000000000000\",\"model\":\"tiny\","
                      "\"dataset\":\"photos\",\"images\":[4,7]}]\n");
    CHECK_INT(run(idn_ctl_quarantine_list, 1, 1, "04000000", false), IDN_EXIT_OK);
    CHECK_STRING(out, "no image is in quarantine\n");
}

static void test_quarantine_retry(void)
{
    pair();
    CHECK_INT(run(idn_ctl_quarantine_retry, 1, 1, "08000000", false), IDN_EXIT_OK);
    CHECK_STRING(out, "job 08000000: 2 images left the quarantine and will be tried again\n");
    CHECK_INT(atomic_load(&a.retries), 1);
    CHECK_INT(run(idn_ctl_quarantine_retry, 1, 1, "04000000", false), IDN_EXIT_OK);
    CHECK_STRING(out, "no image of job 04000000 is in quarantine\n");
}

// ---- settings

static int run_set(ctl_command *command, const char *id, const char *number, bool json)
{
    pair();
    value = number;
    int status = run(command, 1, 1, id, json);
    value = NULL;
    return status;
}

static void test_weight(void)
{
    CHECK_INT(run_set(idn_ctl_weight, "04000000", "3", false), IDN_EXIT_OK);
    CHECK_STRING(out, "job 04000000 has weight 1, as before; it has ended, so that changes "
                      "nothing\n");
    CHECK_STRING(a.set.u.set.key, "weight");
    CHECK_STRING(a.set.u.set.value, "3");
    CHECK_INT(a.set.job.bits, 128);
    CHECK_INT(run_set(idn_ctl_weight, "04000000", "1000", true), IDN_EXIT_OK);
    CHECK_STRING(out, "{\"job\":\"04000000000000000000000000\",\"weight\":1,\"durable\":1}\n");
    CHECK_INT(run_set(idn_ctl_weight, "04000000", "0", false), IDN_EXIT_USAGE);
    CHECK_STRING(err, "idunno-ctl: the weight '0' is not a whole number from 1 to 1000\n");
    CHECK_INT(run_set(idn_ctl_weight, "04000000", "1001", false), IDN_EXIT_USAGE);
    CHECK_INT(atomic_load(&a.sets), 0);
}

static void test_batch(void)
{
    CHECK_INT(run_set(idn_ctl_batch, "resnet18", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "resnet18: 400 images a task, as the configuration says\n");
    CHECK_INT(atomic_load(&a.sets), 0);
    CHECK_INT(run_set(idn_ctl_batch, "resnet18", NULL, true), IDN_EXIT_OK);
    CHECK_STRING(out, "{\"model\":\"resnet18\",\"batch\":400,\"durable\":null}\n");
    CHECK_INT(run_set(idn_ctl_batch, "resnet18", "2000", false), IDN_EXIT_OK);
    CHECK_STRING(out, "resnet18: 2,000 images a task from now on, 400 before\n");
    CHECK_STRING(a.set.u.set.key, "batch/resnet18");
    CHECK_STRING(a.set.u.set.value, "2000");
    CHECK_INT(a.set.job.bits, 0);
    CHECK_INT(run_set(idn_ctl_batch, "resnet18", "20", true), IDN_EXIT_OK);
    CHECK_STRING(out, "{\"model\":\"resnet18\",\"batch\":20,\"durable\":1}\n");
    CHECK_INT(run_set(idn_ctl_batch, "resnet", "20", false), IDN_EXIT_FAILURE);
    CHECK_STRING(err, "idunno-ctl: no model is named resnet; did you mean resnet18?\n");
    CHECK_INT(run_set(idn_ctl_batch, "resnet18", "many", false), IDN_EXIT_USAGE);
    CHECK_STRING(err, "idunno-ctl: the batch 'many' is not a whole number from 1 to 10000\n");
}

static void test_drain(void)
{
    CHECK_INT(run_set(idn_ctl_drain, "w1", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w1 gets nothing new, and finishes what it has begun; idunno-ctl "
                      "workers says when\n");
    CHECK_STRING(a.set.u.set.key, "drain/w1");
    CHECK_STRING(a.set.u.set.value, "1");
    CHECK_INT(run_set(idn_ctl_drain, "w1", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w1 gets nothing new, as before, and finishes what it has begun; "
                      "idunno-ctl workers says when\n");
    CHECK_INT(run_set(idn_ctl_drain, "w3", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w3 gets nothing when it comes\n");
    CHECK_INT(run_set(idn_ctl_drain, "w3", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w3 gets nothing when it comes, as before\n");
    CHECK_INT(run_set(idn_ctl_drain, "w1", NULL, true), IDN_EXIT_OK);
    CHECK_STRING(
        out, "{\"worker\":\"w1\",\"drained\":true,\"leases\":1,\"others\":1,\"durable\":1}\n");
    CHECK_INT(run_set(idn_ctl_undrain, "w1", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w1 gets work again\n");
    CHECK_STRING(a.set.u.set.value, "0");
    CHECK_INT(run_set(idn_ctl_undrain, "w1", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w1 gets work, as before\n");
    CHECK_INT(run_set(idn_ctl_undrain, "w3", NULL, true), IDN_EXIT_OK);
    CHECK_STRING(
        out, "{\"worker\":\"w3\",\"drained\":false,\"leases\":null,\"others\":2,\"durable\":1}\n");
    CHECK_INT(run_set(idn_ctl_undrain, "w3", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w3 gets work when it comes, as before\n");
    CHECK_INT(run_set(idn_ctl_drain, "two words", NULL, false), IDN_EXIT_USAGE);
    CHECK_STRING(
        err, "idunno-ctl: 'two words' is no worker's name; idunno-ctl workers lists them\n");
}

static void test_drain_of_the_last_one_that_can_work(void)
{
    CHECK_INT(run_set(idn_ctl_drain, "w1", NULL, false), IDN_EXIT_OK);
    CHECK_INT(run_set(idn_ctl_drain, "w2", NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "worker w2 gets nothing new, and has nothing left to do; no other worker can "
                      "work now: jobs wait until idunno-ctl undrain w2, or until another can\n");
    CHECK_INT(run_set(idn_ctl_drain, "w2", NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"others\":0");
    CHECK_INT(run_set(idn_ctl_drain, "w3", NULL, false), IDN_EXIT_OK); // nobody waits for that one
    CHECK_STRING(out, "worker w3 gets nothing when it comes\n");
    for (uint32_t i = 0; i < 3; i++)
        drain(i, false);
}

static void test_settings_that_are_refused(void)
{
    pair();
    a.refusal = IDN_REFUSED_UNKNOWN_WORKER;
    CHECK_INT(run(idn_ctl_drain, 1, 1, "w9", false), IDN_EXIT_FAILURE);
    CHECK_STRING(err, "idunno-ctl: the standby is not in sync\n"); // the broker's sentence
}

// ---- commands of two words

static void test_commands_are_found(void)
{
    const struct idn_ctl_command *command;
    struct idn_reason reason;
    char group[200];

    CHECK_INT(idn_ctl_find(NULL, "switch", &command, &reason), 0);
    CHECK(command->run == idn_ctl_switch && command->one_by_one);
    CHECK_INT(idn_ctl_find(NULL, "quarantine", &command, &reason), 0);
    CHECK(command == NULL);
    CHECK_INT(idn_ctl_find("quarantine", "retry", &command, &reason), 0);
    CHECK(command->run == idn_ctl_quarantine_retry);
    CHECK(idn_ctl_find(NULL, "retry", &command, &reason) < 0);
    CHECK(idn_ctl_find("quarantine", "lits", &command, &reason) < 0);
    CHECK_STRING(
        reason.text, "there is no command 'quarantine lits'; did you mean quarantine list?");
    CHECK(idn_ctl_find("quarantine", "status", &command, &reason) < 0);
    CHECK_STRING(reason.text, "there is no command 'quarantine status'; --help lists them");
    CHECK(idn_ctl_find(NULL, "foo", &command, &reason) < 0);
    CHECK_STRING(reason.text, "there is no command 'foo'; --help lists them");
    CHECK(idn_ctl_find(NULL, "statsu", &command, &reason) < 0);
    CHECK_STRING(reason.text, "there is no command 'statsu'; did you mean status?");
    idn_ctl_list_group("quarantine", group, sizeof(group));
    CHECK_STRING(group, "quarantine list [ID], quarantine retry ID");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_status_of_two_brokers),
        CHECK_TEST(test_status_when_one_is_away),
        CHECK_TEST(test_status_of_peers_on_their_way),
        CHECK_TEST(test_status_of_a_single_broker),
        CHECK_TEST(test_no_broker_answers),
        CHECK_TEST(test_status_for_programs),
        CHECK_TEST(test_switch),
        CHECK_TEST(test_no_switch_to_a_damaged_store),
        CHECK_TEST(test_a_lost_answer_to_a_switch),
        CHECK_TEST(test_a_switch_that_is_refused),
        CHECK_TEST(test_no_switch),
        CHECK_TEST(test_bootstrap),
        CHECK_TEST(test_no_bootstrap),
        CHECK_TEST(test_wait_goes_on_when_the_job_is_unknown_here),
        CHECK_TEST(test_quarantine_list),
        CHECK_TEST(test_quarantine_retry),
        CHECK_TEST(test_weight),
        CHECK_TEST(test_batch),
        CHECK_TEST(test_drain),
        CHECK_TEST(test_drain_of_the_last_one_that_can_work),
        CHECK_TEST(test_settings_that_are_refused),
        CHECK_TEST(test_commands_are_found),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
