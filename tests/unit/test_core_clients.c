// Uploads, long polls, listings and names of jobs.
#include "tests/lib/core_rig.h"

enum { PART = IDN_LIST_PART_BYTES };
static uint8_t list[3 * PART];

static struct idn_request part(uint64_t offset, uint64_t total, uint32_t size)
{
    struct idn_request request = {
        .type = IDN_REQUEST_UPLOAD, .job = {.key = rig_key(1), .bits = 128}};

    memset(list, 'a', sizeof(list));
    for (size_t i = 99; i < sizeof(list); i += 100) // a line has 100 bytes
        list[i] = '\n';
    request.u.upload.offset = offset;
    request.u.upload.total = total;
    request.u.upload.size = size;
    request.u.upload.bytes = list + offset;
    return request;
}

static struct idn_request submission_of_list(uint64_t bytes, uint32_t last)
{
    struct idn_request request = rig_submission(1, "alexnet", 0, last);

    request.u.submit.dataset[0] = '\0';
    request.u.submit.list_bytes = bytes;
    rig_fill(&request.u.submit.list_digest, 5);
    return request;
}

static const struct idn_reply *refused(const struct rig *rig)
{
    const struct idn_reply *reply = rig_reply(rig, 1, IDN_REPLY_REFUSED);

    CHECK(reply != NULL);
    return reply;
}

static void test_a_list_is_uploaded_in_parts(void)
{
    struct rig *rig = rig_new();
    uint64_t total = PART + 1000;

    rig_hello(rig, 1);
    rig_request(rig, 1, part(0, total, PART));
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_UPLOADED)->u.uploaded.offset, PART);
    rig_request(rig, 1, submission_of_list(total, 9));
    CHECK_INT(refused(rig)->u.refused.code, IDN_REFUSED_INCOMPLETE);
    CHECK_CONTAINS(refused(rig)->u.refused.text, "33768 bytes, 32768 of them have arrived");
    rig_clear(rig);
    rig_request(rig, 1, part(0, total, PART)); // again: the answer says where to go on
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_UPLOADED)->u.uploaded.offset, PART);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_LIST_PART), 0);
    rig_restart(rig);
    rig_request(rig, 1, part(PART, total, 1000));
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_UPLOADED)->u.uploaded.offset, total);
    rig_request(rig, 1, submission_of_list(total, 338));
    CHECK_CONTAINS(refused(rig)->u.refused.text, "the uploaded list: images 0 to 337 exist");
    rig_request(rig, 1, submission_of_list(total, 337));
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_hello(rig, 1);
    const struct idn_order *lease = rig_order(rig, 1, IDN_ORDER_LEASE);
    CHECK_STRING(lease->u.lease.dataset, "");
    CHECK_INT(lease->u.lease.list_bytes, total);
    rig_request(rig, 1, part(0, total, PART)); // a late duplicate
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_UPLOADED)->u.uploaded.offset, total);
    rig_destroy(rig);
}

static void test_parts_are_checked(void)
{
    struct rig *rig = rig_new();

    rig_request(rig, 1, part(0, 2 * PART, 100));
    CHECK_CONTAINS(refused(rig)->u.refused.text, "parts have 32768 bytes each but the last");
    rig_request(rig, 1, part(0, IDN_LIST_BYTES_MAX + 1ull, PART));
    CHECK_INT(refused(rig)->u.refused.code, IDN_REFUSED_TOO_LARGE);
    rig_request(rig, 1, part(PART, 2 * PART, PART)); // the first one never came
    CHECK_INT(rig_reply(rig, 1, IDN_REPLY_UPLOADED)->u.uploaded.offset, 0);
    rig_request(rig, 1, part(0, 3 * PART, PART));
    CHECK_INT(refused(rig)->u.refused.code, IDN_REFUSED_CONFLICT);
    rig_destroy(rig);
}

static void test_an_abandoned_upload_is_forgotten(void)
{
    struct rig *rig = rig_new();

    rig_request(rig, 1, part(0, 2 * PART, PART));
    rig->now += IDN_UPLOAD_MS; // no need to tick all the way
    rig_pass(rig, 1000);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_FORGOTTEN), 1);
    rig_request(rig, 1, part(PART, 2 * PART, PART));
    CHECK_INT(refused(rig)->u.refused.code, IDN_REFUSED_FORGOTTEN);
    CHECK_CONTAINS(refused(rig)->u.refused.text, "its key is not used again; draw a new one");
    rig_destroy(rig);
}

static void test_uploads_are_bounded(void)
{
    struct rig *rig = rig_new();

    for (unsigned i = 0; i < IDN_UPLOADS_MAX + 1; i++) {
        struct idn_request request = part(0, 2 * PART, PART);
        request.job.key = rig_key(i);
        rig_request(rig, 1, request);
    }
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_UPLOADED), IDN_UPLOADS_MAX);
    CHECK_INT(refused(rig)->u.refused.code, IDN_REFUSED_CLUSTER_FULL);
    rig_destroy(rig);
}

// ---- long polls
static void watch(struct rig *rig, idn_peer peer, uint64_t version, uint32_t wait_ms)
{
    struct idn_request request = {
        .type = IDN_REQUEST_WATCH, .job = {.key = rig_key(1), .bits = 128}};

    request.u.watch.version = version;
    request.u.watch.wait_ms = wait_ms;
    rig_clear(rig);
    rig_request(rig, peer, request);
}

static struct rig *busy_rig(struct idn_order *ret_lease)
{
    struct rig *rig = rig_new();

    rig_hello(rig, 1);
    rig_submit(rig, 1, "alexnet", 0, 9);
    *ret_lease = *rig_order(rig, 1, IDN_ORDER_LEASE);
    return rig;
}

static void test_a_watch_waits_for_a_change(void)
{
    struct idn_order lease;
    struct rig *rig = busy_rig(&lease);

    watch(rig, 5, 0, 10000);
    const struct idn_reply *reply = rig_reply(rig, 5, IDN_REPLY_JOB);
    CHECK(reply != NULL); // who knows nothing is told at once
    uint64_t version = reply->u.job.version;
    watch(rig, 5, version, 10000);
    rig_pass(rig, 500);
    CHECK(rig_reply(rig, 5, IDN_REPLY_JOB) == NULL);
    rig_hello(rig, 1);
    rig_say(rig, 1, rig_report(rig, 1, 1, &lease, 0, 2, IDN_END_NONE));
    reply = rig_reply(rig, 5, IDN_REPLY_JOB);
    CHECK_INT(reply->u.job.ok, 2);
    CHECK(reply->u.job.version > version);
    rig_destroy(rig);
}

static void test_a_watch_ends_in_time(void)
{
    struct idn_order lease;
    struct rig *rig = busy_rig(&lease);

    watch(rig, 5, rig_job(rig, 1).version, 300);
    rig_pass(rig, 299);
    CHECK(rig_reply(rig, 5, IDN_REPLY_JOB) == NULL);
    rig_pass(rig, 1);
    CHECK(rig_reply(rig, 5, IDN_REPLY_JOB) != NULL);
    rig_destroy(rig);
}

static void test_a_watch_is_answered_five_times_a_second(void)
{
    struct idn_order lease;
    struct rig *rig = busy_rig(&lease);

    watch(rig, 5, rig_job(rig, 1).version, 10000);
    for (uint32_t i = 0; i < 3; i++)
        rig_say(rig, 1, rig_report(rig, 1, i + 1, &lease, i, 1, IDN_END_NONE));
    CHECK(rig_reply(rig, 5, IDN_REPLY_JOB) == NULL);
    rig_pass(rig, IDN_WATCH_MS_MIN);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_JOB), 1);
    CHECK_INT(rig_reply(rig, 5, IDN_REPLY_JOB)->u.job.ok, 3);
    watch(rig, 5, rig_job(rig, 1).version, 10000);
    rig_say(rig, 1, rig_report(rig, 1, 4, &lease, 3, 7, IDN_END_DONE));
    CHECK_INT(rig_reply(rig, 5, IDN_REPLY_JOB)->u.job.state, IDN_JOB_FINISHED); // at once
    rig_destroy(rig);
}

static void test_a_watch_goes_with_its_client_or_job(void)
{
    struct idn_order lease;
    struct rig *rig = busy_rig(&lease);

    watch(rig, 5, rig_job(rig, 1).version, 10000);
    watch(rig, 5, rig_job(rig, 1).version, 10000); // sent again: still one
    watch(rig, 6, rig_job(rig, 1).version, 10000);
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_CLIENT_GONE, .u.gone = {6}});
    rig_ask(rig, 1, IDN_REQUEST_CANCEL);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_JOB), 1);
    watch(rig, 7, rig_job(rig, 1).version, 10000);
    rig_ask(rig, 1, IDN_REQUEST_FORGET);
    CHECK_INT(rig_reply(rig, 7, IDN_REPLY_REFUSED)->u.refused.code, IDN_REFUSED_FORGOTTEN);
    rig_destroy(rig);
}

// ---- names and listings
static struct idn_reply ask(
    const struct rig *rig, struct idn_request request, union idn_core_items *items)
{
    struct idn_reply reply;

    idn_core_answer(rig->core, rig->now, &request, items, &reply);
    return reply;
}

static void test_a_job_goes_by_the_first_bits_of_its_key(void)
{
    struct rig *rig = rig_new();
    static union idn_core_items items;
    struct idn_request request = rig_submission(1, "alexnet", 0, 9),
                       job = {.type = IDN_REQUEST_JOB};
    struct idn_key keys[2] = {{.bytes = {1, 2, 3, 4, 5, 6}}, {.bytes = {1, 2, 3, 4, 5, 7}}};

    for (int i = 0; i < 2; i++) {
        request.job.key = keys[i];
        rig_request(rig, 1, request);
    }
    job.job = (struct idn_job_name){.key = {.bytes = {1, 2, 3, 4, 5}}, .bits = 40};
    struct idn_reply reply = ask(rig, job, &items);
    CHECK_INT(reply.u.refused.code, IDN_REFUSED_AMBIGUOUS);
    CHECK_CONTAINS(reply.u.refused.text, "2 jobs begin with 04106105;");
    job.job = (struct idn_job_name){.key = keys[1], .bits = 50};
    reply = ask(rig, job, &items);
    CHECK_INT(reply.type, IDN_REPLY_JOB);
    CHECK(idn_key_equal(&reply.u.job.key, &keys[1]));
    job.job.key.bytes[0] = 9;
    CHECK_INT(ask(rig, job, &items).u.refused.code, IDN_REFUSED_UNKNOWN_JOB);
    rig_destroy(rig);
}

static void test_listings_come_in_pages(void)
{
    struct rig *rig = rig_new();
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_JOBS};
    unsigned seen = 60;

    for (unsigned i = 0; i < 60; i++) {
        rig_submit(rig, i, "alexnet", 0, 0);
        if (i >= 10)
            rig_ask(rig, i, IDN_REQUEST_CANCEL);
    }
    struct idn_reply reply = ask(rig, request, &items);
    CHECK_INT(reply.u.jobs.count, 10); // open ones only
    CHECK_INT(reply.u.jobs.cursor, 0);
    CHECK(items.job[0].key.bytes[0] == 9); // the newest first
    request.u.jobs.all = true;
    do {
        reply = ask(rig, request, &items);
        for (uint32_t i = 0; i < reply.u.jobs.count; i++)
            CHECK_INT(items.job[i].key.bytes[0], --seen);
        request.u.jobs.cursor = reply.u.jobs.cursor;
        if (reply.u.jobs.cursor != 0 && seen == 60 - IDN_PAGE_JOBS_MAX)
            rig_ask(rig, seen, IDN_REQUEST_FORGET); // the cursor's own job goes away
    } while (reply.u.jobs.cursor != 0);
    CHECK_INT(seen, 0);
    rig_destroy(rig);
}

// A cursor is the client's word: one that names the place of a forgotten job is no job's.
static void test_a_cursor_may_be_anything(void)
{
    struct rig *rig = rig_new();
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_JOBS, .u.jobs.all = true};

    for (unsigned i = 0; i < 5; i++) {
        rig_submit(rig, i, "alexnet", 0, 0);
        rig_ask(rig, i, IDN_REQUEST_CANCEL);
    }
    for (unsigned i = 1; i < 4; i++)
        rig_ask(rig, i, IDN_REQUEST_FORGET);
    for (uint64_t serial = 0; serial < 8; serial++)
        for (uint64_t slot = 0; slot < 8; slot++) {
            request.u.jobs.cursor = serial << 20 | slot;
            struct idn_reply reply = ask(rig, request, &items);
            CHECK_INT(reply.type, IDN_REPLY_JOBS);
            CHECK_INT(reply.u.jobs.count, serial + slot == 0 || serial > 5 ? 2 : serial > 1);
        }
    request.u.jobs.cursor = UINT64_MAX;
    CHECK_INT(ask(rig, request, &items).u.jobs.count, 2);
    rig_destroy(rig);
}

static void test_other_questions(void)
{
    struct rig *rig = rig_new();
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_MODELS};

    rig_hello(rig, 1);
    struct idn_reply reply = ask(rig, request, &items);
    CHECK_INT(reply.u.entries.count, 3);
    CHECK_STRING(items.entry[1].name, "resnet18");
    CHECK_INT(items.entry[1].workers, 1);
    CHECK_INT(items.entry[2].workers, 0);
    CHECK_STRING(items.entry[2].problem, "no weights");
    request.type = IDN_REQUEST_DATASETS;
    CHECK_INT(ask(rig, request, &items).u.entries.count, 2);
    CHECK_INT(items.entry[0].count, 200);
    request.type = IDN_REQUEST_STATUS;
    reply = ask(rig, request, &items);
    CHECK_INT(reply.u.status.role, IDN_ROLE_ALONE);
    CHECK_INT(reply.u.status.epoch.counter, 1);
    CHECK_INT(reply.u.status.workers, 1);
    CHECK_STRING(reply.u.status.policy, "fair-time");
    request = (struct idn_request){.type = IDN_REQUEST_HELLO, .u.hello = {1, 9}};
    CHECK_INT(ask(rig, request, &items).u.welcome.version, 1);
    request.u.hello.lowest = 2;
    CHECK_INT(ask(rig, request, &items).u.refused.code, IDN_REFUSED_UNSUPPORTED);
    rig_destroy(rig);
}

static void test_a_page_of_results(void)
{
    struct rig *rig = rig_new();
    struct idn_request request = {
        .type = IDN_REQUEST_RESULTS, .job = {.key = rig_key(1), .bits = 128}};

    rig_submit(rig, 1, "alexnet", 10, 19);
    request.u.results.most = 5;
    rig_request(rig, 3, request);
    const struct idn_action *action = rig_find(rig, IDN_ACTION_PAGE, 3, 0);
    CHECK_INT(action->u.page.from, 10);
    CHECK_INT(action->u.page.most, 5);
    CHECK_INT(action->u.page.spec.last, 19);
    request.u.results.from = 21;
    rig_request(rig, 1, request);
    CHECK_CONTAINS(refused(rig)->u.refused.text, "the job has images 10 to 19");
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_list_is_uploaded_in_parts),
        CHECK_TEST(test_parts_are_checked),
        CHECK_TEST(test_an_abandoned_upload_is_forgotten),
        CHECK_TEST(test_uploads_are_bounded),
        CHECK_TEST(test_a_watch_waits_for_a_change),
        CHECK_TEST(test_a_watch_ends_in_time),
        CHECK_TEST(test_a_watch_is_answered_five_times_a_second),
        CHECK_TEST(test_a_watch_goes_with_its_client_or_job),
        CHECK_TEST(test_a_job_goes_by_the_first_bits_of_its_key),
        CHECK_TEST(test_listings_come_in_pages),
        CHECK_TEST(test_a_cursor_may_be_anything),
        CHECK_TEST(test_other_questions),
        CHECK_TEST(test_a_page_of_results),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
