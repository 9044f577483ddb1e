// What waits for durability: replies that promise durability, and acknowledgements of reports.
#ifndef IDN_BROKER_CORE_PROMISES_H
#define IDN_BROKER_CORE_PROMISES_H

#include "broker/core/state.h"

// Replies ACCEPTED or UPLOADED (offset) once everything up to position is durable
// (idn_mirror_durable in mirror.h: stored here and, while a standby is in sync, there); at once
// when it is. When too many replies wait, SLOW_DOWN: the client asks again, and by then it is
// stored.
void idn_promise(struct idn_core *core, idn_peer peer, uint64_t request, enum idn_promise_type type,
    const struct idn_key *job, uint64_t position, uint64_t offset);

// Acknowledges the worker's reports up to this number, all folded by now, once everything committed
// so far is durable, likewise.
void idn_ack_when_stored(struct idn_core *core, struct idn_worker *worker, uint64_t number);
// It repeats a report that is durable: the acknowledgement was lost.
void idn_ack_again(struct idn_core *core, const struct idn_worker *worker);

// This broker does not reign any more: NOT_ACTIVE instead, to as many as the step has room for.
void idn_promises_drop(struct idn_core *core);

// Sends what may leave.
void idn_promises_keep(struct idn_core *core);

#endif
