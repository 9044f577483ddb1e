#include "tests/story/cluster.h"

#include "tests/story/wires.h"

#include <stdlib.h>

// What can happen next. Payloads are owned by the event.
enum event_type { TO_BROKER, BEAT_TO_BROKER, TO_WORKER, BEAT_TO_WORKER, CHILD, STORED, REFOLDED };

struct cluster_event {
    uint64_t at, order; // time, then order of making
    enum event_type type;
    int worker;
    uint64_t boot; // of the broker or the worker that it is for; another one never sees it
    union {
        struct idn_worker_message *message;
        struct idn_worker_beat *worker_beat;
        struct idn_order *order;
        struct idn_broker_beat *broker_beat;
        struct wires_child *child;
        uint64_t stored;
        struct idn_key *refolded;
    } u;
};

static bool is_for_broker(enum event_type type)
{
    return type == TO_BROKER || type == BEAT_TO_BROKER || type == STORED || type == REFOLDED;
}

static struct cluster_event *add_event(
    struct cluster *cluster, uint64_t delay_ms, enum event_type type, int worker)
{
    if (cluster->events == cluster->events_room) {
        cluster->events_room = cluster->events_room * 2 + 64;
        cluster->event = realloc(cluster->event, cluster->events_room * sizeof(*cluster->event));
    }
    struct cluster_event *event = &cluster->event[cluster->events++];
    *event = (struct cluster_event){
        .at = cluster->now + delay_ms, .order = cluster->order++, .type = type, .worker = worker};
    event->boot = is_for_broker(type) ? cluster->boots : cluster->worker[worker].boots;
    return event;
}

static void free_payload(struct cluster_event *event)
{
    if (event->type == TO_BROKER)
        wires_free_message(event->u.message);
    else if (event->type != STORED)
        free(event->u.order);
}

static bool is_lost(struct cluster *cluster, int worker)
{
    return cluster->worker[worker].cut_off ||
           (cluster->loss > 0 && idn_random_below(&cluster->random, 1000) < cluster->loss);
}

// ---- the broker
static void carry_out(struct cluster *cluster, const struct idn_action *action)
{
    int worker = (int)action->peer - 1;

    switch (action->type) {
    case IDN_ACTION_REPLY:
        cluster->reply = action->u.reply;
        cluster->replies++;
        break;
    case IDN_ACTION_ORDER:
        if (!is_lost(cluster, worker) &&
            (cluster->lose_order == NULL ||
                !cluster->lose_order(cluster, worker, &action->u.order)))
            add_event(cluster, 1, TO_WORKER, worker)->u.order =
                wires_copy(&action->u.order, sizeof(action->u.order));
        break;
    case IDN_ACTION_BEAT:
        for (int i = 0; i < CLUSTER_WORKERS_MAX; i++)
            if (cluster->worker[i].agent != NULL && !is_lost(cluster, i))
                add_event(cluster, 1, BEAT_TO_WORKER, i)->u.broker_beat =
                    wires_copy(&action->u.beat, sizeof(action->u.beat));
        break;
    case IDN_ACTION_COMMIT:
        wires_keep_fact(cluster, &action->u.fact);
        break;
    case IDN_ACTION_SUMMARY:
        wires_keep_summary(cluster, &action->u.summary);
        break;
    case IDN_ACTION_REFOLD:
        add_event(cluster, cluster->store_ms, REFOLDED, 0)->u.refolded =
            wires_copy(&action->u.refold.job, sizeof(action->u.refold.job));
        break;
    case IDN_ACTION_EXIT:
        memcpy(cluster->exit_text, action->u.text, IDN_TEXT_SIZE);
        break;
    case IDN_ACTION_PAGE:
    case IDN_ACTION_LIST:
    case IDN_ACTION_COPY:
    case IDN_ACTION_READ_FACTS:
    case IDN_ACTION_MIRROR_SEND:
    case IDN_ACTION_MIRROR_RESET:
        break;
    }
}

void wires_step_core(struct cluster *cluster, struct idn_event event)
{
    size_t before = cluster->facts;

    if (cluster->core == NULL)
        return;
    event.now_ms = cluster->now;
    event.wall_ms = 1700000000000u + cluster->now;
    idn_core_step(cluster->core, &event);
    idn_core_check(cluster->core);
    struct idn_actions actions = idn_core_actions(cluster->core);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(cluster, &actions.item[i]);
    if (cluster->facts != before)
        add_event(cluster, cluster->store_ms, STORED, 0)->u.stored = cluster->facts;
}

void broker_starts(struct cluster *cluster)
{
    struct idn_core_config config = {.broker = "a",
        .letter = 'a',
        .policy = cluster->policy,
        .min_free_bytes = 512u << 20,
        .workers_max = CLUSTER_WORKERS_MAX,
        .jobs_max = 64,
        .open_jobs_max = 16,
        .open_images_max = 100000,
        .models = 2,
        .datasets = 1,
        .model = cluster->model,
        .dataset = cluster->dataset};
    size_t facts = cluster->facts;

    cluster->boots++;
    cluster->memory = calloc(1, idn_core_bytes(&config));
    cluster->core = idn_core_init(cluster->memory, &config);
    cluster->sequence = 0;
    for (size_t i = 0; i < facts; i++)
        wires_step_core(
            cluster, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &cluster->fact[i].fact});
    wires_step_core(cluster, (struct idn_event){.type = IDN_EVENT_START,
                                 .u.start = {0xabc000 + cluster->boots, facts, false}});
    disk_has(cluster, 1ull << 40);
}

void broker_killed(struct cluster *cluster)
{
    size_t kept = 0;

    for (size_t i = 0; i < cluster->facts; i++) {
        if (cluster->fact[i].stored)
            cluster->fact[kept++] = cluster->fact[i];
        else
            free(cluster->fact[i].bytes);
    }
    cluster->facts = kept;
    free(cluster->memory);
    cluster->memory = NULL;
    cluster->core = NULL;
    cluster->boots++;
}

void disk_has(struct cluster *cluster, uint64_t free_bytes)
{
    wires_step_core(cluster, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {free_bytes}});
}

// ---- workers
static void send_to_broker(
    struct cluster *cluster, int worker, const struct idn_worker_message *message)
{
    int copies = 1;

    if (is_lost(cluster, worker) ||
        (cluster->lose_message != NULL && cluster->lose_message(cluster, worker, message)))
        return;
    if (cluster->repeat_message != NULL && cluster->repeat_message(cluster, worker, message))
        copies = 2;
    while (copies-- > 0)
        add_event(cluster, 1, TO_BROKER, worker)->u.message = wires_copy_message(message);
}

static uint64_t compute_us(
    const struct cluster *cluster, int worker, const struct idn_agent_action *action)
{
    bool second = strcmp(action->u.slice.model, cluster->model[1].name) == 0;

    return action->u.slice.count * cluster->worker[worker].image_us * cluster->percent[second] /
           100;
}

static void give_slice(struct cluster *cluster, int worker, const struct idn_agent_action *action)
{
    struct cluster_worker *w = &cluster->worker[worker];
    struct wires_child child = {.child = w->child,
        .type = IDN_AGENT_CHILD_GIVEN,
        .slice = action->u.slice.slice,
        .first = action->u.slice.first,
        .count = action->u.slice.count};

    add_event(cluster, 0, CHILD, worker)->u.child = wires_copy(&child, sizeof(child));
    child.compute_us = compute_us(cluster, worker, action);
    if (w->child_busy_ms < cluster->now)
        w->child_busy_ms = cluster->now;
    for (uint32_t i = 0; i < child.count; i++)
        cluster->begun[child.first + i] = (struct cluster_begun){worker, w->child_busy_ms};
    w->child_busy_ms += (child.compute_us + 999) / 1000;
    child.type = IDN_AGENT_CHILD_ROWS;
    for (uint32_t i = 0; i < child.count; i++)
        if (cluster->poison[child.first + i])
            child.type = IDN_AGENT_CHILD_DIED;
    add_event(cluster, w->child_busy_ms - cluster->now, CHILD, worker)->u.child =
        wires_copy(&child, sizeof(child));
}

static void child_event(
    struct cluster *cluster, int worker, uint64_t delay, enum idn_agent_event_type type)
{
    struct wires_child child = {.child = cluster->worker[worker].child, .type = type};

    add_event(cluster, delay, CHILD, worker)->u.child = wires_copy(&child, sizeof(child));
}

static void step_agent(struct cluster *cluster, int worker, struct idn_agent_event event)
{
    struct cluster_worker *w = &cluster->worker[worker];
    uint64_t stalled_ms = w->stalled_ms;

    w->stalled_ms = 0;
    if (stalled_ms > IDN_STALL_MS)
        step_agent(cluster, worker,
            (struct idn_agent_event){.type = IDN_AGENT_STALLED, .u.stalled = {stalled_ms}});
    event.now_ms = cluster->now;
    idn_agent_step(w->agent, &event);
    struct idn_agent_actions actions = idn_agent_actions(w->agent);
    for (size_t i = 0; i < actions.count; i++) {
        const struct idn_agent_action *action = &actions.item[i];
        if (action->type == IDN_AGENT_SEND)
            send_to_broker(cluster, worker, action->u.send.message);
        else if (action->type == IDN_AGENT_BEAT && !is_lost(cluster, worker))
            add_event(cluster, 1, BEAT_TO_BROKER, worker)->u.worker_beat =
                wires_copy(&action->u.beat, sizeof(action->u.beat));
        else if (action->type == IDN_AGENT_SLICE)
            give_slice(cluster, worker, action);
        else if (action->type == IDN_AGENT_START_CHILD) {
            w->child++;
            w->child_busy_ms = 0;
            child_event(cluster, worker, 5, IDN_AGENT_CHILD_READY);
        } else if (action->type == IDN_AGENT_KILL_CHILD) {
            child_event(cluster, worker, 1, IDN_AGENT_CHILD_DIED);
        }
    }
}

void worker_starts(struct cluster *cluster, int worker, uint64_t image_us)
{
    struct cluster_worker *w = &cluster->worker[worker];
    struct idn_agent_config config = {.brokers = 1, .models = 2, .datasets = 1};
    struct idn_holding model[2], dataset[1];

    for (int i = 0; i < 2; i++) {
        memcpy(model[i].name, cluster->model[i].name, IDN_NAME_SIZE);
        model[i].digest = cluster->model[i].digest;
    }
    memcpy(dataset[0].name, cluster->dataset[0].name, IDN_NAME_SIZE);
    dataset[0].digest = cluster->dataset[0].digest;
    w->boots++;
    snprintf(config.name, sizeof(config.name), "worker-%d", worker);
    config.nonce = 1000u * (unsigned)(worker + 1) + w->boots;
    config.model = model;
    config.dataset = dataset;
    w->agent = idn_agent_init(calloc(1, idn_agent_bytes()), &config);
    w->image_us = image_us;
    step_agent(cluster, worker, (struct idn_agent_event){.type = IDN_AGENT_START});
}

void worker_killed(struct cluster *cluster, int worker)
{
    free(cluster->worker[worker].agent);
    cluster->worker[worker].agent = NULL;
    cluster->worker[worker].boots++;
}

void child_killed(struct cluster *cluster, int worker)
{
    child_event(cluster, worker, 0, IDN_AGENT_CHILD_DIED);
}

void worker_freezes(struct cluster *cluster, int worker, uint64_t ms)
{
    struct cluster_worker *w = &cluster->worker[worker];

    w->frozen_until_ms = cluster->now + ms;
    w->stalled_ms = ms;
    w->child_busy_ms += ms;
    for (size_t i = 0; i < cluster->events; i++)
        if (cluster->event[i].type == CHILD && cluster->event[i].worker == worker)
            cluster->event[i].at += ms;
}

void network_cut(struct cluster *cluster, int worker, bool cut)
{
    cluster->worker[worker].cut_off = cut;
}

static void happen_child(struct cluster *cluster, int worker, const struct wires_child *child)
{
    struct cluster_worker *w = &cluster->worker[worker];
    struct idn_agent_event event = {.type = (enum idn_agent_event_type)child->type};
    struct idn_result rows[IDN_CHILD_IMAGES_MAX];

    if (child->child != w->child) // another process by now
        return;
    if (child->type == IDN_AGENT_CHILD_READY) {
        const char *name = w->class_name == NULL ? "replay" : w->class_name;
        snprintf(event.u.ready.class_name, IDN_CLASS_SIZE, "%s", name);
        event.u.ready.class_hash = idn_class_hash(name);
        event.u.ready.threads = 1;
    } else if (child->type == IDN_AGENT_CHILD_GIVEN) {
        event.u.given.slice = child->slice;
    } else if (child->type == IDN_AGENT_CHILD_DIED) {
        event.u.died.death = IDN_DEATH_SIGNAL;
        w->deaths++;
        w->child++; // whatever it was still to say is lost
    } else {
        for (uint32_t i = 0; i < child->count; i++)
            wires_compute(cluster, child->first + i, &rows[i]);
        event.u.rows.slice = child->slice;
        event.u.rows.count = child->count;
        event.u.rows.row = rows;
        event.u.rows.compute_us = child->compute_us;
        w->images_computed += child->count;
    }
    step_agent(cluster, worker, event);
}

// ---- time
static void happen_stored(struct cluster *cluster, uint64_t position)
{
    for (size_t i = 0; i < position; i++)
        cluster->fact[i].stored = true;
    wires_step_core(cluster, (struct idn_event){.type = IDN_EVENT_STORED, .u.stored = {position}});
}

static void happen(struct cluster *cluster, struct cluster_event *event)
{
    int worker = event->worker;
    bool for_broker = is_for_broker(event->type);

    if (event->boot != (for_broker ? cluster->boots : cluster->worker[worker].boots) ||
        (!for_broker && cluster->worker[worker].agent == NULL))
        return;
    if (event->type == TO_BROKER)
        wires_step_core(
            cluster, (struct idn_event){.type = IDN_EVENT_WORKER,
                         .u.worker = {.peer = (idn_peer)worker + 1, .message = event->u.message}});
    else if (event->type == BEAT_TO_BROKER)
        wires_step_core(
            cluster, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = event->u.worker_beat});
    else if (event->type == STORED)
        happen_stored(cluster, event->u.stored);
    else if (event->type == REFOLDED)
        wires_refolded(cluster, event->u.refolded);
    else if (event->type == TO_WORKER)
        step_agent(cluster, worker,
            (struct idn_agent_event){
                .type = IDN_AGENT_ORDER, .u.order = {.message = event->u.order}});
    else if (event->type == BEAT_TO_WORKER)
        step_agent(cluster, worker,
            (struct idn_agent_event){
                .type = IDN_AGENT_BROKER_BEAT, .u.beat = {.beat = event->u.broker_beat}});
    else
        happen_child(cluster, worker, event->u.child);
}

static size_t earliest(const struct cluster *cluster)
{
    size_t best = 0;

    for (size_t i = 1; i < cluster->events; i++)
        if (cluster->event[i].at < cluster->event[best].at ||
            (cluster->event[i].at == cluster->event[best].at &&
                cluster->event[i].order < cluster->event[best].order))
            best = i;
    return best;
}

static uint64_t event_due(const struct cluster *cluster)
{
    return cluster->events == 0 ? UINT64_MAX : cluster->event[earliest(cluster)].at;
}

// Who wants a tick first: -1 the broker, else the worker; *ret_due when.
static int next_tick(const struct cluster *cluster, uint64_t *ret_due)
{
    int who = -1;

    *ret_due = cluster->core == NULL ? UINT64_MAX : idn_core_deadline(cluster->core);
    for (int i = 0; i < CLUSTER_WORKERS_MAX; i++) {
        if (cluster->worker[i].agent == NULL)
            continue;
        uint64_t due = idn_agent_deadline(cluster->worker[i].agent);
        if (due < cluster->worker[i].frozen_until_ms)
            due = cluster->worker[i].frozen_until_ms;
        if (due < *ret_due) {
            *ret_due = due;
            who = i;
        }
    }
    return who;
}

// The earliest thing until `end`; false: nothing.
static bool next_thing(struct cluster *cluster, uint64_t end)
{
    uint64_t tick_due, due = event_due(cluster);
    int who = next_tick(cluster, &tick_due);

    if (due > end && tick_due > end)
        return false;
    if (due <= tick_due) {
        size_t at = earliest(cluster);
        struct cluster_event event = cluster->event[at];
        uint64_t frozen_until_ms = cluster->worker[event.worker].frozen_until_ms;
        if (!is_for_broker(event.type) && due < frozen_until_ms) {
            cluster->event[at].at = frozen_until_ms; // it waits in the worker's sockets
            return true;
        }
        cluster->event[at] = cluster->event[--cluster->events];
        cluster->now = due > cluster->now ? due : cluster->now;
        happen(cluster, &event);
        free_payload(&event);
        return true;
    }
    cluster->now = tick_due > cluster->now ? tick_due : cluster->now;
    if (who < 0)
        wires_step_core(cluster, (struct idn_event){.type = IDN_EVENT_TICK});
    else
        step_agent(cluster, who, (struct idn_agent_event){.type = IDN_AGENT_TICK});
    return true;
}

void time_passes(struct cluster *cluster, uint64_t ms)
{
    uint64_t end = cluster->now + ms;

    while (next_thing(cluster, end))
        continue;
    cluster->now = end;
}

void until_images_done(struct cluster *cluster, int job, uint32_t images, uint64_t most_ms)
{
    uint64_t end = cluster->now + most_ms;
    struct idn_job_info info = job_info(cluster, job);

    while (info.ok + info.failed + info.quarantined < images && next_thing(cluster, end))
        info = job_info(cluster, job);
    CHECK(info.ok + info.failed + info.quarantined >= images);
}

void until_job_ends(struct cluster *cluster, int job, uint64_t most_ms)
{
    uint64_t end = cluster->now + most_ms;

    while (job_info(cluster, job).state == IDN_JOB_OPEN && next_thing(cluster, end))
        continue;
    CHECK(job_info(cluster, job).state != IDN_JOB_OPEN);
}

struct cluster *cluster_new(uint64_t seed)
{
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    struct idn_core_model alexnet = {.name = "alexnet", .batch = 100},
                          resnet = {.name = "resnet18", .batch = 80};
    struct idn_core_dataset photos = {.name = "photos", .images = CLUSTER_IMAGES};

    memset(&alexnet.digest, 1, sizeof(alexnet.digest));
    memset(&resnet.digest, 2, sizeof(resnet.digest));
    memset(&photos.digest, 3, sizeof(photos.digest));
    cluster->model[0] = alexnet, cluster->model[1] = resnet, cluster->dataset[0] = photos;
    cluster->now = 10000;
    cluster->store_ms = 2;
    cluster->percent[0] = cluster->percent[1] = 100;
    idn_random_init(&cluster->random, seed, 1);
    broker_starts(cluster);
    time_passes(cluster, 10);
    return cluster;
}

void cluster_destroy(struct cluster *cluster)
{
    for (int i = 0; i < CLUSTER_WORKERS_MAX; i++)
        free(cluster->worker[i].agent);
    for (size_t i = 0; i < cluster->events; i++)
        free_payload(&cluster->event[i]);
    for (size_t i = 0; i < cluster->facts; i++)
        free(cluster->fact[i].bytes);
    free(cluster->event);
    free(cluster->fact);
    free(cluster->memory);
    free(cluster);
}
