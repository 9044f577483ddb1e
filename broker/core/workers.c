#include "broker/core/workers.h"

#include "broker/core/actions.h"
#include "broker/core/leases.h"
#include "broker/core/measure.h"
#include "broker/core/shares.h"
#include "broker/core/silence.h"

#include <string.h>

static uint32_t home(const struct idn_core *core, uint64_t nonce)
{
    return (uint32_t)(nonce * 0x9e3779b97f4a7c15u >> 32) & core->worker_index_mask;
}

struct idn_worker *idn_workers_find(const struct idn_core *core, uint64_t nonce)
{
    for (uint32_t at = home(core, nonce); core->worker_index[at] != 0;
         at = (at + 1) & core->worker_index_mask) {
        struct idn_worker *worker = &core->worker[core->worker_index[at] - 1];
        if (worker->nonce == nonce)
            return worker;
    }
    return NULL;
}

// FNV-1a.
static struct idn_link *name_bucket(const struct idn_core *core, const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return &core->worker_names[hash & core->worker_index_mask];
}

struct idn_worker *idn_workers_find_name(const struct idn_core *core, const char *name)
{
    struct idn_link *bucket = name_bucket(core, name);

    IDN_EACH(link, bucket)
    {
        struct idn_worker *worker = IDN_ENTRY(link, struct idn_worker, in_name);
        if (strcmp(worker->name, name) == 0)
            return worker;
    }
    return NULL;
}

static struct idn_link *peer_bucket(const struct idn_core *core, idn_peer peer)
{
    return &core->worker_peers[home(core, peer)];
}

void idn_worker_set_peer(struct idn_core *core, struct idn_worker *worker, idn_peer peer)
{
    if (worker->peer == peer)
        return;
    worker->peer = peer;
    idn_link_remove(&worker->in_peer);
    if (peer != 0)
        idn_link_append(peer_bucket(core, peer), &worker->in_peer);
    idn_worker_place(core, worker);
}

void idn_workers_peer_gone(struct idn_core *core, idn_peer peer)
{
    IDN_EACH_SAFE(link, after, peer_bucket(core, peer))
    {
        struct idn_worker *worker = IDN_ENTRY(link, struct idn_worker, in_peer);
        if (worker->peer == peer)
            idn_worker_set_peer(core, worker, 0);
    }
}

static void index_put(struct idn_core *core, const struct idn_worker *worker)
{
    uint32_t at = home(core, worker->nonce);

    while (core->worker_index[at] != 0)
        at = (at + 1) & core->worker_index_mask;
    core->worker_index[at] = (uint32_t)(worker - core->worker) + 1;
}

static void index_remove(struct idn_core *core, const struct idn_worker *worker)
{
    uint32_t mask = core->worker_index_mask, hole = home(core, worker->nonce);

    while (core->worker_index[hole] != (uint32_t)(worker - core->worker) + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; core->worker_index[at] != 0; at = (at + 1) & mask) {
        uint32_t wants = home(core, core->worker[core->worker_index[at] - 1].nonce);
        if (((at - wants) & mask) >= ((at - hole) & mask)) {
            core->worker_index[hole] = core->worker_index[at];
            hole = at;
        }
    }
    core->worker_index[hole] = 0;
}

static struct idn_worker *take_slot(struct idn_core *core)
{
    struct idn_link *returned = &core->presence[IDN_PRESENCE_FREE],
                    *dead = &core->presence[IDN_PRESENCE_DEAD];

    if (idn_link_empty(returned) && core->workers_touched < core->workers_max)
        return &core->worker[core->workers_touched++];
    if (idn_link_empty(returned) && !idn_link_empty(dead))
        idn_workers_remove(core, IDN_ENTRY(dead->next, struct idn_worker, in_presence));
    if (idn_link_empty(returned))
        return NULL;
    struct idn_worker *worker = IDN_ENTRY(returned->next, struct idn_worker, in_presence);
    idn_link_remove(&worker->in_presence);
    return worker;
}

struct idn_worker *idn_workers_add(struct idn_core *core, uint64_t nonce, const char *name)
{
    struct idn_worker *worker = take_slot(core);

    if (worker == NULL)
        return NULL;
    *worker = (struct idn_worker){.nonce = nonce, .image_model = IDN_NONE};
    idn_copy_text(worker->name, sizeof(worker->name), name);
    worker->drained = idn_drained_has(&core->drained, name);
    core->workers++;
    index_put(core, worker);
    idn_link_append(name_bucket(core, worker->name), &worker->in_name);
    idn_worker_set_presence(core, worker, IDN_PRESENCE_ALIVE);
    return worker;
}

void idn_workers_remove(struct idn_core *core, struct idn_worker *worker)
{
    idn_leases_close_all(core, worker);
    index_remove(core, worker);
    idn_link_remove(&worker->in_name);
    idn_link_remove(&worker->in_peer);
    idn_link_remove(&worker->in_ack);
    core->workers--;
    idn_worker_set_presence(core, worker, IDN_PRESENCE_FREE);
    if (core->asking == worker)
        core->asking = NULL;
}

static bool is_here(enum idn_presence presence)
{
    return presence == IDN_PRESENCE_ALIVE || presence == IDN_PRESENCE_SUSPECTED;
}

bool idn_worker_is_here(const struct idn_worker *worker)
{
    return is_here(worker->presence);
}

// Who says HELLO while a reign begins has not joined now: the reign is the change.
static void note_change(struct idn_core *core, enum idn_presence before, enum idn_presence now)
{
    if (is_here(now) == is_here(before) || (is_here(now) && !core->grace_over))
        return;
    idn_measure_change(core, is_here(now) ? IDN_CHANGE_WORKER_JOINED : IDN_CHANGE_WORKER_LEFT);
}

void idn_worker_set_presence(
    struct idn_core *core, struct idn_worker *worker, enum idn_presence presence)
{
    struct idn_link *list = &core->presence[presence], *before = list;

    if (worker->presence != presence)
        idn_shares_changed(core);
    note_change(core, worker->presence, presence);
    worker->presence = presence;
    worker->heard_ms = presence == IDN_PRESENCE_ALIVE ? core->now : worker->heard_ms;
    // By when last heard: a bereft one among the suspected is heard all the time.
    idn_link_remove(&worker->in_presence);
    while (before->prev != list &&
           IDN_ENTRY(before->prev, struct idn_worker, in_presence)->heard_ms > worker->heard_ms)
        before = before->prev;
    idn_link_append(before, &worker->in_presence);
    idn_worker_place(core, worker);
}

void idn_worker_heard(struct idn_core *core, struct idn_worker *worker)
{
    idn_silence_broken(core);
    if (worker->presence != IDN_PRESENCE_ALIVE && worker->presence != IDN_PRESENCE_SUSPECTED)
        return;
    worker->heard_ms = core->now;
    idn_worker_set_presence(
        core, worker, worker->bereft ? IDN_PRESENCE_SUSPECTED : IDN_PRESENCE_ALIVE);
}

void idn_worker_ask_hello(struct idn_core *core, struct idn_worker *worker)
{
    if (worker->peer == 0 || core->now < worker->hello_asked_ms + IDN_BEAT_MS)
        return;
    worker->hello_asked_ms = core->now;
    idn_order_add(core, worker, IDN_ORDER_HELLO_AGAIN);
}

void idn_worker_progressed(struct idn_core *core, struct idn_worker *worker)
{
    worker->progress_ms = core->now;
    if (!worker->wedged)
        return;
    worker->wedged = false;
    idn_worker_place(core, worker);
}

enum idn_hindrance idn_worker_hindrance(const struct idn_worker *worker)
{
    static const enum idn_hindrance of_presence[IDN_PRESENCE_COUNT] = {
        [IDN_PRESENCE_FREE] = IDN_HINDERED_DEAD,
        [IDN_PRESENCE_SUSPECTED] = IDN_HINDERED_SUSPECTED,
        [IDN_PRESENCE_LEAVING] = IDN_HINDERED_LEAVING,
        [IDN_PRESENCE_DEAD] = IDN_HINDERED_DEAD,
    };

    if (worker->presence != IDN_PRESENCE_ALIVE)
        return of_presence[worker->presence];
    if (worker->drained)
        return IDN_HINDERED_DRAINED;
    if (worker->benched)
        return IDN_HINDERED_BENCHED;
    if (worker->wedged)
        return IDN_HINDERED_STUCK;
    return worker->peer == 0 ? IDN_HINDERED_UNREACHABLE : IDN_UNHINDERED;
}

bool idn_worker_is_live(const struct idn_worker *worker)
{
    return idn_worker_hindrance(worker) == IDN_UNHINDERED;
}

void idn_worker_place(struct idn_core *core, struct idn_worker *worker)
{
    bool live = idn_worker_is_live(worker), idle = live && worker->leases == 0;

    // What died elsewhere may have waited for this one to try it.
    if (worker->live && !live && core->suspects > 0)
        core->look = true;
    core->live = core->live - worker->live + live;
    worker->live = live;
    if (idle == idn_link_in(&worker->in_idle))
        return;
    if (!idle) {
        idn_link_remove(&worker->in_idle);
        return;
    }
    idn_link_append(&core->idle, &worker->in_idle);
    core->look = true;
}

void idn_worker_trim(struct idn_core *core, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < worker->leases; i++)
        if (!worker->lease[i]->spent)
            idn_lease_trim(core, worker->lease[i], 0);
}

void idn_worker_drain(struct idn_core *core, struct idn_worker *worker, bool drained)
{
    worker->drained = drained;
    idn_shares_changed(core);
    if (drained)
        idn_worker_trim(core, worker);
    idn_worker_place(core, worker);
    core->look = core->newcomers = true;
}

static enum idn_hindrance lacks(const struct idn_worker *worker, const struct idn_job *job)
{
    if (job->model < 0 || !(worker->models >> job->model & 1))
        return IDN_HINDERED_MODEL;
    if (job->dataset == IDN_NONE)
        return IDN_HINDERED_LIST;
    if (job->dataset >= 0 && !(worker->datasets[job->dataset / 64] >> job->dataset % 64 & 1))
        return IDN_HINDERED_LIST;
    for (uint32_t i = 0; i < worker->refused_count; i++) {
        const struct idn_refused_pair *pair = &worker->refused[i];
        if (pair->model == job->model && pair->dataset == job->dataset &&
            (pair->dataset != IDN_UPLOADED_LIST || pair->job == job->serial))
            return IDN_HINDERED_UNAVAILABLE;
    }
    return IDN_UNHINDERED;
}

bool idn_worker_can_serve_class(const struct idn_worker *worker, const struct idn_job *job)
{
    if (job->class_hash != 0)
        return worker->class_hash == job->class_hash;
    return job->leases == 0 || worker->class_hash == job->leased_class;
}

bool idn_job_waits_for_hellos(const struct idn_core *core, const struct idn_job *job)
{
    return job->restored && !core->grace_over;
}

enum idn_hindrance idn_worker_hindrance_for(
    const struct idn_core *core, const struct idn_worker *worker, const struct idn_job *job)
{
    enum idn_hindrance hindrance = idn_worker_hindrance(worker);

    if (hindrance != IDN_UNHINDERED)
        return hindrance;
    if (idn_job_waits_for_hellos(core, job))
        return IDN_HINDERED_STARTING;
    return idn_worker_can_serve_class(worker, job) ? lacks(worker, job) : IDN_HINDERED_CLASS;
}

bool idn_worker_can_serve(
    const struct idn_core *core, const struct idn_worker *worker, const struct idn_job *job)
{
    return idn_worker_hindrance_for(core, worker, job) == IDN_UNHINDERED;
}

static bool is_known_kind(const struct idn_kinds *kinds, const struct idn_worker *worker)
{
    for (uint32_t i = 0; i < kinds->count; i++)
        if (kinds->one[i]->ability == worker->ability)
            return true;
    return false;
}

void idn_workers_kinds(const struct idn_core *core, struct idn_kinds *ret)
{
    *ret = (struct idn_kinds){.count = 0};
    IDN_EACH_CONST(link, &core->presence[IDN_PRESENCE_ALIVE])
    {
        const struct idn_worker *worker = IDN_ENTRY_CONST(link, struct idn_worker, in_presence);
        if (!idn_worker_is_live(worker) || is_known_kind(ret, worker))
            continue;
        if (ret->count < IDN_KINDS_MAX)
            ret->one[ret->count++] = worker;
        else
            ret->more = true;
    }
}

bool idn_kinds_can_serve(
    const struct idn_core *core, const struct idn_kinds *kinds, const struct idn_job *job)
{
    for (uint32_t i = 0; i < kinds->count; i++)
        if (idn_worker_can_serve(core, kinds->one[i], job))
            return true;
    return kinds->more;
}

static uint64_t add_to(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

void idn_worker_set_ability(struct idn_worker *worker)
{
    uint64_t hash = add_to(add_to(1, worker->class_hash), worker->models);

    for (uint32_t i = 0; i < IDN_DATASETS_MAX / 64; i++)
        hash = add_to(hash, worker->datasets[i]);
    for (uint32_t i = 0; i < worker->refused_count; i++) {
        const struct idn_refused_pair *pair = &worker->refused[i];
        hash = add_to(hash, (uint64_t)(uint32_t)pair->model << 32 | (uint32_t)pair->dataset);
        hash = add_to(hash, pair->job);
    }
    worker->ability = hash;
}

void idn_worker_refuses(
    struct idn_core *core, struct idn_worker *worker, const struct idn_job *job, const char *why)
{
    idn_copy_text(worker->note, sizeof(worker->note), why);
    if (job->model < 0)
        return;
    // No room to remember the pair: then the model as a whole.
    if (worker->refused_count == IDN_REFUSED_PAIRS_MAX)
        worker->models &= ~(UINT64_C(1) << job->model);
    else
        worker->refused[worker->refused_count++] = (struct idn_refused_pair){.model = job->model,
            .dataset = job->dataset,
            .job = job->serial,
            .refused_ms = core->now};
    idn_worker_set_ability(worker);
}

void idn_worker_forgive(struct idn_core *core, struct idn_worker *worker)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < worker->refused_count; i++)
        if (core->now - worker->refused[i].refused_ms < IDN_UNAVAILABLE_MS)
            worker->refused[kept++] = worker->refused[i];
    worker->refused_count = kept;
}

uint64_t idn_worker_image_us(const struct idn_worker *worker, const struct idn_job *job)
{
    return worker->image_model == job->model ? worker->image_us : 0;
}

uint64_t idn_worker_likely_us(const struct idn_worker *worker, const struct idn_job *job)
{
    uint64_t image_us = idn_worker_image_us(worker, job);
    uint32_t computed = job->images.kind[IDN_IMAGE_OK] + job->images.kind[IDN_IMAGE_ERROR];

    return image_us == 0 && computed > 0 ? job->compute_us / computed : image_us;
}

void idn_worker_measure(
    struct idn_worker *worker, const struct idn_job *job, uint32_t images, uint64_t compute_us)
{
    if (images == 0 || compute_us < images || job->model < 0)
        return;
    uint64_t old = idn_worker_image_us(worker, job), now = compute_us / images;

    worker->image_us = old == 0 ? now : (3 * old + now) / 4;
    worker->image_model = job->model;
}

uint32_t idn_workers_beat_ms(const struct idn_core *core)
{
    uint32_t many = core->workers / 10;

    return many > IDN_BEAT_MS ? many : IDN_BEAT_MS;
}
