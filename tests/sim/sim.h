// The simulator's world: brokers, workers and clients that are the real pure cores, and everything
// else simulated (network, disks, clocks, processes, people). One seed is one run: it draws the
// shape of the cluster, the mix of faults and every moment. Equal seeds give equal runs, which the
// program checks by running each one twice.
//
//   run.c      the earliest event next: safety phase, heal, liveness phase, final checks
//   plan.c     what a seed draws
//   faults.c   what goes wrong, and when it ends
//   net.c      the network
//   copy.c     deep copies: all that is under way
//   disk.c     a broker's store
//   oracle.c   its fold, made independently of the core
//   broker.c   a broker's process
//   worker.c   a worker's host, with its child
//   client.c   a person with a client session
//   ledger.c   every fact that ever was
//   check.c    invariants: each a claim about the state
//   claims.c   claims about behaviour over time
//   mutants.list, mutate.py: deliberate bugs, each of which must be caught
#ifndef IDN_TESTS_SIM_SIM_H
#define IDN_TESTS_SIM_SIM_H

#include "base/random.h"
#include "broker/core/core.h"
#include "client/session.h"
#include "proto/result.h"
#include "tests/lib/agenda.h"
#include "tests/sim/events.h"
#include "tests/sim/plan.h"
#include "worker/agent/agent.h"

#include <setjmp.h>
#include <stdio.h>

enum {
    SIM_IMAGES = 400, // of the data set
    SIM_JOBS_MAX = 40,
    SIM_BOOTS_MAX = 512,       // starts of brokers
    SIM_HEARD_MAX = 16,        // workers that a broker has heard
    SIM_SERIALS_MAX = 1 << 12, // leases of a reign that are remembered
    SIM_CLIENT_JOBS_MAX = SIM_JOBS_MAX,
    SIM_TEXT_SIZE = 512,
};

struct sim;

// ---- what all nodes have
struct sim_node {
    bool up, frozen;
    uint64_t boot; // number of this start
    uint64_t frozen_ms;
    uint64_t clock_ms;         // its monotonic clock less the world's
    int64_t wall_skew;         // its wall clock less the world's
    uint64_t tick_at;          // when it wants to be woken, world time
    struct agenda_event *held; // came while it was frozen
    size_t held_count, held_room;
    uint64_t steps_at, steps; // steps in this millisecond, to notice that it runs in circles
};

// ---- jobs, as their clients know them
enum sim_image_kind { SIM_GOOD, SIM_BROKEN, SIM_POISON, SIM_FLAKY };

struct sim_job {
    struct idn_key key;
    struct idn_job_spec spec[2]; // second: a rival's, under the same key
    uint32_t specs;
    uint64_t begins_ms;
    bool upload;
    bool acked;  // SUBMIT was answered
    bool waived; // the only copies of what was acknowledged were on a disk that is lost
    bool forget_asked, forget_acked, cancel_asked, retry_asked;
    uint8_t deaths_alone[SIM_IMAGES]; // of children, with this image alone inside
};

// ---- the ledger of facts
struct sim_incarnation {
    uint64_t number;
    uint32_t broker;
    uint64_t boot, facts, room;
    uint64_t *content; // a hash of each fact, by sequence - 1
};

struct sim_ledger {
    struct sim_incarnation incarnation[SIM_BOOTS_MAX];
    uint32_t incarnations;
    struct {
        struct idn_epoch epoch;
        uint64_t incarnation;
    } reign[SIM_BOOTS_MAX];
    uint32_t reigns;
    uint32_t changes, changes_left; // of network and processes; left: not yet spent by a reign
    uint64_t facts;
};

// ---- a broker's store
struct sim_blob { // a fact's body; shared by the stores that hold it
    uint32_t users, size;
    uint8_t bytes[];
};

struct sim_fact {
    struct idn_fact fact;  // decoded; its pointers go into the blob
    struct sim_blob *blob; // NULL: emptied
    int job;               // index, or -1
};

struct sim_summary {
    struct idn_summary summary;
    size_t covers;
};

enum sim_head { SIM_HEAD_ACCEPTED = 1, SIM_HEAD_CANCELLED = 2, SIM_HEAD_FORGOTTEN = 4 };

struct sim_disk {
    struct sim_fact *fact; // position = index + 1
    size_t count, room;
    size_t stored;  // durable
    size_t writing; // covered by the write in progress; 0: none
    struct sim_summary summary[SIM_JOBS_MAX];
    uint32_t summaries;
    bool incomplete;                     // facts may be missing: until its broker has learned them
    bool full, fails;                    // fails: the next write does
    uint64_t hangs_until, excused_until; // excused: it may make its broker exit
    uint32_t slow;                       // times
    uint64_t last[SIM_BOOTS_MAX];        // what it holds of each incarnation of the ledger
    uint64_t durable[SIM_BOOTS_MAX];     // likewise, durable
    uint8_t heads[SIM_JOBS_MAX];         // durable facts about each job: a bit each, enum sim_head
    uint8_t have[SIM_JOBS_MAX][SIM_IMAGES]; // durable results of the first and second spec, bits
    uint8_t heads_ever[SIM_JOBS_MAX], ever[SIM_JOBS_MAX][SIM_IMAGES]; // likewise, once
};

struct sim_charge { // virtual time of a job, less what was reported of it
    uint64_t serial, spec_hash;
    uint32_t weight, batch, lifted, settings, done;
    struct idn_epoch epoch;
    int64_t base;
};

struct sim_heard { // what a worker's newest beat said
    uint64_t nonce, sequence, at_ms;
    struct idn_epoch obeyed;
    bool silent; // it misses the active that it obeys
};

struct sim_broker {
    struct idn_core *core;
    void *memory;
    size_t memory_size;
    uint64_t incarnation;
    uint32_t ledger;               // index of the incarnation
    struct idn_status_info status; // as of the last look
    struct idn_epoch reign;        // begun last by this process, or none
    bool learner;                  // started without all its facts, and not bootstrapped
    uint64_t lack[SIM_BOOTS_MAX];  // what the other had then
    struct sim_charge charge[SIM_JOBS_MAX];
    uint32_t settings; // facts of this kind that came
    uint32_t refolds;  // under way
    bool in_sync;      // at the end of the step before
    struct sim_heard heard[SIM_HEARD_MAX];
    uint64_t lease_nonce[SIM_SERIALS_MAX]; // who holds the lease of this serial
};

// ---- a worker's host
struct sim_slice {
    uint64_t serial;
    int job;
    bool fed, given; // fed: on its way to the child
    uint32_t broker, first, count, model;
};

struct sim_report { // rows that were sent and not yet known to be acknowledged
    uint64_t number;
    int job;
    uint64_t spec_hash, class_hash;
    uint32_t count, void_at; // void_at: brokers, a bit each, that did not know its job when it came
    uint16_t image[IDN_REPORT_ROWS_MAX];
};

struct sim_worker {
    struct idn_agent *agent;
    uint64_t nonce, busy_ms, images_computed;
    uint64_t child, children; // the one that runs, 0 none; so many ran
    uint32_t class_number;
    bool hangs, gone_model, exits;
    uint32_t loaded; // models, bits
    struct sim_slice slice[4];
    uint32_t slices;
    uint32_t list_have[SIM_JOBS_MAX]; // bytes of each uploaded list
    int waits_for;                    // the list of this job, or -1
    uint64_t list_since_ms;
    struct sim_report *report; // of this boot
    size_t reports, reports_room, reports_acked;
    struct idn_epoch obeyed;
    uint32_t leases; // as last seen
};

// ---- a client
enum sim_task_state {
    SIM_TASK_NEW,
    SIM_TASK_SUBMITTED,
    SIM_TASK_ENDED,
    SIM_TASK_FETCHED, // and checked
    SIM_TASK_OVER,
};

struct sim_task {
    int job;
    uint32_t variant; // which of its specifications
    enum sim_task_state state;
    uint64_t uploaded, version;
    uint32_t next, rows; // of the pages
    bool finished;       // as last seen
    bool wants_cancel, wants_forget;
    bool stays; // there was no room for its key among the forgotten ones
};

struct sim_client {
    struct idn_session session;
    struct sim_task task[SIM_CLIENT_JOBS_MAX];
    uint32_t tasks, current;
    struct idn_request request;
    uint8_t bytes[IDN_LIST_PART_BYTES]; // of an upload
    uint64_t boots;
};

struct sim_net {
    uint8_t blocked[SIM_NODES][SIM_NODES]; // cuts in force
    uint64_t clogged_until[SIM_NODES][SIM_NODES];
    uint64_t last_at[SIM_NODES][SIM_NODES][SIM_CHANNELS];
    uint64_t burst_until, mirror_line;     // the brokers' connection by number
    idn_peer peer[SIM_BROKERS][SIM_NODES]; // the connection's number
    idn_peer peers;
};

enum sim_phase { SIM_SAFETY, SIM_LIVENESS, SIM_SETTLED };

// What runs add up.
struct sim_stats {
    uint64_t seeds, simulated_ms, counted_ms, counted_faults, facts, steps, messages, images;
    uint64_t reigns, acked, finished, settings, refused[IDN_REFUSED_COUNT];
    uint64_t met[SIM_FAULTS][SIM_ROLES];
    uint64_t full[4]; // limits that were hit: workers, jobs, open jobs, open images
};

struct sim {
    // What the caller gives.
    uint64_t seed;
    FILE *trace;             // NULL: none
    struct sim_stats *stats; // of this run, zeroed by the caller

    struct sim_plan plan;
    uint64_t now, things; // things: that happened in this millisecond
    uint64_t hash;        // of all that the cores did
    struct idn_random random, fault_random;
    struct agenda agenda;
    enum sim_phase phase;
    struct sim_node node[SIM_NODES];
    struct sim_net net;
    struct sim_disk disk[SIM_BROKERS];
    struct sim_broker broker[SIM_BROKERS];
    struct sim_worker worker[SIM_WORKERS];
    struct sim_client client[SIM_CLIENTS];
    struct sim_job job[SIM_JOBS_MAX];
    uint32_t jobs;
    uint8_t image_kind[SIM_IMAGES];
    struct sim_ledger ledger;
    uint64_t operator_requests;
    uint64_t faults_at_ms, trouble_ms, looks; // trouble: of anything but the brokers' link
    void *scratch;                            // memory to free when a check fails

    jmp_buf jump;
    char failure[SIM_TEXT_SIZE];
};

// ---- run.c
// False: sim->failure says what is wrong. All memory is freed either way.
bool sim_run(struct sim *sim);
_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
extern struct sim *sim_current;                 // whose core an assertion fails in
void sim_note(struct sim *sim, uint64_t value); // into the hash of actions
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define SIM_TRACE(sim, ...)                \
    do {                                   \
        if ((sim)->trace != NULL)          \
            sim_trace((sim), __VA_ARGS__); \
    } while (0)

uint32_t sim_below(struct sim *sim, uint64_t below); // a random number
bool sim_chance(struct sim *sim, uint32_t in_10000);
int sim_job_of(const struct sim *sim, const struct idn_key *key); // -1: not one of ours
const char *sim_node_name(uint32_t node);
uint64_t sim_node_now(const struct sim *sim, uint32_t node);
// A node's core wants to be woken at this time of its own clock.
void sim_node_wants(struct sim *sim, uint32_t node, uint64_t deadline_ms);
void sim_node_freeze(struct sim *sim, uint32_t node);
void sim_node_thaw(struct sim *sim, uint32_t node);
void sim_happen(struct sim *sim, struct agenda_event *event); // to its node, which is up
void sim_drop_held(struct sim *sim, uint32_t node);

// For the trace: in a buffer that the next call overwrites.
const char *sim_message_text(const struct idn_worker_message *message);
const char *sim_order_text(const struct idn_order *order);
const char *sim_reply_text(const struct idn_reply *reply);
const char *sim_request_text(const struct sim *sim, const struct idn_request *request);
const char *sim_fact_text(const struct idn_fact *fact);
const char *sim_frame_text(const struct idn_mirror_frame *frame);

static inline bool sim_is_broker(uint32_t node)
{
    return node < SIM_BROKERS;
}
static inline bool sim_is_worker(uint32_t node)
{
    return node >= SIM_FIRST_WORKER && node < SIM_FIRST_CLIENT;
}
static inline bool sim_is_client(uint32_t node)
{
    return node >= SIM_FIRST_CLIENT && node < SIM_OPERATOR;
}

#endif
