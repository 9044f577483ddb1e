// Which jobs share, and since when: those with pending images that some live worker may be given.
// For measuring only: nothing is decided by it.
//
//   joins   a job: when it has both, which is looked for whenever its images change and at each
//           beat of the broker
//   leaves  when it has ended, has nothing pending, or (looked for at each beat) nobody may be
//           given it, because no worker that could is live, or nothing is granted at all
//
// They have shared since each of them has had a result since it joined, nobody has joined or left,
// and the terms (weights, batches) have been the same.
#ifndef IDN_BROKER_CORE_SHARING_H
#define IDN_BROKER_CORE_SHARING_H

#include "broker/core/state.h"

// The job's pending images may have changed.
void idn_sharing_settle(struct idn_core *core, struct idn_job *job);
// Whom the workers can serve may have changed: at a beat.
void idn_sharing_look(struct idn_core *core);
// The job is no longer open.
void idn_sharing_left(struct idn_core *core, struct idn_job *job);
// A result of it came. True: the first one since it joined.
bool idn_sharing_result(struct idn_core *core, struct idn_job *job);
// The terms are others.
void idn_sharing_anew(struct idn_core *core);

// Since when they share; `now`: they do not yet.
uint64_t idn_sharing_since(const struct idn_core *core, uint64_t now);

// Asserts that the counts are those of the jobs.
void idn_sharing_check(const struct idn_core *core);

#endif
