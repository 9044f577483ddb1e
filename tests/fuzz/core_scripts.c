#include "tests/fuzz/core_scripts.h"

#include "tests/fuzz/core_run.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_BYTES = 64 * 1024, FRAMES_MAX = 256 };

// A core, what it was told so far, and what it has to say to the other one.
struct script {
    struct core_run run;
    uint8_t bytes[SCRIPT_BYTES];
    size_t size;
    uint32_t leases_done;
    struct idn_codec *codec; // owned
    struct {
        uint8_t *bytes; // owned
        size_t size;
    } frame[FRAMES_MAX];
    uint32_t frames;
};

static void (*write_input)(const char *target, const char *name, const void *bytes, size_t size);

// ---- records

static void put(struct script *script, const void *bytes, size_t size)
{
    IDN_ASSERT(size <= SCRIPT_BYTES - script->size);
    memcpy(script->bytes + script->size, bytes, size);
    script->size += size;
}

// Appends the record, and has the core live through it.
static void record(struct script *script, const void *bytes, size_t size)
{
    size_t at = script->size;

    put(script, bytes, size);
    IDN_ASSERT(core_run_record(&script->run, script->bytes + at, size) == size);
}

static void small(struct script *script, uint8_t operation, uint8_t argument)
{
    // A third byte, so that the last record of an input is long enough to be one; a PASS of
    // nothing.
    const uint8_t bytes[] = {operation, argument, CORE_RUN_PASS, 0, 0};

    put(script, bytes, sizeof(bytes));
    IDN_ASSERT(core_run_record(&script->run, bytes, sizeof(bytes)) == 2);
}

static void pass(struct script *script, uint32_t ms)
{
    const uint8_t bytes[] = {CORE_RUN_PASS, (uint8_t)ms, (uint8_t)(ms >> 8)};

    record(script, bytes, sizeof(bytes));
}

static void message(
    struct script *script, uint8_t operation, uint8_t argument, struct idn_bytes message)
{
    static uint8_t bytes[SCRIPT_BYTES];

    IDN_ASSERT(message.size <= SCRIPT_BYTES - 4);
    bytes[0] = operation, bytes[1] = argument;
    bytes[2] = (uint8_t)message.size, bytes[3] = (uint8_t)(message.size >> 8);
    memcpy(bytes + 4, message.data, message.size);
    record(script, bytes, 4 + message.size);
}

static void take_frame(void *context, const struct idn_action *action)
{
    struct script *script = context;

    if (action->type != IDN_ACTION_MIRROR_SEND || script->frames == FRAMES_MAX)
        return;
    struct idn_bytes bytes = idn_encode_mirror(script->codec, &action->u.mirror);
    uint8_t *copy = malloc(bytes.size);
    IDN_ASSERT(copy != NULL);
    memcpy(copy, bytes.data, bytes.size);
    script->frame[script->frames].bytes = copy;
    script->frame[script->frames++].size = bytes.size;
}

static struct script *begin(uint8_t flags)
{
    struct script *script = calloc(1, sizeof(*script));

    IDN_ASSERT(script != NULL && idn_codec_new(&script->codec) == 0);
    put(script, &flags, 1);
    core_run_init(&script->run, flags);
    script->run.see = take_frame;
    script->run.context = script;
    return script;
}

static void drop_frames(struct script *script)
{
    for (uint32_t i = 0; i < script->frames; i++)
        free(script->frame[i].bytes);
    script->frames = 0;
}

static void end(struct script *script, const char *name)
{
    IDN_ASSERT(!script->run.over);
    write_input("core", name, script->bytes, script->size);
    drop_frames(script);
    core_run_fini(&script->run);
    idn_codec_destroy(&script->codec);
    free(script);
}

// ---- clients

static struct idn_job_name name_of(uint8_t job)
{
    return (struct idn_job_name){.key = {.bytes = {job, [15] = 1}}, .bits = 128};
}

static void ask(struct script *script, struct idn_request request)
{
    static uint64_t id;

    request.id = ++id;
    message(script, CORE_RUN_REQUEST, 0, idn_encode_request(script->codec, &request));
}

static void ask_of(struct script *script, uint32_t type, uint8_t job)
{
    struct idn_request request = {.type = type, .job = name_of(job)};

    if (type == IDN_REQUEST_WATCH)
        request.u.watch.wait_ms = 500;
    if (type == IDN_REQUEST_RESULTS)
        request.u.results.most = 10;
    ask(script, request);
}

static void submit(struct script *script, uint8_t job, const char *dataset, uint32_t last)
{
    struct idn_request request = {.type = IDN_REQUEST_SUBMIT, .job = name_of(job)};

    (void)snprintf(request.u.submit.model, IDN_NAME_SIZE, "alexnet");
    (void)snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "%s", dataset);
    (void)snprintf(request.u.submit.client, IDN_NAME_SIZE, "c");
    request.u.submit.last = last;
    request.u.submit.weight = 1;
    if (*dataset == '\0')
        request.u.submit.list_bytes = 12;
    ask(script, request);
}

static void upload(struct script *script, uint8_t job)
{
    struct idn_request request = {.type = IDN_REQUEST_UPLOAD, .job = name_of(job)};

    request.u.upload.total = request.u.upload.size = 12;
    request.u.upload.bytes = (const uint8_t *)"/a.jpg\n/b.p\n";
    ask(script, request);
}

// What a story is there for must have come to pass.
static void expect_job(const struct script *script, uint8_t job, uint32_t state)
{
    struct idn_job_name name = name_of(job);
    struct idn_job_info info = {0};

    (void)idn_core_job(script->run.core, &name.key, &info);
    IDN_ASSERT(info.state == state);
}

static void expect_role(const struct script *script, uint32_t role)
{
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    struct idn_reply reply = {0};

    idn_core_answer(script->run.core, script->run.now, &request, NULL, &reply);
    IDN_ASSERT(reply.u.status.role == role);
}

// ---- workers: number n has nonce 100 + n and speaks as peer n

static void say(struct script *script, uint8_t n, struct idn_worker_message *worker)
{
    worker->nonce = 100u + n;
    message(script, CORE_RUN_WORKER, n - 1, idn_encode_worker(script->codec, worker));
}

static void hello(struct script *script, uint8_t n)
{
    static struct idn_worker_message worker;

    worker = (struct idn_worker_message){.type = IDN_WORKER_HELLO};
    worker.u.hello.lowest = worker.u.hello.highest = 1;
    (void)snprintf(worker.u.hello.name, IDN_NAME_SIZE, "w%u", n);
    (void)snprintf(worker.u.hello.class_name, IDN_CLASS_SIZE, "replay");
    worker.u.hello.class_hash = 77;
    worker.u.hello.threads = 1;
    worker.u.hello.reports_from = 1;
    worker.u.hello.models = worker.u.hello.datasets = 1;
    struct idn_holding *model = worker.u.hello.model, *dataset = worker.u.hello.dataset;
    (void)snprintf(model->name, IDN_NAME_SIZE, "alexnet");
    model->digest = script->run.model[0].digest;
    (void)snprintf(dataset->name, IDN_NAME_SIZE, "photos");
    dataset->digest = script->run.dataset.digest;
    say(script, n, &worker);
}

static void beat(struct script *script, uint8_t n, struct idn_epoch obeyed, uint64_t silent_ms)
{
    static uint64_t sequence;
    struct idn_worker_beat worker = {
        .nonce = 100u + n, .sequence = ++sequence, .obeyed = obeyed, .active_silent_ms = silent_ms};

    (void)snprintf(worker.name, IDN_NAME_SIZE, "w%u", n);
    message(script, CORE_RUN_BEAT, 0, idn_encode_worker_beat(script->codec, &worker));
}

static const uint8_t *rows_of(uint32_t first, uint32_t count)
{
    static uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        struct idn_result result = {.index = first + i, .probability = {0.5f}};
        for (int k = 0; k < IDN_TOP; k++)
            result.class_id[k] = k == 0 ? i : IDN_NO_CLASS;
        idn_result_pack(&result, rows + (size_t)i * IDN_ROW_BYTES);
    }
    return rows;
}

static struct idn_worker_message *report_of(const struct idn_order *lease, uint64_t number)
{
    static struct idn_worker_message worker;

    worker = (struct idn_worker_message){.type = IDN_WORKER_REPORT};
    worker.u.report.number = number;
    worker.u.report.lease = lease->u.lease.id;
    worker.u.report.job = lease->u.lease.job;
    worker.u.report.spec_hash = lease->u.lease.spec_hash;
    worker.u.report.class_hash = 77;
    worker.u.report.rows = rows_of(lease->u.lease.first, 0);
    return &worker;
}

// The leases that were granted since, each done in one report.
static void work(struct script *script, uint8_t n, uint64_t *number)
{
    for (; script->leases_done < script->run.leases; script->leases_done++) {
        struct idn_order lease = script->run.lease[script->leases_done % CORE_RUN_LEASES];
        struct idn_worker_message *report = report_of(&lease, ++*number);
        report->u.report.count = lease.u.lease.count;
        report->u.report.rows = rows_of(lease.u.lease.first, lease.u.lease.count);
        report->u.report.compute_us = 1000;
        report->u.report.end = IDN_END_DONE;
        say(script, n, report);
    }
}

// The child of the worker dies over the first image of its newest lease.
static void die(struct script *script, uint8_t n, uint64_t *number)
{
    if (script->leases_done == script->run.leases)
        return;
    struct idn_order lease = script->run.lease[script->leases_done++ % CORE_RUN_LEASES];
    struct idn_worker_message *report = report_of(&lease, ++*number);
    report->u.report.end = IDN_END_DEATH;
    report->u.report.death = IDN_DEATH_SIGNAL;
    report->u.report.alone = lease.u.lease.alone;
    report->u.report.in_child = 1;
    report->u.report.image[0] = lease.u.lease.first;
    say(script, n, report);
}

// ---- the stories

static void one_job(void)
{
    struct script *script = begin(0);
    uint64_t number = 0;

    hello(script, 1);
    submit(script, 1, "photos", 24);
    ask_of(script, IDN_REQUEST_WATCH, 1);
    for (int i = 0; i < 4; i++) {
        work(script, 1, &number);
        pass(script, 200);
        ask_of(script, IDN_REQUEST_WHY, 1);
        ask_of(script, IDN_REQUEST_ASSIGNMENT, 0);
    }
    expect_job(script, 1, IDN_JOB_FINISHED);
    ask_of(script, IDN_REQUEST_WHY, 1);
    ask_of(script, IDN_REQUEST_RESULTS, 1);
    ask_of(script, IDN_REQUEST_JOB, 1);
    ask_of(script, IDN_REQUEST_STATUS, 0);
    small(script, CORE_RUN_RESTART, 0);
    ask_of(script, IDN_REQUEST_FORGET, 1);
    submit(script, 1, "photos", 24);
    pass(script, 1200);
    expect_job(script, 1, 0);
    end(script, "one-job");
}

static void an_upload(void)
{
    struct script *script = begin(CORE_RUN_FEW);
    uint64_t number = 0;

    hello(script, 1);
    upload(script, 2);
    ask_of(script, IDN_REQUEST_WHY, 2);
    submit(script, 2, "", 1);
    struct idn_worker_message get = {.type = IDN_WORKER_LIST_GET};
    get.u.list_get.job = name_of(2).key;
    say(script, 1, &get);
    work(script, 1, &number);
    expect_job(script, 2, IDN_JOB_FINISHED);
    submit(script, 3, "photos", 9);
    ask_of(script, IDN_REQUEST_CANCEL, 3);
    expect_job(script, 3, IDN_JOB_CANCELLED);
    work(script, 1, &number);
    struct idn_worker_message goodbye = {.type = IDN_WORKER_GOODBYE};
    say(script, 1, &goodbye);
    pass(script, 100);
    end(script, "upload");
}

static void deaths(void)
{
    struct script *script = begin(0);
    uint64_t number = 0;

    hello(script, 1);
    submit(script, 1, "photos", 3);
    for (int i = 0; i < 8; i++) {
        die(script, 1, &number);
        pass(script, 100);
        beat(script, 1, (struct idn_epoch){.counter = 1, .broker = 'a'}, 0);
    }
    pass(script, 1000);
    expect_job(script, 1, IDN_JOB_OPEN);
    ask_of(script, IDN_REQUEST_WHY, 1);
    ask_of(script, IDN_REQUEST_RETRY, 1);
    hello(script, 2);
    number = 0;
    for (int i = 0; i < 4; i++) {
        work(script, 2, &number);
        pass(script, 100);
    }
    expect_job(script, 1, IDN_JOB_FINISHED);
    small(script, CORE_RUN_RESTART, 0);
    end(script, "deaths");
}

static void two_workers(void)
{
    struct script *script = begin(CORE_RUN_FIFO);
    uint64_t number = 0;

    hello(script, 1);
    submit(script, 1, "photos", 60);
    hello(script, 2);
    submit(script, 2, "photos", 10);
    pass(script, 300);
    struct idn_worker_message trimmed = {.type = IDN_WORKER_TRIMMED};
    trimmed.u.trimmed.lease = script->run.lease[0].u.lease.id;
    trimmed.u.trimmed.kept = 2;
    say(script, 1, &trimmed);
    pass(script, 1100); // both are dead
    hello(script, 2);
    work(script, 2, &number);
    expect_job(script, 1, IDN_JOB_FINISHED);
    small(script, CORE_RUN_HOLD, 1);
    submit(script, 3, "photos", 5);
    small(script, CORE_RUN_HOLD, 0);
    small(script, CORE_RUN_DISK, 0);
    pass(script, 100);
    end(script, "two-workers");
}

// ---- two brokers

static void deliver(struct script *from, struct script *to)
{
    uint32_t count = from->frames;

    for (uint32_t i = 0; i < count; i++) {
        struct idn_bytes bytes = {.data = from->frame[i].bytes, .size = from->frame[i].size};
        message(to, CORE_RUN_MIRROR, 0, bytes);
        free(from->frame[i].bytes);
    }
    from->frames -= count;
    memmove(from->frame, from->frame + count, from->frames * sizeof(*from->frame));
}

static void together(struct script *a, struct script *b, int times)
{
    for (int i = 0; i < times; i++) {
        for (int k = 0; k < 3; k++) {
            deliver(a, b);
            deliver(b, a);
        }
        pass(a, 200);
        pass(b, 200);
    }
}

static void both_beat(struct script *a, struct script *b, struct idn_epoch obeyed)
{
    beat(a, 1, obeyed, 0);
    beat(b, 1, obeyed, 0);
}

// They meet, a reigns, b takes over when a falls silent, and they meet again.
static void two_brokers(void)
{
    struct script *a = begin(CORE_RUN_PEER), *b = begin(CORE_RUN_PEER | CORE_RUN_LETTER);
    struct idn_epoch first = {.counter = 1, .broker = 'a'};
    uint64_t number = 0;

    together(a, b, 4);
    expect_role(a, IDN_ROLE_ACTIVE);
    expect_role(b, IDN_ROLE_STANDBY);
    hello(a, 1);
    submit(a, 1, "photos", 24);
    both_beat(a, b, first);
    together(a, b, 1);
    work(a, 1, &number);
    both_beat(a, b, first);
    together(a, b, 2);
    drop_frames(a), drop_frames(b);
    for (int i = 1; i <= 7; i++) {
        beat(b, 1, first, 200u * (uint32_t)i);
        pass(b, 200);
    }
    expect_role(b, IDN_ROLE_ALONE);
    hello(b, 1);
    number = 0;
    work(b, 1, &number);
    submit(b, 2, "photos", 3);
    work(b, 1, &number);
    drop_frames(b);
    pass(a, 1300);
    drop_frames(a);
    together(a, b, 4);
    expect_role(b, IDN_ROLE_ACTIVE);
    expect_job(a, 2, IDN_JOB_FINISHED);
    ask_of(b, IDN_REQUEST_SWITCH, 0);
    together(a, b, 2);
    expect_role(a, IDN_ROLE_ACTIVE);
    expect_role(b, IDN_ROLE_STANDBY);
    end(a, "pair-a");
    end(b, "pair-b");
}

// A standby that lost its tail, or everything, is filled again.
static void a_filled_standby(void)
{
    struct script *a = begin(CORE_RUN_PEER), *b = begin(CORE_RUN_PEER | CORE_RUN_LETTER);

    ask_of(a, IDN_REQUEST_BOOTSTRAP, 0);
    submit(a, 1, "photos", 4);
    submit(a, 2, "photos", 4);
    ask_of(a, IDN_REQUEST_CANCEL, 2);
    ask_of(a, IDN_REQUEST_FORGET, 2);
    together(a, b, 3);
    expect_job(b, 1, IDN_JOB_OPEN);
    drop_frames(a), drop_frames(b);
    small(b, CORE_RUN_RESTART, 2);
    together(a, b, 8);
    expect_job(b, 1, IDN_JOB_OPEN);
    expect_role(b, IDN_ROLE_STANDBY);
    end(a, "filler");
    end(b, "filled");
}

void core_scripts(
    void (*write)(const char *target, const char *name, const void *bytes, size_t size))
{
    write_input = write;
    one_job();
    an_upload();
    deaths();
    two_workers();
    two_brokers();
    a_filled_standby();
}
