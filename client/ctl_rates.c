// idunno-ctl rates: how fast the open jobs get on, and how equally.
#include "client/call.h"
#include "client/ctl_speeds.h"
#include "client/human.h"
#include "client/table.h"

#include <stdio.h>
#include <string.h>

#define RATES ">IMAGES/S, 10 S|>60 S|>CHANGE|>SHARED|>TASKS/MIN, 10 S|>60 S|>CHANGE|>SHARED"

static const char *const windows[IDUNNO_WINDOWS] = {"10s", "60s", "change", "shared"};

// Of a job, or of all open jobs of a model.
struct speed {
    double images_per_s[IDUNNO_WINDOWS], tasks_per_s[IDUNNO_WINDOWS];
    bool known[IDUNNO_WINDOWS];
};

// The open jobs of a model together.
struct model {
    char name[IDN_NAME_SIZE];
    uint32_t jobs;
    uint64_t ok, failed, in_flight, pending;
    struct speed speed;
};

struct listing {
    struct idn_ctl_speeds of;
    struct model model[IDN_MODELS_MAX];
    uint32_t models;
};

static struct speed speed_of(const struct idunno_pace *pace, const struct idunno_rate *rate)
{
    struct speed speed;

    memcpy(speed.images_per_s, rate->images_per_s, sizeof(speed.images_per_s));
    memcpy(speed.tasks_per_s, rate->tasks_per_s, sizeof(speed.tasks_per_s));
    speed.known[IDUNNO_LAST_10S] = speed.known[IDUNNO_LAST_60S] = true;
    // A window that has hardly begun says nothing.
    speed.known[IDUNNO_SINCE_CHANGE] = rate->change_ms >= IDN_WINDOW_MS_MIN;
    speed.known[IDUNNO_SINCE_SHARED] =
        rate->sharing && pace->gap[IDUNNO_SINCE_SHARED].window_ms >= IDN_WINDOW_MS_MIN;
    return speed;
}

static void add_speed(struct speed *sum, const struct speed *speed)
{
    for (int i = 0; i < IDUNNO_WINDOWS; i++) {
        if (!speed->known[i])
            continue;
        sum->known[i] = true;
        sum->images_per_s[i] += speed->images_per_s[i];
        sum->tasks_per_s[i] += speed->tasks_per_s[i];
    }
}

// ---- for programs

static void windows_json(
    struct idn_json *json, const char *name, const double *value, const bool *known)
{
    idn_json_object(json, name);
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        if (known[i])
            idn_json_double(json, windows[i], value[i]);
        else
            idn_json_null(json, windows[i]);
    idn_json_end(json);
}

static void speed_json(struct idn_json *json, const struct speed *speed)
{
    windows_json(json, "images_per_s", speed->images_per_s, speed->known);
    windows_json(json, "tasks_per_s", speed->tasks_per_s, speed->known);
}

static void known_json(struct idn_json *json, const char *name, uint64_t value)
{
    if (value > 0)
        idn_json_u64(json, name, value);
    else
        idn_json_null(json, name);
}

static void job_json(
    struct idn_json *json, const struct idunno_rate *rate, const struct idunno_pace *pace)
{
    struct speed speed = speed_of(pace, rate);

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
    speed_json(json, &speed);
    idn_json_u64(json, "workers", rate->workers);
    known_json(json, "wanted_workers", rate->wanted_workers);
    if (rate->wanted_share > 0)
        idn_json_double(json, "wanted_share", rate->wanted_share);
    else
        idn_json_null(json, "wanted_share");
    known_json(json, "left_ms", rate->left_ms);
    known_json(json, "measured_ms", rate->measured_ms);
    known_json(json, "change_ms", rate->change_ms);
    idn_json_bool(json, "sharing", rate->sharing);
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
    speed_json(json, &model->speed);
    idn_json_end(json);
}

// Workers that cannot be given work.
static const struct {
    const char *name, *text;
    size_t offset;
} hindrances[] = {
    {"suspected", "silent just now", offsetof(struct idunno_pace, suspected)},
    {"drained", "drained", offsetof(struct idunno_pace, drained)},
    {"benched", "benched", offsetof(struct idunno_pace, benched)},
    {"stuck", "without progress", offsetof(struct idunno_pace, stuck)},
    {"unreachable", "without a connection", offsetof(struct idunno_pace, unreachable)},
};
enum { HINDRANCES = sizeof(hindrances) / sizeof(*hindrances) };

static uint32_t hindered(const struct idunno_pace *pace, int hindrance)
{
    uint32_t count;

    memcpy(&count, (const char *)pace + hindrances[hindrance].offset, sizeof(count));
    return count;
}

static void pace_json(struct idn_json *json, const struct idunno_pace *pace)
{
    idn_json_u64(json, "workers", pace->workers);
    idn_json_u64(json, "present", pace->present);
    idn_json_string(json, "hindered_by", pace->hindered_by);
    idn_json_object(json, "hindered");
    for (int i = 0; i < HINDRANCES; i++)
        idn_json_u64(json, hindrances[i].name, hindered(pace, i));
    idn_json_end(json);
    idn_json_string(json, "changed_by", pace->changed_by);
    idn_json_u64(json, "sharing", pace->sharing);
    idn_json_u64(json, "awaited", pace->awaited);
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

static void speed_cells(struct idn_table *table, const struct speed *speed)
{
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        idn_table_cell(
            table, "%s", speed->known[i] ? idn_human_rate(speed->images_per_s[i]).text : "-");
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        if (speed->known[i])
            task_rate_cell(table, speed->tasks_per_s[i] * 60);
        else
            idn_table_cell(table, "-");
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
        speed_cells(table, &listing->model[i].speed);
    }
    (void)putchar('\n');
    idn_table_print(table, stdout);
    idn_table_destroy(&table);
}

// "gap by weight, of 2 jobs": of which it is may differ from window to window.
static void gap_name(struct idn_table *table, const struct listing *listing)
{
    uint32_t least = UINT32_MAX, most = 0;
    bool weighted = false;

    for (size_t i = 1; i < listing->of.count; i++)
        weighted |= listing->of.job[i].weight != listing->of.job[0].weight;
    for (int i = 0; i < IDUNNO_WINDOWS; i++) {
        uint32_t jobs = listing->of.pace.gap[i].jobs;
        least = jobs > 0 && jobs < least ? jobs : least;
        most = jobs > most ? jobs : most;
    }
    const char *name = weighted ? "gap by weight" : "gap";
    if (most == 0)
        idn_table_cell(table, "%s", name);
    else if (least == most)
        idn_table_cell(table, "%s, of %u jobs", name, most);
    else
        idn_table_cell(table, "%s, of %u to %u jobs", name, least, most);
}

static void gap_row(struct idn_table *table, const struct listing *listing)
{
    gap_name(table, listing);
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        idn_table_cell(table, "%s", "");
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        if (listing->of.pace.gap[i].jobs > 0)
            idn_table_cell(table, "%.1f %%", listing->of.pace.gap[i].gap * 100);
        else
            idn_table_cell(table, "-");
}

// brokers: of the cluster. With another one a reign is taken over from it.
static const char *change_text(const char *change, uint32_t brokers)
{
    static const char *const texts[][2] = {{"reign", "this broker started"},
        {"job_accepted", "a job came"}, {"job_ended", "a job ended"},
        {"job_cancelled", "a job was cancelled"}, {"worker_joined", "a worker joined"},
        {"worker_left", "a worker left"}, {"weight", "a weight was set"},
        {"batch", "a batch was set"}, {"drain", "a worker was drained or undrained"}};

    if (brokers > 1 && strcmp(change, "reign") == 0)
        return "this broker took over";
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(change, texts[i][0]) == 0)
            return texts[i][1];
    return change;
}

// Why nothing is given out to anybody; NULL: that is not so, or each worker has its own reason.
static const char *closed_text(const char *code)
{
    static const char *const texts[][2] = {{"disk_low", "the broker's disk is nearly full"},
        {"starting", "the broker has just started"}, {"handing_over", "the broker is handing over"},
        {"unconfirmed", "the broker waits to hear whether it still reigns"}};

    for (size_t i = 0; code != NULL && i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(code, texts[i][0]) == 0)
            return texts[i][1];
    return NULL;
}

// " (1 drained, 2 silent just now)"
static void print_hindered(const struct idunno_pace *pace)
{
    uint32_t said = 0;

    for (int i = 0; i < HINDRANCES; i++)
        if (hindered(pace, i) > 0)
            (void)printf("%s%s %s", said++ == 0 ? " (" : ", ",
                idn_human_count(hindered(pace, i)).text, hindrances[i].text);
    if (said > 0)
        (void)putchar(')');
}

static void print_workers(const struct idunno_pace *pace)
{
    const char *closed = closed_text(pace->hindered_by);

    (void)printf("%s worker%s", pace->present == 0 ? "no" : idn_human_count(pace->present).text,
        pace->present == 1 ? "" : "s");
    if (pace->workers < pace->present && pace->present == 1)
        (void)printf(", and it cannot work");
    else if (pace->workers < pace->present)
        (void)printf(", %s of them can work",
            pace->workers == 0 ? "none" : idn_human_count(pace->workers).text);
    if (pace->workers < pace->present)
        print_hindered(pace);
    if (closed != NULL)
        (void)printf(", and nothing new is given out: %s", closed);
}

static void print_sharing(const struct listing *listing)
{
    const struct idunno_pace *pace = &listing->of.pace;
    struct idn_human sharing = idn_human_count(pace->sharing),
                     all = idn_human_count(listing->of.count),
                     since = idn_human_duration(pace->gap[IDUNNO_SINCE_SHARED].window_ms);

    if (pace->sharing == 0)
        (void)printf("no job has images that a worker can be given now");
    else if (pace->awaited == pace->sharing)
        (void)printf("no results have come in yet");
    else if (pace->awaited > 0)
        (void)printf("of %s of the %s jobs that share no results have come in yet",
            idn_human_count(pace->awaited).text, sharing.text);
    else if (pace->sharing == 1)
        (void)printf("one job shares with no other for %s", since.text);
    else if (pace->sharing == listing->of.count)
        (void)printf("these %s jobs have shared for %s", sharing.text, since.text);
    else
        (void)printf("%s of these %s jobs have shared for %s", sharing.text, all.text, since.text);
    (void)puts("\n");
}

// Why there is no WANTED, as far as it is true for a job listed.
static void print_hints(const struct listing *listing)
{
    bool apart = false, unseen = false;

    for (size_t i = 0; i < listing->of.count; i++) {
        const struct idunno_rate *rate = &listing->of.job[i];
        unseen |= rate->sharing && !(rate->wanted_share > 0);
        apart |= !rate->sharing && rate->pending > 0;
    }
    if ((unseen || apart) && listing->of.pace.workers > 0)
        (void)putchar('\n');
    if (unseen && listing->of.pace.workers > 0)
        (void)puts("WANTED is not known before a whole task of each model that shares was seen; "
                   "idunno-ctl times");
    if (apart && listing->of.pace.workers > 0)
        (void)puts("WANTED is of jobs that a worker can be given now; idunno-ctl why ID says what "
                   "hinders another");
}

static void print(const struct listing *listing, uint32_t brokers)
{
    const struct idunno_pace *pace = &listing->of.pace;
    struct idn_table *state, *rates;

    if (listing->of.count == 0) {
        (void)puts("no open jobs");
        return;
    }
    print_workers(pace);
    (void)printf("; %s %s ago; ", change_text(pace->changed_by, brokers),
        idn_human_duration(pace->gap[IDUNNO_SINCE_CHANGE].window_ms).text);
    print_sharing(listing);
    idn_table_new(
        "JOB|MODEL|>WEIGHT|>WORKERS|>WANTED|>OK|>FAILED|>IN FLIGHT|>PENDING|>TIME LEFT", &state);
    idn_table_new("JOB|" RATES, &rates);
    for (size_t i = 0; i < listing->of.count; i++) {
        struct speed speed = speed_of(pace, &listing->of.job[i]);
        state_row(state, &listing->of.job[i]);
        idn_table_cell(rates, "%.8s", listing->of.job[i].job.id);
        speed_cells(rates, &speed);
    }
    gap_row(rates, listing);
    idn_table_print(state, stdout);
    (void)putchar('\n');
    idn_table_print(rates, stdout);
    idn_table_destroy(&state);
    idn_table_destroy(&rates);
    print_models(listing);
    print_hints(listing);
}

// ---- the listing

static void add_to_model(struct listing *listing, const struct idunno_rate *rate)
{
    struct speed speed = speed_of(&listing->of.pace, rate);
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
    add_speed(&model->speed, &speed);
}

static void print_json(const struct listing *listing)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_array(&json, "jobs");
    for (size_t i = 0; i < listing->of.count; i++)
        job_json(&json, &listing->of.job[i], &listing->of.pace);
    idn_json_end(&json);
    idn_json_array(&json, "models");
    for (uint32_t i = 0; i < listing->models; i++)
        model_json(&json, &listing->model[i]);
    idn_json_end(&json);
    pace_json(&json, &listing->of.pace);
    idn_json_end(&json);
}

int idn_ctl_rates(struct idn_ctl *ctl)
{
    struct listing listing = {.models = 0};
    enum idunno_code code = idn_ctl_speeds_take(ctl, &listing.of);

    for (size_t i = 0; code == IDUNNO_OK && i < listing.of.count; i++)
        add_to_model(&listing, &listing.of.job[i]);
    if (code == IDUNNO_OK && ctl->json)
        print_json(&listing);
    else if (code == IDUNNO_OK)
        print(&listing, ctl->cluster.brokers);
    idn_ctl_speeds_free(&listing.of);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}
