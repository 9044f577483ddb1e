// What the beginning and the end of a reign do to everything else: leases, workers, waiting
// clients, fair time. Who reigns is decided in roles.c.
#ifndef IDN_BROKER_CORE_REIGN_H
#define IDN_BROKER_CORE_REIGN_H

#include "broker/core/state.h"

// Its REIGN is stored: beats, grants, answers. Jobs that are open wait for the workers' hellos (the
// grace) and start at equal virtual times.
void idn_reign_begin(struct idn_core *core);
// Leases are closed, workers forgotten; who waits for an answer will be told NOT_ACTIVE.
void idn_reign_end(struct idn_core *core);
// Outside a reign: tells those who still wait, as many as one step has room for.
void idn_reign_dismiss(struct idn_core *core);

// The grace ends when every worker that is heard has said hello, at the latest after IDN_DEAD_MS.
void idn_reign_end_grace(struct idn_core *core);
uint64_t idn_reign_deadline(const struct idn_core *core);

// Image pages for every open job; what does not fit is the core's failure.
void idn_reign_open_images(struct idn_core *core);

#endif
