// Listings of idunno-ctl that the broker refuses, at once or after some pages: nothing is printed
// that looks like an answer. Results with the paths of a list.
#include "tests/lib/check.h"
#include "tests/lib/ctl_run.h"

#include <stdlib.h>
#include <unistd.h>

enum { ANSWERS_MAX = 20 };

static atomic_uint answers; // that the broker gives before it refuses

// Two of everything, a page each.

static void answer_rates(uint64_t at, struct idn_reply *ret)
{
    static struct idn_rate_info rate = {.model = "tiny", .weight = 1, .batch = 50};

    ret->type = IDN_REPLY_RATES;
    ret->u.rates = (struct idn_rates_page){.count = 1,
        .cursor = 1 - at,
        .item = &rate,
        .head = at == 0,
        .changed_by = IDN_CHANGE_WORKER_JOINED};
}

static void answer_times(uint64_t at, struct idn_reply *ret)
{
    static struct idn_times_info times = {.name = "tiny", .batch = 50};

    ret->type = IDN_REPLY_TIMES;
    ret->u.times = (struct idn_times_page){.count = 1, .cursor = 1 - at, .item = &times};
}

static void answer_workers(uint64_t at, struct idn_reply *ret)
{
    static struct idn_worker_info worker = {.name = "w1", .state = IDN_WORKER_IDLE};

    ret->type = IDN_REPLY_WORKERS;
    ret->u.workers.count = 1;
    ret->u.workers.cursor = 1 - at;
    ret->u.workers.item = &worker;
}

static void answer_assignment(uint64_t at, struct idn_reply *ret)
{
    static struct idn_assignment_info worker = {.name = "w1", .state = IDN_WORKER_IDLE};

    ret->type = IDN_REPLY_ASSIGNMENT;
    ret->u.assignment.count = 1;
    ret->u.assignment.cursor = 1 - at;
    ret->u.assignment.item = &worker;
}

static void answer_entries(const struct idn_request *request, struct idn_reply *ret)
{
    static struct idn_entry_info entry = {.name = "tiny", .count = 50, .configured = 50};

    ret->type =
        request->type == IDN_REQUEST_MODELS ? IDN_REPLY_MODELS : (uint32_t)IDN_REPLY_DATASETS;
    ret->u.entries.count = 1;
    ret->u.entries.cursor = 1 - request->u.page.cursor;
    ret->u.entries.item = &entry;
}

static struct idn_job_info job = {.key = {{1}},
    .spec = {.model = "tiny", .dataset = "photos", .client = "me", .last = 1, .weight = 1},
    .state = IDN_JOB_FINISHED,
    .version = 1,
    .quarantined = 2};

static void answer_jobs(uint64_t at, struct idn_reply *ret)
{
    ret->type = IDN_REPLY_JOBS;
    ret->u.jobs.count = 1;
    ret->u.jobs.cursor = 1 - at;
    ret->u.jobs.item = &job;
}

static void answer_results(const struct idn_request *request, struct idn_reply *ret)
{
    static uint8_t row[IDN_ROW_BYTES];
    struct idn_result result = {.index = request->u.results.from, .status = IDN_STATUS_QUARANTINED};

    if (request->u.results.filter == IDN_FILTER_MISSING)
        result.status = IDN_STATUS_MISSING;
    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    idn_result_pack(&result, row);
    ret->type = IDN_REPLY_RESULTS;
    ret->u.results.job = request->job.key;
    ret->u.results.next = request->u.results.from + 1;
    ret->u.results.count = 1;
    ret->u.results.rows = row;
}

static bool answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    uint64_t at = request->u.page.cursor;

    (void)broker;
    if (request->type == IDN_REQUEST_HELLO)
        return fake_welcome(ret, IDN_ROLE_ACTIVE);
    if (atomic_load(&answers) == 0)
        return fake_refuse(ret, IDN_REFUSED_SLOW_DOWN, "not now");
    atomic_fetch_sub(&answers, 1);
    if (request->type == IDN_REQUEST_RATES)
        answer_rates(at, ret);
    else if (request->type == IDN_REQUEST_TIMES)
        answer_times(at, ret);
    else if (request->type == IDN_REQUEST_WORKERS)
        answer_workers(at, ret);
    else if (request->type == IDN_REQUEST_ASSIGNMENT)
        answer_assignment(at, ret);
    else if (request->type == IDN_REQUEST_JOBS)
        answer_jobs(request->u.jobs.cursor, ret);
    else if (request->type == IDN_REQUEST_RESULTS)
        answer_results(request, ret);
    else if (request->type == IDN_REQUEST_JOB)
        *ret = (struct idn_reply){.type = IDN_REPLY_JOB, .id = request->id, .u.job = job};
    else
        answer_entries(request, ret);
    return true;
}

// Refused at its first request, at its second, ..., until there is nothing left to refuse.
static void refuse_everywhere(ctl_command *command, const char *id, bool json, unsigned requests)
{
    struct ctl_run run = {.command = command, .id = id, .json = json, .answer = answer};

    for (unsigned i = 0; i < requests; i++) {
        atomic_store(&answers, i);
        CHECK_INT(ctl_run(&run), IDN_EXIT_FAILURE);
        CHECK_STRING(out, "");
        CHECK_STRING(err, "idunno-ctl: not now\n");
    }
    atomic_store(&answers, requests);
    CHECK_INT(ctl_run(&run), IDN_EXIT_OK);
    CHECK(out[0] != '\0');
    CHECK_INT(atomic_load(&answers), 0);
    CHECK_STRING(err, "");
}

static void test_who_is_refused_prints_no_answer(void)
{
    static const struct {
        ctl_command *command;
        unsigned requests;
    } listings[] = {{idn_ctl_jobs, 2}, {idn_ctl_workers, 2}, {idn_ctl_assignment, 2},
        {idn_ctl_models, 2}, {idn_ctl_datasets, 2}, {idn_ctl_rates, 2}, {idn_ctl_times, 4},
        {idn_ctl_quarantine_list, 8}};

    for (size_t i = 0; i < sizeof(listings) / sizeof(*listings); i++) {
        refuse_everywhere(listings[i].command, NULL, true, listings[i].requests);
        refuse_everywhere(listings[i].command, NULL, false, listings[i].requests);
    }
}

static void test_listings_for_programs_are_whole(void)
{
    struct ctl_run run = {.command = idn_ctl_times, .json = true, .answer = answer};

    atomic_store(&answers, ANSWERS_MAX);
    CHECK_INT(ctl_run(&run), IDN_EXIT_OK);
    CHECK(strstr(out, "{\"models\":[{\"model\":\"tiny\",") == out);
    CHECK_CONTAINS(out, "}],\"jobs\":[{\"job\":");
    CHECK(strcmp(out + strlen(out) - 4, "}]}\n") == 0);
    run.command = idn_ctl_quarantine_list;
    CHECK_INT(ctl_run(&run), IDN_EXIT_OK);
    CHECK_CONTAINS(out, ",\"images\":[0,1]},{\"job\":");
    CHECK(strcmp(out + strlen(out) - 3, "}]\n") == 0);
}

// They are printed as they come, but not even their headings before the first of them.
static void test_results_that_are_refused(void)
{
    struct ctl_run run = {.command = idn_ctl_results, .id = "04000000", .answer = answer};

    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&answers, i);
        CHECK_INT(ctl_run(&run), IDN_EXIT_FAILURE);
        CHECK_STRING(out, "");
        CHECK_STRING(err, "idunno-ctl: not now\n");
    }
    atomic_store(&answers, 3);
    CHECK_INT(ctl_run(&run), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(out, "probability_5\n0,quarantined,,,,,,,,,,\n");
    CHECK_STRING(err, "idunno-ctl: not now\n");
    atomic_store(&answers, 4);
    CHECK_INT(ctl_run(&run), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\n1,quarantined,,,,,,,,,,\n");
}

// ---- paths

static char list_path[] = "/tmp/idunno-list-XXXXXX";

static void write_list(const char *text)
{
    FILE *file = fopen(list_path, "w");

    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK_INT(fclose(file), 0);
}

static int results_with(const char *list, bool missing, bool json)
{
    atomic_store(&answers, ANSWERS_MAX);
    return ctl_run(&(struct ctl_run){.command = idn_ctl_results,
        .id = "04000000",
        .list = list,
        .missing = missing,
        .json = json,
        .answer = answer});
}

static void check_paths(void)
{
    CHECK_INT(results_with(list_path, false, false), IDN_EXIT_OK);
    CHECK(strstr(out, "index,path,status,class_1,") == out);
    CHECK_CONTAINS(out, "\n0,/tmp/one.jpg,quarantined,");
    CHECK_CONTAINS(out, "\n1,/two.jpg,quarantined,");
    CHECK_INT(results_with(list_path, false, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"index\":1,\"path\":\"/two.jpg\",\"status\":\"quarantined\",");
    job.quarantined = 0;
    CHECK_INT(results_with(list_path, true, false), IDN_EXIT_OK);
    job.quarantined = 2;
    CHECK_STRING(out, "index,path\n0,/tmp/one.jpg\n1,/two.jpg\n");
}

static void test_results_with_paths(void)
{
    static const char uploaded[] = "/tmp/one.jpg\n/two.jpg\n", text[] = "one.jpg\n/two.jpg\n";
    int fd = mkstemp(list_path);

    CHECK(fd >= 0);
    (void)close(fd);
    write_list(text);
    idn_sha256_of(text, strlen(text), &job.spec.list_digest); // a registered data set
    check_paths();
    job.spec.dataset[0] = '\0'; // a client's own, with absolute paths where it was sent
    idn_sha256_of(uploaded, strlen(uploaded), &job.spec.list_digest);
    job.spec.list_bytes = strlen(uploaded);
    check_paths();
    write_list("/two.jpg\n/tmp/one.jpg\n");
    CHECK_INT(results_with(list_path, false, false), IDN_EXIT_FAILURE);
    CHECK_STRING(out, "");
    CHECK_CONTAINS(err, "is not the list of job 04000000, or was changed since");
    CHECK_INT(unlink(list_path), 0);
    CHECK_INT(results_with(list_path, false, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, list_path);
    CHECK_STRING(out, "");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_who_is_refused_prints_no_answer),
        CHECK_TEST(test_listings_for_programs_are_whole),
        CHECK_TEST(test_results_that_are_refused),
        CHECK_TEST(test_results_with_paths),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
