// idunno-submit from the submission to the job's end: what it does when the broker does not know
// the job, is gone, or when the user has seen enough.
#include "base/assert.h"
#include "client/submit.h"
#include "tests/lib/capture.h"
#include "tests/lib/check.h"
#include "tests/lib/fake_broker.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct fake_broker broker, other;
static struct idn_submit submit;
static atomic_uint submissions, watches, refusals;
static atomic_uint taken; // questions about the job that the broker that took over has answered

// ---- the broker's answers

static bool job(const struct idn_request *request, uint32_t state, struct idn_reply *ret)
{
    ret->type = IDN_REPLY_JOB;
    ret->u.job = (struct idn_job_info){.key = request->job.key,
        .spec =
            {.model = "alexnet", .dataset = "photos", .client = "me@here", .last = 9, .weight = 1},
        .state = state,
        .version = 1 + atomic_load(&watches),
        .ok = state == IDN_JOB_OPEN ? 4 : 10,
        .pending = state == IDN_JOB_OPEN ? 6 : 0,
        .batch = 500};
    return true;
}

static bool accept(const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type == IDN_REQUEST_SUBMIT) {
        atomic_fetch_add(&submissions, 1);
        ret->type = IDN_REPLY_ACCEPTED;
        ret->u.accepted.job = request->job.key;
        ret->u.accepted.durable = 1;
        return true;
    }
    if (request->type != IDN_REQUEST_HELLO) {
        atomic_fetch_add(&watches, 1);
        return false;
    }
    return fake_welcome(ret, IDN_ROLE_ALONE);
}

// Open at first, then finished.
static bool finishes(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    if (accept(request, ret))
        return true;
    return job(request, atomic_load(&watches) < 3 ? IDN_JOB_OPEN : IDN_JOB_FINISHED, ret);
}

// Knows the job only once it is submitted to it.
static bool has_not_heard(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    if (accept(request, ret))
        return true;
    return atomic_load(&submissions) == 0
               ? fake_refuse(ret, IDN_REFUSED_UNKNOWN_HERE, "not known here")
               : job(request, IDN_JOB_FINISHED, ret);
}

static bool is_busy(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    if (accept(request, ret))
        return true;
    return atomic_load(&watches) == 1 ? fake_refuse(ret, IDN_REFUSED_SLOW_DOWN, "too many watch")
                                      : job(request, IDN_JOB_FINISHED, ret);
}

static bool has_forgotten(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    return accept(request, ret) ||
           fake_refuse(ret, IDN_REFUSED_UNKNOWN_JOB, "this job has been forgotten");
}

static bool was_cancelled(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    return accept(request, ret) || job(request, IDN_JOB_CANCELLED, ret);
}

static bool is_silent(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    return accept(request, ret);
}

// Stops us in the middle, as Ctrl-C does.
static bool interrupts(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    if (accept(request, ret))
        return true;
    (void)kill(getpid(), SIGTERM);
    return false;
}

static bool has_lost_its_disk(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    if (accept(request, ret))
        return true;
    return atomic_load(&submissions) == 0 ? fake_refuse(ret, IDN_REFUSED_UNKNOWN_JOB, "no such job")
                                          : job(request, IDN_JOB_FINISHED, ret);
}

// Two brokers: the first one dies after its first answer about the job; the second one refuses two
// requests before it takes over.
static bool dies(struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    return accept(request, ret) || (atomic_load(&watches) == 1 && job(request, IDN_JOB_OPEN, ret));
}

static bool takes_over(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    // On a busy machine this one may be asked before the other has answered.
    if (atomic_load(&watches) == 0 || atomic_load(&refusals) < 2) {
        atomic_fetch_add(&refusals, 1);
        return fake_refuse(ret, IDN_REFUSED_NOT_ACTIVE, "broker b is the standby");
    }
    // Not by the number of watches: how often the dead one was asked meanwhile is a matter of time.
    return accept(request, ret) ||
           job(request, atomic_fetch_add(&taken, 1) < 2 ? IDN_JOB_OPEN : IDN_JOB_FINISHED, ret);
}

static bool takes_over_and_finishes(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type != IDN_REQUEST_WATCH || atomic_load(&watches) == 0 ||
        atomic_load(&refusals) < 2)
        return takes_over(self, request, ret);
    return job(request, IDN_JOB_FINISHED, ret);
}

static bool takes_over_and_knows_no_model(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type != IDN_REQUEST_SUBMIT || atomic_load(&watches) == 0 ||
        atomic_load(&refusals) < 2)
        return takes_over(self, request, ret);
    atomic_fetch_add(&submissions, 1);
    return fake_refuse(ret, IDN_REFUSED_UNKNOWN_MODEL, "there is no model alexnet");
}

static bool stands_by(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    (void)self;
    return request->type == IDN_REQUEST_HELLO
               ? accept(request, ret)
               : fake_refuse(ret, IDN_REFUSED_NOT_ACTIVE, "broker a is the standby");
}

// ---- runs

static int run_between(
    fake_answer *answer, fake_answer *second, const char *model, uint32_t timeout_ms);

// Watches (and reports); returns the exit status.
static int run_with(fake_answer *answer, const char *model, uint32_t timeout_ms)
{
    return run_between(answer, NULL, model, timeout_ms);
}

static int run_between(
    fake_answer *answer, fake_answer *second, const char *model, uint32_t timeout_ms)
{
    atomic_store(&submissions, 0);
    atomic_store(&watches, 0);
    atomic_store(&refusals, 0);
    atomic_store(&taken, 0);
    memset(&broker, 0, sizeof(broker));
    memset(&other, 0, sizeof(other));
    fake_broker_start(&broker, answer);
    if (second != NULL)
        fake_broker_start(&other, second);
    submit = (struct idn_submit){.signal_fd = submit.signal_fd,
        .accepted = true,
        .options = {.quiet = true, .timeout_ms = timeout_ms},
        .query = {.model = model, .dataset = "photos", .last = 9}};
    idunno_draw(&submit.info.job);
    submit.query.key = submit.info.job.key;
    struct idunno_options options = {
        .brokers = {broker.address, second == NULL ? NULL : other.address},
        .client = "test",
        .stop_fd = submit.signal_fd,
        .on_notice = idn_submit_notice,
        .context = &submit};
    CHECK_INT(idunno_connect(&options, &submit.idunno), IDUNNO_OK);
    capture_begin();
    idn_progress_init(&submit.progress, stderr, second == NULL);
    int status = idn_submit_watch(&submit);
    if (status == IDN_SUBMIT_GO_ON)
        status = idn_submit_report(&submit);
    capture_end();
    idunno_close(&submit.idunno);
    fake_broker_stop(&broker);
    if (second != NULL)
        fake_broker_stop(&other);
    return status;
}

static void test_until_it_has_finished(void)
{
    CHECK_INT(run_with(finishes, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&watches), 3);
    CHECK_INT(atomic_load(&submissions), 0);
    CHECK_STRING(err, "");
}

static void test_a_new_broker_is_told_of_the_job(void)
{
    CHECK_INT(run_with(has_not_heard, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 1);
}

// Only a run that submitted the job itself knows what to submit.
static void test_an_attached_run_waits_and_gives_up(void)
{
    CHECK_INT(run_with(has_not_heard, NULL, 300), IDN_EXIT_FAILURE);
    CHECK_INT(atomic_load(&submissions), 0);
    CHECK_STRING(err, "idunno-submit: not known here\n");
}

static void test_a_busy_broker_is_asked_again(void)
{
    CHECK_INT(run_with(is_busy, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 0);
}

// What somebody removed is not begun again: a key that is forgotten is refused for ever.
static bool has_forgotten_for_ever(
    struct fake_broker *self, const struct idn_request *request, struct idn_reply *ret)
{
    if (request->type != IDN_REQUEST_SUBMIT)
        return has_forgotten(self, request, ret);
    atomic_fetch_add(&submissions, 1);
    return fake_refuse(
        ret, IDN_REFUSED_FORGOTTEN, "this job was forgotten: submit it under a new key");
}

static void test_a_forgotten_job(void)
{
    CHECK_INT(run_with(has_forgotten_for_ever, "alexnet", 0), IDN_EXIT_FAILURE);
    CHECK_STRING(err, "idunno-submit: this job was forgotten: submit it under a new key\n");
    CHECK_INT(atomic_load(&submissions), 1);
    CHECK_INT(run_with(has_forgotten_for_ever, NULL, 0), IDN_EXIT_FAILURE); // --attach
    CHECK_STRING(err, "idunno-submit: this job has been forgotten\n");
    CHECK_INT(atomic_load(&submissions), 0);
}

// The one broker that had stored it is back with an empty disk: the running submission brings it.
static void test_a_job_lost_with_a_disk_is_submitted_again(void)
{
    CHECK_INT(run_with(has_lost_its_disk, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 1);
    CHECK_INT(submit.durable, 1);
}

static void test_a_take_over_is_one_line_and_the_job_is_told_of(void)
{
    char line[200];

    CHECK_INT(run_between(dies, takes_over, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 1);
    (void)snprintf(line, sizeof(line), "the broker at %s has taken over\n", other.address);
    CHECK_CONTAINS(err, line);
    CHECK(strstr(err, "the broker") == strstr(err, line)); // and not another one
    CHECK(strstr(strstr(err, line) + strlen(line), "broker") == NULL);
}

static void test_a_standby_that_is_asked_first_is_no_take_over(void)
{
    CHECK_INT(run_between(stands_by, finishes, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 0);
    CHECK(strstr(err, "taken over") == NULL);
}

// The job is there: that it could not be submitted now is nothing to stop for.
static void test_a_broker_that_took_over_may_refuse_the_key(void)
{
    CHECK_INT(run_between(dies, takes_over_and_knows_no_model, "alexnet", 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 1);
}

// --attach does not know what was submitted, and need not.
static void test_an_attached_run_survives_a_take_over(void)
{
    CHECK_INT(run_between(dies, takes_over_and_finishes, NULL, 0), IDN_EXIT_OK);
    CHECK_INT(atomic_load(&submissions), 0);
}

static void test_durability_in_words(void)
{
    struct idn_submit one = {.durable = 1, .cluster.brokers = 1};
    struct idn_submit alone = {.durable = 1, .cluster.brokers = 2};
    struct idn_submit both = {.durable = 2, .cluster.brokers = 2};
    struct idn_submit attached = {.cluster.brokers = 2};

    CHECK_STRING(idn_submit_durable_text(&one), ""); // there is nothing else to expect
    CHECK_STRING(idn_submit_durable_text(&alone),
        "stored by one broker only: the other one is not in sync with it");
    CHECK_STRING(idn_submit_durable_text(&both), "stored by both brokers");
    CHECK_STRING(idn_submit_durable_text(&attached), "");
}

static void test_a_cancelled_job(void)
{
    CHECK_INT(run_with(was_cancelled, "alexnet", 0), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "was cancelled; 10 of its 10 images have results: idunno-ctl results ");
}

static void test_no_broker_any_more(void)
{
    CHECK_INT(run_with(is_silent, "alexnet", 300), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "no broker answers at tcp://127.0.0.1:");
    CHECK_CONTAINS(err, "goes on when the broker does; return to it with: idunno-submit --attach ");
}

static void test_an_interrupted_run_says_how_to_return(void)
{
    CHECK_INT(run_with(interrupts, "alexnet", 0), IDN_EXIT_SIGNAL + SIGTERM);
    CHECK_CONTAINS(err, " goes on; return to it with: idunno-submit --attach ");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_until_it_has_finished),
        CHECK_TEST(test_a_new_broker_is_told_of_the_job),
        CHECK_TEST(test_an_attached_run_waits_and_gives_up),
        CHECK_TEST(test_a_busy_broker_is_asked_again),
        CHECK_TEST(test_a_forgotten_job),
        CHECK_TEST(test_a_job_lost_with_a_disk_is_submitted_again),
        CHECK_TEST(test_a_take_over_is_one_line_and_the_job_is_told_of),
        CHECK_TEST(test_a_standby_that_is_asked_first_is_no_take_over),
        CHECK_TEST(test_a_broker_that_took_over_may_refuse_the_key),
        CHECK_TEST(test_an_attached_run_survives_a_take_over),
        CHECK_TEST(test_durability_in_words),
        CHECK_TEST(test_a_cancelled_job),
        CHECK_TEST(test_no_broker_any_more),
        CHECK_TEST(test_an_interrupted_run_says_how_to_return),
    };

    submit.signal_fd = idn_signals_open(); // before any thread
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    (void)close(submit.signal_fd);
    return result;
}
