// idunno-ctl times: how long the tasks of models and jobs take.
#include "client/ctl_listing.h"
#include "client/ctl_speeds.h"
#include "client/human.h"

#include <stdio.h>
#include <string.h>

struct listing {
    const char *model;       // only this one, or NULL
    struct idn_table *table; // or
    struct idn_json *json;
    uint32_t count;
};

// ---- for programs

// enough: there are as many tasks as it takes to tell this.
static void time_json(struct idn_json *json, const char *name, bool enough, uint64_t us)
{
    if (enough)
        idn_json_u64(json, name, us);
    else
        idn_json_null(json, name);
}

static void model_json(struct idn_json *json, const struct idunno_times *times)
{
    uint64_t tasks = times->tasks;

    idn_json_object(json, NULL);
    idn_json_string(json, "model", times->model);
    idn_json_u64(json, "batch", times->batch);
    idn_json_u64(json, "tasks", tasks);
    time_json(json, "mean_us", tasks > 0, times->mean_us);
    time_json(json, "deviation_us", tasks > 1, times->deviation_us);
    time_json(json, "median_us", tasks > 0, times->median_us);
    time_json(json, "p90_us", tasks > 0, times->p90_us);
    time_json(json, "p95_us", tasks > 0, times->p95_us);
    time_json(json, "p99_us", tasks > 0, times->p99_us);
    idn_json_end(json);
}

static void job_json(struct idn_json *json, const struct idunno_rate *rate)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "job", rate->job.id);
    idn_json_string(json, "model", rate->model);
    idn_json_u64(json, "tasks", rate->tasks);
    time_json(json, "mean_us", rate->tasks > 0, rate->mean_us);
    time_json(json, "deviation_us", rate->tasks > 1, rate->deviation_us);
    idn_json_end(json);
}

// ---- for people

static void time_cell(struct idn_table *table, bool enough, uint64_t us)
{
    idn_table_cell(table, "%s", enough ? idn_human_time_of(us).text : "-");
}

static void model_row(struct idn_table *table, const struct idunno_times *times)
{
    idn_table_cell(table, "%s", times->model);
    idn_table_cell(table, "%s", idn_human_count(times->batch).text);
    idn_table_cell(table, "%s", idn_human_count(times->tasks).text);
    time_cell(table, times->tasks > 0, times->mean_us);
    time_cell(table, times->tasks > 1, times->deviation_us);
    time_cell(table, times->tasks > 0, times->median_us);
    time_cell(table, times->tasks > 0, times->p90_us);
    time_cell(table, times->tasks > 0, times->p95_us);
    time_cell(table, times->tasks > 0, times->p99_us);
}

static void job_row(struct idn_table *table, const struct idunno_rate *rate)
{
    idn_table_cell(table, "%.8s", rate->job.id);
    idn_table_cell(table, "%s", rate->model);
    idn_table_cell(table, "%s", idn_human_count(rate->tasks).text);
    time_cell(table, rate->tasks > 0, rate->mean_us);
    time_cell(table, rate->tasks > 1, rate->deviation_us);
}

// ---- the lists

static bool is_wanted(const struct listing *listing, const char *model)
{
    return listing->model == NULL || strcmp(listing->model, model) == 0;
}

static bool list_model(void *context, const struct idunno_times *times)
{
    struct listing *listing = context;

    if (!is_wanted(listing, times->model))
        return true;
    listing->count++;
    if (listing->json != NULL)
        model_json(listing->json, times);
    else
        model_row(listing->table, times);
    return true;
}

static void list_job(struct listing *listing, const struct idunno_rate *rate)
{
    if (!is_wanted(listing, rate->model))
        return;
    listing->count++;
    if (listing->json != NULL)
        job_json(listing->json, rate);
    else
        job_row(listing->table, rate);
}

// The oldest first.
static enum idunno_code list_jobs(struct idn_ctl *ctl, struct listing *listing)
{
    struct idn_ctl_speeds speeds;
    enum idunno_code code = idn_ctl_speeds_take(ctl, &speeds);

    for (size_t i = 0; code == IDUNNO_OK && i < speeds.count; i++)
        list_job(listing, &speeds.job[i]);
    idn_ctl_speeds_free(&speeds);
    return code;
}

static int print_json(struct idn_ctl *ctl)
{
    struct idn_ctl_document document;
    struct idn_json *json = &document.json;
    struct listing models = {.model = ctl->id, .json = json}, jobs = models;

    idn_ctl_document_open(&document);
    idn_json_object(json, NULL);
    idn_json_array(json, "models");
    enum idunno_code code = idunno_times(ctl->idunno, list_model, &models);
    idn_json_end(json);
    idn_json_array(json, "jobs");
    if (code == IDUNNO_OK)
        code = list_jobs(ctl, &jobs);
    idn_json_end(json);
    idn_json_end(json);
    return idn_ctl_document_close(ctl, &document, code);
}

static void print_tables(const struct listing *models, const struct listing *jobs)
{
    idn_table_print(models->table, stdout);
    if (jobs->count == 0)
        return;
    (void)putchar('\n');
    idn_table_print(jobs->table, stdout);
}

static int print(struct idn_ctl *ctl)
{
    struct listing models = {.model = ctl->id}, jobs = models;

    idn_table_new("MODEL|>BATCH|>TASKS|>MEAN|>DEVIATION|>MEDIAN|>P90|>P95|>P99", &models.table);
    idn_table_new("JOB|MODEL|>TASKS|>MEAN|>DEVIATION", &jobs.table);
    enum idunno_code code = idunno_times(ctl->idunno, list_model, &models);
    if (code == IDUNNO_OK)
        code = list_jobs(ctl, &jobs);
    if (code == IDUNNO_OK)
        print_tables(&models, &jobs);
    idn_table_destroy(&models.table);
    idn_table_destroy(&jobs.table);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

// ---- which model

struct models {
    const char *names[IDN_MODELS_MAX];
    char name[IDN_MODELS_MAX][IDN_NAME_SIZE];
    size_t count;
};

static bool note_model(void *context, const struct idunno_times *times)
{
    struct models *models = context;

    if (models->count == IDN_MODELS_MAX)
        return true;
    (void)snprintf(models->name[models->count], IDN_NAME_SIZE, "%s", times->model);
    models->names[models->count] = models->name[models->count];
    models->count++;
    return true;
}

static int check_model(struct idn_ctl *ctl)
{
    struct models models = {.count = 0};
    enum idunno_code code = idunno_times(ctl->idunno, note_model, &models);

    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    for (size_t i = 0; i < models.count; i++)
        if (strcmp(models.name[i], ctl->id) == 0)
            return IDN_EXIT_OK;
    return idn_ctl_no_model(ctl->id, models.names, models.count);
}

int idn_ctl_times(struct idn_ctl *ctl)
{
    int status = ctl->id == NULL ? IDN_EXIT_OK : check_model(ctl);

    if (status != IDN_EXIT_OK)
        return status;
    return ctl->json ? print_json(ctl) : print(ctl);
}
