// Leases: a contiguous run of one job's images inside one task, held by one worker.
//
//   (none) -- grant, adopt --> held -- TRIMMED --> held, shorter
//                               |
//                               '--- last image reported; DONE, DEATH, UNAVAILABLE; the worker is
//                                    dead, left, or wedged -------------------------> closed
//
// What is not reported when a lease closes is free again. LEASE and TRIM orders are repeated each
// IDN_ORDER_MS until the worker has spoken of them: ZeroMQ promises nothing.
#ifndef IDN_BROKER_CORE_LEASES_H
#define IDN_BROKER_CORE_LEASES_H

#include "broker/core/state.h"

// Images first .. first + count - 1 (indexes in the job) must be free; they become leased.
struct idn_lease *idn_lease_grant(struct idn_core *core, struct idn_worker *worker,
    struct idn_job *job, uint32_t first, uint32_t count, bool alone, uint32_t first_slice);

// Takes over a lease that the worker says it holds. False: it does not fit (unknown or ended job,
// other class, a benched worker, an image leased to somebody else, nothing left of it).
bool idn_lease_adopt(
    struct idn_core *core, struct idn_worker *worker, const struct idn_held_lease *held);

// After a change of what is left of one of them, or of the worker's speed: what the policy counts
// of each.
void idn_leases_claim(struct idn_core *core, struct idn_worker *worker);

struct idn_lease *idn_lease_find(const struct idn_worker *worker, struct idn_lease_id id);

// The worker spoke of it: the LEASE order arrived.
void idn_lease_confirm(struct idn_lease *lease);

// Asks the worker to keep only `keep` images from first (what it has begun it keeps in any case);
// to keep nothing, on behalf of a job that is not served yet (its trim_asked ends with the answer).
void idn_lease_trim(struct idn_core *core, struct idn_lease *lease, uint32_t keep);
void idn_lease_trim_for(struct idn_core *core, struct idn_lease *lease, struct idn_job *job);
void idn_lease_trimmed(struct idn_core *core, struct idn_lease *lease, uint32_t kept);

// Ends it; what is left is free again. The job may be released by it (idn_jobs_settle).
void idn_lease_close(struct idn_core *core, struct idn_lease *lease);
void idn_leases_close_all(struct idn_core *core, struct idn_worker *worker);
// All of a job, whose workers are told to drop them.
void idn_leases_take_back(struct idn_core *core, struct idn_job *job);

// A leased image got its result, by the worker of lease `reporting` (NULL: of none). Once the
// report is folded, reap closes the leases of other workers that have nothing left, and has those
// cut anew of which much was taken.
void idn_lease_image_done(
    struct idn_core *core, struct idn_job *job, uint32_t index, struct idn_lease *reporting);
// A quarantined image has no result any more. True: it lies in a lease, and is that lease's again.
bool idn_lease_image_back(struct idn_core *core, const struct idn_job *job, uint32_t index);
void idn_leases_reap(struct idn_core *core, struct idn_job *job, const struct idn_lease *reporting);

// TRIM of a lease that is not (or no longer) known here: the worker is to drop it.
void idn_lease_disown(
    struct idn_core *core, const struct idn_worker *worker, struct idn_lease_id id);

// Repeats orders that are unanswered for IDN_ORDER_MS; then when the next one is due.
void idn_leases_resend(struct idn_core *core);
uint64_t idn_leases_deadline(const struct idn_core *core);

#endif
