// An agent core on a bench: events in by small verbs, actions looked up by type. Time is `now`.
// Every rig holds the models m0 and m1 (digest filled with 1 and 2) and the data set d0 (with 9).
#ifndef IDN_TESTS_LIB_AGENT_RIG_H
#define IDN_TESTS_LIB_AGENT_RIG_H

#include "tests/lib/check.h"
#include "worker/agent/agent.h"

#include <stdalign.h>
#include <stdlib.h>

enum { RIG_NONCE = 77 };

struct rig {
    struct idn_agent *agent; // lives in memory
    void *memory;            // owned; freed by the next rig_new or at exit
    uint64_t now, beats;
};

static struct rig rig;

// Slices that the child was told of and has not computed yet.
struct rig_slice {
    uint64_t serial;
    uint32_t first, count;
};
enum { RIG_SLICES_MAX = 4 };
struct rig_queue {
    struct rig_slice item[RIG_SLICES_MAX];
    uint32_t count;
    uint64_t seen; // serial of the last one collected
};
static struct rig_queue rig_queue;

static inline struct idn_holding rig_holding(const char *name, int fill)
{
    struct idn_holding holding = {0};

    memcpy(holding.name, name, strlen(name));
    memset(holding.digest.bytes, fill, sizeof(holding.digest.bytes));
    return holding;
}

static inline void rig_collect(void)
{
    struct idn_agent_actions actions = idn_agent_actions(rig.agent);

    for (size_t i = 0; i < actions.count; i++)
        if (actions.item[i].type == IDN_AGENT_SLICE &&
            actions.item[i].u.slice.slice > rig_queue.seen) {
            rig_queue.seen = actions.item[i].u.slice.slice;
            CHECK(rig_queue.count < RIG_SLICES_MAX);
            rig_queue.item[rig_queue.count++] = (struct rig_slice){actions.item[i].u.slice.slice,
                actions.item[i].u.slice.first, actions.item[i].u.slice.count};
        }
}

static inline void rig_step(struct idn_agent_event event)
{
    event.now_ms = rig.now;
    idn_agent_step(rig.agent, &event);
    rig_collect();
}

static inline void rig_tick(uint64_t ms)
{
    rig.now += ms;
    rig_step((struct idn_agent_event){.type = IDN_AGENT_TICK});
}

static inline struct idn_epoch rig_epoch(uint64_t counter)
{
    return (struct idn_epoch){.counter = counter, .broker = 'a'};
}

// Stopped: not even START was said.
static inline void rig_new_stopped(uint32_t brokers)
{
    struct idn_holding models[] = {rig_holding("m0", 1), rig_holding("m1", 2)};
    struct idn_holding dataset = rig_holding("d0", 9);
    struct idn_agent_config config = {.name = "host/0",
        .nonce = RIG_NONCE,
        .brokers = brokers,
        .models = 2,
        .datasets = 1,
        .model = models,
        .dataset = &dataset};

    free(rig.memory);
    rig.memory = calloc(1, idn_agent_bytes());
    rig.agent = idn_agent_init(rig.memory, &config);
    rig.now = 5000;
    memset(&rig_queue, 0, sizeof(rig_queue));
}

static inline const struct idn_agent_action *rig_find(enum idn_agent_action_type type)
{
    struct idn_agent_actions actions = idn_agent_actions(rig.agent);

    for (size_t i = 0; i < actions.count; i++)
        if (actions.item[i].type == type)
            return &actions.item[i];
    return NULL;
}

static inline size_t rig_count(enum idn_agent_action_type type)
{
    struct idn_agent_actions actions = idn_agent_actions(rig.agent);
    size_t count = 0;

    for (size_t i = 0; i < actions.count; i++)
        count += actions.item[i].type == type;
    return count;
}

// The n-th (from 0) message of this type sent by the last step; NULL none.
static inline const struct idn_worker_message *rig_sent(uint32_t type, size_t n)
{
    struct idn_agent_actions actions = idn_agent_actions(rig.agent);

    for (size_t i = 0; i < actions.count; i++)
        if (actions.item[i].type == IDN_AGENT_SEND &&
            actions.item[i].u.send.message->type == type && n-- == 0)
            return actions.item[i].u.send.message;
    return NULL;
}

// The same, which must exist.
static inline const struct idn_agent_action *rig_act(enum idn_agent_action_type type)
{
    CHECK(rig_find(type) != NULL);
    return rig_find(type);
}

static inline const struct idn_worker_message *rig_must(uint32_t type, size_t n)
{
    CHECK(rig_sent(type, n) != NULL);
    return rig_sent(type, n);
}

static inline void rig_beat(uint32_t broker, uint64_t incarnation, uint64_t counter, uint32_t role)
{
    struct idn_broker_beat beat = {.name = "broker",
        .incarnation = incarnation,
        .sequence = ++rig.beats,
        .epoch = {.counter = counter, .broker = 'a' + broker},
        .role = role,
        .beat_ms = IDN_BEAT_MS};

    rig_step((struct idn_agent_event){
        .type = IDN_AGENT_BROKER_BEAT, .u.beat = {.broker = broker, .beat = &beat}});
}

static inline void rig_order(uint32_t broker, const struct idn_order *order)
{
    rig_step((struct idn_agent_event){
        .type = IDN_AGENT_ORDER, .u.order = {.broker = broker, .message = order}});
}

static inline struct idn_order rig_an_order(uint32_t type)
{
    return (struct idn_order){.type = type, .epoch = rig_epoch(1), .nonce = RIG_NONCE};
}

static inline void rig_welcome(uint64_t acknowledged)
{
    struct idn_order order = rig_an_order(IDN_ORDER_WELCOME);

    order.u.welcome.version = 1;
    order.u.welcome.beat_ms = IDN_BEAT_MS;
    order.u.welcome.acknowledged = acknowledged;
    rig_order(0, &order);
}

static inline void rig_ready_class(uint64_t class_hash)
{
    rig_step((struct idn_agent_event){.type = IDN_AGENT_CHILD_READY,
        .u.ready = {.class_name = "replay", .class_hash = class_hash, .threads = 1}});
}

// Started, the child up, welcomed by broker 0 in epoch 1.
static inline void rig_new(void)
{
    rig_new_stopped(1);
    rig_step((struct idn_agent_event){.type = IDN_AGENT_START});
    rig_ready_class(5);
    rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    rig_welcome(0);
}

// Time passes while the broker beats and the agent is woken when it asks.
static inline void rig_pass(uint64_t ms)
{
    for (uint64_t end = rig.now + ms; rig.now < end;) {
        rig.now = rig.now + 100 < end ? rig.now + 100 : end;
        rig_beat(0, 100, 1, IDN_ROLE_ALONE);
    }
}

static inline struct idn_lease_id rig_id(uint64_t serial)
{
    return (struct idn_lease_id){.epoch = rig_epoch(1), .serial = serial};
}

// A lease of model m0 and data set d0.
static inline struct idn_order rig_a_lease(uint64_t serial, uint32_t first, uint32_t count)
{
    struct idn_order order = rig_an_order(IDN_ORDER_LEASE);
    struct idn_holding model = rig_holding("m0", 1), dataset = rig_holding("d0", 9);

    order.u.lease.id = rig_id(serial);
    order.u.lease.job.bytes[0] = (uint8_t)serial;
    order.u.lease.spec_hash = 1000 + serial;
    memcpy(order.u.lease.model, model.name, sizeof(model.name));
    memcpy(order.u.lease.dataset, dataset.name, sizeof(dataset.name));
    order.u.lease.model_digest = model.digest;
    order.u.lease.list_digest = dataset.digest;
    order.u.lease.first = first;
    order.u.lease.count = count;
    order.u.lease.first_slice = 2;
    return order;
}

static inline void rig_lease(uint64_t serial, uint32_t first, uint32_t count)
{
    struct idn_order order = rig_a_lease(serial, first, count);

    rig_order(0, &order);
}

static inline void rig_given(uint64_t slice)
{
    rig_step((struct idn_agent_event){.type = IDN_AGENT_CHILD_GIVEN, .u.given.slice = slice});
}

// The child answers a slice, each image in `image_us`.
static inline void rig_rows(uint64_t slice, uint32_t first, uint32_t count, uint64_t image_us)
{
    struct idn_result row[IDN_CHILD_IMAGES_MAX];

    for (uint32_t i = 0; i < count; i++)
        row[i] = (struct idn_result){.index = first + i,
            .class_id = {1, 2, 3, 4, 5},
            .probability = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f}};
    rig_step((struct idn_agent_event){.type = IDN_AGENT_CHILD_ROWS,
        .u.rows = {.slice = slice, .count = count, .row = row, .compute_us = image_us * count}});
}

// A child that computes: answers its oldest slice. False: there is none.
static inline int rig_compute(uint64_t image_us)
{
    if (rig_queue.count == 0)
        return 0;
    struct rig_slice head = rig_queue.item[0];
    rig_queue.count--;
    for (uint32_t i = 0; i < rig_queue.count; i++)
        rig_queue.item[i] = rig_queue.item[i + 1];
    rig_given(head.serial);
    rig_rows(head.serial, head.first, head.count, image_us);
    return 1;
}

static inline void rig_acknowledge(uint64_t number)
{
    struct idn_order order = rig_an_order(IDN_ORDER_ACK);

    order.u.ack.number = number;
    rig_order(0, &order);
}

static inline void rig_trim(uint64_t serial, uint32_t keep)
{
    struct idn_order order = rig_an_order(IDN_ORDER_TRIM);

    order.u.trim.id = rig_id(serial);
    order.u.trim.keep = keep;
    rig_order(0, &order);
}

static inline void rig_died(uint32_t death, const char *text)
{
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_DIED, .u.died.death = death};

    memcpy(event.u.died.text, text, strlen(text) + 1);
    rig_queue.count = 0;
    rig_step(event);
}

#endif
