#include "tests/sim/faults.h"

#include "tests/sim/broker.h"
#include "tests/sim/client.h"
#include "tests/sim/copy.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/worker.h"

#include <stdlib.h>

static uint64_t from_to(struct sim *sim, uint64_t least, uint64_t most)
{
    return least + idn_random_below(&sim->fault_random, most - least + 1);
}

static bool one_in(struct sim *sim, uint32_t many)
{
    return idn_random_below(&sim->fault_random, many) == 0;
}

static uint32_t any_broker(struct sim *sim)
{
    return idn_random_below(&sim->fault_random, sim->plan.brokers);
}

static uint32_t any_worker(struct sim *sim)
{
    return idn_random_below(&sim->fault_random, sim->plan.workers);
}

static uint32_t any_client(struct sim *sim)
{
    return idn_random_below(&sim->fault_random, sim->plan.clients);
}

// Brokers as often as the others together.
static uint32_t any_node(struct sim *sim)
{
    if (one_in(sim, 2))
        return any_broker(sim);
    return one_in(sim, 4) ? SIM_FIRST_CLIENT + any_client(sim) : SIM_FIRST_WORKER + any_worker(sim);
}

static bool is_there(const struct sim *sim, uint32_t node)
{
    if (sim_is_broker(node))
        return node < sim->plan.brokers;
    if (sim_is_worker(node))
        return node - SIM_FIRST_WORKER < sim->plan.workers;
    return sim_is_client(node) && node - SIM_FIRST_CLIENT < sim->plan.clients;
}

static enum sim_role role_of(struct sim *sim, uint32_t node)
{
    if (!sim->node[node].up)
        return SIM_ROLE_NONE;
    if (sim_is_client(node))
        return SIM_ROLE_CLIENT;
    if (sim_is_worker(node))
        return sim->worker[node - SIM_FIRST_WORKER].leases > 0 ? SIM_ROLE_BUSY : SIM_ROLE_IDLE;
    sim_broker_look(sim, node);
    switch ((int)sim->broker[node].status.role) {
    case IDN_ROLE_ACTIVE:
        return SIM_ROLE_ACTIVE;
    case IDN_ROLE_ALONE:
        return SIM_ROLE_ALONE;
    case IDN_ROLE_STANDBY:
        return SIM_ROLE_STANDBY;
    default:
        return SIM_ROLE_LEARNER;
    }
}

static void met(struct sim *sim, enum sim_fault fault, uint32_t node)
{
    enum sim_role role = node < SIM_NODES ? role_of(sim, node) : SIM_ROLE_NONE;

    sim->stats->met[fault][role]++;
    sim->faults_at_ms = sim->now;
    if (fault != SIM_FAULT_LINK_CUT)
        sim->trouble_ms = sim->now;
    SIM_TRACE(sim, "FAULT %s: %s, %s", sim_fault_name(fault),
        node < SIM_NODES ? sim_node_name(node) : "all", sim_role_name(role));
}

static void end_after(struct sim *sim, uint64_t ms, const struct sim_fault_end *end)
{
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + ms,
                                 .type = SIM_FAULT_END,
                                 .node = end->node,
                                 .payload = sim_copy_plain(end, sizeof(*end))});
}

static void restart_after(struct sim *sim, uint32_t node, uint64_t ms)
{
    agenda_add(&sim->agenda,
        (struct agenda_event){.at = sim->now + ms, .type = SIM_RESTART, .node = node});
}

// A process is back in a moment, or after longer than anybody's patience.
static uint64_t away_ms(struct sim *sim)
{
    return one_in(sim, 2) ? from_to(sim, 1, 400) : from_to(sim, 400, 6000);
}

// ---- processes

static void kill_broker(struct sim *sim, enum sim_fault fault, uint32_t broker, enum sim_loss loss)
{
    met(sim, fault, broker);
    if (!sim->node[broker].up)
        return;
    sim_broker_kill(sim, broker, loss);
    restart_after(sim, broker, away_ms(sim));
}

static void freeze(struct sim *sim, enum sim_fault fault, uint32_t node, uint64_t ms)
{
    met(sim, fault, node);
    if (!sim->node[node].up || sim->node[node].frozen)
        return;
    sim_node_freeze(sim, node);
    end_after(sim, ms, &(struct sim_fault_end){.fault = fault, .node = node});
}

static void to_worker(struct sim *sim, enum sim_fault fault)
{
    uint32_t worker = any_worker(sim), node = SIM_FIRST_WORKER + worker;

    if (fault == SIM_FAULT_WORKER_FREEZE) {
        freeze(sim, fault, node, from_to(sim, 100, 5000));
        return;
    }
    met(sim, fault, node);
    if (!sim->node[node].up)
        return;
    if (fault == SIM_FAULT_WORKER_CRASH) {
        sim_worker_kill(sim, worker);
        restart_after(sim, node, away_ms(sim));
    } else if (fault == SIM_FAULT_CHILD_DEATH) {
        sim_worker_child_dies(sim, worker);
    } else if (fault == SIM_FAULT_CHILD_HANG) {
        sim->worker[worker].hangs = sim->worker[worker].child != 0;
    } else if (fault == SIM_FAULT_MODEL_GONE) {
        sim->worker[worker].gone_model = true;
        end_after(
            sim, from_to(sim, 500, 9000), &(struct sim_fault_end){.fault = fault, .node = node});
    } else if (!sim->node[node].frozen) { // SIM_FAULT_WORKER_DRAIN
        sim_worker_step(sim, worker, (struct idn_agent_event){.type = IDN_AGENT_DRAIN});
    }
}

// ---- disks

static void to_disk(struct sim *sim, enum sim_fault fault)
{
    enum { EXCUSE_MS = 8000 };
    uint32_t broker = any_broker(sim);
    struct sim_disk *disk = &sim->disk[broker];
    uint64_t ms = from_to(sim, 500, 6000);

    met(sim, fault, broker);
    if (fault == SIM_FAULT_DISK_SLOW)
        disk->slow = (uint32_t)from_to(sim, 2, 30);
    else if (fault == SIM_FAULT_DISK_HANG)
        disk->hangs_until = sim->now + ms;
    else if (fault == SIM_FAULT_DISK_FULL)
        disk->full = true;
    else
        disk->fails = true;
    if (fault != SIM_FAULT_DISK_FULL && disk->excused_until < sim->now + ms + EXCUSE_MS)
        disk->excused_until = sim->now + ms + EXCUSE_MS;
    end_after(sim, ms, &(struct sim_fault_end){.fault = fault, .node = broker});
}

// ---- the network

static void cut(struct sim *sim, struct sim_fault_end *end, uint32_t from, uint32_t to)
{
    if (from == to || !is_there(sim, from) || !is_there(sim, to) || end->cut[from] >> to & 1)
        return;
    end->cut[from] |= (uint16_t)(1u << to);
    sim->net.blocked[from][to]++;
}

static uint64_t cut_ms(struct sim *sim)
{
    return one_in(sim, 3) ? from_to(sim, 50, 900) : from_to(sim, 900, sim->plan.cut_ms);
}

static void cut_node(struct sim *sim, enum sim_fault fault)
{
    struct sim_fault_end end = {.fault = fault, .node = any_node(sim)};
    uint32_t ways = fault == SIM_FAULT_CUT ? 3 : 1 + (uint32_t)one_in(sim, 2);

    met(sim, fault, end.node);
    for (uint32_t i = 0; i < SIM_NODES; i++) {
        if (ways & 1)
            cut(sim, &end, end.node, i);
        if (ways & 2)
            cut(sim, &end, i, end.node);
    }
    end_after(sim, cut_ms(sim), &end);
}

static void cut_link(struct sim *sim, enum sim_fault fault)
{
    uint32_t broker = any_broker(sim);
    struct sim_fault_end end = {.fault = fault, .node = broker};

    met(sim, fault, broker);
    cut(sim, &end, broker, 1 - broker);
    if (!one_in(sim, 3))
        cut(sim, &end, 1 - broker, broker);
    end_after(sim, cut_ms(sim), &end);
}

static void make_islands(struct sim *sim, enum sim_fault fault)
{
    struct sim_fault_end end = {.fault = fault, .node = any_broker(sim)};
    uint32_t bridge = SIM_NODES, second = 2; // bits: who is on the second island
    uint64_t ms = cut_ms(sim);

    for (uint32_t i = SIM_FIRST_WORKER; i < SIM_NODES; i++)
        second |= (uint32_t)one_in(sim, 2) << i;
    if (fault == SIM_FAULT_BRIDGE)
        bridge = one_in(sim, 3) ? SIM_FIRST_CLIENT + any_client(sim)
                                : SIM_FIRST_WORKER + any_worker(sim);
    met(sim, fault, end.node);
    for (uint32_t from = 0; from < SIM_NODES; from++)
        for (uint32_t to = 0; to < SIM_NODES; to++)
            if (from != bridge && to != bridge && (second >> from & 1) != (second >> to & 1))
                cut(sim, &end, from, to);
    end_after(sim, fault == SIM_FAULT_BRIDGE ? 2 * ms : ms, &end);
}

static void clog_node(struct sim *sim, enum sim_fault fault)
{
    uint32_t node = any_node(sim);
    uint64_t until = sim->now + from_to(sim, 100, 4000);

    met(sim, fault, node);
    for (uint32_t i = 0; i < SIM_NODES; i++) {
        sim->net.clogged_until[node][i] = until;
        if (one_in(sim, 2))
            sim->net.clogged_until[i][node] = until;
    }
    end_after(sim, until - sim->now, &(struct sim_fault_end){.fault = fault, .node = node});
}

static void break_connections(struct sim *sim, enum sim_fault fault)
{
    uint32_t node =
        one_in(sim, 3) ? SIM_FIRST_CLIENT + any_client(sim) : SIM_FIRST_WORKER + any_worker(sim);

    met(sim, fault, node);
    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        sim_net_connect(sim, i, node);
}

// ---- people

static void operator_asks(struct sim *sim, uint32_t broker, const struct idn_request *request)
{
    struct idn_request asked = *request;

    asked.id = ++sim->operator_requests;
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + 1,
                                 .type = SIM_REQUEST,
                                 .node = broker,
                                 .boot = sim->node[broker].boot,
                                 .a = sim->net.peer[broker][SIM_OPERATOR],
                                 .payload = sim_copy_request(&asked)});
}

static bool has_reigned(const struct sim *sim, uint32_t broker)
{
    for (uint32_t i = 0; i < sim->ledger.reigns; i++)
        if (sim->ledger.reign[i].epoch.broker == 'a' + broker)
            return true;
    return false;
}

// An operator does so when the other broker is lost for good; doing it with a broker that has
// reigned and lost its state may repeat an epoch, as the documents warn.
static void bootstrap(struct sim *sim, enum sim_fault fault)
{
    uint32_t broker = any_broker(sim);

    met(sim, fault, broker);
    if (!sim->node[broker].up || has_reigned(sim, broker) ||
        sim->broker[broker].status.role != IDN_ROLE_LEARNER)
        return;
    sim->broker[broker].learner = false;
    operator_asks(sim, broker, &(struct idn_request){.type = IDN_REQUEST_BOOTSTRAP});
}

static void switch_over(struct sim *sim, enum sim_fault fault)
{
    uint32_t broker = any_broker(sim);

    met(sim, fault, broker);
    operator_asks(sim, broker, &(struct idn_request){.type = IDN_REQUEST_SWITCH});
}

// One that has something to retry, if there is one.
static struct sim_job *a_quarantined_job(struct sim *sim, uint32_t broker)
{
    uint32_t at = idn_random_below(&sim->fault_random, sim->jobs);
    struct idn_job_info info;

    for (uint32_t i = 0; sim->node[broker].up && i < sim->jobs; i++) {
        struct sim_job *job = &sim->job[(at + i) % sim->jobs];
        if (idn_core_job(sim->broker[broker].core, &job->key, &info) && info.quarantined > 0)
            return job;
    }
    return &sim->job[at];
}

static void retry(struct sim *sim, enum sim_fault fault)
{
    uint32_t broker = any_broker(sim);
    struct sim_job *job = a_quarantined_job(sim, broker);
    struct idn_request request = {.type = IDN_REQUEST_RETRY, .job = {job->key, 128}};

    met(sim, fault, broker);
    job->retry_asked = true;
    operator_asks(sim, broker, &request);
}

// Too many submissions at once, none of them a job.
static void spam(struct sim *sim, enum sim_fault fault)
{
    enum { MANY = 130 };
    uint32_t broker = any_broker(sim);
    struct idn_request request = {.type = IDN_REQUEST_SUBMIT, .job = {.bits = 128}};

    met(sim, fault, broker);
    (void)snprintf(request.u.submit.model, IDN_NAME_SIZE, "alexnett");
    (void)snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "photos");
    (void)snprintf(request.u.submit.client, IDN_NAME_SIZE, "spammer");
    for (int i = 0; i < MANY; i++) {
        memcpy(request.job.key.bytes, &sim->operator_requests, sizeof(sim->operator_requests));
        operator_asks(sim, broker, &request);
    }
}

static void jump_clock(struct sim *sim, enum sim_fault fault)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    uint32_t node = any_node(sim);

    met(sim, fault, node);
    sim->node[node].wall_skew += (int64_t)from_to(sim, 0, 2 * DAY_MS) - DAY_MS;
}

// ---- the next one

static void to_broker(struct sim *sim, enum sim_fault fault)
{
    uint32_t broker = any_broker(sim);

    if (fault == SIM_FAULT_BROKER_FREEZE)
        freeze(sim, fault, broker, from_to(sim, 500, 6000));
    else if (fault == SIM_FAULT_BROKER_STALL)
        freeze(sim, fault, broker, from_to(sim, 20, 500));
    else if (fault == SIM_FAULT_TORN_WRITE)
        kill_broker(sim, fault, broker, SIM_LOSS_TORN);
    else if (fault == SIM_FAULT_STATE_LOST)
        kill_broker(sim, fault, broker, SIM_LOSS_ALL);
    else if (fault == SIM_FAULT_TAIL_LOST)
        kill_broker(sim, fault, broker, SIM_LOSS_TAIL);
    else
        kill_broker(sim, fault, broker, SIM_LOSS_UNSYNCED);
    if (fault == SIM_FAULT_BOTH_CRASH && sim->plan.brokers == 2)
        kill_broker(sim, fault, 1 - broker, SIM_LOSS_UNSYNCED);
}

static void to_client(struct sim *sim, enum sim_fault fault)
{
    uint32_t client = any_client(sim), node = SIM_FIRST_CLIENT + client;

    if (fault == SIM_FAULT_CLIENT_FREEZE) {
        freeze(sim, fault, node, from_to(sim, 100, 15000));
        return;
    }
    met(sim, fault, node);
    if (!sim->node[node].up)
        return;
    sim_client_kill(sim, client);
    restart_after(sim, node, away_ms(sim));
}

static void lose(struct sim *sim, enum sim_fault fault)
{
    met(sim, fault, SIM_NODES);
    sim->net.burst_until = sim->now + from_to(sim, 100, 3000);
}

typedef void apply_function(struct sim *sim, enum sim_fault fault);

static apply_function *const apply[SIM_FAULTS] = {
    [SIM_FAULT_BROKER_CRASH] = to_broker,
    [SIM_FAULT_TORN_WRITE] = to_broker,
    [SIM_FAULT_BOTH_CRASH] = to_broker,
    [SIM_FAULT_BROKER_FREEZE] = to_broker,
    [SIM_FAULT_BROKER_STALL] = to_broker,
    [SIM_FAULT_STATE_LOST] = to_broker,
    [SIM_FAULT_TAIL_LOST] = to_broker,
    [SIM_FAULT_DISK_SLOW] = to_disk,
    [SIM_FAULT_DISK_HANG] = to_disk,
    [SIM_FAULT_DISK_FULL] = to_disk,
    [SIM_FAULT_DISK_FAIL] = to_disk,
    [SIM_FAULT_WORKER_CRASH] = to_worker,
    [SIM_FAULT_WORKER_FREEZE] = to_worker,
    [SIM_FAULT_WORKER_DRAIN] = to_worker,
    [SIM_FAULT_CHILD_DEATH] = to_worker,
    [SIM_FAULT_CHILD_HANG] = to_worker,
    [SIM_FAULT_MODEL_GONE] = to_worker,
    [SIM_FAULT_CLIENT_CRASH] = to_client,
    [SIM_FAULT_CLIENT_FREEZE] = to_client,
    [SIM_FAULT_CUT] = cut_node,
    [SIM_FAULT_CUT_ONE_WAY] = cut_node,
    [SIM_FAULT_LINK_CUT] = cut_link,
    [SIM_FAULT_ISLANDS] = make_islands,
    [SIM_FAULT_BRIDGE] = make_islands,
    [SIM_FAULT_CLOG] = clog_node,
    [SIM_FAULT_LOSS] = lose,
    [SIM_FAULT_BREAK] = break_connections,
    [SIM_FAULT_CLOCK_JUMP] = jump_clock,
    [SIM_FAULT_SWITCH] = switch_over,
    [SIM_FAULT_BOOTSTRAP] = bootstrap,
    [SIM_FAULT_RETRY] = retry,
    [SIM_FAULT_SPAM] = spam,
};

// What takes two brokers.
static bool is_for_two(enum sim_fault fault)
{
    return fault == SIM_FAULT_STATE_LOST || fault == SIM_FAULT_TAIL_LOST ||
           fault == SIM_FAULT_LINK_CUT || fault == SIM_FAULT_ISLANDS || fault == SIM_FAULT_BRIDGE ||
           fault == SIM_FAULT_SWITCH || fault == SIM_FAULT_BOOTSTRAP;
}

void sim_fault_plan(struct sim *sim)
{
    agenda_add(&sim->agenda,
        (struct agenda_event){
            .at = sim->now + from_to(sim, 1, 2ull * sim->plan.gap_ms), .type = SIM_FAULT});
}

void sim_fault_next(struct sim *sim)
{
    uint32_t all = 0;

    if (sim->phase != SIM_SAFETY)
        return;
    sim_fault_plan(sim);
    for (unsigned i = 0; i < SIM_FAULTS; i++)
        all += sim->plan.brokers == 1 && is_for_two(i) ? 0 : sim->plan.weight[i];
    if (all == 0)
        return;
    uint32_t at = idn_random_below(&sim->fault_random, all);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        uint32_t weight = sim->plan.brokers == 1 && is_for_two(i) ? 0 : sim->plan.weight[i];
        if (at < weight) {
            sim_ledger_change(sim);
            apply[i](sim, i);
            return;
        }
        at -= weight;
    }
}

// ---- and its end

void sim_node_start(struct sim *sim, uint32_t node)
{
    if (sim->node[node].up || !is_there(sim, node))
        return;
    sim_ledger_change(sim);
    sim->trouble_ms = sim->now;
    if (sim_is_broker(node))
        sim_broker_start(sim, node);
    else if (sim_is_worker(node))
        sim_worker_start(sim, node - SIM_FIRST_WORKER);
    else
        sim_client_start(sim, node - SIM_FIRST_CLIENT);
}

void sim_fault_ends(struct sim *sim, const struct sim_fault_end *end)
{
    struct sim_disk *disk = &sim->disk[sim_is_broker(end->node) ? end->node : 0];

    if (sim->phase != SIM_SAFETY)
        return;
    sim_ledger_change(sim);
    if (end->fault != SIM_FAULT_LINK_CUT)
        sim->trouble_ms = sim->now;
    for (uint32_t from = 0; from < SIM_NODES; from++)
        for (uint32_t to = 0; to < SIM_NODES; to++)
            if (end->cut[from] >> to & 1)
                sim->net.blocked[from][to]--;
    SIM_TRACE(sim, "end of %s: %s", sim_fault_name(end->fault), sim_node_name(end->node));
    if (end->fault == SIM_FAULT_BROKER_FREEZE || end->fault == SIM_FAULT_BROKER_STALL ||
        end->fault == SIM_FAULT_WORKER_FREEZE || end->fault == SIM_FAULT_CLIENT_FREEZE)
        sim_node_thaw(sim, end->node);
    if (end->fault == SIM_FAULT_DISK_SLOW)
        disk->slow = 0;
    if (end->fault == SIM_FAULT_DISK_FULL)
        disk->full = false;
    if (end->fault == SIM_FAULT_MODEL_GONE)
        sim->worker[end->node - SIM_FIRST_WORKER].gone_model = false;
}

void sim_heal(struct sim *sim)
{
    SIM_TRACE(sim, "everything heals");
    sim->phase = SIM_LIVENESS;
    sim->trouble_ms = sim->now;
    sim_ledger_change(sim);
    sim_net_heal(sim);
    for (uint32_t i = 0; i < sim->plan.brokers; i++) {
        sim->disk[i].full = sim->disk[i].fails = false;
        sim->disk[i].slow = 0;
        sim->disk[i].hangs_until = sim->now;
    }
    for (uint32_t i = 0; i < sim->plan.workers; i++)
        sim->worker[i].gone_model = false;
    for (uint32_t i = 0; i < SIM_NODES; i++) {
        sim_ledger_change(sim);
        sim_node_thaw(sim, i);
        sim_node_start(sim, i);
    }
}
