// What a worker says once it is known: reports, TRIMMED, beats, goodbye.
#ifndef IDN_BROKER_CORE_REPORTS_H
#define IDN_BROKER_CORE_REPORTS_H

#include "broker/core/state.h"

// Any message of a worker's; a worker that is not known is told to say HELLO_AGAIN.
void idn_worker_message(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message);

void idn_worker_beat(struct idn_core *core, const struct idn_worker_beat *beat);

#endif
