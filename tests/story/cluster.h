// A cluster in memory: one broker core, its store, and workers that are real agent cores with a
// made-up inference child, joined by a network that delivers each message after a millisecond,
// unless the story says otherwise. The earliest event always happens next; equal seeds give equal
// runs. After each step every invariant of the core is asserted (idn_core_check).
#ifndef IDN_TESTS_STORY_CLUSTER_H
#define IDN_TESTS_STORY_CLUSTER_H

#include "base/random.h"
#include "broker/core/core.h"
#include "proto/result.h"
#include "tests/lib/check.h"
#include "worker/agent/agent.h"

enum { CLUSTER_WORKERS_MAX = 8, CLUSTER_IMAGES = 20000 };

struct cluster_worker {
    struct idn_agent *agent;  // NULL: not running
    uint32_t boots;           // nonce = 1000 * worker + boots
    uint64_t image_us;        // of its child
    const char *class_name;   // numerics class; "" the usual one
    bool cut_off;             // its network is
    uint64_t frozen_until_ms; // it stands still, its child too
    uint64_t stalled_ms;      // for so long; its agent has not been told yet
    uint64_t child;           // number of the child process running
    uint64_t child_busy_ms;   // until
    uint32_t deaths;          // of its children
    uint64_t images_computed; // by its children, whatever became of them
};

struct cluster_fact {
    struct idn_fact fact;
    uint8_t *bytes;
    bool stored;
};

struct cluster_event;

struct cluster {
    uint64_t now;
    struct idn_random random;
    uint32_t loss; // of each message between broker and workers, in 1000
    // Sees each message on its way; true loses it. NULL: all arrive.
    bool (*lose_order)(struct cluster *cluster, int worker, const struct idn_order *order);
    bool (*lose_message)(
        struct cluster *cluster, int worker, const struct idn_worker_message *message);
    bool (*repeat_message)(
        struct cluster *cluster, int worker, const struct idn_worker_message *message);

    struct idn_core_model model[2];
    uint32_t percent[2]; // of a worker's time an image that this model takes
    struct idn_core_dataset dataset[1];
    enum idn_policy policy;
    void *memory;
    struct idn_core *core; // NULL: not running
    uint64_t boots;
    uint64_t store_ms; // a commit takes
    uint64_t sequence;
    struct cluster_fact *fact; // the store
    size_t facts, facts_room;
    struct idn_summary summary[64];
    size_t summaries;
    char exit_text[IDN_TEXT_SIZE]; // EXIT came
    struct idn_reply reply;        // the last one
    size_t replies;

    struct cluster_worker worker[CLUSTER_WORKERS_MAX];
    bool poison[CLUSTER_IMAGES]; // kills the child
    bool broken[CLUSTER_IMAGES]; // is unreadable
    struct cluster_begun {
        int worker;
        uint64_t ms;
    } begun[CLUSTER_IMAGES]; // by whose child it was begun last, and when

    struct cluster_event *event; // to come, in no order
    size_t events, events_room;
    uint64_t order;
};

struct cluster *cluster_new(uint64_t seed);
void cluster_destroy(struct cluster *cluster);

// Nodes come and go.
void broker_starts(struct cluster *cluster); // on what the store holds
void broker_killed(struct cluster *cluster); // what was not stored is lost
void disk_has(struct cluster *cluster, uint64_t free_bytes);
void worker_starts(struct cluster *cluster, int worker, uint64_t image_us);
void worker_killed(struct cluster *cluster, int worker);               // the whole host
void child_killed(struct cluster *cluster, int worker);                // its inference process
void worker_freezes(struct cluster *cluster, int worker, uint64_t ms); // SIGSTOP, then SIGCONT
void network_cut(struct cluster *cluster, int worker, bool cut);

// A client asks; the reply is cluster->reply when it comes.
void client_submits(
    struct cluster *cluster, int job, const char *model, uint32_t first, uint32_t last);
void client_asks(struct cluster *cluster, int job, uint32_t request_type);

// Time passes: so many milliseconds; until the job has ended, at most so many.
void time_passes(struct cluster *cluster, uint64_t ms);
void until_job_ends(struct cluster *cluster, int job, uint64_t most_ms);
void until_images_done(struct cluster *cluster, int job, uint32_t images, uint64_t most_ms);

struct idn_job_info job_info(struct cluster *cluster, int job);
// What a fold of the stored facts says, made independently of the core: images by class and digest.
struct idn_summary stored_summary(const struct cluster *cluster, int job);
struct idn_worker_info worker_info(struct cluster *cluster, int worker); // state 0: not there
// Images of the job that the worker holds in leases now, as the broker sees it.
uint32_t images_leased_to(struct cluster *cluster, int worker, int job);
uint64_t images_computed(const struct cluster *cluster);

// The job must have ended well: finished, nothing missing, the core's digest that of the store.
void check_finished(
    struct cluster *cluster, int job, uint32_t ok, uint32_t failed, uint32_t quarantined);

#endif
