#include "tests/lib/fake_broker.h"

#include "base/assert.h"
#include "proto/codec.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

static void send_to(struct fake_broker *broker, const void *route, size_t route_size,
    const void *data, size_t size, bool more)
{
    (void)zmq_send(broker->socket, route, route_size, ZMQ_SNDMORE);
    (void)zmq_send(broker->socket, data, size, more ? ZMQ_SNDMORE : 0);
    if (more)
        (void)zmq_send(broker->socket, data, size, 0);
}

static void serve_one(struct fake_broker *broker, struct idn_codec *codec)
{
    uint8_t route[16], data[IDN_CLIENT_MESSAGE_BYTES_MAX];
    struct idn_request request;
    struct idn_reply reply;

    int route_size = zmq_recv(broker->socket, route, sizeof(route), 0);
    int size = zmq_recv(broker->socket, data, sizeof(data), 0);
    IDN_ASSERT(route_size > 0 && size > 0);
    int error = idn_decode_request(codec, data, (size_t)size, &request, NULL, NULL);
    IDN_ASSERT(error == 0);
    atomic_fetch_add(&broker->requests, 1);
    memset(&reply, 0, sizeof(reply));
    reply.id = request.id;
    bool answers = broker->answer(broker, &request, &reply);
    if (atomic_load(&broker->garbage))
        send_to(broker, route, (size_t)route_size, "garbage", 7, false);
    if (!answers)
        return;
    struct idn_bytes bytes = idn_encode_reply(codec, &reply);
    send_to(broker, route, (size_t)route_size, bytes.data, bytes.size,
        atomic_load(&broker->two_frames));
}

static void *serve(void *argument)
{
    struct fake_broker *broker = argument;
    struct idn_codec *codec;
    int error = idn_codec_new(&codec);
    IDN_ASSERT(error == 0);

    for (;;) {
        zmq_pollitem_t items[] = {{.socket = broker->socket, .events = ZMQ_POLLIN},
            {.fd = broker->stop_fd, .events = ZMQ_POLLIN}};
        (void)zmq_poll(items, 2, -1);
        if (items[1].revents != 0)
            break;
        if (items[0].revents != 0)
            serve_one(broker, codec);
    }
    idn_codec_destroy(&codec);
    return NULL;
}

void fake_broker_start(struct fake_broker *broker, fake_answer *answer)
{
    int linger = 0, error;
    size_t size = sizeof(broker->address);

    broker->answer = answer;
    broker->stop_fd = eventfd(0, EFD_CLOEXEC);
    broker->context = zmq_ctx_new();
    broker->socket = zmq_socket(broker->context, ZMQ_ROUTER);
    IDN_ASSERT(broker->stop_fd >= 0 && broker->socket != NULL);
    (void)zmq_setsockopt(broker->socket, ZMQ_LINGER, &linger, sizeof(linger));
    do
        error = zmq_bind(
            broker->socket, broker->address[0] == '\0' ? "tcp://127.0.0.1:*" : broker->address);
    while (error != 0 && zmq_errno() == EADDRINUSE && poll(NULL, 0, 10) == 0);
    IDN_ASSERT(error == 0);
    error = zmq_getsockopt(broker->socket, ZMQ_LAST_ENDPOINT, broker->address, &size);
    IDN_ASSERT(error == 0);
    error = pthread_create(&broker->thread, NULL, serve, broker);
    IDN_ASSERT(error == 0);
}

void fake_broker_stop(struct fake_broker *broker)
{
    uint64_t one = 1;
    ssize_t written = write(broker->stop_fd, &one, sizeof(one));
    IDN_ASSERT(written == (ssize_t)sizeof(one));

    (void)pthread_join(broker->thread, NULL);
    (void)zmq_close(broker->socket);
    (void)zmq_ctx_term(broker->context);
    (void)close(broker->stop_fd);
}

bool fake_welcome(struct idn_reply *ret, uint32_t role)
{
    ret->type = IDN_REPLY_WELCOME;
    ret->u.welcome.version = IDN_PROTOCOL_HIGHEST;
    ret->u.welcome.role = role;
    ret->u.welcome.broker[0] = 'a';
    return true;
}

bool fake_refuse(struct idn_reply *ret, uint32_t code, const char *text)
{
    ret->type = IDN_REPLY_REFUSED;
    ret->u.refused.code = code;
    (void)snprintf(ret->u.refused.text, sizeof(ret->u.refused.text), "%s", text);
    return true;
}
