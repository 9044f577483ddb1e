#include "broker/core/urgent.h"

#include "broker/core/workers.h"

static struct idn_urgent *take_slot(struct idn_core *core)
{
    struct idn_link *from = &core->free_urgents;

    if (idn_link_empty(from) && core->urgents_touched < core->workers_max * IDN_WORKER_LEASES_MAX)
        return &core->urgent[core->urgents_touched++];
    if (idn_link_empty(from))
        from = &core->urgents; // the oldest gives way: its images are pending as others are
    struct idn_urgent *urgent = IDN_ENTRY(from->next, struct idn_urgent, in_urgents);
    idn_link_remove(&urgent->in_urgents);
    return urgent;
}

static void drop(struct idn_core *core, struct idn_urgent *urgent)
{
    idn_link_move(&core->free_urgents, &urgent->in_urgents);
}

void idn_urgent_add(struct idn_core *core, const struct idn_lease *lease)
{
    struct idn_urgent *urgent = take_slot(core);

    *urgent = (struct idn_urgent){.job = lease->job,
        .serial = lease->job->serial,
        .first = lease->first,
        .end = lease->first + lease->count};
    idn_link_append(&core->urgents, &urgent->in_urgents);
    core->look = true;
}

// The first image that may be leased in company; a suspect waits for its turn.
static uint32_t next(struct idn_core *core, struct idn_urgent *urgent)
{
    struct idn_images *images = &urgent->job->images;
    uint32_t end = urgent->end < images->total ? urgent->end : images->total,
             index = idn_images_next(&core->pages, images, urgent->first);

    while (index < end && idn_images_get(&core->pages, images, index) != IDN_IMAGE_PENDING)
        index = idn_images_next(&core->pages, images, index + 1);
    return index < end ? index : urgent->end;
}

const struct idn_job *idn_urgent_job(struct idn_core *core, struct idn_urgent *urgent)
{
    const struct idn_job *job = urgent->job;

    if (job->serial != urgent->serial || job->state != IDN_JOB_OPEN || job->images.pages == 0 ||
        (urgent->first = next(core, urgent)) == urgent->end) {
        drop(core, urgent);
        return NULL;
    }
    return job;
}

struct idn_job *idn_urgent_take(
    struct idn_core *core, const struct idn_worker *worker, uint32_t *ret_first)
{
    IDN_EACH_SAFE(link, after, &core->urgents)
    {
        struct idn_urgent *urgent = IDN_ENTRY(link, struct idn_urgent, in_urgents);
        if (idn_urgent_job(core, urgent) == NULL ||
            !idn_worker_can_serve(core, worker, urgent->job))
            continue;
        *ret_first = urgent->first;
        urgent->first +=
            idn_images_run(&core->pages, &urgent->job->images, urgent->first, urgent->end);
        struct idn_job *job = urgent->job;
        if (next(core, urgent) == urgent->end)
            drop(core, urgent);
        return job;
    }
    return NULL;
}
