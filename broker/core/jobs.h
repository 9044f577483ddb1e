// The table of known jobs: by key, by the first bits of a key, in order of acceptance; their life.
//
//               ACCEPTED                every image has a result
//      (unknown) ------> OPEN ---------------------------------> FINISHED
//                         | ^                                     |  ^
//                         | '----- LIFTED, with quarantines ------'  |
//                         |  CANCELLED                               |
//                         '---------> CANCELLED --------------------'
//
//   FORGOTTEN removes a job in any state, for ever (broker/core/forgotten.h). The state follows
//   from the facts, not from their order: FINISHED when every image has a result, else CANCELLED
//   when that was ever asked for, else OPEN.
//
//   An ended job gives its image pages back as soon as it has no leases; from then on only its
//   counters and digest are kept, and what comes later about it is read back from the store
//   (broker/core/refold.h).
#ifndef IDN_BROKER_CORE_JOBS_H
#define IDN_BROKER_CORE_JOBS_H

#include "broker/core/state.h"

struct idn_job *idn_jobs_find(const struct idn_core *core, const struct idn_key *key);

// The job with this name. NULL: none, or several; *ret_count says how many fit.
struct idn_job *idn_jobs_resolve(
    const struct idn_core *core, const struct idn_job_name *name, uint32_t *ret_count);

// An OPEN job without image pages, of an ACCEPTED fact; the key must be new. NULL: the table is
// full.
struct idn_job *idn_jobs_add(struct idn_core *core, const struct idn_fact *accepted);
// Another ACCEPTED fact of its key. The lower one (idn_fact_order) counts: if that is the new one
// and it asks for something else, the job starts anew, with what the store may hold for it.
void idn_jobs_accept_again(
    struct idn_core *core, struct idn_job *job, const struct idn_fact *accepted);
// Its leases and watches are ended, and it is gone.
void idn_jobs_remove(struct idn_core *core, struct idn_job *job);

// Image pages for an open job. False: the pool is exhausted.
bool idn_jobs_open_images(struct idn_core *core, struct idn_job *job);

// Something about it changed: its version grows, its watches are looked at.
void idn_jobs_touch(struct idn_core *core, struct idn_job *job);

// A CANCELLED fact: an open job ends early, its leases are trimmed to what is begun.
void idn_jobs_cancel(struct idn_core *core, struct idn_job *job, uint64_t wall_ms);

// After anything that may have changed what it is or closed its last lease: its state by the rule
// above; when it has ended and nobody works on it, its pages are returned, and a summary or, if it
// is disputed, a refold is due.
void idn_jobs_settle(struct idn_core *core, struct idn_job *job, uint64_t wall_ms);

#endif
