// The broker core's whole state: every table and how they hang together. Private to broker/core.
//
//   core --- jobs (slab + index by key) --- images (pages of one pool)
//     |        | open list in order of acceptance; those with pending images in trees by rank
//     |        '- leases of the job, watches of the job
//     |--- workers (slab + index by nonce) --- at most two leases each
//     |        | lists by silence: alive, suspected, dead, leaving; list of the idle ones
//     |--- leases (pool) --- those whose order is unanswered, by time sent
//     |--- urgent runs of images: what came back from silent workers
//     |--- promises: replies that wait for durability, in order of position
//     |--- mirror: the session with the other broker, and what each of the two has
//     '--- uploads, suspects, watches, clients: small tables with a bound each
//
// Times are the core's own: monotonic milliseconds less every stall (core.c), so that a stall moves
// all deadlines at once.
#ifndef IDN_BROKER_CORE_STATE_H
#define IDN_BROKER_CORE_STATE_H

#include "broker/core/core.h"
#include "broker/core/drained.h"
#include "broker/core/forgotten.h"
#include "broker/core/heap.h"
#include "broker/core/images.h"
#include "broker/core/link.h"
#include "broker/core/measured.h"
#include "broker/core/rate.h"
#include "broker/core/vector.h"
#include "broker/core/window.h"

#include "base/assert.h"
#include "base/format.h"
#include "base/random.h"

enum {
    IDN_ACTIONS_BULK = 768, // what may be put off to the next step stops here
    IDN_ACTIONS_MAX = IDN_ACTIONS_BULK + IDN_MIRROR_FACTS_MAX + 256,
    IDN_PROMISES_MAX = 16 * 1024,
    IDN_REFOLDS_MAX = 8,         // asked of the store at once
    IDN_COMMIT_TIMES_MAX = 4096, // one a millisecond of IDN_COMMIT_MS_MAX
    IDN_CLIENTS_MAX = 1024,      // whose rate is remembered
    IDN_SUSPECT_BUCKETS = 2 * IDN_SUSPECTS_MAX,
    IDN_REFUSED_PAIRS_MAX = 8, // (model, list) that a worker could not have
    IDN_NONE = -1,             // no index
    IDN_UPLOADED_LIST = -2,    // instead of a data set's index
    IDN_STORED_TIMES_MAX = 64, // of what the other broker has not acknowledged
};

// A job's place among those to be served (ranking.c).
struct idn_ranked {
    int64_t rank;
    uint32_t up, left, right; // 1 + slot of a job; 0: none
    bool in;
};

struct idn_job {
    struct idn_key key;
    struct idn_job_spec spec;
    uint64_t spec_hash;
    struct idn_stamp weight_set;     // of the SETTING fact that counts; all zero: none
    struct idn_epoch accepted_epoch; // of the ACCEPTED fact that counts
    struct idn_origin accepted;
    uint64_t serial; // by order of acceptance, from 1; 0: the slot is free
    uint32_t state;  // enum idn_job_state
    uint32_t lifted; // highest generation of quarantines that was lifted
    int32_t model;   // index in the registry, by name and digest, or IDN_NONE
    int32_t dataset; // likewise, or IDN_UPLOADED_LIST
    uint32_t weight; // share: of spec, until it is set
    struct idn_images images;
    uint32_t conflicts, leases;
    uint32_t measured; // 1 + its slot among the measures; 0: none
    uint32_t unranked; // its rank may have changed (policy.c); 0: no
    uint64_t version;
    uint64_t position; // of its last commit that a reply may wait for
    struct idn_digest digest;
    uint64_t compute_us;
    uint64_t class_hash;   // of its first results, 0: none yet
    uint64_t leased_class; // of its leases now, while class_hash is 0
    uint64_t created_wall_ms, finished_wall_ms;
    int64_t start;   // fair-time: virtual time at which it began (policy.c)
    bool cancelled;  // by a fact; a finished job is finished all the same
    bool rivals;     // another specification was accepted under this key
    bool disputed;   // an image has two OK results, or the job two classes: memory cannot tell
                     // which result is served, so what it ends with is read back
    bool restored;   // waits for the workers' hellos before it is dispatched
    bool trim_asked; // a lease of another job is being trimmed for it
    bool reap;       // others took images of one of its leases (idn_leases_reap)
    bool summary_due : 1, refold_due : 1, refolding : 1; // to be summarised; read back, and now
    bool sharing : 1, heard_of : 1;                      // shares; had a result since (sharing.h)
    uint16_t share, aside;      // policy static: workers it is to have, and has (shares.h)
    uint32_t claim;             // of its leases together
    uint64_t refold_position;   // refold when this is stored
    struct idn_link lease_list; // of struct idn_lease.in_job
    struct idn_link watches;    // of struct idn_watch.in_job
    struct idn_link in_known, in_open, in_changed, in_due;
    struct idn_link in_unserved; // it had no lease in this reign
    struct idn_ranked ranked;
};

struct idn_lease {
    struct idn_lease_id id;
    struct idn_job *job;
    struct idn_worker *worker;
    uint32_t first, count; // indexes from the job's first image
    uint32_t left;         // of them still LEASED
    uint32_t taken, claim; // of them reported by others; that it will have done in IDN_SHARE_MS
    uint32_t first_slice;
    bool alone;
    bool confirmed;               // the worker has spoken of it
    bool trimming;                // TRIM is unanswered
    bool spent;                   // nothing more can be trimmed off it
    uint64_t urgent_ms;           // of images that came back from a silent worker: left alone until
    uint32_t keep, held_since_ms; // of the TRIM; low half of the time it was granted
    struct idn_job *wanted_by;    // that the TRIM is for, if its serial is still
    uint64_t wanted;              // or 0: for none
    uint64_t sent_ms;             // of the unanswered order
    struct idn_link in_job, in_unanswered, in_pool;
};

enum idn_presence {
    IDN_PRESENCE_FREE = 0, // the slot
    IDN_PRESENCE_ALIVE,
    IDN_PRESENCE_SUSPECTED,
    IDN_PRESENCE_LEAVING, // said goodbye
    IDN_PRESENCE_DEAD,    // kept for display and for its return
    IDN_PRESENCE_COUNT,
};

struct idn_refused_pair {
    int32_t model, dataset;
    uint64_t job; // serial, when dataset is IDN_UPLOADED_LIST
    uint64_t refused_ms;
};

// What waits to be acknowledged: reports up to number are durable once position is stored.
struct idn_ack {
    uint64_t number, position;
};

// Its child died on this task.
struct idn_child_death {
    uint64_t job; // serial; 0: none
    uint64_t ms;
    uint32_t task;
};

struct idn_worker {
    char name[IDN_NAME_SIZE];
    char class_name[IDN_CLASS_SIZE];
    uint64_t nonce, class_hash;
    uint32_t threads;
    idn_peer peer; // 0: none now
    enum idn_presence presence;
    uint64_t models;                          // bits: holds what the broker's registry has
    uint64_t datasets[IDN_DATASETS_MAX / 64]; // likewise
    struct idn_refused_pair refused[IDN_REFUSED_PAIRS_MAX];
    uint32_t refused_count;
    uint64_t heard_ms, progress_ms;
    bool live, bereft; // as placed last; SUSPECTED, its leases went to others: it must say hello
    uint64_t hello_asked_ms;
    bool wedged;       // held a lease without progress; gets nothing until there is some
    uint64_t pause_ms; // gets nothing before
    bool benched;      // its child died on many tasks; gets nothing for a while (benched.h)
    uint64_t benched_ms;
    bool drained;              // gets nothing new (drained.h)
    struct idn_job *share_job; // policy static: set aside for this job, if its serial is still
    uint64_t share_serial;
    struct idn_child_death death[IDN_BENCH_TASKS];
    uint64_t beat_sequence, beat_images;
    struct idn_lease_id beat_lease;
    uint32_t in_child;
    uint32_t image[IDN_CHILD_IMAGES_MAX];
    struct idn_job *child_job;     // of these images, if its serial is still
    uint64_t child_serial;         // or 0
    uint64_t folded, acknowledged; // report numbers
    struct idn_ack ack[2];         // the older and the newest, number 0: none
    struct idn_lease *lease[IDN_WORKER_LEASES_MAX];
    uint32_t leases;
    uint64_t images_done;
    struct idn_rate rate;
    uint64_t image_us;          // mean time an image, of image_model; 0: not known
    int32_t image_model;        // index
    uint64_t turn_job, turn_ms; // serial of the job that it works for, or did last; since when
    char note[IDN_TEXT_SIZE];
    uint64_t
        ability; // a hash of class, holdings and refusals: alike, what one cannot the other cannot
    struct idn_link in_presence, in_idle, in_ack;
    struct idn_link in_name, in_peer; // of workers.c's buckets
};

enum idn_promise_type { IDN_PROMISE_ACCEPTED, IDN_PROMISE_UPLOADED };

struct idn_promise {
    uint64_t position;
    enum idn_promise_type type;
    idn_peer peer;
    uint64_t request;
    struct idn_key job;
    uint64_t offset; // UPLOADED
};

struct idn_commit_time {
    uint64_t position, ms;
};

struct idn_upload {
    struct idn_key key;
    uint64_t total, have; // total 0: the slot is free
    uint64_t lines;       // newlines so far
    bool ends_line;       // the last byte is a newline
    bool closed;          // nobody takes its SUBMIT any more: about to be forgotten
    uint64_t position;    // of its last part
    uint64_t touched_ms;
};

struct idn_suspect {
    struct idn_job *job; // if its serial is still
    uint64_t serial;
    uint32_t image;   // index in the job
    uint32_t deaths;  // alone
    uint64_t nonce;   // of the first worker that it died on
    bool two_workers; // died on another one too
    struct idn_link in_bucket;
};

// A run of images that came back from a worker that fell silent (urgent.h).
struct idn_urgent {
    struct idn_job *job; // if its serial is still
    uint64_t serial;
    uint32_t first, end; // indexes in the job
    uint64_t next_ms;    // not before this another worker is trimmed for it
    struct idn_link in_urgents;
};

struct idn_watch {
    idn_peer peer;
    uint64_t request;
    struct idn_job *job; // NULL: free
    uint64_t version;
    uint64_t ripe_ms, deadline_ms; // not answered before, answered anyway at
    struct idn_link in_job;        // or in the free list
};

struct idn_client {
    char name[IDN_NAME_SIZE];
    uint64_t milli_tokens, filled_ms;
    bool used;
};

enum idn_mirror_stage { IDN_MIRROR_DOWN, IDN_MIRROR_GREETED, IDN_MIRROR_UP };

// What ends with a session of the mirror link.
struct idn_mirror_session {
    enum idn_mirror_stage stage;
    uint64_t heard_ms;
    struct idn_window_out out;
    struct idn_window_in in;
    uint64_t durable_said; // last of in.durable that a frame told
    // The exchange: frame numbers of the first FACTS{end}, 0: not yet.
    bool vector_sent, vector_taken;
    uint64_t greeted_position; // our vector is sent when this is stored
    uint64_t end_sent, end_taken;
    bool has_all; // what the peer had is stored here
    bool exchanged, in_sync;
    // Following the store's tail.
    bool stuck;               // a fact cannot be read: nothing more is sent
    uint64_t quiet_ms;        // since then, or since the other broker's last facts after it
    struct idn_origin unread; // that one
    uint64_t at;              // looked at up to this position
    uint32_t finds;           // or first to be found, then `at` means nothing
    struct idn_origin find[IDN_MIRROR_FINDS_MAX];
    // When what is not mirrored was stored: ring. An entry stands for the positions after the one
    // before it.
    uint64_t noted; // stored position noted last
    struct idn_commit_time stored_time[IDN_STORED_TIMES_MAX];
    uint32_t stored_first, stored_count;
};

// The mirror link (mirror.c, catchup.c).
struct idn_mirror {
    // The peer, as its frames show it; kept when a session ends.
    char broker[IDN_NAME_SIZE];
    uint32_t role;                 // in its last frame, enum idn_role; 0: never heard
    struct idn_epoch epoch;        // likewise
    struct idn_epoch ours, theirs; // as said in HELLO and WELCOME of this session
    uint64_t last_heard_ms;        // in any session, or the start
    uint64_t last_mirrored;        // in the session before this one
    struct idn_random random;
    bool begun;
    uint64_t nonce;     // of the session; b: also of its HELLOs; a without a session: 0
    uint64_t gone;      // the last other session that a GONE was sent for
    uint64_t told;      // the last nonce whose versions were complained of
    uint64_t tell_ms;   // before that no line says that a session broke
    uint32_t untold;    // sessions that broke without one
    uint64_t anew_ms;   // when the last session ended, or the socket was opened
    uint64_t next_ms;   // next HELLO or BEAT
    uint32_t role_said; // in the last frame
    struct idn_epoch epoch_said;
    bool reading, read_void; // READ_FACTS is unanswered; and was of a session that ended
    struct idn_mirror_session session;

    struct idn_vector vector;
    struct idn_vector_entry *own; // of this incarnation; NULL: no peer is configured
    struct idn_held *list;        // of the VECTOR frames of this step
    struct idn_stored_fact *out;  // of the FACTS frame of this step
};

// What a worker's latest beat says of who reigns (voters.c), also of one that said no hello here.
struct idn_voter {
    uint64_t nonce, sequence, heard_ms;
    struct idn_epoch obeyed;
    bool silent; // it has not heard the active for IDN_DEAD_MS
    struct idn_link in_heard;
};

enum idn_obedience { IDN_OBEYS_LOWER, IDN_OBEYS_OURS, IDN_OBEYS_HIGHER, IDN_OBEDIENCE_COUNT };

struct idn_voters {
    struct idn_voter *voter; // slab
    uint32_t touched, live;
    uint32_t *index; // open addressing: 1 + slot, 0 empty
    uint32_t index_mask;
    struct idn_link heard, free; // by when last heard; returned slots
    // The live ones by the epoch obeyed, compared with core->epoch, and by whether they are silent.
    uint32_t count[IDN_OBEDIENCE_COUNT][2];
};

// Where this broker stands; broker/core/roles.h draws the machine.
enum idn_stage {
    IDN_STAGE_DOWN = 0,
    IDN_STAGE_LEARNER,
    IDN_STAGE_STANDBY,
    IDN_STAGE_RISING,
    IDN_STAGE_REIGNING,
    IDN_STAGE_YIELDING,
    IDN_STAGE_COUNT
};

struct idn_roles {
    enum idn_stage stage;
    struct idn_epoch seen;    // highest one heard of, or begun, that need not be in a fact here
    struct idn_epoch rising;  // of the REIGN that is being stored
    uint64_t rising_position; // of it; 0: none is
    uint64_t renewals_ms;     // until then renewals are paid for, one each IDN_RENEW_MS
    uint64_t boot_ms;
    uint64_t peer_ms; // when the peer was last heard, in a session or to reign; else the start
    uint64_t down_ms; // when this broker stepped down last, 0: never
    bool peer_heard;  // it ever was
    uint64_t client_ms, vain_ms; // last request; last one of a client that asks the other in vain;
                                 // 0: none
    bool unconfirmed;            // stood still, and has not heard since that it still reigns
    uint64_t confirm_ms;         // what is heard from then on counts
    // SWITCH: who is to be answered, and when it was asked for; handed: HANDOVER was sent.
    idn_peer switch_peer;
    uint64_t switch_request, switch_ms;
    bool handed;
    uint64_t switched_request; // the last one that was carried out
    idn_peer bootstrap_peer;   // BOOTSTRAP, likewise; request 0: none
    uint64_t bootstrap_request;
    struct idn_voters voters;
};

struct idn_core {
    // Configuration.
    char broker[IDN_NAME_SIZE], peer_address[IDN_NAME_SIZE];
    uint32_t letter;
    enum idn_policy policy;
    void (*tell)(void *context, const char *line);
    void *tell_context;
    bool has_peer, mirror_required, said_no_mirror;
    uint64_t min_free_bytes, open_images_max;
    uint32_t models, datasets, workers_max, jobs_max, open_jobs_max, forgotten_max, drained_max;
    uint32_t batch_configured[IDN_MODELS_MAX], batch_value[IDN_MODELS_MAX]; // value 0: not set
    struct idn_core_model *model;                                           // batch: as it is now
    struct idn_stamp batch_set[IDN_MODELS_MAX]; // by these SETTING facts; all zero: never
    struct idn_core_dataset *dataset;

    // Time: now is monotonic less stalled.
    uint64_t now, stalled, wall;
    uint64_t next_beat_ms, beat_sequence, next_sweep_ms, next_steal_ms;
    uint64_t reign_ms; // when the reign began
    bool more;         // work was put off for lack of room: step again at once

    // Reign and commits.
    struct idn_epoch highest, epoch; // of the facts here; of our reign, now or last
    struct idn_roles roles;
    uint64_t incarnation;
    uint64_t sequence;          // of our last own fact
    uint64_t position, stored;  // last committed, last durable
    uint64_t facts, serials;    // known facts; lease serials of this epoch
    bool started, over, active; // active: reigns, roles.stage is REIGNING or YIELDING
    bool failed;                // cannot go on: text says why
    char failure[IDN_TEXT_SIZE];
    struct idn_commit_time *commit_time; // ring
    uint32_t commit_first, commit_count;
    uint64_t free_bytes;
    bool disk_low;

    struct idn_action *action;
    size_t actions;
    uint8_t *scratch; // bytes of this step's commit: a list part or rows

    struct idn_job *job;
    uint32_t jobs, jobs_touched, open_jobs;
    uint64_t open_images, job_serials;
    uint32_t *job_index; // open addressing: 1 + slot, 0 empty
    uint32_t job_index_mask;
    struct idn_link known, open, free_jobs, changed, due;
    uint32_t unranked; // first of the open jobs that are to find their place in the ranking
    uint32_t ranked, ranking[IDN_MODELS_MAX + 1]; // jobs in it; the roots of its trees (ranking.c)
    struct idn_link unserved; // open jobs without a lease in this reign, as accepted
    struct idn_pages pages;
    struct idn_forgotten forgotten;
    uint32_t refolds; // asked for and not answered
    struct idn_drained drained;

    struct idn_worker *worker;
    uint32_t workers, workers_touched, live, bench_next; // bench_next: where its sweep goes on
    uint32_t *worker_index;                              // likewise, by nonce
    uint32_t worker_index_mask;
    struct idn_link *worker_names, *worker_peers; // worker_index_mask + 1 buckets each
    struct idn_link presence[IDN_PRESENCE_COUNT]; // by when last heard; FREE: returned slots
    struct idn_link idle, acks;
    uint64_t heard_ms, reunion_ms; // any worker; one after all were silent (silence.c)
    struct idn_rate rate;          // of images by reports to this broker

    struct idn_lease *lease;
    uint32_t leases, leases_touched;
    struct idn_lease *holder; // of the image looked for last (leases.c), or NULL
    struct idn_link free_leases, unanswered;
    struct idn_worker *asking; // reported in this step: may need its next lease
    bool look;                 // work or an idle worker appeared: dispatch to the idle
    bool newcomers;            // and a job or worker appeared, or a trim was answered
    bool grace_over;
    bool shares_stale;       // policy static: shares.h
    uint32_t shares_unknown; // jobs whose mean time was not known then
    struct idn_urgent *urgent;
    uint32_t urgents_touched;
    struct idn_link urgents, free_urgents; // the oldest first

    struct idn_promise *promise; // ring
    uint32_t promise_first, promises;

    struct idn_upload *upload;
    struct idn_suspect *suspect;
    uint32_t suspects;                // in use
    struct idn_link *suspect_buckets; // IDN_SUSPECT_BUCKETS, by job and image

    struct idn_watch *watch;
    uint32_t watches_touched;
    struct idn_link free_watches;
    struct idn_heap watch_heap;

    struct idn_client *client;
    struct idn_measures measures;

    struct idn_mirror mirror;
};

static inline uint64_t idn_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint32_t idn_job_total(const struct idn_job *job)
{
    return job->images.total;
}

static inline uint32_t idn_job_done(const struct idn_job *job)
{
    const uint32_t *kind = job->images.kind;

    return kind[IDN_IMAGE_OK] + kind[IDN_IMAGE_ERROR] + kind[IDN_IMAGE_QUARANTINED];
}

static inline uint32_t idn_job_in_flight(const struct idn_job *job)
{
    return job->images.kind[IDN_IMAGE_LEASED] + job->images.kind[IDN_IMAGE_SUSPECT_LEASED];
}

// What its counters do not know yet is on its way from the store (broker/core/refold.h).
static inline bool idn_job_is_read_back(const struct idn_job *job)
{
    return job->refold_due || job->refolding;
}

// Images that may be leased: none while it is not known which.
static inline uint32_t idn_job_pending(const struct idn_job *job)
{
    if (job->images.pages == 0)
        return 0;
    return job->images.kind[IDN_IMAGE_PENDING] + job->images.kind[IDN_IMAGE_SUSPECT];
}

static inline uint32_t idn_job_without_result(const struct idn_job *job)
{
    return idn_job_total(job) - idn_job_done(job) - idn_job_in_flight(job);
}

#endif
