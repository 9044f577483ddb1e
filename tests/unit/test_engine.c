// Below the engines: the thread pool, the hush around libdarknet, the engines' names.
#include "tests/lib/check.h"
#include "worker/infer/engine.h"
#include "worker/infer/hush.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 1000 };

struct tally {
    atomic_uint done[ITEMS];
    atomic_uint in_thread[8];
    atomic_bool clash; // two calls at once with the same thread number
};

static void count_item(void *context, uint32_t thread, uint32_t item)
{
    struct tally *tally = context;

    if (atomic_fetch_add(&tally->in_thread[thread], 1) != 0)
        atomic_store(&tally->clash, true);
    atomic_fetch_add(&tally->done[item], 1);
    atomic_fetch_sub(&tally->in_thread[thread], 1);
}

static void test_pool_does_each_item_once(void)
{
    static struct tally tally;
    static const uint32_t threads[] = {1, 2, 7};

    for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
        struct idn_pool *pool;
        memset(&tally, 0, sizeof(tally));
        CHECK_INT(idn_pool_new(threads[t], &pool), 0);
        CHECK_INT(idn_pool_threads(pool), threads[t]);
        for (uint32_t round = 1; round <= 50; round++) {
            uint32_t count = round == 50 ? 0 : ITEMS;
            idn_pool_run(pool, count, count_item, &tally);
            for (uint32_t i = 0; i < count; i++)
                CHECK_INT(atomic_load(&tally.done[i]), round);
        }
        CHECK(!atomic_load(&tally.clash));
        idn_pool_destroy(&pool);
        CHECK(pool == NULL);
        idn_pool_destroy(&pool);
    }
}

struct leisure {
    atomic_uint left; // spare calls that find something to do
    atomic_bool clash;
    atomic_uint in_thread[8];
};

static bool spare(void *context, uint32_t thread)
{
    struct leisure *leisure = context;

    if (thread == 0 || atomic_fetch_add(&leisure->in_thread[thread], 1) != 0)
        atomic_store(&leisure->clash, true);
    unsigned left = atomic_load(&leisure->left);
    while (left > 0 && !atomic_compare_exchange_weak(&leisure->left, &left, left - 1))
        continue;
    atomic_fetch_sub(&leisure->in_thread[thread], 1);
    return left > 0;
}

static void wait_for_leisure(void *context, uint32_t thread, uint32_t item)
{
    struct leisure *leisure = context;

    (void)thread;
    while (item == 0 && atomic_load(&leisure->left) > 0)
        continue;
}

// The caller's item ends only when the helpers, who have none, have found the spare work.
static void test_pool_spare_work_is_done_during_a_run(void)
{
    static struct leisure leisure;
    struct idn_pool *pool;

    CHECK_INT(idn_pool_new(3, &pool), 0);
    idn_pool_spare(pool, spare, &leisure);
    for (int round = 0; round < 50; round++) {
        atomic_store(&leisure.left, 20);
        idn_pool_run(pool, 2, wait_for_leisure, &leisure);
        CHECK_INT(atomic_load(&leisure.left), 0);
    }
    atomic_store(&leisure.left, 20);
    idn_pool_wake(pool); // without a run
    wait_for_leisure(&leisure, 0, 0);
    idn_pool_spare(pool, NULL, NULL);
    atomic_store(&leisure.left, 1);
    idn_pool_run(pool, ITEMS, count_item, &(struct tally){0});
    CHECK_INT(atomic_load(&leisure.left), 1);
    CHECK(!atomic_load(&leisure.clash));
    idn_pool_destroy(&pool);
}

// Runs act in a process of its own; returns its status and what came out of stdout and stderr.
static int run_apart(void (*act)(void), char *ret_text, size_t size)
{
    int pipes[2], status;

    CHECK_INT(pipe(pipes), 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)dup2(pipes[1], STDOUT_FILENO);
        (void)dup2(pipes[1], STDERR_FILENO);
        (void)close(pipes[1]);
        act();
        exit(0);
    }
    (void)close(pipes[1]);
    size_t used = 0;
    ssize_t got;
    while ((got = read(pipes[0], ret_text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    ret_text[used] = '\0';
    (void)close(pipes[0]);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void chatter_between(void)
{
    struct idn_hush hush;

    (void)printf("before ");
    idn_hush_begin(&hush);
    (void)printf("a layer ");
    (void)fprintf(stderr, "another ");
    idn_hush_end(&hush);
    (void)printf("after");
}

static void leave_while_hushed(void)
{
    struct idn_hush hush;

    idn_hush_begin(&hush);
    (void)printf("Couldn't open file");
    exit(0); // as libdarknet does
}

static void test_hush(void)
{
    char text[256];

    CHECK_INT(run_apart(chatter_between, text, sizeof(text)), 0);
    CHECK_STRING(text, "before after");
}

// Nothing can be put in stdout's place: it is left alone, and is there afterwards.
static void chatter_without_descriptors(void)
{
    (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3});
    chatter_between();
}

static void test_hush_without_descriptors(void)
{
    char text[256];

    CHECK_INT(run_apart(chatter_without_descriptors, text, sizeof(text)), 0);
    CHECK_CONTAINS(text, "before ");
    CHECK_CONTAINS(text, "after");
}

static void test_an_end_while_hushed_is_told(void)
{
    char text[256];

    CHECK_INT(run_apart(leave_while_hushed, text, sizeof(text)), 1);
    CHECK_STRING(text, "idunno-infer: libdarknet ended the program while it loaded a model\n");
}

// As systemd's MemoryDenyWriteExecute=yes does it. false: this system has no such filters.
static bool deny_executable_memory(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void open_without_executable_memory(void)
{
    struct idn_engine_options options = {.threads = 1};
    struct idn_engine *engine;
    struct idn_reason reason = {""};

    (void)dnnl_set_primitive_cache_capacity(0); // what tests before this one made
    if (!deny_executable_memory()) {
        (void)printf("oneDNN may not: not tried here");
        return;
    }
    if (idn_engine_open(&idn_engine_onednn, &options, &engine, &reason) != 0)
        (void)printf("%s", reason.text);
}

static void test_no_executable_memory_is_told(void)
{
    char text[512];

    CHECK_INT(run_apart(open_without_executable_memory, text, sizeof(text)), 0);
#if defined(__x86_64__)
    CHECK_CONTAINS(text, "oneDNN may not");
#endif
}

static void test_engines_by_name(void)
{
    struct idn_engine_options options = {.threads = 2, .replay_seed = 5};
    struct idn_engine *engine;
    struct idn_reason reason;

    char names[IDN_ENGINE_NAMES_SIZE];

    CHECK(idn_engine_find("nonsense") == NULL);
    idn_engine_names(names);
    CHECK_STRING(names, "darknet, onednn, replay");
    CHECK_INT(idn_engine_open(idn_engine_find("replay"), &options, &engine, &reason), 0);
    CHECK_STRING(engine->class_name, "replay seed=5");
    idn_engine_close(&engine);
    CHECK(engine == NULL);
    CHECK_INT(idn_engine_open(idn_engine_find("darknet"), &options, &engine, &reason), 0);
    CHECK_CONTAINS(engine->class_name, "darknet-20180914 build=");
    CHECK(strstr(engine->class_name, "unknown") == NULL);
    CHECK_CONTAINS(engine->class_name, " libm=");
    CHECK_CONTAINS(engine->class_name, " jpeg=turbo-");
    CHECK_CONTAINS(engine->class_name, " rev=");
    CHECK(strstr(engine->class_name, "fast") == NULL);
    CHECK_INT(idn_pool_threads(engine->pool), 2);
    idn_engine_close(&engine);
}

// Whatever can change the bits is in the class name, or does not change them.
static void test_the_fast_engines_class(void)
{
    struct idn_engine_options options = {.threads = 1, .decode_fast = true, .direct = true};
    dnnl_fpmath_mode_t mode;
    struct idn_engine *engine;
    struct idn_reason reason;

    (void)setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16", 1);
    CHECK_INT(idn_engine_open(idn_engine_find("onednn"), &options, &engine, &reason), 0);
    CHECK_INT(dnnl_get_default_fpmath_mode(&mode), dnnl_success);
    CHECK_INT(mode, dnnl_fpmath_mode_strict);
    (void)printf("  %s\n", engine->class_name);
    CHECK(strncmp(engine->class_name, "onednn-", 7) == 0);
    CHECK_CONTAINS(engine->class_name, " direct kernels=");
    CHECK_CONTAINS(engine->class_name, " darknet=");
    CHECK_CONTAINS(engine->class_name, " libm=");
    CHECK_CONTAINS(engine->class_name, " rev=3 decode=fast"); // all of it
    idn_engine_close(&engine);
}

static void test_fast_decoding_is_another_class(void)
{
    struct idn_engine_options options = {.threads = 1, .replay_seed = 5, .decode_fast = true};
    struct idn_engine *engine;
    struct idn_reason reason;

    CHECK_INT(idn_engine_open(idn_engine_find("replay"), &options, &engine, &reason), 0);
    CHECK_STRING(engine->class_name, "replay seed=5 decode=fast");
    CHECK(engine->decode_fast);
    idn_engine_close(&engine);
}

static int load_replay(
    struct idn_engine *engine, const char *key, struct idn_network **ret, struct idn_reason *reason)
{
    char cfg[] = "/tmp/idunno-replay-XXXXXX";
    int fd = mkstemp(cfg);
    FILE *file = fdopen(fd, "w");

    CHECK(file != NULL);
    (void)fprintf(file, "[net]\n%s\n", key);
    (void)fclose(file);
    int error = engine->ops->load(engine, cfg, NULL, ret, reason);
    (void)unlink(cfg);
    return error;
}

static void test_a_replayed_model_may_say_its_time(void)
{
    const struct idn_engine_options options = {.threads = 1, .replay_us = 60 * 1000 * 1000};
    const struct idn_input inputs[2] = {{.index = 0}, {.index = 1}};
    struct timespec before, after;
    struct idn_network *network;
    struct idn_engine *engine;
    struct idn_reason reason;
    float rows[2 * 1000];

    CHECK_INT(idn_engine_open(idn_engine_find("replay"), &options, &engine, &reason), 0);
    CHECK_INT(load_replay(engine, "replay_us = soon", &network, &reason), -EINVAL);
    CHECK_CONTAINS(reason.text, "replay_us = 'soon' is not a whole number from 0 to 60000000");
    CHECK_INT(load_replay(engine, "replay_us=2000", &network, &reason), 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    idn_engine_predict(engine, network, inputs, 2, rows);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    CHECK(us >= 4000); // it sleeps at least that; with the option's time it would be two minutes
    idn_engine_unload(engine, &network);
    idn_engine_close(&engine);
}

// AddressSanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static long resident_mib(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file != NULL && fgets(line, sizeof(line), file) != NULL);
    (void)fclose(file);
    return strtol(strchr(line, ' '), NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

// 31 MB of zeros, in many pieces once they are packed, and with smaller things behind them.
static void load_and_unload(struct idn_engine *engine)
{
    static const char text[] = "[net]\nheight=64\nwidth=64\nchannels=3\n"
                               "[connected]\noutput=640\nactivation=linear\n"
                               "[connected]\noutput=10\nactivation=linear\n[softmax]\n";
    static const int32_t header[] = {0, 2, 0};
    char cfg[] = "/tmp/idunno-test-cfg-XXXXXX", weights[] = "/tmp/idunno-test-weights-XXXXXX";
    int cfg_fd = mkstemp(cfg), weights_fd = mkstemp(weights);
    struct idn_network *network = NULL;
    struct idn_reason reason;

    CHECK(write(cfg_fd, text, sizeof(text) - 1) == sizeof(text) - 1);
    CHECK(write(weights_fd, header, sizeof(header)) == sizeof(header));
    CHECK_INT(ftruncate(weights_fd, 20 + 4 * (640 + 640 * 64 * 64 * 3 + 10 + 10 * 640)), 0);
    CHECK_INT(idn_engine_load(engine, cfg, weights, &network, &reason), 0);
    idn_engine_unload(engine, &network);
    (void)close(cfg_fd);
    (void)close(weights_fd);
    (void)unlink(cfg);
    (void)unlink(weights);
}

static void test_an_unloaded_model_leaves_no_memory(void)
{
    static const struct idn_engine_ops *const ops[] = {&idn_engine_onednn, &idn_engine_darknet};
    const struct idn_engine_options options = {.threads = 2};
    struct idn_engine *engine;
    struct idn_reason reason;

    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        CHECK_INT(idn_engine_open(ops[i], &options, &engine, &reason), 0);
        long before = resident_mib();
        load_and_unload(engine);
        CHECK(SANITIZED || resident_mib() - before < 15);
        idn_engine_close(&engine);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_pool_does_each_item_once),
        CHECK_TEST(test_pool_spare_work_is_done_during_a_run),
        CHECK_TEST(test_hush),
        CHECK_TEST(test_hush_without_descriptors),
        CHECK_TEST(test_an_end_while_hushed_is_told),
        CHECK_TEST(test_no_executable_memory_is_told),
        CHECK_TEST(test_engines_by_name),
        CHECK_TEST(test_the_fast_engines_class),
        CHECK_TEST(test_fast_decoding_is_another_class),
        CHECK_TEST(test_a_replayed_model_may_say_its_time),
        CHECK_TEST(test_an_unloaded_model_leaves_no_memory),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
