// idunno-worker as a process, against a broker moved by hand. usage: test_worker IDUNNO_WORKER
#include "tests/e2e/worker/bench.h"

#include "proto/result.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct bench bench;
static const char *const fast[] = {"--replay-us", "200", NULL};
static const char *const slow[] = {"--replay-us", "300000", NULL};

static void begin(const char *const *options)
{
    bench_open(&bench);
    bench_start(&bench, options);
    bench_welcome(&bench);
}

// Hears reports, acknowledges each, until one ends the lease; returns how many rows came, each an
// image after the one before.
static uint32_t collect(uint32_t first, uint32_t *ret_end)
{
    uint32_t rows = 0, end = IDN_END_NONE;

    while (end == IDN_END_NONE) {
        const struct idn_worker_message *report = bench_hear(&bench, IDN_WORKER_REPORT);
        struct idn_result row;
        for (uint32_t i = 0; i < report->u.report.count; i++) {
            CHECK(idn_result_unpack(report->u.report.rows + (size_t)i * IDN_ROW_BYTES, &row));
            CHECK_INT(row.index, first + rows++);
        }
        end = report->u.report.end;
        bench_acknowledge(&bench, report->u.report.number);
    }
    *ret_end = end;
    return rows;
}

static void test_joins_and_computes_a_lease(void)
{
    uint32_t end;

    bench_open(&bench);
    bench_start(&bench, fast);
    const struct idn_worker_message *hello = bench_hear(&bench, IDN_WORKER_HELLO);
    CHECK_STRING(hello->u.hello.name, "w");
    CHECK_CONTAINS(hello->u.hello.class_name, "replay");
    CHECK_INT(hello->u.hello.models, 3); // those of Debian have no weights here
    CHECK_INT(hello->u.hello.model[0].lack, IDN_LACK_WEIGHTS);
    CHECK_INT(hello->u.hello.model[1].lack, IDN_LACK_WEIGHTS);
    CHECK_STRING(hello->u.hello.model[2].name, "m0");
    CHECK_INT(hello->u.hello.model[2].lack, IDN_LACK_NONE);
    CHECK_STRING(hello->u.hello.dataset[0].name, "d0");
    bench_welcome(&bench); // hello is repeated
    bench_order(&bench, bench_lease(&bench, 1, 100, 333));
    CHECK_INT(collect(100, &end), 333);
    CHECK_INT(end, IDN_END_DONE);
    CHECK(bench_hear_within(&bench, IDN_WORKER_REPORT, 1500) == NULL); // acknowledged
    CHECK_STRING(bench.beat.name, "w");
    CHECK_INT(bench.beat.images_done, 333);
    CHECK_CONTAINS(process_log(&bench.worker), "joined broker a");
    bench_close(&bench);
}

static void test_an_unacknowledged_report_comes_again(void)
{
    begin(fast);
    bench_order(&bench, bench_lease(&bench, 1, 0, 2));
    CHECK_INT(bench_hear(&bench, IDN_WORKER_REPORT)->u.report.number, 1);
    CHECK_INT(bench_hear(&bench, IDN_WORKER_REPORT)->u.report.number, 1);
    bench_close(&bench);
}

// A list of two parts, as a client uploads one.
static char uploaded[40 * 1000];
static size_t uploaded_size;
enum { UPLOADED_IMAGES = 1500 };

static void make_upload(void)
{
    uploaded_size = 0;
    for (int i = 0; i < UPLOADED_IMAGES; i++)
        uploaded_size += (size_t)snprintf(uploaded + uploaded_size,
            sizeof(uploaded) - uploaded_size, "/nowhere/photo%06d.jpg\n", i);
    CHECK(uploaded_size > IDN_LIST_PART_BYTES);
}

static struct idn_order lease_of_upload(uint64_t serial, uint32_t first, uint32_t count)
{
    struct idn_order order = bench_lease(&bench, serial, first, count);

    order.u.lease.dataset[0] = '\0';
    order.u.lease.list_bytes = uploaded_size;
    idn_sha256_of(uploaded, uploaded_size, &order.u.lease.list_digest);
    return order;
}

static void answer_list_get(void)
{
    const struct idn_worker_message *get = bench_hear(&bench, IDN_WORKER_LIST_GET);
    struct idn_order part = {.type = IDN_ORDER_LIST_PART};
    uint64_t offset = get->u.list_get.offset, left = uploaded_size - offset;

    CHECK_INT(get->u.list_get.job.bytes[0], 1);
    part.u.list_part.job = get->u.list_get.job;
    part.u.list_part.offset = offset;
    part.u.list_part.total = uploaded_size;
    part.u.list_part.size =
        left < IDN_LIST_PART_BYTES ? (uint32_t)left : (uint32_t)IDN_LIST_PART_BYTES;
    part.u.list_part.bytes = (const uint8_t *)uploaded + offset;
    bench_order(&bench, part);
}

static void test_an_uploaded_list_is_fetched(void)
{
    uint32_t end;

    make_upload();
    begin(fast);
    bench_order(&bench, lease_of_upload(1, UPLOADED_IMAGES - 20, 20));
    answer_list_get();
    answer_list_get();
    CHECK_INT(collect(UPLOADED_IMAGES - 20, &end), 20);
    CHECK_INT(end, IDN_END_DONE);
    bench_order(&bench, lease_of_upload(2, 0, 20)); // it is kept
    CHECK_INT(collect(0, &end), 20);
    bench_close(&bench);
}

static void check_unavailable(const char *part)
{
    const struct idn_worker_message *report = bench_hear(&bench, IDN_WORKER_REPORT);

    CHECK_INT(report->u.report.end, IDN_END_UNAVAILABLE);
    CHECK_INT(report->u.report.count, 0);
    CHECK_CONTAINS(report->u.report.text, part);
    bench_acknowledge(&bench, report->u.report.number);
}

static void test_what_cannot_be_had_is_returned(void)
{
    make_upload();
    begin(fast);
    struct idn_order lease = lease_of_upload(1, 0, 20);
    lease.u.lease.list_digest.bytes[0] ^= 1;
    bench_order(&bench, lease);
    answer_list_get();
    answer_list_get();
    check_unavailable("digest");

    bench_order(&bench, lease_of_upload(2, 0, 20));
    struct idn_order none = {.type = IDN_ORDER_LIST_PART};
    none.u.list_part.job = bench_hear(&bench, IDN_WORKER_LIST_GET)->u.list_get.job;
    none.u.list_part.total = uploaded_size;
    bench_order(&bench, none);
    check_unavailable("does not have");

    bench_order(&bench, bench_lease(&bench, 3, 1000, 20)); // the list has 1000
    check_unavailable("1000 images");

    lease = bench_lease(&bench, 4, 0, 20);
    lease.u.lease.model_digest.bytes[0] ^= 1;
    bench_order(&bench, lease);
    check_unavailable("model");
    bench_close(&bench);
}

static void test_a_killed_child_names_its_images(void)
{
    uint32_t end;

    begin(slow);
    bench_order(&bench, bench_lease(&bench, 1, 50, 100));
    (void)bench_hear_within(&bench, UINT32_MAX, 300);
    while (bench.beat.in_child == 0)
        (void)bench_hear_within(&bench, UINT32_MAX, 20);
    pid_t child = bench_child(&bench);
    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK(collect(50, &end) < 100);
    CHECK_INT(end, IDN_END_DEATH);
    CHECK_CONTAINS(process_log(&bench.worker), "killed by signal 9");
    bench_order(&bench, bench_lease(&bench, 2, 7, 1));
    CHECK_INT(collect(7, &end), 1);
    CHECK_INT(end, IDN_END_DONE);
    CHECK(bench_child(&bench) != child);
    bench_close(&bench);
}

static void test_a_stopped_worker_drains(void)
{
    begin(slow);
    bench_order(&bench, bench_lease(&bench, 1, 0, 100));
    while (bench.beat.in_child == 0)
        (void)bench_hear_within(&bench, UINT32_MAX, 20);
    CHECK_INT(kill(bench.worker.pid, SIGTERM), 0);
    const struct idn_worker_message *report = bench_hear(&bench, IDN_WORKER_REPORT);
    CHECK(report->u.report.count >= 2);
    CHECK_INT(report->u.report.end, IDN_END_NONE);
    bench_acknowledge(&bench, report->u.report.number);
    while ((report = bench_hear_within(&bench, IDN_WORKER_REPORT, 500)) != NULL)
        bench_acknowledge(&bench, report->u.report.number);
    CHECK_INT(bench_wait_exit(&bench), 0);
    CHECK_CONTAINS(process_log(&bench.worker), "drained:");
    bench_close(&bench);
}

static void test_goodbye_is_said(void)
{
    begin(fast);
    while (bench.beat.sequence == 0 || bench.beat.obeyed.counter == 0)
        (void)bench_hear_within(&bench, UINT32_MAX, 20);
    CHECK_INT(kill(bench.worker.pid, SIGINT), 0);
    (void)bench_hear(&bench, IDN_WORKER_GOODBYE);
    CHECK_INT(bench_wait_exit(&bench), 0);
    bench_close(&bench);
}

static void test_a_second_signal_ends_at_once(void)
{
    begin(slow);
    bench_order(&bench, bench_lease(&bench, 1, 0, 100));
    while (bench.beat.in_child == 0)
        (void)bench_hear_within(&bench, UINT32_MAX, 20);
    pid_t child = bench_child(&bench);
    CHECK_INT(kill(bench.worker.pid, SIGTERM), 0);
    CHECK_INT(kill(bench.worker.pid, SIGINT), 0);
    CHECK_INT(bench_wait_exit(&bench), 1);
    CHECK(kill(child, 0) != 0); // nothing is left behind
    bench_close(&bench);
}

static void test_a_broker_that_returns_is_greeted_with_the_lease(void)
{
    begin(slow);
    bench_order(&bench, bench_lease(&bench, 1, 0, 100));
    (void)bench_hear(&bench, IDN_WORKER_REPORT); // not acknowledged
    bench.silent = true;
    while (strstr(process_log(&bench.worker), "lost broker a") == NULL)
        (void)bench_hear_within(&bench, UINT32_MAX, 50);
    bench.silent = false;
    bench.incarnation = 2;
    bench.epoch.counter = 2;
    const struct idn_worker_message *hello = bench_hear(&bench, IDN_WORKER_HELLO);
    CHECK_INT(hello->u.hello.leases, 1);
    CHECK_INT(hello->u.hello.lease[0].id.serial, 1);
    CHECK_INT(hello->u.hello.lease[0].id.epoch.counter, 1);
    CHECK(hello->u.hello.lease[0].done >= 2);
    CHECK_INT(hello->u.hello.reports_from, 1);
    bench_welcome(&bench);
    CHECK_INT(bench_hear(&bench, IDN_WORKER_REPORT)->u.report.number, 1);
    bench_close(&bench);
}

// Binds again a port whose socket was just closed: ZeroMQ closes it a moment later.
static void *bind_again(int type, unsigned port)
{
    uint64_t end_ms = process_clock_ms() + BENCH_WAIT_MS;
    void *socket = zmq_socket(bench.context, type);
    char address[64];

    CHECK_INT(zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int)), 0);
    (void)snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", port);
    while (zmq_bind(socket, address) != 0) {
        CHECK(process_clock_ms() < end_ms);
        (void)poll(NULL, 0, 5);
    }
    return socket;
}

// A PAIR has no business with the worker's sockets; returns when one side or the other noticed.
static void bind_wrongly(void **socket, unsigned port, const char *monitor)
{
    int failed = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_DISCONNECTED;
    void *events = zmq_socket(bench.context, ZMQ_PAIR);
    zmq_pollitem_t item = {.socket = events, .events = ZMQ_POLLIN};

    (void)zmq_close(*socket);
    *socket = bind_again(ZMQ_PAIR, port);
    CHECK_INT(zmq_socket_monitor(*socket, monitor, failed), 0);
    CHECK_INT(zmq_connect(events, monitor), 0);
    CHECK_INT(zmq_poll(&item, 1, BENCH_WAIT_MS), 1);
    (void)zmq_close(events);
    (void)zmq_close(*socket);
}

// libzmq gives a connection up for ever that found a socket of another kind.
static void test_something_else_on_the_brokers_ports(void)
{
    uint64_t end_ms = process_clock_ms() + 2 * BENCH_WAIT_MS;
    uint32_t end;

    bench_open(&bench);
    bench_start(&bench, fast);
    bind_wrongly(&bench.router, bench.port[0], "inproc://orders");
    bind_wrongly(&bench.beats_out, bench.port[2], "inproc://beats-out");
    bench.router = bind_again(ZMQ_ROUTER, bench.port[0]);
    bench.beats_out = bind_again(ZMQ_PUB, bench.port[2]);
    bench_welcome(&bench);
    bench_order(&bench, bench_lease(&bench, 1, 100, 33));
    CHECK_INT(collect(100, &end), 33);
    while (bench.beat.images_done < 33) {
        CHECK(process_clock_ms() < end_ms);
        (void)bench_hear_within(&bench, UINT32_MAX, 20);
    }
    bench_close(&bench);
}

static void test_a_name_in_use_is_given_up(void)
{
    struct idn_order refused = {.type = IDN_ORDER_REFUSED};

    refused.u.refused.code = IDN_REFUSED_NAME_IN_USE;
    memcpy(refused.u.refused.text, "the name w is in use", 21);
    bench_open(&bench);
    bench_start(&bench, fast);
    while (bench_hear_within(&bench, IDN_WORKER_HELLO, 2000) != NULL)
        bench_order(&bench, refused);
    CHECK_INT(bench_wait_exit(&bench), 1);
    CHECK_CONTAINS(process_log(&bench.worker), "the name w is in use");
    bench_close(&bench);
}

static void test_a_child_that_never_starts(void)
{
    CHECK_INT(setenv("IDUNNO_INFER", "/bin/false", 1), 0);
    bench_open(&bench);
    bench_start(&bench, fast);
    CHECK(bench_hear_within(&bench, IDN_WORKER_HELLO, 1500) == NULL);
    CHECK(bench.beat.sequence > 0);
    CHECK_CONTAINS(process_log(&bench.worker), "exited with status 1");
    CHECK_INT(kill(bench.worker.pid, SIGTERM), 0);
    CHECK_INT(bench_wait_exit(&bench), 0);
    bench_close(&bench);

    CHECK_INT(setenv("IDUNNO_INFER", "/nonexistent/infer", 1), 0);
    bench_open(&bench);
    bench_start(&bench, fast);
    CHECK_INT(bench_wait_exit(&bench), 1);
    CHECK_CONTAINS(process_log(&bench.worker), "IDUNNO_INFER = '/nonexistent/infer'");
    CHECK_INT(unsetenv("IDUNNO_INFER"), 0);
    bench_close(&bench);
}

static void test_bad_options_are_refused(void)
{
    static const struct {
        const char *option[4];
        const char *text;
    } bad[] = {
        {{"--engine", "relay"}, "not \"relay\""},
        {{"--threads", "many"}, "\"many\""},
        {{"--threads", "257"}, "from 0 to 256"}, // more than the child takes
        {{"--instance", "3"}, "leave --instance away"},
        {{"--wrong"}, "unknown option --wrong"},
        {{"--threads"}, "--threads needs a value"},
        {{"more"}, "\"more\""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        bench_open(&bench);
        bench_start(&bench, bad[i].option);
        CHECK_INT(bench_wait_exit(&bench), 2);
        CHECK_CONTAINS(process_log(&bench.worker), bad[i].text);
        bench_close(&bench);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_joins_and_computes_a_lease),
        CHECK_TEST(test_an_unacknowledged_report_comes_again),
        CHECK_TEST(test_an_uploaded_list_is_fetched),
        CHECK_TEST(test_what_cannot_be_had_is_returned),
        CHECK_TEST(test_a_killed_child_names_its_images),
        CHECK_TEST(test_a_stopped_worker_drains),
        CHECK_TEST(test_goodbye_is_said),
        CHECK_TEST(test_a_second_signal_ends_at_once),
        CHECK_TEST(test_a_broker_that_returns_is_greeted_with_the_lease),
        CHECK_TEST(test_something_else_on_the_brokers_ports),
        CHECK_TEST(test_a_name_in_use_is_given_up),
        CHECK_TEST(test_a_child_that_never_starts),
        CHECK_TEST(test_bad_options_are_refused),
    };
    if (argc < 2) {
        (void)fprintf(stderr, "usage: test_worker IDUNNO_WORKER [TEST]...\n");
        return 2;
    }
    bench_worker_program = argv[1];
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc - 1, argv + 1);
    if (bench.context != NULL) // its test failed
        bench_close(&bench);
    return status;
}
