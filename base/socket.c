#include "base/socket.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>
#include <zmq.h>

struct option {
    int name, value;
};

static const struct option common[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 5},
    {ZMQ_TCP_KEEPALIVE_INTVL, 2},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_TCP_MAXRT, 10 * 1000},
    {ZMQ_HANDSHAKE_IVL, 3000},
};

static const struct option connecting[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_CONNECT_TIMEOUT, 1000},
    {ZMQ_RECONNECT_IVL, 100},
};

void idn_socket_set(void *socket, int option, int value)
{
    int error = zmq_setsockopt(socket, option, &value, sizeof(value));
    IDN_ASSERT(error == 0);
}

void idn_socket_subscribe(void *socket, const char *topic)
{
    int error = zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
    IDN_ASSERT(error == 0);
}

void idn_socket_set_up(void *socket, int64_t message_bytes_max)
{
    for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
        idn_socket_set(socket, common[i].name, common[i].value);
    int error =
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max));
    IDN_ASSERT(error == 0);
}

void idn_socket_set_up_connecting(void *socket, int reconnect_ms_max)
{
    for (size_t i = 0; i < sizeof(connecting) / sizeof(*connecting); i++)
        idn_socket_set(socket, connecting[i].name, connecting[i].value);
    idn_socket_set(socket, ZMQ_RECONNECT_IVL_MAX, reconnect_ms_max);
}
