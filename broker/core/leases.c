#include "broker/core/leases.h"

#include "broker/core/actions.h"
#include "broker/core/jobs.h"
#include "broker/core/policy.h"
#include "broker/core/workers.h"

static struct idn_lease *take(struct idn_core *core)
{
    IDN_ASSERT(!idn_link_empty(&core->free_leases) ||
               core->leases_touched < core->workers_max * IDN_WORKER_LEASES_MAX);
    if (idn_link_empty(&core->free_leases))
        return &core->lease[core->leases_touched++];
    struct idn_lease *lease = IDN_ENTRY(core->free_leases.next, struct idn_lease, in_pool);
    idn_link_remove(&lease->in_pool);
    return lease;
}

// The worker has come to its next lease.
static void turn(const struct idn_core *core, struct idn_worker *worker)
{
    uint64_t serial = worker->lease[0]->job->serial;

    if (worker->turn_job == serial)
        return;
    worker->turn_job = serial;
    worker->turn_ms = core->now;
}

static struct idn_lease *hold(struct idn_core *core, struct idn_worker *worker, struct idn_job *job,
    uint32_t first, uint32_t count)
{
    struct idn_lease *lease = take(core);

    IDN_ASSERT(worker->leases < IDN_WORKER_LEASES_MAX);
    *lease = (struct idn_lease){.job = job,
        .worker = worker,
        .first = first,
        .count = count,
        .held_since_ms = (uint32_t)core->now};
    worker->lease[worker->leases++] = lease;
    if (worker->leases == 1) {
        worker->progress_ms = core->now;
        turn(core, worker);
    }
    if (job->leases++ == 0)
        job->leased_class = worker->class_hash;
    idn_link_remove(&job->in_unserved);
    idn_link_append(&job->lease_list, &lease->in_job);
    core->leases++;
    idn_worker_place(core, worker);
    idn_jobs_touch(core, job);
    return lease;
}

// Marks what is free in the lease's range as leased.
static void lease_images(struct idn_core *core, struct idn_lease *lease)
{
    struct idn_images *images = &lease->job->images;

    for (uint32_t i = lease->first; i < lease->first + lease->count; i++) {
        unsigned state = idn_images_get(&core->pages, images, i);
        if (!idn_image_is_free(state))
            continue;
        idn_images_set(&core->pages, images, i,
            state == IDN_IMAGE_SUSPECT ? IDN_IMAGE_SUSPECT_LEASED : IDN_IMAGE_LEASED);
        lease->left++;
    }
}

static void free_images(struct idn_core *core, struct idn_lease *lease, uint32_t from)
{
    struct idn_images *images = &lease->job->images;

    for (uint32_t i = from; i < lease->first + lease->count; i++) {
        unsigned state = idn_images_get(&core->pages, images, i);
        if (!idn_image_is_leased(state))
            continue;
        idn_images_set(&core->pages, images, i,
            state == IDN_IMAGE_LEASED ? IDN_IMAGE_PENDING : IDN_IMAGE_SUSPECT);
        lease->left--;
        core->look = true;
    }
}

static void claim_anew(struct idn_core *core, struct idn_lease *lease)
{
    struct idn_job *job = lease->job;
    uint32_t claim = idn_policy_claim(lease);

    if (claim == lease->claim)
        return;
    job->claim = job->claim - lease->claim + claim;
    lease->claim = claim;
    idn_policy_changed(core, job);
}

void idn_leases_claim(struct idn_core *core, struct idn_worker *worker)
{
    for (uint32_t i = 0; i < worker->leases; i++)
        claim_anew(core, worker->lease[i]);
}

static void fill_lease_order(struct idn_order *order, const struct idn_lease *lease)
{
    const struct idn_job_spec *spec = &lease->job->spec;

    order->u.lease.id = lease->id;
    order->u.lease.job = lease->job->key;
    order->u.lease.spec_hash = lease->job->spec_hash;
    idn_copy_text(order->u.lease.model, IDN_NAME_SIZE, spec->model);
    idn_copy_text(order->u.lease.dataset, IDN_NAME_SIZE, spec->dataset);
    order->u.lease.model_digest = spec->model_digest;
    order->u.lease.list_digest = spec->list_digest;
    order->u.lease.list_bytes = spec->list_bytes;
    order->u.lease.first = spec->first + lease->first;
    order->u.lease.count = lease->count;
    order->u.lease.alone = lease->alone;
    order->u.lease.first_slice = lease->first_slice;
}

// Sends what the worker has not answered yet, LEASE before TRIM, and waits for the answer; without
// room in this step, at the next.
static void send_orders(struct idn_core *core, struct idn_lease *lease)
{
    const struct idn_worker *worker = lease->worker;

    idn_link_remove(&lease->in_unanswered);
    if (!idn_actions_room(core)) {
        lease->sent_ms = 0;
        idn_link_prepend(&core->unanswered, &lease->in_unanswered);
        return;
    }
    if (worker->peer != 0 && !lease->confirmed)
        fill_lease_order(idn_order_add(core, worker, IDN_ORDER_LEASE), lease);
    if (worker->peer != 0 && lease->trimming) {
        struct idn_order *order = idn_order_add(core, worker, IDN_ORDER_TRIM);
        order->u.trim.id = lease->id;
        order->u.trim.keep = lease->keep;
    }
    lease->sent_ms = core->now;
    idn_link_append(&core->unanswered, &lease->in_unanswered);
}

struct idn_lease *idn_lease_grant(struct idn_core *core, struct idn_worker *worker,
    struct idn_job *job, uint32_t first, uint32_t count, bool alone, uint32_t first_slice)
{
    struct idn_lease *lease = hold(core, worker, job, first, count);

    lease->id = (struct idn_lease_id){.epoch = core->epoch, .serial = ++core->serials};
    lease->alone = alone;
    lease->first_slice = first_slice;
    lease_images(core, lease);
    IDN_ASSERT(lease->left == count && (!alone || count == 1));
    idn_leases_claim(core, worker);
    send_orders(core, lease);
    return lease;
}

static bool can_adopt(
    struct idn_core *core, const struct idn_worker *worker, const struct idn_held_lease *held)
{
    struct idn_job *job = idn_jobs_find(core, &held->job);
    uint32_t pending = 0;

    if (job == NULL || job->state != IDN_JOB_OPEN || job->images.pages == 0 ||
        held->spec_hash != job->spec_hash || worker->benched ||
        worker->leases == IDN_WORKER_LEASES_MAX)
        return false;
    if (!idn_worker_can_serve_class(worker, job) || held->first < job->spec.first ||
        held->count == 0 || held->count > IDN_BATCH_MAX || held->first > job->spec.last ||
        held->count - 1 > job->spec.last - held->first)
        return false;
    for (uint32_t i = 0; i < held->count; i++) {
        unsigned state =
            idn_images_get(&core->pages, &job->images, held->first - job->spec.first + i);
        if (idn_image_is_leased(state))
            return false;
        pending += idn_image_is_free(state);
    }
    return pending > 0;
}

bool idn_lease_adopt(
    struct idn_core *core, struct idn_worker *worker, const struct idn_held_lease *held)
{
    if (!can_adopt(core, worker, held))
        return false;
    struct idn_job *job = idn_jobs_find(core, &held->job);
    struct idn_lease *lease = hold(core, worker, job, held->first - job->spec.first, held->count);

    lease->id = held->id;
    lease->confirmed = true;
    lease->first_slice = 1;
    lease_images(core, lease);
    idn_leases_claim(core, worker);
    return true;
}

struct idn_lease *idn_lease_find(const struct idn_worker *worker, struct idn_lease_id id)
{
    for (uint32_t i = 0; i < worker->leases; i++)
        if (idn_lease_equal(worker->lease[i]->id, id))
            return worker->lease[i];
    return NULL;
}

void idn_lease_confirm(struct idn_lease *lease)
{
    lease->confirmed = true;
    if (!lease->trimming)
        idn_link_remove(&lease->in_unanswered);
}

// The job that it was trimmed for may ask again.
static void stop_wanting(struct idn_core *core, struct idn_lease *lease)
{
    if (lease->wanted_by->serial == lease->wanted)
        lease->wanted_by->trim_asked = false;
    lease->wanted = 0;
    core->look = core->newcomers = true;
}

static void stop_trimming(struct idn_core *core, struct idn_lease *lease)
{
    lease->trimming = false;
    if (lease->wanted != 0)
        stop_wanting(core, lease);
}

void idn_lease_trim(struct idn_core *core, struct idn_lease *lease, uint32_t keep)
{
    if (lease->trimming && lease->keep <= keep)
        return;
    lease->trimming = true;
    lease->keep = keep;
    send_orders(core, lease);
}

void idn_lease_trim_for(struct idn_core *core, struct idn_lease *lease, struct idn_job *job)
{
    IDN_ASSERT(!lease->trimming);
    lease->wanted_by = job;
    lease->wanted = job->serial;
    idn_lease_trim(core, lease, 0);
}

void idn_lease_trimmed(struct idn_core *core, struct idn_lease *lease, uint32_t kept)
{
    struct idn_job *job = lease->job;

    // It has room for no more leases, or LEASE was lost: again at once would be again in vain.
    if (lease->trimming && kept < lease->keep)
        lease->worker->pause_ms = core->now + IDN_BEAT_MS;
    // What it keeps beyond the wish is begun: asking again would be in vain.
    lease->spent = lease->trimming && (lease->keep == 0 || kept > lease->keep);
    stop_trimming(core, lease);
    idn_lease_confirm(lease);
    if (kept < lease->count) {
        free_images(core, lease, lease->first + kept);
        lease->count = kept;
        idn_leases_claim(core, lease->worker);
        idn_jobs_touch(core, job);
    }
    if (lease->left == 0)
        idn_lease_close(core, lease);
}

void idn_lease_close(struct idn_core *core, struct idn_lease *lease)
{
    struct idn_worker *worker = lease->worker;
    struct idn_job *job = lease->job;

    free_images(core, lease, lease->first);
    IDN_ASSERT(lease->left == 0);
    idn_leases_claim(core, worker);
    stop_trimming(core, lease);
    if (worker->lease[0] == lease && worker->leases == 2) {
        worker->lease[0] = worker->lease[1];
        worker->progress_ms = core->now;
        turn(core, worker);
        if (!idn_link_empty(&core->unserved))
            core->look = core->newcomers = true;
    }
    worker->lease[--worker->leases] = NULL;
    core->holder = core->holder == lease ? NULL : core->holder;
    job->leases--;
    core->leases--;
    idn_link_remove(&lease->in_job);
    idn_link_remove(&lease->in_unanswered);
    idn_link_append(&core->free_leases, &lease->in_pool);
    idn_worker_place(core, worker);
    idn_jobs_touch(core, job);
    idn_jobs_settle(core, job, core->wall);
}

void idn_leases_take_back(struct idn_core *core, struct idn_job *job)
{
    while (!idn_link_empty(&job->lease_list)) {
        struct idn_lease *lease = IDN_ENTRY(job->lease_list.next, struct idn_lease, in_job);
        // Without room the worker finds out by itself: its results are for no job, or another's.
        if (idn_actions_room(core))
            idn_lease_disown(core, lease->worker, lease->id);
        idn_lease_close(core, lease);
    }
}

void idn_leases_close_all(struct idn_core *core, struct idn_worker *worker)
{
    while (worker->leases > 0)
        idn_lease_close(core, worker->lease[worker->leases - 1]);
}

static bool covers(const struct idn_lease *lease, uint32_t index)
{
    return index >= lease->first && index - lease->first < lease->count;
}

// Rows come in runs: whoever held the last image holds the next one too, as a rule.
static struct idn_lease *find_holder(
    struct idn_core *core, const struct idn_job *job, uint32_t index)
{
    if (core->holder != NULL && core->holder->job == job && covers(core->holder, index))
        return core->holder;
    IDN_EACH(link, &job->lease_list)
    {
        struct idn_lease *lease = IDN_ENTRY(link, struct idn_lease, in_job);
        if (covers(lease, index))
            return core->holder = lease;
    }
    return NULL;
}

void idn_lease_image_done(
    struct idn_core *core, struct idn_job *job, uint32_t index, struct idn_lease *reporting)
{
    struct idn_lease *holder = reporting;

    if (reporting == NULL || reporting->job != job || !covers(reporting, index))
        holder = find_holder(core, job, index);
    IDN_ASSERT(holder != NULL && holder->left > 0);
    holder->left--;
    holder->taken += holder != reporting;
    job->reap = job->reap || holder != reporting;
}

bool idn_lease_image_back(struct idn_core *core, const struct idn_job *job, uint32_t index)
{
    struct idn_lease *holder = find_holder(core, job, index);

    if (holder != NULL)
        holder->left++;
    return holder != NULL;
}

// Its worker does not know of the results that others brought: what it has not begun is cut anew,
// once that saves more than a slice.
static void cut_anew(struct idn_core *core, struct idn_lease *lease)
{
    uint64_t image_us = idn_worker_image_us(lease->worker, lease->job);

    if (lease->taken * image_us < IDN_SLICE_MS * 1000ull || lease->trimming || lease->spent)
        return;
    lease->taken = 0;
    idn_lease_trim(core, lease, 0);
}

void idn_leases_reap(struct idn_core *core, struct idn_job *job, const struct idn_lease *reporting)
{
    if (!job->reap)
        return;
    job->reap = false;
    IDN_EACH_SAFE(link, after, &job->lease_list)
    {
        struct idn_lease *lease = IDN_ENTRY(link, struct idn_lease, in_job);
        if (lease->left > 0) {
            cut_anew(core, lease);
        } else if (lease != reporting) {
            if (idn_actions_room(core))
                idn_lease_disown(core, lease->worker, lease->id);
            idn_lease_close(core, lease);
        }
    }
}

void idn_lease_disown(
    struct idn_core *core, const struct idn_worker *worker, struct idn_lease_id id)
{
    if (worker->peer != 0)
        idn_order_add(core, worker, IDN_ORDER_TRIM)->u.trim.id = id;
}

void idn_leases_resend(struct idn_core *core)
{
    while (!idn_link_empty(&core->unanswered)) {
        struct idn_lease *lease = IDN_ENTRY(core->unanswered.next, struct idn_lease, in_unanswered);
        if (core->now < lease->sent_ms + IDN_ORDER_MS || !idn_actions_room(core))
            return;
        send_orders(core, lease);
    }
}

uint64_t idn_leases_deadline(const struct idn_core *core)
{
    if (idn_link_empty(&core->unanswered))
        return UINT64_MAX;
    return IDN_ENTRY_CONST(core->unanswered.next, struct idn_lease, in_unanswered)->sent_ms +
           IDN_ORDER_MS;
}
