#include "tests/fuzz/core_run.h"

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS_MAX = 20000 }; // more steps than that without the time going on is a loop

// ---- actions

// What is sent must be a message.
static void encode(struct core_run *run, const struct idn_action *action)
{
    if (action->type == IDN_ACTION_REPLY)
        (void)idn_encode_reply(run->codec, &action->u.reply);
    else if (action->type == IDN_ACTION_ORDER)
        (void)idn_encode_order(run->codec, &action->u.order);
    else if (action->type == IDN_ACTION_BEAT)
        (void)idn_encode_broker_beat(run->codec, &action->u.beat);
    else if (action->type == IDN_ACTION_MIRROR_SEND)
        (void)idn_encode_mirror(run->codec, &action->u.mirror);
}

static void carry(struct core_run *run, const struct idn_action *action)
{
    encode(run, action);
    switch (action->type) {
    case IDN_ACTION_ORDER:
        if (action->u.order.type == IDN_ORDER_LEASE)
            run->lease[run->leases++ % CORE_RUN_LEASES] = action->u.order;
        break;
    case IDN_ACTION_COMMIT:
        core_store_add(
            &run->store, &(struct idn_stored_fact){.fact = action->u.fact, .decoded = true});
        break;
    case IDN_ACTION_COPY:
        core_store_add(&run->store, action->u.copy);
        break;
    case IDN_ACTION_SUMMARY:
        core_store_summarise(&run->store, &action->u.summary);
        break;
    case IDN_ACTION_REFOLD:
        IDN_ASSERT(run->refolds < CORE_RUN_REFOLDS);
        run->refold[run->refolds++] = *action;
        break;
    case IDN_ACTION_READ_FACTS:
        IDN_ASSERT(!run->reading);
        run->reading = true;
        run->read = *action;
        break;
    case IDN_ACTION_MIRROR_SEND:
        run->session = action->u.mirror.session;
        break;
    case IDN_ACTION_MIRROR_RESET:
        run->taken = 0;
        break;
    case IDN_ACTION_EXIT:
        run->over = true;
        break;
    case IDN_ACTION_REPLY:
    case IDN_ACTION_BEAT:
    case IDN_ACTION_PAGE: // goes to a reader that tells the core nothing
    case IDN_ACTION_LIST:
        break;
    }
    if (run->see != NULL)
        run->see(run->context, action);
}

static void step_once(void *context, struct idn_event *event)
{
    struct core_run *run = context;

    if (run->over)
        return;
    event->now_ms = run->now;
    event->wall_ms = 1700000000000u + run->now;
    idn_core_step(run->core, event);
    idn_core_check(run->core);
    struct idn_actions actions = idn_core_actions(run->core);
    for (size_t i = 0; i < actions.count; i++)
        carry(run, &actions.item[i]);
    run->over = run->over || core_store_is_full(&run->store);
}

static void answer_refold(struct core_run *run)
{
    struct idn_action refold = run->refold[0];
    struct idn_summary summary;
    uint8_t *states = NULL;

    run->refolds--;
    memmove(run->refold, run->refold + 1, run->refolds * sizeof(*run->refold));
    if (!core_store_refold(&run->store, &refold, &summary, &states))
        return;
    step_once(run, &(struct idn_event){.type = IDN_EVENT_REFOLDED,
                       .u.refolded = {.summary = &summary, .states = states}});
    free(states);
}

// One thing that the store has to say. False: nothing.
static bool answer(struct core_run *run)
{
    struct idn_event event;

    if (run->over)
        return false;
    if (!run->hold_commits && run->store.durable < run->store.count) {
        run->store.durable = run->store.count;
        event =
            (struct idn_event){.type = IDN_EVENT_STORED, .u.stored.position = run->store.durable};
        step_once(run, &event);
    } else if (!run->hold_reads && run->reading) {
        run->reading = false;
        core_store_read(&run->store, &run->read, &event);
        step_once(run, &event);
    } else if (!run->hold_reads && run->refolds > 0) {
        answer_refold(run);
    } else {
        return false;
    }
    return true;
}

static void step(struct core_run *run, struct idn_event event)
{
    step_once(run, &event);
    for (int i = 0; answer(run); i++)
        IDN_ASSERT(i < ROUNDS_MAX);
}

static void pass(struct core_run *run, uint64_t ms)
{
    uint64_t end = run->now + ms;

    for (int i = 0; !run->over && idn_core_deadline(run->core) <= end; i++) {
        uint64_t due = idn_core_deadline(run->core);
        IDN_ASSERT(i < ROUNDS_MAX);
        run->now = due > run->now ? due : run->now;
        step(run, (struct idn_event){.type = IDN_EVENT_TICK});
    }
    run->now = end;
}

static void stall(struct core_run *run, uint64_t ms)
{
    run->now += ms;
    step(run, (struct idn_event){.type = IDN_EVENT_STALLED, .u.stalled.ms = ms});
}

// ---- a start

static void set_digest(struct idn_sha256 *digest, int byte)
{
    memset(digest->bytes, byte, sizeof(digest->bytes));
}

static void configure(struct core_run *run, uint8_t flags)
{
    bool few = flags & CORE_RUN_FEW;

    run->model[0] = (struct idn_core_model){.name = "alexnet", .batch = 10};
    run->model[1] = (struct idn_core_model){.name = "resnet18", .batch = 4};
    run->dataset = (struct idn_core_dataset){.name = "photos", .images = 200};
    set_digest(&run->model[0].digest, 1), set_digest(&run->model[1].digest, 2);
    set_digest(&run->dataset.digest, 11);
    run->config = (struct idn_core_config){.broker = "fuzz",
        .letter = flags & CORE_RUN_LETTER ? 'b' : 'a',
        .seed = 1,
        .policy = flags & CORE_RUN_FIFO ? IDN_POLICY_FIFO : IDN_POLICY_FAIR_TIME,
        .min_free_bytes = 512u << 20,
        .has_peer = flags & CORE_RUN_PEER,
        .mirror_required = flags & CORE_RUN_REQUIRED && flags & CORE_RUN_PEER,
        .workers_max = few ? 2 : 8,
        .jobs_max = few ? 6 : 64,
        .open_jobs_max = few ? 4 : 16,
        .forgotten_max = few ? 4 : 64,
        .open_images_max = few ? 20000 : 200000,
        .models = 2,
        .datasets = 1,
        .model = run->model,
        .dataset = &run->dataset};
}

// Mapped, as the broker's: what is not touched costs nothing, not even under a sanitizer.
static void map_memory(struct core_run *run)
{
    if (run->memory != NULL)
        (void)munmap(run->memory, run->bytes);
    run->bytes = idn_core_bytes(&run->config);
    run->memory =
        mmap(NULL, run->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IDN_ASSERT(run->memory != MAP_FAILED);
}

static void start(struct core_run *run, bool tail_lost)
{
    map_memory(run);
    run->core = idn_core_init(run->memory, &run->config);
    run->refolds = 0;
    run->reading = run->hold_commits = run->hold_reads = run->over = false;
    run->session = run->taken = 0;
    run->store.durable = run->store.count;
    core_store_restore(&run->store, step_once, run);
    uint64_t incarnation = 0x1000u * (run->config.letter - 'a' + 1) + ++run->incarnations;
    step(run, (struct idn_event){
                  .type = IDN_EVENT_START, .u.start = {incarnation, run->store.count, tail_lost}});
    step(run, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
}

// Made once: they are large.
static struct idn_codec *codec(struct idn_codec **kept)
{
    if (*kept == NULL)
        IDN_ASSERT(idn_codec_new(kept) == 0);
    return *kept;
}

void core_run_init(struct core_run *run, uint8_t flags)
{
    static struct idn_codec *messages, *bodies;

    *run = (struct core_run){.now = 5000};
    configure(run, flags);
    run->codec = codec(&messages);
    core_store_init(&run->store, codec(&bodies));
    start(run, false);
}

void core_run_fini(struct core_run *run)
{
    core_store_fini(&run->store);
    (void)munmap(run->memory, run->bytes);
}

static void restart(struct core_run *run, uint64_t lost)
{
    uint64_t durable = run->store.durable;

    if (lost > durable || !run->config.has_peer)
        lost = 0;
    core_store_cut(&run->store, durable - lost);
    start(run, lost > 0);
}

// ---- messages

// As broker/loop.c: which ones the core takes as events, and which it answers at once.
static bool is_core_request(uint32_t type)
{
    return type == IDN_REQUEST_SUBMIT || type == IDN_REQUEST_UPLOAD || type == IDN_REQUEST_WATCH ||
           type == IDN_REQUEST_CANCEL || type == IDN_REQUEST_FORGET ||
           type == IDN_REQUEST_RESULTS || type == IDN_REQUEST_SWITCH ||
           type == IDN_REQUEST_BOOTSTRAP || type == IDN_REQUEST_RETRY;
}

static void take_request(struct core_run *run, uint8_t argument, const uint8_t *data, size_t size)
{
    static union idn_core_items items;
    struct idn_request request;
    struct idn_reply reply = {0};
    uint64_t id;

    if (idn_decode_request(run->codec, data, size, &request, &id, NULL) != 0)
        return;
    if (is_core_request(request.type)) {
        step(run, (struct idn_event){.type = IDN_EVENT_REQUEST,
                      .u.request = {.peer = 1 + argument % 4, .message = &request}});
        return;
    }
    if (request.unheard_ms > 0)
        step(run,
            (struct idn_event){.type = IDN_EVENT_ASKED, .u.asked.unheard_ms = request.unheard_ms});
    idn_core_answer(run->core, run->now, &request, &items, &reply);
    struct idn_bytes bytes = idn_encode_reply(run->codec, &reply);
    int error = idn_decode_reply(run->codec, bytes.data, bytes.size, &reply, NULL);
    IDN_ASSERT(error == 0); // a client must be able to read it
}

// The n-th lease from the last one, or NULL.
static const struct idn_order *lease_of(const struct core_run *run, uint8_t argument)
{
    uint32_t n = argument / 8;

    if (n == 0 || n > run->leases || n > CORE_RUN_LEASES)
        return NULL;
    return &run->lease[(run->leases - n) % CORE_RUN_LEASES];
}

static void take_worker(struct core_run *run, uint8_t argument, const uint8_t *data, size_t size)
{
    static struct idn_worker_message message;
    const struct idn_order *lease = lease_of(run, argument);
    uint64_t nonce;

    if (idn_decode_worker(run->codec, data, size, &message, &nonce, NULL) != 0)
        return;
    if (lease != NULL && message.type == IDN_WORKER_TRIMMED)
        message.u.trimmed.lease = lease->u.lease.id;
    if (lease != NULL && message.type == IDN_WORKER_REPORT) {
        message.u.report.lease = lease->u.lease.id;
        message.u.report.job = lease->u.lease.job;
        message.u.report.spec_hash = lease->u.lease.spec_hash;
    }
    step(run, (struct idn_event){.type = IDN_EVENT_WORKER,
                  .u.worker = {.peer = 1 + argument % 8, .message = &message}});
}

static void take_beat(struct core_run *run, uint8_t argument, const uint8_t *data, size_t size)
{
    const struct idn_order *lease = lease_of(run, argument);
    struct idn_worker_beat beat;

    if (idn_decode_worker_beat(run->codec, data, size, &beat, NULL) != 0)
        return;
    if (lease != NULL)
        beat.lease = lease->u.lease.id;
    step(run, (struct idn_event){.type = IDN_EVENT_BEAT, .u.beat = &beat});
}

static bool is_numbered(uint32_t type)
{
    return type == IDN_MIRROR_VECTOR || type == IDN_MIRROR_FACTS || type == IDN_MIRROR_HANDOVER;
}

static void take_mirror(struct core_run *run, uint8_t argument, const uint8_t *data, size_t size)
{
    struct idn_mirror_frame frame;

    if (!run->config.has_peer || idn_decode_mirror(run->codec, data, size, &frame, NULL) != 0)
        return;
    if (argument % 2 == 1 && run->session != 0) {
        frame.session = run->session;
        frame.number = frame.number == 0 ? 0 : run->taken + is_numbered(frame.type);
    }
    if (is_numbered(frame.type))
        run->taken = frame.number;
    step(run, (struct idn_event){.type = IDN_EVENT_MIRROR, .u.mirror = &frame});
}

// ---- records

static void take_message(
    struct core_run *run, uint8_t operation, uint8_t argument, const uint8_t *data, size_t size)
{
    switch (operation) {
    case CORE_RUN_REQUEST:
        take_request(run, argument, data, size);
        break;
    case CORE_RUN_WORKER:
        take_worker(run, argument, data, size);
        break;
    case CORE_RUN_BEAT:
        take_beat(run, argument, data, size);
        break;
    default:
        take_mirror(run, argument, data, size);
        break;
    }
}

static void take_small(struct core_run *run, uint8_t operation, uint8_t argument)
{
    struct idn_event event = {.type = IDN_EVENT_TICK};

    switch (operation) {
    case CORE_RUN_HOLD:
        run->hold_commits = argument & 1;
        run->hold_reads = argument & 2;
        break;
    case CORE_RUN_DISK:
        event.type = IDN_EVENT_DISK, event.u.disk.free_bytes = argument == 0 ? 0 : 1ull << 40;
        break;
    case CORE_RUN_CLIENT_GONE:
        event.type = IDN_EVENT_CLIENT_GONE, event.u.gone.peer = 1 + argument % 4;
        break;
    case CORE_RUN_WORKER_GONE:
        event.type = IDN_EVENT_WORKER_GONE, event.u.gone.peer = 1 + argument % 8;
        break;
    default:
        restart(run, argument);
        return;
    }
    step(run, event);
}

size_t core_run_length(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    uint8_t operation = data[0] % CORE_RUN_OPERATIONS;
    if (operation == CORE_RUN_PASS || operation == CORE_RUN_STALLED)
        return 3;
    if (operation > CORE_RUN_MIRROR)
        return 2;
    if (size < 4)
        return 0;
    size_t wanted = 4 + (data[2] | (size_t)data[3] << 8);
    return wanted < size ? wanted : size;
}

size_t core_run_record(struct core_run *run, const uint8_t *data, size_t size)
{
    size_t length = run->over ? 0 : core_run_length(data, size);
    uint8_t operation = length > 0 ? data[0] % CORE_RUN_OPERATIONS : 0;

    if (length == 0)
        return 0;
    uint64_t number = data[1] | (uint64_t)data[2] << 8;
    if (operation == CORE_RUN_PASS)
        pass(run, number % 8192);
    else if (operation == CORE_RUN_STALLED)
        stall(run, number);
    else if (operation > CORE_RUN_MIRROR)
        take_small(run, operation, data[1]);
    else
        take_message(run, operation, data[1], data + 4, length - 4);
    return length;
}
