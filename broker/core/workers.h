// The worker registry: who is there, what each can serve, and how fast it is (who is given up when:
// silence.h).
//
//              HELLO              silent 3 beats             silent 5 beats
//   (unknown) ------> ALIVE -----------------> SUSPECTED -------------------> DEAD -- forgotten
//                      |  ^  <---- heard ------    |                           |  after a while
//                      |  '------------------------|------- HELLO -------------'
//                      '--- GOODBYE ---> LEAVING -- silent 5 beats --> (unknown)
//
// A SUSPECTED worker gets nothing new; one whose leases were given to others meanwhile (bereft)
// stays SUSPECTED until it says HELLO. A DEAD or LEAVING one has no leases.
#ifndef IDN_BROKER_CORE_WORKERS_H
#define IDN_BROKER_CORE_WORKERS_H

#include "broker/core/state.h"

struct idn_worker *idn_workers_find(const struct idn_core *core, uint64_t nonce);
struct idn_worker *idn_workers_find_name(const struct idn_core *core, const char *name);

// A new ALIVE worker. NULL: the registry is full, even without its dead.
struct idn_worker *idn_workers_add(struct idn_core *core, uint64_t nonce, const char *name);
// Forgets it; its leases are closed first.
void idn_workers_remove(struct idn_core *core, struct idn_worker *worker);

// Through which connection it is reached; 0: none.
void idn_worker_set_peer(struct idn_core *core, struct idn_worker *worker, idn_peer peer);
void idn_workers_peer_gone(struct idn_core *core, idn_peer peer); // it may come back on another

void idn_worker_set_presence(
    struct idn_core *core, struct idn_worker *worker, enum idn_presence presence);

// It was heard: alive, unless it must say hello first.
void idn_worker_heard(struct idn_core *core, struct idn_worker *worker);
// HELLO_AGAIN, at most once a beat: its word is needed on what it holds.
void idn_worker_ask_hello(struct idn_core *core, struct idn_worker *worker);
// It got on with its work: a wedged one is trusted again.
void idn_worker_progressed(struct idn_core *core, struct idn_worker *worker);

// A drained worker gets nothing new, and keeps of its leases what it has begun; it may be told to
// more than once. Undrained it is served again.
void idn_worker_drain(struct idn_core *core, struct idn_worker *worker, bool drained);
void idn_worker_trim(struct idn_core *core, const struct idn_worker *worker);

// In or out of the list of idle workers, after any change that matters to it.
void idn_worker_place(struct idn_core *core, struct idn_worker *worker);

// Why a worker gets nothing: the first of these that is so. Dispatch goes by it, and WHY tells it.
enum idn_hindrance {
    IDN_UNHINDERED = 0,
    // Nothing of any job.
    IDN_HINDERED_DEAD,
    IDN_HINDERED_LEAVING,
    IDN_HINDERED_SUSPECTED,
    IDN_HINDERED_DRAINED,
    IDN_HINDERED_BENCHED,
    IDN_HINDERED_STUCK, // wedged
    IDN_HINDERED_UNREACHABLE,
    // Nothing of this job.
    IDN_HINDERED_STARTING, // it is known from an earlier reign, and waits for the workers' hellos
    IDN_HINDERED_CLASS,
    IDN_HINDERED_MODEL, // it does not hold what the job pins
    IDN_HINDERED_LIST,
    IDN_HINDERED_UNAVAILABLE, // it holds both, and failed to use them lately
    IDN_HINDRANCES
};
bool idn_job_waits_for_hellos(const struct idn_core *core, const struct idn_job *job);
enum idn_hindrance idn_worker_hindrance(const struct idn_worker *worker);
enum idn_hindrance idn_worker_hindrance_for(
    const struct idn_core *core, const struct idn_worker *worker, const struct idn_job *job);
bool idn_worker_is_here(const struct idn_worker *worker); // ALIVE or SUSPECTED
bool idn_worker_is_live(const struct idn_worker *worker); // without a hindrance
bool idn_worker_can_serve(                                // likewise, for this job
    const struct idn_core *core, const struct idn_worker *worker, const struct idn_job *job);
// One live worker of each kind: what one of a kind cannot serve, none of it can. For questions
// about many jobs.
enum { IDN_KINDS_MAX = 16 };
struct idn_kinds {
    const struct idn_worker *one[IDN_KINDS_MAX];
    uint32_t count;
    bool more; // there are, than are told apart
};
void idn_workers_kinds(const struct idn_core *core, struct idn_kinds *ret);
// Whether some live worker may be given images of the job; taken to be so when there are more
// kinds.
bool idn_kinds_can_serve(
    const struct idn_core *core, const struct idn_kinds *kinds, const struct idn_job *job);

bool idn_worker_can_serve_class(const struct idn_worker *worker, const struct idn_job *job);

// After a change of its class, holdings or refusals.
void idn_worker_set_ability(struct idn_worker *worker);

// It could not have the job's model or list: not asked again until a hello IDN_UNAVAILABLE_MS later
// (an idle worker says hello every few seconds, that alone is no reason to try again).
void idn_worker_refuses(
    struct idn_core *core, struct idn_worker *worker, const struct idn_job *job, const char *why);
void idn_worker_forgive(struct idn_core *core, struct idn_worker *worker);

// Mean time of an image of this job on it; 0: not known.
uint64_t idn_worker_image_us(const struct idn_worker *worker, const struct idn_job *job);
// Likewise, or the job's mean on all workers; 0: that is not known either.
uint64_t idn_worker_likely_us(const struct idn_worker *worker, const struct idn_job *job);
void idn_worker_measure(
    struct idn_worker *worker, const struct idn_job *job, uint32_t images, uint64_t compute_us);

// The interval asked of workers: longer with many of them.
uint32_t idn_workers_beat_ms(const struct idn_core *core);

#endif
