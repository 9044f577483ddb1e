// The broker's sockets (docs/PROTOCOL.md): ROUTER for clients, ROUTER for workers, SUB for the
// workers' beats, PUB for ours. Only moves frames: what is in them is the loop's affair. A message
// is exactly [route from the ROUTER][payload], a beat [topic][payload].
#ifndef IDN_BROKER_PORTS_H
#define IDN_BROKER_PORTS_H

#include "base/error.h"
#include "base/settings.h"

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum idn_port {
    IDN_PORT_CLIENTS,
    IDN_PORT_WORKERS,
    IDN_PORT_BEATS_IN,
    IDN_PORT_BEATS_OUT,
    IDN_PORT_COUNT
};

// The topic of a worker's and of a broker's beat.
#define IDN_TOPIC_WORKER "w"
#define IDN_TOPIC_BROKER "b"

struct idn_ports {
    void *context;
    void *socket[IDN_PORT_COUNT];
    uint32_t number[IDN_PORT_COUNT]; // TCP ports as bound: what the system chose for a 0
};

// Binds everything. Errors: -EADDRINUSE and others of bind, each a sentence with the address, the
// port and the configuration key that says another; nothing stays open then. Signals are to be
// blocked before: threads start here.
int idn_ports_open(
    const struct idn_settings *settings, struct idn_ports *ret, struct idn_reason *reason);
void idn_ports_close(struct idn_ports *ports);

// Before that: -EADDRNOTAVAIL when this broker's address in the configuration is none of this
// machine and the other letter's is, which means that the letter was forgotten.
int idn_ports_check_letter(const struct idn_settings *settings, struct idn_reason *reason);

// What a socket delivered: data until idn_incoming_release, which also accepts a zeroed struct.
struct idn_incoming {
    zmq_msg_t message;
    uint32_t route; // ROUTER only
    const void *data;
    size_t size;
};
void idn_incoming_release(struct idn_incoming *incoming);

enum idn_receive_result {
    IDN_RECEIVE_NONE = 1,    // nothing waits
    IDN_RECEIVE_FRAMES = 2,  // not the frames that a message has; ret->route says whose
    IDN_RECEIVE_UNKNOWN = 3, // from a peer that chose its own route, or a beat of another topic
};
// Takes the next message without waiting. ret needs release only after 0.
int idn_ports_receive(struct idn_ports *ports, enum idn_port port, struct idn_incoming *ret);

// Without waiting. Returns 0; -EAGAIN the queue to this peer is full; other -errno nobody is there.
int idn_ports_send(
    struct idn_ports *ports, enum idn_port port, uint32_t route, const void *data, size_t size);
void idn_ports_publish(struct idn_ports *ports, const void *data, size_t size);

// What every socket of the broker's is made of; for broker/mirror_port.c too.
enum { IDN_PORTS_ENDPOINT_SIZE = IDN_SETTINGS_HOST_SIZE + 32 };
void idn_ports_endpoint(
    const char *host, uint32_t number, char ret[static IDN_PORTS_ENDPOINT_SIZE]);
// queue: messages that may wait to be sent; message_bytes_max: of one that comes.
void idn_ports_set_up(void *socket, int queue, int64_t message_bytes_max);
uint32_t idn_ports_bound_number(void *socket);
// The sentence for an errno of bind; key: of the configuration. Returns -error.
int idn_ports_refuse_bind(
    int error, const char *host, uint32_t number, const char *key, struct idn_reason *reason);
// A message of one frame, or what is left of one to its last frame. ret as idn_ports_receive's.
int idn_ports_receive_last(void *socket, struct idn_incoming *ret);

#endif
