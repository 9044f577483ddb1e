// The peers of one ROUTER socket: a number for each, so that the core never sees a routing frame,
// and an outbox for what the socket does not take at once. Sends never block; everything a peer can
// make us hold is bounded: its outbox, all outboxes together, and the number of peers. Who exceeds
// a bound, cannot be reached, or has long been silent is forgotten, and comes out of
// idn_peers_next_gone once. A forgotten peer that speaks again is a new one.
//
// Does no I/O of its own: `send` does.
#ifndef IDN_BROKER_PEERS_H
#define IDN_BROKER_PEERS_H

#include "broker/core/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_peers;

struct idn_peers_config {
    uint32_t peers_max;
    uint64_t idle_ms_max; // silent longer with nothing in the outbox: forgotten; 0: never
    size_t outbox_bytes_max;
    size_t total_bytes_max; // of all outboxes; beyond it the peer that is stuck longest goes
    // Returns 0, -EAGAIN (the socket's own queue is full), or another -errno (nobody is there).
    int (*send)(void *context, uint32_t route, const void *data, size_t size);
    void *context; // borrowed
};

int idn_peers_new(const struct idn_peers_config *config, struct idn_peers **ret);
void idn_peers_destroy(struct idn_peers **peers); // NULL-safe, sets NULL

// The number of the peer behind a route that was just heard; new routes get new numbers, never 0.
// When the table is full, the peer that has been silent longest is forgotten for it.
idn_peer idn_peers_heard(struct idn_peers *peers, uint32_t route, uint64_t now_ms);

// Sends, or keeps a copy to send later, in order. Nothing happens for a forgotten peer.
void idn_peers_send(struct idn_peers *peers, idn_peer peer, const void *data, size_t size);

// Sends what the sockets take now. stuck: whether any outbox is not empty, so that flush should be
// called again soon.
void idn_peers_flush(struct idn_peers *peers);
bool idn_peers_stuck(const struct idn_peers *peers);

// Forgets who has been silent too long.
void idn_peers_expire(struct idn_peers *peers, uint64_t now_ms);

// Takes the next forgotten peer; false when there is none. To be drained before the next heard.
bool idn_peers_next_gone(struct idn_peers *peers, idn_peer *ret);

uint32_t idn_peers_count(const struct idn_peers *peers);
size_t idn_peers_bytes(const struct idn_peers *peers); // in all outboxes

#endif
