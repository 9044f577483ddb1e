// Every invariant between the tables, asserted one by one: what the simulator and the tests call
// after each step.
#include "broker/core/core.h"

#include "broker/core/dispatch.h"
#include "broker/core/jobs.h"
#include "broker/core/measure.h"
#include "broker/core/policy.h"
#include "broker/core/workers.h"

#include <string.h>

static void check_images(const struct idn_core *core, const struct idn_job *job)
{
    uint32_t kind[IDN_IMAGE_KINDS] = {0}, left = 0;

    for (uint32_t i = 0; i < idn_job_total(job); i++) {
        unsigned state = idn_images_get(&core->pages, &job->images, i);
        kind[idn_image_kind(state)]++;
        IDN_ASSERT(i >= job->images.cursor || !idn_image_is_free(state));
    }
    IDN_ASSERT(memcmp(kind, job->images.kind, sizeof(kind)) == 0);
    IDN_EACH_CONST(link, &job->lease_list)
    left += IDN_ENTRY_CONST(link, struct idn_lease, in_job)->left;
    IDN_ASSERT(left == idn_job_in_flight(job));
}

static void check_lease(const struct idn_core *core, const struct idn_lease *lease)
{
    uint32_t leased = 0;

    IDN_ASSERT(lease->left > 0 && lease->count > 0 && lease->id.serial > 0);
    IDN_ASSERT(lease->first + lease->count <= idn_job_total(lease->job));
    for (uint32_t i = lease->first; i < lease->first + lease->count; i++)
        leased += idn_image_is_leased(idn_images_get(&core->pages, &lease->job->images, i));
    IDN_ASSERT(leased == lease->left);
    IDN_ASSERT(lease->worker->lease[0] == lease || lease->worker->lease[1] == lease);
    IDN_ASSERT(lease->confirmed && !lease->trimming ? !idn_link_in(&lease->in_unanswered)
                                                    : idn_link_in(&lease->in_unanswered));
}

static uint32_t check_job(const struct idn_core *core, const struct idn_job *job)
{
    uint32_t leases = 0, total = 0, claim = 0;

    for (int i = 0; i < IDN_IMAGE_KINDS; i++)
        total += job->images.kind[i];
    IDN_ASSERT(total == idn_job_total(job) && total == job->spec.last - job->spec.first + 1);
    IDN_ASSERT(idn_jobs_find(core, &job->key) == job);
    IDN_ASSERT(idn_link_in(&job->in_open) == (job->state == IDN_JOB_OPEN));
    // What is read back is open, or ended, as long as that takes.
    bool complete = idn_job_done(job) == total, reads = idn_job_is_read_back(job);
    IDN_ASSERT((job->state == IDN_JOB_FINISHED) == complete ||
               (reads && complete && job->state != IDN_JOB_FINISHED));
    IDN_ASSERT(job->state != IDN_JOB_CANCELLED || job->cancelled);
    IDN_ASSERT(job->state != IDN_JOB_OPEN || !job->cancelled);
    IDN_ASSERT(job->images.pages == 0 || job->state == IDN_JOB_OPEN || job->leases > 0);
    IDN_ASSERT(job->images.pages == 0 || !reads);
    IDN_ASSERT(job->images.pages > 0 || job->state != IDN_JOB_OPEN || reads || !core->started ||
               core->over);
    IDN_ASSERT(job->spec_hash == idn_spec_hash(&job->spec));
    IDN_ASSERT(!idn_forgotten_has(&core->forgotten, &job->key));
    if (job->images.pages > 0)
        check_images(core, job);
    IDN_EACH_CONST(link, &job->lease_list)
    {
        const struct idn_lease *lease = IDN_ENTRY_CONST(link, struct idn_lease, in_job);
        IDN_ASSERT(lease->job == job);
        check_lease(core, lease);
        leases++;
        claim += lease->claim;
    }
    IDN_ASSERT(leases == job->leases && claim == job->claim);
    return leases;
}

static void check_worker(const struct idn_core *core, const struct idn_worker *worker)
{
    IDN_ASSERT(
        idn_link_in(&worker->in_idle) == (idn_worker_is_live(worker) && worker->leases == 0));
    if (worker->presence == IDN_PRESENCE_FREE)
        return;
    IDN_ASSERT(idn_workers_find(core, worker->nonce) == worker);
    IDN_ASSERT(worker->acknowledged <= worker->folded);
    IDN_ASSERT(worker->leases <= IDN_WORKER_LEASES_MAX);
    IDN_ASSERT(worker->leases == 0 ||
               (worker->presence != IDN_PRESENCE_DEAD && worker->presence != IDN_PRESENCE_LEAVING));
    for (uint32_t i = 0; i < worker->leases; i++)
        IDN_ASSERT(worker->lease[i]->worker == worker);
    IDN_ASSERT(idn_link_in(&worker->in_ack) == (worker->ack[0].number != 0));
}

static void check_presence(const struct idn_core *core)
{
    uint32_t known = 0;

    for (int presence = IDN_PRESENCE_ALIVE; presence < IDN_PRESENCE_COUNT; presence++) {
        uint64_t heard = 0;
        IDN_EACH_CONST(link, &core->presence[presence])
        {
            const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
            IDN_ASSERT((int)worker->presence == presence && worker->heard_ms >= heard);
            heard = worker->heard_ms;
            known++;
        }
    }
    IDN_ASSERT(known == core->workers);
}

static void check_unserved(const struct idn_core *core)
{
    uint64_t serial = 0;

    IDN_EACH_CONST(link, &core->unserved)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_unserved);
        IDN_ASSERT(job->state == IDN_JOB_OPEN && job->leases == 0 && job->serial > serial);
        serial = job->serial;
    }
}

static void check_pages(const struct idn_core *core)
{
    uint32_t held = 0;

    IDN_EACH_CONST(link, &core->known)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        if (job->images.pages > 0)
            held += idn_images_pages(idn_job_total(job));
    }
    IDN_ASSERT(core->pages.free + held == core->pages.count);
}

static void check_mirror(const struct idn_core *core)
{
    const struct idn_mirror *mirror = &core->mirror;
    const struct idn_mirror_session *session = &mirror->session;
    uint64_t bytes = 0;

    for (uint64_t n = session->out.acked + 1; n <= session->out.sent; n++)
        bytes += session->out.frame[n % IDN_MIRROR_WINDOW].bytes;
    IDN_ASSERT(bytes == session->out.bytes && bytes <= IDN_MIRROR_WINDOW_BYTES);
    IDN_ASSERT(session->out.sent - session->out.acked <= IDN_MIRROR_WINDOW);
    IDN_ASSERT(session->in.taken - session->in.durable <= IDN_MIRROR_WINDOW);
    IDN_ASSERT(session->in_sync <= session->exchanged);
    IDN_ASSERT(session->exchanged <= session->has_all);
    IDN_ASSERT(!session->has_all || session->stage == IDN_MIRROR_UP);
    IDN_ASSERT(session->stage != IDN_MIRROR_UP || (session->vector_sent && session->vector_taken));
    IDN_ASSERT(session->stage != IDN_MIRROR_DOWN || session->out.sent + session->in.taken == 0);
    IDN_ASSERT(session->stored_count <= IDN_STORED_TIMES_MAX);
    IDN_ASSERT(mirror->own == NULL || mirror->own->here == core->sequence);
    IDN_ASSERT(!mirror->read_void || mirror->reading);
}

void idn_core_check(const struct idn_core *core)
{
    uint32_t jobs = 0, open = 0, leases = 0, live = 0;
    uint64_t images = 0, serial = 0;

    IDN_EACH_CONST(link, &core->known)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_known);
        IDN_ASSERT(job->serial > serial);
        serial = job->serial;
        leases += check_job(core, job);
        jobs++;
        open += job->state == IDN_JOB_OPEN;
        images += job->state == IDN_JOB_OPEN ? idn_job_total(job) : 0;
    }
    IDN_ASSERT(jobs == core->jobs && open == core->open_jobs && images == core->open_images);
    IDN_ASSERT(leases == core->leases);
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        check_worker(core, &core->worker[i]);
        live += idn_worker_is_live(&core->worker[i]);
    }
    IDN_ASSERT(live == core->live);
    check_presence(core);
    check_pages(core);
    check_unserved(core);
    idn_policy_check(core);
    idn_measure_check(core);
    idn_dispatch_check(core);
    check_mirror(core);
    IDN_ASSERT(core->refolds <= IDN_REFOLDS_MAX);
    IDN_ASSERT(core->stored <= core->position);
    IDN_ASSERT((core->commit_count == 0) == (core->stored == core->position));
}
