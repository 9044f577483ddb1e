// One broker core under a test's hands: a clock that the test turns, a store that answers at once
// unless it is held, hand-made messages of clients and workers, and the actions of the last step to
// look at. For tests of the core alone; tests/story/cluster.h joins it with real agent cores.
#ifndef IDN_TESTS_LIB_CORE_RIG_H
#define IDN_TESTS_LIB_CORE_RIG_H

#include "broker/core/core.h"
#include "proto/result.h"
#include "tests/lib/check.h"

#include <stdlib.h>

enum { RIG_ACTIONS_MAX = 4096, RIG_FACTS_MAX = 4096, RIG_BYTES_MAX = 32 * 1024 };

struct rig_fact {
    struct idn_fact fact;
    uint8_t *bytes;
};

struct rig {
    struct idn_core_model model[3];
    struct idn_core_dataset dataset[2];
    struct idn_core_config config;
    void *memory;
    struct idn_core *core;
    uint64_t now;
    bool hold_store; // commits stay undurable
    uint64_t sequence;
    uint64_t incarnations, requests;
    struct rig_fact fact[RIG_FACTS_MAX]; // the store
    size_t facts;
    struct idn_summary summary[64];
    size_t summaries;
    struct idn_action action[RIG_ACTIONS_MAX]; // since rig_clear
    size_t actions;
};

static inline void rig_fill(struct idn_sha256 *digest, uint8_t byte)
{
    memset(digest->bytes, byte, sizeof(digest->bytes));
}

static inline void rig_configure(struct rig *rig)
{
    struct idn_core_model alexnet = {.name = "alexnet", .batch = 10},
                          resnet = {.name = "resnet18", .batch = 8},
                          broken = {.name = "broken", .batch = 1, .problem = "no weights"};
    struct idn_core_dataset photos = {.name = "photos", .images = 200},
                            many = {.name = "many", .images = 20000000};

    rig_fill(&alexnet.digest, 1), rig_fill(&resnet.digest, 2), rig_fill(&broken.digest, 3);
    rig_fill(&photos.digest, 11), rig_fill(&many.digest, 12);
    rig->model[0] = alexnet, rig->model[1] = resnet, rig->model[2] = broken;
    rig->dataset[0] = photos, rig->dataset[1] = many;
    rig->config = (struct idn_core_config){.broker = "test",
        .letter = 'a',
        .min_free_bytes = 512u << 20,
        .workers_max = 8,
        .jobs_max = 64,
        .open_jobs_max = 16,
        .open_images_max = 12000000,
        .models = 3,
        .datasets = 2,
        .model = rig->model,
        .dataset = rig->dataset};
}

static inline void rig_keep_fact(struct rig *rig, const struct idn_fact *fact)
{
    struct rig_fact *kept = &rig->fact[rig->facts++];
    const uint8_t *bytes = NULL;
    size_t size = 0;

    CHECK(rig->facts <= RIG_FACTS_MAX);
    kept->fact = *fact;
    if (fact->kind == IDN_FACT_RESULTS)
        bytes = fact->u.results.rows, size = (size_t)fact->u.results.count * IDN_ROW_BYTES;
    if (fact->kind == IDN_FACT_LIST_PART)
        bytes = fact->u.list_part.bytes, size = fact->u.list_part.size;
    if (size == 0)
        return;
    kept->bytes = malloc(size);
    memcpy(kept->bytes, bytes, size);
    if (fact->kind == IDN_FACT_RESULTS)
        kept->fact.u.results.rows = kept->bytes;
    else
        kept->fact.u.list_part.bytes = kept->bytes;
}

static inline void rig_step_once(struct rig *rig, struct idn_event *event)
{
    event->now_ms = rig->now;
    event->wall_ms = 1700000000000u + rig->now;
    idn_core_step(rig->core, event);
    idn_core_check(rig->core);
    struct idn_actions actions = idn_core_actions(rig->core);
    for (size_t i = 0; i < actions.count; i++) {
        const struct idn_action *action = &actions.item[i];
        CHECK(rig->actions < RIG_ACTIONS_MAX);
        rig->action[rig->actions++] = *action;
        if (action->type == IDN_ACTION_COMMIT) {
            rig_keep_fact(rig, &action->u.fact);
            rig->sequence = action->u.fact.origin.sequence;
        }
        if (action->type == IDN_ACTION_SUMMARY) {
            CHECK(rig->summaries < 64);
            rig->summary[rig->summaries++] = action->u.summary;
        }
    }
}

static inline void rig_store(struct rig *rig)
{
    struct idn_event event = {.type = IDN_EVENT_STORED, .u.stored = {rig->sequence}};

    rig_step_once(rig, &event);
}

static inline void rig_step(struct rig *rig, struct idn_event event)
{
    uint64_t before = rig->sequence;

    rig_step_once(rig, &event);
    if (!rig->hold_store && rig->sequence != before)
        rig_store(rig);
}

static inline void rig_clear(struct rig *rig)
{
    rig->actions = 0;
}

// Lets time pass, giving the core its ticks when it wants them.
static inline void rig_pass(struct rig *rig, uint64_t ms)
{
    uint64_t end = rig->now + ms;

    while (idn_core_deadline(rig->core) <= end) {
        uint64_t due = idn_core_deadline(rig->core);
        rig->now = due > rig->now ? due : rig->now;
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
    }
    rig->now = end;
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_TICK});
}

// A core as it is before restore.
static inline void rig_boot(struct rig *rig)
{
    free(rig->memory);
    rig->memory = calloc(1, idn_core_bytes(&rig->config));
    rig->core = idn_core_init(rig->memory, &rig->config);
    rig->sequence = 0;
}

static inline void rig_begin_reign(struct rig *rig)
{
    rig_step(rig,
        (struct idn_event){.type = IDN_EVENT_START, .u.start = {0x1234 + ++rig->incarnations}});
    rig_step(rig, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
}

static inline struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    rig->now = 5000;
    rig_configure(rig);
    rig_boot(rig);
    rig_begin_reign(rig);
    rig_clear(rig);
    return rig;
}

// Likewise, but alexnet's tasks are not of 10 images.
static inline struct rig *rig_with_tasks_of_100(void)
{
    struct rig *rig = rig_new();

    rig->model[0].batch = 100;
    rig_boot(rig);
    rig_begin_reign(rig);
    rig_clear(rig);
    return rig;
}

// kill -9 and a new start on what the store holds.
static inline void rig_restart(struct rig *rig)
{
    size_t facts = rig->facts;

    rig_boot(rig);
    for (size_t i = 0; i < facts; i++)
        rig_step(rig, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &rig->fact[i].fact});
    rig_begin_reign(rig);
    rig_clear(rig);
}

static inline void rig_destroy(struct rig *rig)
{
    for (size_t i = 0; i < rig->facts; i++)
        free(rig->fact[i].bytes);
    free(rig->memory);
    free(rig);
}

// ---- what came out
static inline const struct idn_action *rig_find(
    const struct rig *rig, enum idn_action_type type, idn_peer peer, uint32_t subtype)
{
    for (size_t i = rig->actions; i-- > 0;) {
        const struct idn_action *action = &rig->action[i];
        if (action->type != type || (peer != 0 && action->peer != peer))
            continue;
        if ((type == IDN_ACTION_REPLY && action->u.reply.type != subtype) ||
            (type == IDN_ACTION_ORDER && action->u.order.type != subtype))
            continue;
        return action;
    }
    return NULL;
}

static inline const struct idn_reply *rig_reply(const struct rig *rig, idn_peer peer, uint32_t type)
{
    const struct idn_action *action = rig_find(rig, IDN_ACTION_REPLY, peer, type);

    return action == NULL ? NULL : &action->u.reply;
}

static inline const struct idn_order *rig_order(const struct rig *rig, idn_peer peer, uint32_t type)
{
    const struct idn_action *action = rig_find(rig, IDN_ACTION_ORDER, peer, type);

    return action == NULL ? NULL : &action->u.order;
}

static inline size_t rig_count(const struct rig *rig, enum idn_action_type type, uint32_t subtype)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->actions; i++)
        count += rig->action[i].type == type &&
                 (type != IDN_ACTION_ORDER || rig->action[i].u.order.type == subtype) &&
                 (type != IDN_ACTION_REPLY || rig->action[i].u.reply.type == subtype) &&
                 (type != IDN_ACTION_COMMIT || rig->action[i].u.fact.kind == subtype);
    return count;
}

// ---- clients
static inline struct idn_key rig_key(unsigned number)
{
    struct idn_key key = {0};

    key.bytes[0] = (uint8_t)number, key.bytes[15] = 1;
    return key;
}

static inline struct idn_request rig_submission(
    unsigned key, const char *model, uint32_t first, uint32_t last)
{
    struct idn_request request = {
        .type = IDN_REQUEST_SUBMIT, .job = {.key = rig_key(key), .bits = 128}};

    snprintf(request.u.submit.model, IDN_NAME_SIZE, "%s", model);
    snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "photos");
    snprintf(request.u.submit.client, IDN_NAME_SIZE, "alice");
    request.u.submit.first = first, request.u.submit.last = last;
    request.u.submit.weight = 1;
    return request;
}

static inline void rig_request(struct rig *rig, idn_peer peer, struct idn_request request)
{
    request.id = ++rig->requests;
    rig_step(rig, (struct idn_event){
                      .type = IDN_EVENT_REQUEST, .u.request = {.peer = peer, .message = &request}});
}

static inline void rig_submit(
    struct rig *rig, unsigned key, const char *model, uint32_t first, uint32_t last)
{
    rig_request(rig, 1, rig_submission(key, model, first, last));
}

static inline void rig_ask(struct rig *rig, unsigned key, uint32_t type)
{
    rig_request(
        rig, 1, (struct idn_request){.type = type, .job = {.key = rig_key(key), .bits = 128}});
}

static inline struct idn_job_info rig_job(const struct rig *rig, unsigned key)
{
    struct idn_job_info info = {0};
    struct idn_key wanted = rig_key(key);

    CHECK(idn_core_job(rig->core, &wanted, &info));
    return info;
}

// ---- workers: number n has nonce 100 + n and speaks as peer n
static inline struct idn_worker_message *rig_message(struct rig *rig, unsigned n, uint32_t type)
{
    static struct idn_worker_message message;

    (void)rig;
    memset(&message, 0, sizeof(message));
    message.type = type;
    message.nonce = 100 + n;
    return &message;
}

static inline void rig_say(struct rig *rig, unsigned n, const struct idn_worker_message *message)
{
    rig_step(rig,
        (struct idn_event){.type = IDN_EVENT_WORKER, .u.worker = {.peer = n, .message = message}});
}

static inline struct idn_worker_message *rig_hello_message(struct rig *rig, unsigned n)
{
    struct idn_worker_message *message = rig_message(rig, n, IDN_WORKER_HELLO);

    message->u.hello.lowest = message->u.hello.highest = 1;
    snprintf(message->u.hello.name, IDN_NAME_SIZE, "w%u", n);
    snprintf(message->u.hello.class_name, IDN_CLASS_SIZE, "replay");
    message->u.hello.class_hash = 77;
    message->u.hello.threads = 1;
    message->u.hello.reports_from = 1;
    for (unsigned i = 0; i < 2; i++) {
        struct idn_holding *model = &message->u.hello.model[message->u.hello.models++],
                           *dataset = &message->u.hello.dataset[message->u.hello.datasets++];
        memcpy(model->name, rig->model[i].name, IDN_NAME_SIZE);
        memcpy(dataset->name, rig->dataset[i].name, IDN_NAME_SIZE);
        model->digest = rig->model[i].digest;
        dataset->digest = rig->dataset[i].digest;
    }
    return message;
}

static inline void rig_hello(struct rig *rig, unsigned n)
{
    rig_say(rig, n, rig_hello_message(rig, n));
}

static inline void rig_beat(struct rig *rig, unsigned n, struct idn_lease_id lease)
{
    static uint64_t sequence;
    struct idn_worker_beat beat = {.nonce = 100 + n, .sequence = ++sequence, .lease = lease};

    rig_step(rig, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &beat});
}

// The result that any worker of the class computes for an image.
static inline void rig_row(uint32_t image, uint8_t row[static IDN_ROW_BYTES])
{
    struct idn_result result = {.index = image,
        .class_id = {image % 1000, (image + 1) % 1000, (image + 2) % 1000, 1001, 1002},
        .probability = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f}};

    idn_result_pack(&result, row);
}

static inline struct idn_worker_message *rig_report(struct rig *rig, unsigned n, uint64_t number,
    const struct idn_order *lease, uint32_t first, uint32_t count, uint32_t end)
{
    static uint8_t rows[IDN_REPORT_ROWS_MAX * IDN_ROW_BYTES];
    struct idn_worker_message *message = rig_message(rig, n, IDN_WORKER_REPORT);

    for (uint32_t i = 0; i < count; i++)
        rig_row(first + i, rows + (size_t)i * IDN_ROW_BYTES);
    message->u.report.number = number;
    message->u.report.lease = lease->u.lease.id;
    message->u.report.job = lease->u.lease.job;
    message->u.report.spec_hash = lease->u.lease.spec_hash;
    message->u.report.count = count;
    message->u.report.rows = rows;
    message->u.report.class_hash = 77;
    message->u.report.compute_us = 1000u * count;
    message->u.report.end = end;
    return message;
}

#endif
