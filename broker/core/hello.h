#ifndef IDN_BROKER_CORE_HELLO_H
#define IDN_BROKER_CORE_HELLO_H

#include "broker/core/state.h"

// A worker's HELLO: see hello.c.
void idn_worker_hello(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message);

#endif
