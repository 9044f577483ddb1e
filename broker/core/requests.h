// What clients ask for that changes something or waits.
#ifndef IDN_BROKER_CORE_REQUESTS_H
#define IDN_BROKER_CORE_REQUESTS_H

#include "broker/core/state.h"

void idn_request_take(struct idn_core *core, idn_peer peer, const struct idn_request *request);

// The job that a request names; NULL after a refusal (unknown, ambiguous).
struct idn_job *idn_request_job(
    struct idn_core *core, idn_peer peer, const struct idn_request *request);

// Refuses with DISK_LOW when the disk is nearly full.
bool idn_requests_disk_low(struct idn_core *core, idn_peer peer, uint64_t request);

// SUBMIT (submit.c).
void idn_submit_request(struct idn_core *core, idn_peer peer, const struct idn_request *request);

#endif
