// idunno-ctl why and assignment against a broker in a thread: what people and programs get to read.
#include "tests/lib/check.h"
#include "tests/lib/ctl_run.h"

static struct idn_why_info why;
static struct idn_assignment_info workers[2];
static uint32_t refusal; // of WHY; 0: it is answered

static bool answer_why(struct idn_reply *ret)
{
    if (refusal != 0)
        return fake_refuse(ret, refusal, "no job is known as 04000000");
    ret->type = IDN_REPLY_WHY;
    ret->u.why = &why;
    return true;
}

// A page a worker.
static bool answer_assignment(const struct idn_request *request, struct idn_reply *ret)
{
    ret->type = IDN_REPLY_ASSIGNMENT;
    ret->u.assignment.count = workers[0].name[0] == '\0' ? 0 : 1;
    ret->u.assignment.item = &workers[request->u.page.cursor];
    ret->u.assignment.cursor = ret->u.assignment.count == 0 ? 0 : 1 - request->u.page.cursor;
    return true;
}

static bool answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    (void)broker;
    if (request->type == IDN_REQUEST_WHY)
        return answer_why(ret);
    if (request->type == IDN_REQUEST_ASSIGNMENT)
        return answer_assignment(request, ret);
    return fake_welcome(ret, IDN_ROLE_ACTIVE);
}

static int run(ctl_command *command, const char *id, bool json)
{
    return ctl_run(&(struct ctl_run){.command = command, .id = id, .json = json, .answer = answer});
}

// ---- why

static void two_jobs(void)
{
    refusal = 0;
    why = (struct idn_why_info){.job = {{1}},
        .state = IDN_JOB_OPEN,
        .model = "alexnet",
        .images = 10000,
        .done = 1200,
        .in_flight = 40,
        .facts = 2,
        .shares = 2,
        .jobs = 3,
        .fact = {{.code = IDN_WHY_SHARES, .count = 2, .total = 1, .text = "it shares 1 worker"},
            {.code = IDN_WHY_DRAINED, .count = 1, .names = 1, .text = "1 worker is drained (w2)"}},
        .share = {{.job = {{1}}, .model = "alexnet", .weight = 1, .share = 0.25, .left = 8800},
            {.job = {{2}},
                .model = "resnet18",
                .weight = 3,
                .workers = 1,
                .share = 0.75,
                .images_per_s = 12.5,
                .left = 10}}};
    (void)snprintf(why.fact[1].worker[0], IDN_NAME_SIZE, "w2");
}

static void test_why_for_people(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_why, "04000000", false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "job 04000000 of alexnet is open: 1,200 of 10,000 images are done, 40 in flight\n");
    CHECK_CONTAINS(out, "\n- it shares 1 worker\n- 1 worker is drained (w2)\n");
    CHECK_CONTAINS(out, "08000000  resnet18       3   75 %        1        13           10\n");
    CHECK_CONTAINS(out, "and 1 more\n");
    why.share[0].share = 0.001, why.share[1].share = 0.999;
    why.share[1].weight = 1000;
    CHECK_INT(run(idn_ctl_why, "04000000", false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "alexnet        1   <1 %  ");
    CHECK_CONTAINS(out, "resnet18   1,000  >99 %  ");
}

static void test_why_for_programs(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_why, "04000000", true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"job\":\"04000000000000000000000000\",\"state\":\"open\",");
    CHECK_CONTAINS(out, "\"model\":\"alexnet\",\"images\":10000,\"done\":1200,\"in_flight\":40,");
    CHECK_CONTAINS(out,
        "{\"code\":\"drained\",\"text\":\"1 worker is drained (w2)\",\"count\":1,\"total\":0,"
        "\"ms\":0,\"workers\":[\"w2\"]}]");
    CHECK_CONTAINS(out, "\"jobs\":3,\"shares\":[{\"job\":");
    CHECK_CONTAINS(out, "\"weight\":3,\"share\":0.75,\"workers\":1,\"images_per_s\":12.5,");
}

// ---- how long it will take

static void test_nothing_is_expected_of_a_job_that_waits(void)
{
    struct idunno_info info = {.state = IDUNNO_OPEN,
        .pending = 850,
        .images_per_s = 8,
        .elapsed_ms = 20000,
        .why = "no worker can work on it: 3 workers are drained"};

    CHECK_INT(idn_job_left_ms(&info), 0);
    info.in_flight = 30; // a worker finishes what it has begun
    CHECK_INT(idn_job_left_ms(&info), 110000);
    info.in_flight = 0;
    info.why[0] = '\0';
    CHECK_INT(idn_job_left_ms(&info), 106250);
}

static void test_why_of_a_job_that_has_ended(void)
{
    two_jobs();
    why.state = IDN_JOB_CANCELLED;
    why.shares = why.jobs = 0;
    CHECK_INT(run(idn_ctl_why, "04000000", false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "job 04000000 of alexnet is cancelled: 1,200 of 10,000 images are done\n\n");
}

static void test_why_of_an_upload(void)
{
    refusal = 0;
    why = (struct idn_why_info){.job = {{1}},
        .facts = 1,
        .fact = {{.code = IDN_WHY_UPLOADING, .text = "it is not submitted yet"}}};
    CHECK_INT(run(idn_ctl_why, "04000000", false), IDN_EXIT_OK);
    CHECK_STRING(out, "job 04000000 is being uploaded\n\n- it is not submitted yet\n");
    CHECK_INT(run(idn_ctl_why, "04000000", true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"state\":\"uploading\",\"model\":null,");
}

static void test_why_of_no_job(void)
{
    refusal = IDN_REFUSED_UNKNOWN_JOB;
    CHECK_INT(run(idn_ctl_why, "04000000", false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "no job is known as 04000000");
    CHECK_INT(run(idn_ctl_why, "xyz", false), IDN_EXIT_USAGE);
    CHECK_CONTAINS(err, "'xyz' is not the id of a job");
}

static bool note_fact(void *context, const char *code, const char *sentence)
{
    uint32_t *count = context;

    CHECK_STRING(code, *count == 0 ? "shares" : "drained");
    CHECK_STRING(sentence, why.fact[*count].text);
    return ++*count < 2;
}

static int ask_by_library(struct idn_ctl *run_of)
{
    struct idunno_job job = {.key = {1}};
    uint32_t count = 0;

    CHECK_INT(idunno_why(run_of->idunno, &job, note_fact, &count), IDUNNO_STOPPED);
    CHECK_INT(count, 2);
    return 0;
}

static void test_why_through_the_library(void)
{
    two_jobs();
    (void)run(ask_by_library, NULL, false);
}

// ---- assignment

static void busy_and_drained(void)
{
    workers[0] = (struct idn_assignment_info){.name = "w1",
        .state = IDN_WORKER_BUSY,
        .leases = 2,
        .in_child = 4,
        .lease = {{.job = {{1}},
                      .model = "alexnet",
                      .first = 500,
                      .count = 500,
                      .done = 120,
                      .held_ms = 2400,
                      .confirmed = true},
            {.job = {{2}}, .model = "resnet18", .count = 80, .confirmed = true, .returned = true}}};
    workers[1] =
        (struct idn_assignment_info){.name = "w2", .state = IDN_WORKER_DRAINING, .note = "drained"};
}

static void test_assignment_for_people(void)
{
    busy_and_drained();
    CHECK_INT(run(idn_ctl_assignment, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "WORKER  STATE     JOB       MODEL     IMAGES      DONE  SINCE  NOTE\n");
    CHECK_CONTAINS(out, "w1      busy      04000000  alexnet   500 to 999   120  2.4 s");
    CHECK_CONTAINS(out, "w1      next      08000000  resnet18  0 to 79        0");
    CHECK_CONTAINS(out, "came back from a silent worker\n");
    CHECK_CONTAINS(out, "w2      draining  -         -         -              -      -  drained");
}

static void test_assignment_for_programs(void)
{
    busy_and_drained();
    CHECK_INT(run(idn_ctl_assignment, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "[{\"worker\":\"w1\",\"state\":\"busy\",\"leases\":[{\"job\":\"0400");
    CHECK_CONTAINS(out, "\"model\":\"alexnet\",\"first\":500,\"count\":500,\"done\":120,");
    CHECK_CONTAINS(out, "\"held_ms\":2400,\"confirmed\":true,\"trimming\":false,");
    CHECK_CONTAINS(out, "\"alone\":false,\"returned\":true}],\"in_child\":4,");
    CHECK_CONTAINS(out, "{\"worker\":\"w2\",\"state\":\"draining\",\"leases\":[],");
}

static void test_assignment_of_nobody(void)
{
    workers[0].name[0] = '\0';
    CHECK_INT(run(idn_ctl_assignment, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "no workers; start idunno-worker");
    CHECK_INT(run(idn_ctl_assignment, NULL, true), IDN_EXIT_OK);
    CHECK_STRING(out, "[]\n");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_why_for_people),
        CHECK_TEST(test_why_for_programs),
        CHECK_TEST(test_nothing_is_expected_of_a_job_that_waits),
        CHECK_TEST(test_why_of_a_job_that_has_ended),
        CHECK_TEST(test_why_of_an_upload),
        CHECK_TEST(test_why_of_no_job),
        CHECK_TEST(test_why_through_the_library),
        CHECK_TEST(test_assignment_for_people),
        CHECK_TEST(test_assignment_for_programs),
        CHECK_TEST(test_assignment_of_nobody),
    };

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
