// WHY: each thing that holds a job back is told, with its numbers, and the weightiest first; and
// what is told of workers is what dispatch does.
#include "tests/unit/why_kit.h"

static void no_lease_for(struct rig *rig, unsigned n)
{
    rig_clear(rig);
    for (unsigned i = 0; i < 4; i++) {
        rig_beat(rig, n, (struct idn_lease_id){0});
        rig_pass(rig, IDN_BEAT_MS);
    }
    CHECK(rig_order(rig, n, IDN_ORDER_LEASE) == NULL);
}

// ---- of jobs that are none, or over

static void test_a_name_that_is_no_job_s(void)
{
    struct rig *rig = rig_new();
    struct idn_request request = rig_submission(1, "alexnet", 0, 9);

    struct idn_reply reply = ask(rig, (struct idn_job_name){.key = rig_key(1), .bits = 128});
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_UNKNOWN_JOB);
    for (uint8_t i = 0; i < 2; i++) {
        request.job.key = (struct idn_key){.bytes = {1, 2, 3, 4, 5, i}};
        rig_request(rig, 1, request);
    }
    reply = ask(rig, (struct idn_job_name){.key = {.bytes = {1, 2, 3, 4, 5}}, .bits = 40});
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_AMBIGUOUS);
    reply = ask(rig, (struct idn_job_name){.key = request.job.key, .bits = 48});
    CHECK_INT(reply.type, IDN_REPLY_WHY);
    rig_destroy(rig);
}

static void test_a_list_that_is_being_uploaded(void)
{
    static uint8_t part[IDN_LIST_PART_BYTES];
    struct rig *rig = rig_new();
    struct idn_request request = {
        .type = IDN_REQUEST_UPLOAD, .job = {.key = rig_key(1), .bits = 128}};

    memset(part, '\n', sizeof(part));
    request.u.upload.total = 70000;
    request.u.upload.size = sizeof(part);
    request.u.upload.bytes = part;
    rig_request(rig, 1, request);
    CHECK_INT(why(rig, 1)->state, 0);
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_UPLOADING, "32,768 of the 70,000 bytes of its list are here");
    CHECK_INT(fact->count, 32768);
    CHECK_INT(fact->total, 70000);
    CHECK_INT(why(rig, 1)->facts, 1);
    rig_destroy(rig);
}

static void test_jobs_that_have_ended(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 4);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 5, IDN_END_DONE));
    rig->now += 65000;
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_FINISHED, "finished 1 min 5 s ago: 5 ok");
    CHECK_INT(fact->count, 5);
    CHECK_INT(fact->ms, 65000);
    CHECK_INT(why(rig, 1)->facts, 1);
    CHECK_INT(why(rig, 1)->done, 5);

    rig_submit(rig, 2, "alexnet", 0, 9);
    rig_ask(rig, 2, IDN_REQUEST_CANCEL);
    fact = says(rig, 2, IDN_WHY_CANCELLED, " ago; 0 of 10 images have results");
    CHECK_INT(fact->total, 10);
    rig_destroy(rig);
}

static void test_a_job_with_failed_images(void)
{
    struct rig *rig = rig_new();
    uint8_t rows[5 * IDN_ROW_BYTES];

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 4);
    struct idn_order lease = granted(rig, 1);
    struct idn_worker_message *report = rig_report(rig, 1, 1, &lease, 0, 5, IDN_END_DONE);
    memcpy(rows, report->u.report.rows, sizeof(rows));
    for (uint32_t i = 0; i < 2; i++) {
        struct idn_result failed = {.index = i, .status = IDN_STATUS_CORRUPT};
        memset(failed.class_id, 0xff, sizeof(failed.class_id));
        idn_result_pack(&failed, rows + (size_t)i * IDN_ROW_BYTES);
    }
    report->u.report.rows = rows;
    rig_say(rig, 1, report);
    CHECK_INT(says(rig, 1, IDN_WHY_FINISHED, " ago: 3 ok, 2 failed")->count, 5);
    rig_destroy(rig);
}

// ---- nobody gets anything

static void test_no_worker(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    says(rig, 1, IDN_WHY_NO_WORKER, "no worker is there");
    CHECK_INT(why(rig, 1)->fact[0].code, IDN_WHY_NO_WORKER);
    CHECK_INT(why(rig, 1)->jobs, 0);
    CHECK(!tells(rig, 1, IDN_WHY_WORKING));
    rig_destroy(rig);
}

static void test_the_disk_is_nearly_full(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {100 << 20}});
    rig_hello(rig, 1);
    no_lease_for(rig, 1);
    const struct idn_why_fact *fact = says(rig, 1, IDN_WHY_DISK_LOW,
        "only 100 MiB are free on the broker's disk, 512 MiB are needed: until there is room no "
        "job is accepted and no image is given out");
    CHECK_INT(fact->count, 100 << 20);
    CHECK_INT(fact->total, 512 << 20);
    CHECK_INT(why(rig, 1)->fact[0].code, IDN_WHY_DISK_LOW);
    rig_destroy(rig);
}

// Also while a worker still finishes what it has; a job that waits for nothing more does not say
// it.
static void test_the_disk_fills_up_meanwhile(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    (void)granted(rig, 1);
    rig_submit(rig, 2, "alexnet", 0, 99);
    CHECK_STRING(rig_job(rig, 1).why, "");
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {100 << 20}});
    CHECK(rig_job(rig, 1).in_flight > 0);
    CHECK_CONTAINS(rig_job(rig, 1).why, "only 100 MiB are free on the broker's disk");
    rig_destroy(rig);
}

static void test_a_broker_that_has_just_started(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_restart(rig);
    rig_hello(rig, 1);
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) == NULL);
    says(rig, 1, IDN_WHY_STARTING, "waits to hear from the workers");
    CHECK_INT(why(rig, 1)->facts, 1);
    rig_submit(rig, 2, "alexnet", 0, 9); // of this reign: it waits for nobody
    CHECK(!tells(rig, 2, IDN_WHY_STARTING));
    CHECK(rig_order(rig, 1, IDN_ORDER_LEASE) != NULL);
    rig_destroy(rig);
}

static void test_a_model_or_data_set_that_is_another_now(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_submit(rig, 2, "resnet18", 0, 9);
    rig_fill(&rig->model[0].digest, 99);
    rig_restart(rig);
    says(rig, 1, IDN_WHY_MODEL_CHANGED, "the model alexnet is not the one");
    CHECK_INT(why(rig, 1)->facts, 1);
    CHECK(!tells(rig, 2, IDN_WHY_MODEL_CHANGED));
    rig_fill(&rig->dataset[0].digest, 99);
    rig_restart(rig);
    says(rig, 2, IDN_WHY_DATASET_CHANGED, "the data set photos is not the one");
    rig_destroy(rig);
}

static void test_results_that_are_read_back(void)
{
    struct rig *rig = rig_new();
    struct idn_summary summary = {.job = rig_key(1), .ok = 3};

    rig_submit(rig, 1, "alexnet", 0, 9);
    rig_boot(rig);
    for (size_t i = 0; i < rig->facts; i++)
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &rig->fact[i].fact});
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_SUMMARY, .u.summary = &summary});
    rig_begin_reign(rig);
    says(rig, 1, IDN_WHY_READ_BACK, "being read back from the store");
    rig_destroy(rig);
}

static void test_no_standby_though_one_is_required(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    CHECK(!tells(rig, 1, IDN_WHY_NO_STANDBY));
    rig->config.mirror_required = true;
    rig_restart(rig);
    says(rig, 1, IDN_WHY_NO_STANDBY, "mirror = required: this job goes on, new ones are refused");
    rig_submit(rig, 2, "alexnet", 0, 9);
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_REFUSED)->u.refused.code, IDN_REFUSED_NO_MIRROR);
    rig_destroy(rig);
}

// Two brokers that were apart accepted different jobs under one key.
static void test_a_key_of_two_jobs(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 0, 9);
    CHECK(!tells(rig, 1, IDN_WHY_RIVALS));
    struct idn_fact other = rig->fact[rig->facts - 1].fact;
    CHECK_INT(other.kind, IDN_FACT_ACCEPTED);
    other.u.accepted.last = 19;
    other.origin = (struct idn_origin){.incarnation = 0x99, .sequence = 1};
    rig_keep_fact(rig, &other);
    rig_restart(rig);
    says(rig, 1, IDN_WHY_RIVALS, "its key was another job's too while the brokers were apart");
    rig_destroy(rig);
}

// ---- workers that get nothing

static void test_a_model_that_a_worker_does_not_hold(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *hello = rig_hello_message(rig, 1);

    rig_fill(&hello->u.hello.model[0].digest, 99);
    rig_say(rig, 1, hello);
    rig_submit(rig, 1, "alexnet", 0, 19);
    says(rig, 1, IDN_WHY_NONE_ABLE, "the only worker cannot work on it");
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_MODEL_MISSING, "1 worker does not hold the job's model alexnet (w1)");
    CHECK_INT(fact->count, 1);
    CHECK_INT(fact->names, 1);
    CHECK_STRING(fact->worker[0], "w1");
    CHECK(place(why(rig, 1), IDN_WHY_NONE_ABLE) < place(why(rig, 1), IDN_WHY_MODEL_MISSING));
    CHECK_CONTAINS(rig_job(rig, 1).why, "no worker can work on it: 1 worker does not hold");
    no_lease_for(rig, 1);
    rig_hello(rig, 2); // it is not what holds the job back any more
    CHECK(!tells(rig, 1, IDN_WHY_NONE_ABLE));
    CHECK(place(why(rig, 1), IDN_WHY_WORKING) < place(why(rig, 1), IDN_WHY_MODEL_MISSING));
    rig_destroy(rig);
}

static void test_a_list_that_a_worker_does_not_hold(void)
{
    struct rig *rig = rig_new();
    struct idn_worker_message *hello = rig_hello_message(rig, 1);

    rig_fill(&hello->u.hello.dataset[0].digest, 99);
    rig_say(rig, 1, hello);
    rig_submit(rig, 1, "alexnet", 0, 19);
    says(rig, 1, IDN_WHY_LIST_MISSING, "1 worker does not hold the job's data set photos (w1);");
    no_lease_for(rig, 1);
    rig_destroy(rig);
}

static void test_a_model_that_did_not_load(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 19);
    struct idn_order lease = granted(rig, 1);
    struct idn_worker_message *report = rig_report(rig, 1, 1, &lease, 0, 0, IDN_END_UNAVAILABLE);
    snprintf(report->u.report.text, IDN_TEXT_SIZE, "not enough memory");
    rig_say(rig, 1, report);
    says(rig, 1, IDN_WHY_UNAVAILABLE,
        "1 worker failed to load the job's list or model alexnet (w1); w1 says: not enough memory");
    no_lease_for(rig, 1);
    rig_destroy(rig);
}

static void test_another_numerics_class(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 29);
    struct idn_order lease = granted(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 1, IDN_END_NONE));
    struct idn_worker_message *hello = rig_hello_message(rig, 2);
    hello->u.hello.class_hash = 78;
    rig_say(rig, 2, hello);
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_OTHER_CLASS, "1 worker is of another numerics class");
    CHECK_STRING(fact->worker[0], "w2");
    CHECK(rig_order(rig, 2, IDN_ORDER_LEASE) == NULL);
    rig_destroy(rig);
}

static void test_a_drained_worker(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    set(rig, 0, "drain/w1", "1");
    rig_submit(rig, 1, "alexnet", 0, 19);
    says(rig, 1, IDN_WHY_DRAINED, "1 worker is drained (w1), until idunno-ctl undrain");
    no_lease_for(rig, 1);
    rig_destroy(rig);
}

static void test_a_silent_worker_and_a_dead_one(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 19);
    rig->now += 400;
    rig_beat(rig, 2, (struct idn_lease_id){0});
    rig_pass(rig, 250);
    says(rig, 1, IDN_WHY_SUSPECTED, "1 worker is silent just now and gets nothing new (w1)");
    for (int i = 0; i < 3; i++) {
        rig_beat(rig, 2, (struct idn_lease_id){0});
        rig_pass(rig, 200);
    }
    says(rig, 1, IDN_WHY_DEAD, "1 worker fell silent and was given up (w1)");
    rig_pass(rig, IDN_DEAD_MS);
    CHECK_INT(says(rig, 1, IDN_WHY_DEAD, "2 workers fell silent")->count, 2);
    says(rig, 1, IDN_WHY_NO_WORKER, "no worker is there");
    CHECK_STRING(rig_job(rig, 1).why, "no worker is there");
    rig_destroy(rig);
}

static void test_a_worker_that_leaves_or_lost_its_connection(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_hello(rig, 2);
    rig_submit(rig, 1, "alexnet", 0, 19);
    rig_say(rig, 1, rig_message(rig, 1, IDN_WORKER_GOODBYE));
    says(rig, 1, IDN_WHY_LEAVING, "1 worker is leaving (w1)");
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_WORKER_GONE, .u.gone = {2}});
    says(rig, 1, IDN_WHY_UNREACHABLE, "1 worker has no connection to the broker just now (w2)");
    CHECK_INT(says(rig, 1, IDN_WHY_NONE_ABLE, "the only worker")->total, 1);
    rig_destroy(rig);
}

static void test_a_worker_whose_work_does_not_get_on(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 19);
    struct idn_order lease = granted(rig, 1);
    for (uint64_t ms = 0; ms <= IDN_WEDGED_FIRST_MS + 4000; ms += 400) {
        rig_beat(rig, 1, lease.u.lease.id);
        rig_pass(rig, 400);
    }
    says(rig, 1, IDN_WHY_STUCK, "1 worker beats, but its work does not get on (w1)");
    no_lease_for(rig, 1);
    rig_destroy(rig);
}

static void die(struct rig *rig, unsigned n, uint64_t number)
{
    struct idn_order lease = granted(rig, n);
    struct idn_worker_message *message = rig_report(rig, n, number, &lease, 0, 0, IDN_END_DEATH);

    message->u.report.death = IDN_DEATH_HANG;
    message->u.report.alone = lease.u.lease.alone;
    message->u.report.in_child = 1;
    message->u.report.image[0] = lease.u.lease.first;
    rig_say(rig, n, message);
}

static void test_an_image_that_a_process_died_with(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 99);
    die(rig, 1, 1);
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_ALONE, "1 image is computed alone, because a process died with it");
    CHECK_INT(fact->count, 1);
    set(rig, 0, "drain/w1", "1");
    struct idn_worker_message *message = rig_message(rig, 1, IDN_WORKER_GOODBYE);
    rig_say(rig, 1, message);
    says(rig, 1, IDN_WHY_ALONE, "1 image is to be computed alone, because a process died with it");
    rig_destroy(rig);
}

static void test_images_in_quarantine(void)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 0);
    for (uint64_t number = 1; number <= 4; number++)
        die(rig, 1, number);
    CHECK_INT(says(rig, 1, IDN_WHY_QUARANTINED, "1 image is in quarantine")->count, 1);
    says(rig, 1, IDN_WHY_FINISHED, "0 ms ago: 0 ok, 1 quarantined");
    rig_destroy(rig);
}

static void test_more_names_than_are_told(void)
{
    struct rig *rig = rig_new();

    rig->config.workers_max = 12;
    rig_restart(rig);
    for (unsigned n = 11; n >= 1; n--) { // they are told in the order of their names
        char key[IDN_SETTING_SIZE];
        snprintf(key, sizeof(key), "drain/w%u", n);
        rig_hello(rig, n);
        set(rig, 0, key, "1");
    }
    rig_submit(rig, 1, "alexnet", 0, 9);
    const struct idn_why_fact *fact =
        says(rig, 1, IDN_WHY_DRAINED, "11 workers are drained (w1, w2, w3 and 8 more), until");
    CHECK_INT(fact->count, 11);
    CHECK_INT(fact->names, IDN_WHY_NAMES_MAX);
    CHECK_STRING(fact->worker[3], "w4");
    CHECK_STRING(fact->worker[IDN_WHY_NAMES_MAX - 1], "w8");
    says(rig, 1, IDN_WHY_NONE_ABLE, "none of the 11 workers can work on it");
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_name_that_is_no_job_s),
        CHECK_TEST(test_a_list_that_is_being_uploaded),
        CHECK_TEST(test_jobs_that_have_ended),
        CHECK_TEST(test_a_job_with_failed_images),
        CHECK_TEST(test_no_worker),
        CHECK_TEST(test_the_disk_is_nearly_full),
        CHECK_TEST(test_the_disk_fills_up_meanwhile),
        CHECK_TEST(test_a_broker_that_has_just_started),
        CHECK_TEST(test_a_model_or_data_set_that_is_another_now),
        CHECK_TEST(test_results_that_are_read_back),
        CHECK_TEST(test_no_standby_though_one_is_required),
        CHECK_TEST(test_a_key_of_two_jobs),
        CHECK_TEST(test_a_model_that_a_worker_does_not_hold),
        CHECK_TEST(test_a_list_that_a_worker_does_not_hold),
        CHECK_TEST(test_a_model_that_did_not_load),
        CHECK_TEST(test_another_numerics_class),
        CHECK_TEST(test_a_drained_worker),
        CHECK_TEST(test_a_silent_worker_and_a_dead_one),
        CHECK_TEST(test_a_worker_that_leaves_or_lost_its_connection),
        CHECK_TEST(test_a_worker_whose_work_does_not_get_on),
        CHECK_TEST(test_an_image_that_a_process_died_with),
        CHECK_TEST(test_images_in_quarantine),
        CHECK_TEST(test_more_names_than_are_told),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
