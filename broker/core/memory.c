// The core's memory: one block of the caller's, cut into the tables by the limits. The same walk
// measures the block and cuts it.
#include "broker/core/state.h"

#include <string.h>

// Where the next table begins; base NULL only measures.
struct cutter {
    uint8_t *base;
    size_t used;
};

static void *cut(struct cutter *cutter, size_t count, size_t size)
{
    enum { ALIGNMENT = 64 };
    size_t at = (cutter->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    cutter->used = at + count * size;
    return cutter->base == NULL ? NULL : cutter->base + at;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

// Entries of an open-addressing index that is at most half full.
static uint32_t index_size(uint32_t entries)
{
    uint32_t size = 16;

    while (size < 2 * entries)
        size *= 2;
    return size;
}

static void take_limits(struct idn_core *core, const struct idn_core_config *config)
{
    core->workers_max = or_default(config->workers_max, IDN_WORKERS_MAX);
    core->jobs_max = or_default(config->jobs_max, IDN_KNOWN_JOBS_MAX);
    core->open_jobs_max = or_default(config->open_jobs_max, IDN_OPEN_JOBS_MAX);
    core->forgotten_max = or_default(config->forgotten_max, IDN_FORGOTTEN_MAX);
    core->drained_max = or_default(config->drained_max, IDN_DRAINED_MAX);
    core->open_images_max =
        config->open_images_max == 0 ? IDN_OPEN_IMAGES_MAX : config->open_images_max;
    core->has_peer = config->has_peer;
    core->mirror_required = config->mirror_required;
    core->models = config->models;
    core->datasets = config->datasets;
}

// Every open job may need a page that is not full and a directory that is not full either.
static uint32_t count_pages(const struct idn_core *core)
{
    uint64_t full = core->open_images_max / IDN_PAGE_IMAGES + 1;

    return (uint32_t)(full + full / IDN_PAGE_ENTRIES) + 2 * core->open_jobs_max;
}

static void cut_jobs(struct idn_core *core, struct cutter *cutter)
{
    uint32_t pages = count_pages(core), index = index_size(core->jobs_max);

    core->job = cut(cutter, core->jobs_max, sizeof(*core->job));
    core->job_index = cut(cutter, index, sizeof(*core->job_index));
    core->job_index_mask = index - 1;
    uint8_t *bytes = cut(cutter, pages, IDN_PAGE_BYTES);
    uint16_t *pending = cut(cutter, pages, sizeof(*pending));
    idn_pages_init(&core->pages, bytes, pending, pages);
    struct idn_key *forgotten =
        cut(cutter, idn_forgotten_slots(core->forgotten_max), sizeof(*forgotten));
    idn_forgotten_init(&core->forgotten, forgotten, core->forgotten_max);
}

static void cut_drained(struct idn_core *core, struct cutter *cutter)
{
    uint32_t max = core->drained_max;
    struct idn_drained_name *name = cut(cutter, max, sizeof(*name));
    uint32_t *index = cut(cutter, index_size(max), sizeof(*index));

    idn_drained_init(&core->drained, name, max, index, index_size(max));
}

static void cut_workers(struct idn_core *core, struct cutter *cutter)
{
    uint32_t index = index_size(core->workers_max);

    core->worker = cut(cutter, core->workers_max, sizeof(*core->worker));
    core->worker_index = cut(cutter, index, sizeof(*core->worker_index));
    core->worker_index_mask = index - 1;
    core->worker_names = cut(cutter, index, sizeof(*core->worker_names));
    core->worker_peers = cut(cutter, index, sizeof(*core->worker_peers));
    core->roles.voters.voter = cut(cutter, core->workers_max, sizeof(struct idn_voter));
    core->roles.voters.index = cut(cutter, index, sizeof(*core->roles.voters.index));
    core->roles.voters.index_mask = index - 1;
    core->lease =
        cut(cutter, (size_t)core->workers_max * IDN_WORKER_LEASES_MAX, sizeof(*core->lease));
    core->urgent =
        cut(cutter, (size_t)core->workers_max * IDN_WORKER_LEASES_MAX, sizeof(*core->urgent));
}

// Of each worker's leases one task is being worked on; as many again have been begun and wait.
static void cut_measures(struct idn_core *core, struct cutter *cutter)
{
    struct idn_measures *measures = &core->measures;
    uint32_t tasks = 2 * core->workers_max * IDN_WORKER_LEASES_MAX, buckets = 16;

    while (buckets < tasks)
        buckets *= 2;
    measures->max = core->open_jobs_max;
    measures->slot = cut(cutter, measures->max, sizeof(*measures->slot));
    measures->task_us = cut(cutter, core->models, sizeof(*measures->task_us));
    struct idn_open_task *at = cut(cutter, tasks, sizeof(*at));
    uint32_t *bucket = cut(cutter, buckets, sizeof(*bucket));
    idn_open_tasks_init(&measures->tasks, at, tasks, bucket, buckets);
}

static void cut_small_tables(struct idn_core *core, struct cutter *cutter)
{
    core->model = cut(cutter, core->models, sizeof(*core->model));
    core->dataset = cut(cutter, core->datasets, sizeof(*core->dataset));
    core->action = cut(cutter, IDN_ACTIONS_MAX, sizeof(*core->action));
    core->scratch = cut(cutter, IDN_LIST_PART_BYTES, 1);
    core->commit_time = cut(cutter, IDN_COMMIT_TIMES_MAX, sizeof(*core->commit_time));
    core->promise = cut(cutter, IDN_PROMISES_MAX, sizeof(*core->promise));
    core->upload = cut(cutter, IDN_UPLOADS_MAX, sizeof(*core->upload));
    core->suspect = cut(cutter, IDN_SUSPECTS_MAX, sizeof(*core->suspect));
    core->suspect_buckets = cut(cutter, IDN_SUSPECT_BUCKETS, sizeof(*core->suspect_buckets));
    core->client = cut(cutter, IDN_CLIENTS_MAX, sizeof(*core->client));
    core->watch = cut(cutter, IDN_WATCHES_MAX, sizeof(*core->watch));
    struct idn_heap_item *at = cut(cutter, IDN_WATCHES_MAX, sizeof(*at));
    uint32_t *place = cut(cutter, IDN_WATCHES_MAX, sizeof(*place));
    idn_heap_init(&core->watch_heap, at, place, IDN_WATCHES_MAX);
}

// Nothing of it without a peer.
static void cut_mirror(struct idn_core *core, struct cutter *cutter)
{
    uint32_t slots = index_size(IDN_INCARNATIONS_MAX);
    struct idn_mirror *mirror = &core->mirror;

    if (!core->has_peer)
        return;
    struct idn_vector_entry *at = cut(cutter, slots, sizeof(*at));
    idn_vector_init(&mirror->vector, at, slots, IDN_INCARNATIONS_MAX);
    mirror->list = cut(cutter, IDN_INCARNATIONS_MAX, sizeof(*mirror->list));
    mirror->out = cut(cutter, IDN_MIRROR_FACTS_MAX, sizeof(*mirror->out));
}

static_assert(IDN_REPORT_ROWS_MAX * 48 <= IDN_LIST_PART_BYTES, "a report's rows fit the scratch");

static void cut_all(struct idn_core *core, struct cutter *cutter)
{
    (void)cut(cutter, 1, sizeof(*core));
    cut_jobs(core, cutter);
    cut_workers(core, cutter);
    cut_drained(core, cutter);
    cut_small_tables(core, cutter);
    cut_measures(core, cutter);
    cut_mirror(core, cutter);
}

static void init_lists(struct idn_core *core)
{
    struct idn_link *heads[] = {&core->known, &core->open, &core->unserved, &core->free_jobs,
        &core->changed, &core->due, &core->idle, &core->acks, &core->free_leases, &core->unanswered,
        &core->free_watches, &core->urgents, &core->free_urgents, &core->roles.voters.heard,
        &core->roles.voters.free, NULL};

    for (struct idn_link **head = heads; *head != NULL; head++)
        idn_link_init(*head);
    for (int i = 0; i < IDN_PRESENCE_COUNT; i++)
        idn_link_init(&core->presence[i]);
    for (uint32_t i = 0; i <= core->worker_index_mask; i++) {
        idn_link_init(&core->worker_names[i]);
        idn_link_init(&core->worker_peers[i]);
    }
    for (uint32_t i = 0; i < IDN_SUSPECT_BUCKETS; i++)
        idn_link_init(&core->suspect_buckets[i]);
}

size_t idn_core_bytes(const struct idn_core_config *config)
{
    struct idn_core core = {0};
    struct cutter cutter = {0};

    take_limits(&core, config);
    cut_all(&core, &cutter);
    return cutter.used;
}

struct idn_core *idn_core_init(void *memory, const struct idn_core_config *config)
{
    struct idn_core *core = memory;
    struct cutter cutter = {.base = memory};

    IDN_ASSERT(config->models <= IDN_MODELS_MAX && config->datasets <= IDN_DATASETS_MAX);
    take_limits(core, config);
    cut_all(core, &cutter);
    init_lists(core);
    idn_copy_text(core->broker, sizeof(core->broker), config->broker);
    idn_copy_text(core->peer_address, sizeof(core->peer_address), config->peer_address);
    core->letter = config->letter;
    core->policy = config->policy;
    idn_random_init(&core->mirror.random, config->seed, config->letter);
    core->tell = config->tell;
    core->tell_context = config->tell_context;
    core->min_free_bytes = config->min_free_bytes;
    if (config->models > 0)
        memcpy(core->model, config->model, config->models * sizeof(*core->model));
    if (config->datasets > 0)
        memcpy(core->dataset, config->dataset, config->datasets * sizeof(*core->dataset));
    for (uint32_t i = 0; i < core->models; i++)
        IDN_ASSERT(core->model[i].batch > 0 && core->model[i].batch <= IDN_BATCH_MAX);
    for (uint32_t i = 0; i < core->models; i++)
        core->batch_configured[i] = core->model[i].batch;
    return core;
}
