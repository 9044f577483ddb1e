// The table of known jobs: by key, by the first bits of a key, in order of acceptance; their life.
//
//               ACCEPTED                every image has a result
//      (unknown) ------> OPEN ---------------------------------> FINISHED
//                         |  CANCELLED                              ^
//                         '---------> CANCELLED --------------------'
//   FORGOTTEN removes a job in any state. An ended job gives its image pages back as soon as it has
//   no leases; from then on only its counters and digest are kept, and a late fact about it is
//   answered by REFOLD.
#ifndef IDN_BROKER_CORE_JOBS_H
#define IDN_BROKER_CORE_JOBS_H

#include "broker/core/state.h"

struct idn_job *idn_jobs_find(const struct idn_core *core, const struct idn_key *key);

// The job with this name. NULL: none, or several; *ret_count says how many fit.
struct idn_job *idn_jobs_resolve(
    const struct idn_core *core, const struct idn_job_name *name, uint32_t *ret_count);

// An OPEN job without image pages; the key must be new. NULL: the table is full.
struct idn_job *idn_jobs_add(
    struct idn_core *core, const struct idn_key *key, const struct idn_job_spec *spec);
// It must have no leases; its watches must be gone.
void idn_jobs_remove(struct idn_core *core, struct idn_job *job);

// Image pages for an open job. False: the pool is exhausted.
bool idn_jobs_open_images(struct idn_core *core, struct idn_job *job);

// Something about it changed: its version grows, its watches are looked at.
void idn_jobs_touch(struct idn_core *core, struct idn_job *job);

// Ends it early (an OPEN one only).
void idn_jobs_cancel(struct idn_core *core, struct idn_job *job, uint64_t wall_ms);

// After anything that may have completed it or closed its last lease: FINISHED when every image has
// a result; pages returned and a summary due when it has ended and nobody works on it.
void idn_jobs_settle(struct idn_core *core, struct idn_job *job, uint64_t wall_ms);

// Its counters as read back from the store (SUMMARY, REFOLDED). False: they do not fit the job.
bool idn_jobs_set_summary(
    struct idn_core *core, struct idn_job *job, const struct idn_summary *summary);

// Asks for a REFOLD once everything committed so far is stored.
void idn_jobs_want_refold(struct idn_core *core, struct idn_job *job);

// Emits what is due: SUMMARY and REFOLD actions.
void idn_jobs_due(struct idn_core *core);

#endif
