#include "broker/ports.h"

#include "base/assert.h"
#include "base/socket.h"
#include "proto/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Messages that libzmq may queue to one peer before our outbox takes over. Few, because a reply may
// be as long as the port's limit and libzmq counts messages, not bytes.
enum { CLIENT_QUEUE = 8, WORKER_QUEUE = 32, BEAT_QUEUE = 16, BACKLOG = 1024 };

// An automatic route: a zero byte, then a number that libzmq counts up.
enum { ROUTE_SIZE = 5 };

static const struct port {
    const char *key; // of the configuration
    int type, queue;
    int64_t message_bytes_max;
} port_table[IDN_PORT_COUNT] = {
    [IDN_PORT_CLIENTS] = {"cluster/port_clients", ZMQ_ROUTER, CLIENT_QUEUE,
        IDN_CLIENT_MESSAGE_BYTES_MAX},
    [IDN_PORT_WORKERS] = {"cluster/port_workers", ZMQ_ROUTER, WORKER_QUEUE,
        IDN_WORKER_MESSAGE_BYTES_MAX},
    [IDN_PORT_BEATS_IN] = {"cluster/port_beats_in", ZMQ_SUB, BEAT_QUEUE, IDN_BEAT_BYTES_MAX},
    [IDN_PORT_BEATS_OUT] = {"cluster/port_beats_out", ZMQ_PUB, BEAT_QUEUE, IDN_BEAT_BYTES_MAX},
};

void idn_ports_set_up(void *socket, int queue, int64_t message_bytes_max)
{
    idn_socket_set_up(socket, message_bytes_max);
    idn_socket_set(socket, ZMQ_BACKLOG, BACKLOG);
    idn_socket_set(socket, ZMQ_SNDHWM, queue);
}

static void set_up(void *socket, const struct port *port)
{
    idn_ports_set_up(socket, port->queue, port->message_bytes_max);
    if (port->type != ZMQ_PUB)
        idn_socket_set(socket, ZMQ_RCVHWM, 0);
    if (port->type == ZMQ_ROUTER)
        idn_socket_set(socket, ZMQ_ROUTER_MANDATORY, 1);
    if (port->type == ZMQ_SUB)
        idn_socket_subscribe(socket, IDN_TOPIC_WORKER);
}

int idn_ports_refuse_bind(
    int error, const char *host, uint32_t number, const char *key, struct idn_reason *reason)
{
    if (error == EADDRINUSE)
        return idn_reason_set(reason, -error,
            "port %u of %s is in use: stop the program that holds it or set another %s", number,
            host, key);
    if (error == EADDRNOTAVAIL || error == ENODEV)
        return idn_reason_set(reason, -error,
            "cannot bind %s: no address of this machine (broker/bind must be one, or 0.0.0.0)",
            host);
    return idn_reason_set(reason, -error, "cannot bind port %u of %s (%s, broker/bind): %s", number,
        host, key, zmq_strerror(error));
}

// A UDP socket may have any port of an address that is this machine's, and no other.
static bool is_here(const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool here = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        (void)close(fd);
    return here;
}

int idn_ports_check_letter(const struct idn_settings *settings, struct idn_reason *reason)
{
    uint32_t letter = settings->broker_letter, other = letter == 'a' ? 'b' : 'a';
    const char *host = settings->host[letter - 'a'], *others = settings->host[other - 'a'];
    struct in_addr address;

    if (inet_pton(AF_INET, host, &address) != 1 || is_here(host) || !is_here(others))
        return 0;
    return idn_reason_set(reason, -EADDRNOTAVAIL,
        "cluster/%c (%s) is no address of this machine, but cluster/%c (%s) is one: is this broker "
        "%c (--letter %c)?",
        (char)letter, host, (char)other, others, (char)other, (char)other);
}

uint32_t idn_ports_bound_number(void *socket)
{
    char endpoint[IDN_PORTS_ENDPOINT_SIZE] = "";
    size_t size = sizeof(endpoint);
    unsigned number = 0;

    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0) {
        const char *colon = strrchr(endpoint, ':');
        if (colon != NULL)
            (void)sscanf(colon + 1, "%u", &number); // NOLINT(cert-err34-c): libzmq wrote it
    }
    return number;
}

// libzmq binds addresses and interfaces, not names.
void idn_ports_endpoint(const char *host, uint32_t number, char ret[static IDN_PORTS_ENDPOINT_SIZE])
{
    (void)snprintf(ret, IDN_PORTS_ENDPOINT_SIZE, "tcp://%s:%u",
        strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, number);
}

static int open_port(struct idn_ports *ports, enum idn_port which, const char *host,
    uint32_t number, struct idn_reason *reason)
{
    const struct port *port = &port_table[which];
    char endpoint[IDN_PORTS_ENDPOINT_SIZE];

    void *socket = zmq_socket(ports->context, port->type);
    if (socket == NULL)
        return idn_reason_set(reason, -errno, "cannot make a socket: %s", zmq_strerror(errno));
    ports->socket[which] = socket;
    set_up(socket, port);
    idn_ports_endpoint(host, number, endpoint);
    if (zmq_bind(socket, endpoint) != 0)
        return idn_ports_refuse_bind(zmq_errno(), host, number, port->key, reason);
    ports->number[which] = idn_ports_bound_number(socket);
    return 0;
}

int idn_ports_open(
    const struct idn_settings *settings, struct idn_ports *ret, struct idn_reason *reason)
{
    struct idn_ports ports = {.context = zmq_ctx_new()};
    const uint32_t number[IDN_PORT_COUNT] = {
        [IDN_PORT_CLIENTS] = settings->port_clients,
        [IDN_PORT_WORKERS] = settings->port_workers,
        [IDN_PORT_BEATS_IN] = settings->port_beats_in,
        [IDN_PORT_BEATS_OUT] = settings->port_beats_out,
    };
    IDN_ASSERT(ports.context != NULL);

    for (int i = 0; i < IDN_PORT_COUNT; i++) {
        int error = open_port(&ports, (enum idn_port)i, settings->broker_bind, number[i], reason);
        if (error < 0) {
            idn_ports_close(&ports);
            return error;
        }
    }
    *ret = ports;
    return 0;
}

void idn_ports_close(struct idn_ports *ports)
{
    for (int i = 0; i < IDN_PORT_COUNT; i++)
        if (ports->socket[i] != NULL)
            (void)zmq_close(ports->socket[i]);
    if (ports->context != NULL)
        (void)zmq_ctx_term(ports->context);
    *ports = (struct idn_ports){0};
}

void idn_incoming_release(struct idn_incoming *incoming)
{
    if (incoming->data != NULL)
        (void)zmq_msg_close(&incoming->message);
    incoming->data = NULL;
}

// Reads one frame into *frame (initialised by us, closed by the caller). Returns 1 when more
// follow, 0 for the last one, -errno.
static int receive_frame(void *socket, zmq_msg_t *frame)
{
    int size;

    (void)zmq_msg_init(frame);
    do
        size = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);
    while (size < 0 && zmq_errno() == EINTR);
    if (size >= 0)
        return zmq_msg_more(frame);
    int error = zmq_errno();
    (void)zmq_msg_close(frame);
    return -error;
}

static void skip_frames(void *socket)
{
    zmq_msg_t frame;
    int more = 1;

    while (more > 0) {
        more = receive_frame(socket, &frame);
        if (more >= 0)
            (void)zmq_msg_close(&frame);
    }
}

int idn_ports_receive_last(void *socket, struct idn_incoming *ret)
{
    int more = receive_frame(socket, &ret->message);

    if (more < 0)
        return IDN_RECEIVE_NONE;
    if (more > 0) {
        (void)zmq_msg_close(&ret->message);
        skip_frames(socket);
        return IDN_RECEIVE_FRAMES;
    }
    ret->data = zmq_msg_data(&ret->message);
    ret->size = zmq_msg_size(&ret->message);
    return 0;
}

// The first frame: 0 and the route (0 for a beat), or that it is not one of ours.
static int read_head(enum idn_port port, zmq_msg_t *head, uint32_t *ret_route)
{
    const uint8_t *data = zmq_msg_data(head);
    size_t size = zmq_msg_size(head);

    if (port == IDN_PORT_BEATS_IN)
        return size == strlen(IDN_TOPIC_WORKER) && memcmp(data, IDN_TOPIC_WORKER, size) == 0
                   ? 0
                   : IDN_RECEIVE_UNKNOWN;
    if (size != ROUTE_SIZE || data[0] != 0)
        return IDN_RECEIVE_UNKNOWN;
    memcpy(ret_route, data + 1, sizeof(*ret_route));
    return 0;
}

int idn_ports_receive(struct idn_ports *ports, enum idn_port port, struct idn_incoming *ret)
{
    void *socket = ports->socket[port];
    zmq_msg_t head;

    int more = receive_frame(socket, &head);
    if (more < 0)
        return IDN_RECEIVE_NONE;
    ret->route = 0;
    int error = read_head(port, &head, &ret->route);
    (void)zmq_msg_close(&head);
    if (more == 0)
        return error != 0 ? error : IDN_RECEIVE_FRAMES;
    if (error != 0) {
        skip_frames(socket);
        return error;
    }
    return idn_ports_receive_last(socket, ret) == 0 ? 0 : IDN_RECEIVE_FRAMES;
}

int idn_ports_send(
    struct idn_ports *ports, enum idn_port port, uint32_t route, const void *data, size_t size)
{
    void *socket = ports->socket[port];
    uint8_t head[ROUTE_SIZE] = {0};

    memcpy(head + 1, &route, sizeof(route));
    if (zmq_send(socket, head, sizeof(head), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return -zmq_errno();
    // Once the head was taken the rest is: libzmq counts whole messages.
    return zmq_send(socket, data, size, ZMQ_DONTWAIT) < 0 ? -zmq_errno() : 0;
}

void idn_ports_publish(struct idn_ports *ports, const void *data, size_t size)
{
    void *socket = ports->socket[IDN_PORT_BEATS_OUT];

    // A PUB drops for a subscriber that is behind and never blocks; beats are made to be lost.
    if (zmq_send(socket, IDN_TOPIC_BROKER, strlen(IDN_TOPIC_BROKER), ZMQ_SNDMORE | ZMQ_DONTWAIT) >=
        0)
        (void)zmq_send(socket, data, size, ZMQ_DONTWAIT);
}
