// libidunno against a broker in a thread: answers, silence, wrong answers, restarts.
#include "client/call.h"
#include "client/idunno.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_broker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct fake_broker first, second;
static struct idunno *idunno;
static struct idunno_job job;
static const struct idunno_query photos = {.model = "alexnet", .dataset = "photos", .last = 9};

// ---- the broker's answers

static bool welcome(const struct idn_request *request, struct idn_reply *ret)
{
    (void)fake_welcome(ret, IDN_ROLE_ALONE);
    return request->type == IDN_REQUEST_HELLO;
}

static bool job_of(const struct idn_request *request, uint64_t version, struct idn_reply *ret)
{
    ret->type = IDN_REPLY_JOB;
    ret->u.job = (struct idn_job_info){.key = request->job.key,
        .spec = {.model = "alexnet",
            .dataset = "photos",
            .client = "me@here",
            .last = 2499,
            .weight = 1},
        .state = IDN_JOB_FINISHED,
        .version = version,
        .ok = 2500,
        .batch = 500,
        .digest = {.low = 1}};
    return true;
}

// A job of 2500 images, all classified; every other request as in life.
static bool answer_well(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    static uint8_t rows[IDN_PAGE_ROWS_MAX * IDN_ROW_BYTES];
    uint32_t from = request->u.results.from;

    (void)broker;
    switch (request->type) {
    case IDN_REQUEST_SUBMIT:
    case IDN_REQUEST_CANCEL:
    case IDN_REQUEST_FORGET:
        ret->type = IDN_REPLY_ACCEPTED;
        ret->u.accepted.job = request->job.key;
        ret->u.accepted.durable = 1;
        return true;
    case IDN_REQUEST_JOB:
    case IDN_REQUEST_WATCH:
        return job_of(request, 7, ret);
    case IDN_REQUEST_RESULTS:
        ret->type = IDN_REPLY_RESULTS;
        ret->u.results.job = request->job.key;
        ret->u.results.next = from + request->u.results.most;
        if (ret->u.results.next > 2500)
            ret->u.results.next = 2500;
        ret->u.results.count = ret->u.results.next - from;
        ret->u.results.rows = rows;
        for (uint32_t i = 0; i < ret->u.results.count; i++) {
            struct idn_result row = {.index = from + i,
                .class_id = {1, IDN_NO_CLASS, IDN_NO_CLASS, IDN_NO_CLASS, IDN_NO_CLASS},
                .probability = {0.5f}};
            idn_result_pack(&row, rows + (size_t)i * IDN_ROW_BYTES);
        }
        return true;
    default:
        return welcome(request, ret);
    }
}

static bool answer_never(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    (void)broker;
    return welcome(request, ret);
}

static bool answer_not_active(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    (void)broker;
    return welcome(request, ret) ||
           fake_refuse(ret, IDN_REFUSED_NOT_ACTIVE, "this broker is a standby");
}

static bool answer_unknown_model(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    (void)broker;
    return welcome(request, ret) ||
           fake_refuse(ret, IDN_REFUSED_UNKNOWN_MODEL, "no model alexnt; did you mean alexnet?");
}

// Pages of results that lie: each with one row, about `wrong_index`, and saying that
// `wrong_next` images on the next one begins.
static uint32_t wrong_index, wrong_next;
static bool answer_wrong_pages(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    static uint8_t row[IDN_ROW_BYTES];

    if (!answer_well(broker, request, ret))
        return false;
    if (request->type == IDN_REQUEST_RESULTS) {
        struct idn_result result = {.index = wrong_index,
            .class_id = {1, IDN_NO_CLASS, IDN_NO_CLASS, IDN_NO_CLASS, IDN_NO_CLASS},
            .probability = {0.5f}};
        idn_result_pack(&result, row);
        ret->u.results.rows = row;
        ret->u.results.count = 1;
        ret->u.results.next = request->u.results.from + wrong_next;
    }
    return true;
}

// Every answer first with the id of the request before it.
static bool answer_twice(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type == IDN_REQUEST_HELLO)
        return welcome(request, ret);
    if (atomic_load(&broker->requests) == 2)
        ret->id--;
    return answer_well(broker, request, ret);
}

// ---- the client

static void start(fake_answer *answer, uint32_t timeout_ms)
{
    memset(&first, 0, sizeof(first));
    fake_broker_start(&first, answer);
    struct idunno_options options = {
        .brokers = {first.address}, .client = "test", .timeout_ms = timeout_ms};
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_OK);
    idunno_draw(&job);
}

static void stop(void)
{
    idunno_close(&idunno);
    CHECK(idunno == NULL);
    fake_broker_stop(&first);
}

struct seen {
    uint32_t rows, next, stop_at;
};

static bool on_row(void *context, const struct idunno_row *row)
{
    struct seen *seen = context;

    if (row->index != seen->next || row->status != 0 || row->class_id[0] != 1)
        return false;
    seen->next++;
    seen->rows++;
    return seen->rows != seen->stop_at;
}

static void test_the_way_of_a_job(void)
{
    struct idunno_info info = {0}, found;
    struct seen seen = {0};
    uint32_t durable = 0;

    start(answer_well, 5000);
    CHECK_INT(idunno_submit(idunno, &photos, &job, &durable), IDUNNO_OK);
    CHECK_INT(durable, 1);
    CHECK_INT(strlen(job.id), 26);
    CHECK_INT(idunno_watch(idunno, &job, 5000, &info), IDUNNO_OK);
    CHECK_INT(info.state, IDUNNO_FINISHED);
    CHECK_STRING(info.job.id, job.id);
    CHECK_STRING(info.digest, "00000000000000000000000000000001");
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, on_row, &seen), IDUNNO_OK);
    CHECK_INT(seen.rows, 2500);
    job.id[8] = '\0';
    CHECK_INT(idunno_find(idunno, job.id, &found), IDUNNO_OK);
    CHECK(memcmp(found.job.id, job.id, 8) == 0);
    CHECK_INT(idunno_cancel(idunno, &job), IDUNNO_OK);
    CHECK_INT(idunno_forget(idunno, &job), IDUNNO_OK);
    stop();
}

static void test_a_callback_ends_the_results(void)
{
    struct seen seen = {.stop_at = 1500};

    start(answer_well, 5000);
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, on_row, &seen), IDUNNO_STOPPED);
    CHECK_INT(seen.rows, 1500);
    stop();
}

static bool any_row(void *context, const struct idunno_row *row)
{
    (void)row;
    *(uint32_t *)context += 1;
    return true;
}

static void test_pages_that_cannot_be(void)
{
    uint32_t rows = 0;

    start(answer_wrong_pages, 5000);
    wrong_index = 7, wrong_next = 5; // a row beyond its page
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, any_row, &rows), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "damaged");
    wrong_index = 0, wrong_next = 0; // a page that is followed by itself
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, any_row, &rows), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "do not end");
    CHECK_INT(rows, 0);
    wrong_index = 3, wrong_next = 1000; // the second page repeats a row of the first
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, any_row, &rows), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "damaged");
    CHECK_INT(rows, 1);
    stop();
}

// A job that has ended with 2500 results of a store that lost four of them and does not know it.
static uint32_t counted_after; // by the job when it is asked again
static bool answer_short(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    if (!answer_well(broker, request, ret))
        return false;
    if (request->type == IDN_REQUEST_RESULTS && ret->u.results.next == 2500)
        ret->u.results.count -= 4;
    if (request->type == IDN_REQUEST_JOB && atomic_load(&broker->requests) > 2)
        ret->u.job.ok = counted_after;
    return true;
}

static void test_fewer_rows_than_the_job_counts(void)
{
    uint32_t rows = 0;

    start(answer_short, 5000);
    counted_after = 2500;
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, any_row, &rows), IDUNNO_BROKEN);
    CHECK_INT(rows, 2496); // said, not kept back
    CHECK_CONTAINS(idunno_error(idunno), "has 2500 such results");
    CHECK_CONTAINS(idunno_error(idunno), "only 2496 of them");
    stop();
    start(answer_short, 5000); // four were lifted meanwhile
    counted_after = 2496;
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_ALL, any_row, &rows), IDUNNO_OK);
    stop();
    start(answer_well, 5000); // 2500 images that "have none" of a job that has all
    CHECK_INT(idunno_results(idunno, &job, IDUNNO_MISSING, any_row, &rows), IDUNNO_BROKEN);
    CHECK_CONTAINS(idunno_error(idunno), "only 0 of them");
    stop();
}

static void test_a_refusal_has_a_name_and_a_sentence(void)
{
    start(answer_unknown_model, 5000);
    CHECK_STRING(idunno_refusal(idunno), "");
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_REFUSED);
    CHECK_STRING(idunno_refusal(idunno), "unknown_model");
    CHECK_STRING(idunno_error(idunno), "no model alexnt; did you mean alexnet?");
    stop();
}

static void test_what_the_caller_gets_wrong(void)
{
    struct idunno_info info;
    struct idunno_query query = photos;

    start(answer_well, 5000);
    CHECK_INT(idunno_find(idunno, "abc", &info), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "'abc' is not the id of a job");
    query.list = "own.list";
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "either a data set or a list");
    query = photos, query.first = 10;
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_STRING(idunno_error(idunno), "the last image (9) comes before the first (10)");
    query = photos, query.weight = 1001;
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_STRING(idunno_error(idunno), "a weight of 1001 is not from 1 to 1000");
    query = photos, query.model = "a b";
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "'a b' cannot be the name of a model");
    query = photos, query.last = IDN_JOB_IMAGES_MAX;
    CHECK_INT(idunno_submit(idunno, &query, &job, NULL), IDUNNO_INVALID);
    CHECK_CONTAINS(idunno_error(idunno), "at most 10000000 images");
    CHECK_INT(atomic_load(&first.requests), 1); // the hello: none of these left
    stop();
}

// ---- failures

static void test_nobody_there(void)
{
    struct idunno_options options = {.brokers = {first.address}, .timeout_ms = 300};

    memset(&first, 0, sizeof(first));
    fake_broker_start(&first, answer_well);
    fake_broker_stop(&first); // its port is free now
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_UNREACHABLE);
    CHECK_CONTAINS(idunno_error(idunno), first.address);
    CHECK_CONTAINS(idunno_error(idunno), "no connection, tried for 0.3 s");
    idunno_close(&idunno);
    options.brokers[1] = "tcp://127.0.0.1:1";
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_UNREACHABLE);
    CHECK_CONTAINS(idunno_error(idunno), first.address);
    CHECK_CONTAINS(idunno_error(idunno), "tcp://127.0.0.1:1 (no connection)");
    idunno_close(&idunno);
    idunno_close(&idunno); // NULL-safe
}

static void test_addresses_that_are_none(void)
{
    static const char *const wrong[] = {"127.0.0.1:5570", "tcp://127.0.0.1", "tcp://a b:1", ""};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct idunno_options options = {.brokers = {wrong[i]}, .timeout_ms = 300};
        CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_INVALID);
        CHECK_CONTAINS(idunno_error(idunno), "is not a broker's address");
        CHECK_CONTAINS(idunno_error(idunno), wrong[i]);
        idunno_close(&idunno);
    }
    struct idunno_options none = {0};
    CHECK_INT(idunno_connect(&none, &idunno), IDUNNO_INVALID);
    idunno_close(&idunno);
}

static void test_a_connection_without_an_answer(void)
{
    start(answer_never, 400);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_UNREACHABLE);
    CHECK_CONTAINS(idunno_error(idunno), "no answer, tried for 0.4 s");
    first.answer = answer_well; // the next call is not harmed
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    stop();
}

static void test_answers_that_are_no_messages(void)
{
    start(answer_never, 400);
    atomic_store(&first.garbage, true);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_UNREACHABLE);
    CHECK(strstr(idunno_error(idunno), "no answer") == NULL); // it says what came instead
    first.answer = answer_well;                               // behind the garbage comes an answer
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    atomic_store(&first.garbage, false);
    atomic_store(&first.two_frames, true);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_UNREACHABLE);
    stop();
}

static void test_a_late_answer_is_not_the_next_one(void)
{
    start(answer_twice, 6000);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    CHECK_INT(atomic_load(&first.requests), 3); // hello, the one answered wrongly, again
    stop();
}

struct notices {
    unsigned lost, back;
};

static void on_notice(void *context, enum idunno_notice notice, const char *sentence)
{
    struct notices *notices = context;

    if (notice == IDUNNO_LOST && strstr(sentence, first.address) != NULL)
        notices->lost++;
    if (notice == IDUNNO_BACK && strstr(sentence, "answers again") != NULL)
        notices->back++;
    first.answer = answer_well;
}

// Silent until somebody complains: the request is sent again, with both notices.
static void test_silence_is_told_and_survived(void)
{
    struct notices notices = {0};

    start(answer_never, 20000);
    idunno->on_notice = on_notice;
    idunno->context = &notices;
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    CHECK_INT(notices.lost, 1);
    CHECK_INT(notices.back, 1);
    stop();
}

static char lost[IDN_REASON_MAX];

static void keep_notice(void *context, enum idunno_notice notice, const char *sentence)
{
    (void)context;
    if (notice == IDUNNO_LOST)
        (void)snprintf(lost, sizeof(lost), "%s", sentence);
    first.answer = answer_well;
}

// What was never there is not lost.
static void test_only_who_was_heard_is_lost(void)
{
    char wanted[300];

    memset(&first, 0, sizeof(first));
    fake_broker_start(&first, answer_never);
    struct idunno_options options = {
        .brokers = {"tcp://127.0.0.3:1", first.address}, .on_notice = keep_notice};
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_OK);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    (void)snprintf(wanted, sizeof(wanted),
        "lost the broker at %.64s, and no answer yet from tcp://127.0.0.3:1, trying again",
        first.address);
    CHECK_STRING(lost, wanted);
    fake_broker_stop(&first);
    idunno_close(&idunno);
}

static void test_a_broker_that_restarts(void)
{
    start(answer_well, 20000);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    fake_broker_stop(&first);
    fake_broker_start(&first, answer_well);
    for (int i = 0; i < 3; i++)
        CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    stop();
}

static void test_the_other_broker_is_asked(void)
{
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    fake_broker_start(&first, answer_not_active);
    fake_broker_start(&second, answer_well);
    struct idunno_options options = {.brokers = {first.address, second.address}};
    CHECK_INT(idunno_connect(&options, &idunno), IDUNNO_OK);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    CHECK_INT(atomic_load(&first.requests), 2); // the hello and one submission
    fake_broker_stop(&second);
    second.answer = answer_not_active;
    first.answer = answer_well; // takes over
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_OK);
    stop();
}

static void test_a_stop_interrupts(void)
{
    uint64_t one = 1;

    start(answer_never, 60000);
    idunno->stop_fd = eventfd(0, EFD_CLOEXEC);
    CHECK(write(idunno->stop_fd, &one, sizeof(one)) == sizeof(one));
    CHECK_INT(idunno_submit(idunno, &photos, &job, NULL), IDUNNO_STOPPED);
    CHECK_STRING(idunno_error(idunno), "interrupted");
    (void)close(idunno->stop_fd);
    stop();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_the_way_of_a_job),
        CHECK_TEST(test_a_callback_ends_the_results),
        CHECK_TEST(test_pages_that_cannot_be),
        CHECK_TEST(test_fewer_rows_than_the_job_counts),
        CHECK_TEST(test_a_refusal_has_a_name_and_a_sentence),
        CHECK_TEST(test_what_the_caller_gets_wrong),
        CHECK_TEST(test_nobody_there),
        CHECK_TEST(test_addresses_that_are_none),
        CHECK_TEST(test_a_connection_without_an_answer),
        CHECK_TEST(test_answers_that_are_no_messages),
        CHECK_TEST(test_a_late_answer_is_not_the_next_one),
        CHECK_TEST(test_silence_is_told_and_survived),
        CHECK_TEST(test_only_who_was_heard_is_lost),
        CHECK_TEST(test_a_broker_that_restarts),
        CHECK_TEST(test_the_other_broker_is_asked),
        CHECK_TEST(test_a_stop_interrupts),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
