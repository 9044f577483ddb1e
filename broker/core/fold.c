#include "broker/core/fold.h"

#include "broker/core/actions.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/refold.h"
#include "broker/core/settings.h"
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

// A second OK result. Stored ones that look the same may still differ.
static bool fold_second(struct idn_job *job, unsigned old, unsigned state, bool stored)
{
    job->conflicts += state != old;
    job->disputed = job->disputed || stored || state != old;
    return state != old;
}

static void count_fresh(struct idn_folded *folded, uint32_t index)
{
    if (folded->fresh == 0 || index < folded->first)
        folded->first = index;
    if (folded->fresh == 0 || index > folded->last)
        folded->last = index;
    folded->fresh++;
}

// One valid row. Returns whether it is worth keeping.
static bool fold_row(struct idn_core *core, struct idn_job *job, const struct idn_result *result,
    struct idn_lease *lease, bool stored, struct idn_folded *folded)
{
    uint32_t index = result->index - job->spec.first;
    unsigned old = idn_images_get(&core->pages, &job->images, index), state = IDN_IMAGE_ERROR;
    struct idn_digest digest;

    if (result->status != IDN_STATUS_OK && (old >= IDN_IMAGE_OK || old == IDN_IMAGE_ERROR))
        return false;
    idn_digest_of(result, &digest);
    if (result->status == IDN_STATUS_OK)
        state = IDN_IMAGE_OK | (digest.low & IDN_IMAGE_CHECK_BITS);
    if (old >= IDN_IMAGE_OK)
        return fold_second(job, old, state, stored);
    take_back(job, index, old);
    idn_digest_add(&job->digest, &digest);
    idn_images_set(&core->pages, &job->images, index, state);
    if (idn_image_is_leased(old))
        idn_lease_image_done(core, job, index, lease);
    if (idn_image_is_leased(old) || idn_image_is_free(old))
        count_fresh(folded, index);
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
        if (job->images.pages > 0 && !fold_row(core, job, &result, lease, kept == NULL, &folded))
            continue;
        if (kept != NULL)
            memcpy(kept + (size_t)folded.kept * IDN_ROW_BYTES, row, IDN_ROW_BYTES);
        folded.kept++;
    }
    return folded;
}

void idn_fold_work(
    struct idn_core *core, struct idn_job *job, uint64_t class_hash, uint64_t compute_us)
{
    if (job->class_hash == 0) {
        job->class_hash = class_hash;
        core->look = true; // idle workers of this class may serve it now
    }
    job->disputed = job->disputed || job->class_hash != class_hash;
    job->compute_us += compute_us;
}

void idn_fold_quarantine(struct idn_core *core, struct idn_job *job, uint32_t index)
{
    unsigned old = idn_images_get(&core->pages, &job->images, index);
    struct idn_digest digest;

    if (!idn_image_is_free(old) && !idn_image_is_leased(old))
        return;
    idn_images_set(&core->pages, &job->images, index, IDN_IMAGE_QUARANTINED);
    failure_digest(job, index, IDN_IMAGE_QUARANTINED, &digest);
    idn_digest_add(&job->digest, &digest);
    if (idn_image_is_leased(old))
        idn_lease_image_done(core, job, index, NULL);
}

static void lift_images(struct idn_core *core, struct idn_job *job)
{
    uint32_t index = 0;

    while (job->images.kind[IDN_IMAGE_QUARANTINED] > 0) {
        index = idn_images_quarantined(&core->pages, &job->images, index);
        take_back(job, index, IDN_IMAGE_QUARANTINED);
        idn_images_set(&core->pages, &job->images, index,
            idn_lease_image_back(core, job, index) ? IDN_IMAGE_LEASED : IDN_IMAGE_PENDING);
    }
    core->look = true;
}

// A quarantine is recorded with one more than the generation lifted last, and after it: all that
// are there are of the generation that a higher LIFTED names.
void idn_fold_lifted(
    struct idn_core *core, struct idn_job *job, uint32_t generation, uint64_t wall_ms)
{
    uint32_t *kind = job->images.kind;

    if (generation <= job->lifted)
        return;
    job->lifted = generation;
    if (job->images.pages > 0) {
        lift_images(core, job);
    } else if (kind[IDN_IMAGE_QUARANTINED] > 0 || idn_job_is_read_back(job)) {
        kind[IDN_IMAGE_PENDING] += kind[IDN_IMAGE_QUARANTINED];
        kind[IDN_IMAGE_QUARANTINED] = 0;
        idn_refold_want(core, job);
    }
    idn_jobs_settle(core, job, wall_ms);
}

bool idn_fold_forgotten(struct idn_core *core, const struct idn_key *key)
{
    struct idn_job *job = idn_jobs_find(core, key);

    if (!idn_forgotten_add(&core->forgotten, key))
        return false;
    idn_upload_done(core, key);
    if (job != NULL)
        idn_jobs_remove(core, job);
    return true;
}

static void fail(struct idn_core *core, const char *text)
{
    if (!core->failed)
        idn_copy_text(core->failure, sizeof(core->failure), text);
    core->failed = true;
    if (core->started && !core->over)
        idn_core_exit(core, core->failure);
}

static bool spec_is_sane(const struct idn_job_spec *spec)
{
    return spec->first <= spec->last && spec->last - spec->first < IDN_JOB_IMAGES_MAX &&
           spec->weight > 0;
}

static void fold_accepted(struct idn_core *core, const struct idn_fact *fact)
{
    struct idn_job *job = idn_jobs_find(core, &fact->job);

    if (!spec_is_sane(&fact->u.accepted) || idn_forgotten_has(&core->forgotten, &fact->job))
        return;
    idn_upload_done(core, &fact->job);
    if (job != NULL) {
        idn_jobs_accept_again(core, job, fact);
        return;
    }
    job = idn_jobs_add(core, fact);
    if (job == NULL) {
        fail(core, "the store holds more jobs than this broker's limit; raise it to what it was");
        return;
    }
    if (core->started && !idn_jobs_open_images(core, job))
        idn_refold_want(core, job);
}

// Jobs without pages have ended or are to be read back: what comes for them is read back once.
static bool has_images(struct idn_core *core, struct idn_job *job)
{
    if (job->state == IDN_JOB_OPEN && !idn_job_is_read_back(job) &&
        !idn_jobs_open_images(core, job))
        fail(core, "the store holds more open images than this broker's limit; raise it to what "
                   "it was");
    if (job->images.pages == 0)
        idn_refold_want(core, job);
    return job->images.pages > 0;
}

static void fold_results(struct idn_core *core, struct idn_job *job, const struct idn_fact *fact)
{
    if (fact->u.results.spec_hash != job->spec_hash || !has_images(core, job))
        return;
    (void)idn_fold_rows(core, job, fact->u.results.rows, fact->u.results.count, NULL, NULL);
    idn_fold_work(core, job, fact->u.results.class_hash, fact->u.results.compute_us);
    if (core->started)
        idn_leases_reap(core, job, NULL);
}

static void fold_quarantined(
    struct idn_core *core, struct idn_job *job, const struct idn_fact *fact)
{
    uint32_t image = fact->u.quarantined.image;

    if (fact->u.quarantined.spec_hash != job->spec_hash ||
        fact->u.quarantined.generation <= job->lifted || image < job->spec.first ||
        image > job->spec.last || !has_images(core, job))
        return;
    idn_fold_quarantine(core, job, image - job->spec.first);
    idn_leases_reap(core, job, NULL);
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
    case IDN_FACT_LIFTED:
        idn_fold_lifted(core, job, fact->u.lifted.generation, fact->wall_ms);
        break;
    case IDN_FACT_CANCELLED:
        idn_jobs_cancel(core, job, fact->wall_ms);
        break;
    default:
        return;
    }
    job->position = core->position;
    idn_jobs_settle(core, job, fact->wall_ms);
    idn_jobs_touch(core, job);
}

void idn_fold(struct idn_core *core, const struct idn_fact *fact)
{
    core->facts++;
    if (idn_epoch_compare(fact->epoch, core->highest) > 0)
        core->highest = fact->epoch;
    if (fact->kind == IDN_FACT_ACCEPTED)
        fold_accepted(core, fact);
    if (fact->kind == IDN_FACT_LIST_PART && !idn_forgotten_has(&core->forgotten, &fact->job))
        idn_upload_fold(core, fact);
    if (fact->kind == IDN_FACT_FORGOTTEN && !idn_fold_forgotten(core, &fact->job))
        fail(core,
            "the store holds more forgotten jobs than this broker remembers; raise its limit "
            "to what it was");
    if (fact->kind == IDN_FACT_SETTING && !idn_settings_fold(core, fact))
        fail(core,
            "the store holds more workers that were ever drained than this broker remembers; "
            "raise its limit to what it was");
    struct idn_job *job = idn_jobs_find(core, &fact->job);
    if (job != NULL)
        fold_about_job(core, job, fact);
}

void idn_fold_summary(struct idn_core *core, const struct idn_summary *summary)
{
    struct idn_job *job = idn_jobs_find(core, &summary->job);

    if (job == NULL || idn_refold_restore(core, job, summary))
        return;
    // What it should have stood for is left out: read it.
    idn_images_close(&core->pages, &job->images);
    idn_refold_want(core, job);
}
