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
        ret->u.rates.item = &job[1 - at]; // the newest first
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
        .sharing = 2,
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
        .measured_ms = 70000,
        .change_ms = 40000,
        .sharing = true};
    job[1] = (struct idn_rate_info){.key = {{2}},
        .model = "resnet18",
        .weight = 1,
        .batch = 400,
        .pending = 10,
        .wanted_share = 1.8,
        .measured_ms = 61000,
        .change_ms = 4999,
        .sharing = true};
    model[0] = (struct idn_times_info){"alexnet", 500, 7, 6130000, 26400, 812, 1, 2, 192000000};
    model[1] = (struct idn_times_info){.name = "resnet18", .batch = 400};
}

// ---- rates

static void test_rates_for_people(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "3 workers; a worker joined 42 s ago; these 2 jobs have shared for 1 min 1 s\n");
    CHECK_CONTAINS(out, "04000000  alexnet        2        2  1 (1.2)  1,200       3         40    "
                        "8,757  3 min 10 s\n");
    CHECK_CONTAINS(out,
        "08000000  resnet18       1        0     1.80      0       0          0     "
        "  10           -\n");
    CHECK_CONTAINS(out, "04000000                              50    45      40      43         "
                        "    6.00  5.40    4.80    5.10\n"
                        "08000000                               0     0       -       0         "
                        "    0.00  0.00       -    0.00\n"
                        "gap by weight, of 2 jobs                                               "
                        "   3.4 %     -  25.0 %   1.2 %\n");
    CHECK(strstr(out, "04000000") < strstr(out, "08000000")); // the oldest first
    CHECK(strstr(out, "not known") == NULL);
    job[0].wanted_workers = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "  1.20  ");
    job[0].wanted_share = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "WANTED is not known before a whole task of each model that shares was seen");
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

// Too short a window, or one that has not begun, says nothing.
static void test_short_windows(void)
{
    two_jobs();
    rates.gap[IDN_WINDOW_SHARED] = (struct idn_gap_info){.window_ms = 4999};
    rates.gap[IDN_WINDOW_10S].jobs = 3;
    job[1].weight = 2;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "40       -             6.00  5.40    4.80       -\n");
    CHECK_CONTAINS(out, "\ngap, of 2 to 3 jobs  ");
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"images_per_s\":{\"10s\":50,\"60s\":45,\"change\":40,\"shared\":null}");
}

// What nobody can serve is said of itself, and does not hold up what is said of the others.
static void test_a_job_that_does_not_share(void)
{
    two_jobs();
    rates.sharing = 1;
    job[1].sharing = false;
    job[1].wanted_share = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "ago; one job shares with no other for 1 min 1 s\n");
    CHECK_CONTAINS(out, "\nWANTED is of jobs that a worker can be given now; idunno-ctl why ID");
    CHECK(strstr(out, "not known before") == NULL);
    CHECK_CONTAINS(out, "0     0       -       -             0.00  0.00       -       -\n");
    job[1].pending = 0; // its last images are leased
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK(strstr(out, "WANTED is") == NULL);
    rates.sharing = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; no job has images that a worker can be given now\n");
}

static void test_what_hinders_workers(void)
{
    two_jobs();
    rates.workers = 1;
    rates.at_all = (struct idn_hindered){.drained = 1, .suspected = 1};
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "3 workers, 1 of them can work (1 silent just now, 1 drained); a worker joined");
    rates.workers = 0;
    rates.hindered_by = IDN_WHY_DRAINED;
    rates.at_all = (struct idn_hindered){.drained = 3};
    job[0].wanted_share = job[1].wanted_share = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "3 workers, none of them can work (3 drained); a worker joined 42 s ago");
    CHECK(strstr(out, "WANTED is") == NULL);
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"workers\":0,\"present\":3,\"hindered_by\":\"drained\",\"hindered\":{"
                        "\"suspected\":0,\"drained\":3,\"benched\":0,");
    rates.hindered_by = rates.present = rates.at_all.drained = 0;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "no workers; a worker joined");
}

// Who still finishes what it has begun can work.
static void test_a_broker_that_gives_out_nothing(void)
{
    two_jobs();
    rates.hindered_by = IDN_WHY_DISK_LOW;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(
        out, "3 workers, and nothing new is given out: the broker's disk is nearly full; ");
    rates.workers = 0;
    rates.present = rates.at_all.stuck = 1;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "1 worker, and it cannot work (1 without progress), and nothing new is");
}

static void test_results_that_have_not_come_yet(void)
{
    two_jobs();
    rates.awaited = 1;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; of 1 of the 2 jobs that share no results have come in yet\n\n");
    rates.awaited = 2;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "; no results have come in yet\n\n");
}

static void test_a_reign_is_a_change(void)
{
    two_jobs();
    rates.changed_by = IDN_CHANGE_REIGN;
    CHECK_INT(run(idn_ctl_rates, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "3 workers; this broker started 42 s ago; ");
    CHECK_INT(ctl_run(&(struct ctl_run){
                  .command = idn_ctl_rates, .brokers = 2, .away = 1, .answer = answer}),
        IDN_EXIT_OK);
    CHECK_CONTAINS(out, "3 workers; this broker took over 42 s ago; ");
}

static void test_rates_for_programs(void)
{
    two_jobs();
    job[1].wanted_share = 0;
    job[1].measured_ms = job[1].change_ms = 0;
    job[1].sharing = false;
    CHECK_INT(run(idn_ctl_rates, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"jobs\":[{\"job\":\"04000000000000000000000000\",\"model\":\"alexnet\","
                        "\"weight\":2,\"batch\":500,\"ok\":1200,\"failed\":3,\"quarantined\":1,"
                        "\"in_flight\":40,\"pending\":8757,"
                        "\"images_per_s\":{\"10s\":50,\"60s\":45,\"change\":40,\"shared\":42.5},"
                        "\"tasks_per_s\":{\"10s\":0.1,");
    CHECK_CONTAINS(out,
        "\"workers\":2,\"wanted_workers\":1,\"wanted_share\":1.2,\"left_ms\":190000,"
        "\"measured_ms\":70000,\"change_ms\":40000,\"sharing\":true},");
    CHECK_CONTAINS(out, "\"wanted_share\":null,\"left_ms\":null,\"measured_ms\":null,"
                        "\"change_ms\":null,\"sharing\":false}],");
    CHECK_CONTAINS(out, "\"workers\":3,\"present\":3,\"hindered_by\":null,\"hindered\":{"
                        "\"suspected\":0,\"drained\":0,\"benched\":0,\"stuck\":0,"
                        "\"unreachable\":0},\"changed_by\":\"worker_joined\",\"sharing\":2,"
                        "\"awaited\":0,\"gaps\":{"
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
    CHECK_CONTAINS(out, "04000000  alexnet       2  6.13 s    26.4 ms\n"
                        "08000000  resnet18      0       -          -\n");
    CHECK_INT(run(idn_ctl_times, "resnet18", false), IDN_EXIT_OK);
    CHECK(strstr(out, "alexnet") == NULL);
    CHECK_CONTAINS(out, "08000000  resnet18");
    model[0].tasks = job[0].tasks = 1; // of one there is no deviation
    CHECK_INT(run(idn_ctl_times, NULL, false), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "alexnet     500      1  6.13 s          -  812 us");
    CHECK_CONTAINS(out, "04000000  alexnet       1  6.13 s          -\n");
    CHECK_INT(run(idn_ctl_times, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "\"tasks\":1,\"mean_us\":6130000,\"deviation_us\":null,");
}

static void test_times_for_programs(void)
{
    two_jobs();
    CHECK_INT(run(idn_ctl_times, NULL, true), IDN_EXIT_OK);
    CHECK_CONTAINS(out, "{\"models\":[{\"model\":\"alexnet\",\"batch\":500,\"tasks\":7,"
                        "\"mean_us\":6130000,\"deviation_us\":26400,\"median_us\":812,"
                        "\"p90_us\":1,\"p95_us\":2,\"p99_us\":192000000},");
    CHECK_CONTAINS(out, "\"tasks\":0,\"mean_us\":null,");
    CHECK_CONTAINS(out, "{\"job\":\"04000000000000000000000000\",\"model\":\"alexnet\","
                        "\"tasks\":2,\"mean_us\":6130000,\"deviation_us\":26400}");
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
    CHECK_STRING(rate->model, "resnet18");
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
        CHECK_TEST(test_jobs_of_one_model), CHECK_TEST(test_short_windows),
        CHECK_TEST(test_a_job_that_does_not_share), CHECK_TEST(test_what_hinders_workers),
        CHECK_TEST(test_a_broker_that_gives_out_nothing), CHECK_TEST(test_a_reign_is_a_change),
        CHECK_TEST(test_results_that_have_not_come_yet), CHECK_TEST(test_rates_for_programs),
        CHECK_TEST(test_no_rates_for_programs), CHECK_TEST(test_a_head_is_missing),
        CHECK_TEST(test_times_for_people), CHECK_TEST(test_times_for_programs),
        CHECK_TEST(test_no_such_model), CHECK_TEST(test_a_listing_without_an_end),
        CHECK_TEST(test_times_as_people_read_them), CHECK_TEST(test_a_callback_stops)};

    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
