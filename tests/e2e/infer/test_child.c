// idunno-infer as its agent meets it: over a socket, with good files and bad ones, dying and hung.
#include "tests/e2e/infer/tiny.h"
#include "tests/lib/check.h"
#include "tests/lib/picture.h"
#include "worker/child_message.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <png.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <turbojpeg.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

static char directory[] = "/tmp/idunno-child-XXXXXX";
static char *program;

struct child {
    pid_t pid;
    int socket, output; // output: what it prints on stdout and stderr
};

static struct rusage child_used; // by the child that ended last
static struct idn_child_message message;
static uint8_t packet[IDN_CHILD_PACKET_MAX];

static void wait_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    CHECK_INT(poll(&poll_fd, 1, DEADLINE_MS), 1);
}

static void exec_child(int socket_fd, int output, const char *engine, const char *threads)
{
    char number[12];

    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)fcntl(socket_fd, F_SETFD, 0);
    (void)snprintf(number, sizeof(number), "%d", socket_fd);
    (void)execl(program, program, "--socket", number, "--engine", engine, "--threads", threads,
        "--replay-us", "10", "--replay-seed", "7", NULL);
    _exit(127);
}

static struct child start(const char *engine, const char *threads)
{
    int sockets[2], pipes[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        exec_child(sockets[1], pipes[1], engine, threads);
    (void)close(sockets[1]);
    (void)close(pipes[1]);
    return (struct child){.pid = pid, .socket = sockets[0], .output = pipes[0]};
}

static void say(const struct child *child)
{
    size_t size = idn_child_pack(&message, packet);

    CHECK_INT(send(child->socket, packet, size, MSG_NOSIGNAL), size);
}

// The next message, or type 0 when the child closed its end.
static void hear(const struct child *child)
{
    wait_readable(child->socket);
    ssize_t got = recv(child->socket, packet, sizeof(packet), 0);
    if (got <= 0)
        message.type = 0;
    else
        CHECK_INT(idn_child_unpack(packet, (size_t)got, &message), 0);
}

static struct child start_ready(const char *engine, const char *threads)
{
    struct child child = start(engine, threads);

    hear(&child);
    CHECK_INT(message.type, IDN_CHILD_READY);
    return child;
}

static void load(const struct child *child, const char *cfg, const char *weights)
{
    message = (struct idn_child_message){.type = IDN_CHILD_LOAD,
        .u.load = {.model = 2, .name = "m", .cfg = cfg, .weights = weights}};
    say(child);
    hear(child);
    CHECK_INT(message.type, IDN_CHILD_LOADED);
    CHECK_INT(message.u.loaded.model, 2);
}

static struct child start_tiny(const char *threads)
{
    struct child child = start_ready("darknet", threads);

    load(&child, "tiny.cfg", "tiny.weights");
    CHECK_STRING(message.u.loaded.text, "");
    CHECK_INT(message.u.loaded.classes, TINY_CLASSES);
    return child;
}

static const char *absolute(const char *name)
{
    static char path[IDN_CHILD_IMAGES_MAX][512];
    static unsigned next = 0;
    char *at = path[next++ % IDN_CHILD_IMAGES_MAX];

    (void)snprintf(at, sizeof(path[0]), "%s/%s", directory, name);
    return at;
}

static void slice(const struct child *child, const char *const *names, uint32_t count)
{
    message = (struct idn_child_message){
        .type = IDN_CHILD_SLICE, .u.slice = {.serial = 99, .model = 2, .count = count}};
    for (uint32_t i = 0; i < count; i++)
        message.u.slice.image[i] =
            (struct idn_child_image){.index = 1000 + i, .path = absolute(names[i])};
    say(child);
}

static void hear_rows(const struct child *child, uint32_t count)
{
    hear(child);
    CHECK_INT(message.type, IDN_CHILD_ROWS);
    CHECK_INT(message.u.rows.serial, 99);
    CHECK_INT(message.u.rows.count, count);
    for (uint32_t i = 0; i < count; i++)
        CHECK_INT(message.u.rows.row[i].index, 1000 + i);
}

static int wait_end(struct child *child)
{
    int status;

    CHECK_INT(wait4(child->pid, &status, 0, &child_used), child->pid);
    (void)close(child->socket);
    return status;
}

// Closes the socket; the child ends well and has printed nothing.
static void finish(struct child *child)
{
    char byte;

    CHECK_INT(shutdown(child->socket, SHUT_RDWR), 0);
    int status = wait_end(child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK_INT(read(child->output, &byte, 1), 0);
    (void)close(child->output);
}

static void finish_failed(struct child *child, const char *sentence)
{
    char text[1024] = "";
    int status = wait_end(child);
    ssize_t got = read(child->output, text, sizeof(text) - 1);

    CHECK(got >= 0);
    CHECK_CONTAINS(text, sentence);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
    (void)close(child->output);
}

static void test_replay_reads_no_file(void)
{
    static const char *const names[] = {"nothing", "is", "here"};
    struct idn_result first[3];

    for (int round = 0; round < 2; round++) {
        struct child child = start("replay", "4");
        hear(&child);
        CHECK_STRING(message.u.ready.class_name, "replay seed=7");
        CHECK_INT(message.u.ready.threads, 1);
        load(&child, "no.cfg", "no.weights");
        CHECK(message.u.loaded.classes > 0);
        slice(&child, names, 3);
        hear_rows(&child, 3);
        CHECK_INT(message.u.rows.row[1].status, IDN_STATUS_OK);
        CHECK(message.u.rows.compute_us >= 30);
        if (round == 1)
            CHECK(memcmp(first, message.u.rows.row, sizeof(first)) == 0);
        memcpy(first, message.u.rows.row, sizeof(first));
        CHECK(memcmp(first[0].class_id, first[1].class_id, sizeof(first[0].class_id)) != 0);
        finish(&child);
    }
}

static void test_each_file_gets_its_status(void)
{
    static const char *const names[] = {
        "a.jpg", "nothing", "cut.jpg", "text", "fifo", "b.png", "."};
    static const int expected[] = {IDN_STATUS_OK, IDN_STATUS_MISSING, IDN_STATUS_CORRUPT,
        IDN_STATUS_UNSUPPORTED, IDN_STATUS_UNREADABLE, IDN_STATUS_OK, IDN_STATUS_UNREADABLE};
    struct child child = start_tiny("2");

    slice(&child, names, 7);
    hear_rows(&child, 7);
    for (int i = 0; i < 7; i++)
        CHECK_INT(message.u.rows.row[i].status, expected[i]);
    CHECK(message.u.rows.row[0].class_id[4] < TINY_CLASSES);
    finish(&child);
}

// The same bits alone, in any place of a slice, with any number of threads.
static void test_result_depends_on_the_image_alone(void)
{
    static const char *const names[] = {"a.jpg", "b.png", "cut.jpg", "a.jpg", "b.png", "a.jpg"};
    static const char *const threads[] = {"1", "2", "3"};
    struct idn_result alone, row;

    for (int t = 0; t < 3; t++) {
        struct child child = start_tiny(threads[t]);
        slice(&child, names, 1);
        hear_rows(&child, 1);
        if (t == 0)
            alone = message.u.rows.row[0];
        CHECK(memcmp(&alone, &message.u.rows.row[0], sizeof(alone)) == 0);
        slice(&child, names, 6);
        hear_rows(&child, 6);
        for (int i = 0; i < 6; i++) {
            row = message.u.rows.row[i], row.index = alone.index;
            CHECK((memcmp(&alone, &row, sizeof(row)) == 0) == (names[i][0] == 'a'));
        }
        finish(&child);
    }
}

static void check_refused(const char *cfg, const char *weights, const char *sentence)
{
    struct child child = start_ready("darknet", "2");

    load(&child, cfg, weights);
    CHECK_INT(message.u.loaded.classes, 0);
    CHECK_CONTAINS(message.u.loaded.text, sentence);
    load(&child, "tiny.cfg", "tiny.weights"); // and the child lives on
    CHECK_INT(message.u.loaded.classes, TINY_CLASSES);
    finish(&child);
}

static void slice_twice(const struct child *child, const char *const *first, uint32_t firsts,
    const char *const *second, uint32_t seconds)
{
    slice(child, first, firsts);
    slice(child, second, seconds);
}

// The second slice is prepared while the first is computed: with the same results.
static void test_two_slices_in_the_child(void)
{
    static const char *const first[] = {"a.jpg", "b.png", "cut.jpg"};
    static const char *const second[] = {"b.png", "nothing", "a.jpg", "a.jpg"};
    static const char *const threads[] = {"1", "2", "5"};

    for (int t = 0; t < 3; t++) {
        struct child child = start_tiny(threads[t]);
        struct idn_result rows[7];
        slice(&child, first, 3);
        hear_rows(&child, 3);
        memcpy(rows, message.u.rows.row, 3 * sizeof(rows[0]));
        slice(&child, second, 4);
        hear_rows(&child, 4);
        memcpy(rows + 3, message.u.rows.row, 4 * sizeof(rows[0]));
        for (int round = 0; round < 20; round++) {
            slice_twice(&child, first, 3, second, 4);
            hear_rows(&child, 3);
            CHECK(memcmp(rows, message.u.rows.row, 3 * sizeof(rows[0])) == 0);
            hear_rows(&child, 4);
            CHECK(memcmp(rows + 3, message.u.rows.row, 4 * sizeof(rows[0])) == 0);
        }
        finish(&child);
    }
}

// One that hangs in the second slice keeps no row of the first back.
static void test_hanging_in_the_next_slice(void)
{
    static const char *const first[] = {"a.jpg", "b.png"}, *const second[] = {"hang", "hang"};

    for (int round = 0; round < 10; round++) {
        struct child child = start_tiny("3");
        slice_twice(&child, first, 2, second, 2);
        hear_rows(&child, 2);
        CHECK_INT(message.u.rows.row[1].status, IDN_STATUS_OK);
        CHECK_INT(kill(child.pid, SIGKILL), 0);
        CHECK(WIFSIGNALED(wait_end(&child)));
        (void)close(child.output);
    }
}

// What follows a slice waits for its turn, whatever it is; the agent may also hang up.
static void test_behind_a_slice(void)
{
    static const char *const names[] = {"a.jpg", "b.png"};
    struct child child = start_tiny("2");

    slice(&child, names, 2);
    message = (struct idn_child_message){.type = IDN_CHILD_LOAD,
        .u.load = {.model = 2, .name = "m", .cfg = "tiny.cfg", .weights = "nan.weights"}};
    say(&child);
    slice(&child, names, 1);
    hear_rows(&child, 2);
    CHECK_INT(message.u.rows.row[0].status, IDN_STATUS_OK);
    hear(&child);
    CHECK_INT(message.type, IDN_CHILD_LOADED);
    hear_rows(&child, 1);
    CHECK_INT(message.u.rows.row[0].status, IDN_STATUS_NOT_FINITE);
    slice_twice(&child, names, 2, names, 2);
    finish(&child);
    child = start_tiny("2");
    slice(&child, names, 2);
    CHECK_INT(send(child.socket, "\x09garbage", 8, 0), 8);
    hear_rows(&child, 2);
    finish_failed(&child, "is not an agent's");
}

// The number is free again; unloading what is not loaded is no mistake.
static void test_an_unloaded_model_is_gone(void)
{
    static const char *const names[] = {"a.jpg"};
    struct child child = start_tiny("2");

    for (uint32_t model = 2; model < 4; model++) {
        message =
            (struct idn_child_message){.type = IDN_CHILD_UNLOAD, .u.unload = {.model = model}};
        say(&child);
    }
    load(&child, "tiny.cfg", "tiny.weights");
    slice(&child, names, 1);
    hear_rows(&child, 1);
    message = (struct idn_child_message){.type = IDN_CHILD_UNLOAD, .u.unload = {.model = 2}};
    say(&child);
    slice(&child, names, 1);
    hear(&child);
    CHECK_INT(message.type, 0);
    finish_failed(&child, "model number 2, not loaded");
}

static void test_models_that_are_refused(void)
{
    check_refused("nothing.cfg", "tiny.weights", "nothing.cfg");
    check_refused("tiny.cfg", "nothing.weights", "nothing.weights");
    check_refused("tiny.cfg", "cut.weights", "cut.weights");
    check_refused("open.cfg", "tiny.weights", "open.cfg: its last layer gives no probabilities");
    check_refused("grey.cfg", "tiny.weights", "grey.cfg:1: [net] must have channels=3");
    check_refused("text", "tiny.weights", "text");
}

static void test_not_finite(void)
{
    static const char *const names[] = {"a.jpg"};
    struct child child = start_ready("darknet", "1");

    load(&child, "tiny.cfg", "nan.weights");
    CHECK_INT(message.u.loaded.classes, TINY_CLASSES);
    slice(&child, names, 1);
    hear_rows(&child, 1);
    CHECK_INT(message.u.rows.row[0].status, IDN_STATUS_NOT_FINITE);
    finish(&child);
}

// Each takes 108 MB decoded: four threads decode one and then another, not four at once.
static void test_few_large_images_at_once(void)
{
    static const char *const small[] = {"a.jpg"};
    static const char *const large[] = {"large.png", "large.png", "large.png", "large.png"};
    struct child child = start_tiny("4");

    slice(&child, small, 1);
    hear_rows(&child, 1);
    finish(&child);
    long before_kib = child_used.ru_maxrss;
    child = start_tiny("4");
    slice(&child, large, 4);
    hear_rows(&child, 4);
    for (int i = 0; i < 4; i++)
        CHECK_INT(message.u.rows.row[i].status, IDN_STATUS_OK);
    finish(&child);
    if (!SANITIZED) // a sanitizer keeps what was freed
        CHECK(child_used.ru_maxrss - before_kib < 2 * 108 * 1024);
}

static void test_stated_digest(void)
{
    struct child child = start_tiny("1");

    message = (struct idn_child_message){
        .type = IDN_CHILD_SLICE, .u.slice = {.serial = 99, .model = 2, .count = 1}};
    message.u.slice.image[0] =
        (struct idn_child_image){.index = 1000, .path = absolute("a.jpg"), .has_digest = true};
    say(&child);
    hear_rows(&child, 1);
    CHECK_INT(message.u.rows.row[0].status, IDN_STATUS_CHANGED);
    finish(&child);
}

static void test_nonsense_ends_the_child(void)
{
    static const char *const names[] = {"a.jpg"};
    struct child child = start_ready("replay", "1");

    CHECK_INT(send(child.socket, "\x09garbage", 8, 0), 8);
    finish_failed(&child, "is not an agent's");
    child = start_ready("replay", "1");
    slice(&child, names, 1);
    finish_failed(&child, "model number 2, not loaded");
    child = start_ready("replay", "1");
    message = (struct idn_child_message){
        .type = IDN_CHILD_READY, .u.ready = {.class_name = "x", .threads = 1}};
    say(&child);
    finish_failed(&child, "message type 1 is not an agent's");
}

static void test_hooks_kill(void)
{
    static const char *const crash[] = {"crash"}, *const leave[] = {"exit"};
    struct child child = start_tiny("2");

    slice(&child, crash, 1);
    int status = wait_end(&child);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
    child = start_tiny("2");
    slice(&child, leave, 1);
    status = wait_end(&child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 3);
}

static void test_hooks_sleep_without_the_variable(void)
{
    static const char *const names[] = {"crash", "exit", "hang"};

    CHECK_INT(unsetenv("IDUNNO_TEST_CRASH"), 0);
    struct child child = start_tiny("2");
    CHECK_INT(setenv("IDUNNO_TEST_CRASH", "1", 1), 0);
    slice(&child, names, 3);
    hear_rows(&child, 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(message.u.rows.row[i].status, IDN_STATUS_UNSUPPORTED);
    finish(&child);
}

static void test_ignores_the_terminal(void)
{
    static const char *const names[] = {"a.jpg"};
    struct child child = start_tiny("1");

    CHECK_INT(kill(child.pid, SIGINT), 0);
    CHECK_INT(kill(child.pid, SIGTERM), 0);
    slice(&child, names, 1);
    hear_rows(&child, 1);
    finish(&child);
}

// An agent that dies while its child hangs takes it along: the pipe that the child holds closes.
static void test_dies_with_its_agent(void)
{
    static const char *const names[] = {"hang"};
    int pipes[2];
    char byte;

    CHECK_INT(pipe(pipes), 0);
    pid_t agent = fork();
    CHECK(agent >= 0);
    if (agent == 0) {
        struct child child = start_tiny("1"); // inherits both ends of the pipe
        slice(&child, names, 1);
        _exit(0);
    }
    int status;
    CHECK_INT(waitpid(agent, &status, 0), agent);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(pipes[1]);
    wait_readable(pipes[0]);
    CHECK_INT(read(pipes[0], &byte, 1), 0);
    (void)close(pipes[0]);
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");

    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void write_cfg(const char *name, const char *from, const char *to)
{
    char text[sizeof(tiny_cfg) + 64];
    const char *at = strstr(tiny_cfg, from);

    (void)snprintf(
        text, sizeof(text), "%.*s%s%s", (int)(at - tiny_cfg), tiny_cfg, to, at + strlen(from));
    write_bytes(name, text, strlen(text));
}

static void write_files(void)
{
    struct picture_jpeg jpeg = {.width = 60, .height = 40, .subsampling = TJSAMP_420};
    struct picture_png png = {.width = 21, .height = 30, .color = PNG_COLOR_TYPE_RGB, .depth = 8};
    struct picture_png large = {
        .width = 6000, .height = 6000, .color = PNG_COLOR_TYPE_GRAY, .depth = 1};
    struct picture_bytes a = picture_make_jpeg(&jpeg, 1), b = picture_make_png(&png, 2),
                         c = picture_make_png(&large, 3);

    write_bytes("a.jpg", a.data, a.size);
    write_bytes("cut.jpg", a.data, a.size / 2);
    write_bytes("b.png", b.data, b.size);
    write_bytes("large.png", c.data, c.size);
    free(a.data);
    free(b.data);
    free(c.data);
    write_bytes("text", "hello\n", 6);
    write_bytes("crash", "IDUNNO-TEST-CRASH", 17);
    write_bytes("exit", "IDUNNO-TEST-EXIT", 16);
    write_bytes("hang", "IDUNNO-TEST-HANG", 16);
    write_cfg("tiny.cfg", "[net]", "[net]");
    write_cfg("open.cfg", "[softmax]\ngroups=1\n", "");
    write_cfg("grey.cfg", "channels=3", "channels=1");
    if (tiny_write_weights("tiny.weights", 0.1f) != 0 ||
        tiny_write_weights("nan.weights", NAN) != 0 ||
        tiny_write_weights("cut.weights", 0.1f) != 0 || truncate("cut.weights", 100) != 0 ||
        mkfifo("fifo", 0600) != 0)
        abort();
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_replay_reads_no_file),
        CHECK_TEST(test_each_file_gets_its_status),
        CHECK_TEST(test_result_depends_on_the_image_alone),
        CHECK_TEST(test_two_slices_in_the_child),
        CHECK_TEST(test_hanging_in_the_next_slice),
        CHECK_TEST(test_behind_a_slice),
        CHECK_TEST(test_an_unloaded_model_is_gone),
        CHECK_TEST(test_models_that_are_refused),
        CHECK_TEST(test_not_finite),
        CHECK_TEST(test_few_large_images_at_once),
        CHECK_TEST(test_stated_digest),
        CHECK_TEST(test_nonsense_ends_the_child),
        CHECK_TEST(test_hooks_kill),
        CHECK_TEST(test_hooks_sleep_without_the_variable),
        CHECK_TEST(test_ignores_the_terminal),
        CHECK_TEST(test_dies_with_its_agent),
    };
    static const char *const made[] = {"a.jpg", "cut.jpg", "b.png", "large.png", "text", "crash",
        "exit", "hang", "tiny.cfg", "open.cfg", "grey.cfg", "tiny.weights", "nan.weights",
        "cut.weights", "fifo"};

    program = argc < 2 ? NULL : realpath(argv[1], NULL);
    if (program == NULL || mkdtemp(directory) == NULL || chdir(directory) != 0)
        return 1;
    (void)setenv("IDUNNO_TEST_CRASH", "1", 1);
    write_files();
    int failed = check_main(tests, sizeof(tests) / sizeof(*tests), argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
        (void)unlink(made[i]);
    (void)rmdir(directory);
    free(program);
    return failed;
}
