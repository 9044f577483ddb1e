// The end of a store without warning: kill -9, a full disk, a failing fsync. What was called stored
// is there afterwards, no batch is torn, and after a failure nothing is called stored any more.
#include "tests/unit/store_kit.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BATCH = 4, FOREIGN = 2, FOREIGN_INCARNATION = 5 }; // the third of each batch

static struct kit kit;
static struct kit_seen seen;

// Ours and SQLite's syncs both come here: the one that this counts down to fails.
static atomic_int syncs_left = INT32_MAX;
static atomic_int log_syncs, mark_syncs; // done so far, by file

static void count_sync(int fd)
{
    char link[64], path[512] = "";

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof(path) - 1) < 0)
        return;
    if (strstr(path, "facts.db-wal") != NULL)
        atomic_fetch_add(&log_syncs, 1);
    if (strstr(path, "highwater") != NULL)
        atomic_fetch_add(&mark_syncs, 1);
}

int fdatasync(int fd)
{
    count_sync(fd);
    if (atomic_fetch_sub(&syncs_left, 1) == 1) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

// Three facts of this broker's and one of the other's, in one transaction.
static void commit_batch(void)
{
    struct idn_stored_fact batch[BATCH];

    for (uint32_t i = 0; i < BATCH; i++) {
        struct idn_fact fact = kit_results(&kit, 1, i * 500, 500, IDN_STATUS_OK, i);
        batch[i] = (struct idn_stored_fact){.fact = fact, .decoded = true};
        if (i != FOREIGN)
            continue;
        kit.sequence--, kit.copies++;
        batch[i] = kit_foreign(fact, FOREIGN_INCARNATION, kit.report.facts / BATCH + kit.copies);
    }
    idn_store_commit(kit.store, batch, BATCH);
}

// Commits batches for ever, up to four at once, and tells each STORED on the pipe.
static _Noreturn void write_until_killed(int pipe_fd)
{
    struct idn_completion done;
    uint64_t stored = 0;

    kit_open(&kit);
    for (;;) {
        while (kit.sequence + kit.copies < stored + 4 * BATCH)
            commit_batch();
        if (!kit_wait(&kit, IDN_COMPLETION_STORED, &done))
            _exit(1);
        stored = done.position - kit.report.facts;
        if (write(pipe_fd, &stored, sizeof(stored)) != sizeof(stored))
            _exit(1);
    }
}

// What the child of one round was told is stored when it was killed after `messages` of them.
static uint64_t kill_after(int messages)
{
    uint64_t stored = 0, next;
    int ends[2], status;

    CHECK_INT(pipe(ends), 0);
    (void)fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        write_until_killed(ends[1]);
    }
    (void)close(ends[1]);
    for (int i = 0; i < messages && read(ends[0], &next, sizeof(next)) == sizeof(next); i++)
        stored = next;
    CHECK_INT(kill(child, SIGKILL), 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status));
    while (read(ends[0], &next, sizeof(next)) == sizeof(next))
        stored = next; // told before it died
    (void)close(ends[0]);
    return stored;
}

// Both brokers' facts follow each other without a gap. before: those of earlier rounds.
static void check_origin(uint64_t i, uint64_t before)
{
    uint64_t batches = (i - before) / BATCH, place = i % BATCH;

    if (place == FOREIGN)
        CHECK_INT(seen.origin[i].sequence, i / BATCH + 1);
    else
        CHECK_INT(seen.origin[i].sequence,
            batches * (BATCH - 1) + (place > FOREIGN ? place - 1 : place) + 1);
    CHECK((seen.origin[i].incarnation == FOREIGN_INCARNATION) == (place == FOREIGN));
}

static void test_killed_at_any_moment(void)
{
    uint64_t before = 0;
    unsigned random = 4711;

    kit_init(&kit);
    for (int round = 0; round < 12; round++) {
        random = random * 1103515245 + 12345;
        uint64_t stored = kill_after((int)(random >> 16) % 25);
        kit.incarnation++; // the child drew it
        seen = (struct kit_seen){0};
        CHECK_INT(kit_open_only(&kit, false), 0);
        CHECK_INT(idn_store_restore(kit.store, kit_see, &seen, &kit.reason), 0);
        CHECK_INT(seen.count, kit.report.facts);
        CHECK(kit.report.facts >= before + stored);
        CHECK_INT((kit.report.facts - before) % BATCH, 0);
        for (uint64_t i = before; i < kit.report.facts; i++)
            check_origin(i, before);
        CHECK_INT(kit_held(&seen, FOREIGN_INCARNATION), kit.report.facts / BATCH);
        before = kit.report.facts;
        idn_store_close(&kit.store);
    }
    CHECK(before > 0);
    kit_fini(&kit);
}

// Commits until FAILED comes; returns the last sequence called stored.
static uint64_t commit_until_failed(void)
{
    struct idn_completion done;
    uint64_t stored = 0;

    for (int i = 0; i < 2000; i++) {
        commit_batch();
        if (!kit_wait(&kit, IDN_COMPLETION_STORED, &done))
            break;
        stored = done.position - kit.report.facts;
    }
    CHECK_INT(kit.failed, 1);
    return stored;
}

static void check_refuses_everything(void)
{
    struct idn_completion done;
    struct idn_key key = kit_key(1);

    commit_batch();
    idn_store_summarise(kit.store, &(struct idn_summary){.job = key});
    idn_store_read_list(kit.store, 1, &key, 0);
    CHECK(!idn_store_next(kit.store, &done));
}

static void check_all_stored(uint64_t stored)
{
    idn_store_close(&kit.store);
    seen = (struct kit_seen){0};
    int error = kit_open_only(&kit, false);
    if (error < 0)
        (void)printf("  %s\n", kit.reason.text);
    CHECK_INT(error, 0);
    CHECK_INT(idn_store_restore(kit.store, kit_see, &seen, &kit.reason), 0);
    CHECK(seen.count >= stored);
    CHECK_INT(seen.count % BATCH, 0);
    CHECK_INT(idn_store_start(kit.store, &kit.reason), 0);
    commit_batch();
    kit_wait_stored(&kit);
}

static void test_file_that_cannot_grow(void)
{
    struct rlimit before, tight;

    kit_init(&kit);
    kit_open(&kit);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    tight = before;
    tight.rlim_cur = 1 << 20;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &tight), 0);
    uint64_t stored = commit_until_failed();
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK(stored > 0);
    CHECK_CONTAINS(kit.text, "cannot write facts.db in");
    CHECK_CONTAINS(kit.text, kit.directory);
    CHECK_CONTAINS(kit.text, "disk I/O error");
    check_refuses_everything();
    check_all_stored(stored);
    kit_fini(&kit);
}

static bool mount_small(const char *directory, const char *size, unsigned long flags)
{
    return mount("none", directory, "tmpfs", flags, size) == 0;
}

// On a file system of its own, of 2 MiB, which only this process sees.
static void fill_small_disk(void)
{
    char directory[256];

    (void)snprintf(directory, sizeof(directory), "%s", kit.directory);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        !mount_small(directory, "size=2m", 0)) {
        (void)printf("  skipped: may not mount a small file system here\n");
        return;
    }
    kit_open(&kit);
    uint64_t stored = commit_until_failed();
    CHECK(stored > 0);
    CHECK_CONTAINS(kit.text, "the disk is full");
    CHECK_CONTAINS(kit.text, directory);
    CHECK_CONTAINS(kit.text, "make room there and start again");
    check_refuses_everything();
    CHECK(mount_small(directory, "size=16m", MS_REMOUNT));
    check_all_stored(stored);
    idn_store_close(&kit.store);
}

static void test_full_disk(void)
{
    int status;

    kit_init(&kit);
    (void)fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (setjmp(check_jump) != 0) {
            (void)fflush(stdout);
            _exit(1);
        }
        fill_small_disk();
        (void)fflush(stdout);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    kit_fini(&kit);
}

static void test_stored_means_synced(void)
{
    kit_init(&kit);
    kit_open(&kit);
    for (int i = 0; i < 5; i++) {
        int logs = atomic_load(&log_syncs), marks = atomic_load(&mark_syncs);
        commit_batch();
        kit_wait_stored(&kit);
        CHECK(atomic_load(&log_syncs) > logs);
        CHECK(atomic_load(&mark_syncs) > marks);
    }
    kit_fini(&kit);
}

static off_t log_bytes(void)
{
    struct stat status;

    CHECK_INT(stat(kit_path(&kit, "facts.db-wal"), &status), 0);
    return status.st_size;
}

// 24 MB of facts: the log is checkpointed on the way, and an opening need not read them all.
static void test_log_stays_bounded(void)
{
    struct kit killed;

    kit_init(&kit);
    kit_open(&kit);
    for (int i = 0; i < 25; i++) {
        for (int k = 0; k < 10; k++)
            commit_batch();
        kit_wait_stored(&kit);
        CHECK(log_bytes() < 12 * 1000 * 1000);
    }
    kit_commit(&kit, kit_fact(&kit, IDN_FACT_CANCELLED, 1));
    kit_wait_stored(&kit); // and so a checkpoint that was due is over
    kit_copy(&kit, &killed);
    CHECK_INT(kit_open_only(&killed, false), 0);
    CHECK_INT(killed.report.facts, 25 * 10 * BATCH + 1);
    CHECK(killed.report.verified < killed.report.facts);
    kit_fini(&killed);
    kit_fini(&kit);
}

static void test_failed_sync_is_the_end(void)
{
    for (int n = 1; n <= 6; n++) {
        kit_init(&kit);
        kit_open(&kit);
        commit_batch();
        kit_wait_stored(&kit);
        atomic_store(&syncs_left, n);
        uint64_t stored = commit_until_failed();
        CHECK(atomic_load(&syncs_left) == 0); // not tried again
        CHECK_CONTAINS(kit.text, kit.directory);
        CHECK_CONTAINS(kit.text, "Input/output error");
        check_refuses_everything();
        check_all_stored(stored);
        kit_fini(&kit);
    }
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_killed_at_any_moment),
        CHECK_TEST(test_file_that_cannot_grow),
        CHECK_TEST(test_full_disk),
        CHECK_TEST(test_stored_means_synced),
        CHECK_TEST(test_log_stays_bounded),
        CHECK_TEST(test_failed_sync_is_the_end),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
