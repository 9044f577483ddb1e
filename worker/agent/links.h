// The worker's sockets to its brokers (docs/PROTOCOL.md): for each a DEALER for messages, a SUB for
// its beats and a PUB for ours. Only moves frames: what is in them is the loop's affair. A
// message is exactly one frame, a beat a topic and a payload.
#ifndef IDN_WORKER_AGENT_LINKS_H
#define IDN_WORKER_AGENT_LINKS_H

#include "base/error.h"
#include "base/settings.h"

#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

// The topic of a worker's and of a broker's beat.
#define IDN_LINKS_TOPIC_WORKER "w"
#define IDN_LINKS_TOPIC_BROKER "b"

struct idn_links {
    const struct idn_settings *settings; // borrowed
    uint32_t brokers;
    void *context;
    void *orders[IDN_SETTINGS_BROKERS_MAX];    // DEALER
    void *beats_in[IDN_SETTINGS_BROKERS_MAX];  // SUB
    void *beats_out[IDN_SETTINGS_BROKERS_MAX]; // PUB
};

// Begins to connect; a broker that is not there yet is no error. Signals are to be blocked before:
// threads start here. Nothing stays open after an error.
int idn_links_open(
    const struct idn_settings *settings, struct idn_links *ret, struct idn_reason *reason);
// New sockets to a broker in place of the old ones: after an answer that is no ZMTP, or not the
// socket that belongs there, libzmq never tries that connection again. What was on its way is lost.
// The old ones stay when there can be no new ones.
void idn_links_renew(struct idn_links *links, uint32_t broker);
// What was sent and has not left gets so long to leave.
void idn_links_close(struct idn_links *links, int linger_ms);

// Without waiting. -EAGAIN: not connected, or the queue is full; then it is lost, as any message
// may be.
int idn_links_send(struct idn_links *links, uint32_t broker, const void *data, size_t size);
void idn_links_publish(struct idn_links *links, const void *data, size_t size);

// Takes the next message of the socket (one of orders or beats_in) without waiting: its payload is
// in ret (initialised by the caller, closed by the caller). 0; IDN_LINKS_NONE; IDN_LINKS_FRAMES
// not the frames that a message has: dropped.
enum idn_links_result { IDN_LINKS_NONE = 1, IDN_LINKS_FRAMES = 2 };
int idn_links_receive(void *socket, zmq_msg_t *ret);

#endif
