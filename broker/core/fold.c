#include "broker/core/fold.h"

#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/uploads.h"

#include "proto/result.h"

#include <string.h>

// The hash that a failed image of this job adds to the digest: its class only (proto/result.h).
static void failure_digest(
    const struct idn_job *job, uint32_t index, unsigned kind, struct idn_digest *ret)
{
    struct idn_result result = {.index = job->spec.first + index,
        .status = kind == IDN_IMAGE_QUARANTINED ? IDN_STATUS_QUARANTINED : IDN_STATUS_MISSING};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    idn_digest_of(&result, ret);
}

static void take_back(struct idn_job *job, uint32_t index, unsigned kind)
{
    struct idn_digest digest;

    if (kind != IDN_IMAGE_ERROR && kind != IDN_IMAGE_QUARANTINED)
        return;
    failure_digest(job, index, kind, &digest);
    idn_digest_subtract(&job->digest, &digest);
}

// One valid row. Returns whether it is worth keeping.
static bool fold_row(struct idn_core *core, struct idn_job *job, const struct idn_result *result,
    struct idn_lease *lease, uint32_t *fresh)
{
    uint32_t index = result->index - job->spec.first;
    unsigned old = idn_images_get(&core->pages, &job->images, index), state = IDN_IMAGE_ERROR;
    struct idn_digest digest;

    if (result->status != IDN_STATUS_OK && (old >= IDN_IMAGE_OK || old == IDN_IMAGE_ERROR))
        return false;
    idn_digest_of(result, &digest);
    if (result->status == IDN_STATUS_OK)
        state = IDN_IMAGE_OK | (digest.low & IDN_IMAGE_CHECK_BITS);
    if (old >= IDN_IMAGE_OK) {
        job->conflicts += state != old;
        return state != old;
    }
    take_back(job, index, old);
    idn_digest_add(&job->digest, &digest);
    idn_images_set(&core->pages, &job->images, index, state);
    if (idn_image_is_leased(old))
        idn_lease_image_done(job, index, lease);
    *fresh += idn_image_is_leased(old) || idn_image_is_free(old);
    return true;
}

// Workers cannot quarantine, and nothing outside the job's range is its result.
static bool is_of_job(const struct idn_job *job, const struct idn_result *result)
{
    return result->status != IDN_STATUS_QUARANTINED && result->index >= job->spec.first &&
           result->index <= job->spec.last;
}

struct idn_folded idn_fold_rows(struct idn_core *core, struct idn_job *job, const uint8_t *rows,
    uint32_t count, struct idn_lease *lease, uint8_t *kept)
{
    struct idn_folded folded = {0};

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)i * IDN_ROW_BYTES;
        struct idn_result result;
        if (!idn_result_unpack(row, &result) || !is_of_job(job, &result))
            continue;
        if (job->images.pages > 0 && !fold_row(core, job, &result, lease, &folded.fresh))
            continue;
        if (kept != NULL)
            memcpy(kept + (size_t)folded.kept * IDN_ROW_BYTES, row, IDN_ROW_BYTES);
        folded.kept++;
    }
    return folded;
}

void idn_fold_work(struct idn_job *job, uint64_t class_hash, uint64_t compute_us)
{
    if (job->class_hash == 0)
        job->class_hash = class_hash;
    job->compute_us += compute_us;
}

bool idn_fold_quarantine(struct idn_core *core, struct idn_job *job, uint32_t index)
{
    struct idn_digest digest;

    if (!idn_image_is_free(idn_images_get(&core->pages, &job->images, index)))
        return false;
    idn_images_set(&core->pages, &job->images, index, IDN_IMAGE_QUARANTINED);
    failure_digest(job, index, IDN_IMAGE_QUARANTINED, &digest);
    idn_digest_add(&job->digest, &digest);
    return true;
}

static void fail(struct idn_core *core, const char *text)
{
    if (!core->failed)
        idn_copy_text(core->failure, sizeof(core->failure), text);
    core->failed = true;
}

static bool spec_is_sane(const struct idn_job_spec *spec)
{
    return spec->first <= spec->last && spec->last - spec->first < IDN_JOB_IMAGES_MAX &&
           spec->weight > 0;
}

static void fold_accepted(struct idn_core *core, const struct idn_fact *fact)
{
    // The same job twice is the same job; the first specification counts.
    if (idn_jobs_find(core, &fact->job) != NULL || !spec_is_sane(&fact->u.accepted))
        return;
    struct idn_job *job = idn_jobs_add(core, &fact->job, &fact->u.accepted);
    if (job == NULL) {
        fail(core, "the store holds more jobs than this broker's limit; raise it to what it was");
        return;
    }
    job->created_wall_ms = fact->wall_ms;
    idn_upload_done(core, &fact->job);
}

// Ended jobs have no pages: what comes for them later is read back once (REFOLD).
static bool has_images(struct idn_core *core, struct idn_job *job)
{
    if (job->state == IDN_JOB_OPEN && !idn_jobs_open_images(core, job))
        fail(core, "the store holds more open images than this broker's limit; raise it to what "
                   "it was");
    if (job->images.pages == 0 && job->state != IDN_JOB_OPEN)
        idn_jobs_want_refold(core, job);
    return job->images.pages > 0;
}

static void fold_results(struct idn_core *core, struct idn_job *job, const struct idn_fact *fact)
{
    if (!has_images(core, job))
        return;
    idn_fold_rows(core, job, fact->u.results.rows, fact->u.results.count, NULL, NULL);
    idn_fold_work(job, fact->u.results.class_hash, fact->u.results.compute_us);
}

static void fold_quarantined(
    struct idn_core *core, struct idn_job *job, const struct idn_fact *fact)
{
    uint32_t image = fact->u.quarantined.image;

    if (image >= job->spec.first && image <= job->spec.last && has_images(core, job))
        idn_fold_quarantine(core, job, image - job->spec.first);
}

static void fold_about_job(struct idn_core *core, struct idn_job *job, const struct idn_fact *fact)
{
    switch (fact->kind) {
    case IDN_FACT_RESULTS:
        fold_results(core, job, fact);
        break;
    case IDN_FACT_QUARANTINED:
        fold_quarantined(core, job, fact);
        break;
    case IDN_FACT_CANCELLED:
        if (job->state == IDN_JOB_OPEN)
            idn_jobs_cancel(core, job, fact->wall_ms);
        break;
    case IDN_FACT_FORGOTTEN:
        idn_jobs_remove(core, job);
        return;
    default:
        return;
    }
    idn_jobs_settle(core, job, fact->wall_ms);
}

void idn_fold(struct idn_core *core, const struct idn_fact *fact)
{
    core->facts++;
    if (idn_epoch_compare(fact->epoch, core->highest) > 0)
        core->highest = fact->epoch;
    if (fact->kind == IDN_FACT_ACCEPTED)
        fold_accepted(core, fact);
    if (fact->kind == IDN_FACT_LIST_PART)
        idn_upload_fold(core, fact);
    if (fact->kind == IDN_FACT_FORGOTTEN)
        idn_upload_done(core, &fact->job);
    struct idn_job *job = idn_jobs_find(core, &fact->job);
    if (job != NULL)
        fold_about_job(core, job, fact);
}

void idn_fold_summary(struct idn_core *core, const struct idn_summary *summary)
{
    struct idn_job *job = idn_jobs_find(core, &summary->job);

    // One that does not fit is as good as none: the job's images are then computed again, and the
    // store tells duplicates.
    if (job == NULL || !idn_jobs_set_summary(core, job, summary))
        return;
    job->summary_due = job->refold_due = false;
    idn_link_remove(&job->in_due);
}
