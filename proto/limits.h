// Every limit of the system. What a peer can make us hold has its bound here, and a refusal code in
// proto/messages.h for when it is full.
#ifndef IDN_PROTO_LIMITS_H
#define IDN_PROTO_LIMITS_H

#include <assert.h>

// Protocol versions spoken: the lower of both sides' highest is used (docs/PROTOCOL.md).
enum { IDN_PROTOCOL_LOWEST = 1, IDN_PROTOCOL_HIGHEST = 1 };

enum {
    // Jobs and images.
    IDN_JOB_IMAGES_MAX = 10 * 1000 * 1000,   // span of one job
    IDN_OPEN_IMAGES_MAX = 256 * 1000 * 1000, // of all open jobs together (cluster_full)
    IDN_OPEN_JOBS_MAX = 10 * 1000,           // of all clients (cluster_full)
    IDN_CLIENT_JOBS_MAX = 1000,              // open jobs of one client (client_full)
    IDN_KNOWN_JOBS_MAX = 100 * 1000,         // open and finished, not forgotten (history_full)
    IDN_SUBMIT_RATE = 20,                    // submissions a second and client (slow_down)
    IDN_SUBMIT_BURST = 100,
    IDN_BATCH_MAX = 10 * 1000, // images a task
    IDN_WEIGHT_MAX = 1000,     // share of a job
    IDN_TOP = 5,               // classes kept of an image

    // Cluster.
    IDN_BROKERS_MAX = 2,
    IDN_WORKERS_MAX = 4096,
    IDN_MODELS_MAX = 64,
    IDN_DATASETS_MAX = 256,
    IDN_UPLOADS_MAX = 64,                  // lists being uploaded at once
    IDN_LIST_BYTES_MAX = 64 * 1024 * 1024, // one uploaded list
    IDN_LIST_PART_BYTES = 32 * 1024,       // one part of it; all but the last are this long
    IDN_WORKER_LEASES_MAX = 2,             // the current one and the next
    IDN_CHILD_IMAGES_MAX = 64,             // images in an inference child at once
    IDN_SUSPECTS_MAX = 4096,               // images with deaths counted, in the cluster
    IDN_WATCHES_MAX = 10 * 1000,           // long polls open at once
    IDN_INCARNATIONS_MAX = 64 * 1024,      // starts of brokers that recorded facts, for ever
    IDN_FORGOTTEN_MAX = 200 * 1000,        // keys that are never used again (history_full)
    IDN_DRAINED_MAX = 4096,                // names of workers that were ever drained (drained_full)

    // Names: bytes with the closing NUL.
    IDN_NAME_SIZE = 64,   // worker, model, data set, client
    IDN_CLASS_SIZE = 128, // numerics class
    IDN_TEXT_SIZE = 256,  // a sentence in a message
    IDN_PATH_SIZE = 4096,
    IDN_SETTING_SIZE = 72, // key of a setting: its kind, a slash, a name

    // Messages (protocol.md, ZeroMQ rules 3, 4, 7).
    IDN_CLIENT_MESSAGE_BYTES_MAX = 64 * 1024,
    IDN_WORKER_MESSAGE_BYTES_MAX = 1024 * 1024,
    IDN_BEAT_BYTES_MAX = 4 * 1024,
    IDN_FRAMES_MAX = 8,
    IDN_OUTBOX_BYTES_MAX = 1024 * 1024, // unsent, a peer; more and the peer is dropped
    IDN_REPORT_ROWS_MAX = 512,
    IDN_REPORT_WINDOW = 64, // reports a worker may have unacknowledged
    IDN_REPORT_WINDOW_BYTES = 1024 * 1024,
    IDN_PAGE_ROWS_MAX = 1000, // result rows a page
    IDN_PAGE_JOBS_MAX = 32,
    IDN_PAGE_WORKERS_MAX = 16,
    IDN_WHY_NAMES_MAX = 8, // workers that a fact of WHY names
    IDN_WHY_JOBS_MAX = 16, // jobs that WHY lists
    IDN_MIRROR_MESSAGE_BYTES_MAX = 1024 * 1024,
    IDN_FACT_BODY_BYTES_MAX = 512 * 1024,
    IDN_MIRROR_FRAME_BYTES = 256 * 1024, // fact bodies in one frame; the last may exceed it
    IDN_MIRROR_FACTS_MAX = 512,          // facts in one frame
    IDN_MIRROR_VECTOR_MAX = 4096,        // entries in one frame
    IDN_MIRROR_FINDS_MAX = 32,           // places a reader looks up before a scan
    IDN_MIRROR_WINDOW = 256,             // numbered frames not yet durable at the peer
    IDN_MIRROR_WINDOW_BYTES = 4 * 1024 * 1024,

    // Times in milliseconds.
    IDN_BEAT_MS = 200,           // worker and broker beats
    IDN_BEAT_MS_MAX = 10 * 1000, // an interval longer than this is no interval
    IDN_SUSPECTED_MS = 600,
    IDN_DEAD_MS = 1000,
    IDN_STALL_MS = 500,            // a loop turn longer than this extends deadlines
    IDN_REPORT_MS = 100,           // results gather at most this long
    IDN_WEDGED_MS_MIN = 10 * 1000, // no progress: max(this, 20 x mean time an image)
    IDN_WEDGED_IMAGES = 20,
    IDN_SLICE_MS = 100,              // a slice aims at this
    IDN_WEDGED_FIRST_MS = 60 * 1000, // as long as a worker's speed is not known: models load
    IDN_ORDER_MS = 1000,             // a lease or trim that the worker never mentions is re-sent
    IDN_REFILL_MS = 500,             // a worker with less work than this gets its next lease
    IDN_STEAL_MS = 1000,             // half of a lease worth more than this goes to an idle worker
    // Of fair-time; docs/FAIRNESS.md says what other values come to.
    IDN_SHARE_MS = 500,             // jobs are compared by what they will have done by then
    IDN_TURN_MS = 200,              // a worker stays with a job for at least so long
    IDN_OWED_MS = 2 * 1000,         // a job is owed no more than what all workers do in so long
    IDN_UPLOAD_MS = 60 * 60 * 1000, // an upload without its submit is forgotten
    IDN_CLOSED_MS = 60 * 1000,      // with another broker, at least so long after it was closed
    IDN_UNAVAILABLE_MS =
        60 * 1000, // what a worker could not have it is not asked for again so long
    IDN_DEAD_SHOWN_MS = 10 * 60 * 1000, // a dead worker is listed this long
    IDN_WATCH_MS_MAX = 30 * 1000,
    IDN_WATCH_MS_MIN = 200,        // at most 5 answers a second
    IDN_COMMIT_MS_MAX = 3 * 1000,  // a commit outstanding longer: exit
    IDN_REQUEST_MS = 2000,         // a client's request is re-sent after this
    IDN_MIRROR_LAG_MS = 1000,      // a standby that lags longer leaves sync
    IDN_START_MS = 5 * 1000,       // a standby that hears nobody since its start takes over
    IDN_HANDOVER_MS = 5 * 1000,    // a handover without an answer ends: the active goes on
    IDN_BENCH_MS = 60 * 1000,      // deaths on three tasks within this: benched for as long
    IDN_RENEW_MS = 10 * 1000,      // a reign is renewed once in this time, on average
    IDN_STUCK_MS = 10 * 1000,      // two brokers that wait for each other in vain: one ends
    IDN_BREAK_TOLD_MS = 10 * 1000, // one line in this time says that the mirror link broke

    // Failures.
    IDN_DEATHS_ALONE_MAX = 3, // then an image is quarantined
    IDN_BENCH_TASKS = 3,      // different tasks that a worker's child died on: benched
    IDN_RENEWALS = 4,         // of a reign that are made at once
};

#define IDN_MIN_FREE_BYTES_DEFAULT (512ull << 20)

static_assert(IDN_LIST_PART_BYTES + 1024 <= IDN_CLIENT_MESSAGE_BYTES_MAX, "an upload part fits");
static_assert(IDN_MIRROR_FRAME_BYTES + IDN_FACT_BODY_BYTES_MAX + 128 * (IDN_MIRROR_FACTS_MAX + 1) <=
                  IDN_MIRROR_MESSAGE_BYTES_MAX,
    "a frame whose last body exceeds it fits");
static_assert(IDN_DEAD_MS == 5 * IDN_BEAT_MS, "dead after five silent beats");
static_assert(IDN_SUSPECTED_MS < IDN_DEAD_MS, "suspected before dead");

#endif
