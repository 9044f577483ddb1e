// What a submission is refused for, in which words; and what is the same job.
#include "tests/lib/core_rig.h"

static void expect(struct rig *rig, uint32_t code, const char *part)
{
    const struct idn_reply *reply = rig_reply(rig, 1, IDN_REPLY_REFUSED);

    CHECK(reply != NULL);
    CHECK_INT(reply->u.refused.code, code);
    CHECK_CONTAINS(reply->u.refused.text, part);
    CHECK(strpbrk(reply->u.refused.text, "\n%") == NULL);
    rig_clear(rig);
}

static void test_unknown_names(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnt", 0, 9);
    expect(rig, IDN_REFUSED_UNKNOWN_MODEL, "no model is named alexnt; did you mean alexnet?");
    rig_submit(rig, 1, "x", 0, 9);
    expect(rig, IDN_REFUSED_UNKNOWN_MODEL, "no model is named x; one that is: alexnet");
    rig_submit(rig, 1, "broken", 0, 9);
    expect(rig, IDN_REFUSED_MODEL_UNAVAILABLE, "the model broken cannot be used: no weights");
    struct idn_request request = rig_submission(1, "alexnet", 0, 9);
    memcpy(request.u.submit.dataset, "fotos", 6);
    rig_request(rig, 1, request);
    expect(rig, IDN_REFUSED_UNKNOWN_DATASET, "no data set is named fotos; did you mean photos?");
    rig_destroy(rig);
}

static void test_ranges(void)
{
    struct rig *rig = rig_new();

    rig_submit(rig, 1, "alexnet", 150, 200);
    expect(rig, IDN_REFUSED_RANGE, "image 200 is not in photos: images 0 to 199 exist");
    rig_submit(rig, 1, "alexnet", 9, 8);
    expect(rig, IDN_REFUSED_RANGE, "ends at image 8, before its start at 9");
    struct idn_request request = rig_submission(1, "alexnet", 0, 10000000);
    memcpy(request.u.submit.dataset, "many", 5);
    rig_request(rig, 1, request);
    expect(rig, IDN_REFUSED_TOO_LARGE, "10000001, at most 10000000");
    rig_submit(rig, 1, "alexnet", 199, 199);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_destroy(rig);
}

static void test_same_key(void)
{
    struct rig *rig = rig_new();
    struct idn_request request = rig_submission(1, "alexnet", 0, 9);

    rig_request(rig, 1, request);
    rig_fill(&request.u.submit.model_digest, 1); // now it sends the digest that is pinned
    memcpy(request.u.submit.client, "bob", 4);
    rig_request(rig, 1, request);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED), 2);
    CHECK_INT(rig_count(rig, IDN_ACTION_COMMIT, IDN_FACT_ACCEPTED), 1);
    rig_fill(&request.u.submit.model_digest, 2);
    rig_request(rig, 1, request);
    expect(rig, IDN_REFUSED_CONFLICT, "alexnet on images 0 to 9 of photos");
    rig_destroy(rig);
}

static void test_a_fast_client_is_slowed_down_by_its_name(void)
{
    struct rig *rig = rig_new();

    for (unsigned i = 0; i < IDN_SUBMIT_BURST; i++)
        rig_submit(rig, 1, "alexnet", 9, 0); // a refused one costs as well
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_REFUSED), IDN_SUBMIT_BURST);
    rig_clear(rig);
    rig_submit(rig, 1, "alexnet", 0, 9);
    expect(rig, IDN_REFUSED_SLOW_DOWN, "alice submits too fast: 20 jobs a second");
    struct idn_request request = rig_submission(2, "alexnet", 0, 9);
    memcpy(request.u.submit.client, "bob", 4);
    rig_request(rig, 1, request);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_pass(rig, 50);
    rig_clear(rig);
    rig_submit(rig, 1, "alexnet", 0, 9);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_destroy(rig);
}

static void test_open_jobs_are_bounded(void)
{
    struct rig *rig = rig_new();

    for (unsigned i = 0; i < 16; i++)
        rig_submit(rig, i, "alexnet", 0, 9);
    CHECK_INT(rig_count(rig, IDN_ACTION_REPLY, IDN_REPLY_ACCEPTED), 16);
    rig_submit(rig, 99, "alexnet", 0, 9);
    expect(rig, IDN_REFUSED_CLUSTER_FULL, "16 jobs are open");
    rig_ask(rig, 0, IDN_REQUEST_CANCEL);
    rig_submit(rig, 99, "alexnet", 0, 9);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_destroy(rig);
}

static void test_open_images_are_bounded(void)
{
    struct rig *rig = rig_new();
    struct idn_request request = rig_submission(1, "alexnet", 0, 9999999);

    memcpy(request.u.submit.dataset, "many", 5);
    rig_request(rig, 1, request);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    request.job.key = rig_key(2);
    request.u.submit.last = 2000000;
    rig_request(rig, 1, request);
    expect(rig, IDN_REFUSED_CLUSTER_FULL, "10000000 images, 2000001 more exceed the limit of 12");
    rig_destroy(rig);
}

static void test_history_is_bounded_until_some_is_forgotten(void)
{
    struct rig *rig = rig_new();

    for (unsigned i = 0; i < 64; i++) {
        rig_submit(rig, i, "alexnet", 0, 0);
        rig_ask(rig, i, IDN_REQUEST_CANCEL);
    }
    rig_clear(rig);
    rig_submit(rig, 99, "alexnet", 0, 9);
    expect(rig, IDN_REFUSED_HISTORY_FULL, "64 jobs are known");
    rig_ask(rig, 5, IDN_REQUEST_FORGET);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_clear(rig);
    rig_submit(rig, 99, "alexnet", 0, 9);
    CHECK(rig_reply(rig, 1, IDN_REPLY_ACCEPTED) != NULL);
    rig_ask(rig, 99, IDN_REQUEST_FORGET);
    expect(rig, IDN_REFUSED_JOB_OPEN, "10 of its 10 images are left; cancel it first");
    rig_ask(rig, 5, IDN_REQUEST_CANCEL);
    expect(rig, IDN_REFUSED_FORGOTTEN, "has been forgotten");
    rig_ask(rig, 98, IDN_REQUEST_CANCEL);
    expect(rig, IDN_REFUSED_UNKNOWN_JOB, "no job is known as c80000000");
    rig_destroy(rig);
}

static void test_a_disk_nearly_full(void)
{
    struct rig *rig = rig_new();

    rig_step(rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {300u << 20}});
    rig_submit(rig, 1, "alexnet", 0, 9);
    expect(rig, IDN_REFUSED_DISK_LOW, "only 300 MiB are free on the broker's disk, 512 MiB");
    rig_destroy(rig);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_unknown_names),
        CHECK_TEST(test_ranges),
        CHECK_TEST(test_same_key),
        CHECK_TEST(test_a_fast_client_is_slowed_down_by_its_name),
        CHECK_TEST(test_open_jobs_are_bounded),
        CHECK_TEST(test_open_images_are_bounded),
        CHECK_TEST(test_history_is_bounded_until_some_is_forgotten),
        CHECK_TEST(test_a_disk_nearly_full),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
