// The agent core's step: an event is applied by the file that owns its matter, then everything that
// follows from the state and the time is done in one fixed order ("settle"). No I/O, no clock, no
// allocation.
#include "worker/agent/agent.h"

#include "worker/agent/internal.h"

size_t idn_agent_bytes(void)
{
    return sizeof(struct idn_agent);
}

uint64_t idn_class_hash(const char *class_name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *at = class_name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    return hash;
}

void idn_agent_text(char *target, size_t size, const char *source)
{
    size_t at = 0;

    for (; at + 1 < size && source[at] != '\0'; at++)
        target[at] = source[at];
    target[at] = '\0';
}

struct idn_agent *idn_agent_init(void *memory, const struct idn_agent_config *config)
{
    struct idn_agent *agent = memory;

    IDN_ASSERT(config->brokers >= 1 && config->brokers <= IDN_BROKERS_MAX);
    IDN_ASSERT(config->models <= IDN_MODELS_MAX && config->datasets <= IDN_DATASETS_MAX);
    idn_agent_text(agent->name, sizeof(agent->name), config->name);
    agent->nonce = config->nonce;
    agent->brokers = config->brokers;
    agent->models = config->models;
    agent->datasets = config->datasets;
    for (uint32_t i = 0; i < config->models; i++)
        agent->model[i].holding = config->model[i];
    for (uint32_t i = 0; i < config->datasets; i++)
        agent->dataset[i] = config->dataset[i];
    agent->report_first = agent->report_next = agent->report_send = 1;
    agent->beat_ms = IDN_BEAT_MS;
    return agent;
}

struct idn_agent_action *idn_agent_act(struct idn_agent *agent, enum idn_agent_action_type type)
{
    IDN_ASSERT(agent->actions < IDN_AGENT_ACTIONS_MAX);
    struct idn_agent_action *action = &agent->action[agent->actions++];

    action->type = type;
    return action;
}

struct idn_worker_message *idn_agent_send(struct idn_agent *agent, uint32_t broker, uint32_t type)
{
    IDN_ASSERT(agent->messages < IDN_AGENT_MESSAGES_MAX);
    struct idn_worker_message *message = &agent->message[agent->messages++];
    struct idn_agent_action *action = idn_agent_act(agent, IDN_AGENT_SEND);

    message->type = type;
    message->nonce = agent->nonce;
    action->u.send.broker = broker;
    action->u.send.message = message;
    return message;
}

void idn_agent_exit(struct idn_agent *agent, const char *text)
{
    if (agent->exited)
        return;
    agent->exited = true;
    struct idn_agent_action *action = idn_agent_act(agent, IDN_AGENT_EXIT);
    idn_agent_text(action->u.text, sizeof(action->u.text), text);
}

static void start(struct idn_agent *agent)
{
    IDN_ASSERT(!agent->started);
    agent->started = true;
    agent->active_ms = agent->now_ms;
    agent->next_beat_ms = agent->now_ms;
    agent->restart_ms = agent->now_ms;
}

static void on_order(struct idn_agent *agent, uint32_t broker, const struct idn_order *order)
{
    if (!idn_obey_order(agent, broker, order))
        return;
    switch ((enum idn_order_type)order->type) {
    case IDN_ORDER_LEASE:
        idn_leases_take(agent, order);
        break;
    case IDN_ORDER_TRIM:
        idn_leases_trim(agent, broker, order);
        break;
    case IDN_ORDER_ACK:
        idn_reports_acknowledge(agent, order->u.ack.number);
        break;
    case IDN_ORDER_WELCOME:
    case IDN_ORDER_REFUSED:
    case IDN_ORDER_HELLO_AGAIN: // dealt with by obey.c
    case IDN_ORDER_LIST_PART:   // the shell's
        break;
    }
}

// The whole process stood still: nobody is judged by that time.
static void stalled(struct idn_agent *agent, uint64_t ms)
{
    agent->active_ms += ms;
    agent->hello_ms += ms;
    agent->quiet_ms += ms;
    agent->head_ms += ms;
    agent->child_ms += ms;
    agent->progress_ms += ms;
    for (uint32_t i = 0; i < agent->slices; i++)
        agent->slice[i].given_ms += ms;
    if (agent->refused_ms > 0)
        agent->refused_ms += ms;
    if (agent->drain_ms > 0)
        agent->drain_ms += ms;
    if (ms >= IDN_DEAD_MS) // the broker has counted us dead
        idn_obey_hello_again(agent);
}

static void apply(struct idn_agent *agent, const struct idn_agent_event *event)
{
    switch (event->type) {
    case IDN_AGENT_START:
        start(agent);
        break;
    case IDN_AGENT_ORDER:
        on_order(agent, event->u.order.broker, event->u.order.message);
        break;
    case IDN_AGENT_BROKER_BEAT:
        idn_obey_beat(agent, event->u.beat.broker, event->u.beat.beat);
        break;
    case IDN_AGENT_CHILD_READY:
        idn_obey_class(agent, event);
        idn_nursery_ready(agent);
        break;
    case IDN_AGENT_CHILD_GIVEN:
        idn_slices_given(agent, event->u.given.slice);
        break;
    case IDN_AGENT_CHILD_ROWS:
        idn_slices_rows(agent, event);
        break;
    case IDN_AGENT_CHILD_DIED:
        idn_nursery_died(agent, event->u.died.death, event->u.died.text);
        break;
    case IDN_AGENT_UNAVAILABLE:
        idn_slices_unavailable(agent, event->u.unavailable.slice, event->u.unavailable.text);
        break;
    case IDN_AGENT_DRAIN:
        agent->draining = true;
        idn_slices_void(agent);
        break;
    case IDN_AGENT_STALLED:
        stalled(agent, event->u.stalled.ms);
        break;
    case IDN_AGENT_TICK:
        break;
    }
}

void idn_agent_step(struct idn_agent *agent, const struct idn_agent_event *event)
{
    agent->actions = agent->messages = 0;
    if (agent->exited)
        return;
    agent->now_ms = event->now_ms;
    apply(agent, event);
    idn_obey_settle(agent);
    idn_nursery_settle(agent);
    idn_reports_settle(agent);
    idn_slices_settle(agent);
    idn_reports_send(agent);
    idn_beats_settle(agent);
    idn_beats_drain_settle(agent);
}

struct idn_agent_actions idn_agent_actions(const struct idn_agent *agent)
{
    return (struct idn_agent_actions){.item = agent->action, .count = agent->actions};
}

uint64_t idn_agent_deadline(const struct idn_agent *agent)
{
    if (agent->exited || !agent->started)
        return IDN_NEVER;
    uint64_t deadline = idn_agent_min(idn_obey_deadline(agent), idn_nursery_deadline(agent));

    deadline = idn_agent_min(deadline, idn_reports_deadline(agent));
    return idn_agent_min(deadline, idn_beats_deadline(agent));
}

void idn_agent_look(const struct idn_agent *agent, struct idn_agent_view *ret)
{
    *ret = (struct idn_agent_view){
        .obeys = agent->obeys,
        .silent = agent->join == IDN_JOIN_NONE,
        .welcomed = agent->join == IDN_JOIN_WELCOMED,
        .broker = agent->broker,
        .epoch = agent->epoch,
        .leases = idn_leases_count(agent),
        .reports = (uint32_t)(agent->report_next - agent->report_first),
        .images_done = agent->images_done,
    };
    ret->in_child = idn_slices_images(agent, NULL, ret->image);
}
