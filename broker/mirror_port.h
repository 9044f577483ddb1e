// The socket of the mirror link: PAIR, which broker a binds and broker b connects. Only moves
// frames, and never trusts libzmq's own reconnection: after a break a new connection may look
// healthy while nothing ever arrives (the old peer's pipe is still there). So whoever hears nothing
// resets: the socket is closed with all it holds, and another one opened.
//
//           open                 reset                   retry
//   (none) ------> OPEN --------------------> CLOSED ------------> OPEN
//                    ^   the old one still     |  ^         |
//                    |   holds the port        |  '---------'
//                    '-------------------------'   in use: RETRY_MS later
//                          it was free at once
#ifndef IDN_BROKER_MIRROR_PORT_H
#define IDN_BROKER_MIRROR_PORT_H

#include "broker/ports.h"

struct idn_mirror_port {
    void *context; // borrowed
    void *socket;  // owned; NULL while CLOSED
    void *waiting; // owned; while CLOSED, the next one, which could not bind yet; or NULL
    bool binds;
    char endpoint[IDN_PORTS_ENDPOINT_SIZE];
    uint32_t number;   // TCP port as bound or connected to
    uint64_t retry_ms; // when CLOSED: when to try next
    uint32_t tries;    // that failed since the reset
};

// Errors only of broker a's bind, as idn_ports_open's.
int idn_mirror_port_open(void *context, const struct idn_settings *settings,
    struct idn_mirror_port *ret, struct idn_reason *reason);
void idn_mirror_port_close(struct idn_mirror_port *port); // also one that is zeroed

// Drops what is queued both ways and begins anew, now or in one of the next retries.
void idn_mirror_port_reset(struct idn_mirror_port *port, uint64_t now_ms);
// When a retry is wanted; UINT64_MAX: not at all.
uint64_t idn_mirror_port_deadline(const struct idn_mirror_port *port);
// Tries once if it is time. Returns 0, or once a reset IDN_MIRROR_PORT_HELD: the port has been in
// use for so long that it must be another program's.
enum { IDN_MIRROR_PORT_HELD = 1 };
int idn_mirror_port_retry(struct idn_mirror_port *port, uint64_t now_ms);

// As idn_ports_receive; never a route.
int idn_mirror_port_receive(struct idn_mirror_port *port, struct idn_incoming *ret);
// Without waiting. Returns 0; -EAGAIN: the queue is full, or the socket is not there now.
int idn_mirror_port_send(struct idn_mirror_port *port, const void *data, size_t size);

#endif
