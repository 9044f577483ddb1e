// One run: the earliest event next, through safety, heal and liveness to the final checks.
#include "tests/sim/sim.h"

#include "tests/sim/broker.h"
#include "tests/sim/check.h"
#include "tests/sim/client.h"
#include "tests/sim/copy.h"
#include "tests/sim/disk.h"
#include "tests/sim/faults.h"
#include "tests/sim/ledger.h"
#include "tests/sim/worker.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum {
    LOOK_MS = 250,
    LIVENESS_MS =
        300 * 1000, // and the work itself: everything ends within this, once all has healed
    SETTLE_MS = 3000,
    CIRCLES_MAX = 20000, // steps of one node in one millisecond
};

struct sim *sim_current;

_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
    va_end(arguments);
    longjmp(sim->jump, 1);
}

// The cores' assertions end the run, not the program.
_Noreturn void idn_assert_fail(const char *condition, const char *file, int line)
{
    sim_fail(sim_current, "assertion failed: %s (%s:%d)", condition, file, line);
}

void sim_trace(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    (void)fprintf(sim->trace, "%8" PRIu64 ".%03" PRIu64 "  ", sim->now / 1000, sim->now % 1000);
    va_start(arguments, format);
    (void)vfprintf(sim->trace, format, arguments);
    va_end(arguments);
    (void)fputc('\n', sim->trace);
}

void sim_note(struct sim *sim, uint64_t value)
{
    sim->hash = (sim->hash ^ value ^ sim->now << 20) * 0x9e3779b97f4a7c15u;
    sim->hash ^= sim->hash >> 31;
}

uint32_t sim_below(struct sim *sim, uint64_t below)
{
    return idn_random_below(&sim->random, below);
}

bool sim_chance(struct sim *sim, uint32_t in_10000)
{
    return in_10000 > 0 && sim_below(sim, 10000) < in_10000;
}

int sim_job_of(const struct sim *sim, const struct idn_key *key)
{
    for (uint32_t i = 0; i < sim->jobs; i++)
        if (idn_key_equal(&sim->job[i].key, key))
            return (int)i;
    return -1;
}

const char *sim_node_name(uint32_t node)
{
    static const char *const names[SIM_NODES] = {"broker a", "broker b", "worker 0", "worker 1",
        "worker 2", "worker 3", "worker 4", "client 0", "client 1", "operator"};

    return names[node];
}

// ---- nodes

uint64_t sim_node_now(const struct sim *sim, uint32_t node)
{
    return sim->now + sim->node[node].clock_ms;
}

void sim_node_wants(struct sim *sim, uint32_t node, uint64_t deadline_ms)
{
    uint64_t clock_ms = sim->node[node].clock_ms;

    if (deadline_ms == UINT64_MAX)
        sim->node[node].tick_at = UINT64_MAX;
    else
        sim->node[node].tick_at =
            deadline_ms > sim->now + clock_ms ? deadline_ms - clock_ms : sim->now;
}

void sim_drop_held(struct sim *sim, uint32_t node)
{
    struct sim_node *of = &sim->node[node];

    for (size_t i = 0; i < of->held_count; i++)
        free(of->held[i].payload);
    of->held_count = 0;
}

static void hold(struct sim_node *node, const struct agenda_event *event)
{
    if (node->held_count == node->held_room) {
        node->held_room = node->held_room * 2 + 64;
        node->held = realloc(node->held, node->held_room * sizeof(*node->held));
        if (node->held == NULL)
            abort();
    }
    node->held[node->held_count++] = *event;
}

void sim_node_freeze(struct sim *sim, uint32_t node)
{
    sim->node[node].frozen = true;
    sim->node[node].frozen_ms = sim->now;
    sim->node[node].tick_at = UINT64_MAX;
}

static void tell_stalled(struct sim *sim, uint32_t node, uint64_t ms)
{
    if (ms <= IDN_STALL_MS)
        return;
    if (sim_is_broker(node)) {
        struct idn_event event = {.type = IDN_EVENT_STALLED};
        event.u.stalled.ms = ms;
        sim_broker_step(sim, node, event);
    } else if (sim_is_worker(node)) {
        struct idn_agent_event event = {.type = IDN_AGENT_STALLED, .u.stalled = {.ms = ms}};
        sim_worker_step(sim, node - SIM_FIRST_WORKER, event);
    }
}

static void happen_to(struct sim *sim, struct agenda_event *event)
{
    uint32_t node = event->node;

    if (sim_is_broker(node))
        sim_broker_take(sim, node, event);
    else if (sim_is_worker(node))
        sim_worker_take(sim, node - SIM_FIRST_WORKER, event);
    else if (sim_is_client(node))
        sim_client_take(sim, node - SIM_FIRST_CLIENT, event);
}

// What came meanwhile comes now, at once.
void sim_node_thaw(struct sim *sim, uint32_t node)
{
    struct sim_node *of = &sim->node[node];

    if (!of->frozen)
        return;
    of->frozen = false;
    of->tick_at = sim->now;
    size_t count = of->held_count;
    struct agenda_event *held = of->held;
    of->held = NULL;
    of->held_count = of->held_room = 0;
    tell_stalled(sim, node, sim->now - of->frozen_ms);
    for (size_t i = 0; i < count; i++) {
        if (of->up && (held[i].boot == 0 || held[i].boot == of->boot))
            happen_to(sim, &held[i]);
        free(held[i].payload);
    }
    free(held);
}

// ---- time

static void restart(struct sim *sim, uint32_t node)
{
    if (sim->phase == SIM_SAFETY || !sim->node[node].up)
        sim_node_start(sim, node);
}

static void write_ends(struct sim *sim, const struct agenda_event *event)
{
    struct sim_disk *disk = &sim->disk[event->node];

    if (event->boot != sim->node[event->node].boot)
        return;
    if (!disk->fails || sim->now < disk->hangs_until) {
        sim_disk_written(sim, event->node, event->a);
        return;
    }
    SIM_TRACE(sim, "a write of broker %c fails", 'a' + (int)event->node);
    sim_ledger_change(sim);
    sim_broker_kill(sim, event->node, SIM_LOSS_UNSYNCED);
    agenda_add(&sim->agenda,
        (struct agenda_event){
            .at = sim->now + 1 + sim_below(sim, 1500), .type = SIM_RESTART, .node = event->node});
}

static void look(struct sim *sim)
{
    sim_check_look(sim);
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + LOOK_MS, .type = SIM_LOOK});
}

static void happen(struct sim *sim, struct agenda_event *event)
{
    struct sim_node *node = &sim->node[event->node];

    switch (event->type) {
    case SIM_WRITTEN:
        write_ends(sim, event);
        break;
    case SIM_FAULT:
        sim_fault_next(sim);
        break;
    case SIM_FAULT_END:
        sim_fault_ends(sim, event->payload);
        break;
    case SIM_RESTART:
        restart(sim, event->node);
        break;
    case SIM_LOOK:
        look(sim);
        break;
    default:
        if (!node->up || (event->boot != 0 && event->boot != node->boot))
            break;
        if (node->frozen) {
            hold(node, event);
            return;
        }
        happen_to(sim, event);
        break;
    }
    free(event->payload);
}

static void tick(struct sim *sim, uint32_t node)
{
    struct sim_node *of = &sim->node[node];

    of->steps = of->steps_at == sim->now ? of->steps + 1 : 0;
    of->steps_at = sim->now;
    if (of->steps > CIRCLES_MAX)
        sim_fail(sim, "%s runs in circles", sim_node_name(node));
    of->tick_at = UINT64_MAX;
    if (sim_is_broker(node))
        sim_broker_step(sim, node, (struct idn_event){.type = IDN_EVENT_TICK});
    else if (sim_is_worker(node))
        sim_worker_step(
            sim, node - SIM_FIRST_WORKER, (struct idn_agent_event){.type = IDN_AGENT_TICK});
    else
        sim_client_step(
            sim, node - SIM_FIRST_CLIENT, (struct idn_session_event){.type = IDN_SESSION_TICK});
}

static uint32_t next_tick(const struct sim *sim)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < SIM_OPERATOR; i++)
        if (sim->node[i].tick_at < sim->node[best].tick_at)
            best = i;
    return best;
}

// The earliest thing until `end`; false: nothing.
static bool next_thing(struct sim *sim, uint64_t end)
{
    uint32_t node = next_tick(sim);
    uint64_t due = agenda_due(&sim->agenda), tick_at = sim->node[node].tick_at;
    struct agenda_event event;

    if (due > end && tick_at > end) {
        sim->now = end;
        return false;
    }
    if (due > tick_at) {
        sim->now = tick_at > sim->now ? tick_at : sim->now;
        tick(sim, node);
        return true;
    }
    (void)agenda_take(&sim->agenda, &event);
    sim->things = due > sim->now ? 0 : sim->things + 1;
    if (sim->things > CIRCLES_MAX)
        sim_fail(sim, "messages run in circles");
    sim->now = due > sim->now ? due : sim->now;
    happen(sim, &event);
    return true;
}

static void until(struct sim *sim, uint64_t end)
{
    while (next_thing(sim, end))
        ;
}

// ---- one run

static void draw_images(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.broken; i++)
        sim->image_kind[sim_below(sim, SIM_IMAGES)] = SIM_BROKEN;
    for (uint32_t i = 0; i < sim->plan.flaky; i++)
        sim->image_kind[sim_below(sim, SIM_IMAGES)] = SIM_FLAKY;
    for (uint32_t i = 0; i < sim->plan.poison; i++)
        sim->image_kind[sim_below(sim, SIM_IMAGES)] = SIM_POISON;
}

static void begin(struct sim *sim)
{
    idn_random_init(&sim->random, sim->seed, 1);
    idn_random_init(&sim->fault_random, sim->seed, 2);
    sim_plan_draw(&sim->plan, &sim->fault_random, SIM_BROKERS);
    draw_images(sim);
    sim->now = 1000;
    for (uint32_t i = 0; i < SIM_NODES; i++)
        sim->node[i].tick_at = UINT64_MAX;
    sim_clients_plan(sim);
    for (uint32_t i = 0; i < SIM_NODES; i++)
        agenda_add(&sim->agenda,
            (struct agenda_event){.at = sim->now + sim_below(sim, i == 1 ? 2000 : 300),
                .type = SIM_RESTART,
                .node = i});
    sim_fault_plan(sim);
    look(sim);
}

// As if the slowest worker did it all by itself.
static uint64_t work_ms(const struct sim *sim)
{
    uint64_t images = 0, slowest_us = 0;

    for (uint32_t i = 0; i < sim->jobs; i++)
        images += sim->job[i].spec[0].last - sim->job[i].spec[0].first + 1;
    for (uint32_t i = 0; i < sim->plan.workers; i++)
        if (sim->plan.image_us[i] > slowest_us)
            slowest_us = sim->plan.image_us[i];
    // And as if each image that kills benched it.
    return 2 * images * slowest_us / 1000 +
           2ull * IDN_BENCH_MS * sim->jobs * (sim->plan.poison + sim->plan.flaky);
}

// For who reads the trace of a run that does not end.
static void tell_open_jobs(struct sim *sim, uint32_t broker)
{
    struct idn_job_info info;

    for (uint32_t i = 0; sim->node[broker].up && i < sim->jobs; i++)
        if (idn_core_job(sim->broker[broker].core, &sim->job[i].key, &info) &&
            info.state == IDN_JOB_OPEN)
            SIM_TRACE(sim,
                "%c has job %u open: %u ok, %u failed, %u quarantined, %u pending, %u in flight; "
                "%s",
                'a' + (int)broker, i, info.ok, info.failed, info.quarantined, info.pending,
                info.in_flight, info.why);
    for (size_t i = 0; i < sim->disk[broker].count; i++)
        SIM_TRACE(sim, "%c holds %s%s", 'a' + (int)broker,
            sim_fact_text(&sim->disk[broker].fact[i].fact),
            sim_disk_is_emptied(&sim->disk[broker], &sim->disk[broker].fact[i]) ? ", emptied" : "");
}

static void await_end(struct sim *sim)
{
    uint64_t begun = sim->now, end = begun + LIVENESS_MS + work_ms(sim);
    const char *why = "";

    while (sim->now < end && why != NULL) {
        until(sim, sim->now + LOOK_MS);
        why = sim_unfinished(sim);
    }
    for (uint32_t i = 0; why != NULL && i < sim->plan.brokers; i++)
        tell_open_jobs(sim, i);
    if (why != NULL)
        sim_fail(
            sim, "%" PRIu64 " s after everything has healed %s", (sim->now - begun) / 1000, why);
}

static void run(struct sim *sim)
{
    begin(sim);
    until(sim, sim->now + sim->plan.safety_ms);
    sim_heal(sim);
    await_end(sim);
    sim->phase = SIM_SETTLED;
    until(sim, sim->now + SETTLE_MS);
    await_end(sim);
    sim_check_end(sim);
}

static void fini(struct sim *sim)
{
    agenda_fini(&sim->agenda);
    for (uint32_t i = 0; i < SIM_NODES; i++) {
        sim_drop_held(sim, i);
        free(sim->node[i].held);
    }
    for (uint32_t i = 0; i < SIM_BROKERS; i++)
        sim_broker_fini(sim, i);
    for (uint32_t i = 0; i < SIM_WORKERS; i++)
        sim_worker_fini(sim, i);
    sim_ledger_fini(sim);
    free(sim->scratch);
}

bool sim_run(struct sim *sim)
{
    sim_current = sim;
    if (setjmp(sim->jump) == 0)
        run(sim);
    sim->stats->seeds++;
    sim->stats->simulated_ms += sim->now;
    fini(sim);
    return sim->failure[0] == '\0';
}
