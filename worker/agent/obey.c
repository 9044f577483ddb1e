// Which broker is obeyed: the one of the highest epoch heard, in beats of an active or in orders;
// and joining it: hello until welcome, and again whenever it may not know us any more.
//
// The epoch obeyed never decreases, whatever becomes of its holder: a reign below it is none of
// ours, and our beats tell its broker what to rise above (docs/PROTOCOL.md, "Roles").
#include "worker/agent/internal.h"

static bool is_active(uint32_t role)
{
    return role == IDN_ROLE_ACTIVE || role == IDN_ROLE_ALONE;
}

void idn_obey_hello_again(struct idn_agent *agent)
{
    if (!agent->obeys)
        return;
    agent->join = IDN_JOIN_HELLO;
    agent->hello_ms = agent->now_ms;
}

static void obey(struct idn_agent *agent, uint32_t broker, struct idn_epoch epoch)
{
    agent->obeys = true;
    agent->broker = broker;
    agent->epoch = epoch;
    agent->refused_ms = 0;
    idn_obey_hello_again(agent);
}

static void heard(struct idn_agent *agent)
{
    agent->active_ms = agent->now_ms;
    if (agent->join == IDN_JOIN_NONE) // it was silent and is back
        idn_obey_hello_again(agent);
}

// A beat that was overtaken by a later one, or came twice, is no sign of life.
static bool is_news(struct idn_agent *agent, uint32_t broker, const struct idn_broker_beat *beat)
{
    struct idn_agent_heard *last = &agent->heard[broker];

    if (beat->incarnation == last->incarnation && beat->sequence <= last->sequence)
        return false;
    *last = (struct idn_agent_heard){.incarnation = beat->incarnation, .sequence = beat->sequence};
    return true;
}

void idn_obey_beat(struct idn_agent *agent, uint32_t broker, const struct idn_broker_beat *beat)
{
    IDN_ASSERT(broker < agent->brokers);
    if (!is_news(agent, broker, beat) || !is_active(beat->role))
        return;
    int newer = agent->obeys ? idn_epoch_compare(beat->epoch, agent->epoch) : 1;

    if (newer > 0)
        obey(agent, broker, beat->epoch);
    if (newer >= 0)
        heard(agent);
}

static void welcome(struct idn_agent *agent, const struct idn_order *order)
{
    uint32_t version = order->u.welcome.version, beat_ms = order->u.welcome.beat_ms;

    if (version < IDN_PROTOCOL_LOWEST || version > IDN_PROTOCOL_HIGHEST) {
        idn_agent_exit(agent, "the broker chose a protocol version that this worker does not "
                              "speak: run the same version of IDunno on both");
        return;
    }
    agent->join = IDN_JOIN_WELCOMED;
    agent->refused_ms = 0;
    agent->beat_ms =
        beat_ms >= IDN_BEAT_MS / 4 && beat_ms <= 50 * IDN_BEAT_MS ? beat_ms : IDN_BEAT_MS;
    idn_reports_acknowledge(agent, order->u.welcome.acknowledged);
    idn_reports_again(agent);
}

// A report that the broker cannot read would be sent for ever.
static bool is_of_report(const struct idn_agent *agent, uint32_t code)
{
    return (code == IDN_REFUSED_MALFORMED || code == IDN_REFUSED_UNSUPPORTED) &&
           agent->report_first != agent->report_next;
}

// A refusal may pass (our own former self, counted alive for another second): hello, or the oldest
// report, is repeated for IDN_AGENT_REFUSED_MS before we believe it. A broker that is not active is
// no reason to leave.
static void refused(struct idn_agent *agent, const struct idn_order *order)
{
    uint32_t code = order->u.refused.code;

    if (code == IDN_REFUSED_NOT_ACTIVE ||
        (agent->join != IDN_JOIN_HELLO && !is_of_report(agent, code)))
        return;
    if (agent->refused_ms == 0)
        agent->refused_ms = agent->now_ms > 0 ? agent->now_ms : 1;
    if (agent->now_ms >= agent->refused_ms + IDN_AGENT_REFUSED_MS)
        idn_agent_exit(agent, order->u.refused.text);
}

static void stale(struct idn_agent *agent, uint32_t broker)
{
    idn_agent_send(agent, broker, IDN_WORKER_STALE)->u.stale.obeyed = agent->epoch;
}

bool idn_obey_order(struct idn_agent *agent, uint32_t broker, const struct idn_order *order)
{
    IDN_ASSERT(broker < agent->brokers);
    if (order->nonce != agent->nonce)
        return false;
    if (order->type == IDN_ORDER_REFUSED) { // says nothing about reigns
        if (agent->obeys && broker == agent->broker)
            refused(agent, order);
        return false;
    }
    int newer = agent->obeys ? idn_epoch_compare(order->epoch, agent->epoch) : 1;
    if (newer < 0) {
        stale(agent, broker);
        return false;
    }
    if (newer > 0)
        obey(agent, broker, order->epoch);
    heard(agent);
    agent->quiet_ms = agent->now_ms + IDN_AGENT_QUIET_MS;
    if (order->type == IDN_ORDER_WELCOME)
        welcome(agent, order);
    else if (order->type == IDN_ORDER_HELLO_AGAIN)
        idn_obey_hello_again(agent);
    return order->type != IDN_ORDER_WELCOME && order->type != IDN_ORDER_HELLO_AGAIN;
}

void idn_obey_class(struct idn_agent *agent, const struct idn_agent_event *event)
{
    bool same = agent->class_known && agent->class_hash == event->u.ready.class_hash &&
                agent->threads == event->u.ready.threads;

    agent->class_known = true;
    agent->class_hash = event->u.ready.class_hash;
    agent->threads = event->u.ready.threads;
    idn_agent_text(agent->class_name, sizeof(agent->class_name), event->u.ready.class_name);
    if (!same)
        idn_obey_hello_again(agent);
}

static void state_leases(struct idn_agent *agent, struct idn_worker_message *hello)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++) {
        const struct idn_agent_lease *lease = &agent->lease[i];
        if (lease->used)
            hello->u.hello.lease[count++] = (struct idn_held_lease){.id = lease->id,
                .job = lease->job,
                .first = lease->first,
                .count = lease->count,
                .done = lease->reported,
                .spec_hash = lease->spec_hash};
    }
    hello->u.hello.leases = count;
}

static void say_hello(struct idn_agent *agent)
{
    struct idn_worker_message *hello = idn_agent_send(agent, agent->broker, IDN_WORKER_HELLO);

    hello->u.hello.lowest = IDN_PROTOCOL_LOWEST;
    hello->u.hello.highest = IDN_PROTOCOL_HIGHEST;
    idn_agent_text(hello->u.hello.name, sizeof(hello->u.hello.name), agent->name);
    idn_agent_text(hello->u.hello.class_name, sizeof(hello->u.hello.class_name), agent->class_name);
    hello->u.hello.class_hash = agent->class_hash;
    hello->u.hello.threads = agent->threads;
    hello->u.hello.reports_from = agent->report_first;
    hello->u.hello.models = agent->models;
    hello->u.hello.datasets = agent->datasets;
    for (uint32_t i = 0; i < agent->models; i++)
        hello->u.hello.model[i] = agent->model[i].holding;
    for (uint32_t i = 0; i < agent->datasets; i++)
        hello->u.hello.dataset[i] = agent->dataset[i];
    state_leases(agent, hello);
    agent->hello_ms = agent->now_ms + IDN_AGENT_HELLO_MS;
}

// An order connection that was renewed without our knowledge leads nowhere until the broker hears
// us on it; beats go another way and tell it nothing. Who has work to report is heard anyhow.
static bool is_quiet(const struct idn_agent *agent)
{
    return agent->join == IDN_JOIN_WELCOMED && !agent->draining &&
           agent->report_first == agent->report_next && idn_leases_count(agent) == 0;
}

void idn_obey_settle(struct idn_agent *agent)
{
    if (agent->obeys && agent->now_ms > agent->active_ms + IDN_DEAD_MS) {
        agent->join = IDN_JOIN_NONE;
        agent->refused_ms = 0;
    }
    if (agent->join == IDN_JOIN_HELLO && agent->class_known && agent->now_ms >= agent->hello_ms)
        say_hello(agent);
    if (is_quiet(agent) && agent->now_ms >= agent->quiet_ms) {
        say_hello(agent);
        agent->quiet_ms = agent->now_ms + IDN_AGENT_QUIET_MS;
    }
}

uint64_t idn_obey_deadline(const struct idn_agent *agent)
{
    if (agent->join == IDN_JOIN_NONE)
        return IDN_NEVER;
    uint64_t silent_ms = agent->active_ms + IDN_DEAD_MS + 1;

    if (is_quiet(agent))
        silent_ms = idn_agent_min(silent_ms, agent->quiet_ms);
    return agent->join == IDN_JOIN_HELLO && agent->class_known
               ? idn_agent_min(silent_ms, agent->hello_ms)
               : silent_ms;
}
