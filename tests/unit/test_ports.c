// The broker's sockets over real loopback connections: frames, refusals of bind, a peer that never
// reads.
#include "broker/ports.h"
#include "proto/limits.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEADLINE_MS = 10000 };

static struct idn_ports ports;
static void *context; // of the test's own sockets

static void open_ports(void)
{
    struct idn_settings settings = {.broker_bind = "127.0.0.1"}; // ports 0: chosen by the system
    struct idn_reason reason = {0};

    context = zmq_ctx_new();
    CHECK_INT(idn_ports_open(&settings, &ports, &reason), 0);
}

static void close_ports(void)
{
    CHECK_INT(zmq_ctx_term(context), 0);
    idn_ports_close(&ports);
    CHECK(ports.context == NULL);
}

static void *connect_to(enum idn_port port, int type, const char *route)
{
    char address[64];
    void *socket = zmq_socket(context, type);

    CHECK(socket != NULL);
    CHECK_INT(zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int)), 0);
    CHECK_INT(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){DEADLINE_MS}, sizeof(int)), 0);
    if (route != NULL)
        CHECK_INT(zmq_setsockopt(socket, ZMQ_ROUTING_ID, route, strlen(route)), 0);
    if (type == ZMQ_SUB)
        CHECK_INT(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), 0);
    (void)snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", ports.number[port]);
    CHECK_INT(zmq_connect(socket, address), 0);
    return socket;
}

static int receive(enum idn_port port, struct idn_incoming *ret)
{
    zmq_pollitem_t item = {.socket = ports.socket[port], .events = ZMQ_POLLIN};

    *ret = (struct idn_incoming){0};
    CHECK_INT(zmq_poll(&item, 1, DEADLINE_MS), 1);
    return idn_ports_receive(&ports, port, ret);
}

static void test_a_message_there_and_back(void)
{
    struct idn_incoming incoming;
    char text[8] = "";

    open_ports();
    void *client = connect_to(IDN_PORT_CLIENTS, ZMQ_DEALER, NULL);
    CHECK_INT(zmq_send(client, "hello", 5, 0), 5);
    CHECK_INT(receive(IDN_PORT_CLIENTS, &incoming), 0);
    CHECK_INT(incoming.size, 5);
    CHECK(memcmp(incoming.data, "hello", 5) == 0);
    idn_incoming_release(&incoming);
    CHECK_INT(idn_ports_receive(&ports, IDN_PORT_CLIENTS, &incoming), IDN_RECEIVE_NONE);
    CHECK_INT(idn_ports_send(&ports, IDN_PORT_CLIENTS, incoming.route, "welcome", 7), 0);
    CHECK_INT(zmq_recv(client, text, sizeof(text), 0), 7);
    CHECK(memcmp(text, "welcome", 7) == 0);
    CHECK_INT(idn_ports_send(&ports, IDN_PORT_CLIENTS, incoming.route + 77, "x", 1), -EHOSTUNREACH);
    CHECK_INT(idn_ports_send(&ports, IDN_PORT_WORKERS, incoming.route, "x", 1), -EHOSTUNREACH);
    (void)zmq_close(client);
    close_ports();
}

static void test_other_frames_than_one(void)
{
    struct idn_incoming incoming;

    open_ports();
    void *client = connect_to(IDN_PORT_CLIENTS, ZMQ_DEALER, NULL);
    void *stranger = connect_to(IDN_PORT_WORKERS, ZMQ_DEALER, "abcd");
    for (int i = 0; i < 2 * IDN_FRAMES_MAX; i++)
        CHECK_INT(zmq_send(client, "many", 4, ZMQ_SNDMORE), 4);
    CHECK_INT(zmq_send(client, "last", 4, 0), 4);
    CHECK_INT(zmq_send(client, "good", 4, 0), 4);
    CHECK_INT(receive(IDN_PORT_CLIENTS, &incoming), IDN_RECEIVE_FRAMES);
    uint32_t route = incoming.route;
    CHECK_INT(receive(IDN_PORT_CLIENTS, &incoming), 0); // nothing of the bad one is left
    CHECK(memcmp(incoming.data, "good", 4) == 0);
    CHECK_INT(incoming.route, route);
    idn_incoming_release(&incoming);
    CHECK_INT(zmq_send(stranger, "mine", 4, 0), 4); // a route that the peer chose for itself
    CHECK_INT(receive(IDN_PORT_WORKERS, &incoming), IDN_RECEIVE_UNKNOWN);
    (void)zmq_close(client);
    (void)zmq_close(stranger);
    close_ports();
}

// Both may need several tries: a subscription travels for a moment before it counts.
static void test_beats_both_ways(void)
{
    struct idn_incoming incoming = {0};
    char topic[8] = "", text[8] = "";
    int result = IDN_RECEIVE_NONE;

    open_ports();
    void *in = connect_to(IDN_PORT_BEATS_IN, ZMQ_PUB, NULL);
    void *out = connect_to(IDN_PORT_BEATS_OUT, ZMQ_SUB, NULL);
    zmq_pollitem_t items[] = {{.socket = ports.socket[IDN_PORT_BEATS_IN], .events = ZMQ_POLLIN},
        {.socket = out, .events = ZMQ_POLLIN}};
    for (int tries = 0; items[0].revents == 0 && tries < DEADLINE_MS / 20; tries++) {
        CHECK_INT(zmq_send(in, "q", 1, ZMQ_SNDMORE), 1); // another topic never comes out
        CHECK_INT(zmq_send(in, "q", 1, 0), 1);
        CHECK_INT(zmq_send(in, IDN_TOPIC_WORKER, 1, ZMQ_SNDMORE), 1);
        CHECK_INT(zmq_send(in, "beat", 4, 0), 4);
        (void)zmq_poll(items, 1, 20);
    }
    result = idn_ports_receive(&ports, IDN_PORT_BEATS_IN, &incoming);
    CHECK_INT(result, 0);
    CHECK(incoming.size == 4 && memcmp(incoming.data, "beat", 4) == 0);
    idn_incoming_release(&incoming);
    for (int tries = 0; items[1].revents == 0 && tries < DEADLINE_MS / 20; tries++) {
        idn_ports_publish(&ports, "tick", 4);
        (void)zmq_poll(items + 1, 1, 20);
    }
    CHECK_INT(zmq_recv(out, topic, sizeof(topic), 0), 1);
    CHECK_STRING(topic, IDN_TOPIC_BROKER);
    CHECK_INT(zmq_recv(out, text, sizeof(text), 0), 4);
    (void)zmq_close(in);
    (void)zmq_close(out);
    close_ports();
}

static void test_a_peer_that_never_reads(void)
{
    static const uint8_t page[60000];
    struct idn_incoming incoming;
    int sent = 0, error = 0;
    char text[8] = "";

    open_ports();
    void *deaf = connect_to(IDN_PORT_CLIENTS, ZMQ_DEALER, NULL);
    void *other = connect_to(IDN_PORT_CLIENTS, ZMQ_DEALER, NULL);
    CHECK_INT(zmq_send(deaf, "d", 1, 0), 1);
    CHECK_INT(receive(IDN_PORT_CLIENTS, &incoming), 0);
    uint32_t deaf_route = incoming.route;
    idn_incoming_release(&incoming);
    CHECK_INT(zmq_send(other, "o", 1, 0), 1);
    CHECK_INT(receive(IDN_PORT_CLIENTS, &incoming), 0);
    idn_incoming_release(&incoming);
    while (error == 0 && sent++ < 100000)
        error = idn_ports_send(&ports, IDN_PORT_CLIENTS, deaf_route, page, sizeof(page));
    CHECK_INT(error, -EAGAIN);
    CHECK_INT(idn_ports_send(&ports, IDN_PORT_CLIENTS, incoming.route, "still", 5), 0);
    CHECK_INT(zmq_recv(other, text, sizeof(text), 0), 5);
    (void)zmq_close(deaf);
    (void)zmq_close(other);
    close_ports();
}

static void test_bind_refusals(void)
{
    struct idn_settings settings = {.broker_bind = "127.0.0.1"};
    struct idn_ports second = {0};
    struct idn_reason reason = {0};
    char port[16];

    open_ports();
    settings.port_workers = ports.number[IDN_PORT_WORKERS];
    CHECK_INT(idn_ports_open(&settings, &second, &reason), -EADDRINUSE);
    (void)snprintf(port, sizeof(port), "%u", settings.port_workers);
    CHECK_CONTAINS(reason.text, port);
    CHECK_CONTAINS(reason.text, "127.0.0.1 is in use");
    CHECK_CONTAINS(reason.text, "cluster/port_workers");
    CHECK(second.context == NULL);
    settings = (struct idn_settings){.broker_bind = "203.0.113.9"};
    CHECK(idn_ports_open(&settings, &second, &reason) < 0);
    CHECK_CONTAINS(reason.text, "203.0.113.9");
    CHECK_CONTAINS(reason.text, "broker/bind");
    settings = (struct idn_settings){.broker_bind = "localhost"};
    CHECK_INT(idn_ports_open(&settings, &second, &reason), 0);
    idn_ports_close(&second);
    close_ports();
}

static void test_the_letter_forgotten(void)
{
    struct idn_settings settings = {
        .broker_letter = 'a', .host = {"203.0.113.1", "127.0.0.1"}, .broker_bind = "0.0.0.0"};
    struct idn_reason reason = {0};

    CHECK_INT(idn_ports_check_letter(&settings, &reason), -EADDRNOTAVAIL);
    CHECK_STRING(reason.text,
        "cluster/a (203.0.113.1) is no address of this machine, but cluster/b "
        "(127.0.0.1) is one: is this broker b (--letter b)?");
    settings.broker_letter = 'b';
    CHECK_INT(idn_ports_check_letter(&settings, &reason), 0);
    // Neither, a name, and no second broker: nothing to be said here.
    settings = (struct idn_settings){.broker_letter = 'a', .host = {"203.0.113.1", "203.0.113.2"}};
    CHECK_INT(idn_ports_check_letter(&settings, &reason), 0);
    settings = (struct idn_settings){.broker_letter = 'a', .host = {"h.example", "127.0.0.1"}};
    CHECK_INT(idn_ports_check_letter(&settings, &reason), 0);
    settings = (struct idn_settings){.broker_letter = 'a', .host = {"203.0.113.1", ""}};
    CHECK_INT(idn_ports_check_letter(&settings, &reason), 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_a_message_there_and_back),
        CHECK_TEST(test_other_frames_than_one),
        CHECK_TEST(test_beats_both_ways),
        CHECK_TEST(test_a_peer_that_never_reads),
        CHECK_TEST(test_bind_refusals),
        CHECK_TEST(test_the_letter_forgotten),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
