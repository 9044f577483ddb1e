// How long a broker's store takes to open and restore: makes one with a million stored results in
// 2,000 facts, in a directory of its own, and opens it five times each way.
#include "broker/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { JOBS = 20, FACTS = 2000, ROWS = 500, JOB_FACTS = FACTS / JOBS, RUNS = 5 };

struct fed {
    uint64_t facts, summaries, rows;
    struct idn_digest digest;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void give_up(const char *why)
{
    (void)fprintf(stderr, "bench-store: %s\n", why);
    exit(1);
}

static struct idn_store *open_store(const char *directory)
{
    struct idn_store_config config = {.directory = directory};
    struct idn_store_report report;
    struct idn_store *store;
    struct idn_reason reason;

    if (idn_store_open(&config, &store, &report, &reason) < 0)
        give_up(reason.text);
    return store;
}

static void await(struct idn_store *store, enum idn_completion_type type, uint64_t position,
    struct idn_completion *ret)
{
    struct pollfd ready = {.fd = idn_store_fd(store), .events = POLLIN};

    for (;;) {
        while (idn_store_next(store, ret)) {
            if (ret->type == IDN_COMPLETION_FAILED)
                give_up(ret->text);
            if (ret->type == type && ret->position >= position)
                return;
        }
        (void)poll(&ready, 1, -1);
    }
}

static struct idn_key key_of(int job)
{
    return (struct idn_key){.bytes = {(uint8_t)job, 1}};
}

static struct idn_job_spec spec_of(void)
{
    return (struct idn_job_spec){.model = "alexnet",
        .dataset = "photos",
        .last = JOB_FACTS * ROWS - 1,
        .client = "bench",
        .weight = 1};
}

static struct idn_fact results_of(int job, int part, uint64_t sequence, uint8_t *rows)
{
    const struct idn_job_spec spec = spec_of();
    uint64_t spec_hash = idn_spec_hash(&spec);

    for (int i = 0; i < ROWS; i++) {
        struct idn_result result = {.index = (uint32_t)(part * ROWS + i),
            .class_id = {1, 2, 3, 4, 5},
            .probability = {0.5f, 0.2f, 0.1f, 0.05f, 0.01f}};
        idn_result_pack(&result, rows + (size_t)i * IDN_ROW_BYTES);
    }
    struct idn_fact fact = {
        .origin = {1, sequence}, .epoch = {1, 'a'}, .kind = IDN_FACT_RESULTS, .job = key_of(job)};
    fact.u.results.count = ROWS;
    fact.u.results.rows = rows;
    fact.u.results.spec_hash = spec_hash;
    return fact;
}

static void commit(struct idn_store *store, const struct idn_fact *fact)
{
    struct idn_stored_fact own = {.fact = *fact, .decoded = true};

    idn_store_commit(store, &own, 1);
}

// Jobs are written in turns, as a fair broker would.
static void fill(const char *directory)
{
    static uint8_t rows[ROWS * IDN_ROW_BYTES];
    struct idn_store *store = open_store(directory);
    struct idn_completion done;
    uint64_t sequence = 0;

    if (idn_store_start(store, NULL) < 0)
        give_up("cannot start");
    for (int job = 0; job < JOBS; job++) {
        struct idn_fact fact = {.origin = {1, ++sequence},
            .epoch = {1, 'a'},
            .kind = IDN_FACT_ACCEPTED,
            .job = key_of(job)};
        fact.u.accepted = spec_of();
        commit(store, &fact);
    }
    double began = now_s();
    for (int i = 0; i < FACTS; i++) {
        struct idn_fact fact = results_of(i % JOBS, i / JOBS, ++sequence, rows);
        commit(store, &fact);
        if (i % 8 == 7 || i == FACTS - 1)
            await(store, IDN_COMPLETION_STORED, sequence, &done);
    }
    (void)printf(
        "store: %d facts of %d results in %.2f s (8 at once)\n", FACTS, ROWS, now_s() - began);
    idn_store_close(&store);
}

static void fold(void *context, const struct idn_event *event)
{
    struct fed *fed = context;

    if (event->type == IDN_EVENT_SUMMARY) {
        fed->summaries++;
        return;
    }
    if (event->type != IDN_EVENT_FACT)
        return;
    fed->facts++;
    if (event->u.fact->kind != IDN_FACT_RESULTS)
        return;
    for (uint32_t i = 0; i < event->u.fact->u.results.count; i++) {
        struct idn_result result;
        struct idn_digest term;
        if (!idn_result_unpack(event->u.fact->u.results.rows + (size_t)i * IDN_ROW_BYTES, &result))
            give_up("a row that is no result");
        idn_digest_of(&result, &term);
        idn_digest_add(&fed->digest, &term);
        fed->rows++;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *directory, const char *what)
{
    double took[RUNS];
    struct fed fed = {0};

    for (int i = 0; i < RUNS; i++) {
        double began = now_s();
        struct idn_store *store = open_store(directory);
        fed = (struct fed){0};
        if (idn_store_restore(store, fold, &fed, NULL) < 0)
            give_up("cannot restore");
        took[i] = now_s() - began;
        idn_store_close(&store);
    }
    qsort(took, RUNS, sizeof(took[0]), by_value);
    (void)printf("open and restore, %s: median %.3f s, slowest %.3f s (%llu facts, %llu results "
                 "hashed, %llu summaries)\n",
        what, took[RUNS / 2], took[RUNS - 1], (unsigned long long)fed.facts,
        (unsigned long long)fed.rows, (unsigned long long)fed.summaries);
}

static void summarise_all_but_one(const char *directory)
{
    struct idn_store *store = open_store(directory);
    struct idn_job_spec spec = spec_of();
    struct idn_completion done;

    if (idn_store_start(store, NULL) < 0)
        give_up("cannot start");
    double began = now_s();
    for (int job = 1; job < JOBS; job++) {
        struct idn_key key = key_of(job);
        idn_store_refold(store, &key, &spec, false);
        await(store, IDN_COMPLETION_REFOLDED, 0, &done);
        idn_store_summarise(store, &done.summary);
    }
    (void)printf(
        "refold: %d jobs of %u images in %.2f s\n", JOBS - 1, spec.last + 1, now_s() - began);
    idn_store_close(&store);
}

static void read_pages(const char *directory)
{
    struct idn_store *store = open_store(directory);
    struct idn_job_spec spec = spec_of();
    struct idn_key key = key_of(0);
    struct idn_completion page = {.next = 0};
    uint32_t pages = 0;

    if (idn_store_start(store, NULL) < 0)
        give_up("cannot start");
    double began = now_s();
    for (; page.next <= spec.last; pages++, free(page.bytes)) {
        idn_store_read_page(store, 1, &key, &spec, page.next, IDN_PAGE_ROWS_MAX, IDN_FILTER_ALL);
        await(store, IDN_COMPLETION_PAGE, 0, &page);
    }
    (void)printf("pages: %u of %d rows, %.3f ms each\n", pages, IDN_PAGE_ROWS_MAX,
        (now_s() - began) * 1000 / pages);
    idn_store_close(&store);
}

// As the mirror link does it for a standby that has nothing.
static void read_facts(const char *directory)
{
    struct idn_store *store = open_store(directory);
    struct idn_completion read = {.end = false};
    uint64_t facts = 0, bytes = 0, frames = 0;

    if (idn_store_start(store, NULL) < 0)
        give_up("cannot start");
    double began = now_s();
    for (; !read.end; frames++) {
        idn_store_read_facts(store, read.next_position, NULL, 0);
        await(store, IDN_COMPLETION_FACTS, 0, &read);
        for (uint32_t i = 0; i < read.count; i++)
            bytes += read.fact[i].size;
        facts += read.count;
        free(read.bytes);
        free(read.fact);
    }
    double took = now_s() - began;
    (void)printf("facts for a standby: %llu in %llu frames, %.1f MB, in %.3f s (%.0f MB/s)\n",
        (unsigned long long)facts, (unsigned long long)frames, (double)bytes / 1e6, took,
        (double)bytes / 1e6 / took);
    idn_store_close(&store);
}

static void remove_store(const char *directory)
{
    static const char *const names[] = {
        "facts.db", "facts.db-wal", "facts.db-shm", "highwater", "lock"};
    char path[512];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    char directory[256];
    const char *parent = getenv("TMPDIR");

    if (argc > 1) {
        (void)printf(
            "usage: %s\n\nMeasures the broker's store in a directory below $TMPDIR.\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    (void)snprintf(directory, sizeof(directory), "%s/idn-bench-store-XXXXXX",
        parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL)
        give_up("cannot make a directory below $TMPDIR");
    fill(directory);
    measure(directory, "no job with a summary");
    read_pages(directory);
    read_facts(directory);
    summarise_all_but_one(directory);
    measure(directory, "all jobs but one with a summary");
    remove_store(directory);
    return 0;
}
