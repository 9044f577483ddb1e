// A broker under test: the real idunno-broker, and clients and workers that a test moves by hand.
#ifndef IDN_TESTS_E2E_BROKER_BENCH_H
#define IDN_TESTS_E2E_BROKER_BENCH_H

#include "proto/codec.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { BENCH_WAIT_MS = 20 * 1000, BENCH_IMAGES = 100 };
enum { BENCH_CLIENTS, BENCH_WORKERS, BENCH_BEATS_IN, BENCH_BEATS_OUT, BENCH_PORTS };

struct bench {
    char folder[64]; // temporary: configuration, list, log, state
    unsigned port[BENCH_PORTS];
    void *context;
    struct idn_codec *codec;
    uint64_t requests, beats;
    pid_t broker;
};

static const char *bench_broker_program; // path of idunno-broker, from argv

static inline uint64_t bench_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

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

static inline FILE *bench_create(struct bench *bench, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    return file;
}

static inline void bench_write_files(struct bench *bench)
{
    FILE *list = bench_create(bench, "d0.list"), *config = bench_create(bench, "idunno.conf");

    for (int i = 0; i < BENCH_IMAGES; i++)
        (void)fprintf(list, "image%d.jpg\n", i);
    (void)fprintf(config,
        "cluster\n    port_clients = %u\n    port_workers = %u\n    port_beats_in = %u\n"
        "    port_beats_out = %u\nbroker\n    state = \"%s/state\"\n    min_free = \"1M\"\n"
        "models\n    m0\n        cfg = \"none.cfg\"\n        batch = 50\n        digest = \"",
        bench->port[0], bench->port[1], bench->port[2], bench->port[3], bench->folder);
    for (int i = 0; i < IDN_SHA256_SIZE; i++)
        (void)fputs("01", config);
    (void)fputs("\"\ndatasets\n    d0\n        list = \"d0.list\"\n", config);
    CHECK_INT(fclose(list), 0);
    CHECK_INT(fclose(config), 0);
}

static inline void bench_start(struct bench *bench)
{
    char config[128], log[128], program[] = "idunno-broker", option[] = "--config";
    char *arguments[] = {program, option, config, NULL};
    posix_spawn_file_actions_t files;

    (void)snprintf(config, sizeof(config), "%s/idunno.conf", bench->folder);
    (void)snprintf(log, sizeof(log), "%s/log", bench->folder);
    CHECK_INT(posix_spawn_file_actions_init(&files), 0);
    CHECK_INT(posix_spawn_file_actions_addopen(
                  &files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600),
        0);
    CHECK_INT(
        posix_spawn(&bench->broker, bench_broker_program, &files, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&files);
}

// The files of a folder, then itself.
static inline void bench_remove(const char *folder)
{
    DIR *directory = opendir(folder);

    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    (void)closedir(directory);
    (void)rmdir(folder);
}

static inline void bench_kill(struct bench *bench)
{
    (void)kill(bench->broker, SIGKILL);
    (void)waitpid(bench->broker, NULL, 0);
    bench->broker = 0;
}

static inline void bench_close(struct bench *bench)
{
    char state[128];

    if (bench->broker > 0)
        bench_kill(bench);
    idn_codec_destroy(&bench->codec);
    (void)zmq_ctx_term(bench->context);
    (void)snprintf(state, sizeof(state), "%s/state", bench->folder);
    bench_remove(state);
    bench_remove(bench->folder);
    bench->context = NULL;
}

static inline void bench_open(struct bench *bench)
{
    if (bench->broker > 0) // the test before failed; its sockets may be open
        bench_kill(bench);
    *bench = (struct bench){.context = zmq_ctx_new()};
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/idunno-broker-XXXXXX");
    CHECK(mkdtemp(bench->folder) != NULL);
    CHECK_INT(idn_codec_new(&bench->codec), 0);
    bench_choose_ports(bench);
    bench_write_files(bench);
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
    uint64_t end_ms = bench_clock_ms() + BENCH_WAIT_MS;
    zmq_pollitem_t item = {.socket = client, .events = ZMQ_POLLIN};

    for (;;) {
        CHECK(bench_clock_ms() < end_ms);
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
    uint64_t end_ms = bench_clock_ms() + wait_ms;
    zmq_pollitem_t item = {.socket = worker->orders, .events = ZMQ_POLLIN};

    do {
        struct idn_worker_beat beat = {
            .name = "hand", .nonce = worker->nonce, .sequence = ++bench->beats};
        struct idn_bytes bytes = idn_encode_worker_beat(bench->codec, &beat);
        CHECK(zmq_send(worker->beats, "w", 1, ZMQ_SNDMORE) >= 0);
        bench_send(worker->beats, bytes);
        if (zmq_poll(&item, 1, 100) > 0)
            return true;
    } while (bench_clock_ms() < end_ms);
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

static inline const char *bench_log(struct bench *bench)
{
    static char text[16 * 1024];
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/log", bench->folder);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

#endif
