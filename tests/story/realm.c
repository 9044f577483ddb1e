#include "tests/story/realm.h"

#include "broker/core/mirror.h"
#include "broker/core/roles.h"
#include "tests/story/wires.h"

// What is on its way. Payloads are owned by the event.
enum event_type { TO_BROKER, BEAT_TO_BROKER, TO_WORKER, BEAT_TO_WORKER, CHILD };

struct realm_event {
    uint64_t at, order;
    enum event_type type;
    int broker, worker;
    uint64_t boot; // of the receiving process
    union {
        struct idn_worker_message *message;
        struct idn_worker_beat *worker_beat;
        struct idn_order *order;
        struct idn_broker_beat *broker_beat;
        struct wires_child *child;
        void *any;
    } u;
};

uint64_t now_of(const struct realm *realm)
{
    return realm->pair->now;
}

static bool for_broker(enum event_type type)
{
    return type == TO_BROKER || type == BEAT_TO_BROKER;
}

static struct realm_event *add_event(
    struct realm *realm, uint64_t delay_ms, enum event_type type, int broker, int worker)
{
    if (realm->events == realm->room) {
        realm->room = realm->room * 2 + 64;
        realm->event = realloc(realm->event, realm->room * sizeof(*realm->event));
    }
    struct realm_event *event = &realm->event[realm->events++];
    *event = (struct realm_event){.at = now_of(realm) + delay_ms,
        .order = realm->order++,
        .type = type,
        .broker = broker,
        .worker = worker};
    event->boot =
        for_broker(type) ? realm->pair->side[broker].incarnation : realm->worker[worker].boots;
    return event;
}

static void free_event(struct realm_event *event)
{
    if (event->type == TO_BROKER)
        wires_free_message(event->u.message);
    else
        free(event->u.any);
}

// ---- brokers

// No two reigns have one epoch, and a broker's own only rise.
static void note_reign(struct realm *realm, int which, const struct idn_broker_beat *beat)
{
    if (beat->role != IDN_ROLE_ACTIVE && beat->role != IDN_ROLE_ALONE)
        return;
    for (uint32_t i = 0; i < realm->reigns; i++) {
        const struct realm_reign *reign = &realm->reign[i];
        if (idn_epoch_compare(reign->epoch, beat->epoch) == 0) {
            CHECK_INT(reign->which, which);
            return;
        }
    }
    for (uint32_t i = realm->reigns; i-- > 0;)
        CHECK(realm->reign[i].which != which ||
              idn_epoch_compare(realm->reign[i].epoch, beat->epoch) < 0);
    CHECK(realm->reigns < REALM_REIGNS_MAX);
    realm->reign[realm->reigns++] =
        (struct realm_reign){.at = now_of(realm), .which = which, .epoch = beat->epoch};
}

static void answer_refold(struct realm *realm, int which, const struct idn_key *job);

static void on_action(void *context, int which, const struct idn_action *action)
{
    struct realm *realm = context;
    int worker = (int)action->peer - 1;

    if (action->type == IDN_ACTION_REPLY && action->u.reply.type == IDN_REPLY_ACCEPTED)
        realm->promised_ms[which] = now_of(realm);
    if (action->type == IDN_ACTION_REFOLD)
        answer_refold(realm, which, &action->u.refold.job);
    if (action->type == IDN_ACTION_ORDER) {
        if (action->u.order.type == IDN_ORDER_LEASE)
            realm->leased_ms[which] = now_of(realm);
        if (action->u.order.type == IDN_ORDER_ACK)
            realm->promised_ms[which] = now_of(realm);
        if (realm->worker[worker].sees[which])
            add_event(realm, 1, TO_WORKER, which, worker)->u.order =
                wires_copy(&action->u.order, sizeof(action->u.order));
    }
    if (action->type != IDN_ACTION_BEAT)
        return;
    note_reign(realm, which, &action->u.beat);
    for (int i = 0; i < REALM_WORKERS_MAX; i++)
        if (realm->worker[i].agent != NULL && realm->worker[i].sees[which])
            add_event(realm, 1, BEAT_TO_WORKER, which, i)->u.broker_beat =
                wires_copy(&action->u.beat, sizeof(action->u.beat));
}

void broker_boots(struct realm *realm, int which)
{
    pair_boot(realm->pair, which);
}

void broker_dies(struct realm *realm, int which)
{
    pair_crash(realm->pair, which);
}

void broker_freezes(struct realm *realm, int which)
{
    realm->frozen_ms[which] = now_of(realm);
    realm->pair->side[which].frozen = true;
}

void broker_thaws(struct realm *realm, int which)
{
    uint64_t ms = now_of(realm) - realm->frozen_ms[which];

    realm->pair->side[which].frozen = false;
    pair_step(
        realm->pair, which, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled = {.ms = ms}});
}

void link_is(struct realm *realm, bool up)
{
    realm->pair->cut[A] = realm->pair->cut[B] = !up;
}

// ---- workers

static void step_agent(struct realm *realm, int worker, struct idn_agent_event event);

static void child_says(
    struct realm *realm, int worker, uint64_t delay_ms, const struct wires_child *child)
{
    add_event(realm, delay_ms, CHILD, 0, worker)->u.child = wires_copy(child, sizeof(*child));
}

static void give_slice(struct realm *realm, int worker, const struct idn_agent_action *action)
{
    struct realm_worker *w = &realm->worker[worker];
    struct wires_child child = {.type = IDN_AGENT_CHILD_GIVEN,
        .slice = action->u.slice.slice,
        .first = action->u.slice.first,
        .count = action->u.slice.count};

    child_says(realm, worker, 0, &child);
    child.type = IDN_AGENT_CHILD_ROWS;
    child.compute_us = 1000 * w->image_ms * child.count;
    w->busy_ms = w->busy_ms > now_of(realm) ? w->busy_ms : now_of(realm);
    w->busy_ms += w->image_ms * child.count;
    child_says(realm, worker, w->busy_ms - now_of(realm), &child);
}

static void send_to_broker(struct realm *realm, int worker, const struct idn_agent_action *action)
{
    int broker = (int)action->u.send.broker;

    if (realm->worker[worker].sees[broker])
        add_event(realm, 1, TO_BROKER, broker, worker)->u.message =
            wires_copy_message(action->u.send.message);
}

static void send_beat(struct realm *realm, int worker, const struct idn_worker_beat *beat)
{
    struct realm_worker *w = &realm->worker[worker];

    CHECK(idn_epoch_compare(beat->obeyed, w->obeyed) >= 0);
    w->obeyed = beat->obeyed;
    for (int which = A; which <= B; which++)
        if (w->sees[which])
            add_event(realm, 1, BEAT_TO_BROKER, which, worker)->u.worker_beat =
                wires_copy(beat, sizeof(*beat));
}

static void step_agent(struct realm *realm, int worker, struct idn_agent_event event)
{
    static const struct wires_child ready = {.type = IDN_AGENT_CHILD_READY};
    struct realm_worker *w = &realm->worker[worker];

    event.now_ms = now_of(realm);
    idn_agent_step(w->agent, &event);
    struct idn_agent_actions actions = idn_agent_actions(w->agent);
    for (size_t i = 0; i < actions.count; i++) {
        const struct idn_agent_action *action = &actions.item[i];
        if (action->type == IDN_AGENT_SEND)
            send_to_broker(realm, worker, action);
        else if (action->type == IDN_AGENT_BEAT)
            send_beat(realm, worker, &action->u.beat);
        else if (action->type == IDN_AGENT_SLICE)
            give_slice(realm, worker, action);
        else if (action->type == IDN_AGENT_START_CHILD)
            child_says(realm, worker, 5, &ready);
    }
}

void worker_boots(struct realm *realm, int worker, uint64_t image_ms)
{
    struct realm_worker *w = &realm->worker[worker];
    struct idn_agent_config config = {.brokers = 2, .models = 2, .datasets = 2};
    struct idn_holding model[2], dataset[2];

    for (int i = 0; i < 2; i++) {
        memcpy(model[i].name, realm->pair->names.model[i].name, IDN_NAME_SIZE);
        model[i].digest = realm->pair->names.model[i].digest;
        memcpy(dataset[i].name, realm->pair->names.dataset[i].name, IDN_NAME_SIZE);
        dataset[i].digest = realm->pair->names.dataset[i].digest;
    }
    w->boots++;
    snprintf(config.name, sizeof(config.name), "worker-%d", worker);
    config.nonce = 1000u * (unsigned)(worker + 1) + w->boots;
    config.model = model;
    config.dataset = dataset;
    w->agent = idn_agent_init(calloc(1, idn_agent_bytes()), &config);
    w->image_ms = image_ms;
    w->busy_ms = 0;
    w->sees[A] = w->sees[B] = true;
    w->obeyed = (struct idn_epoch){0};
    step_agent(realm, worker, (struct idn_agent_event){.type = IDN_AGENT_START});
}

void worker_dies(struct realm *realm, int worker)
{
    free(realm->worker[worker].agent);
    realm->worker[worker].agent = NULL;
    realm->worker[worker].boots++;
}

void worker_sees(struct realm *realm, int worker, bool a, bool b)
{
    realm->worker[worker].sees[A] = a;
    realm->worker[worker].sees[B] = b;
}

static void compute(uint32_t image, struct idn_result *ret)
{
    *ret = (struct idn_result){.index = image};
    for (unsigned i = 0; i < IDN_TOP; i++) {
        ret->class_id[i] = (image * 7 + i) % 1000;
        ret->probability[i] = 0.5f / (float)(1 << i);
    }
}

static void happen_child(struct realm *realm, int worker, const struct wires_child *child)
{
    struct idn_agent_event event = {.type = child->type};
    struct idn_result rows[IDN_CHILD_IMAGES_MAX];

    if (child->type == IDN_AGENT_CHILD_READY) {
        snprintf(event.u.ready.class_name, IDN_CLASS_SIZE, "replay");
        event.u.ready.class_hash = idn_class_hash("replay");
        event.u.ready.threads = 1;
    } else if (child->type == IDN_AGENT_CHILD_GIVEN) {
        event.u.given.slice = child->slice;
    } else {
        for (uint32_t i = 0; i < child->count; i++)
            compute(child->first + i, &rows[i]);
        event.u.rows.slice = child->slice;
        event.u.rows.count = child->count;
        event.u.rows.row = rows;
        event.u.rows.compute_us = child->compute_us;
    }
    step_agent(realm, worker, event);
}

// ---- the stores

// What a broker's store holds of a job, in its own words.
static void answer_refold(struct realm *realm, int which, const struct idn_key *job)
{
    const struct pair_side *side = &realm->pair->side[which];
    bool seen[1000] = {false};
    struct idn_summary summary = {.job = *job};

    for (uint64_t i = 0; i < side->facts; i++) {
        const struct idn_fact *fact = &side->fact[i].item.fact;
        if (fact->kind != IDN_FACT_RESULTS || !idn_key_equal(&fact->job, job))
            continue;
        for (uint32_t row = 0; row < fact->u.results.count; row++) {
            struct idn_result result;
            struct idn_digest digest;
            CHECK(idn_result_unpack(fact->u.results.rows + (size_t)row * IDN_ROW_BYTES, &result));
            if (seen[result.index])
                continue;
            seen[result.index] = true;
            idn_digest_of(&result, &digest);
            idn_digest_add(&summary.digest, &digest);
            summary.ok++;
        }
        summary.class_hash = fact->u.results.class_hash;
    }
    realm->refolded[which] = summary;
    realm->refolds[which] = true;
}

// ---- time

static bool is_lost(const struct realm *realm, const struct realm_event *event)
{
    const struct realm_worker *worker = &realm->worker[event->worker];
    const struct pair_side *side = &realm->pair->side[event->broker];

    if (for_broker(event->type))
        return side->core == NULL || event->boot != side->incarnation;
    return worker->agent == NULL || event->boot != worker->boots;
}

static void happen(struct realm *realm, struct realm_event *event)
{
    int worker = event->worker;
    uint32_t broker = (uint32_t)event->broker;

    if (is_lost(realm, event))
        return;
    if (event->type == TO_BROKER)
        pair_step(realm->pair, event->broker,
            (struct idn_event){.type = IDN_EVENT_WORKER,
                .u.worker = {.peer = (idn_peer)worker + 1, .message = event->u.message}});
    else if (event->type == BEAT_TO_BROKER)
        pair_step(realm->pair, event->broker,
            (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = event->u.worker_beat});
    else if (event->type == TO_WORKER)
        step_agent(realm, worker,
            (struct idn_agent_event){
                .type = IDN_AGENT_ORDER, .u.order = {.broker = broker, .message = event->u.order}});
    else if (event->type == BEAT_TO_WORKER)
        step_agent(realm, worker,
            (struct idn_agent_event){.type = IDN_AGENT_BROKER_BEAT,
                .u.beat = {.broker = broker, .beat = event->u.broker_beat}});
    else
        happen_child(realm, worker, event->u.child);
}

// What is sent to a frozen broker waits for it.
static bool is_held(const struct realm *realm, const struct realm_event *event)
{
    return for_broker(event->type) && realm->pair->side[event->broker].frozen;
}

// Its index; events: none.
static size_t earliest(const struct realm *realm)
{
    size_t best = realm->events;

    for (size_t i = 0; i < realm->events; i++)
        if (!is_held(realm, &realm->event[i]) &&
            (best == realm->events || realm->event[i].at < realm->event[best].at ||
                (realm->event[i].at == realm->event[best].at &&
                    realm->event[i].order < realm->event[best].order)))
            best = i;
    return best;
}

static uint64_t next_deadline(const struct realm *realm)
{
    uint64_t due = UINT64_MAX;

    for (int which = A; which <= B; which++)
        if (realm->pair->side[which].core != NULL && !realm->pair->side[which].frozen)
            due = idn_min_u64(due, idn_core_deadline(realm->pair->side[which].core));
    for (int i = 0; i < REALM_WORKERS_MAX; i++)
        if (realm->worker[i].agent != NULL)
            due = idn_min_u64(due, idn_agent_deadline(realm->worker[i].agent));
    return due;
}

static void tick_agents(struct realm *realm)
{
    for (int i = 0; i < REALM_WORKERS_MAX; i++)
        if (realm->worker[i].agent != NULL &&
            idn_agent_deadline(realm->worker[i].agent) <= now_of(realm))
            step_agent(realm, i, (struct idn_agent_event){.type = IDN_AGENT_TICK});
}

static void tell_refolded(struct realm *realm)
{
    for (int which = A; which <= B; which++) {
        if (!realm->refolds[which] || realm->pair->side[which].frozen)
            continue;
        realm->refolds[which] = false;
        pair_step(realm->pair, which,
            (struct idn_event){
                .type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &realm->refolded[which]}});
    }
}

static void all_of_now(struct realm *realm)
{
    size_t at;

    while ((at = earliest(realm)) < realm->events && realm->event[at].at <= now_of(realm)) {
        struct realm_event event = realm->event[at];
        realm->event[at] = realm->event[--realm->events];
        happen(realm, &event);
        free_event(&event);
    }
    tick_agents(realm);
    tell_refolded(realm);
    pair_settle(realm->pair);
}

static bool goes_on_until(struct realm *realm, uint64_t end)
{
    size_t at = earliest(realm);
    uint64_t due = next_deadline(realm);

    if (at < realm->events)
        due = idn_min_u64(due, realm->event[at].at);
    if (realm->refolds[A] || realm->refolds[B])
        due = now_of(realm);
    if (due > end)
        return false;
    if (due > now_of(realm))
        realm->pair->now = due;
    all_of_now(realm);
    return true;
}

void time_goes(struct realm *realm, uint64_t ms)
{
    uint64_t end = now_of(realm) + ms;

    while (goes_on_until(realm, end))
        ;
    realm->pair->now = end;
    all_of_now(realm);
}

void until_reigns(struct realm *realm, int which, uint64_t most_ms)
{
    uint64_t end = now_of(realm) + most_ms;

    while (!reigns(realm, which) && goes_on_until(realm, end))
        ;
    CHECK(reigns(realm, which));
}

// ---- what a story asks

struct realm *realm_new(void)
{
    struct realm *realm = calloc(1, sizeof(*realm));

    realm->pair = pair_new();
    realm->pair->on_action = on_action;
    realm->pair->context = realm;
    pair_fill(realm->pair, A, 7, 3, 100);
    pair_fill(realm->pair, B, 7, 3, 100);
    return realm;
}

void realm_destroy(struct realm *realm)
{
    for (size_t i = 0; i < realm->events; i++)
        free_event(&realm->event[i]);
    for (int i = 0; i < REALM_WORKERS_MAX; i++)
        free(realm->worker[i].agent);
    pair_destroy(realm->pair);
    free(realm->event);
    free(realm);
}

void submit_to(struct realm *realm, int which, unsigned job, uint32_t first, uint32_t last)
{
    struct idn_request request = rig_submission(job, "alexnet", first, last);

    request.id = 1000 + ++realm->order;
    pair_step(realm->pair, which,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 99, .message = &request}});
}

const struct idn_reply *reply_of(const struct realm *realm, int which)
{
    const struct pair_side *side = &realm->pair->side[which];

    return side->replies == 0 ? NULL : &side->reply[side->replies - 1];
}

bool job_of(const struct realm *realm, int which, unsigned job, struct idn_job_info *ret)
{
    struct idn_key key = rig_key(job);

    return idn_core_job(realm->pair->side[which].core, &key, ret);
}

bool reigns(const struct realm *realm, int which)
{
    const struct pair_side *side = &realm->pair->side[which];

    return side->core != NULL && side->core->active;
}

bool is_whole(const struct realm *realm)
{
    int which = reigns(realm, A) ? A : B;

    if (realm->pair->side[A].core == NULL || realm->pair->side[B].core == NULL ||
        !reigns(realm, which) || reigns(realm, 1 - which) ||
        pair_role(realm->pair, which) != IDN_ROLE_ACTIVE)
        return false;
    for (int i = 0; i < REALM_WORKERS_MAX; i++)
        if (realm->worker[i].agent != NULL &&
            idn_epoch_compare(
                realm->worker[i].obeyed, idn_roles_epoch(realm->pair->side[which].core)) != 0)
            return false;
    return true;
}
