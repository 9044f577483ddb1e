// The mirror link's socket between two processes that are killed, frozen and started again: with
// the rules of the link (a session, numbers, resets by silence) nothing is missed and nothing
// hangs. The rules stand here in their shortest form; the broker's own are in broker/core/mirror.c.
//
// usage: test_mirror_port   (IDUNNO_TEST_LONG: 150 rounds; IDUNNO_TEST_SEED repeats a run)
#include "broker/mirror_port.h"
#include "proto/limits.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 12, ROUNDS_LONG = 150, DEADLINE_MS = 20 * 1000, EVERY_MS = 2, WELL = 20 };

// What a side shows to the test; survives its process.
struct shown {
    _Atomic uint64_t well; // frames in order in sessions of its present process
    _Atomic uint64_t gaps, resets, run;
};
static struct shown *shown;
static uint32_t port_number;
static pid_t process[2];
static uint64_t runs;

enum { HELLO = 1, WELCOME, NUMBERED };
struct frame {
    uint64_t type, session, number;
};

struct side {
    struct idn_mirror_port port;
    bool is_b;
    struct shown *shown;
    uint64_t session, sent, got; // session 0: none
    uint64_t heard_ms, hello_ms, send_ms;
};

static uint64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void send_frame(struct side *side, uint64_t type, uint64_t session, uint64_t number)
{
    struct frame frame = {.type = type, .session = session, .number = number};
    (void)idn_mirror_port_send(&side->port, &frame, sizeof(frame));
}

static void begin(struct side *side, uint64_t session)
{
    side->session = session;
    side->sent = side->got = 0;
}

static void reset(struct side *side, uint64_t now_ms)
{
    begin(side, 0);
    side->heard_ms = now_ms;
    atomic_fetch_add(&side->shown->resets, 1);
    idn_mirror_port_reset(&side->port, now_ms);
}

// b draws a session for each socket; what a greets twice it greets once.
static void take(struct side *side, const struct frame *frame, uint64_t now_ms, uint64_t *drawn)
{
    if (!side->is_b && frame->type == HELLO) {
        side->heard_ms = now_ms;
        if (frame->session == side->session)
            return;
        begin(side, frame->session);
        send_frame(side, WELCOME, side->session, 0);
    } else if (side->is_b && frame->type == WELCOME && frame->session == *drawn) {
        side->heard_ms = now_ms;
        if (side->session == 0)
            begin(side, *drawn);
    } else if (frame->type == NUMBERED && frame->session == side->session && side->session != 0) {
        side->heard_ms = now_ms;
        atomic_fetch_add(&side->shown->gaps, frame->number != ++side->got);
        atomic_fetch_add(&side->shown->well, 1);
    }
}

static void drain(struct side *side, uint64_t now_ms, uint64_t *drawn)
{
    struct idn_incoming incoming = {0};

    while (idn_mirror_port_receive(&side->port, &incoming) == 0) {
        if (incoming.size == sizeof(struct frame))
            take(side, incoming.data, now_ms, drawn);
        idn_incoming_release(&incoming);
    }
}

static void draw(uint64_t *ret)
{
    if (getrandom(ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
        abort();
    *ret |= 1;
}

static void turn(struct side *side, uint64_t *drawn)
{
    zmq_pollitem_t item = {.socket = side->port.socket, .events = ZMQ_POLLIN};

    (void)zmq_poll(&item, side->port.socket != NULL, EVERY_MS);
    uint64_t now_ms = clock_ms();
    drain(side, now_ms, drawn);
    (void)idn_mirror_port_retry(&side->port, now_ms);
    if (now_ms >= side->heard_ms + IDN_DEAD_MS) {
        reset(side, now_ms);
        draw(drawn);
    }
    if (side->is_b && side->session == 0 && now_ms >= side->hello_ms + IDN_BEAT_MS) {
        side->hello_ms = now_ms;
        send_frame(side, HELLO, *drawn, 0);
    }
    if (side->session != 0 && now_ms >= side->send_ms + EVERY_MS) {
        side->send_ms = now_ms;
        send_frame(side, NUMBERED, side->session, ++side->sent);
    }
}

static _Noreturn void run_side(int which)
{
    struct side side = {.is_b = which == 1, .shown = &shown[which]};
    struct idn_settings settings = {.broker_letter = which == 1 ? 'b' : 'a',
        .broker_bind = "127.0.0.1",
        .host = {"127.0.0.1"},
        .port_mirror = port_number};
    struct idn_reason reason = {0};
    uint64_t drawn;

    // The one that was killed a moment ago may still hold the port.
    for (uint64_t end_ms = clock_ms() + DEADLINE_MS;;) {
        int error = idn_mirror_port_open(zmq_ctx_new(), &settings, &side.port, &reason);
        if (error == 0)
            break;
        if (error != -EADDRINUSE || clock_ms() > end_ms)
            abort();
        (void)poll(NULL, 0, 1);
    }
    side.heard_ms = clock_ms();
    draw(&drawn);
    atomic_store(&side.shown->well, 0);
    atomic_store(&side.shown->run, runs);
    for (;;)
        turn(&side, &drawn);
}

static void start(int which)
{
    runs++;
    process[which] = fork();
    CHECK(process[which] >= 0);
    if (process[which] == 0)
        run_side(which);
}

static void end(int which)
{
    if (process[which] <= 0)
        return;
    (void)kill(process[which], SIGKILL);
    (void)waitpid(process[which], NULL, 0);
    process[which] = 0;
}

// Frames both ways from now on; the milliseconds it took.
static uint64_t wait_well(void)
{
    uint64_t from_ms = clock_ms(), well[2];

    for (int i = 0; i < 2; i++)
        well[i] = atomic_load(&shown[i].well);
    for (;;) {
        uint64_t now_ms = clock_ms();
        bool both = true;
        for (int i = 0; i < 2; i++) {
            uint64_t now = atomic_load(&shown[i].well);
            if (now < well[i])
                well[i] = 0; // a new process
            both = both && now >= well[i] + WELL;
        }
        if (both)
            return now_ms - from_ms;
        CHECK(now_ms < from_ms + DEADLINE_MS);
        (void)poll(NULL, 0, 1);
    }
}

static void freeze(int which, unsigned ms)
{
    CHECK_INT(kill(process[which], SIGSTOP), 0);
    (void)poll(NULL, 0, (int)ms); // the length of the fault, not a wait for anything
    CHECK_INT(kill(process[which], SIGCONT), 0);
}

// A frozen b whose connection stays open, and another one in its place: what a hears of it waits
// behind the old connection for ever, unless a throws its socket away. The time of the recovery.
static uint64_t replace_frozen(void)
{
    pid_t old = process[1];

    CHECK_INT(kill(old, SIGSTOP), 0);
    start(1);
    uint64_t took_ms = wait_well();
    (void)kill(old, SIGKILL);
    (void)waitpid(old, NULL, 0);
    return took_ms;
}

static void choose_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (const struct sockaddr *)&address, size), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    port_number = ntohs(address.sin_port);
    (void)close(fd);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void print_table(const char *fault, uint64_t *took, size_t count)
{
    qsort(took, count, sizeof(*took), compare);
    (void)printf("  %s: %zu rounds, recovery median %" PRIu64 " ms, worst %" PRIu64 " ms\n", fault,
        count, took[count / 2], took[count - 1]);
}

enum { KILL, KILL_BOTH, FREEZE, REPLACE, FAULTS };

// The milliseconds it took until frames went both ways again.
static uint64_t break_it(int fault, int which, unsigned *seed)
{
    if (fault == REPLACE)
        return replace_frozen();
    if (fault == FREEZE) {
        freeze(which, 100 + (unsigned)rand_r(seed) % 2000);
        return wait_well();
    }
    end(which);
    if (fault == KILL_BOTH)
        end(1 - which);
    (void)poll(NULL, 0, rand_r(seed) % 1500); // how long it is away
    start(which);
    if (fault == KILL_BOTH)
        start(1 - which);
    return wait_well();
}

// Kills and freezes of either side, or both.
static void test_chaos(void)
{
    static const char *const faults[FAULTS] = {
        "kill -9", "kill -9 of both", "SIGSTOP", "frozen and replaced"};
    static uint64_t took[FAULTS][ROUNDS_LONG];
    size_t count[FAULTS] = {0};
    const char *given = getenv("IDUNNO_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    int rounds = getenv("IDUNNO_TEST_LONG") != NULL ? ROUNDS_LONG : ROUNDS;

    (void)printf("  IDUNNO_TEST_SEED=%u\n", seed);
    start(0);
    start(1);
    (void)wait_well();
    for (int i = 0; i < rounds; i++) {
        int fault = i % FAULTS, which = rand_r(&seed) % 2;
        took[fault][count[fault]++] = break_it(fault, which, &seed);
    }
    for (int i = 0; i < FAULTS; i++)
        if (count[i] > 0)
            print_table(faults[i], took[i], count[i]);
    for (int i = 0; i < 2; i++)
        CHECK_INT(atomic_load(&shown[i].gaps), 0);
    for (int i = 0; i < 2; i++)
        end(i);
}

// Another program takes the port between a close and the next bind: the loop is told once, and the
// port is taken back when it is free.
static void test_a_port_that_is_held(void)
{
    struct idn_settings settings = {
        .broker_letter = 'a', .broker_bind = "127.0.0.1", .port_mirror = 0};
    struct idn_mirror_port port, second;
    struct idn_reason reason = {0};
    void *context = zmq_ctx_new();
    uint64_t now_ms = 1;
    int told = 0;

    CHECK_INT(idn_mirror_port_open(context, &settings, &port, &reason), 0);
    settings.port_mirror = port.number;
    CHECK_INT(idn_mirror_port_open(context, &settings, &second, &reason), -EADDRINUSE);
    CHECK_CONTAINS(reason.text, "cluster/port_mirror");
    CHECK(idn_mirror_port_deadline(&port) == UINT64_MAX);
    idn_mirror_port_reset(&port, now_ms);
    while (port.socket == NULL) { // its own old socket goes away by itself
        (void)poll(NULL, 0, 1);
        CHECK_INT(idn_mirror_port_retry(&port, ++now_ms), 0);
    }
    CHECK_INT(port.number, settings.port_mirror);

    idn_mirror_port_close(&port);
    while (idn_mirror_port_open(context, &settings, &second, &reason) != 0)
        (void)poll(NULL, 0, 1);
    port = second; // as if it held the place of the one that is closed
    second.socket = NULL;
    idn_mirror_port_reset(&second, now_ms);
    CHECK(second.socket == NULL);
    CHECK_INT(idn_mirror_port_send(&second, "x", 1), -EAGAIN);
    for (int i = 0; i < 2000; i++) {
        now_ms = idn_mirror_port_deadline(&second);
        told += idn_mirror_port_retry(&second, now_ms) == IDN_MIRROR_PORT_HELD;
    }
    CHECK_INT(told, 1);
    idn_mirror_port_close(&port);
    for (int i = 0; second.socket == NULL && i < DEADLINE_MS; i++) {
        (void)poll(NULL, 0, 1);
        (void)idn_mirror_port_retry(&second, idn_mirror_port_deadline(&second));
    }
    CHECK(second.socket != NULL);
    idn_mirror_port_close(&second);
    CHECK_INT(zmq_ctx_term(context), 0);
}

static int open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count;
}

// As a broker whose peer is away for an hour or two does, without the pauses.
static void test_resets_leave_nothing_behind(void)
{
    struct idn_settings settings = {.broker_bind = "127.0.0.1", .host = {"127.0.0.1"}};
    struct idn_mirror_port a, b;
    struct idn_reason reason = {0};
    void *context = zmq_ctx_new();
    int before = 0;

    settings.broker_letter = 'a';
    CHECK_INT(idn_mirror_port_open(context, &settings, &a, &reason), 0);
    settings.broker_letter = 'b';
    settings.port_mirror = a.number;
    CHECK_INT(idn_mirror_port_open(context, &settings, &b, &reason), 0);
    for (uint64_t i = 0; i < 3000; i++) {
        idn_mirror_port_reset(&a, i);
        idn_mirror_port_reset(&b, i);
        if (i == 50)
            before = open_files();
    }
    for (int i = 0;
         i < DEADLINE_MS && (a.socket == NULL || b.socket == NULL || open_files() > before + 50);
         i++) {
        (void)poll(NULL, 0, 1);
        (void)idn_mirror_port_retry(&a, UINT64_MAX - 1);
        (void)idn_mirror_port_retry(&b, UINT64_MAX - 1);
        a.retry_ms = b.retry_ms = 0;
    }
    CHECK(a.socket != NULL && b.socket != NULL);
    CHECK(open_files() <= before + 50);
    idn_mirror_port_close(&a);
    idn_mirror_port_close(&b);
    CHECK_INT(zmq_ctx_term(context), 0);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_chaos),
        CHECK_TEST(test_a_port_that_is_held),
        CHECK_TEST(test_resets_leave_nothing_behind),
    };

    choose_port();
    shown =
        mmap(NULL, 2 * sizeof(*shown), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shown == MAP_FAILED)
        return 1;
    int result = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    for (int i = 0; i < 2; i++)
        end(i);
    return result;
}
