// idunno-ctl jobs, job, wait, cancel, forget.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_STEP_MS = 20000, AGAIN_MS = 1000 };

static uint64_t done_of(const struct idunno_info *info)
{
    return info->ok + idn_job_failed(info);
}

static const char *images_of(const struct idunno_info *info)
{
    return info->dataset[0] == '\0' ? "(own list)" : info->dataset;
}

// ---- jobs

// All of them are kept until the last one came: the broker lists the newest first.
struct listing {
    struct idunno_info *job; // owned
    size_t count, room;
    bool weighted; // one of them has another weight than 1
};

static bool keep(void *context, const void *row)
{
    struct listing *listing = context;

    if (listing->count == listing->room) {
        listing->room = 2 * listing->room + 16;
        listing->job = realloc(listing->job, listing->room * sizeof(*listing->job));
        IDN_ASSERT(listing->job != NULL);
    }
    idn_call_info(row, &listing->job[listing->count]);
    listing->weighted |= listing->job[listing->count++].weight != 1;
    return true;
}

static void job_row(struct idn_table *table, const struct idunno_info *info, bool weighted)
{
    idn_table_cell(table, "%.8s", info->job.id);
    idn_table_cell(table, "%s", idn_job_state_text(info));
    idn_table_cell(table, "%s", info->model);
    idn_table_cell(table, "%s", images_of(info));
    if (weighted)
        idn_table_cell(table, "%" PRIu32, info->weight);
    idn_table_cell(table, "%s", idn_human_count(idn_job_images(info)).text);
    idn_table_cell(table, "%s", idn_human_count(done_of(info)).text);
    idn_table_cell(table, "%s", idn_human_count(idn_job_failed(info)).text);
    idn_table_cell(table, "%s",
        idn_human_rate(info->state == IDUNNO_OPEN ? info->images_per_s : idn_job_rate(info)).text);
    idn_table_cell(table, "%s", idn_human_duration(info->elapsed_ms).text);
    idn_table_cell(table, "%s", info->client);
}

static void print_jobs(const struct listing *listing)
{
    struct idn_table *table;

    idn_table_new(
        listing->weighted
            ? "JOB|STATE|MODEL|DATASET|>WEIGHT|>IMAGES|>DONE|>FAILED|>IMAGES/S|>TIME|CLIENT"
            : "JOB|STATE|MODEL|DATASET|>IMAGES|>DONE|>FAILED|>IMAGES/S|>TIME|CLIENT",
        &table);
    for (size_t i = listing->count; i-- > 0;)
        job_row(table, &listing->job[i], listing->weighted);
    idn_table_print(table, stdout);
    idn_table_destroy(&table);
}

static void jobs_json(const struct listing *listing)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_array(&json, NULL);
    for (size_t i = listing->count; i-- > 0;) {
        idn_json_object(&json, NULL);
        idn_job_json(&json, &listing->job[i]);
        idn_json_end(&json);
    }
    idn_json_end(&json);
}

int idn_ctl_jobs(struct idn_ctl *ctl)
{
    struct listing listing = {0};
    const struct idn_listing jobs = {
        .type = IDN_REQUEST_JOBS, .all = ctl->all, .on_row = keep, .context = &listing};
    enum idunno_code code = idn_call_listing(ctl->idunno, &jobs);

    if (code == IDUNNO_OK && ctl->json)
        jobs_json(&listing);
    else if (code == IDUNNO_OK && listing.count == 0)
        (void)puts(ctl->all ? "no jobs" : "no open jobs; --all lists those that have ended too");
    else if (code == IDUNNO_OK)
        print_jobs(&listing);
    free(listing.job);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

// ---- job

static void print_left(const struct idunno_info *info)
{
    struct idn_human all = idn_human_count((uint64_t)info->pending + info->in_flight);
    const char *left = all.text;

    if (info->in_flight == 0)
        idn_ctl_line("left", "%s, none of which is with a worker now", left);
    else if (info->workers == 0)
        idn_ctl_line("left", "%s, of which %s come next at a worker", left,
            idn_human_count(info->in_flight).text);
    else
        idn_ctl_line("left", "%s, of which %s are with %u worker%s now", left,
            idn_human_count(info->in_flight).text, info->workers, info->workers == 1 ? "" : "s");
    if (info->images_per_s > 0)
        idn_ctl_line(
            "rate", "%s images/s over the last 10 s", idn_human_rate(info->images_per_s).text);
    if (info->left_ms > 0)
        idn_ctl_line("time left", "about %s", idn_human_duration(info->left_ms).text);
}

static void print_progress(const struct idunno_info *info)
{
    uint64_t images = idn_job_images(info);

    idn_ctl_line("done", "%s (%" PRIu64 " %%), %s of them failed",
        idn_human_count(done_of(info)).text, images == 0 ? 0 : done_of(info) * 100 / images,
        idn_human_count(idn_job_failed(info)).text);
    if (info->quarantined > 0)
        idn_ctl_line("", "%s in quarantine: they kill the process that computes them",
            idn_human_count(info->quarantined).text);
    if (info->state == IDUNNO_OPEN)
        print_left(info);
}

static void print_job(const struct idunno_info *info)
{
    idn_ctl_line("job", "%s", info->job.id);
    idn_ctl_line(
        "state", "%s%s%s", idn_job_state_text(info), info->why[0] == '\0' ? "" : ": ", info->why);
    idn_ctl_line("model", "%s, %u images a task", info->model, info->batch);
    idn_ctl_line("images", "%u to %u of %s (%s)", info->first, info->last, images_of(info),
        idn_human_count(idn_job_images(info)).text);
    print_progress(info);
    idn_ctl_line("accepted", "%s from %s, weight %u", idn_human_time(info->created_ms).text,
        info->client, info->weight);
    if (info->state != IDUNNO_OPEN)
        idn_ctl_line("ended", "%s, %s images/s on average", idn_human_time(info->finished_ms).text,
            idn_human_rate(idn_job_rate(info)).text);
    idn_ctl_line("time", "%s, and %s of computing", idn_human_duration(info->elapsed_ms).text,
        idn_human_duration(info->compute_us / 1000).text);
    if (info->conflicts > 0)
        idn_ctl_line(
            "conflicts", "%u results contradict others of the same image", info->conflicts);
    idn_ctl_line("digest", "%s%s", info->digest,
        info->state == IDUNNO_OPEN ? " (of the results so far)" : "");
}

static void print(const struct idn_ctl *ctl, const struct idunno_info *info)
{
    struct idn_json json;

    if (!ctl->json) {
        print_job(info);
        return;
    }
    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_job_json(&json, info);
    idn_json_end(&json);
}

int idn_ctl_job(struct idn_ctl *ctl)
{
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    print(ctl, &info);
    return IDN_EXIT_OK;
}

// ---- wait

static uint32_t left_ms(const struct idn_ctl *ctl, uint64_t began_ms)
{
    uint64_t passed_ms = idn_call_now() - began_ms;

    if (ctl->timeout_ms == 0 || ctl->timeout_ms == UINT32_MAX)
        return UINT32_MAX;
    return passed_ms < ctl->timeout_ms ? ctl->timeout_ms - (uint32_t)passed_ms : 0;
}

// A broker that does not know the job while another may hold it: asked again a little later.
static enum idunno_code wait_for_news(struct idn_ctl *ctl, uint32_t left, struct idunno_info *info)
{
    uint32_t wait_ms = left < WAIT_STEP_MS ? left : (uint32_t)WAIT_STEP_MS;
    idunno_set_timeout(ctl->idunno, left == 0 ? 1 : left);
    enum idunno_code code = idunno_watch(ctl->idunno, &info->job, wait_ms, info);

    if (code != IDUNNO_REFUSED || strcmp(idunno_refusal(ctl->idunno), "unknown_here") != 0)
        return code;
    return idn_signals_wait(ctl->signal_fd, AGAIN_MS) ? IDUNNO_STOPPED : IDUNNO_OK;
}

static int tell_end(const struct idn_ctl *ctl, const struct idunno_info *info)
{
    if (ctl->json)
        print(ctl, info);
    else
        (void)printf("job %.8s %s: %s of %s images classified, %s failed, in %s\n", info->job.id,
            info->state == IDUNNO_CANCELLED ? "was cancelled" : "finished",
            idn_human_count(info->ok).text, idn_human_count(idn_job_images(info)).text,
            idn_human_count(idn_job_failed(info)).text, idn_human_duration(info->elapsed_ms).text);
    return idn_job_exit(info);
}

// A job that only a broker out of sight may know is waited for too.
static enum idunno_code find_patiently(
    struct idn_ctl *ctl, uint64_t began_ms, struct idunno_info *ret)
{
    enum idunno_code code;

    for (;;) {
        code = idunno_find(ctl->idunno, ctl->id, ret);
        if (code != IDUNNO_REFUSED || strcmp(idunno_refusal(ctl->idunno), "unknown_here") != 0 ||
            left_ms(ctl, began_ms) == 0)
            return code;
        if (idn_signals_wait(ctl->signal_fd, AGAIN_MS))
            return IDUNNO_STOPPED;
    }
}

int idn_ctl_wait(struct idn_ctl *ctl)
{
    uint64_t began_ms = idn_call_now();
    struct idunno_info info;
    enum idunno_code code = find_patiently(ctl, began_ms, &info);

    while (code == IDUNNO_OK && info.state == IDUNNO_OPEN) {
        uint32_t left = left_ms(ctl, began_ms);
        if (left == 0)
            return idn_program_fail(IDN_CTL,
                "job %.8s is still open after %s: %s of %s images are done", info.job.id,
                idn_human_duration(ctl->timeout_ms).text, idn_human_count(done_of(&info)).text,
                idn_human_count(idn_job_images(&info)).text);
        code = wait_for_news(ctl, left, &info);
    }
    return code == IDUNNO_OK ? tell_end(ctl, &info) : idn_ctl_fail(ctl, code);
}

// ---- cancel, forget

int idn_ctl_cancel(struct idn_ctl *ctl)
{
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code == IDUNNO_OK && info.state != IDUNNO_OPEN) {
        (void)printf("job %.8s had ended already: %s\n", info.job.id, idn_job_state_text(&info));
        return IDN_EXIT_OK;
    }
    if (code == IDUNNO_OK)
        code = idunno_cancel(ctl->idunno, &info.job);
    if (code == IDUNNO_OK)
        code = idunno_find(ctl->idunno, info.job.id, &info);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    (void)printf("job %.8s is %s; %s of its %s images have results\n", info.job.id,
        idn_job_state_text(&info), idn_human_count(done_of(&info)).text,
        idn_human_count(idn_job_images(&info)).text);
    return IDN_EXIT_OK;
}

int idn_ctl_forget(struct idn_ctl *ctl)
{
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code == IDUNNO_OK)
        code = idunno_forget(ctl->idunno, &info.job);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    (void)printf("job %.8s is forgotten, with its results\n", info.job.id);
    return IDN_EXIT_OK;
}
