#include "broker/core/poison.h"

#include "broker/core/actions.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/workers.h"

static struct idn_suspect *find(
    const struct idn_core *core, const struct idn_job *job, uint32_t index)
{
    for (uint32_t i = 0; i < core->suspects; i++)
        if (core->suspect[i].serial == job->serial && core->suspect[i].image == index)
            return &core->suspect[i];
    return NULL;
}

static void drop(struct idn_core *core, struct idn_suspect *suspect)
{
    *suspect = core->suspect[--core->suspects];
}

// Its job has ended, or it got its result after all.
static bool is_cleared(const struct idn_core *core, const struct idn_suspect *suspect)
{
    const struct idn_job *job = suspect->job;

    if (job->serial != suspect->serial || job->images.pages == 0)
        return true;
    unsigned state = idn_images_get(&core->pages, &job->images, suspect->image);
    return state != IDN_IMAGE_SUSPECT && state != IDN_IMAGE_SUSPECT_LEASED;
}

// Room for one more: the place of a cleared one, else that of the one with the fewest deaths.
static struct idn_suspect *make_room(struct idn_core *core)
{
    struct idn_suspect *least = &core->suspect[0];

    if (core->suspects < IDN_SUSPECTS_MAX)
        return &core->suspect[core->suspects++];
    for (uint32_t i = 0; i < core->suspects; i++) {
        if (is_cleared(core, &core->suspect[i]))
            return &core->suspect[i];
        if (core->suspect[i].deaths < least->deaths)
            least = &core->suspect[i];
    }
    return least;
}

// Marks it, whether free or in somebody's lease; an image with a result needs no suspicion.
static void suspect_image(struct idn_core *core, struct idn_job *job, uint32_t index)
{
    unsigned state = idn_images_get(&core->pages, &job->images, index);

    if (state == IDN_IMAGE_PENDING)
        idn_images_set(&core->pages, &job->images, index, IDN_IMAGE_SUSPECT);
    if (state == IDN_IMAGE_LEASED)
        idn_images_set(&core->pages, &job->images, index, IDN_IMAGE_SUSPECT_LEASED);
}

// False: it is in another worker's lease now, which may still bring its result.
static bool quarantine(struct idn_core *core, const struct idn_worker *worker, struct idn_job *job,
    uint32_t index, uint32_t reason)
{
    if (!idn_image_is_free(idn_images_get(&core->pages, &job->images, index)))
        return false;
    idn_fold_quarantine(core, job, index);
    struct idn_fact *fact = idn_commit(core, IDN_FACT_QUARANTINED, &job->key);
    fact->u.quarantined.image = job->spec.first + index;
    fact->u.quarantined.generation = job->lifted + 1;
    fact->u.quarantined.spec_hash = job->spec_hash;
    fact->u.quarantined.reason = reason;
    idn_copy_text(fact->u.quarantined.worker, IDN_NAME_SIZE, worker->name);
    idn_jobs_touch(core, job);
    return true;
}

static void count_death(struct idn_core *core, const struct idn_worker *worker, struct idn_job *job,
    uint32_t index, uint32_t reason)
{
    struct idn_suspect *suspect = find(core, job, index);

    if (suspect == NULL) {
        suspect = make_room(core);
        *suspect = (struct idn_suspect){
            .job = job, .serial = job->serial, .image = index, .nonce = worker->nonce};
    }
    suspect->two_workers = suspect->two_workers || suspect->nonce != worker->nonce;
    suspect->deaths++;
    if (suspect->deaths >= IDN_DEATHS_ALONE_MAX && quarantine(core, worker, job, index, reason))
        drop(core, suspect);
}

void idn_poison_death(struct idn_core *core, const struct idn_worker *worker, struct idn_job *job,
    const struct idn_worker_message *message)
{
    uint32_t in_child = message->u.report.in_child;

    for (uint32_t i = 0; i < in_child && i < IDN_CHILD_IMAGES_MAX; i++) {
        uint32_t image = message->u.report.image[i], index = image - job->spec.first;
        if (image < job->spec.first || image > job->spec.last || job->images.pages == 0)
            continue;
        suspect_image(core, job, index);
        unsigned state = idn_images_get(&core->pages, &job->images, index);
        bool suspected = state == IDN_IMAGE_SUSPECT || state == IDN_IMAGE_SUSPECT_LEASED;
        if (message->u.report.alone && in_child == 1 && suspected)
            count_death(core, worker, job, index, message->u.report.death);
    }
}

void idn_poison_host_died(struct idn_core *core, struct idn_worker *worker)
{
    struct idn_job *job = worker->child_job;

    if (worker->child_serial == 0 || job->serial != worker->child_serial)
        job = NULL;
    for (uint32_t i = 0; job != NULL && i < worker->in_child; i++) {
        uint32_t image = worker->image[i], index = image - job->spec.first;
        if (image >= job->spec.first && image <= job->spec.last && job->images.pages > 0)
            suspect_image(core, job, index);
    }
    worker->in_child = 0;
}

// All its deaths were on this one worker: then another is to try, if another can.
static bool others_first(
    const struct idn_core *core, const struct idn_job *job, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < core->workers_touched; i++)
        if (&core->worker[i] != worker && core->worker[i].presence != IDN_PRESENCE_FREE &&
            idn_worker_can_serve(core, &core->worker[i], job))
            return true;
    return false;
}

static bool may_take(const struct idn_core *core, const struct idn_job *job, uint32_t index,
    const struct idn_worker *worker)
{
    const struct idn_suspect *suspect = find(core, job, index);

    if (suspect == NULL || suspect->two_workers || suspect->nonce != worker->nonce)
        return true;
    return !others_first(core, job, worker);
}

static uint32_t next(const struct idn_core *core, struct idn_images *images,
    const struct idn_job *job, const struct idn_worker *worker)
{
    uint32_t index = idn_images_next(&core->pages, images, 0);

    while (index < images->total &&
           idn_images_get(&core->pages, images, index) == IDN_IMAGE_SUSPECT &&
           !may_take(core, job, index, worker))
        index = idn_images_next(&core->pages, images, index + 1);
    return index;
}

uint32_t idn_poison_next(
    struct idn_core *core, struct idn_job *job, const struct idn_worker *worker)
{
    return next(core, &job->images, job, worker);
}

bool idn_poison_has_work(
    const struct idn_core *core, const struct idn_job *job, const struct idn_worker *worker)
{
    struct idn_images images = job->images; // its cursor may move, the job's need not

    return job->images.kind[IDN_IMAGE_PENDING] > 0 ||
           next(core, &images, job, worker) < images.total;
}
