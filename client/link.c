#include "client/link.h"

#include "base/assert.h"
#include "base/socket.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

enum { RECONNECT_MS_MAX = 2000 };

static void *new_socket(void *context)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);

    IDN_ASSERT(socket != NULL);
    idn_socket_set_up(socket, IDN_CLIENT_MESSAGE_BYTES_MAX);
    idn_socket_set_up_connecting(socket, RECONNECT_MS_MAX);
    return socket;
}

int idn_link_open(
    const char *const *addresses, uint32_t brokers, struct idn_link *ret, struct idn_reason *reason)
{
    struct idn_link link = {.context = zmq_ctx_new(), .brokers = brokers};

    IDN_ASSERT(link.context != NULL && brokers >= 1 && brokers <= IDN_BROKERS_MAX);
    for (uint32_t i = 0; i < brokers; i++) {
        (void)snprintf(link.address[i], sizeof(link.address[i]), "%s", addresses[i]);
        link.socket[i] = new_socket(link.context);
        if (zmq_connect(link.socket[i], addresses[i]) != 0) {
            int error = zmq_errno();
            idn_link_close(&link);
            return idn_reason_set(reason, -EINVAL,
                "'%.200s' is not a broker's address (%s); write it as tcp://host:5570",
                addresses[i], zmq_strerror(error));
        }
    }
    *ret = link;
    return 0;
}

void idn_link_close(struct idn_link *link)
{
    for (uint32_t i = 0; i < link->brokers; i++)
        if (link->socket[i] != NULL)
            (void)zmq_close(link->socket[i]);
    if (link->context != NULL)
        (void)zmq_ctx_term(link->context);
    *link = (struct idn_link){0};
}

void idn_link_reopen(struct idn_link *link, uint32_t broker)
{
    (void)zmq_close(link->socket[broker]);
    link->socket[broker] = new_socket(link->context);
    link->wants_write[broker] = false;
    // The address was good before; should it not be now, the sends fail as without a broker.
    (void)zmq_connect(link->socket[broker], link->address[broker]);
}

bool idn_link_send(struct idn_link *link, uint32_t broker, const void *data, size_t size)
{
    int sent;

    do
        sent = zmq_send(link->socket[broker], data, size, ZMQ_DONTWAIT);
    while (sent < 0 && zmq_errno() == EINTR);
    link->wants_write[broker] = sent < 0;
    return sent >= 0;
}

// With IMMEDIATE=1 a socket without a connection has nowhere to write to.
bool idn_link_is_connected(const struct idn_link *link, uint32_t broker)
{
    int events = 0;
    size_t size = sizeof(events);

    return zmq_getsockopt(link->socket[broker], ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLOUT) != 0;
}

// Returns the frame's size, or -1 when there is no message; *ret_more tells whether others follow.
static int receive_frame(void *socket, void *data, size_t room, bool *ret_more)
{
    int more = 0, size;
    size_t more_size = sizeof(more);

    do
        size = zmq_recv(socket, data, room, ZMQ_DONTWAIT);
    while (size < 0 && zmq_errno() == EINTR);
    if (size >= 0)
        (void)zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size);
    *ret_more = more != 0;
    return size;
}

bool idn_link_receive(struct idn_link *link, uint32_t broker,
    uint8_t data[static IDN_CLIENT_MESSAGE_BYTES_MAX], size_t *ret_size)
{
    void *socket = link->socket[broker];

    for (;;) {
        bool more, several;
        int size = receive_frame(socket, data, IDN_CLIENT_MESSAGE_BYTES_MAX, &more);
        if (size < 0)
            return false;
        several = more;
        while (more)
            (void)receive_frame(socket, data, IDN_CLIENT_MESSAGE_BYTES_MAX, &more);
        if (!several && size <= IDN_CLIENT_MESSAGE_BYTES_MAX) {
            *ret_size = (size_t)size;
            return true;
        }
    }
}

bool idn_link_wait(struct idn_link *link, int stop_fd, long timeout_ms)
{
    zmq_pollitem_t items[IDN_BROKERS_MAX + 1] = {0};
    int count = 0;

    for (uint32_t i = 0; i < link->brokers; i++)
        items[count++] = (zmq_pollitem_t){.socket = link->socket[i],
            .events = (short)(link->wants_write[i] ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN)};
    if (stop_fd > 0)
        items[count++] = (zmq_pollitem_t){.fd = stop_fd, .events = ZMQ_POLLIN};
    if (zmq_poll(items, count, timeout_ms) <= 0)
        return false;
    return stop_fd > 0 && (items[count - 1].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0;
}
