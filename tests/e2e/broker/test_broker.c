// idunno-broker as a process: what it answers to what is no message, peers that flood it or never
// read, and a job whose worker is moved by hand, over kill -9. usage: test_broker IDUNNO_BROKER
#include "tests/e2e/broker/bench.h"

#include "proto/result.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct bench bench;

enum { FLOOD = 20 * 1000, WORKER_NONCE = 77, CLASS_HASH = 5 };

static const struct idn_request status = {.type = IDN_REQUEST_STATUS};

static void test_what_is_no_message_is_answered(void)
{
    // id 7 and a body of a later version; id 7 and half a field.
    static const char later[] = "\x09\x07\0\0\0\0\0\0\0\xc2\x0c\0",
                      broken[] = "\x09\x07\0\0\0\0\0\0\0\xaa";

    bench_open(&bench);
    void *client = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    CHECK(zmq_send(client, later, sizeof(later) - 1, 0) > 0);
    const struct idn_reply *reply = bench_reply(&bench, client);
    CHECK_INT(reply->type, IDN_REPLY_REFUSED);
    CHECK_INT(reply->u.refused.code, IDN_REFUSED_UNSUPPORTED);
    CHECK_INT(reply->id, 7);
    CHECK(zmq_send(client, broken, sizeof(broken) - 1, 0) > 0);
    reply = bench_reply(&bench, client);
    CHECK_INT(reply->u.refused.code, IDN_REFUSED_MALFORMED);
    CHECK_INT(reply->id, 7);
    CHECK(reply->u.refused.text[0] != '\0');
    CHECK(zmq_send(client, later, sizeof(later) - 1, ZMQ_SNDMORE) > 0);
    CHECK(zmq_send(client, later, sizeof(later) - 1, 0) > 0);
    reply = bench_reply(&bench, client);
    CHECK_INT(reply->u.refused.code, IDN_REFUSED_MALFORMED);
    CHECK_CONTAINS(reply->u.refused.text, "one frame");
    CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    (void)zmq_close(client);
    bench_close(&bench);
}

static void flood(void *socket, int port, unsigned *seed)
{
    uint8_t junk[64];
    size_t size = (size_t)(rand_r(seed) % (int)sizeof(junk));

    for (size_t i = 0; i < size; i++)
        junk[i] = (uint8_t)rand_r(seed);
    if (port == BENCH_BEATS_IN)
        CHECK(zmq_send(socket, "w", 1, ZMQ_SNDMORE) > 0);
    for (int more = rand_r(seed) % 32 / 31; more > 0; more--)
        CHECK(zmq_send(socket, junk, size, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(socket, junk, size, 0) >= 0);
}

static void test_a_flood_of_junk_stops_nobody(void)
{
    const int ports[] = {BENCH_CLIENTS, BENCH_WORKERS, BENCH_BEATS_IN};
    void *socket[3];
    unsigned seed = 1;

    bench_open(&bench);
    void *client = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    for (int i = 0; i < 3; i++)
        socket[i] =
            bench_connect(&bench, ports[i], ports[i] == BENCH_BEATS_IN ? ZMQ_PUB : ZMQ_DEALER);
    for (int i = 0; i < FLOOD; i++) {
        flood(socket[i % 3], ports[i % 3], &seed);
        if (i % (FLOOD / 4) == 0)
            CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    }
    CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    CHECK_INT(waitpid(bench.broker.pid, NULL, WNOHANG), 0);
    for (int i = 0; i < 3; i++)
        (void)zmq_close(socket[i]);
    (void)zmq_close(client);
    bench_close(&bench);
}

// It asks and asks and reads nothing: its outbox fills, it is forgotten, the others are served.
static void test_a_deaf_client_blocks_nobody(void)
{
    struct idn_request request = {.type = IDN_REQUEST_DATASETS};

    bench_open(&bench);
    void *deaf = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    void *client = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    for (int i = 0; i < FLOOD; i++) {
        request.id = (uint64_t)i + 1;
        bench_send(deaf, idn_encode_request(bench.codec, &request));
    }
    CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    (void)zmq_close(deaf);
    CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    (void)zmq_close(client);
    bench_close(&bench);
}

static struct idn_request job_request(uint32_t type)
{
    struct idn_request request = {.type = type, .job = {.bits = 128}};

    memset(request.job.key.bytes, 9, sizeof(request.job.key.bytes));
    return request;
}

static void submit(void *client)
{
    struct idn_request request = job_request(IDN_REQUEST_SUBMIT);

    memcpy(request.u.submit.model, "m0", 3);
    memcpy(request.u.submit.dataset, "d0", 3);
    memcpy(request.u.submit.client, "test", 5);
    request.u.submit.last = BENCH_IMAGES - 1;
    request.u.submit.weight = 1;
    const struct idn_reply *reply = bench_ask(&bench, client, request);
    CHECK_INT(reply->type, IDN_REPLY_ACCEPTED);
}

static void say_hello(struct bench_worker *worker)
{
    static struct idn_worker_message hello;

    hello = (struct idn_worker_message){.type = IDN_WORKER_HELLO, .nonce = worker->nonce};
    hello.u.hello.lowest = hello.u.hello.highest = 1;
    (void)snprintf(hello.u.hello.name, IDN_NAME_SIZE, "w%u", (unsigned)worker->nonce);
    memcpy(hello.u.hello.class_name, "hand", 5);
    hello.u.hello.class_hash = CLASS_HASH;
    hello.u.hello.threads = 1;
    hello.u.hello.reports_from = 1;
    hello.u.hello.models = hello.u.hello.datasets = 1;
    memcpy(hello.u.hello.model[0].name, "m0", 3);
    memset(hello.u.hello.model[0].digest.bytes, 1, IDN_SHA256_SIZE);
    memcpy(hello.u.hello.dataset[0].name, "d0", 3);
    hello.u.hello.dataset[0].digest = process_list_digest(&bench.broker);
    bench_send(worker->orders, idn_encode_worker(bench.codec, &hello));
}

// Says hello until the broker is ready to hear it.
static void join(uint64_t nonce, struct bench_worker *ret)
{
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;

    bench_worker_open(&bench, nonce, ret);
    do {
        CHECK(process_clock_ms() < end_ms);
        say_hello(ret);
    } while (!bench_wait_beating(&bench, ret, 200));
    (void)bench_order(&bench, ret, IDN_ORDER_WELCOME);
}

// Reports a whole lease, and waits until that is durable.
static void serve(struct bench_worker *worker)
{
    static struct idn_worker_message report;
    static uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
    const struct idn_order *lease = bench_order(&bench, worker, IDN_ORDER_LEASE);

    report = (struct idn_worker_message){.type = IDN_WORKER_REPORT, .nonce = worker->nonce};
    for (uint32_t i = 0; i < lease->u.lease.count; i++)
        idn_result_pack(&(struct idn_result){.index = lease->u.lease.first + i,
                            .class_id = {1, 2, 3, 4, 5},
                            .probability = {0.5f, 0.2f, 0.1f, 0.05f, 0.05f}},
            rows + (size_t)i * IDN_ROW_BYTES);
    report.u.report.number = 1;
    report.u.report.lease = lease->u.lease.id;
    report.u.report.job = lease->u.lease.job;
    report.u.report.spec_hash = lease->u.lease.spec_hash;
    report.u.report.count = lease->u.lease.count;
    report.u.report.rows = rows;
    report.u.report.class_hash = CLASS_HASH;
    report.u.report.compute_us = 1000;
    report.u.report.end = IDN_END_DONE;
    bench_send(worker->orders, idn_encode_worker(bench.codec, &report));
    CHECK_INT(bench_order(&bench, worker, IDN_ORDER_ACK)->u.ack.number, 1);
}

// Half of the job before a kill -9, half after it, by another worker; then another kill.
static void test_a_job_over_kills(void)
{
    struct bench_worker worker;
    struct idn_request job = job_request(IDN_REQUEST_JOB), rows = job_request(IDN_REQUEST_RESULTS);

    bench_open(&bench);
    void *client = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    submit(client);
    join(WORKER_NONCE, &worker);
    serve(&worker); // a task is 50 images: half of the job
    bench_worker_close(&worker);
    process_kill(&bench.broker);
    bench_start(&bench);
    const struct idn_reply *reply = bench_ask(&bench, client, job);
    CHECK_INT(reply->u.job.ok, BENCH_IMAGES / 2);
    CHECK_INT(reply->u.job.state, IDN_JOB_OPEN);
    join(WORKER_NONCE + 1, &worker);
    serve(&worker);
    struct idn_digest digest = bench_ask(&bench, client, job)->u.job.digest;
    process_kill(&bench.broker);
    bench_start(&bench);
    reply = bench_ask(&bench, client, job);
    CHECK_INT(reply->u.job.ok, BENCH_IMAGES);
    CHECK_INT(reply->u.job.state, IDN_JOB_FINISHED);
    CHECK(idn_digest_equal(&reply->u.job.digest, &digest));
    rows.u.results.most = IDN_PAGE_ROWS_MAX;
    reply = bench_ask(&bench, client, rows);
    CHECK_INT(reply->type, IDN_REPLY_RESULTS);
    CHECK_INT(reply->u.results.count, BENCH_IMAGES);
    bench_worker_close(&worker);
    (void)zmq_close(client);
    bench_close(&bench);
}

static void test_sigterm_is_a_clean_end(void)
{
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;
    int code;

    bench_open(&bench);
    void *client = bench_connect(&bench, BENCH_CLIENTS, ZMQ_DEALER);
    while (bench_ask(&bench, client, status)->u.status.role != IDN_ROLE_ALONE)
        CHECK(process_clock_ms() < end_ms);
    CHECK_INT(kill(bench.broker.pid, SIGHUP), 0); // ignored
    CHECK_INT(bench_ask(&bench, client, status)->type, IDN_REPLY_STATUS);
    CHECK_INT(kill(bench.broker.pid, SIGTERM), 0);
    while (waitpid(bench.broker.pid, &code, WNOHANG) == 0) {
        CHECK(process_clock_ms() < end_ms);
        (void)poll(NULL, 0, 5);
    }
    bench.broker.pid = 0;
    CHECK(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    CHECK_CONTAINS(process_log(&bench.broker), "ready: alone, epoch 1a");
    CHECK_CONTAINS(process_log(&bench.broker), "stopping on signal 15");
    (void)zmq_close(client);
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_what_is_no_message_is_answered),
        CHECK_TEST(test_a_flood_of_junk_stops_nobody),
        CHECK_TEST(test_a_deaf_client_blocks_nobody),
        CHECK_TEST(test_a_job_over_kills),
        CHECK_TEST(test_sigterm_is_a_clean_end),
    };
    if (argc < 2)
        return 2;
    bench_broker_program = argv[1];
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc - 1, argv + 1);
    process_close(&bench.broker); // when its test failed
    return result;
}
