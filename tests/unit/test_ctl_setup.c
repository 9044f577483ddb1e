// idunno-ctl against two brokers in threads: what it says of clusters that are set up wrongly, what
// is listed of workers, jobs and models, and what is said of settings.
#include "client/ctl_commands.h"
#include "tests/lib/check.h"
#include "tests/lib/ctl_run.h"

static struct idn_status_info broker_status[2];
static struct idn_worker_info worker[8];
static struct idn_assignment_info assignment[3];
static struct idn_entry_info model;
static struct idn_job_info job[3];
static uint32_t workers, jobs, durable;

static bool answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type == IDN_REQUEST_HELLO)
        return fake_welcome(ret, IDN_ROLE_ACTIVE);
    if (request->type == IDN_REQUEST_STATUS) {
        ret->type = IDN_REPLY_STATUS;
        ret->u.status = broker_status[broker - ctl_broker];
    } else if (request->type == IDN_REQUEST_WORKERS) {
        ret->type = IDN_REPLY_WORKERS;
        ret->u.workers.count = workers;
        ret->u.workers.item = worker;
    } else if (request->type == IDN_REQUEST_ASSIGNMENT) {
        ret->type = IDN_REPLY_ASSIGNMENT;
        ret->u.assignment.count = 3;
        ret->u.assignment.item = assignment;
    } else if (request->type == IDN_REQUEST_MODELS) {
        ret->type = IDN_REPLY_MODELS;
        ret->u.entries.count = 1;
        ret->u.entries.item = &model;
    } else if (request->type == IDN_REQUEST_JOBS) {
        ret->type = IDN_REPLY_JOBS;
        ret->u.jobs.count = jobs;
        ret->u.jobs.item = job;
    } else if (request->type == IDN_REQUEST_JOB) {
        ret->type = IDN_REPLY_JOB;
        ret->u.job = job[0];
    } else {
        ret->type = IDN_REPLY_ACCEPTED;
        ret->u.accepted.durable = durable;
    }
    return true;
}

// brokers: how many are configured, all of them up.
static void run(
    ctl_command *command, uint32_t brokers, const char *id, const char *value, bool json)
{
    CHECK_INT(ctl_run(&(struct ctl_run){.command = command,
                  .id = id,
                  .value = value,
                  .json = json,
                  .brokers = brokers,
                  .answer = answer}),
        IDN_EXIT_OK);
}

static void put_status(uint32_t which, const char *name, uint32_t role, uint64_t epoch, bool sight)
{
    broker_status[which] = (struct idn_status_info){.role = role,
        .epoch = {epoch, epoch == 0 ? 0 : 'a'},
        .version = "0.1.0",
        .policy = "fair-time",
        .facts = 1,
        .workers = 2,
        .peer = {.configured = true,
            .in_sight = sight,
            .exchanged = sight,
            .in_sync = sight,
            .role = IDN_ROLE_STANDBY}};
    (void)snprintf(broker_status[which].broker, IDN_NAME_SIZE, "%s", name);
    (void)snprintf(broker_status[which].peer.broker, IDN_NAME_SIZE, "peer");
}

// ---- status

static void test_two_that_do_not_hear_each_other(void)
{
    put_status(0, "vm/a", IDN_ROLE_ALONE, 3, false);
    put_status(1, "vm2/b", IDN_ROLE_LEARNER, 0, false);
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "\n\nboth brokers answer, but do not hear each other: see port_mirror "
                        "(46574), letters and firewalls\n");
    CHECK_CONTAINS(out, "0 ms, epoch 3a, at");
    CHECK_CONTAINS(out, "0 ms, no epoch yet, at");
    CHECK_CONTAINS(out, "store      1 fact in ");
    put_status(1, "vm2/b", IDN_ROLE_ALONE, 4, false);
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "\ntwo brokers reign: vm2/b goes on when they hear each other again; see "
                        "port_mirror (46574) and firewalls\n");
    run(idn_ctl_status, 2, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"remark\":\"two brokers reign: vm2/b goes on");
    put_status(1, "vm2/b", IDN_ROLE_STANDBY, 3, true);
    broker_status[1].peer.configured = false;
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "both brokers answer, but vm2/b knows of no other one: it needs cluster/b");
}

static void test_two_of_one_letter(void)
{
    put_status(0, "vm/a", IDN_ROLE_ALONE, 3, false);
    put_status(1, "vm2/a", IDN_ROLE_ALONE, 3, false);
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "\nboth call themselves a: one of the two needs --letter b\n");
    put_status(1, "vm/a", IDN_ROLE_ALONE, 3, false);
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "\nboth addresses answer as broker vm/a: they lead to one broker, or both "
                        "have the letter a (one of two needs --letter b)\n");
}

static void test_two_that_are_configured_differently(void)
{
    put_status(0, "vm/a", IDN_ROLE_ACTIVE, 3, true);
    put_status(1, "vm2/b", IDN_ROLE_STANDBY, 3, true);
    (void)snprintf(broker_status[1].policy, IDN_NAME_SIZE, "fifo");
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "policy     fair-time\n");
    CHECK_CONTAINS(out, "policy     fifo\n");
    CHECK_CONTAINS(out, "\n\nvm/a and vm2/b differ in policy (fair-time, fifo): whichever reigns "
                        "goes by its own; give both the same configuration and files (see "
                        "idunno-broker --check), and restart them\n");
    run(idn_ctl_status, 2, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"remark\":\"vm/a and vm2/b differ in policy (fair-time, fifo): ");
    CHECK_CONTAINS(out, "\"differ\":[\"policy\"],\"brokers\":");
    CHECK_CONTAINS(out, "\"policy\":\"fifo\"");
    broker_status[0].mirror_required = true;
    broker_status[0].models_hash = broker_status[1].datasets_hash = 7;
    broker_status[1].peer.in_sight = false; // both are said
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK_CONTAINS(out, "\nboth brokers answer, but do not hear each other");
    CHECK_CONTAINS(out, "\nvm/a and vm2/b differ in policy (fair-time, fifo), mirror (required, "
                        "preferred), the models they can use, the data sets they can use: which");
    run(idn_ctl_status, 2, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"remark\":\"both brokers answer, but");
    CHECK_CONTAINS(out, "\"differ\":[\"policy\",\"mirror\",\"models\",\"datasets\"]");
    CHECK_CONTAINS(out, "\"mirror\":\"required\"");
}

static void test_two_that_are_well(void)
{
    put_status(0, "vm/a", IDN_ROLE_ACTIVE, 3, true);
    put_status(1, "vm2/b", IDN_ROLE_STANDBY, 3, true);
    broker_status[0].peer.lag_facts = 1;
    run(idn_ctl_status, 2, NULL, NULL, false);
    CHECK(strstr(out, "port_mirror") == NULL && strstr(out, "\n\n\n") == NULL);
    CHECK_CONTAINS(out, ", 1 fact behind;");
    const char *policy = strstr(out, "policy");
    CHECK(policy != NULL && strstr(policy + 1, "policy") == NULL); // once: they are alike
    run(idn_ctl_status, 2, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"differ\":[]");
    CHECK_CONTAINS(out, "\"remark\":null");
}

static void test_what_holds_a_broker_back(void)
{
    put_status(0, "vm/a", IDN_ROLE_ALONE, 3, false);
    run(idn_ctl_status, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "workers    2, 0 of them busy\n");
    CHECK_CONTAINS(out, "jobs       0 open, 0 known\n");
    broker_status[0].workers_drained = 1;
    broker_status[0].refuses_jobs = true;
    run(idn_ctl_status, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "workers    2, 0 of them busy, 1 drained\n");
    CHECK_CONTAINS(out, "jobs       0 open, 0 known; others are refused while no standby is in "
                        "sync (mirror = required)\n");
    broker_status[0].workers_drained = 2;
    run(idn_ctl_status, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "workers    2; all workers are drained, see idunno-ctl undrain\n");
    run(idn_ctl_status, 1, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"workers_drained\":2,\"refuses_jobs\":true");
}

// ---- listings

static void put_worker(const char *name, uint32_t state)
{
    worker[workers] = (struct idn_worker_info){.state = state, .models_ready = 1};
    (void)snprintf(worker[workers++].name, IDN_NAME_SIZE, "%s", name);
}

static void test_workers_in_order(void)
{
    static const char *const order[] = {
        "vm/1 ", "vm/2 ", "vm/10 ", "vm/x ", "w ", "drained, not here: vm/3, vm/20"};
    const char *at = out;

    workers = 0;
    put_worker("vm/20", IDN_WORKER_AWAY);
    put_worker("w", IDN_WORKER_IDLE);
    put_worker("vm/10", IDN_WORKER_IDLE);
    put_worker("vm/3", IDN_WORKER_AWAY);
    put_worker("vm/x", IDN_WORKER_IDLE);
    put_worker("vm/2", IDN_WORKER_DRAINED);
    put_worker("vm/1", IDN_WORKER_IDLE);
    worker[6].models_lacking = 1;
    worker[6].datasets_lacking = 3;
    run(idn_ctl_workers, 1, NULL, NULL, false);
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        at = strstr(at, order[i]);
        CHECK(at != NULL);
    }
    CHECK_CONTAINS(out, "MODELS  DATA SETS");
    CHECK_CONTAINS(out, "1 of 2  0 of 3"); // vm/1 lacks a model, and has no data set at all
    run(idn_ctl_workers, 1, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"name\":\"vm/3\",\"state\":\"away\"");
    CHECK_CONTAINS(out, "\"models_ready\":1,\"models_lacking\":1,\"datasets_ready\":0,"
                        "\"datasets_lacking\":3");
    workers = 0;
    put_worker("vm/9", IDN_WORKER_AWAY);
    run(idn_ctl_workers, 1, NULL, NULL, false);
    CHECK_STRING(out, "no workers; start idunno-worker on the hosts that hold the images\n\n"
                      "drained, not here: vm/9\n");
}

static void test_assignment_in_the_order_of_workers(void)
{
    static const char *const names[] = {"vm/10", "vm/2", "vm/1"};

    for (int i = 0; i < 3; i++) {
        assignment[i] = (struct idn_assignment_info){.state = IDN_WORKER_BUSY, .leases = 2};
        (void)snprintf(assignment[i].name, IDN_NAME_SIZE, "%s", names[i]);
        for (int k = 0; k < 2; k++) {
            assignment[i].lease[k].count = 1;
            (void)snprintf(assignment[i].lease[k].model, IDN_NAME_SIZE, "model%d", i);
        }
    }
    run(idn_ctl_assignment, 1, NULL, NULL, false);
    const char *one = strstr(out, "vm/1 "), *two = strstr(out, "vm/2 "),
               *ten = strstr(out, "vm/10");
    CHECK(one != NULL && two != NULL && ten != NULL && one < two && two < ten);
    CHECK(strstr(out, "model2") > one && strstr(out, "model2") < two); // its leases stay its
    run(idn_ctl_assignment, 1, NULL, NULL, true);
    CHECK(strstr(out, "\"vm/2\"") > strstr(out, "\"vm/1\""));
    CHECK(strstr(out, "\"vm/10\"") > strstr(out, "\"vm/2\""));
}

static void put_job(uint32_t i, uint32_t weight)
{
    job[i] = (struct idn_job_info){.key = {{(uint8_t)(3 - i)}},
        .spec = {.model = "tiny", .client = "me", .last = 9, .weight = weight},
        .state = IDN_JOB_FINISHED,
        .version = 1};
}

static void test_jobs_in_the_order_of_submission(void)
{
    jobs = 3; // the broker lists the newest first
    for (uint32_t i = 0; i < 3; i++)
        put_job(i, 1);
    run(idn_ctl_jobs, 1, NULL, NULL, false);
    CHECK(strstr(out, "04000000") < strstr(out, "08000000"));
    CHECK(strstr(out, "08000000") < strstr(out, "0c000000"));
    CHECK(strstr(out, "WEIGHT") == NULL);
    put_job(1, 7);
    run(idn_ctl_jobs, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "WEIGHT");
    run(idn_ctl_jobs, 1, NULL, NULL, true);
    CHECK(strstr(out, "04000000") < strstr(out, "0c000000"));
}

// Where its images are, and the broker's own word on how long it will take.
static void test_what_is_left_of_a_job(void)
{
    put_job(0, 1);
    job[0].state = IDN_JOB_OPEN;
    job[0].pending = 10;
    run(idn_ctl_job, 1, "0c000000", NULL, false);
    CHECK_CONTAINS(out, "left       10, none of which is with a worker now\n");
    CHECK(strstr(out, "rate ") == NULL && strstr(out, "time left") == NULL);
    run(idn_ctl_job, 1, "0c000000", NULL, true);
    CHECK_CONTAINS(out, "\"left_ms\":null}");
    job[0].pending = 8;
    job[0].in_flight = 2;
    run(idn_ctl_job, 1, "0c000000", NULL, false);
    CHECK_CONTAINS(out, "left       10, of which 2 come next at a worker\n");
    job[0].workers = 1;
    job[0].images_per_s = 40;
    job[0].left_ms = 190000;
    run(idn_ctl_job, 1, "0c000000", NULL, false);
    CHECK_CONTAINS(out, "left       10, of which 2 are with 1 worker now\n"
                        "rate       40 images/s over the last 10 s\n"
                        "time left  about 3 min 10 s\n");
    run(idn_ctl_job, 1, "0c000000", NULL, true);
    CHECK_CONTAINS(out, "\"left_ms\":190000}");
}

static void test_where_a_batch_comes_from(void)
{
    model = (struct idn_entry_info){.name = "tiny", .count = 50, .configured = 50};
    run(idn_ctl_models, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "MODEL  BATCH  FROM");
    CHECK_CONTAINS(out, "tiny      50  configuration");
    run(idn_ctl_models, 1, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"batch_set\":false,\"batch_from\":\"configuration\"");
    model.built_in = true;
    run(idn_ctl_models, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "tiny      50  built in");
    run(idn_ctl_models, 1, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"batch_from\":\"built_in\"");
    run(idn_ctl_batch, 1, "tiny", NULL, false);
    CHECK_STRING(out, "tiny: 50 images a task, as built in\n");
    model.count = 1;
    model.is_set = true;
    run(idn_ctl_batch, 1, "tiny", NULL, false);
    CHECK_STRING(out, "tiny: 1 image a task, set by idunno-ctl batch; built in is 50, and "
                      "idunno-ctl batch tiny default returns to that\n");
    model.built_in = false;
    run(idn_ctl_models, 1, NULL, NULL, false);
    CHECK_CONTAINS(out, "tiny       1  set (50)");
    run(idn_ctl_models, 1, NULL, NULL, true);
    CHECK_CONTAINS(out, "\"batch\":1,\"batch_configured\":50,\"batch_set\":true,"
                        "\"batch_from\":\"operator\"");
    run(idn_ctl_batch, 1, "tiny", NULL, false);
    CHECK_STRING(out, "tiny: 1 image a task, set by idunno-ctl batch; the configuration says 50, "
                      "and idunno-ctl batch tiny default returns to that\n");
    durable = 2;
    run(idn_ctl_batch, 2, "tiny", "default", false);
    CHECK_STRING(out, "tiny: 50 images a task from now on, 1 before\n");
}

static void test_a_setting_that_only_one_broker_stored(void)
{
    durable = 1;
    model = (struct idn_entry_info){.name = "tiny", .count = 50, .configured = 50};
    run(idn_ctl_batch, 2, "tiny", "7", false);
    CHECK_STRING(out, "tiny: 7 images a task from now on, 50 before (stored by one broker only)\n");
    workers = 0;
    put_worker("w1", IDN_WORKER_DRAINED);
    run(idn_ctl_drain, 2, "w1", NULL, false);
    CHECK_STRING(out,
        "worker w1 gets nothing new, and has nothing left to do; no other worker can "
        "work now: jobs wait until idunno-ctl undrain w1, or until another can (stored by "
        "one broker only)\n");
    worker[0].state = IDN_WORKER_AWAY;
    worker[0].drained = true;
    run(idn_ctl_undrain, 1, "w1", NULL, false); // there is no other broker
    CHECK_STRING(out, "worker w1 gets work when it comes\n");
}

static void test_a_weight_that_the_policy_does_not_look_at(void)
{
    static const char *const policies[] = {"fifo", "fair-time", "static"};
    static const char *const rest[] = {
        "; the policy is fifo, which does not look at weights\n", "\n", "\n"};
    char said[200];

    for (int i = 0; i < 3; i++) {
        put_status(0, "vm/a", IDN_ROLE_ALONE, 3, false);
        (void)snprintf(broker_status[0].policy, IDN_NAME_SIZE, "%s", policies[i]);
        put_job(0, 5);
        job[0].state = IDN_JOB_OPEN;
        run(idn_ctl_weight, 1, "0c000000", "5", false);
        (void)snprintf(said, sizeof(said), "job 0c000000 has weight 5, as before%s", rest[i]);
        CHECK_STRING(out, said);
    }
}

static void test_what_left_the_quarantine_for_programs(void)
{
    put_job(0, 1);
    job[0].quarantined = 2;
    run(idn_ctl_quarantine_retry, 1, "0c000000", NULL, true);
    CHECK_STRING(out, "{\"job\":\"0c000000000000000000000000\",\"images\":2}\n");
}

static void test_help_of_a_group(void)
{
    capture_begin();
    idn_ctl_print_group_help("quarantine");
    capture_end();
    CHECK(strstr(out, "usage: idunno-ctl quarantine list [ID] [--json]\n") == out);
    CHECK_CONTAINS(out, "\n\nusage: idunno-ctl quarantine retry ID [--json]\n");
    CHECK(strstr(out, "COMMAND") == NULL);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_two_that_do_not_hear_each_other),
        CHECK_TEST(test_two_of_one_letter),
        CHECK_TEST(test_two_that_are_configured_differently),
        CHECK_TEST(test_two_that_are_well),
        CHECK_TEST(test_what_holds_a_broker_back),
        CHECK_TEST(test_workers_in_order),
        CHECK_TEST(test_assignment_in_the_order_of_workers),
        CHECK_TEST(test_jobs_in_the_order_of_submission),
        CHECK_TEST(test_what_is_left_of_a_job),
        CHECK_TEST(test_where_a_batch_comes_from),
        CHECK_TEST(test_a_setting_that_only_one_broker_stored),
        CHECK_TEST(test_a_weight_that_the_policy_does_not_look_at),
        CHECK_TEST(test_what_left_the_quarantine_for_programs),
        CHECK_TEST(test_help_of_a_group),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
