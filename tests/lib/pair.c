#include "tests/lib/pair.h"

#include "broker/core/mirror.h"
#include "broker/core/roles.h"

static uint32_t sizes_of(const struct idn_fact *fact, const uint8_t **ret)
{
    if (fact->kind == IDN_FACT_RESULTS)
        *ret = fact->u.results.rows;
    else if (fact->kind == IDN_FACT_LIST_PART)
        *ret = fact->u.list_part.bytes;
    else
        return 0;
    return fact->kind == IDN_FACT_RESULTS ? fact->u.results.count * IDN_ROW_BYTES
                                          : fact->u.list_part.size;
}

static void point_to(struct idn_fact *fact, const uint8_t *bytes)
{
    if (fact->kind == IDN_FACT_RESULTS)
        fact->u.results.rows = bytes;
    if (fact->kind == IDN_FACT_LIST_PART)
        fact->u.list_part.bytes = bytes;
}

// ---- the store

uint64_t pair_last_of(const struct pair *pair, int which, uint64_t incarnation)
{
    const struct pair_side *side = &pair->side[which];

    for (uint64_t i = side->facts; i-- > 0;)
        if (side->fact[i].item.fact.origin.incarnation == incarnation)
            return side->fact[i].item.fact.origin.sequence;
    return 0;
}

// Facts of one incarnation come without a gap: the store's own rule.
static void keep(struct pair *pair, int which, const struct idn_stored_fact *item)
{
    struct pair_side *side = &pair->side[which];
    const struct idn_origin *origin = &item->fact.origin;
    const uint8_t *bytes = NULL;

    CHECK_INT(pair_last_of(pair, which, origin->incarnation) + 1, origin->sequence);
    if (side->facts == side->capacity) {
        side->capacity = side->capacity == 0 ? 1024 : 2 * side->capacity;
        side->fact = realloc(side->fact, side->capacity * sizeof(*side->fact));
    }
    struct pair_fact *fact = &side->fact[side->facts++];
    *fact = (struct pair_fact){.item = *item};
    uint32_t size = item->decoded ? sizes_of(&item->fact, &bytes) : 0;
    if (size > 0) {
        fact->bytes = malloc(size);
        memcpy(fact->bytes, bytes, size);
        point_to(&fact->item.fact, fact->bytes);
    }
    if (item->size == 0)
        fact->item.size = 64 + size;
}

static void drop_after(struct pair_side *side, uint64_t facts)
{
    while (side->facts > facts)
        free(side->fact[--side->facts].bytes);
    side->stored = side->stored < facts ? side->stored : facts;
}

static bool store_goes_on(struct pair *pair, int which)
{
    struct pair_side *side = &pair->side[which];

    if (side->hold_store || side->stored == side->facts)
        return false;
    side->stored = side->facts;
    pair_step(
        pair, which, (struct idn_event){.type = IDN_EVENT_STORED, .u.stored = {side->stored}});
    return true;
}

static uint64_t read_from(const struct pair_side *side)
{
    const struct idn_action *read = &side->read;

    if (read->u.read_facts.finds == 0)
        return read->u.read_facts.after;
    for (uint64_t i = 0; i < side->stored; i++)
        for (uint32_t f = 0; f < read->u.read_facts.finds; f++)
            if (side->fact[i].item.fact.origin.incarnation ==
                    read->u.read_facts.find[f].incarnation &&
                side->fact[i].item.fact.origin.sequence == read->u.read_facts.find[f].sequence)
                return i;
    return side->stored;
}

static bool read_goes_on(struct pair *pair, int which)
{
    static struct idn_stored_fact items[IDN_MIRROR_FACTS_MAX];
    struct pair_side *side = &pair->side[which];
    uint32_t count = 0, bytes = 0;

    if (!side->reading || side->hold_reads)
        return false;
    uint64_t at = read_from(side);
    while (at < side->stored && count < IDN_MIRROR_FACTS_MAX && bytes < IDN_MIRROR_FRAME_BYTES) {
        items[count] = side->fact[at++].item;
        items[count].decoded = false;
        bytes += items[count++].size;
    }
    side->reading = false;
    side->facts_read += count;
    pair_step(pair, which,
        (struct idn_event){.type = IDN_EVENT_FACTS_READ,
            .u.facts_read = {
                .next = at, .end = at == side->stored, .count = count, .item = items}});
    return true;
}

// ---- the link

// Items as the decoder gives them: known kinds are decoded.
static void copy_facts(struct pair_frame *copy, const struct idn_stored_fact *item)
{
    uint32_t count = copy->frame.u.facts.count, total = 0;
    const uint8_t *bytes = NULL;

    struct idn_stored_fact *facts = calloc(count + 1, sizeof(*facts));
    for (uint32_t i = 0; i < count; i++)
        total += item[i].emptied ? 0 : sizes_of(&item[i].fact, &bytes);
    copy->bytes = malloc(total + 1);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        facts[i] = item[i];
        facts[i].decoded = !item[i].emptied && item[i].fact.kind <= IDN_FACT_LIST_PART;
        uint32_t size = facts[i].decoded ? sizes_of(&item[i].fact, &bytes) : 0;
        if (size > 0)
            memcpy(copy->bytes + at, bytes, size);
        point_to(&facts[i].fact, copy->bytes + at);
        at += size;
    }
    copy->items = facts;
    copy->frame.u.facts.item = facts;
}

static struct pair_frame copy_frame(const struct idn_mirror_frame *frame)
{
    struct pair_frame copy = {.frame = *frame};

    if (frame->type == IDN_MIRROR_FACTS)
        copy_facts(&copy, frame->u.facts.item);
    if (frame->type == IDN_MIRROR_VECTOR) {
        size_t size = frame->u.vector.count * sizeof(struct idn_held);
        copy.items = malloc(size + 1);
        if (size > 0)
            memcpy(copy.items, frame->u.vector.item, size);
        copy.frame.u.vector.item = copy.items;
    }
    return copy;
}

static void free_frame(struct pair_frame *frame)
{
    free(frame->items);
    free(frame->bytes);
}

static void drop_queue(struct pair_side *side)
{
    for (uint32_t i = 0; i < side->queued; i++)
        free_frame(&side->queue[i]);
    side->queued = 0;
}

static bool is_turn(uint64_t *count)
{
    return *count > 0 && --*count == 0;
}

void pair_send(struct pair *pair, int to, const struct idn_mirror_frame *frame)
{
    struct pair_side *side = &pair->side[to];

    if (side->core == NULL || pair->cut[to] || is_turn(&pair->lose[to])) {
        pair->lost++;
        return;
    }
    CHECK(side->queued + 2 <= PAIR_QUEUE_MAX);
    side->queue[side->queued++] = copy_frame(frame);
    if (is_turn(&pair->repeat[to]))
        side->queue[side->queued++] = copy_frame(frame);
    if (side->queued >= 2 && is_turn(&pair->swap[to])) {
        struct pair_frame last = side->queue[side->queued - 1];
        side->queue[side->queued - 1] = side->queue[side->queued - 2];
        side->queue[side->queued - 2] = last;
    }
}

static bool link_goes_on(struct pair *pair, int which)
{
    struct pair_side *side = &pair->side[which];

    if (side->queued == 0)
        return false;
    struct pair_frame frame = side->queue[0];
    memmove(side->queue, side->queue + 1, --side->queued * sizeof(*side->queue));
    pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &frame.frame});
    free_frame(&frame);
    return true;
}

// ---- a core

static void carry(struct pair *pair, int which, const struct idn_action *action)
{
    struct pair_side *side = &pair->side[which];
    struct idn_stored_fact own = {.fact = action->u.fact, .decoded = true};

    if (pair->on_action != NULL)
        pair->on_action(pair->context, which, action);
    if (action->type == IDN_ACTION_COMMIT)
        keep(pair, which, &own);
    if (action->type == IDN_ACTION_COPY) {
        keep(pair, which, action->u.copy);
        side->copies++;
    }
    if (action->type == IDN_ACTION_READ_FACTS) {
        CHECK(!side->reading);
        side->reading = true;
        side->read = side->last_read = *action;
        side->reads++;
    }
    if (action->type == IDN_ACTION_MIRROR_SEND) {
        side->sent[action->u.mirror.type]++;
        pair_send(pair, 1 - which, &action->u.mirror);
    }
    if (action->type == IDN_ACTION_MIRROR_RESET) {
        drop_queue(side);
        side->resets++;
    }
    if (action->type == IDN_ACTION_REPLY && side->replies < PAIR_REPLIES_MAX)
        side->reply[side->replies++] = action->u.reply;
    if (action->type == IDN_ACTION_ORDER && side->orders < PAIR_REPLIES_MAX)
        side->order[side->orders++] = action->u.order;
    if (action->type == IDN_ACTION_EXIT)
        memcpy(side->exit, action->u.text, sizeof(side->exit));
}

void pair_step(struct pair *pair, int which, struct idn_event event)
{
    struct pair_side *side = &pair->side[which];

    if (side->core == NULL)
        return;
    event.now_ms = pair->now;
    event.wall_ms = 1700000000000u + pair->now;
    idn_core_step(side->core, &event);
    idn_core_check(side->core);
    struct idn_actions actions = idn_core_actions(side->core);
    for (size_t i = 0; i < actions.count; i++)
        carry(pair, which, &actions.item[i]);
}

static bool time_goes_on(struct pair *pair, int which)
{
    const struct pair_side *side = &pair->side[which];

    if (side->core == NULL || idn_core_deadline(side->core) > pair->now)
        return false;
    pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_TICK});
    return true;
}

void pair_settle(struct pair *pair)
{
    bool moved = true;

    for (int turns = 0; moved; turns++) {
        CHECK(turns < 100000); // or they never come to rest
        moved = false;
        for (int which = 0; which < 2; which++) {
            if (pair->side[which].frozen)
                continue;
            moved |= time_goes_on(pair, which);
            moved |= link_goes_on(pair, which);
            moved |= store_goes_on(pair, which);
            moved |= read_goes_on(pair, which);
        }
    }
}

static uint64_t next_deadline(const struct pair *pair)
{
    uint64_t due = UINT64_MAX;

    for (int which = 0; which < 2; which++)
        if (pair->side[which].core != NULL && !pair->side[which].frozen)
            due = idn_min_u64(due, idn_core_deadline(pair->side[which].core));
    return due;
}

void pair_pass(struct pair *pair, uint64_t ms)
{
    uint64_t end = pair->now + ms;

    pair_settle(pair);
    for (uint64_t due = next_deadline(pair); due <= end; due = next_deadline(pair)) {
        pair->now = due;
        pair_settle(pair);
    }
    pair->now = end;
    pair_settle(pair);
}

void pair_clear(struct pair *pair)
{
    for (int which = 0; which < 2; which++) {
        struct pair_side *side = &pair->side[which];
        side->replies = side->orders = side->resets = side->copies = 0;
        side->reads = side->facts_read = 0;
        memset(side->sent, 0, sizeof(side->sent));
        side->told[0] = '\0';
    }
}

// ---- starts and crashes

static void tell(void *context, const char *line)
{
    struct pair_side *side = context;

    snprintf(side->told, sizeof(side->told), "%s", line);
}

struct pair *pair_new(void)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    pair->now = 5000;
    rig_configure(&pair->names);
    for (int which = 0; which < 2; which++) {
        struct pair_side *side = &pair->side[which];
        side->config = pair->names.config;
        side->config.letter = which == 0 ? 'a' : 'b';
        snprintf(side->config.broker, IDN_NAME_SIZE, "%c", 'a' + which);
        side->config.has_peer = true;
        side->config.tell = tell;
        side->config.tell_context = side;
    }
    return pair;
}

static void halt(struct pair_side *side)
{
    free(side->memory);
    side->memory = NULL;
    side->core = NULL;
    side->reading = side->hold_reads = side->hold_store = side->frozen = false;
    drop_queue(side);
}

void pair_destroy(struct pair *pair)
{
    for (int which = 0; which < 2; which++) {
        halt(&pair->side[which]);
        drop_after(&pair->side[which], 0);
        free(pair->side[which].fact);
    }
    free(pair);
}

void pair_crash(struct pair *pair, int which)
{
    halt(&pair->side[which]);
    drop_after(&pair->side[which], pair->side[which].stored);
}

void pair_lose_tail(struct pair *pair, int which, uint64_t facts)
{
    CHECK(pair->side[which].core == NULL);
    drop_after(&pair->side[which], pair->side[which].facts - facts);
    pair->side[which].tail_lost = true;
}

void pair_fill(struct pair *pair, int which, uint64_t incarnation, uint64_t count, uint32_t size)
{
    struct idn_stored_fact item = {.size = size, .decoded = true};
    uint64_t last = pair_last_of(pair, which, incarnation);

    CHECK(pair->side[which].core == NULL);
    item.fact.epoch = (struct idn_epoch){.counter = 1, .broker = 'a'};
    item.fact.kind = IDN_FACT_SETTING;
    item.fact.origin.incarnation = incarnation;
    for (uint64_t i = 1; i <= count; i++) {
        item.fact.origin.sequence = last + i;
        keep(pair, which, &item);
    }
    pair->side[which].stored = pair->side[which].facts;
}

static bool is_last_of(const struct pair_side *side, uint64_t at)
{
    for (uint64_t i = at + 1; i < side->facts; i++)
        if (side->fact[i].item.fact.origin.incarnation ==
            side->fact[at].item.fact.origin.incarnation)
            return false;
    return true;
}

static void restore(struct pair *pair, int which)
{
    struct pair_side *side = &pair->side[which];
    uint64_t seen = 0;

    for (uint64_t i = 0; i < side->facts; i++) {
        const struct idn_origin *origin = &side->fact[i].item.fact.origin;
        if (origin->incarnation == seen || !is_last_of(side, i))
            continue;
        pair_step(pair, which,
            (struct idn_event){
                .type = IDN_EVENT_HELD, .u.held = {origin->incarnation, origin->sequence}});
    }
    for (uint64_t i = 0; i < side->facts; i++)
        if (side->fact[i].item.decoded)
            pair_step(pair, which,
                (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &side->fact[i].item.fact});
}

void pair_boot(struct pair *pair, int which)
{
    struct pair_side *side = &pair->side[which];

    halt(side);
    side->config.seed = ++pair->starts;
    side->incarnation = 0xc0de0000 + pair->starts;
    side->memory = calloc(1, idn_core_bytes(&side->config));
    side->core = idn_core_init(side->memory, &side->config);
    restore(pair, which);
    pair_step(pair, which,
        (struct idn_event){.type = IDN_EVENT_START,
            .u.start = {side->incarnation, side->stored, side->tail_lost}});
    pair_step(pair, which, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
    side->tail_lost = false;
}

// ---- what is to be seen

void pair_submit(struct pair *pair, int which, unsigned key)
{
    struct idn_request request = rig_submission(key, "alexnet", 0, 9);

    request.id = ++pair->requests;
    pair_step(pair, which,
        (struct idn_event){
            .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &request}});
}

const struct idn_reply *pair_accepted(const struct pair *pair, int which, unsigned key)
{
    const struct pair_side *side = &pair->side[which];
    struct idn_key wanted = rig_key(key);

    for (uint32_t i = side->replies; i-- > 0;)
        if (side->reply[i].type == IDN_REPLY_ACCEPTED &&
            memcmp(&side->reply[i].u.accepted.job, &wanted, sizeof(wanted)) == 0)
            return &side->reply[i];
    return NULL;
}

struct idn_peer_info pair_peer(const struct pair *pair, int which)
{
    struct idn_peer_info info = {0};

    idn_mirror_info(pair->side[which].core, &info);
    return info;
}

enum idn_role pair_role(const struct pair *pair, int which)
{
    return idn_core_role(pair->side[which].core);
}

bool pair_is_level(const struct pair *pair)
{
    const struct pair_side *a = &pair->side[0], *b = &pair->side[1];

    if (a->facts != b->facts || a->stored != a->facts || b->stored != b->facts)
        return false;
    for (uint64_t i = 0; i < a->facts; i++)
        if (is_last_of(a, i) && pair_last_of(pair, 1, a->fact[i].item.fact.origin.incarnation) !=
                                    a->fact[i].item.fact.origin.sequence)
            return false;
    return idn_mirror_is_level(a->core) && idn_mirror_is_level(b->core);
}
