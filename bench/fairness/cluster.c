// The broker, its store, and time; workers.c has the workers.
#include "bench/fairness/internal.h"

#include "proto/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE_US = 2000, TAKE_OVER_US = 1000 * 1000, JOBS_KNOWN = 64 };
static const uint64_t start_us = 10u * 1000 * 1000;

void *fair_allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        abort();
    return memory;
}

void *fair_copy(const void *bytes, size_t size)
{
    return memcpy(fair_allocate(size), bytes, size);
}

static bool is_for_worker(int type)
{
    return type == FAIR_TO_WORKER || type == FAIR_BEAT_TO_WORKER || type == FAIR_CHILD_READY ||
           type == FAIR_CHILD_GIVEN || type == FAIR_CHILD_ROWS || type == FAIR_WORKER_TICK;
}

static bool is_for_broker(int type)
{
    return type == FAIR_TO_BROKER || type == FAIR_BEAT_TO_BROKER || type == FAIR_STORED ||
           type == FAIR_BROKER_TICK;
}

void fair_later(struct fair_cluster *cluster, uint64_t delay_us, struct agenda_event event)
{
    event.at = cluster->now_us + delay_us;
    if (is_for_worker(event.type))
        event.boot = cluster->worker[event.node].boots;
    else if (is_for_broker(event.type))
        event.boot = cluster->boots;
    agenda_add(&cluster->agenda, event);
}

void fair_tick_at(struct fair_cluster *cluster, uint64_t deadline_ms, struct agenda_event event)
{
    uint64_t now_ms = cluster->now_us / 1000;

    if (deadline_ms == UINT64_MAX)
        return;
    // Not twice in the same millisecond: what is due then has been done.
    deadline_ms = deadline_ms > now_ms ? deadline_ms : now_ms + 1;
    event.a = deadline_ms;
    fair_later(cluster, deadline_ms * 1000 - cluster->now_us, event);
}

// ---- the broker

static struct idn_key key_of(uint32_t job)
{
    return (struct idn_key){.bytes = {(uint8_t)(job + 1), 1, 2, 3}};
}

static void keep_fact(struct fair_cluster *cluster, const struct idn_fact *fact)
{
    if (!cluster->keeps_facts)
        return;
    if (cluster->facts == cluster->facts_room) {
        cluster->facts_room = 2 * cluster->facts_room + 64;
        cluster->fact = realloc(cluster->fact, cluster->facts_room * sizeof(*cluster->fact));
        if (cluster->fact == NULL)
            abort();
    }
    struct fair_fact *kept = &cluster->fact[cluster->facts++];
    *kept = (struct fair_fact){.fact = *fact};
    if (fact->kind != IDN_FACT_RESULTS)
        return;
    kept->rows = fair_copy(fact->u.results.rows, (size_t)fact->u.results.count * IDN_ROW_BYTES);
    kept->fact.u.results.rows = kept->rows;
}

static void send_order(struct fair_cluster *cluster, const struct idn_action *action)
{
    uint32_t worker = (uint32_t)action->peer - 1;

    if (cluster->worker[worker].agent != NULL)
        fair_later(cluster, FAIR_NETWORK_US,
            (struct agenda_event){.type = FAIR_TO_WORKER,
                .node = worker,
                .payload = fair_copy(&action->u.order, sizeof(action->u.order))});
}

static void carry_out(struct fair_cluster *cluster, const struct idn_action *action)
{
    if (action->type == IDN_ACTION_ORDER)
        send_order(cluster, action);
    if (action->type == IDN_ACTION_COMMIT) {
        cluster->position++;
        keep_fact(cluster, &action->u.fact);
    }
    for (uint32_t i = 0; action->type == IDN_ACTION_BEAT && i < FAIR_WORKERS_MAX; i++)
        if (cluster->worker[i].agent != NULL)
            fair_later(cluster, FAIR_NETWORK_US,
                (struct agenda_event){.type = FAIR_BEAT_TO_WORKER,
                    .node = i,
                    .payload = fair_copy(&action->u.beat, sizeof(action->u.beat))});
    if (action->type == IDN_ACTION_EXIT ||
        (action->type == IDN_ACTION_REPLY && action->u.reply.type == IDN_REPLY_REFUSED)) {
        (void)fprintf(stderr, "bench-fairness: the broker says: %s\n",
            action->type == IDN_ACTION_EXIT ? action->u.text : action->u.reply.u.refused.text);
        exit(1);
    }
}

static void step_core(struct fair_cluster *cluster, struct idn_event event)
{
    uint64_t before = cluster->position;

    if (cluster->core == NULL)
        return;
    event.now_ms = cluster->now_us / 1000;
    event.wall_ms = 1700000000000u + event.now_ms;
    idn_core_step(cluster->core, &event);
    struct idn_actions actions = idn_core_actions(cluster->core);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(cluster, &actions.item[i]);
    if (cluster->position != before)
        fair_later(
            cluster, STORE_US, (struct agenda_event){.type = FAIR_STORED, .a = cluster->position});
    fair_tick_at(
        cluster, idn_core_deadline(cluster->core), (struct agenda_event){.type = FAIR_BROKER_TICK});
}

void fair_fill_digest(struct idn_sha256 *digest, unsigned byte)
{
    memset(digest, (int)byte, sizeof(*digest));
}

static void start_broker(struct fair_cluster *cluster)
{
    struct idn_core_model model[FAIR_MODELS_MAX] = {{.batch = 0}};
    struct idn_core_dataset dataset = {.name = "photos", .images = FAIR_JOB_IMAGES};
    struct idn_core_config config = {.broker = "bench",
        .letter = 'a',
        .policy = cluster->policy,
        .workers_max = FAIR_WORKERS_MAX,
        .jobs_max = JOBS_KNOWN,
        .open_jobs_max = JOBS_KNOWN,
        .models = fair_scenario_models(cluster->scenario),
        .datasets = FAIR_DATASETS,
        .model = model,
        .dataset = &dataset};

    for (uint32_t i = 0; i < config.models; i++) {
        (void)snprintf(model[i].name, IDN_NAME_SIZE, "%s", cluster->scenario->model[i].name);
        model[i].batch = cluster->scenario->model[i].batch;
        fair_fill_digest(&model[i].digest, i + 1);
    }
    fair_fill_digest(&dataset.digest, FAIR_MODELS_MAX + 1);
    cluster->boots++;
    cluster->memory = fair_allocate(idn_core_bytes(&config));
    cluster->core = idn_core_init(cluster->memory, &config);
    for (size_t i = 0; i < cluster->facts; i++)
        step_core(
            cluster, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &cluster->fact[i].fact});
    step_core(cluster, (struct idn_event){.type = IDN_EVENT_START,
                           .u.start = {0xabc000 + cluster->boots, cluster->position, false}});
    step_core(cluster, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
}

// What was not stored is lost.
static void stop_broker(struct fair_cluster *cluster)
{
    while (cluster->facts > cluster->stored)
        free(cluster->fact[--cluster->facts].rows);
    cluster->position = cluster->stored;
    free(cluster->memory);
    cluster->memory = NULL;
    cluster->core = NULL;
    cluster->boots++;
}

static void submit(struct fair_cluster *cluster, uint32_t job)
{
    const struct fair_job *wanted = &cluster->scenario->job[job];
    struct idn_request request = {.type = IDN_REQUEST_SUBMIT, .id = job + 1};

    request.job = (struct idn_job_name){.key = key_of(job), .bits = 128};
    (void)snprintf(
        request.u.submit.model, IDN_NAME_SIZE, "%s", cluster->scenario->model[wanted->model].name);
    (void)snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "photos");
    (void)snprintf(request.u.submit.client, IDN_NAME_SIZE, "alice");
    request.u.submit.last = FAIR_JOB_IMAGES - 1;
    request.u.submit.weight = wanted->weight;
    cluster->job[job].submitted = true;
    cluster->job[job].submitted_us = cluster->now_us;
    cluster->job[job].weight = wanted->weight;
    step_core(cluster, (struct idn_event){.type = IDN_EVENT_REQUEST,
                           .u.request = {.peer = 99, .message = &request}});
}

static void set_weight(struct fair_cluster *cluster, uint32_t job, uint32_t weight)
{
    struct idn_request request = {.type = IDN_REQUEST_SET, .id = 100 + job};

    request.job = (struct idn_job_name){.key = key_of(job), .bits = 128};
    (void)snprintf(request.u.set.key, sizeof(request.u.set.key), "weight");
    (void)snprintf(request.u.set.value, sizeof(request.u.set.value), "%u", weight);
    cluster->job[job].weight = weight;
    step_core(cluster, (struct idn_event){.type = IDN_EVENT_REQUEST,
                           .u.request = {.peer = 99, .message = &request}});
}

// ---- time

static void change(struct fair_cluster *cluster, uint32_t number)
{
    const struct fair_change *change = &cluster->scenario->change[number];

    switch (change->type) {
    case FAIR_LEAVES:
        fair_worker_stop(cluster, change->who);
        break;
    case FAIR_JOINS:
        fair_worker_start(cluster, change->who);
        break;
    case FAIR_TAKE_OVER:
        if (cluster->core == NULL) {
            start_broker(cluster);
            break;
        }
        stop_broker(cluster);
        fair_later(
            cluster, TAKE_OVER_US, (struct agenda_event){.type = FAIR_CHANGE, .node = number});
        break;
    case FAIR_WEIGHT:
        set_weight(cluster, change->who, change->value);
        break;
    case FAIR_NO_CHANGE:
        break;
    }
}

static void end_second(struct fair_cluster *cluster)
{
    uint32_t at = ++cluster->seconds;

    for (uint32_t i = 0; i < fair_scenario_jobs(cluster->scenario); i++) {
        struct idn_key key = key_of(i);
        struct idn_job_info info = {.ok = 0};
        cluster->job[i].done[at] = cluster->job[i].done[at - 1];
        if (cluster->core != NULL && idn_core_job(cluster->core, &key, &info))
            cluster->job[i].done[at] = info.ok;
    }
    cluster->work_us[at] = cluster->work_us[at - 1];
    for (uint32_t i = 0; i < FAIR_WORKERS_MAX; i++) {
        cluster->switches[at] += cluster->worker[i].switches;
        if (cluster->worker[i].agent != NULL)
            cluster->work_us[at] += 100u * 1000 * 1000 / cluster->worker[i].percent;
    }
    fair_later(cluster, 1000 * 1000, (struct agenda_event){.type = FAIR_SECOND});
}

static void happen_at_broker(struct fair_cluster *cluster, const struct agenda_event *event)
{
    struct idn_event to = {.type = IDN_EVENT_TICK};

    if (event->type == FAIR_BROKER_TICK && idn_core_deadline(cluster->core) > event->a)
        return;
    if (event->type == FAIR_TO_BROKER) {
        to.type = IDN_EVENT_WORKER;
        to.u.worker.peer = event->node + 1;
        to.u.worker.message = event->payload;
    } else if (event->type == FAIR_BEAT_TO_BROKER) {
        to.type = IDN_EVENT_BEAT;
        to.u.beat = event->payload;
    } else if (event->type == FAIR_STORED) {
        cluster->stored = event->a;
        to.type = IDN_EVENT_STORED;
        to.u.stored.position = event->a;
    }
    step_core(cluster, to);
}

static void happen(struct fair_cluster *cluster, const struct agenda_event *event)
{
    if (event->type == FAIR_SUBMIT)
        submit(cluster, event->node);
    else if (event->type == FAIR_CHANGE)
        change(cluster, event->node);
    else if (event->type == FAIR_SECOND)
        end_second(cluster);
    else if (is_for_broker(event->type) && event->boot == cluster->boots && cluster->core != NULL)
        happen_at_broker(cluster, event);
    else if (is_for_worker(event->type) && event->boot == cluster->worker[event->node].boots)
        fair_worker_happen(cluster, event);
}

static void begin(struct fair_cluster *cluster)
{
    const struct fair_scenario *scenario = cluster->scenario;

    start_broker(cluster);
    for (uint32_t i = 0; i < scenario->workers; i++)
        fair_worker_start(cluster, i);
    for (uint32_t i = 0; i < fair_scenario_jobs(scenario); i++)
        fair_later(cluster, (uint64_t)scenario->job[i].submit_ms * 1000,
            (struct agenda_event){.type = FAIR_SUBMIT, .node = i});
    for (uint32_t i = 0; scenario->change[i].type != FAIR_NO_CHANGE; i++)
        fair_later(cluster, (uint64_t)scenario->change[i].at_ms * 1000,
            (struct agenda_event){.type = FAIR_CHANGE, .node = i});
    fair_later(cluster, 1000 * 1000, (struct agenda_event){.type = FAIR_SECOND});
}

struct fair_cluster *fair_cluster_run(
    const struct fair_scenario *scenario, enum idn_policy policy, uint64_t seed)
{
    struct fair_cluster *cluster = fair_allocate(sizeof(*cluster));
    struct agenda_event event;

    cluster->scenario = scenario;
    cluster->policy = policy;
    cluster->now_us = start_us;
    idn_random_init(&cluster->random, seed, 1);
    for (uint32_t i = 0; scenario->change[i].type != FAIR_NO_CHANGE; i++)
        cluster->keeps_facts |= scenario->change[i].type == FAIR_TAKE_OVER;
    begin(cluster);
    while (cluster->seconds < scenario->seconds && agenda_take(&cluster->agenda, &event)) {
        cluster->now_us = event.at;
        happen(cluster, &event);
        free(event.payload);
    }
    for (uint32_t i = 0; i < FAIR_WORKERS_MAX; i++)
        fair_worker_stop(cluster, i);
    return cluster;
}

void fair_cluster_destroy(struct fair_cluster **cluster)
{
    struct fair_cluster *gone = *cluster;

    agenda_fini(&gone->agenda);
    for (size_t i = 0; i < gone->facts; i++)
        free(gone->fact[i].rows);
    free(gone->fact);
    free(gone->memory);
    free(gone);
    *cluster = NULL;
}
