// What is read back from the store, and what is kept beside it: REFOLD and SUMMARY.
//
//   a job is read back because                             it then
//   it has ended, and something about it came late         has the counters read
//   every image has a result, but it is disputed           ends, with the digest read
//   it is open again: a quarantine was lifted, or another  goes on with the images' states read;
//   ACCEPTED fact counts                                   until then nothing of it is leased
//   the pool has no pages for it now                       likewise, as soon as there are some
//
// What comes about it meanwhile makes the answer stale: it is read once more. The store decides by
// the same rules as memory does, and between results that memory cannot tell apart.
#ifndef IDN_BROKER_CORE_REFOLD_H
#define IDN_BROKER_CORE_REFOLD_H

#include "broker/core/state.h"

// Asks for a REFOLD once everything committed so far is stored. The job must not have pages.
void idn_refold_want(struct idn_core *core, struct idn_job *job);
// The job is to be summarised.
void idn_refold_summarise(struct idn_core *core, struct idn_job *job);

// A kept summary, at restore. False: it does not fit the job.
bool idn_refold_restore(
    struct idn_core *core, struct idn_job *job, const struct idn_summary *summary);

// REFOLDED.
void idn_refold_take(
    struct idn_core *core, const struct idn_summary *summary, const uint8_t *states);

// Emits what is due: SUMMARY and REFOLD actions.
void idn_refold_due(struct idn_core *core);

#endif
