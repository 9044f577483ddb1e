// The coordinator's whole logic as a step function: events in, actions out. No I/O, no clock, no
// random source, no allocation: the caller gives the memory, the time and a seed. The same object
// code runs under real sockets (broker/*.c), in the story tests and in a simulator.
//
//   shell:  core = idn_core_init(memory, &config);
//           for each incarnation:  step(HELD)                        (restore)
//           for each stored fact:  step(FACT) or step(SUMMARY)       (in commit order)
//           step(START);                                             (begins a reign, or waits)
//           loop: poll until idn_core_deadline(); step(event); carry out idn_core_actions()
//
// Promises: a reply or acknowledgement that says "stored" is an action only after STORED came for
// its fact. Equal sequences of events give equal sequences of actions. Events are borrowed for the
// call, actions until the next step; the facts of MIRROR and FACTS_READ live until that step's
// actions are carried out, because COPY and MIRROR_SEND point to them.
//
// Positions number the store's facts in commit order, own and copied alike, from 1 without a gap.
#ifndef IDN_BROKER_CORE_CORE_H
#define IDN_BROKER_CORE_CORE_H

#include "proto/fact.h"
#include "proto/messages.h"
#include "proto/mirror.h"

#include <stddef.h>
#include <stdint.h>

struct idn_core;

// A model or data set as the broker's registry declares it. problem: why it cannot be used, or "".
struct idn_core_model {
    char name[IDN_NAME_SIZE];
    struct idn_sha256 digest;
    uint32_t batch;      // images a task, 1 .. IDN_BATCH_MAX, until it is set (settings.h)
    bool batch_built_in; // no configuration says it; for people
    char path[IDN_TEXT_SIZE];
    char problem[IDN_TEXT_SIZE];
};
struct idn_core_dataset {
    char name[IDN_NAME_SIZE];
    struct idn_sha256 digest;
    uint32_t images;
    char path[IDN_TEXT_SIZE];
    char problem[IDN_TEXT_SIZE];
};

enum idn_policy { IDN_POLICY_FAIR_TIME, IDN_POLICY_FIFO, IDN_POLICY_STATIC };
const char *idn_policy_name(enum idn_policy policy); // "fair-time", ...
bool idn_policy_named(const char *name, enum idn_policy *ret);

struct idn_core_config {
    char broker[IDN_NAME_SIZE];       // its name, for people
    char peer_address[IDN_NAME_SIZE]; // where clients find the other broker, for people, or ""
    uint32_t letter;                  // 'a' or 'b', for epochs
    uint64_t seed;
    enum idn_policy policy;
    uint64_t min_free_bytes; // less on disk: submissions refused, dispatch pauses
    bool has_peer;           // another broker is configured: this one may be its standby
    bool mirror_required;    // submissions are refused while no standby is in sync
    // Sizes; 0 means the limit of proto/limits.h. Smaller ones make tests of "full" cheap.
    uint32_t workers_max, jobs_max, open_jobs_max, forgotten_max, drained_max;
    uint64_t open_images_max;
    uint32_t models, datasets;
    const struct idn_core_model *model;     // copied by init
    const struct idn_core_dataset *dataset; // copied by init
    // May be NULL: one line for the operator about what no action shows (a worker died, ...). Must
    // not call the core.
    void (*tell)(void *context, const char *line);
    void *tell_context;
};

// What is kept of a job that has ended, so that a start need not read its results again. Derived,
// not a fact: it may be lost or thrown away at any time.
struct idn_summary {
    struct idn_key job;
    uint32_t ok, failed, quarantined, conflicts;
    uint32_t lifted; // highest generation of quarantines that was lifted
    struct idn_digest digest;
    uint64_t finished_wall_ms, compute_us, class_hash;
};

enum idn_event_type {
    // Restore, before START: first what the store holds of each incarnation, then the facts in
    // commit order.
    IDN_EVENT_HELD,
    IDN_EVENT_FACT,
    IDN_EVENT_SUMMARY, // where it was kept, instead of the job's RESULTS, QUARANTINED, LIFTED and
                       // LIST_PART facts before that place; later ones come as FACT
    IDN_EVENT_START,   // restore is complete; the incarnation is fresh
    // From outside.
    IDN_EVENT_REQUEST, // SUBMIT, UPLOAD, WATCH, CANCEL, FORGET, RESULTS, SWITCH, BOOTSTRAP, RETRY,
                       // SET; the others: idn_core_answer
    IDN_EVENT_ASKED,   // before idn_core_answer, when the request's unheard_ms is not 0
    IDN_EVENT_WORKER,
    IDN_EVENT_BEAT,
    IDN_EVENT_CLIENT_GONE, // the shell dropped this peer (outbox full, unroutable)
    IDN_EVENT_WORKER_GONE, // likewise
    IDN_EVENT_MIRROR,      // a frame of the other broker's
    // From the store.
    IDN_EVENT_STORED,     // everything up to this position is durable
    IDN_EVENT_REFOLDED,   // answer to REFOLD
    IDN_EVENT_FACTS_READ, // answer to READ_FACTS
    IDN_EVENT_DISK,       // bytes free where the state lies; at least once a second
    // Time.
    IDN_EVENT_STALLED, // the loop stood still: deadlines move by this before anyone is judged
    IDN_EVENT_TICK,    // the deadline came
};

// A connection as the shell numbers it; never reused within a run. Clients and workers apart.
typedef uint64_t idn_peer;

struct idn_event {
    enum idn_event_type type;
    uint64_t now_ms;  // monotonic
    uint64_t wall_ms; // UTC since 1970, for display only
    union {
        const struct idn_fact *fact;       // borrowed for the call
        const struct idn_summary *summary; // SUMMARY; borrowed for the call
        struct idn_held held;
        struct {
            uint64_t incarnation;
            uint64_t position; // of the last fact in the store; 0: it is empty
            bool tail_lost;    // facts that were stored are gone: the peer may have them
        } start;
        struct {
            const struct idn_summary *summary; // borrowed for the call
            // When REFOLD asked for it: enum idn_image_state (broker/core/images.h) of each image
            // of the job, two a byte, the lower half first; otherwise NULL. Borrowed for the call.
            const uint8_t *states;
        } refolded;
        const struct idn_mirror_frame *mirror;
        struct {
            uint64_t next; // position of the last one looked at
            bool end;      // the store holds no more
            uint32_t count;
            const struct idn_stored_fact *item; // not decoded
        } facts_read;
        struct {
            idn_peer peer;
            const struct idn_request *message;
        } request;
        struct {
            uint32_t unheard_ms;
        } asked;
        struct {
            idn_peer peer;
            const struct idn_worker_message *message;
        } worker;
        const struct idn_worker_beat *beat;
        struct {
            idn_peer peer;
        } gone;
        struct {
            uint64_t position;
        } stored;
        struct {
            uint64_t free_bytes;
        } disk;
        struct {
            uint64_t ms;
        } stalled;
    } u;
};

enum idn_action_type {
    IDN_ACTION_REPLY,   // to a client
    IDN_ACTION_ORDER,   // to a worker
    IDN_ACTION_BEAT,    // publish
    IDN_ACTION_COMMIT,  // make durable, in this order with COPY; then STORED
    IDN_ACTION_COPY,    // likewise, a fact of the other broker's as it came
    IDN_ACTION_SUMMARY, // keep it beside the facts, whenever convenient, after the COMMITs before
                        // it
    IDN_ACTION_REFOLD,  // read the job's stored results, fold them, answer REFOLDED
    IDN_ACTION_PAGE,    // read result rows and send them to the client as RESULTS
    IDN_ACTION_LIST,    // read a part of an uploaded list and send it to the worker as LIST_PART
    // Read facts in commit order and answer FACTS_READ, one READ_FACTS at a time: from the first
    // of the places to find, or after the position when there is none, until
    // IDN_MIRROR_FACTS_MAX or IDN_MIRROR_FRAME_BYTES are gathered. Sees all that was STORED.
    IDN_ACTION_READ_FACTS,
    IDN_ACTION_MIRROR_SEND,
    IDN_ACTION_MIRROR_RESET, // close the link's socket, drop what it holds, and open a new one
    IDN_ACTION_EXIT,         // say the text and end the process with status 1
};

struct idn_action {
    enum idn_action_type type;
    idn_peer peer; // REPLY, ORDER, PAGE, LIST
    union {
        struct idn_reply reply; // never one with items or rows
        struct idn_order order;
        struct idn_broker_beat beat;
        struct idn_fact fact; // its byte pointers: borrowed until the next step
        struct idn_summary summary;
        struct {
            struct idn_key job;
            struct idn_job_spec spec;
            bool states; // wanted in the answer
        } refold;
        const struct idn_stored_fact *copy;
        struct {
            uint64_t after;
            uint32_t finds;
            struct idn_origin find[IDN_MIRROR_FINDS_MAX];
        } read_facts;
        struct idn_mirror_frame mirror;
        struct {
            uint64_t request; // id to answer
            struct idn_key job;
            struct idn_job_spec spec;
            uint32_t from, most, filter;
        } page;
        struct {
            struct idn_epoch epoch;
            uint64_t nonce;
            struct idn_key job;
            uint64_t offset;
        } list;
        char text[IDN_TEXT_SIZE];
    } u;
};

struct idn_actions {
    const struct idn_action *item; // borrowed until the next step
    size_t count;
};

// Bytes of memory that a core of this configuration needs (at most 256 MiB with the defaults). The
// memory must be zeroed; with mmap its pages cost nothing until they are used.
size_t idn_core_bytes(const struct idn_core_config *config);
struct idn_core *idn_core_init(void *memory, const struct idn_core_config *config);

void idn_core_step(struct idn_core *core, const struct idn_event *event);
struct idn_actions idn_core_actions(const struct idn_core *core);

// When the core wants a TICK at the latest, monotonic milliseconds; UINT64_MAX: never.
uint64_t idn_core_deadline(const struct idn_core *core);

// Room for the items of one answered page.
union idn_core_items {
    struct idn_job_info job[IDN_PAGE_JOBS_MAX];
    struct idn_worker_info worker[IDN_PAGE_WORKERS_MAX];
    struct idn_entry_info entry[IDN_PAGE_WORKERS_MAX];
    struct idn_assignment_info assignment[IDN_PAGE_WORKERS_MAX];
    struct idn_why_info why;
    struct idn_rate_info rate[IDN_PAGE_JOBS_MAX];
    struct idn_times_info times[IDN_PAGE_WORKERS_MAX];
};

// Answers a request that changes nothing: HELLO, JOB, JOBS, WORKERS, MODELS, DATASETS, STATUS,
// ASSIGNMENT, WHY, RATES, TIMES.
// items is written by pages and must live as long as *ret. STATUS leaves store_bytes, version and
// uptime to the shell.
void idn_core_answer(const struct idn_core *core, uint64_t now_ms,
    const struct idn_request *request, union idn_core_items *items, struct idn_reply *ret);

// The job's digest and counters at once, for tests and the simulator. False: unknown.
bool idn_core_job(const struct idn_core *core, const struct idn_key *job, struct idn_job_info *ret);

// Asserts every invariant between the tables. Slow: for tests and the simulator.
void idn_core_check(const struct idn_core *core);

#endif
