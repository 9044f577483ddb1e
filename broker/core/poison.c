#include "broker/core/poison.h"

#include "broker/core/actions.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/workers.h"

static struct idn_link *bucket_of(const struct idn_core *core, uint64_t serial, uint32_t image)
{
    uint64_t hash = (serial * 0xbf58476d1ce4e5b9u + image) * 0x9e3779b97f4a7c15u;

    return &core->suspect_buckets[hash >> 32 & (IDN_SUSPECT_BUCKETS - 1)];
}

static struct idn_suspect *find(
    const struct idn_core *core, const struct idn_job *job, uint32_t index)
{
    struct idn_link *bucket = bucket_of(core, job->serial, index);

    IDN_EACH(link, bucket)
    {
        struct idn_suspect *suspect = IDN_ENTRY(link, struct idn_suspect, in_bucket);
        if (suspect->serial == job->serial && suspect->image == index)
            return suspect;
    }
    return NULL;
}

// The last one moves into its place.
static void drop(struct idn_core *core, struct idn_suspect *suspect)
{
    struct idn_suspect *last = &core->suspect[--core->suspects];

    idn_link_remove(&suspect->in_bucket);
    if (last == suspect)
        return;
    idn_link_remove(&last->in_bucket);
    *suspect = *last;
    idn_link_append(bucket_of(core, suspect->serial, suspect->image), &suspect->in_bucket);
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
        idn_link_remove(&suspect->in_bucket);
        *suspect = (struct idn_suspect){
            .job = job, .serial = job->serial, .image = index, .nonce = worker->nonce};
        idn_link_append(bucket_of(core, job->serial, index), &suspect->in_bucket);
    }
    suspect->two_workers = suspect->two_workers || suspect->nonce != worker->nonce;
    suspect->deaths++;
    core->look = true; // who had to leave it to others may try it now
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

// Those heard last come first: one of them will do, as a rule.
static bool others_can(
    const struct idn_core *core, const struct idn_job *job, const struct idn_worker *worker)
{
    const struct idn_link *alive = &core->presence[IDN_PRESENCE_ALIVE];

    for (const struct idn_link *link = alive->prev; link != alive; link = link->prev) {
        const struct idn_worker *other = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        if (other != worker && idn_worker_can_serve(core, other, job))
            return true;
    }
    return false;
}

// All its deaths were on this one worker: then another is to try, if another can.
static bool is_for_others(const struct idn_core *core, const struct idn_job *job, uint32_t index,
    const struct idn_worker *worker)
{
    const struct idn_suspect *suspect = find(core, job, index);

    return suspect != NULL && !suspect->two_workers && suspect->nonce == worker->nonce;
}

static uint32_t next(const struct idn_core *core, struct idn_images *images,
    const struct idn_job *job, const struct idn_worker *worker)
{
    uint32_t index = idn_images_next(&core->pages, images, 0);
    bool sure = false; // that others can

    while (index < images->total &&
           idn_images_get(&core->pages, images, index) == IDN_IMAGE_SUSPECT &&
           is_for_others(core, job, index, worker)) {
        if (!sure && !others_can(core, job, worker))
            return index;
        sure = true;
        index = idn_images_next(&core->pages, images, index + 1);
    }
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
