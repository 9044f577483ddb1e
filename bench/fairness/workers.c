// Workers: real agent cores, children that only take time.
#include "bench/fairness/internal.h"

#include "proto/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHILD_START_US = 5000, NOISE_PERCENT = 5 };

struct fair_slice {
    uint64_t serial, compute_us;
    uint32_t job, first, count;
};

static struct idn_worker_message *copy_message(const struct idn_worker_message *message)
{
    size_t rows = message->type == IDN_WORKER_REPORT ? message->u.report.count : 0;
    struct idn_worker_message *sent = fair_allocate(sizeof(*message) + rows * IDN_ROW_BYTES);

    memcpy(sent, message, sizeof(*sent));
    if (rows > 0) {
        memcpy(sent + 1, message->u.report.rows, rows * IDN_ROW_BYTES);
        sent->u.report.rows = (const uint8_t *)(sent + 1);
    }
    return sent;
}

static int model_named(const struct fair_scenario *scenario, const char *name)
{
    for (uint32_t i = 0; i < fair_scenario_models(scenario); i++)
        if (strcmp(scenario->model[i].name, name) == 0)
            return (int)i;
    abort();
}

// The slice's time, up to NOISE_PERCENT more or less.
static uint64_t slice_us(
    struct fair_cluster *cluster, const struct fair_worker *worker, int model, uint32_t count)
{
    const struct fair_model *of = &cluster->scenario->model[model];
    uint64_t us = (of->slice_us + count * of->image_us) * worker->percent / 100;
    uint64_t percent =
        100 - NOISE_PERCENT + idn_random_below(&cluster->random, 2 * NOISE_PERCENT + 1);

    return us * percent / 100;
}

static void give_slice(
    struct fair_cluster *cluster, uint32_t number, const struct idn_agent_action *action)
{
    struct fair_worker *worker = &cluster->worker[number];
    int model = model_named(cluster->scenario, action->u.slice.model);
    struct fair_slice slice = {.serial = action->u.slice.slice,
        .compute_us = slice_us(cluster, worker, model, action->u.slice.count),
        .job = action->u.slice.job.bytes[0] - 1u,
        .first = action->u.slice.first,
        .count = action->u.slice.count};

    worker->switches += worker->model >= 0 && worker->model != model;
    worker->model = model;
    fair_later(cluster, 0,
        (struct agenda_event){
            .type = FAIR_CHILD_GIVEN, .node = number, .a = action->u.slice.slice});
    if (worker->child_us < cluster->now_us)
        worker->child_us = cluster->now_us;
    worker->child_us += slice.compute_us;
    fair_later(cluster, worker->child_us - cluster->now_us,
        (struct agenda_event){
            .type = FAIR_CHILD_ROWS, .node = number, .payload = fair_copy(&slice, sizeof(slice))});
}

static void carry_out_agent(
    struct fair_cluster *cluster, uint32_t number, const struct idn_agent_action *action)
{
    struct agenda_event event = {.node = number};

    switch (action->type) {
    case IDN_AGENT_SEND:
        event.type = FAIR_TO_BROKER;
        event.payload = copy_message(action->u.send.message);
        fair_later(cluster, FAIR_NETWORK_US, event);
        break;
    case IDN_AGENT_BEAT:
        event.type = FAIR_BEAT_TO_BROKER;
        event.payload = fair_copy(&action->u.beat, sizeof(action->u.beat));
        fair_later(cluster, FAIR_NETWORK_US, event);
        break;
    case IDN_AGENT_SLICE:
        give_slice(cluster, number, action);
        break;
    case IDN_AGENT_START_CHILD:
        event.type = FAIR_CHILD_READY;
        fair_later(cluster, CHILD_START_US, event);
        break;
    case IDN_AGENT_KILL_CHILD:
    case IDN_AGENT_EXIT:
        (void)fprintf(stderr, "bench-fairness: worker %u: %s\n", number, action->u.text);
        exit(1);
    }
}

static void step_agent(struct fair_cluster *cluster, uint32_t number, struct idn_agent_event event)
{
    struct fair_worker *worker = &cluster->worker[number];

    event.now_ms = cluster->now_us / 1000;
    idn_agent_step(worker->agent, &event);
    struct idn_agent_actions actions = idn_agent_actions(worker->agent);
    for (size_t i = 0; i < actions.count; i++)
        carry_out_agent(cluster, number, &actions.item[i]);
    fair_tick_at(cluster, idn_agent_deadline(worker->agent),
        (struct agenda_event){.type = FAIR_WORKER_TICK, .node = number});
}

static uint32_t percent_of(const struct fair_scenario *scenario, uint32_t worker)
{
    uint32_t first = scenario->percent[0] == 0 ? 100 : scenario->percent[0];
    uint32_t own = scenario->percent[worker % 4];

    return own == 0 ? first : own;
}

void fair_worker_start(struct fair_cluster *cluster, uint32_t number)
{
    const struct fair_scenario *scenario = cluster->scenario;
    struct fair_worker *worker = &cluster->worker[number];
    struct idn_agent_config config = {.brokers = 1, .datasets = FAIR_DATASETS};
    struct idn_holding model[FAIR_MODELS_MAX] = {{.name = ""}}, dataset = {.name = "photos"};
    uint64_t holds = scenario->models_of_first != 0 && number < scenario->half
                         ? scenario->models_of_first
                         : UINT64_MAX;

    for (uint32_t i = 0; i < fair_scenario_models(scenario); i++) {
        if (!(holds >> i & 1))
            continue;
        (void)snprintf(model[config.models].name, IDN_NAME_SIZE, "%s", scenario->model[i].name);
        fair_fill_digest(&model[config.models++].digest, i + 1);
    }
    fair_fill_digest(&dataset.digest, FAIR_MODELS_MAX + 1);
    worker->boots++;
    worker->percent = percent_of(scenario, number);
    worker->child_us = 0;
    worker->model = -1;
    (void)snprintf(config.name, sizeof(config.name), "worker-%u", number);
    config.nonce = 1000 * (number + 1) + worker->boots;
    config.model = model;
    config.dataset = &dataset;
    worker->agent = idn_agent_init(fair_allocate(idn_agent_bytes()), &config);
    step_agent(cluster, number, (struct idn_agent_event){.type = IDN_AGENT_START});
}

void fair_worker_stop(struct fair_cluster *cluster, uint32_t number)
{
    struct fair_worker *worker = &cluster->worker[number];

    if (worker->agent == NULL)
        return;
    free(worker->agent);
    worker->agent = NULL;
    worker->boots++;
}

static void child_ready(struct fair_cluster *cluster, uint32_t number)
{
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_READY};

    (void)snprintf(event.u.ready.class_name, IDN_CLASS_SIZE, "replay");
    event.u.ready.class_hash = idn_class_hash("replay");
    event.u.ready.threads = 1;
    step_agent(cluster, number, event);
}

static void child_rows(
    struct fair_cluster *cluster, uint32_t number, const struct fair_slice *slice)
{
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_ROWS};
    struct idn_result row[IDN_CHILD_IMAGES_MAX] = {{.index = 0}};

    for (uint32_t i = 0; i < slice->count; i++) {
        row[i].index = slice->first + i;
        for (uint32_t k = 0; k < IDN_TOP; k++) {
            row[i].class_id[k] = (slice->first + i + k) % 1000;
            row[i].probability[k] = 0.5f / (float)(1 << k);
        }
    }
    event.u.rows.slice = slice->serial;
    event.u.rows.count = slice->count;
    event.u.rows.row = row;
    event.u.rows.compute_us = slice->compute_us;
    if (cluster->job[slice->job].first_us == 0)
        cluster->job[slice->job].first_us = cluster->now_us;
    step_agent(cluster, number, event);
}

void fair_worker_happen(struct fair_cluster *cluster, const struct agenda_event *event)
{
    struct idn_agent_event to = {.type = IDN_AGENT_TICK};

    if (event->type == FAIR_CHILD_READY) {
        child_ready(cluster, event->node);
        return;
    }
    if (event->type == FAIR_CHILD_ROWS) {
        child_rows(cluster, event->node, event->payload);
        return;
    }
    if (event->type == FAIR_WORKER_TICK &&
        idn_agent_deadline(cluster->worker[event->node].agent) > event->a)
        return;
    if (event->type == FAIR_TO_WORKER) {
        to.type = IDN_AGENT_ORDER;
        to.u.order.message = event->payload;
    } else if (event->type == FAIR_BEAT_TO_WORKER) {
        to.type = IDN_AGENT_BROKER_BEAT;
        to.u.beat.beat = event->payload;
    } else if (event->type == FAIR_CHILD_GIVEN) {
        to.type = IDN_AGENT_CHILD_GIVEN;
        to.u.given.slice = event->a;
    }
    step_agent(cluster, event->node, to);
}
