#include "tests/sim/worker.h"

#include "tests/sim/broker.h"
#include "tests/sim/check.h"
#include "tests/sim/copy.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LOAD_MS = 300, READY_MS = 60, RESTART_MS = 2000, LIST_LINE = 100, FLAKY = 60 };

uint8_t sim_list_byte(int job, uint64_t at)
{
    return at % LIST_LINE == LIST_LINE - 1
               ? '\n'
               : (uint8_t)('a' + (at / LIST_LINE + at * 7 + (uint64_t)job) % 26);
}

static uint32_t node_of(uint32_t worker)
{
    return SIM_FIRST_WORKER + worker;
}

static void child_event(
    struct sim *sim, uint32_t worker, uint64_t delay_ms, const struct sim_child *child)
{
    struct sim_child made = *child;

    made.child = sim->worker[worker].child;
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + delay_ms,
                                 .type = SIM_CHILD,
                                 .node = node_of(worker),
                                 .boot = sim->node[node_of(worker)].boot,
                                 .payload = sim_copy_plain(&made, sizeof(made))});
}

// ---- start and end

static void fill_holdings(struct idn_holding *model, struct idn_holding *dataset)
{
    for (uint8_t i = 0; i < SIM_MODELS; i++) {
        (void)snprintf(model[i].name, IDN_NAME_SIZE, "%s", sim_model_names[i]);
        sim_fill_digest(&model[i].digest, i + 1);
    }
    (void)snprintf(dataset->name, IDN_NAME_SIZE, "photos");
    sim_fill_digest(&dataset->digest, 11);
}

void sim_worker_start(struct sim *sim, uint32_t worker)
{
    struct sim_worker *of = &sim->worker[worker];
    struct sim_node *node = &sim->node[node_of(worker)];
    struct idn_holding model[SIM_MODELS], dataset;
    struct idn_agent_config config = {.brokers = sim->plan.brokers,
        .models = SIM_MODELS,
        .datasets = 1,
        .model = model,
        .dataset = &dataset};
    struct sim_report *report = of->report;
    size_t room = of->reports_room;

    fill_holdings(model, &dataset);
    memset(of, 0, sizeof(*of));
    of->report = report;
    of->reports_room = room;
    of->waits_for = -1;
    of->class_number = worker % sim->plan.classes;
    of->nonce = config.nonce = idn_random_next(&sim->random) | 1;
    (void)snprintf(config.name, IDN_NAME_SIZE, "worker-%u", worker);
    void *memory = calloc(1, idn_agent_bytes());
    if (memory == NULL)
        abort();
    of->agent = idn_agent_init(memory, &config);
    node->up = true;
    node->boot++;
    node->clock_ms = idn_random_next(&sim->random) % 1000000000u;
    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        sim_net_connect(sim, i, node_of(worker));
    SIM_TRACE(sim, "worker %u starts", worker);
    sim_worker_step(sim, worker, (struct idn_agent_event){.type = IDN_AGENT_START});
}

void sim_worker_kill(struct sim *sim, uint32_t worker)
{
    struct sim_node *node = &sim->node[node_of(worker)];

    SIM_TRACE(sim, "worker %u is gone", worker);
    node->up = node->frozen = false;
    node->tick_at = UINT64_MAX;
    node->boot++;
    sim_drop_held(sim, node_of(worker));
    free(sim->worker[worker].agent);
    sim->worker[worker].agent = NULL;
    sim->worker[worker].nonce = 0;
}

void sim_worker_fini(struct sim *sim, uint32_t worker)
{
    free(sim->worker[worker].agent);
    free(sim->worker[worker].report);
    sim->worker[worker].agent = NULL;
}

static void exits(struct sim *sim, uint32_t worker)
{
    sim_ledger_change(sim);
    sim_worker_kill(sim, worker);
    agenda_add(
        &sim->agenda, (struct agenda_event){.at = sim->now + 100 + sim_below(sim, RESTART_MS),
                          .type = SIM_RESTART,
                          .node = node_of(worker)});
}

// ---- lists

static void ask_list(struct sim *sim, uint32_t worker, uint32_t broker, int job)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_worker_message message = {.type = IDN_WORKER_LIST_GET, .nonce = of->nonce};

    SIM_TRACE(
        sim, "worker %u asks for the list of job %d from %u", worker, job, of->list_have[job]);
    message.u.list_get.job = sim->job[job].key;
    message.u.list_get.offset = of->list_have[job];
    sim_net_send(sim, node_of(worker), broker, SIM_WORKERS_PORT,
        (struct agenda_event){.type = SIM_MESSAGE,
            .boot = sim->node[broker].boot,
            .a = sim->net.peer[broker][node_of(worker)],
            .payload = sim_copy_message(&message)});
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + 1000,
                                 .type = SIM_LIST,
                                 .node = node_of(worker),
                                 .boot = sim->node[node_of(worker)].boot,
                                 .a = (uint64_t)job,
                                 .b = of->list_have[job]});
}

static void feed(struct sim *sim, uint32_t worker);

static void take_list(struct sim *sim, uint32_t worker, const struct idn_order *order)
{
    struct sim_worker *of = &sim->worker[worker];
    int job = sim_job_of(sim, &order->u.list_part.job);

    if (job < 0 || order->u.list_part.offset != of->list_have[job] || order->u.list_part.size == 0)
        return;
    for (uint32_t i = 0; i < order->u.list_part.size; i++)
        if (order->u.list_part.bytes[i] != sim_list_byte(job, of->list_have[job] + i))
            sim_fail(sim, "worker %u is given a list with wrong bytes", worker);
    of->list_have[job] += order->u.list_part.size;
    of->waits_for = -1;
    feed(sim, worker);
}

// ---- the child

static void unavailable(struct sim *sim, uint32_t worker, int job, const char *text)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_agent_event event = {.type = IDN_AGENT_UNAVAILABLE};
    struct sim_slice slice[4];
    uint32_t count = 0, kept = 0;

    for (uint32_t i = 0; i < of->slices; i++) {
        if (!of->slice[i].given && of->slice[i].job == job)
            slice[count++] = of->slice[i];
        else
            of->slice[kept++] = of->slice[i];
    }
    of->slices = kept;
    of->waits_for = -1;
    (void)snprintf(event.u.unavailable.text, IDN_TEXT_SIZE, "%s", text);
    for (uint32_t i = 0; i < count; i++) {
        event.u.unavailable.slice = slice[i].serial;
        sim_worker_step(sim, worker, event);
    }
}

static bool lacks_list(struct sim *sim, uint32_t worker, const struct sim_slice *slice)
{
    struct sim_worker *of = &sim->worker[worker];
    const struct sim_job *job = &sim->job[slice->job];

    if (!job->upload || of->list_have[slice->job] >= job->spec[0].list_bytes)
        return false;
    if (of->waits_for != slice->job) {
        of->waits_for = slice->job;
        of->list_since_ms = sim->now;
        ask_list(sim, worker, slice->broker, slice->job);
    }
    return true;
}

// The first slice that the child has not yet: its list, its model, then it.
static void feed(struct sim *sim, uint32_t worker)
{
    struct sim_worker *of = &sim->worker[worker];
    struct sim_child given = {.type = IDN_AGENT_CHILD_GIVEN};
    uint32_t at = 0;

    while (at < of->slices && of->slice[at].given)
        at++;
    if (of->agent == NULL || at == of->slices || of->slice[at].fed)
        return;
    struct sim_slice *slice = &of->slice[at];
    if (of->gone_model) {
        unavailable(sim, worker, slice->job, "the weights are gone");
        return;
    }
    if (lacks_list(sim, worker, slice))
        return;
    slice->fed = true;
    given.slice = slice->serial;
    bool loaded = of->loaded >> slice->model & 1;
    child_event(sim, worker, loaded ? 0 : 1 + sim_below(sim, LOAD_MS), &given);
}

static uint64_t compute_us(struct sim *sim, uint32_t worker, const struct sim_slice *slice)
{
    return (uint64_t)slice->count * sim->plan.image_us[worker] * sim->plan.percent[slice->model] /
           100;
}

static bool kills(struct sim *sim, const struct sim_slice *slice)
{
    for (uint32_t i = slice->first; i < slice->first + slice->count; i++)
        if (sim->image_kind[i] == SIM_POISON ||
            (sim->image_kind[i] == SIM_FLAKY && sim_below(sim, 100) < FLAKY))
            return true;
    return false;
}

static void given(struct sim *sim, uint32_t worker, struct sim_slice *slice)
{
    struct sim_worker *of = &sim->worker[worker];
    struct sim_child answer = {.type = IDN_AGENT_CHILD_ROWS, .slice = slice->serial};
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_GIVEN};

    slice->given = true;
    of->loaded |= 1u << slice->model;
    answer.compute_us = compute_us(sim, worker, slice);
    if (of->busy_ms < sim->now)
        of->busy_ms = sim->now;
    of->busy_ms += (answer.compute_us + 999) / 1000;
    if (kills(sim, slice)) {
        answer.type = IDN_AGENT_CHILD_DIED;
        answer.death = IDN_DEATH_SIGNAL;
    }
    child_event(sim, worker, of->busy_ms - sim->now, &answer);
    event.u.given.slice = slice->serial;
    sim_worker_step(sim, worker, event);
    feed(sim, worker);
}

static void rows(
    struct sim *sim, uint32_t worker, const struct sim_child *child, struct sim_slice *slice)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_result row[IDN_CHILD_IMAGES_MAX];
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_ROWS};
    struct sim_slice done = *slice;

    for (uint32_t i = 0; i < done.count; i++)
        sim_compute(sim, sim_model_names[done.model], of->class_number, done.first + i, &row[i]);
    of->images_computed += done.count;
    sim->stats->images += done.count;
    memmove(slice, slice + 1, (size_t)(of->slice + --of->slices - slice) * sizeof(*slice));
    event.u.rows.slice = done.serial;
    event.u.rows.count = done.count;
    event.u.rows.row = row;
    event.u.rows.compute_us = child->compute_us;
    sim_worker_step(sim, worker, event);
}

static void died(struct sim *sim, uint32_t worker, uint32_t death)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_DIED, .u.died = {.death = death}};
    uint32_t inside = 0, image = 0;
    int job = -1;

    for (uint32_t i = 0; i < of->slices; i++)
        if (of->slice[i].given) {
            inside += of->slice[i].count;
            image = of->slice[i].first;
            job = of->slice[i].job;
        }
    if (inside == 1 && sim->job[job].deaths_alone[image] < UINT8_MAX)
        sim->job[job].deaths_alone[image]++;
    SIM_TRACE(sim, "worker %u: its child dies with %u images", worker, inside);
    of->slices = 0;
    of->child = 0;
    of->hangs = false;
    of->waits_for = -1;
    (void)snprintf(event.u.died.text, IDN_TEXT_SIZE, "signal");
    sim_worker_step(sim, worker, event);
}

void sim_worker_child_dies(struct sim *sim, uint32_t worker)
{
    if (sim->worker[worker].child != 0)
        child_event(sim, worker, 0,
            &(struct sim_child){.type = IDN_AGENT_CHILD_DIED, .death = IDN_DEATH_SIGNAL});
}

static void take_child(struct sim *sim, uint32_t worker, const struct sim_child *child)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_agent_event ready = {.type = IDN_AGENT_CHILD_READY, .u.ready = {.threads = 2}};
    struct sim_slice *slice = of->slice;

    if (child->child != of->child)
        return;
    if (child->type == IDN_AGENT_CHILD_DIED && (!of->hangs || child->slice == 0)) {
        died(sim, worker, child->death);
    } else if (child->type == IDN_AGENT_CHILD_READY) {
        (void)snprintf(ready.u.ready.class_name, IDN_CLASS_SIZE, "replay/%u", of->class_number);
        ready.u.ready.class_hash = idn_class_hash(ready.u.ready.class_name);
        sim_worker_step(sim, worker, ready);
    } else {
        while (slice < of->slice + of->slices && slice->serial != child->slice)
            slice++;
        if (slice == of->slice + of->slices)
            return;
        if (child->type == IDN_AGENT_CHILD_GIVEN)
            given(sim, worker, slice);
        else if (child->type == IDN_AGENT_CHILD_ROWS && !of->hangs)
            rows(sim, worker, child, slice);
    }
}

// ---- actions

// What this boot has reported, so that acknowledgements can be held against it.
static void note_report(struct sim *sim, uint32_t worker, const struct idn_worker_message *message)
{
    struct sim_worker *of = &sim->worker[worker];

    if (message->u.report.number <= of->reports)
        return;
    if (message->u.report.number != of->reports + 1)
        sim_fail(sim, "worker %u leaves out a report's number", worker);
    if (of->reports == of->reports_room) {
        of->reports_room = of->reports_room * 2 + 64;
        of->report = realloc(of->report, of->reports_room * sizeof(*of->report));
        if (of->report == NULL)
            abort();
    }
    struct sim_report *report = &of->report[of->reports++];
    report->number = message->u.report.number;
    report->job = sim_job_of(sim, &message->u.report.job);
    report->spec_hash = message->u.report.spec_hash;
    report->class_hash = message->u.report.class_hash;
    report->count = message->u.report.count;
    report->void_at = 0;
    for (uint32_t i = 0; i < report->count; i++) {
        struct idn_result result;
        if (!idn_result_unpack(message->u.report.rows + (size_t)i * IDN_ROW_BYTES, &result))
            sim_fail(sim, "worker %u reports a row that is none", worker);
        report->image[i] = (uint16_t)result.index;
    }
}

static void send(struct sim *sim, uint32_t worker, const struct idn_agent_action *action)
{
    const struct idn_worker_message *message = action->u.send.message;
    uint32_t broker = action->u.send.broker;

    sim_note(sim, (uint64_t)message->type << 32 | broker << 8 | worker);
    if (message->type == IDN_WORKER_REPORT) {
        sim_note(sim, message->u.report.number << 16 | message->u.report.count);
        note_report(sim, worker, message);
    }
    SIM_TRACE(sim, "worker %u -> %c: %s", worker, 'a' + (int)broker, sim_message_text(message));
    sim_net_send(sim, node_of(worker), broker, SIM_WORKERS_PORT,
        (struct agenda_event){.type = SIM_MESSAGE,
            .boot = sim->node[broker].boot,
            .a = sim->net.peer[broker][node_of(worker)],
            .payload = sim_copy_message(message)});
}

static void publish(struct sim *sim, uint32_t worker, const struct idn_worker_beat *beat)
{
    sim_note(sim, beat->sequence << 16 | worker);
    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        sim_net_send(sim, node_of(worker), i, SIM_BEATS,
            (struct agenda_event){.type = SIM_WORKER_BEAT,
                .boot = sim->node[i].boot,
                .payload = sim_copy_plain(beat, sizeof(*beat))});
}

static void add_slice(struct sim *sim, uint32_t worker, const struct idn_agent_action *action)
{
    struct sim_worker *of = &sim->worker[worker];
    struct sim_slice slice = {.serial = action->u.slice.slice,
        .broker = action->u.slice.broker,
        .job = sim_job_of(sim, &action->u.slice.job),
        .first = action->u.slice.first,
        .count = action->u.slice.count};

    if (slice.job < 0 || of->slices == 4 || slice.first + slice.count > SIM_IMAGES)
        sim_fail(sim, "worker %u begins a slice of no job", worker);
    sim_note(sim, slice.serial << 32 | slice.first << 8 | slice.count);
    slice.model = strcmp(action->u.slice.model, sim_model_names[1]) == 0;
    of->slice[of->slices++] = slice;
    SIM_TRACE(sim, "worker %u begins slice %" PRIu64 ": %u + %u of job %d", worker, slice.serial,
        slice.first, slice.count, slice.job);
}

static void carry(struct sim *sim, uint32_t worker, const struct idn_agent_action *action)
{
    struct sim_worker *of = &sim->worker[worker];

    switch (action->type) {
    case IDN_AGENT_SEND:
        send(sim, worker, action);
        break;
    case IDN_AGENT_BEAT:
        publish(sim, worker, &action->u.beat);
        break;
    case IDN_AGENT_SLICE:
        add_slice(sim, worker, action);
        break;
    case IDN_AGENT_START_CHILD:
        of->child = ++of->children;
        of->busy_ms = 0;
        of->loaded = 0;
        child_event(sim, worker, 1 + sim_below(sim, READY_MS),
            &(struct sim_child){.type = IDN_AGENT_CHILD_READY});
        break;
    case IDN_AGENT_KILL_CHILD:
        child_event(sim, worker, 1,
            &(struct sim_child){.type = IDN_AGENT_CHILD_DIED, .death = IDN_DEATH_HANG});
        break;
    case IDN_AGENT_EXIT:
        SIM_TRACE(sim, "worker %u exits: %s", worker, action->u.text);
        of->exits = true;
        break;
    }
}

void sim_worker_step(struct sim *sim, uint32_t worker, struct idn_agent_event event)
{
    struct sim_worker *of = &sim->worker[worker];

    if (of->agent == NULL || of->exits)
        return;
    event.now_ms = sim_node_now(sim, node_of(worker));
    sim->stats->steps++;
    idn_agent_step(of->agent, &event);
    struct idn_agent_actions actions = idn_agent_actions(of->agent);
    for (size_t i = 0; i < actions.count; i++)
        carry(sim, worker, &actions.item[i]);
    sim_node_wants(sim, node_of(worker), idn_agent_deadline(of->agent));
    sim_check_worker(sim, worker);
    if (of->exits)
        exits(sim, worker);
    else
        feed(sim, worker);
}

static void list_again(struct sim *sim, uint32_t worker, const struct agenda_event *event)
{
    enum { PATIENCE_MS = 30 * 1000 };
    struct sim_worker *of = &sim->worker[worker];
    int job = (int)event->a;
    uint32_t at = 0;

    while (at < of->slices && (of->slice[at].given || of->slice[at].job != job))
        at++;
    if (of->waits_for != job || event->b != of->list_have[job] || at == of->slices)
        return;
    if (sim->now - of->list_since_ms < PATIENCE_MS) {
        ask_list(sim, worker, of->slice[at].broker, job);
        return;
    }
    of->waits_for = -1;
    unavailable(sim, worker, job, "the list does not come");
}

void sim_worker_take(struct sim *sim, uint32_t worker, const struct agenda_event *event)
{
    struct idn_agent_event taken = {.type = IDN_AGENT_ORDER};
    uint32_t broker = (uint32_t)event->a;
    const struct idn_order *order = event->payload;

    switch (event->type) {
    case SIM_ORDER:
        if (event->b != sim->net.peer[broker][node_of(worker)])
            return;
        if (order->type == IDN_ORDER_LIST_PART) {
            if (order->nonce == sim->worker[worker].nonce)
                take_list(sim, worker, order);
            return;
        }
        taken.u.order.broker = broker;
        taken.u.order.message = order;
        break;
    case SIM_BROKER_BEAT:
        taken.type = IDN_AGENT_BROKER_BEAT;
        taken.u.beat.broker = broker;
        taken.u.beat.beat = event->payload;
        break;
    case SIM_LIST:
        list_again(sim, worker, event);
        return;
    default:
        take_child(sim, worker, event->payload);
        return;
    }
    sim_worker_step(sim, worker, taken);
}
