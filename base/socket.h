// ZeroMQ sockets: what all of ours have in common, and those that connect to a broker. Never any
// ZMQ_HEARTBEAT_*: in libzmq 4.3.4 a peer that dies while our input is held back would abort this
// process (libzmq issues 3937, 4229, 4364, 4767).
#ifndef IDN_BASE_SOCKET_H
#define IDN_BASE_SOCKET_H

#include <stdint.h>

// An option that libzmq refuses is our mistake: asserted.
void idn_socket_set(void *socket, int option, int value);
void idn_socket_subscribe(void *socket, const char *topic);

// Before bind or connect: no lingering, TCP keep-alive, no longer messages than this.
void idn_socket_set_up(void *socket, int64_t message_bytes_max);
// Of one that connects to a broker: nothing is queued for one that is not there, so that nothing
// stale reaches the one that comes.
void idn_socket_set_up_connecting(void *socket, int reconnect_ms_max);

#endif
