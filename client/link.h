// The sockets of a libidunno handle: one DEALER a broker (a DEALER on two endpoints would
// round-robin), in a context of its own. Moves frames and knows nothing of what they mean.
#ifndef IDN_CLIENT_LINK_H
#define IDN_CLIENT_LINK_H

#include "base/error.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDN_LINK_ADDRESS_SIZE = 288 };

struct idn_link {
    void *context; // owned; NULL: not open
    uint32_t brokers;
    void *socket[IDN_BROKERS_MAX]; // owned
    char address[IDN_BROKERS_MAX][IDN_LINK_ADDRESS_SIZE];
    bool wants_write[IDN_BROKERS_MAX]; // a send found no connection; wait tells when there is one
};

// addresses: brokers of them. -EINVAL with a sentence when one is no ZeroMQ address; *ret needs no
// close then.
int idn_link_open(const char *const *addresses, uint32_t brokers, struct idn_link *ret,
    struct idn_reason *reason);
void idn_link_close(struct idn_link *link); // safe on a zeroed one

// Closes and opens the broker's socket: whatever was queued on it is gone.
void idn_link_reopen(struct idn_link *link, uint32_t broker);

// False when there is no connection (or its queue is full); wants_write is set then.
bool idn_link_send(struct idn_link *link, uint32_t broker, const void *data, size_t size);

bool idn_link_is_connected(const struct idn_link *link, uint32_t broker);

// Copies the next message of one frame and at most IDN_CLIENT_MESSAGE_BYTES_MAX bytes to data;
// others are dropped. False when there is none.
bool idn_link_receive(struct idn_link *link, uint32_t broker,
    uint8_t data[static IDN_CLIENT_MESSAGE_BYTES_MAX], size_t *ret_size);

// Waits until a socket is readable (or writable if it wants), stop_fd is readable (> 0), or
// timeout_ms (-1: no limit) has passed. Returns true when stop_fd is readable.
bool idn_link_wait(struct idn_link *link, int stop_fd, long timeout_ms);

#endif
