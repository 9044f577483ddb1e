// idunno-ctl rates and times against a broker in a thread: what people and programs get to read.
#include "client/human.h"
#include "tests/lib/check.h"
#include "tests/lib/ctl_run.h"

static struct idn_rates_page rates; // its items are given a page each
static struct idn_rate_info job[2];
static struct idn_times_info model[2];
static bool repeats; // a page of times leads to itself

static bool answer(
    struct fake_broker *broker, const struct idn_request *request, struct idn_reply *ret)
{
    uint64_t at = request->u.page.cursor;

    (void)broker;
    if (request->type == IDN_REQUEST_HELLO)
        return fake_welcome(ret, IDN_ROLE_ACTIVE);
    if (request->type == IDN_REQUEST_RATES) {
        ret->type = IDN_REPLY_RATES;
        ret->u.rates = rates;
        ret->u.rates.head = rates.head && at == 0;
        ret->u.rates.item = &job[at];
        ret->u.rates.cursor = rates.count == 0 ? 0 : 1 - at;
    } else {
        ret->type = IDN_REPLY_TIMES;
        ret->u.times =
            (struct idn_times_page){.count = 1, .item = &model[at], .cursor = repeats ? 1 : 1 - at};
    }
    return true;
}

static int run(ctl_command *command, const char *id, bool json)
{
    return ctl_run(&(struct ctl_run){.command = command, .id = id, .json = json, .answer = answer});
}

static void two_jobs(void)
{
    repeats = false;
    rates = (struct idn_rates_page){.count = 1,
        .head = true,
        .workers = 3,
        .present = 3,
        .changed_by = IDN_CHANGE_WORKER_JOINED,
        .gap = {{9500, 2, 0.034}, {59500, 0, 0}, {42000, 2, 0.25}, {61000, 2, 0.0125}}};
    job[0] = (struct idn_rate_info){.key = {{1}},
        .model = "alexnet",
        .weight = 2,
        .batch = 500,
        .ok = 1200,
        .failed = 2,
        .quarantined = 1,
        .in_flight = 40,
        .pending = 8757,
        .images_per_s = {50, 45, 40, 42.5},
        .workers = 2,
        .wanted_workers = 1,
        .wanted_share = 1.2,
        .left_ms = 190000,
        .tasks = 2,
        .mean_us = 6130000,
        .deviation_us = 26400,
        .measured_ms = 70000};
    job[1] = (struct idn_rate_info){.key = {{2}},
        .model = "resnet18",
        .weight = 1,
        .batch = 400,
        .pending = 10,
        .wanted_share = 1.8,
        .measured_ms = 61000};
    model[0] = (struct idn_times_info){"alexnet", 500, 7, 6130000, 26400, 812, 1, 2, 192000000};
    model[1] = (struct idn_times_info){.name = "resnet18", .batch = 400};
}

// ---- rates

static void test_rates_for_people(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "3 workers; a worker joined 42 s ago; the jobs share as now for 1 min 1 s\n");
    CHECK_CONTAINS(out, "04000000  alexnet        2        2  1 (1.2)  1,200       3         40    "
                        "8,757  3 min 10 s\n");
    CHECK_CONTAINS(out,
        "08000000  resnet18       1        0     1.80      0       0          0     "
        "  10           -\n");
    CHECK_CONTAINS(out,
        "04000000              50    45      40      43             6.00  5.40    4.80    5.10\n");
    CHECK_CONTAINS(out, "  3.4 %     -  25.0 %   1.2 %\n");
    CHECK(strstr(out, "not known") == NULL);
    job[0].wanted_workers = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "  1.20  ");
    job[0].wanted_share = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "is not known before a whole task of each model was seen");
    rates.count = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_STRING(out, "no open jobs\n");
}

static void test_jobs_of_one_model(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK(strstr(out, "MODEL     JOBS") == NULL);
    (void)strcpy(job[1].model, "alexnet");
    job[1].batch = 500;
    job[1].images_per_s[0] = 25;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "alexnet     2              75    45      40      43             9.00  ");
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"models\":[{\"model\":\"alexnet\",\"jobs\":2,\"ok\":1200,\"failed\":3,"
                        "\"in_flight\":40,\"pending\":8767,\"images_per_s\":{\"10s\":75,");
    CHECK_CONTAINS(out, "\"tasks_per_s\":{\"10s\":0.15");
}

static void test_what_hinders_all(void)
{
    two_jobs();
    rates.workers = 2;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "3 workers, 2 of them can work; a worker joined");
    rates.workers = 0;
    rates.hindered_by = IDN_WHY_DRAINED;
    job[0].wanted_share = job[1].wanted_share = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "3 workers, none of them can work: drained; a worker joined 42 s ago");
    CHECK(strstr(out, "not known") == NULL);
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"workers\":0,\"present\":3,\"hindered_by\":\"drained\",");
    rates.hindered_by = IDN_WHY_DISK_LOW;
    rates.present = 1;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "1 worker, and it cannot work: the broker's disk is nearly full; ");
    rates.hindered_by = rates.present = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "no workers; a worker joined");
}

static void test_results_that_have_not_come_yet(void)
{
    two_jobs();
    job[1].measured_ms = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; of 1 of the 2 jobs no results have come in yet\n\n");
    job[0].measured_ms = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; no results have come in since this broker began\n\n");
    job[0].ok = job[0].failed = job[0].quarantined = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; no results have come in yet\n\n");
}

static void test_rates_for_programs(void)
{
    two_jobs();
    job[1].wanted_share = 0;
    job[1].measured_ms = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"jobs\":[{\"job\":\"04000000000000000000000000\",\"model\":\"alexnet\","
                        "\"weight\":2,\"batch\":500,\"ok\":1200,\"failed\":3,\"quarantined\":1,"
                        "\"in_flight\":40,\"pending\":8757,"
                        "\"images_per_s\":{\"10s\":50,\"60s\":45,\"change\":40,\"shared\":42.5},"
                        "\"tasks_per_s\":{\"10s\":0.1,");
    CHECK_CONTAINS(out,
        "\"workers\":2,\"wanted_workers\":1,\"wanted_share\":1.2,\"left_ms\":190000,"
        "\"measured_ms\":70000},");
    CHECK_CONTAINS(out, "\"wanted_share\":null,\"left_ms\":null,\"measured_ms\":null}],");
    CHECK_CONTAINS(out, "\"workers\":3,\"present\":3,\"hindered_by\":null,\"changed_by\":\"worker_"
                        "joined\",\"gaps\":{"
                        "\"10s\":{\"window_ms\":9500,\"jobs\":2,\"gap\":0.034},"
                        "\"60s\":{\"window_ms\":59500,\"jobs\":0,\"gap\":null},");
}

static void test_no_rates_for_programs(void)
{
    two_jobs();
    rates.count = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"jobs\":[],\"models\":[],\"workers\":3,");
}

static void test_a_head_is_missing(void)
{
    two_jobs();
    rates.head = false;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "the broker's listing of rates has no head");
}

// ---- times

static void test_times_for_people(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_times, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "alexnet     500      7  6.13 s    26.4 ms  812 us  1 us  2 us  3 min 12 s\n");
    CHECK_CONTAINS(
        out, "resnet18    400      0       -          -       -     -     -           -\n");
    CHECK_CONTAINS(out, "04000000  alexnet       2  6.13 s    26.4 ms\n");
    CHECK_CONTAINS(out, "08000000  resnet18      0       -          -\n");
    CHECK_INT(run(idn_ctl_times, "resnet18", false), IDN_EXIT_OK);
    CHECK(strstr(out, "alexnet") == NULL);
    CHECK_CONTAINS(out, "08000000  resnet18");
}

static void test_times_for_programs(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_times, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"models\":[{\"model\":\"alexnet\",\"batch\":500,\"tasks\":7,"
                        "\"mean_us\":6130000,\"deviation_us\":26400,\"median_us\":812,"
                        "\"p90_us\":1,\"p95_us\":2,\"p99_us\":192000000},");
    CHECK_CONTAINS(out, "\"tasks\":0,\"mean_us\":null,");
    CHECK_CONTAINS(out, "\"jobs\":[{\"job\":\"04000000000000000000000000\",\"model\":\"alexnet\","
                        "\"tasks\":2,\"mean_us\":6130000,\"deviation_us\":26400},");
}

static void test_no_such_model(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_times, "alexnit", true), IDN_EXIT_FAILURE);
    CHECK_STRING(out, "");
    CHECK_STRING(err, "idunno-ctl: no model is named alexnit; did you mean alexnet?\n");
    CHECK_INT(run(idn_ctl_times, "zzzzzzzzzz", false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "no model is named zzzzzzzzzz; idunno-ctl models lists them");
}

static void test_a_listing_without_an_end(void)
{
    two_jobs();
    repeats = true;
    CHECK_INT(run(idn_ctl_times, NULL, false), IDN_EXIT_FAILURE);
    CHECK_CONTAINS(err, "does not end: it repeats a page");
}

static void test_times_as_people_read_them(void)
{
    CHECK_STRING(idn_human_time_of(0).text, "0 us");
    CHECK_STRING(idn_human_time_of(999).text, "999 us");
    CHECK_STRING(idn_human_time_of(1000).text, "1.0 ms");
    CHECK_STRING(idn_human_time_of(999949).text, "999.9 ms");
    CHECK_STRING(idn_human_time_of(999950).text, "1.00 s");
    CHECK_STRING(idn_human_time_of(59994999).text, "59.99 s");
    CHECK_STRING(idn_human_time_of(60000000).text, "1 min 0 s");
}

// ---- the library's callers may stop

static bool stop_at_once(void *context, const struct idunno_rate *rate)
{
    ++*(int *)context;
    CHECK_INT(rate->failed, 2);
    return false;
}

static bool stop_at_once_too(void *context, const struct idunno_times *times)
{
    ++*(int *)context;
    CHECK_STRING(times->model, "alexnet");
    return false;
}

static int stop(struct idn_ctl *of)
{
    int calls = 0;
    struct idunno_pace pace;

    CHECK_INT(idunno_rates(of->idunno, stop_at_once, &calls, &pace), IDUNNO_STOPPED);
    CHECK_STRING(pace.changed_by, "worker_joined");
    CHECK_INT(idunno_times(of->idunno, stop_at_once_too, &calls), IDUNNO_STOPPED);
    CHECK_INT(calls, 2);
    return 0;
}

static void test_a_callback_stops(void)
{
    two_jobs();
    CHECK_INT(run(stop, NULL, false), 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {CHECK_TEST(test_rates_for_people),
        CHECK_TEST(test_jobs_of_one_model), CHECK_TEST(test_what_hinders_all),
        CHECK_TEST(test_results_that_have_not_come_yet), CHECK_TEST(test_rates_for_programs),
        CHECK_TEST(test_no_rates_for_programs), CHECK_TEST(test_a_head_is_missing),
        CHECK_TEST(test_times_for_people), CHECK_TEST(test_times_for_programs),
        CHECK_TEST(test_no_such_model), CHECK_TEST(test_a_listing_without_an_end),
        CHECK_TEST(test_times_as_people_read_them), CHECK_TEST(test_a_callback_stops)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
