// What a step of the broker's core costs: 4,096 workers, 100 open jobs, reports of ten images; of a
// hundred events ninety are reports (or answers to TRIM), nine beats, one a worker that leaves or
// joins; a job is submitted for each that ends. Processor time of this thread, without its clock's.
//
//   usage: bench-core [STEPS [WORKERS [JOBS [OTHERS [STRANDED]]]]]
//
// The last line, `nothing`, is a loop that counts, for as long as the median step: its tail is what
// the machine's interrupts add to anything of that length.
//
// OTHERS of the workers are of another numerics class: idle, but no job is for them. STRANDED jobs
// more are open all the time, of a model that no worker holds.
#include "broker/core/core.h"
#include "base/random.h"
#include "proto/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 10, IMAGE_US = 10000, BEGUN = 2 * ROWS, ROUND_MS = 100, STORE_STEPS = 32 };
enum { IMAGES_MIN = 50000, IMAGES_MAX = 150000, AWAY_MAX = 32 };

enum kind { REPORT, TRIMMED, BEAT, HELLO, GOODBYE, SUBMIT, STORED, TICK, KINDS };
static const char *const kind_names[KINDS] = {
    "report", "trimmed", "beat", "hello", "goodbye", "submit", "stored", "tick"};

struct lease {
    struct idn_order order; // LEASE; its count shrinks
    uint32_t done;
};

struct worker {
    uint64_t nonce, reports, beats, images;
    uint32_t leases;
    struct lease lease[IDN_WORKER_LEASES_MAX];
    bool here;
    struct idn_order trim; // to be answered; type 0: none
};

struct samples {
    uint32_t *ns;
    size_t count;
};

struct bench {
    struct idn_core *core;
    struct idn_core_model model[3]; // no worker holds the last one
    struct idn_core_dataset dataset;
    struct idn_random random;
    struct worker *worker;
    uint32_t workers, jobs, others, stranded, open, next, next_beat, away[AWAY_MAX], aways;
    uint64_t now_us, nonces, submissions, position, stored;
    uint64_t clock_ns; // one reading of the clock
    struct samples sample[KINDS + 1], nothing;
    bool measuring;
};

static uint64_t clock_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void calibrate(struct bench *bench)
{
    bench->clock_ns = UINT64_MAX;
    for (int i = 0; i < 10000; i++) {
        uint64_t begin = clock_now(), took = clock_now() - begin;
        bench->clock_ns = took < bench->clock_ns ? took : bench->clock_ns;
    }
}

// ---- what the core wants
static struct lease *find_lease(struct worker *worker, struct idn_lease_id id)
{
    for (uint32_t i = 0; i < worker->leases; i++)
        if (idn_lease_equal(worker->lease[i].order.u.lease.id, id))
            return &worker->lease[i];
    return NULL;
}

static void take_order(struct bench *bench, const struct idn_action *action)
{
    struct worker *worker = &bench->worker[action->peer - 1];
    const struct idn_order *order = &action->u.order;

    if (!worker->here || order->nonce != worker->nonce)
        return;
    if (order->type == IDN_ORDER_TRIM)
        worker->trim = *order;
    if (order->type != IDN_ORDER_LEASE || worker->leases == IDN_WORKER_LEASES_MAX ||
        find_lease(worker, order->u.lease.id) != NULL)
        return;
    worker->lease[worker->leases++] = (struct lease){.order = *order};
}

static void carry_out(struct bench *bench, const struct idn_action *action)
{
    if (action->type == IDN_ACTION_ORDER)
        take_order(bench, action);
    if (action->type == IDN_ACTION_COMMIT)
        bench->position++;
    if (action->type == IDN_ACTION_SUMMARY)
        bench->open--;
    if (action->type == IDN_ACTION_EXIT) {
        (void)fprintf(stderr, "bench-core: %s\n", action->u.text);
        exit(1);
    }
}

static void keep(const struct bench *bench, struct samples *samples, uint64_t ns)
{
    samples->ns[samples->count++] = (uint32_t)(ns > bench->clock_ns ? ns - bench->clock_ns : 0);
}

static void step(struct bench *bench, enum kind kind, struct idn_event event)
{
    event.now_ms = bench->now_us / 1000;
    event.wall_ms = 1700000000000u + event.now_ms;
    uint64_t begin = clock_now();
    idn_core_step(bench->core, &event);
    uint64_t end = clock_now();
    if (bench->measuring) {
        keep(bench, &bench->sample[kind], end - begin);
        keep(bench, &bench->sample[KINDS], end - begin);
    }
    struct idn_actions actions = idn_core_actions(bench->core);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(bench, &actions.item[i]);
}

// ---- what happens to it
static void say(
    struct bench *bench, enum kind kind, uint32_t at, const struct idn_worker_message *message)
{
    step(bench, kind,
        (struct idn_event){
            .type = IDN_EVENT_WORKER, .u.worker = {.peer = at + 1, .message = message}});
}

static void hello(struct bench *bench, uint32_t at)
{
    static struct idn_worker_message message;
    struct worker *worker = &bench->worker[at];

    *worker = (struct worker){.nonce = ++bench->nonces, .here = true};
    memset(&message, 0, sizeof(message));
    message.type = IDN_WORKER_HELLO;
    message.nonce = worker->nonce;
    message.u.hello.lowest = message.u.hello.highest = 1;
    (void)snprintf(message.u.hello.name, IDN_NAME_SIZE, "host-%u/0", at);
    (void)snprintf(message.u.hello.class_name, IDN_CLASS_SIZE, "replay");
    message.u.hello.class_hash = at < bench->others ? 78 : 77;
    message.u.hello.threads = message.u.hello.datasets = 1;
    message.u.hello.models = 2;
    message.u.hello.reports_from = 1;
    for (int i = 0; i < 2; i++) {
        memcpy(message.u.hello.model[i].name, bench->model[i].name, IDN_NAME_SIZE);
        message.u.hello.model[i].digest = bench->model[i].digest;
    }
    memcpy(message.u.hello.dataset[0].name, bench->dataset.name, IDN_NAME_SIZE);
    message.u.hello.dataset[0].digest = bench->dataset.digest;
    say(bench, HELLO, at, &message);
}

static void goodbye(struct bench *bench, uint32_t at)
{
    struct idn_worker_message message = {
        .type = IDN_WORKER_GOODBYE, .nonce = bench->worker[at].nonce};

    bench->worker[at].here = false;
    say(bench, GOODBYE, at, &message);
}

static void submit_of(struct bench *bench, uint32_t model)
{
    struct idn_request request = {.type = IDN_REQUEST_SUBMIT, .id = ++bench->submissions};
    uint32_t images = (uint32_t)idn_random_range(&bench->random, IMAGES_MIN, IMAGES_MAX);

    for (int i = 0; i < 16; i++)
        request.job.key.bytes[i] = (uint8_t)idn_random_below(&bench->random, 256);
    request.job.bits = 128;
    (void)snprintf(request.u.submit.client, IDN_NAME_SIZE, "client %lu",
        (unsigned long)(bench->submissions % 1000));
    memcpy(request.u.submit.model, bench->model[model].name, IDN_NAME_SIZE);
    memcpy(request.u.submit.dataset, bench->dataset.name, IDN_NAME_SIZE);
    request.u.submit.last = images - 1;
    request.u.submit.weight = 1;
    step(bench, SUBMIT,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &request}});
}

static void submit(struct bench *bench)
{
    bench->open++;
    submit_of(bench, (uint32_t)(bench->submissions % 2));
}

static void store(struct bench *bench)
{
    if (bench->stored == bench->position)
        return;
    bench->stored = bench->position;
    step(bench, STORED, (struct idn_event){.type = IDN_EVENT_STORED, .u.stored = {bench->stored}});
}

static void drop_lease(struct worker *worker, struct lease *lease)
{
    if (lease == &worker->lease[0])
        worker->lease[0] = worker->lease[1];
    worker->leases--;
}

// As an agent: what is begun is kept.
static void answer_trim(struct bench *bench, uint32_t at)
{
    struct worker *worker = &bench->worker[at];
    struct idn_worker_message message = {.type = IDN_WORKER_TRIMMED, .nonce = worker->nonce};
    struct lease *lease = find_lease(worker, worker->trim.u.trim.id);
    uint32_t kept = worker->trim.u.trim.keep;

    message.u.trimmed.lease = worker->trim.u.trim.id;
    worker->trim.type = 0;
    if (lease != NULL) {
        uint32_t begun = lease == &worker->lease[0] ? lease->done + BEGUN : 0;
        kept = kept < begun ? begun : kept;
        kept = kept < lease->order.u.lease.count ? kept : lease->order.u.lease.count;
        lease->order.u.lease.count = kept;
        if (kept == lease->done)
            drop_lease(worker, lease);
    }
    message.u.trimmed.kept = lease == NULL ? 0 : kept;
    say(bench, TRIMMED, at, &message);
}

static void report(struct bench *bench, uint32_t at)
{
    static uint8_t rows[ROWS * IDN_ROW_BYTES];
    struct worker *worker = &bench->worker[at];
    struct lease *lease = &worker->lease[0];
    struct idn_worker_message message = {.type = IDN_WORKER_REPORT, .nonce = worker->nonce};
    uint32_t first = lease->order.u.lease.first + lease->done,
             left = lease->order.u.lease.count - lease->done, count = left < ROWS ? left : ROWS;

    for (uint32_t i = 0; i < count; i++) {
        struct idn_result result = {.index = first + i,
            .class_id = {1, 2, 3, 4, 5},
            .probability = {0.5f, 0.2f, 0.1f, 0.05f, 0.01f}};
        idn_result_pack(&result, rows + (size_t)i * IDN_ROW_BYTES);
    }
    lease->done += count;
    worker->images += count;
    message.u.report.number = ++worker->reports;
    message.u.report.lease = lease->order.u.lease.id;
    message.u.report.job = lease->order.u.lease.job;
    message.u.report.spec_hash = lease->order.u.lease.spec_hash;
    message.u.report.count = count;
    message.u.report.rows = rows;
    message.u.report.class_hash = 77;
    message.u.report.compute_us = (uint64_t)count * IMAGE_US;
    if (count == left) {
        message.u.report.end = IDN_END_DONE;
        drop_lease(worker, lease);
    }
    say(bench, REPORT, at, &message);
}

static void beat(struct bench *bench, uint32_t at)
{
    struct worker *worker = &bench->worker[at];
    struct idn_worker_beat beat = {.nonce = worker->nonce,
        .sequence = ++worker->beats,
        .images_done = worker->images,
        .in_child = BEGUN};

    if (worker->leases > 0)
        beat.lease = worker->lease[0].order.u.lease.id;
    step(bench, BEAT, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &beat});
}

// The next worker in turn has something to say, and time passes accordingly.
static void next_report(struct bench *bench)
{
    uint32_t at = bench->next++ % bench->workers;

    bench->now_us += ROUND_MS * 1000u / bench->workers;
    if (!bench->worker[at].here)
        return;
    if (bench->worker[at].trim.type != 0)
        answer_trim(bench, at);
    else if (bench->worker[at].leases > 0)
        report(bench, at);
    else
        beat(bench, at);
}

// Half of the time one of those that left comes back first.
static void come_or_go(struct bench *bench, uint32_t at)
{
    if (bench->aways == AWAY_MAX || (bench->aways > 0 && idn_random_below(&bench->random, 2) == 0))
        hello(bench, bench->away[--bench->aways]);
    else if (bench->worker[at].here) {
        bench->away[bench->aways++] = at;
        goodbye(bench, at);
    }
}

static void happen(struct bench *bench)
{
    uint32_t dice = idn_random_below(&bench->random, 100);

    if (dice < 90)
        next_report(bench);
    else if (dice < 99)
        beat(bench, bench->next_beat++ % bench->workers);
    else
        come_or_go(bench, idn_random_below(&bench->random, bench->workers));
    if (bench->next % STORE_STEPS == 0)
        store(bench);
    if (idn_core_deadline(bench->core) <= bench->now_us / 1000)
        step(bench, TICK, (struct idn_event){.type = IDN_EVENT_TICK});
    if (bench->open < bench->jobs)
        submit(bench);
}

// ---- the figures
static int by_size(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void print(const char *name, const struct samples *samples)
{
    double sum = 0;

    if (samples->count == 0)
        return;
    qsort(samples->ns, samples->count, sizeof(*samples->ns), by_size);
    for (size_t i = 0; i < samples->count; i++)
        sum += samples->ns[i];
    size_t median = samples->count / 2, p99 = samples->count * 99 / 100,
           p999 = samples->count * 999 / 1000;
    (void)printf("%-8s %9zu %8.2f %8.2f %8.2f %8.2f %8.2f\n", name, samples->count,
        sum / (double)samples->count / 1e3, samples->ns[median] / 1e3, samples->ns[p99] / 1e3,
        samples->ns[p999] / 1e3, samples->ns[samples->count - 1] / 1e3);
}

static uint64_t count_to(uint64_t limit)
{
    uint64_t begin = clock_now();

    for (volatile uint64_t i = 0; i < limit; i = i + 1)
        ;
    return clock_now() - begin;
}

static void do_nothing(struct bench *bench, uint64_t times, uint64_t ns)
{
    enum { TRIAL = 1 << 20 };
    uint64_t limit = ns * TRIAL / count_to(TRIAL);

    bench->nothing.ns = calloc(times, sizeof(*bench->nothing.ns));
    for (uint64_t i = 0; i < times; i++)
        keep(bench, &bench->nothing, count_to(limit));
}

static void begin(struct bench *bench)
{
    struct idn_core_config config = {.broker = "bench",
        .letter = 'a',
        .workers_max = bench->workers + 8,
        .models = 3,
        .datasets = 1,
        .model = bench->model,
        .dataset = &bench->dataset};

    (void)snprintf(bench->model[0].name, IDN_NAME_SIZE, "alexnet");
    (void)snprintf(bench->model[1].name, IDN_NAME_SIZE, "resnet18");
    (void)snprintf(bench->model[2].name, IDN_NAME_SIZE, "nobody's");
    (void)snprintf(bench->dataset.name, IDN_NAME_SIZE, "photos");
    bench->model[0].batch = 500, bench->model[1].batch = bench->model[2].batch = 400;
    memset(&bench->model[0].digest, 1, sizeof(bench->model[0].digest));
    memset(&bench->model[1].digest, 2, sizeof(bench->model[1].digest));
    memset(&bench->model[2].digest, 4, sizeof(bench->model[2].digest));
    memset(&bench->dataset.digest, 3, sizeof(bench->dataset.digest));
    bench->dataset.images = IMAGES_MAX;
    bench->core = idn_core_init(calloc(1, idn_core_bytes(&config)), &config);
    bench->now_us = 10000000;
    step(bench, TICK, (struct idn_event){.type = IDN_EVENT_START, .u.start = {0x1234, 0, false}});
    store(bench);
    step(bench, TICK, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
    for (uint32_t i = 0; i < bench->stranded; i++)
        submit_of(bench, 2), store(bench);
    for (uint32_t i = 0; i < bench->jobs; i++)
        submit(bench), store(bench);
    for (uint32_t i = 0; i < bench->workers; i++)
        hello(bench, bench->workers - 1 - i), store(bench);
}

static uint64_t argument(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    uint64_t steps = argument(argc, argv, 1, 2000000);

    bench.workers = (uint32_t)argument(argc, argv, 2, 4096);
    bench.jobs = (uint32_t)argument(argc, argv, 3, 100);
    bench.others = (uint32_t)argument(argc, argv, 4, 0);
    bench.stranded = (uint32_t)argument(argc, argv, 5, 0);
    bench.worker = calloc(bench.workers, sizeof(*bench.worker));
    for (int i = 0; i <= KINDS; i++)
        bench.sample[i].ns = calloc(4 * steps + 4096, sizeof(uint32_t));
    idn_random_init(&bench.random, 1, 1);
    calibrate(&bench);
    begin(&bench);
    for (uint64_t i = 0; i < steps / 4; i++)
        happen(&bench);
    bench.measuring = true;
    for (uint64_t i = 0; i < steps; i++)
        happen(&bench);
    (void)printf("%u workers, %u jobs, %u stranded; microseconds a step, processor time\n",
        bench.workers, bench.jobs, bench.stranded);
    (void)printf("%-8s %9s %8s %8s %8s %8s %8s\n", "event", "steps", "mean", "median", "p99",
        "p99.9", "max");
    for (int i = 0; i < KINDS; i++)
        print(kind_names[i], &bench.sample[i]);
    const struct samples *all = &bench.sample[KINDS];
    print("all", all);
    do_nothing(&bench, all->count, all->ns[all->count / 2]); // sorted by print
    print("nothing", &bench.nothing);
    return 0;
}
