// The child's life: one packet of its agent at a time (worker/child_message.h), until the agent
// closes the socket.
#ifndef IDN_WORKER_INFER_SERVE_H
#define IDN_WORKER_INFER_SERVE_H

#include "worker/infer/engine.h"

// 0 when the agent closed its end; -errno with a sentence for a broken socket or a packet that is
// not one of an agent's. The engine's networks are unloaded on return.
int idn_serve(int socket, struct idn_engine *engine, struct idn_reason *reason);

#endif
