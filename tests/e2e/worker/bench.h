// A worker under test: the real idunno-worker (engine replay) and, in this process, a broker that
// is moved by hand: it beats by itself, hears what the worker says and sends what a test wants.
#ifndef IDN_TESTS_E2E_WORKER_BENCH_H
#define IDN_TESTS_E2E_WORKER_BENCH_H

#include "proto/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/process.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <zmq.h>

enum { BENCH_WAIT_MS = 20 * 1000 }; // the longest wait for anything; then a check fails

struct bench {
    struct process worker;
    void *context, *router, *beats_in, *beats_out;
    unsigned port[3]; // workers, beats in, beats out
    struct idn_codec *codec;
    uint8_t route[8];
    size_t route_size; // of the worker, once it was heard
    uint64_t nonce;    // of the worker's boot, likewise
    uint64_t beaten_ms, beats;
    bool silent; // do not beat
    struct idn_epoch epoch;
    uint64_t incarnation;
    struct idn_worker_beat beat; // last one heard
};

static const char *bench_worker_program; // path of idunno-worker, from argv

enum { BENCH_IMAGES = 1000 };

static inline void *bench_bind_socket(struct bench *bench, int type, unsigned *ret_port)
{
    void *socket = zmq_socket(bench->context, type);
    char endpoint[64];
    size_t size = sizeof(endpoint);
    int zero = 0;

    CHECK(socket != NULL);
    CHECK_INT(zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero)), 0);
    CHECK_INT(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    CHECK_INT(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    *ret_port = (unsigned)atoi(strrchr(endpoint, ':') + 1);
    return socket;
}

// Ends the worker, removes its folder.
static inline void bench_close(struct bench *bench)
{
    process_close(&bench->worker);
    idn_codec_destroy(&bench->codec);
    (void)zmq_close(bench->router);
    (void)zmq_close(bench->beats_in);
    (void)zmq_close(bench->beats_out);
    (void)zmq_ctx_term(bench->context);
    bench->context = NULL;
}

static inline void bench_open(struct bench *bench)
{
    if (bench->context != NULL) // the test before failed
        bench_close(bench);
    *bench = (struct bench){.epoch = {.counter = 1, .broker = 'a'}, .incarnation = 1};
    bench->context = zmq_ctx_new();
    bench->router = bench_bind_socket(bench, ZMQ_ROUTER, &bench->port[0]);
    bench->beats_in = bench_bind_socket(bench, ZMQ_SUB, &bench->port[1]);
    bench->beats_out = bench_bind_socket(bench, ZMQ_PUB, &bench->port[2]);
    CHECK_INT(zmq_setsockopt(bench->beats_in, ZMQ_SUBSCRIBE, "w", 1), 0);
    CHECK_INT(idn_codec_new(&bench->codec), 0);
    process_open(&bench->worker, BENCH_IMAGES);
    process_configure(&bench->worker,
        "cluster\n    port_workers = %u\n    port_beats_in = %u\n    port_beats_out = %u\n",
        bench->port[0], bench->port[1], bench->port[2]);
}

// options: a NULL-terminated list, beside the name w and the engine replay.
static inline void bench_start(struct bench *bench, const char *const *options)
{
    const char *all[PROCESS_OPTIONS_MAX] = {"--name", "w", "--engine", "replay"};

    for (size_t i = 4; *options != NULL && i + 1 < PROCESS_OPTIONS_MAX; i++)
        all[i] = *options++;
    process_start(&bench->worker, bench_worker_program, all);
}

static inline void bench_beat(struct bench *bench)
{
    struct idn_broker_beat beat = {.name = "bench",
        .incarnation = bench->incarnation,
        .sequence = ++bench->beats,
        .epoch = bench->epoch,
        .role = IDN_ROLE_ALONE,
        .beat_ms = IDN_BEAT_MS};
    struct idn_bytes bytes = idn_encode_broker_beat(bench->codec, &beat);

    (void)zmq_send(bench->beats_out, "b", 1, ZMQ_SNDMORE);
    (void)zmq_send(bench->beats_out, bytes.data, bytes.size, 0);
}

// The payload: the last frame, which is the second; false: nothing waits.
static inline bool bench_receive(void *socket, void *first, size_t *ret_first, zmq_msg_t *payload)
{
    int size = zmq_recv(socket, first, *ret_first, ZMQ_DONTWAIT);

    if (size < 0)
        return false;
    *ret_first = (size_t)size;
    (void)zmq_msg_init(payload);
    CHECK(zmq_msg_recv(payload, socket, 0) >= 0);
    CHECK(!zmq_msg_more(payload));
    return true;
}

static inline void bench_take_beats(struct bench *bench)
{
    zmq_msg_t payload;
    char topic[8];
    size_t size = sizeof(topic);

    while (bench_receive(bench->beats_in, topic, &size, &payload)) {
        CHECK_INT(idn_decode_worker_beat(bench->codec, zmq_msg_data(&payload),
                      zmq_msg_size(&payload), &bench->beat, NULL),
            0);
        (void)zmq_msg_close(&payload);
        size = sizeof(topic);
    }
}

static inline const struct idn_worker_message *bench_take_message(struct bench *bench)
{
    static struct idn_worker_message message;
    static uint8_t bytes[IDN_WORKER_MESSAGE_BYTES_MAX];
    zmq_msg_t payload;

    bench->route_size = sizeof(bench->route);
    if (!bench_receive(bench->router, bench->route, &bench->route_size, &payload))
        return NULL;
    size_t size = zmq_msg_size(&payload);
    memcpy(bytes, zmq_msg_data(&payload), size);
    (void)zmq_msg_close(&payload);
    CHECK_INT(idn_decode_worker(bench->codec, bytes, size, &message, NULL, NULL), 0);
    bench->nonce = message.nonce;
    return &message;
}

// The next message of this type within so many ms, others are dropped; NULL none. Borrowed until
// the next call.
static inline const struct idn_worker_message *bench_hear_within(
    struct bench *bench, uint32_t type, uint64_t wait_ms)
{
    uint64_t end_ms = process_clock_ms() + wait_ms;

    while (process_clock_ms() < end_ms) {
        zmq_pollitem_t items[] = {{.socket = bench->router, .events = ZMQ_POLLIN},
            {.socket = bench->beats_in, .events = ZMQ_POLLIN}};
        if (!bench->silent && process_clock_ms() >= bench->beaten_ms + 100) {
            bench->beaten_ms = process_clock_ms();
            bench_beat(bench);
        }
        (void)zmq_poll(items, 2, 20);
        bench_take_beats(bench);
        const struct idn_worker_message *message = bench_take_message(bench);
        if (message != NULL && message->type == type)
            return message;
    }
    return NULL;
}

// The same, which must come within BENCH_WAIT_MS.
static inline const struct idn_worker_message *bench_hear(struct bench *bench, uint32_t type)
{
    const struct idn_worker_message *message = bench_hear_within(bench, type, BENCH_WAIT_MS);

    if (message == NULL)
        (void)printf("  nothing of type %" PRIu32 " came; the worker's log:\n%s\n", type,
            process_log(&bench->worker));
    CHECK(message != NULL);
    return message;
}

// The worker's exit status; a check fails when it does not end.
static inline int bench_wait_exit(struct bench *bench)
{
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;
    int status;

    while (waitpid(bench->worker.pid, &status, WNOHANG) == 0) {
        CHECK(process_clock_ms() < end_ms);
        (void)bench_hear_within(bench, UINT32_MAX, 20);
    }
    bench->worker.pid = 0;
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// epoch and nonce are filled in.
static inline void bench_order(struct bench *bench, struct idn_order order)
{
    order.epoch = bench->epoch;
    order.nonce = bench->nonce;
    struct idn_bytes bytes = idn_encode_order(bench->codec, &order);

    CHECK(bench->route_size > 0);
    CHECK(zmq_send(bench->router, bench->route, bench->route_size, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(bench->router, bytes.data, bytes.size, 0) >= 0);
}

// Hears HELLO, answers it.
static inline void bench_welcome(struct bench *bench)
{
    struct idn_order order = {.type = IDN_ORDER_WELCOME};

    order.u.welcome.acknowledged = bench_hear(bench, IDN_WORKER_HELLO)->u.hello.reports_from - 1;
    order.u.welcome.version = 1;
    order.u.welcome.beat_ms = IDN_BEAT_MS;
    bench_order(bench, order);
}

static inline void bench_acknowledge(struct bench *bench, uint64_t number)
{
    struct idn_order order = {.type = IDN_ORDER_ACK};

    order.u.ack.number = number;
    bench_order(bench, order);
}

// Of model m0 (digest all 1) and the data set d0 of the folder.
static inline struct idn_order bench_lease(
    struct bench *bench, uint64_t serial, uint32_t first, uint32_t count)
{
    struct idn_order order = {.type = IDN_ORDER_LEASE};

    order.u.lease.id = (struct idn_lease_id){.epoch = bench->epoch, .serial = serial};
    order.u.lease.job.bytes[0] = 1;
    memcpy(order.u.lease.model, "m0", 3);
    memcpy(order.u.lease.dataset, "d0", 3);
    memset(order.u.lease.model_digest.bytes, 1, IDN_SHA256_SIZE);
    order.u.lease.list_digest = process_list_digest(&bench->worker);
    order.u.lease.first = first;
    order.u.lease.count = count;
    order.u.lease.first_slice = 2;
    return order;
}

// The inference child's process id, once there is one.
static inline pid_t bench_child(struct bench *bench)
{
    char path[64];
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;
    int pid = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)bench->worker.pid,
        (int)bench->worker.pid);
    while (process_clock_ms() < end_ms) {
        FILE *file = fopen(path, "r");
        int found = file != NULL ? fscanf(file, "%d", &pid) : 0; // NOLINT(cert-err34-c)
        if (file != NULL)
            (void)fclose(file);
        if (found == 1)
            return pid;
        (void)bench_hear_within(bench, UINT32_MAX, 20);
    }
    CHECK(pid > 0);
    return pid;
}

#endif
