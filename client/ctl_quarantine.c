// idunno-ctl quarantine list, quarantine retry.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

// ---- list

// The jobs that have such images are noted first: a listing's visitor must not ask for more.
struct found {
    struct idunno_info *job; // owned
    size_t count, room;
};

static void note(struct found *found, const struct idunno_info *info)
{
    if (info->quarantined == 0)
        return;
    if (found->count == found->room) {
        found->room = 2 * found->room + 16;
        found->job = realloc(found->job, found->room * sizeof(*found->job));
        IDN_ASSERT(found->job != NULL);
    }
    found->job[found->count++] = *info;
}

static void visit(void *context, const struct idn_job_info *job)
{
    struct idunno_info info;

    idn_call_info(job, &info);
    note(context, &info);
}

static enum idunno_code find(struct idn_ctl *ctl, struct found *found)
{
    struct idunno_info info;

    if (ctl->id == NULL)
        return idn_call_jobs(ctl->idunno, true, visit, found);
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);
    if (code == IDUNNO_OK)
        note(found, &info);
    return code;
}

struct listing {
    const struct idunno_info *job;
    struct idn_table *table; // or
    struct idn_json *json;
};

static bool put_image(void *context, const struct idunno_row *row)
{
    const struct listing *listing = context;
    const struct idunno_info *job = listing->job;

    if (listing->json != NULL) {
        idn_json_u64(listing->json, NULL, row->index);
        return true;
    }
    idn_table_cell(listing->table, "%.8s", job->job.id);
    idn_table_cell(listing->table, "%" PRIu32, row->index);
    idn_table_cell(listing->table, "%s", job->model);
    idn_table_cell(listing->table, "%s", job->dataset[0] == '\0' ? "(own list)" : job->dataset);
    return true;
}

static enum idunno_code put_job(struct idn_ctl *ctl, struct listing *listing)
{
    const struct idunno_info *job = listing->job;

    if (listing->json != NULL) {
        idn_json_object(listing->json, NULL);
        idn_json_string(listing->json, "job", job->job.id);
        idn_json_string(listing->json, "model", job->model);
        if (job->dataset[0] == '\0')
            idn_json_null(listing->json, "dataset");
        else
            idn_json_string(listing->json, "dataset", job->dataset);
        idn_json_array(listing->json, "images");
    }
    enum idunno_code code =
        idunno_results(ctl->idunno, &job->job, IDUNNO_QUARANTINED, put_image, listing);
    if (listing->json != NULL) {
        idn_json_end(listing->json);
        idn_json_end(listing->json);
    }
    return code;
}

static enum idunno_code put_all(struct idn_ctl *ctl, const struct found *found)
{
    struct idn_json json;
    struct listing listing = {.json = ctl->json ? &json : NULL};
    enum idunno_code code = IDUNNO_OK;

    if (ctl->json) {
        idn_json_init(&json, stdout);
        idn_json_array(&json, NULL);
    } else {
        idn_table_new("JOB|>IMAGE|MODEL|DATASET", &listing.table);
    }
    for (size_t i = 0; i < found->count && code == IDUNNO_OK; i++) {
        listing.job = &found->job[i];
        code = put_job(ctl, &listing);
    }
    if (code == IDUNNO_OK && ctl->json)
        idn_json_end(&json);
    else if (code == IDUNNO_OK && found->count > 0)
        idn_table_print(listing.table, stdout);
    else if (code == IDUNNO_OK)
        (void)puts("no image is in quarantine");
    idn_table_destroy(&listing.table);
    return code;
}

int idn_ctl_quarantine_list(struct idn_ctl *ctl)
{
    struct found found = {0};
    enum idunno_code code = find(ctl, &found);

    if (code == IDUNNO_OK)
        code = put_all(ctl, &found);
    free(found.job);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

// ---- retry

static void retry_json(const struct idunno_info *info)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "job", info->job.id);
    idn_json_u64(&json, "images", info->quarantined);
    idn_json_end(&json);
}

int idn_ctl_quarantine_retry(struct idn_ctl *ctl)
{
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code == IDUNNO_OK)
        code = idunno_retry(ctl->idunno, &info.job);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    if (ctl->json)
        retry_json(&info);
    else if (info.quarantined == 0)
        (void)printf("no image of job %.8s is in quarantine\n", info.job.id);
    else
        (void)printf("job %.8s: %s image%s left the quarantine and will be tried again\n",
            info.job.id, idn_human_count(info.quarantined).text, info.quarantined == 1 ? "" : "s");
    return IDN_EXIT_OK;
}
