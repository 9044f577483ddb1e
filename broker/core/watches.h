// Long polls: WATCH is answered with JOB when the job's version is not the client's any more (not
// sooner than IDN_WATCH_MS_MIN after it was asked, unless the client knows nothing yet or the job
// has ended), or when its time is up.
#ifndef IDN_BROKER_CORE_WATCHES_H
#define IDN_BROKER_CORE_WATCHES_H

#include "broker/core/state.h"

void idn_watch_request(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job);

// At the end of each step: jobs that changed, watches whose time has come.
void idn_watches_answer(struct idn_core *core);
uint64_t idn_watches_deadline(const struct idn_core *core);

void idn_watches_client_gone(struct idn_core *core, idn_peer peer);
// This broker does not reign any more: NOT_ACTIVE, to as many as the step has room for.
void idn_watches_drop(struct idn_core *core);
// The job is about to be forgotten.
void idn_watches_job_gone(struct idn_core *core, struct idn_job *job);

#endif
