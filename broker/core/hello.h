// A worker's introduction: see hello.c.
#ifndef IDN_BROKER_CORE_HELLO_H
#define IDN_BROKER_CORE_HELLO_H

#include "broker/core/state.h"

void idn_worker_hello(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message);

#endif
