// Two brokers (tests/lib/pair.h), and the words of clients and workers as the tests of reigns need
// them. The pair is the test's; one that failed left its own behind.
#ifndef IDN_TESTS_UNIT_REIGN_KIT_H
#define IDN_TESTS_UNIT_REIGN_KIT_H

#include "tests/lib/pair.h"

enum { A, B };

static struct pair *pair;
static uint64_t beat_sequence, request_id;

static inline void begin_empty(void)
{
    if (pair != NULL)
        pair_destroy(pair); // of a test that failed
    pair = pair_new();
}

// a reigns, b is in sync.
static inline void begin(void)
{
    begin_empty();
    pair_fill(pair, A, 11, 3, 100);
    pair_fill(pair, B, 11, 3, 100);
    pair_boot(pair, A), pair_boot(pair, B);
    pair_pass(pair, 1500);
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    pair_clear(pair);
}

static inline void end(void)
{
    pair_destroy(pair);
    pair = NULL;
}

static inline void cut(bool is_cut)
{
    pair->cut[A] = pair->cut[B] = is_cut;
}

static inline struct idn_core *core_of(int which)
{
    return pair->side[which].core;
}

static inline bool reigns(int which)
{
    return core_of(which)->active;
}

static inline void beat(int which, unsigned n, struct idn_epoch obeyed, uint64_t silent_ms)
{
    struct idn_worker_beat worker = {.nonce = 100 + n,
        .sequence = ++beat_sequence,
        .obeyed = obeyed,
        .active_silent_ms = silent_ms};

    pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &worker});
}

static inline void say(int which, unsigned n, const struct idn_worker_message *message)
{
    pair_step(pair, which,
        (struct idn_event){.type = IDN_EVENT_WORKER, .u.worker = {.peer = n, .message = message}});
}

static inline void hello(int which, unsigned n)
{
    say(which, n, rig_hello_message(&pair->names, n));
}

static inline void request(int which, struct idn_request message)
{
    message.id = message.id == 0 ? ++request_id : message.id;
    pair_step(pair, which,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &message}});
}

static inline void request_of(int which, uint32_t type, uint64_t id)
{
    request(which, (struct idn_request){.type = type, .id = id});
}

static inline struct idn_request watch_of(unsigned job)
{
    return (struct idn_request){.type = IDN_REQUEST_WATCH,
        .job = {.key = rig_key(job), .bits = 128},
        .u.watch = {.version = UINT64_MAX - 1, .wait_ms = 30000}};
}

static inline const struct idn_reply *reply_of(int which)
{
    const struct pair_side *side = &pair->side[which];

    CHECK(side->replies > 0);
    return &side->reply[side->replies - 1];
}

static inline void check_refused(int which, uint32_t code, const char *text)
{
    const struct idn_reply *reply = reply_of(which);

    CHECK_INT(reply->type, IDN_REPLY_REFUSED);
    CHECK_INT(reply->u.refused.code, code);
    CHECK_CONTAINS(reply->u.refused.text, text);
}

static inline unsigned count_orders(int which, uint32_t type)
{
    const struct pair_side *side = &pair->side[which];
    unsigned count = 0;

    for (uint32_t i = 0; i < side->orders; i++)
        count += side->order[i].type == type;
    return count;
}

static inline struct idn_order lease_of(int which)
{
    const struct pair_side *side = &pair->side[which];

    for (uint32_t i = side->orders; i-- > 0;)
        if (side->order[i].type == IDN_ORDER_LEASE)
            return side->order[i];
    CHECK(false);
    return (struct idn_order){0};
}

static inline struct idn_reply answer(int which, struct idn_request message)
{
    static union idn_core_items items;
    struct idn_reply reply;

    idn_core_answer(core_of(which), pair->now, &message, &items, &reply);
    return reply;
}

// The weightiest thing that holds the job back.
static inline uint32_t first_reason(int which, unsigned job)
{
    struct idn_reply reply =
        answer(which, (struct idn_request){.type = IDN_REQUEST_WHY,
                          .job = {.key = rig_key(job), .bits = IDN_KEY_SIZE * 8}});

    CHECK_INT(reply.type, IDN_REPLY_WHY);
    CHECK(reply.u.why->facts > 0);
    return reply.u.why->fact[0].code;
}

#endif
