// Every message of the system as a plain struct. proto/codec.h turns them into frames and back;
// what a decoded message holds has been validated against proto/limits.h, names included.
// docs/PROTOCOL.md says who sends what when, and every possible answer. Pure.
//
// Strings are NUL-terminated. Byte pointers are borrowed: on decoding from the decoder's buffer
// (proto/codec.h), on encoding from the caller for the call.
#ifndef IDN_PROTO_MESSAGES_H
#define IDN_PROTO_MESSAGES_H

#include "proto/fact.h"
#include "proto/limits.h"
#include "proto/rates.h"
#include "proto/result.h"
#include "proto/types.h"
#include "proto/why.h"

#include <stdbool.h>
#include <stdint.h>

// Why something was refused. Values are on the wire: never renumber.
enum idn_refusal {
    IDN_REFUSED_NONE = 0,
    IDN_REFUSED_UNSUPPORTED = 1, // unknown message type, or no common protocol version
    IDN_REFUSED_MALFORMED = 2,
    IDN_REFUSED_UNKNOWN_MODEL = 3, // text names the nearest
    IDN_REFUSED_UNKNOWN_DATASET = 4,
    IDN_REFUSED_RANGE = 5,     // outside the data set, or end before start
    IDN_REFUSED_TOO_LARGE = 6, // span, list
    IDN_REFUSED_UNKNOWN_JOB = 7,
    IDN_REFUSED_AMBIGUOUS = 8,     // a key prefix that fits several jobs
    IDN_REFUSED_CONFLICT = 9,      // the key is another job's
    IDN_REFUSED_CLUSTER_FULL = 10, // open images or jobs
    IDN_REFUSED_CLIENT_FULL = 11,
    IDN_REFUSED_HISTORY_FULL = 12, // forget some jobs
    IDN_REFUSED_SLOW_DOWN = 13,
    IDN_REFUSED_DISK_LOW = 14,
    IDN_REFUSED_NOT_ACTIVE = 15,        // this broker is not the active one
    IDN_REFUSED_UNKNOWN_HERE = 16,      // another broker may hold it
    IDN_REFUSED_NAME_IN_USE = 17,       // a worker's
    IDN_REFUSED_INCOMPLETE = 18,        // submit before the whole list was uploaded
    IDN_REFUSED_JOB_OPEN = 19,          // forget of a job that is not finished
    IDN_REFUSED_MODEL_UNAVAILABLE = 20, // its files are missing or wrong at the broker
    IDN_REFUSED_MANY_WORKERS = 21,
    IDN_REFUSED_NO_MIRROR = 22, // mirror = required, and no standby is in sync
    IDN_REFUSED_FORGOTTEN = 23, // the job is forgotten; its key is not used again
    IDN_REFUSED_CANCELLED = 24, // retry of a job that was cancelled
    IDN_REFUSED_UNKNOWN_SETTING = 25,
    IDN_REFUSED_VALUE = 26, // of a setting
    IDN_REFUSED_UNKNOWN_WORKER = 27,
    IDN_REFUSED_DRAINED_FULL = 28, // too many workers were ever drained
    IDN_REFUSED_DAMAGED = 29,      // rows of the store that the answer needs cannot be read
    IDN_REFUSED_COUNT
};
const char *idn_refusal_name(unsigned refusal); // "unknown_model", ...; NULL for none

// ---- client -> broker
// -----------------------------------------------------------------------------

enum idn_request_type {
    IDN_REQUEST_HELLO = 1,
    IDN_REQUEST_SUBMIT = 2,
    IDN_REQUEST_UPLOAD = 3, // a part of a list, before its SUBMIT
    IDN_REQUEST_WATCH =
        4, // answered with JOB when its version is not the given one, or at the end of wait_ms
    IDN_REQUEST_JOB = 5,
    IDN_REQUEST_JOBS = 6,
    IDN_REQUEST_WORKERS = 7,
    IDN_REQUEST_MODELS = 8,
    IDN_REQUEST_DATASETS = 9,
    IDN_REQUEST_STATUS = 10,
    IDN_REQUEST_RESULTS = 11,
    IDN_REQUEST_CANCEL = 12,
    IDN_REQUEST_FORGET = 13,
    IDN_REQUEST_SWITCH = 14,     // hand over to the standby; ACCEPTED when it reigns
    IDN_REQUEST_BOOTSTRAP = 15,  // a LEARNER may begin a reign with what it has
    IDN_REQUEST_RETRY = 16,      // lift the quarantines of a job
    IDN_REQUEST_SET = 17,        // a setting: batch of a model, weight of a job, drain of a worker
    IDN_REQUEST_ASSIGNMENT = 18, // what each worker has leased
    IDN_REQUEST_WHY = 19,        // why a job waits, or how fast it is
    IDN_REQUEST_RATES = 20,      // how fast the open jobs get on, and how equally
    IDN_REQUEST_TIMES = 21,      // how long the tasks of each model take
};

// A job as a person names it: the first bits of its key.
struct idn_job_name {
    struct idn_key key;
    uint32_t bits; // 40 .. 128
};

enum idn_result_filter {
    IDN_FILTER_ALL = 0,    // every stored winner
    IDN_FILTER_FAILED = 1, // winners that are not OK
    // Images without a result: valid rows of status IDN_STATUS_MISSING, of which only the index
    // means something.
    IDN_FILTER_MISSING = 2,
    IDN_FILTER_QUARANTINED = 3, // winners of status QUARANTINED
};

struct idn_request {
    uint32_t type; // enum idn_request_type
    uint64_t id;   // echoed in the reply; the client draws a new one for each request
    // Since this client asks the other broker in vain, or 0: what a standby that hears no worker
    // goes by.
    uint32_t unheard_ms;
    // WATCH, JOB, RESULTS, CANCEL, FORGET, RETRY, WHY; SET of a weight; SUBMIT and UPLOAD: all 128
    // bits. bits 0: none.
    struct idn_job_name job;
    union {
        struct {
            uint32_t lowest, highest;
        } hello;
        struct idn_job_spec submit; // digests ignored but for an uploaded list's
        struct {
            uint64_t offset, total;
            uint32_t size;
            const uint8_t *bytes;
        } upload;
        struct {
            uint64_t version; // last seen, 0 none
            uint32_t wait_ms;
        } watch;
        struct {
            uint64_t cursor; // 0 from the newest; then the reply's
            bool all;        // finished ones too
        } jobs;
        struct {
            uint64_t cursor;
        } page; // WORKERS, MODELS, DATASETS, ASSIGNMENT, RATES, TIMES
        struct {
            uint32_t from;   // first image wanted
            uint32_t most;   // rows, 1 .. IDN_PAGE_ROWS_MAX
            uint32_t filter; // enum idn_result_filter
        } results;
        struct {
            char key[IDN_SETTING_SIZE], value[IDN_NAME_SIZE]; // broker/core/settings.h
        } set;
    } u;
};

// ---- broker -> client
// -----------------------------------------------------------------------------

enum idn_reply_type {
    IDN_REPLY_WELCOME = 1,
    IDN_REPLY_REFUSED = 2,
    IDN_REPLY_ACCEPTED = 3, // stored: SUBMIT, CANCEL, FORGET, RETRY, SET; done: SWITCH, BOOTSTRAP
    IDN_REPLY_UPLOADED = 4, // stored up to `offset`
    IDN_REPLY_JOB = 5,
    IDN_REPLY_JOBS = 6,
    IDN_REPLY_WORKERS = 7,
    IDN_REPLY_MODELS = 8,
    IDN_REPLY_DATASETS = 9,
    IDN_REPLY_STATUS = 10,
    IDN_REPLY_RESULTS = 11,
    IDN_REPLY_ASSIGNMENT = 12,
    IDN_REPLY_WHY = 13,
    IDN_REPLY_RATES = 14,
    IDN_REPLY_TIMES = 15,
};

enum idn_job_state {
    IDN_JOB_OPEN = 1,      // images left, wherever they are
    IDN_JOB_FINISHED = 2,  // every image has a result
    IDN_JOB_CANCELLED = 3, // ended early; what it had is kept
};
const char *idn_job_state_name(unsigned state);

struct idn_job_info {
    struct idn_key key;
    struct idn_job_spec spec;                             // weight: as it is now
    uint32_t state;                                       // enum idn_job_state
    uint64_t version;                                     // grows with every change; for WATCH
    uint32_t ok, failed, quarantined, in_flight, pending; // images; failed without the quarantined
    uint32_t batch;                                       // images a task, now
    uint32_t workers;                                     // that work on it now
    uint64_t created_wall_ms, finished_wall_ms;           // 0: not yet
    uint64_t elapsed_ms;                                  // since accepted, until finished
    double images_per_s;                                  // over the last 10 s
    uint64_t compute_us;                                  // sum over its reports
    uint32_t conflicts;       // results that contradict one already there
    struct idn_digest digest; // of what is there
    char why[IDN_TEXT_SIZE];  // why nothing moves, or ""
    uint64_t left_ms;         // that it will take as it goes; 0: not known
};

struct idn_worker_info {
    char name[IDN_NAME_SIZE];
    uint32_t state; // enum idn_worker_state
    uint32_t threads;
    char class_name[IDN_CLASS_SIZE];
    struct idn_key job; // of its current lease
    uint32_t lease_first, lease_count, lease_done;
    uint32_t leases;      // 0 .. IDN_WORKER_LEASES_MAX
    uint64_t images_done; // since it said hello
    double images_per_s;
    uint64_t silent_ms; // since it was last heard
    // Of what the broker's registry has and can use: what it holds the same of, and the others.
    uint32_t models_ready, models_lacking, datasets_ready, datasets_lacking;
    bool drained;             // its name is, whatever its state
    char note[IDN_TEXT_SIZE]; // which model or list differs from the broker's, or ""
};

enum idn_worker_state {
    IDN_WORKER_IDLE = 1,
    IDN_WORKER_BUSY = 2,
    IDN_WORKER_SUSPECTED = 3, // silent for IDN_SUSPECTED_MS; gets nothing new
    IDN_WORKER_DRAINING = 4,  // to be drained, or said goodbye: finishes what it has begun
    IDN_WORKER_DEAD = 5,
    IDN_WORKER_BENCHED =
        6, // its inference process died on too many tasks; gets nothing for a while
    IDN_WORKER_DRAINED = 7, // gets nothing, and has nothing left to do
    IDN_WORKER_AWAY = 8,    // none, but a name that is drained
};
const char *idn_worker_state_name(unsigned state);

// A model or data set of the registry, as the broker sees it.
struct idn_entry_info {
    char name[IDN_NAME_SIZE];
    struct idn_sha256 digest;
    uint32_t count;              // model: images a task; data set: images
    uint32_t workers;            // that hold the same
    uint32_t configured;         // model: images a task by the configuration
    bool is_set;                 // model: another count was set (SET batch/MODEL)
    bool built_in;               // model: the configuration says no count, this one is ours
    char path[IDN_TEXT_SIZE];    // cfg or list file, shortened from the left
    char problem[IDN_TEXT_SIZE]; // why it cannot be used, or ""
};

// The other broker, as this one sees it.
struct idn_peer_info {
    bool configured;
    bool in_sight;  // the link is up
    bool exchanged; // and each has what the other had when it came up
    bool in_sync;   // and it has stored everything that this broker has stored
    char broker[IDN_NAME_SIZE];
    uint32_t role; // as last heard, enum idn_role; 0: never
    struct idn_epoch epoch;
    uint64_t silent_ms; // since it was last heard
    uint64_t lag_facts; // stored here and not known to be stored there
};

struct idn_status_info {
    char broker[IDN_NAME_SIZE];
    uint32_t role; // enum idn_role
    struct idn_epoch epoch;
    uint64_t uptime_ms;
    char version[IDN_NAME_SIZE];
    char policy[IDN_NAME_SIZE];
    uint32_t workers, workers_busy, jobs_open, jobs_known;
    uint64_t images_pending, images_in_flight;
    double images_per_s;
    uint64_t facts, store_bytes, free_bytes;
    bool disk_low;
    uint32_t workers_drained; // of workers
    bool refuses_jobs;        // mirror = required, and no standby is in sync
    bool mirror_required;
    uint64_t models_hash, datasets_hash; // of what it can use, in any order (broker/core/alike.h)
    struct idn_peer_info peer;
    uint64_t damaged_row; // of the store, the first one found since the start; 0: none
};

enum idn_role {
    IDN_ROLE_LEARNER = 1,
    IDN_ROLE_STANDBY = 2,
    IDN_ROLE_ACTIVE = 3,
    IDN_ROLE_ALONE = 4, // active without a standby in sync
};
const char *idn_role_name(unsigned role);

struct idn_reply {
    uint32_t type; // enum idn_reply_type
    uint64_t id;   // of the request
    union {
        struct {
            uint32_t version;
            char broker[IDN_NAME_SIZE];
            uint32_t role;
            struct idn_epoch epoch;
        } welcome;
        struct {
            uint32_t code; // enum idn_refusal
            char text[IDN_TEXT_SIZE];
        } refused;
        struct {
            struct idn_key job;
            uint32_t durable; // brokers that have stored it
        } accepted;
        struct {
            uint64_t offset;
        } uploaded;
        struct idn_job_info job;
        struct {
            uint32_t count;
            uint64_t cursor;           // 0: no more
            struct idn_job_info *item; // count of them; owned by whoever made the reply
        } jobs;
        struct {
            uint32_t count;
            uint64_t cursor;
            struct idn_worker_info *item;
        } workers;
        struct {
            uint32_t count;
            uint64_t cursor;
            struct idn_entry_info *item;
        } entries; // MODELS, DATASETS
        struct {
            uint32_t count;
            uint64_t cursor;
            struct idn_assignment_info *item;
        } assignment;
        struct idn_why_info *why; // owned by whoever made the reply
        struct idn_rates_page rates;
        struct idn_times_page times;
        struct idn_status_info status;
        struct {
            struct idn_key job;
            uint32_t next; // ask from here; last + 1 of the job: no more
            uint32_t count;
            const uint8_t *rows; // count * IDN_ROW_BYTES
            uint32_t conflicts;  // among these images
        } results;
    } u;
};

// ---- worker -> broker
// -----------------------------------------------------------------------------

enum idn_worker_message_type {
    IDN_WORKER_HELLO = 1,
    IDN_WORKER_REPORT = 2,
    IDN_WORKER_TRIMMED = 3,
    IDN_WORKER_STALE = 4,    // to a broker of a lower epoch than the one obeyed
    IDN_WORKER_LIST_GET = 5, // a part of an uploaded list
    IDN_WORKER_GOODBYE = 6,  // clean shutdown; its leases are returned
};

// Why a worker cannot use what its configuration names.
enum idn_lack {
    IDN_LACK_NONE = 0, // it can, or does not say
    IDN_LACK_CFG = 1,  // there is no such file: a model's cfg
    IDN_LACK_WEIGHTS = 2,
    IDN_LACK_LIST = 3,  // a data set's
    IDN_LACK_OTHER = 4, // the file is wrong: the worker's log says more
};

// A name and what the worker has under it; digest all zero when it has nothing usable.
struct idn_holding {
    char name[IDN_NAME_SIZE];
    struct idn_sha256 digest;
    uint32_t lack; // enum idn_lack
};

// A lease as a hello states it.
struct idn_held_lease {
    struct idn_lease_id id;
    struct idn_key job;
    uint64_t spec_hash;
    uint32_t first, count, done; // done: reported, from first on
};

enum idn_report_end {
    IDN_END_NONE = 0,        // the lease goes on
    IDN_END_DONE = 1,        // all of its (trimmed) images are reported
    IDN_END_DEATH = 2,       // the child died; what is not reported is returned
    IDN_END_UNAVAILABLE = 3, // the model or the list cannot be had here; likewise returned
};

struct idn_worker_message {
    uint32_t type;  // enum idn_worker_message_type
    uint64_t nonce; // of this boot of the worker
    union {
        struct {
            uint32_t lowest, highest;
            char name[IDN_NAME_SIZE];
            char class_name[IDN_CLASS_SIZE];
            uint64_t class_hash;
            uint32_t threads;
            uint64_t
                reports_from; // number of the oldest report not acknowledged; next one when none
            uint32_t models, datasets, leases;
            struct idn_holding model[IDN_MODELS_MAX];
            struct idn_holding dataset[IDN_DATASETS_MAX];
            struct idn_held_lease lease[IDN_WORKER_LEASES_MAX];
        } hello;
        struct {
            uint64_t number; // from 1, contiguous, in one boot
            struct idn_lease_id lease;
            struct idn_key job;
            uint64_t spec_hash; // of the lease's
            uint32_t count;
            const uint8_t *rows; // count * IDN_ROW_BYTES
            uint64_t class_hash;
            uint64_t compute_us;
            uint32_t end;      // enum idn_report_end
            uint32_t death;    // enum idn_death
            uint32_t alone;    // 1: nothing else was in the child
            uint32_t in_child; // images in it when it died
            uint32_t image[IDN_CHILD_IMAGES_MAX];
            char text[IDN_TEXT_SIZE]; // why, of DEATH and UNAVAILABLE
        } report;
        struct {
            struct idn_lease_id lease;
            uint32_t kept; // images of the lease from its first that the worker keeps
        } trimmed;
        struct {
            struct idn_epoch obeyed;
        } stale;
        struct {
            struct idn_key job;
            uint64_t offset;
        } list_get;
    } u;
};

// ---- broker -> worker
// -----------------------------------------------------------------------------

enum idn_order_type {
    IDN_ORDER_WELCOME = 1,
    IDN_ORDER_REFUSED = 2,
    IDN_ORDER_LEASE = 3,
    IDN_ORDER_TRIM = 4,
    IDN_ORDER_ACK = 5,
    IDN_ORDER_LIST_PART = 6,
    IDN_ORDER_HELLO_AGAIN = 7, // the broker does not know this worker (restarted, declared it dead)
};

struct idn_order {
    uint32_t type;          // enum idn_order_type
    struct idn_epoch epoch; // of the sender's reign
    uint64_t nonce;         // of the worker's boot it is meant for
    union {
        struct {
            uint32_t version;
            uint32_t beat_ms;
            uint64_t acknowledged; // reports up to this one are durable
        } welcome;
        struct {
            uint32_t code;
            char text[IDN_TEXT_SIZE];
        } refused;
        struct {
            struct idn_lease_id id;
            struct idn_key job;
            uint64_t spec_hash;
            char model[IDN_NAME_SIZE], dataset[IDN_NAME_SIZE]; // dataset "" : LIST_GET it
            struct idn_sha256 model_digest, list_digest;
            uint64_t list_bytes;
            uint32_t first, count;
            uint32_t alone;       // 1: nothing else may be in the child with it
            uint32_t first_slice; // images of its first slice at most, >= 1
        } lease;
        struct {
            struct idn_lease_id id;
            uint32_t keep; // wish: keep only this many from first; answered with TRIMMED
        } trim;
        struct {
            uint64_t number; // cumulative
        } ack;
        struct {
            struct idn_key job;
            uint64_t offset, total;
            uint32_t size; // 0: not known here
            const uint8_t *bytes;
        } list_part;
    } u;
};

// ---- beats
// ----------------------------------------------------------------------------------------

struct idn_worker_beat {
    char name[IDN_NAME_SIZE];
    uint64_t nonce, sequence;
    struct idn_epoch obeyed;
    struct idn_lease_id lease; // current
    uint64_t images_done;      // by the child, of all leases of this boot
    uint64_t active_silent_ms; // since a beat of the active was heard
    uint32_t in_child;
    uint32_t image[IDN_CHILD_IMAGES_MAX];
};

struct idn_broker_beat {
    char name[IDN_NAME_SIZE];
    uint64_t incarnation, sequence;
    struct idn_epoch epoch;
    uint32_t role;    // enum idn_role
    uint32_t beat_ms; // interval asked of workers
};

#endif
