#include "broker/mirror_port.h"

#include "base/assert.h"
#include "base/socket.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdio.h>

// libzmq closes in a thread of its own, in a millisecond or two. Who holds the port longer is
// another program, and may take his time.
enum { RETRY_MS = 2, TRIES_QUICK = 500, RETRY_SLOW_MS = 100 };

// More than the core ever has unacknowledged, with its beats; a queue that is full means that
// nobody reads.
enum { QUEUE = 4 * IDN_MIRROR_WINDOW };

// NULL: libzmq has not closed the ones before yet, a thousand of them.
static void *new_socket(const struct idn_mirror_port *port)
{
    void *socket = zmq_socket(port->context, ZMQ_PAIR);

    if (socket == NULL)
        return NULL;
    idn_ports_set_up(socket, QUEUE, IDN_MIRROR_MESSAGE_BYTES_MAX);
    idn_socket_set(socket, ZMQ_RCVHWM, 0); // the loop drains it
    if (!port->binds) {
        idn_socket_set(socket, ZMQ_CONNECT_TIMEOUT, IDN_DEAD_MS);
        idn_socket_set(socket, ZMQ_RECONNECT_IVL, IDN_BEAT_MS / 4);
    }
    return socket;
}

// 0 or -errno.
static int open_socket(struct idn_mirror_port *port)
{
    if (port->waiting == NULL)
        port->waiting = new_socket(port);
    if (port->waiting == NULL)
        return -zmq_errno();
    if ((port->binds ? zmq_bind(port->waiting, port->endpoint)
                     : zmq_connect(port->waiting, port->endpoint)) != 0)
        return -zmq_errno();
    port->socket = port->waiting;
    port->waiting = NULL;
    return 0;
}

static void close_socket(void **socket)
{
    if (*socket != NULL)
        (void)zmq_close(*socket);
    *socket = NULL;
}

int idn_mirror_port_open(void *context, const struct idn_settings *settings,
    struct idn_mirror_port *ret, struct idn_reason *reason)
{
    struct idn_mirror_port port = {.context = context, .binds = settings->broker_letter == 'a'};
    const char *host = port.binds ? settings->broker_bind : settings->host[0];

    idn_ports_endpoint(host, settings->port_mirror, port.endpoint);
    int error = open_socket(&port);
    close_socket(&port.waiting);
    if (error < 0 && port.binds)
        return idn_ports_refuse_bind(
            -error, host, settings->port_mirror, "cluster/port_mirror", reason);
    if (error < 0)
        return idn_reason_set(reason, error, "cluster/a = '%s' is no host that can be reached: %s",
            host, zmq_strerror(-error));
    port.number = port.binds ? idn_ports_bound_number(port.socket) : settings->port_mirror;
    // A port that the system chose stays the same after a reset.
    idn_ports_endpoint(host, port.number, port.endpoint);
    *ret = port;
    return 0;
}

void idn_mirror_port_close(struct idn_mirror_port *port)
{
    close_socket(&port->socket);
    close_socket(&port->waiting);
    *port = (struct idn_mirror_port){0};
}

void idn_mirror_port_reset(struct idn_mirror_port *port, uint64_t now_ms)
{
    close_socket(&port->socket);
    port->retry_ms = now_ms;
    port->tries = 0;
    (void)idn_mirror_port_retry(port, now_ms);
}

uint64_t idn_mirror_port_deadline(const struct idn_mirror_port *port)
{
    return port->context != NULL && port->socket == NULL ? port->retry_ms : UINT64_MAX;
}

int idn_mirror_port_retry(struct idn_mirror_port *port, uint64_t now_ms)
{
    if (now_ms < idn_mirror_port_deadline(port) || open_socket(port) == 0)
        return 0;
    port->tries++;
    port->retry_ms = now_ms + (port->tries < TRIES_QUICK ? RETRY_MS : RETRY_SLOW_MS);
    return port->tries == TRIES_QUICK ? IDN_MIRROR_PORT_HELD : 0;
}

int idn_mirror_port_receive(struct idn_mirror_port *port, struct idn_incoming *ret)
{
    if (port->socket == NULL)
        return IDN_RECEIVE_NONE;
    ret->route = 0;
    return idn_ports_receive_last(port->socket, ret);
}

int idn_mirror_port_send(struct idn_mirror_port *port, const void *data, size_t size)
{
    if (port->socket == NULL)
        return -EAGAIN;
    return zmq_send(port->socket, data, size, ZMQ_DONTWAIT) < 0 ? -zmq_errno() : 0;
}
