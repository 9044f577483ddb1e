// Which job gets this worker: the policies behind one question, and the virtual times of fair-time.
#ifndef IDN_BROKER_CORE_POLICY_H
#define IDN_BROKER_CORE_POLICY_H

#include "broker/core/state.h"

// The job that this worker should get its next lease of; NULL when there is nothing for it, nor for
// others of its ability, unless a job is passed over only because its images died on this worker.
struct idn_job *idn_policy_choose(
    struct idn_core *core, const struct idn_worker *worker, bool *ret_passed_over);
// Whether it serves a before b, if both may go to a worker.
bool idn_policy_before(
    const struct idn_core *core, const struct idn_job *a, const struct idn_job *b);
// Whether any job has pending images, for whomever.
bool idn_policy_has_pending(struct idn_core *core);

// Jobs with pending images stand in an index by rank, so that a choice does not look at all of
// them. changed: its pending or in flight images may have changed; it finds its place before the
// next choice. left: it is no longer open.
void idn_policy_changed(struct idn_core *core, struct idn_job *job);
void idn_policy_left(struct idn_core *core, struct idn_job *job);
void idn_policy_settle(struct idn_core *core);
// What idn_policy_choose must say, by a look at every open job: for checks.
const struct idn_job *idn_policy_scan(const struct idn_core *core, const struct idn_worker *worker);
// Asserts that the index is what a look at all open jobs says, and chooses likewise.
void idn_policy_check(const struct idn_core *core);

// Images of the lease that its worker will have done in IDN_SHARE_MS, its first lease before its
// second.
uint32_t idn_policy_claim(const struct idn_lease *lease);
// Whether the worker's lease should be cut short in favour of what idn_policy_choose says now;
// asked of the lease that it works on.
bool idn_policy_outranks(
    const struct idn_core *core, const struct idn_lease *lease, const struct idn_job *chosen);

// Whether a job without any lease may take another job's worker at once, and how far that job is
// ahead (more is a better victim).
bool idn_policy_preempts(const struct idn_core *core);
int64_t idn_policy_progress(const struct idn_core *core, const struct idn_job *job);

// Around a change of what the job is charged by (weight, batch): its virtual time stays.
void idn_policy_uncharge(struct idn_core *core, struct idn_job *job);
void idn_policy_charge(struct idn_core *core, struct idn_job *job);

// Before the job gets a lease of this worker: how far it may be behind what the worker could do
// instead.
void idn_policy_catch_up(
    struct idn_core *core, const struct idn_worker *worker, struct idn_job *job);

// Virtual time at which a new job starts.
int64_t idn_policy_start(const struct idn_core *core);
// A reign begins: every open job at the same virtual time, whatever is stored of it.
void idn_policy_restart(struct idn_core *core);

#endif
