// What clients ask for that changes something or waits.
#ifndef IDN_BROKER_CORE_REQUESTS_H
#define IDN_BROKER_CORE_REQUESTS_H

#include "broker/core/state.h"

void idn_request_take(struct idn_core *core, idn_peer peer, const struct idn_request *request);

// The job that a request names; NULL after a refusal (unknown, ambiguous).
struct idn_job *idn_request_job(
    struct idn_core *core, idn_peer peer, const struct idn_request *request);

// A standby in sync is required, and there is none (submit.c).
bool idn_requests_lack_mirror(const struct idn_core *core);

// Refuses with DISK_LOW when the disk is nearly full.
bool idn_requests_disk_low(struct idn_core *core, idn_peer peer, uint64_t request);

// A limit of this broker's: half of it while the other broker may hold what is not known here, so
// that the union of both always fits. ret_when says so in a refusal, or is "".
uint64_t idn_requests_limit(const struct idn_core *core, uint64_t limit, const char **ret_when);
// Whether one more open job of so many images fits; refuses with CLUSTER_FULL (submit.c).
bool idn_requests_room(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t images);
// "no model is named alxnet; did you mean alexnet?": of `count` names that there are.
void idn_requests_unknown(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t code,
    const char *kind, const char *name, const char *const *names, uint32_t count);
// The key was a job's or an upload's that is forgotten; refuses with FORGOTTEN.
bool idn_requests_forgotten(
    struct idn_core *core, idn_peer peer, const struct idn_request *request);

// SUBMIT (submit.c).
void idn_submit_request(struct idn_core *core, idn_peer peer, const struct idn_request *request);

#endif
