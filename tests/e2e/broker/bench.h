// A broker under test: the real idunno-broker, and clients and workers that a test moves by hand.
#ifndef IDN_TESTS_E2E_BROKER_BENCH_H
#define IDN_TESTS_E2E_BROKER_BENCH_H

#include "proto/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/process.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum { BENCH_WAIT_MS = 20 * 1000, BENCH_IMAGES = 100 };
enum { BENCH_CLIENTS, BENCH_WORKERS, BENCH_BEATS_IN, BENCH_BEATS_OUT, BENCH_PORTS };

struct bench {
    struct process broker;
    unsigned port[BENCH_PORTS];
    void *context;
    struct idn_codec *codec;
    uint64_t requests, beats;
};

static const char *bench_broker_program; // path of idunno-broker, from argv

// Ports that are free now. By plain sockets: ZeroMQ's close a moment later, and a client that finds
// one of them still there gives that connection up for ever.
static inline void bench_choose_ports(struct bench *bench)
{
    int fd[BENCH_PORTS];

    for (int i = 0; i < BENCH_PORTS; i++) {
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd[i] >= 0);
        CHECK_INT(bind(fd[i], (const struct sockaddr *)&address, size), 0);
        CHECK_INT(getsockname(fd[i], (struct sockaddr *)&address, &size), 0);
        bench->port[i] = ntohs(address.sin_port);
    }
    for (int i = 0; i < BENCH_PORTS; i++)
        (void)close(fd[i]);
}

static inline void bench_start(struct bench *bench)
{
    static const char *const none[] = {NULL};

    process_start(&bench->broker, bench_broker_program, none);
}

static inline void bench_close(struct bench *bench)
{
    process_close(&bench->broker);
    idn_codec_destroy(&bench->codec);
    (void)zmq_ctx_term(bench->context);
    bench->context = NULL;
}

static inline void bench_open(struct bench *bench)
{
    process_close(&bench->broker); // when the test before failed; its sockets may be open
    *bench = (struct bench){.context = zmq_ctx_new()};
    CHECK_INT(idn_codec_new(&bench->codec), 0);
    bench_choose_ports(bench);
    process_open(&bench->broker, BENCH_IMAGES);
    process_configure(&bench->broker,
        "cluster\n    port_clients = %u\n    port_workers = %u\n    port_beats_in = %u\n"
        "    port_beats_out = %u\nbroker\n    state = \"%s/state\"\n    min_free = \"1M\"\n",
        bench->port[0], bench->port[1], bench->port[2], bench->port[3], bench->broker.folder);
    bench_start(bench);
}

static inline void *bench_connect(struct bench *bench, int port, int type)
{
    char address[64];
    void *socket = zmq_socket(bench->context, type);

    CHECK(socket != NULL);
    CHECK_INT(zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int)), 0);
    CHECK_INT(zmq_setsockopt(socket, ZMQ_SNDTIMEO, &(int){BENCH_WAIT_MS}, sizeof(int)), 0);
    (void)snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", bench->port[port]);
    CHECK_INT(zmq_connect(socket, address), 0);
    return socket;
}

static inline void bench_send(void *socket, struct idn_bytes bytes)
{
    CHECK(zmq_send(socket, bytes.data, bytes.size, 0) >= 0);
}

// Waits for one frame; its size.
static inline size_t bench_receive(void *socket, void *data, size_t size)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

    CHECK_INT(zmq_poll(&item, 1, BENCH_WAIT_MS), 1);
    int got = zmq_recv(socket, data, size, 0);
    CHECK(got >= 0 && (size_t)got <= size);
    return (size_t)got;
}

// The next reply, of any request.
static inline const struct idn_reply *bench_reply(struct bench *bench, void *client)
{
    static uint8_t bytes[IDN_CLIENT_MESSAGE_BYTES_MAX];
    static struct idn_reply reply;
    size_t size = bench_receive(client, bytes, sizeof(bytes));

    CHECK_INT(idn_decode_reply(bench->codec, bytes, size, &reply, NULL), 0);
    return &reply;
}

// Asks until this request is answered: one that was sent to a broker that is no more is lost, and
// one that only just begins its reign says so.
static inline const struct idn_reply *bench_ask(
    struct bench *bench, void *client, struct idn_request request)
{
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;
    zmq_pollitem_t item = {.socket = client, .events = ZMQ_POLLIN};

    for (;;) {
        CHECK(process_clock_ms() < end_ms);
        request.id = ++bench->requests;
        bench_send(client, idn_encode_request(bench->codec, &request));
        while (zmq_poll(&item, 1, 500) > 0) {
            const struct idn_reply *reply = bench_reply(bench, client);
            if (reply->id != request.id)
                continue;
            if (reply->type != IDN_REPLY_REFUSED || reply->u.refused.code != IDN_REFUSED_NOT_ACTIVE)
                return reply;
            break;
        }
    }
}

// A worker as the broker sees it: its orders' socket and its beats'.
struct bench_worker {
    void *orders, *beats;
    uint64_t nonce;
};

static inline void bench_worker_open(struct bench *bench, uint64_t nonce, struct bench_worker *ret)
{
    *ret = (struct bench_worker){.nonce = nonce,
        .orders = bench_connect(bench, BENCH_WORKERS, ZMQ_DEALER),
        .beats = bench_connect(bench, BENCH_BEATS_IN, ZMQ_PUB)};
}

static inline void bench_worker_close(struct bench_worker *worker)
{
    (void)zmq_close(worker->orders);
    (void)zmq_close(worker->beats);
}

// Beats until an order comes, so that the broker counts the worker alive.
static inline bool bench_wait_beating(
    struct bench *bench, struct bench_worker *worker, uint64_t wait_ms)
{
    uint64_t end_ms = process_clock_ms() + wait_ms;
    zmq_pollitem_t item = {.socket = worker->orders, .events = ZMQ_POLLIN};

    do {
        struct idn_worker_beat beat = {
            .name = "hand", .nonce = worker->nonce, .sequence = ++bench->beats};
        struct idn_bytes bytes = idn_encode_worker_beat(bench->codec, &beat);
        CHECK(zmq_send(worker->beats, "w", 1, ZMQ_SNDMORE) >= 0);
        bench_send(worker->beats, bytes);
        if (zmq_poll(&item, 1, 100) > 0)
            return true;
    } while (process_clock_ms() < end_ms);
    return false;
}

// The next order of this type, others are dropped.
static inline const struct idn_order *bench_order(
    struct bench *bench, struct bench_worker *worker, uint32_t type)
{
    static uint8_t bytes[IDN_WORKER_MESSAGE_BYTES_MAX];
    static struct idn_order order;

    do {
        CHECK(bench_wait_beating(bench, worker, BENCH_WAIT_MS));
        size_t size = bench_receive(worker->orders, bytes, sizeof(bytes));
        CHECK_INT(idn_decode_order(bench->codec, bytes, size, &order, NULL), 0);
    } while (order.type != type);
    return &order;
}

#endif
