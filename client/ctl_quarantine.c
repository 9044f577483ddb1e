// idunno-ctl quarantine list, quarantine retry.
#include "client/ctl_listing.h"
#include "client/human.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdlib.h>

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

static bool note_row(void *context, const void *row)
{
    struct idunno_info info;

    idn_call_info(row, &info);
    note(context, &info);
    return true;
}

static enum idunno_code find(struct idn_ctl *ctl, struct found *found)
{
    const struct idn_listing all = {
        .type = IDN_REQUEST_JOBS, .all = true, .on_row = note_row, .context = found};
    struct idunno_info info;

    if (ctl->id == NULL)
        return idn_call_listing(ctl->idunno, &all);
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);
    if (code == IDUNNO_OK)
        note(found, &info);
    return code;
}

struct listing {
    struct idn_ctl_listing to;
    const struct idunno_info *job;
};

static bool put_image(void *context, const struct idunno_row *row)
{
    struct listing *listing = context;
    const struct idunno_info *job = listing->job;
    struct idn_table *table = listing->to.table;

    listing->to.count++;
    if (listing->to.json != NULL) {
        idn_json_u64(listing->to.json, NULL, row->index);
        return true;
    }
    idn_table_cell(table, "%.8s", job->job.id);
    idn_table_cell(table, "%" PRIu32, row->index);
    idn_table_cell(table, "%s", job->model);
    idn_table_cell(table, "%s", job->dataset[0] == '\0' ? "(own list)" : job->dataset);
    return true;
}

static enum idunno_code put_job(struct idn_ctl *ctl, struct listing *listing)
{
    const struct idunno_info *job = listing->job;
    struct idn_json *json = listing->to.json;

    if (json != NULL) {
        idn_json_object(json, NULL);
        idn_json_string(json, "job", job->job.id);
        idn_json_string(json, "model", job->model);
        idn_json_string(json, "dataset", job->dataset[0] == '\0' ? NULL : job->dataset);
        idn_json_array(json, "images");
    }
    enum idunno_code code =
        idunno_results(ctl->idunno, &job->job, IDUNNO_QUARANTINED, put_image, listing);
    if (json != NULL) {
        idn_json_end(json);
        idn_json_end(json);
    }
    return code;
}

int idn_ctl_quarantine_list(struct idn_ctl *ctl)
{
    struct found found = {0};
    struct listing listing;

    idn_ctl_listing_open(ctl, "JOB|>IMAGE|MODEL|DATASET", &listing.to);
    enum idunno_code code = find(ctl, &found);
    for (size_t i = 0; i < found.count && code == IDUNNO_OK; i++) {
        listing.job = &found.job[i];
        code = put_job(ctl, &listing);
    }
    free(found.job);
    return idn_ctl_listing_close(ctl, &listing.to, code, "no image is in quarantine");
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
