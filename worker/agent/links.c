#include "worker/agent/links.h"

#include "base/socket.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// Messages that libzmq may queue to a broker: the window of reports and its repetition. Beats: a
// few, old ones are worth nothing.
enum { ORDER_QUEUE = 2 * IDN_REPORT_WINDOW, BEAT_QUEUE = 16, RECONNECT_MS_MAX = 500 };

static int open_socket(struct idn_links *links, int type, int queue, int64_t message_bytes_max,
    void **ret, struct idn_reason *reason)
{
    void *socket = zmq_socket(links->context, type);

    if (socket == NULL)
        return idn_reason_set(reason, -errno, "cannot make a socket: %s", zmq_strerror(errno));
    *ret = socket;
    idn_socket_set_up(socket, message_bytes_max);
    idn_socket_set_up_connecting(socket, RECONNECT_MS_MAX);
    idn_socket_set(socket, ZMQ_SNDHWM, queue);
    return 0;
}

static int connect_to(void *socket, const char *host, uint32_t port, struct idn_reason *reason)
{
    char address[IDN_SETTINGS_HOST_SIZE + 32];

    (void)snprintf(address, sizeof(address), "tcp://%s:%u", host, port);
    if (zmq_connect(socket, address) == 0)
        return 0;
    return idn_reason_set(
        reason, -errno, "cannot connect to %s: %s", address, zmq_strerror(zmq_errno()));
}

static void close_socket(void *socket, int linger_ms)
{
    if (socket == NULL)
        return;
    idn_socket_set(socket, ZMQ_LINGER, linger_ms);
    (void)zmq_close(socket);
}

static int open_broker(struct idn_links *links, uint32_t broker, struct idn_reason *reason)
{
    const struct idn_settings *settings = links->settings;
    const char *host = settings->host[broker];
    int error = open_socket(links, ZMQ_DEALER, ORDER_QUEUE, IDN_WORKER_MESSAGE_BYTES_MAX,
        &links->orders[broker], reason);

    if (error == 0)
        error = connect_to(links->orders[broker], host, settings->port_workers, reason);
    if (error == 0)
        error = open_socket(
            links, ZMQ_PUB, BEAT_QUEUE, IDN_BEAT_BYTES_MAX, &links->beats_out[broker], reason);
    if (error == 0)
        error = connect_to(links->beats_out[broker], host, settings->port_beats_in, reason);
    if (error == 0)
        error = open_socket(
            links, ZMQ_SUB, BEAT_QUEUE, IDN_BEAT_BYTES_MAX, &links->beats_in[broker], reason);
    if (error < 0)
        return error;
    idn_socket_subscribe(links->beats_in[broker], IDN_LINKS_TOPIC_BROKER);
    return connect_to(links->beats_in[broker], host, settings->port_beats_out, reason);
}

static void close_broker(struct idn_links *links, uint32_t broker, int linger_ms)
{
    close_socket(links->orders[broker], linger_ms);
    close_socket(links->beats_in[broker], 0);
    close_socket(links->beats_out[broker], 0);
    links->orders[broker] = links->beats_in[broker] = links->beats_out[broker] = NULL;
}

int idn_links_open(
    const struct idn_settings *settings, struct idn_links *ret, struct idn_reason *reason)
{
    struct idn_links links = {
        .settings = settings, .brokers = settings->host[1][0] != '\0' ? 2 : 1};
    int error = 0;

    links.context = zmq_ctx_new();
    if (links.context == NULL)
        return idn_reason_set(
            reason, -errno, "cannot make a ZeroMQ context: %s", zmq_strerror(errno));
    for (uint32_t i = 0; error == 0 && i < links.brokers; i++)
        error = open_broker(&links, i, reason);
    if (error < 0) {
        idn_links_close(&links, 0);
        return error;
    }
    *ret = links;
    return 0;
}

void idn_links_renew(struct idn_links *links, uint32_t broker)
{
    struct idn_links renewed = {.settings = links->settings, .context = links->context};

    if (open_broker(&renewed, broker, NULL) < 0) {
        close_broker(&renewed, broker, 0);
        return;
    }
    close_broker(links, broker, 0);
    links->orders[broker] = renewed.orders[broker];
    links->beats_in[broker] = renewed.beats_in[broker];
    links->beats_out[broker] = renewed.beats_out[broker];
}

void idn_links_close(struct idn_links *links, int linger_ms)
{
    for (uint32_t i = 0; i < links->brokers; i++)
        close_broker(links, i, linger_ms);
    if (links->context != NULL)
        (void)zmq_ctx_term(links->context);
    *links = (struct idn_links){0};
}

int idn_links_send(struct idn_links *links, uint32_t broker, const void *data, size_t size)
{
    return zmq_send(links->orders[broker], data, size, ZMQ_DONTWAIT) < 0 ? -zmq_errno() : 0;
}

void idn_links_publish(struct idn_links *links, const void *data, size_t size)
{
    for (uint32_t i = 0; i < links->brokers; i++)
        if (zmq_send(links->beats_out[i], IDN_LINKS_TOPIC_WORKER, strlen(IDN_LINKS_TOPIC_WORKER),
                ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
            (void)zmq_send(links->beats_out[i], data, size, ZMQ_DONTWAIT);
}

static bool is_sub(void *socket)
{
    int type = 0;
    size_t size = sizeof(type);

    (void)zmq_getsockopt(socket, ZMQ_TYPE, &type, &size);
    return type == ZMQ_SUB;
}

int idn_links_receive(void *socket, zmq_msg_t *ret)
{
    int wanted = is_sub(socket) ? 2 : 1, frames = 0;

    do {
        if (zmq_msg_recv(ret, socket, ZMQ_DONTWAIT) < 0)
            return frames == 0 ? IDN_LINKS_NONE : IDN_LINKS_FRAMES;
        frames++;
    } while (zmq_msg_more(ret));
    return frames == wanted ? 0 : IDN_LINKS_FRAMES;
}
