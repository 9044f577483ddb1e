// idunno-ctl rates: how fast the open jobs get on, and how equally.
#include "client/ctl_listing.h"
#include "client/human.h"

#include <stdio.h>
#include <string.h>

#define RATES ">IMAGES/S, 10 S|>60 S|>CHANGE|>SHARED|>TASKS/MIN, 10 S|>60 S|>CHANGE|>SHARED"

static const char *const windows[IDUNNO_WINDOWS] = {"10s", "60s", "change", "shared"};

// The open jobs of a model together.
struct model {
    char name[IDN_NAME_SIZE];
    uint32_t jobs;
    uint64_t ok, failed, in_flight, pending;
    double images_per_s[IDUNNO_WINDOWS], tasks_per_s[IDUNNO_WINDOWS];
};

struct listing {
    struct idn_table *state, *rates; // or
    struct idn_json *json;
    uint32_t count;
    uint32_t unmeasured; // of them: no results have come in in this reign
    uint32_t resumed;    // of those: it had some before
    uint32_t unwanted;   // of them, with work: what the formula wants is not known
    struct model model[IDN_MODELS_MAX];
    uint32_t models;
};

// ---- for programs

static void windows_json(struct idn_json *json, const char *name, const double *value)
{
    idn_json_object(json, name);
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        idn_json_double(json, windows[i], value[i]);
    idn_json_end(json);
}

static void known_json(struct idn_json *json, const char *name, uint64_t value)
{
    if (value > 0)
        idn_json_u64(json, name, value);
    else
        idn_json_null(json, name);
}

static void job_json(struct idn_json *json, const struct idunno_rate *rate)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "job", rate->job.id);
    idn_json_string(json, "model", rate->model);
    idn_json_u64(json, "weight", rate->weight);
    idn_json_u64(json, "batch", rate->batch);
    idn_json_u64(json, "ok", rate->ok);
    idn_json_u64(json, "failed", (uint64_t)rate->failed + rate->quarantined);
    idn_json_u64(json, "quarantined", rate->quarantined);
    idn_json_u64(json, "in_flight", rate->in_flight);
    idn_json_u64(json, "pending", rate->pending);
    windows_json(json, "images_per_s", rate->images_per_s);
    windows_json(json, "tasks_per_s", rate->tasks_per_s);
    idn_json_u64(json, "workers", rate->workers);
    known_json(json, "wanted_workers", rate->wanted_workers);
    if (rate->wanted_share > 0)
        idn_json_double(json, "wanted_share", rate->wanted_share);
    else
        idn_json_null(json, "wanted_share");
    known_json(json, "left_ms", rate->left_ms);
    known_json(json, "measured_ms", rate->measured_ms);
    idn_json_end(json);
}

static void model_json(struct idn_json *json, const struct model *model)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "model", model->name);
    idn_json_u64(json, "jobs", model->jobs);
    idn_json_u64(json, "ok", model->ok);
    idn_json_u64(json, "failed", model->failed);
    idn_json_u64(json, "in_flight", model->in_flight);
    idn_json_u64(json, "pending", model->pending);
    windows_json(json, "images_per_s", model->images_per_s);
    windows_json(json, "tasks_per_s", model->tasks_per_s);
    idn_json_end(json);
}

static void pace_json(struct idn_json *json, const struct idunno_pace *pace)
{
    idn_json_u64(json, "workers", pace->workers);
    idn_json_u64(json, "present", pace->present);
    idn_json_string(json, "hindered_by", pace->hindered_by);
    idn_json_string(json, "changed_by", pace->changed_by);
    idn_json_object(json, "gaps");
    for (int i = 0; i < IDUNNO_WINDOWS; i++) {
        idn_json_object(json, windows[i]);
        idn_json_u64(json, "window_ms", pace->gap[i].window_ms);
        idn_json_u64(json, "jobs", pace->gap[i].jobs);
        if (pace->gap[i].jobs > 0)
            idn_json_double(json, "gap", pace->gap[i].gap);
        else
            idn_json_null(json, "gap");
        idn_json_end(json);
    }
    idn_json_end(json);
}

// ---- for people

static void wanted_cell(struct idn_table *table, const struct idunno_rate *rate)
{
    if (rate->wanted_workers > 0)
        idn_table_cell(table, "%u (%.1f)", rate->wanted_workers, rate->wanted_share);
    else if (rate->wanted_share > 0)
        idn_table_cell(table, "%.2f", rate->wanted_share);
    else
        idn_table_cell(table, "-");
}

static void state_row(struct idn_table *table, const struct idunno_rate *rate)
{
    idn_table_cell(table, "%.8s", rate->job.id);
    idn_table_cell(table, "%s", rate->model);
    idn_table_cell(table, "%s", idn_human_count(rate->weight).text);
    idn_table_cell(table, "%s", idn_human_count(rate->workers).text);
    wanted_cell(table, rate);
    idn_table_cell(table, "%s", idn_human_count(rate->ok).text);
    idn_table_cell(table, "%s", idn_human_count((uint64_t)rate->failed + rate->quarantined).text);
    idn_table_cell(table, "%s", idn_human_count(rate->in_flight).text);
    idn_table_cell(table, "%s", idn_human_count(rate->pending).text);
    idn_table_cell(table, "%s", rate->left_ms > 0 ? idn_human_duration(rate->left_ms).text : "-");
}

static void task_rate_cell(struct idn_table *table, double per_min)
{
    if (per_min < 999.995)
        idn_table_cell(table, "%.2f", per_min);
    else
        idn_table_cell(table, "%s", idn_human_rate(per_min).text);
}

static void rate_cells(
    struct idn_table *table, const double *images_per_s, const double *tasks_per_s)
{
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        idn_table_cell(table, "%s", idn_human_rate(images_per_s[i]).text);
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        task_rate_cell(table, tasks_per_s[i] * 60);
}

static void rates_row(struct idn_table *table, const struct idunno_rate *rate)
{
    idn_table_cell(table, "%.8s", rate->job.id);
    rate_cells(table, rate->images_per_s, rate->tasks_per_s);
}

// Of models with one job its line has said it.
static void print_models(const struct listing *listing)
{
    struct idn_table *table;
    bool several = false;

    for (uint32_t i = 0; i < listing->models; i++)
        several = several || listing->model[i].jobs > 1;
    if (!several)
        return;
    idn_table_new("MODEL|>JOBS|" RATES, &table);
    for (uint32_t i = 0; i < listing->models; i++) {
        idn_table_cell(table, "%s", listing->model[i].name);
        idn_table_cell(table, "%s", idn_human_count(listing->model[i].jobs).text);
        rate_cells(table, listing->model[i].images_per_s, listing->model[i].tasks_per_s);
    }
    (void)putchar('\n');
    idn_table_print(table, stdout);
    idn_table_destroy(&table);
}

static void gap_row(struct idn_table *table, const struct idunno_pace *pace)
{
    idn_table_cell(table, "gap");
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        idn_table_cell(table, "%s", "");
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        if (pace->gap[i].jobs > 0)
            idn_table_cell(table, "%.1f %%", pace->gap[i].gap * 100);
        else
            idn_table_cell(table, "-");
}

static const char *change_text(const char *change)
{
    static const char *const texts[][2] = {{"reign", "the broker began"},
        {"job_accepted", "a job came"}, {"job_ended", "a job ended"},
        {"job_cancelled", "a job was cancelled"}, {"worker_joined", "a worker joined"},
        {"worker_left", "a worker left"}, {"weight", "a weight was set"},
        {"batch", "a batch was set"}, {"drain", "a worker was drained or undrained"}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(change, texts[i][0]) == 0)
            return texts[i][1];
    return change;
}

static const char *hindrance_text(const char *code)
{
    static const char *const texts[][2] = {{"suspected", "silent just now"},
        {"stuck", "their work does not get on"}, {"unreachable", "without a connection"},
        {"disk_low", "the broker's disk is nearly full"},
        {"starting", "the broker has just started"}, {"handing_over", "the broker is handing over"},
        {"unconfirmed", "the broker waits to hear whether it still reigns"}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(code, texts[i][0]) == 0)
            return texts[i][1];
    return code; // drained, benched
}

static void print_workers(const struct idunno_pace *pace)
{
    (void)printf("%s worker%s", pace->present == 0 ? "no" : idn_human_count(pace->present).text,
        pace->present == 1 ? "" : "s");
    if (pace->hindered_by != NULL && pace->present == 1)
        (void)printf(", and it cannot work: %s", hindrance_text(pace->hindered_by));
    else if (pace->hindered_by != NULL)
        (void)printf(", none of them can work: %s", hindrance_text(pace->hindered_by));
    else if (pace->workers < pace->present)
        (void)printf(", %s of them can work", idn_human_count(pace->workers).text);
}

static void print_sharing(const struct listing *listing, const struct idunno_gap *shared)
{
    const char *when = listing->resumed > 0 ? "since this broker began" : "yet";

    if (listing->unmeasured == 0)
        (void)printf(
            "the jobs share as now for %s\n\n", idn_human_duration(shared->window_ms).text);
    else if (listing->unmeasured == listing->count)
        (void)printf("no results have come in %s\n\n", when);
    else
        (void)printf("of %s of the %s jobs no results have come in %s\n\n",
            idn_human_count(listing->unmeasured).text, idn_human_count(listing->count).text, when);
}

static void print(struct listing *listing, const struct idunno_pace *pace)
{
    if (listing->count == 0) {
        (void)puts("no open jobs");
        return;
    }
    print_workers(pace);
    (void)printf("; %s %s ago; ", change_text(pace->changed_by),
        idn_human_duration(pace->gap[IDUNNO_SINCE_CHANGE].window_ms).text);
    print_sharing(listing, &pace->gap[IDUNNO_SINCE_SHARED]);
    idn_table_print(listing->state, stdout);
    (void)putchar('\n');
    gap_row(listing->rates, pace);
    idn_table_print(listing->rates, stdout);
    print_models(listing);
    if (listing->unwanted > 0 && pace->workers > 0)
        (void)puts(
            "\nWANTED is not known before a whole task of each model was seen; idunno-ctl times");
}

static void add_to_model(struct listing *listing, const struct idunno_rate *rate)
{
    uint32_t at = 0;

    while (at < listing->models && strcmp(listing->model[at].name, rate->model) != 0)
        at++;
    if (at == IDN_MODELS_MAX)
        return;
    struct model *model = &listing->model[at];
    if (at == listing->models) {
        listing->models++;
        (void)snprintf(model->name, sizeof(model->name), "%s", rate->model);
    }
    model->jobs++;
    model->ok += rate->ok;
    model->failed += (uint64_t)rate->failed + rate->quarantined;
    model->in_flight += rate->in_flight;
    model->pending += rate->pending;
    for (int i = 0; i < IDUNNO_WINDOWS; i++) {
        model->images_per_s[i] += rate->images_per_s[i];
        model->tasks_per_s[i] += rate->tasks_per_s[i];
    }
}

static bool list_job(void *context, const struct idunno_rate *rate)
{
    struct listing *listing = context;

    listing->count++;
    add_to_model(listing, rate);
    listing->unmeasured += rate->measured_ms == 0;
    listing->resumed += rate->measured_ms == 0 && rate->ok + rate->failed + rate->quarantined > 0;
    listing->unwanted +=
        rate->batch > 0 && rate->pending + rate->in_flight > 0 && !(rate->wanted_share > 0);
    if (listing->json != NULL) {
        job_json(listing->json, rate);
        return true;
    }
    state_row(listing->state, rate);
    rates_row(listing->rates, rate);
    return true;
}

static int list_json(struct idn_ctl *ctl)
{
    struct idn_ctl_document document;
    struct idn_json *json = &document.json;
    struct listing listing = {.json = json};
    struct idunno_pace pace;

    idn_ctl_document_open(&document);
    idn_json_object(json, NULL);
    idn_json_array(json, "jobs");
    enum idunno_code code = idunno_rates(ctl->idunno, list_job, &listing, &pace);
    idn_json_end(json);
    idn_json_array(json, "models");
    for (uint32_t i = 0; i < listing.models; i++)
        model_json(json, &listing.model[i]);
    idn_json_end(json);
    if (code == IDUNNO_OK)
        pace_json(json, &pace);
    idn_json_end(json);
    return idn_ctl_document_close(ctl, &document, code);
}

static int list_tables(struct idn_ctl *ctl)
{
    struct listing listing = {.json = NULL};
    struct idunno_pace pace;

    idn_table_new("JOB|MODEL|>WEIGHT|>WORKERS|>WANTED|>OK|>FAILED|>IN FLIGHT|>PENDING|>TIME LEFT",
        &listing.state);
    idn_table_new("JOB|" RATES, &listing.rates);
    enum idunno_code code = idunno_rates(ctl->idunno, list_job, &listing, &pace);
    if (code == IDUNNO_OK)
        print(&listing, &pace);
    idn_table_destroy(&listing.state);
    idn_table_destroy(&listing.rates);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

int idn_ctl_rates(struct idn_ctl *ctl)
{
    return ctl->json ? list_json(ctl) : list_tables(ctl);
}
