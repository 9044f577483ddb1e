#include "tests/sim/broker.h"

#include "tests/sim/check.h"
#include "tests/sim/claims.h"
#include "tests/sim/copy.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"

#include "broker/core/mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LOOK_MS = 1000, RESTART_MS = 1500, CHECK_EVERY = 16 };

const char *const sim_model_names[SIM_MODELS] = {"alexnet", "resnet18"};

void sim_fill_digest(struct idn_sha256 *digest, uint8_t byte)
{
    memset(digest->bytes, byte, sizeof(digest->bytes));
}

static void tell(void *context, const char *line)
{
    struct sim *sim = context;

    SIM_TRACE(sim, "  says: %s", line);
}

void sim_broker_configure(const struct sim *sim, uint32_t broker, struct idn_core_config *ret)
{
    static struct idn_core_model model[SIM_MODELS];
    static struct idn_core_dataset dataset;

    for (uint8_t i = 0; i < SIM_MODELS; i++) {
        (void)snprintf(model[i].name, IDN_NAME_SIZE, "%s", sim_model_names[i]);
        sim_fill_digest(&model[i].digest, i + 1);
        model[i].batch = sim->plan.batch[i];
    }
    (void)snprintf(dataset.name, IDN_NAME_SIZE, "photos");
    sim_fill_digest(&dataset.digest, 11);
    dataset.images = SIM_IMAGES;
    *ret = (struct idn_core_config){.letter = 'a' + broker,
        .policy = (enum idn_policy)sim->plan.policy,
        .min_free_bytes = 512u << 20,
        .has_peer = sim->plan.brokers == 2,
        .mirror_required = sim->plan.brokers == 2 && sim->plan.mirror_required,
        .workers_max = sim->plan.workers_max,
        .jobs_max = sim->plan.jobs_max,
        .open_jobs_max = sim->plan.open_jobs_max,
        .open_images_max = sim->plan.open_images_max,
        .forgotten_max = sim->plan.forgotten_max,
        .drained_max = 2 * SIM_WORKERS,
        .models = SIM_MODELS,
        .datasets = 1,
        .model = model,
        .dataset = &dataset};
    (void)snprintf(ret->broker, IDN_NAME_SIZE, "%s", broker == 0 ? "a" : "b");
}

// ---- start and end

static void feed_summaries(const struct sim_disk *disk, size_t at,
    void (*step)(void *context, const struct idn_event *event), void *context)
{
    for (uint32_t i = 0; i < disk->summaries; i++) {
        struct idn_event event = {
            .type = IDN_EVENT_SUMMARY, .u.summary = &disk->summary[i].summary};
        if (disk->summary[i].covers == at)
            step(context, &event);
    }
}

static bool is_covered(const struct sim *sim, const struct sim_disk *disk, size_t at)
{
    const struct sim_fact *fact = &disk->fact[at];

    if (fact->fact.kind != IDN_FACT_RESULTS && fact->fact.kind != IDN_FACT_QUARANTINED &&
        fact->fact.kind != IDN_FACT_LIFTED && fact->fact.kind != IDN_FACT_LIST_PART)
        return false;
    for (uint32_t i = 0; i < disk->summaries; i++)
        if (sim_job_of(sim, &disk->summary[i].summary.job) == fact->job)
            return at < disk->summary[i].covers;
    return false;
}

void sim_broker_restore(struct sim *sim, uint32_t broker,
    void (*step)(void *context, const struct idn_event *event), void *context)
{
    const struct sim_disk *disk = &sim->disk[broker];
    struct idn_event event = {.type = IDN_EVENT_HELD};

    for (uint32_t i = 0; i < sim->ledger.incarnations; i++) {
        if (disk->last[i] == 0)
            continue;
        event.u.held = (struct idn_held){
            .incarnation = sim->ledger.incarnation[i].number, .last = disk->last[i]};
        step(context, &event);
    }
    event.type = IDN_EVENT_FACT;
    for (size_t i = 0; i < disk->count; i++) {
        if (!sim_disk_is_emptied(disk, &disk->fact[i]) && !is_covered(sim, disk, i)) {
            event.u.fact = &disk->fact[i].fact;
            step(context, &event);
        }
        feed_summaries(disk, i + 1, step, context);
    }
}

struct starting {
    struct sim *sim;
    uint32_t broker;
};

static void restore_step(void *context, const struct idn_event *event)
{
    const struct starting *starting = context;

    sim_broker_step(starting->sim, starting->broker, *event);
}

static void open_core(struct sim *sim, uint32_t broker)
{
    struct sim_broker *of = &sim->broker[broker];
    struct idn_core_config config;

    sim_broker_configure(sim, broker, &config);
    config.seed = idn_random_next(&sim->random);
    config.tell = sim->trace != NULL ? tell : NULL;
    config.tell_context = sim;
    of->memory_size = idn_core_bytes(&config);
    of->memory = mmap(NULL, of->memory_size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (of->memory == MAP_FAILED)
        abort();
    of->core = idn_core_init(of->memory, &config);
}

static void look_at_disk(struct sim *sim, uint32_t broker)
{
    struct idn_event event = {.type = IDN_EVENT_DISK};

    sim_broker_look(sim, broker);
    if (sim->broker[broker].status.role != IDN_ROLE_LEARNER && sim->disk[broker].incomplete) {
        sim_claim_learned(sim, broker);
        sim->disk[broker].incomplete = false;
    }
    event.u.disk.free_bytes = sim->disk[broker].full ? 100u << 20 : UINT64_C(1) << 40;
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + LOOK_MS,
                                 .type = SIM_DISK_LOOK,
                                 .node = broker,
                                 .boot = sim->node[broker].boot});
    sim_broker_step(sim, broker, event);
}

// What it lacks, it must have fetched before it reigns.
static void become_learner(struct sim *sim, uint32_t broker)
{
    struct sim_broker *of = &sim->broker[broker];
    const struct sim_disk *disk = &sim->disk[broker];

    of->learner = sim->plan.brokers == 2 && (disk->count == 0 || disk->incomplete);
    memcpy(of->lack, sim->disk[1 - broker].durable, sizeof(of->lack));
}

void sim_broker_start(struct sim *sim, uint32_t broker)
{
    struct sim_broker *of = &sim->broker[broker];
    struct sim_disk *disk = &sim->disk[broker];
    struct sim_node *node = &sim->node[broker];
    struct starting starting = {.sim = sim, .broker = broker};
    struct idn_event start = {.type = IDN_EVENT_START};

    memset(of, 0, sizeof(*of));
    node->up = true;
    node->boot++;
    node->clock_ms = idn_random_next(&sim->random) % 1000000000u;
    for (uint32_t i = SIM_FIRST_WORKER; i < SIM_NODES; i++)
        sim_net_connect(sim, broker, i);
    of->incarnation = idn_random_next(&sim->random);
    of->ledger = sim_ledger_start(sim, broker, of->incarnation);
    become_learner(sim, broker);
    open_core(sim, broker);
    SIM_TRACE(sim, "broker %c starts with %zu facts%s", 'a' + (int)broker, disk->count,
        disk->incomplete ? ", it is incomplete" : "");
    sim_broker_restore(sim, broker, restore_step, &starting);
    start.u.start.incarnation = of->incarnation;
    start.u.start.position = disk->count;
    disk->incomplete |= disk->count == 0;
    start.u.start.tail_lost = disk->incomplete;
    sim_broker_step(sim, broker, start);
    look_at_disk(sim, broker);
}

static void close_core(struct sim *sim, uint32_t broker)
{
    struct sim_broker *of = &sim->broker[broker];

    if (of->memory != NULL)
        (void)munmap(of->memory, of->memory_size);
    of->memory = NULL;
    of->core = NULL;
}

void sim_broker_kill(struct sim *sim, uint32_t broker, enum sim_loss loss)
{
    struct sim_node *node = &sim->node[broker];

    SIM_TRACE(sim, "broker %c is killed", 'a' + (int)broker);
    node->up = node->frozen = false;
    node->tick_at = UINT64_MAX;
    node->boot++;
    sim_drop_held(sim, broker);
    sim_disk_crash(sim, broker, loss);
    close_core(sim, broker);
    sim->broker[broker].status = (struct idn_status_info){0};
}

void sim_broker_fini(struct sim *sim, uint32_t broker)
{
    close_core(sim, broker);
    sim_disk_fini(sim, broker);
}

// It ended by itself: only a disk that does not answer is a reason.
static void end_process(struct sim *sim, uint32_t broker, const char *text)
{
    bool slow = sim->now < sim->disk[broker].excused_until;

    SIM_TRACE(sim, "broker %c exits: %s", 'a' + (int)broker, text);
    if (!slow || strstr(text, "waiting for the disk") == NULL)
        sim_fail(sim, "broker %c exits: %s", 'a' + (int)broker, text);
    sim_ledger_change(sim);
    sim_broker_kill(sim, broker, SIM_LOSS_UNSYNCED);
    agenda_add(
        &sim->agenda, (struct agenda_event){.at = sim->now + 100 + sim_below(sim, RESTART_MS),
                          .type = SIM_RESTART,
                          .node = broker});
}

// ---- actions

static void to_peer(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    bool order = action->type == IDN_ACTION_ORDER;
    int end = sim_net_end(sim, broker, action->peer);
    struct agenda_event event = {
        .type = order ? SIM_ORDER : SIM_REPLY, .a = broker, .b = action->peer};

    if (end < 0) {
        agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + sim_below(sim, 5),
                                     .type = SIM_GONE,
                                     .node = broker,
                                     .boot = sim->node[broker].boot,
                                     .a = action->peer,
                                     .b = order});
        return;
    }
    event.boot = sim->node[end].boot;
    event.payload =
        order ? (void *)sim_copy_order(&action->u.order) : (void *)sim_copy_reply(&action->u.reply);
    sim_net_send(sim, broker, (uint32_t)end, order ? SIM_WORKERS_PORT : SIM_CLIENTS_PORT, event);
}

static void publish(struct sim *sim, uint32_t broker, const struct idn_broker_beat *beat)
{
    for (uint32_t i = 0; i < sim->plan.workers; i++) {
        uint32_t node = SIM_FIRST_WORKER + i;
        if (!sim->node[node].up)
            continue;
        sim_net_send(sim, broker, node, SIM_BEATS,
            (struct agenda_event){.type = SIM_BROKER_BEAT,
                .boot = sim->node[node].boot,
                .a = broker,
                .payload = sim_copy_plain(beat, sizeof(*beat))});
    }
}

static void carry(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    switch (action->type) {
    case IDN_ACTION_REPLY:
    case IDN_ACTION_ORDER:
        to_peer(sim, broker, action);
        break;
    case IDN_ACTION_BEAT:
        publish(sim, broker, &action->u.beat);
        break;
    case IDN_ACTION_COMMIT:
        sim_disk_commit(sim, broker, &action->u.fact);
        break;
    case IDN_ACTION_COPY:
        sim_disk_copy(sim, broker, action->u.copy);
        break;
    case IDN_ACTION_SUMMARY:
        sim_disk_summarise(sim, broker, &action->u.summary);
        break;
    case IDN_ACTION_REFOLD:
        sim->broker[broker].refolds++;
        sim_disk_read(sim, broker, action);
        break;
    case IDN_ACTION_PAGE:
    case IDN_ACTION_LIST:
    case IDN_ACTION_READ_FACTS:
        sim_disk_read(sim, broker, action);
        break;
    case IDN_ACTION_MIRROR_SEND:
        sim_net_send(sim, broker, 1 - broker, SIM_MIRROR,
            (struct agenda_event){.type = SIM_FRAME,
                .a = sim->net.mirror_line,
                .payload = sim_copy_frame(&action->u.mirror)});
        break;
    case IDN_ACTION_MIRROR_RESET: // what is under way is lost, or comes all the same
        sim->net.mirror_line += sim_below(sim, 4) > 0;
        break;
    case IDN_ACTION_EXIT:
        break;
    }
}

void sim_broker_step(struct sim *sim, uint32_t broker, struct idn_event event)
{
    struct sim_broker *of = &sim->broker[broker];
    char text[IDN_TEXT_SIZE] = "";

    event.now_ms = sim_node_now(sim, broker);
    event.wall_ms = 1700000000000u + sim->now + (uint64_t)sim->node[broker].wall_skew;
    sim->stats->steps++;
    bool reigned = sim_claim_before(sim, broker, &event);
    idn_core_step(of->core, &event);
    sim_claim_after(sim, broker, reigned, &event);
    struct idn_actions actions = idn_core_actions(of->core);
    for (size_t i = 0; i < actions.count; i++) {
        sim_check_action(sim, broker, &actions.item[i]);
        carry(sim, broker, &actions.item[i]);
        if (actions.item[i].type == IDN_ACTION_EXIT)
            memcpy(text, actions.item[i].u.text, sizeof(text));
    }
    of->in_sync = idn_mirror_in_sync(of->core);
    if (sim->stats->steps % CHECK_EVERY == 0)
        idn_core_check(of->core);
    sim_disk_write(sim, broker);
    sim_node_wants(sim, broker, idn_core_deadline(of->core));
    if (text[0] != '\0')
        end_process(sim, broker, text);
}

// ---- the store's answers

static void answer_facts(struct sim *sim, uint32_t broker, const struct sim_read *read)
{
    struct idn_event event = {.type = IDN_EVENT_FACTS_READ};

    sim_disk_facts(sim, broker, read, &event.u.facts_read.item, &event.u.facts_read.count,
        &event.u.facts_read.next, &event.u.facts_read.end);
    sim_broker_step(sim, broker, event);
}

static uint8_t state_of(const struct sim_image *image)
{
    struct idn_result result;
    struct idn_digest digest;

    switch (image->rank) {
    case SIM_RANK_NONE:
        return 0;
    case SIM_RANK_ERROR:
        return 2;
    case SIM_RANK_QUARANTINED:
        return 3;
    case SIM_RANK_OK:
        (void)idn_result_unpack(image->row, &result);
        idn_digest_of(&result, &digest);
        return (uint8_t)(8 | (digest.low & 7));
    }
    return 0;
}

static void answer_refold(struct sim *sim, uint32_t broker, const struct sim_read *read)
{
    static struct sim_folded folded;
    static uint8_t states[SIM_IMAGES / 2 + 1];
    int job = sim_job_of(sim, &read->u.refold.job);
    struct idn_event event = {.type = IDN_EVENT_REFOLDED};

    sim_fold(sim, broker, sim->disk[broker].stored, job, &read->u.refold.spec, &folded);
    struct idn_summary summary = {.job = read->u.refold.job,
        .ok = folded.ok,
        .failed = folded.failed,
        .quarantined = folded.quarantined,
        .conflicts = folded.conflicts,
        .lifted = folded.lifted,
        .digest = folded.digest,
        .finished_wall_ms = 1700000000000u + sim->now,
        .compute_us = folded.compute_us,
        .class_hash = folded.class_hash};
    memset(states, 0, sizeof(states));
    for (uint32_t i = 0; i < folded.total; i++)
        states[i / 2] |= (uint8_t)(state_of(&folded.image[folded.spec.first + i]) << i % 2 * 4);
    event.u.refolded.summary = &summary;
    event.u.refolded.states = read->u.refold.states ? states : NULL;
    sim->broker[broker].refolds--;
    sim_broker_step(sim, broker, event);
}

static bool passes(const struct sim_image *image, uint32_t filter)
{
    switch (filter) {
    case IDN_FILTER_FAILED:
        return image->rank == SIM_RANK_ERROR || image->rank == SIM_RANK_QUARANTINED;
    case IDN_FILTER_MISSING:
        return image->rank == SIM_RANK_NONE;
    case IDN_FILTER_QUARANTINED:
        return image->rank == SIM_RANK_QUARANTINED;
    default:
        return image->rank != SIM_RANK_NONE;
    }
}

static void answer_page(struct sim *sim, uint32_t broker, const struct sim_read *read)
{
    static struct sim_folded folded;
    static uint8_t rows[SIM_IMAGES * IDN_ROW_BYTES];
    struct idn_action action = {.type = IDN_ACTION_REPLY, .peer = read->peer};
    struct idn_reply *reply = &action.u.reply;
    uint32_t at = read->u.page.from, last = read->u.page.spec.last;

    sim_fold(sim, broker, sim->disk[broker].stored, sim_job_of(sim, &read->u.page.job),
        &read->u.page.spec, &folded);
    reply->type = IDN_REPLY_RESULTS;
    reply->id = read->u.page.request;
    reply->u.results.job = read->u.page.job;
    reply->u.results.rows = rows;
    for (; at <= last && reply->u.results.count < read->u.page.most; at++) {
        if (!passes(&folded.image[at], read->u.page.filter))
            continue;
        uint8_t *row = rows + (size_t)reply->u.results.count++ * IDN_ROW_BYTES;
        memcpy(row, folded.image[at].row, IDN_ROW_BYTES);
    }
    reply->u.results.next = at;
    reply->u.results.conflicts = folded.conflicts;
    to_peer(sim, broker, &action);
}

static void answer_list(struct sim *sim, uint32_t broker, const struct sim_read *read)
{
    const struct idn_fact *part =
        sim_disk_part(sim, broker, sim_job_of(sim, &read->u.list.job), read->u.list.offset);
    struct idn_action action = {.type = IDN_ACTION_ORDER, .peer = read->peer};
    struct idn_order *order = &action.u.order;

    order->type = IDN_ORDER_LIST_PART;
    order->epoch = read->u.list.epoch;
    order->nonce = read->u.list.nonce;
    order->u.list_part.job = read->u.list.job;
    order->u.list_part.offset = read->u.list.offset;
    if (part != NULL) {
        order->u.list_part.total = part->u.list_part.total;
        order->u.list_part.size = part->u.list_part.size;
        order->u.list_part.bytes = part->u.list_part.bytes;
    }
    to_peer(sim, broker, &action);
}

static void take_read(struct sim *sim, uint32_t broker, const struct agenda_event *event)
{
    const struct sim_read *read = event->payload;
    const struct sim_disk *disk = &sim->disk[broker];

    if (disk->stored < read->sees || sim->now < disk->hangs_until) {
        struct agenda_event later = *event;
        later.at = sim->now < disk->hangs_until ? disk->hangs_until : sim->now + 1;
        later.payload = sim_copy_plain(read, sizeof(*read));
        agenda_add(&sim->agenda, later);
        return;
    }
    if (read->type == IDN_ACTION_READ_FACTS)
        answer_facts(sim, broker, read);
    else if (read->type == IDN_ACTION_REFOLD)
        answer_refold(sim, broker, read);
    else if (read->type == IDN_ACTION_PAGE)
        answer_page(sim, broker, read);
    else
        answer_list(sim, broker, read);
}

// ---- what comes

static bool is_core_request(uint32_t type)
{
    return type == IDN_REQUEST_SUBMIT || type == IDN_REQUEST_UPLOAD || type == IDN_REQUEST_WATCH ||
           type == IDN_REQUEST_CANCEL || type == IDN_REQUEST_FORGET ||
           type == IDN_REQUEST_RESULTS || type == IDN_REQUEST_SWITCH ||
           type == IDN_REQUEST_BOOTSTRAP || type == IDN_REQUEST_RETRY || type == IDN_REQUEST_SET;
}

static void take_request(struct sim *sim, uint32_t broker, const struct agenda_event *event)
{
    static union idn_core_items items;
    const struct idn_request *request = event->payload;
    struct idn_action action = {.type = IDN_ACTION_REPLY, .peer = event->a};

    if (is_core_request(request->type)) {
        struct idn_event taken = {.type = IDN_EVENT_REQUEST};
        taken.u.request.peer = event->a;
        taken.u.request.message = request;
        sim_broker_step(sim, broker, taken);
        return;
    }
    if (request->unheard_ms > 0) {
        struct idn_event asked = {.type = IDN_EVENT_ASKED};
        asked.u.asked.unheard_ms = request->unheard_ms;
        sim_broker_step(sim, broker, asked);
    }
    if (!sim->node[broker].up)
        return;
    idn_core_answer(
        sim->broker[broker].core, sim_node_now(sim, broker), request, &items, &action.u.reply);
    to_peer(sim, broker, &action);
}

void sim_broker_look(struct sim *sim, uint32_t broker)
{
    static union idn_core_items items;
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    struct idn_reply reply;

    if (!sim->node[broker].up)
        return;
    idn_core_answer(sim->broker[broker].core, sim_node_now(sim, broker), &request, &items, &reply);
    sim->broker[broker].status = reply.u.status;
}

void sim_broker_take(struct sim *sim, uint32_t broker, const struct agenda_event *event)
{
    struct idn_event taken = {.type = IDN_EVENT_WORKER};

    switch (event->type) {
    case SIM_REQUEST:
        if (sim_net_end(sim, broker, event->a) >= 0)
            take_request(sim, broker, event);
        return;
    case SIM_MESSAGE:
        taken.u.worker.peer = event->a;
        taken.u.worker.message = event->payload;
        if (sim_net_end(sim, broker, event->a) < 0)
            return;
        sim_check_message(sim, broker, event->payload);
        break;
    case SIM_WORKER_BEAT:
        taken.type = IDN_EVENT_BEAT;
        taken.u.beat = event->payload;
        break;
    case SIM_FRAME:
        taken.type = IDN_EVENT_MIRROR;
        taken.u.mirror = event->payload;
        if (event->a != sim->net.mirror_line && sim_below(sim, 8) > 0)
            return;
        break;
    case SIM_STORED:
        taken.type = IDN_EVENT_STORED;
        taken.u.stored.position = event->a;
        break;
    case SIM_READ:
        take_read(sim, broker, event);
        return;
    case SIM_DISK_LOOK:
        look_at_disk(sim, broker);
        return;
    default:
        taken.type = event->b != 0 ? IDN_EVENT_WORKER_GONE : IDN_EVENT_CLIENT_GONE;
        taken.u.gone.peer = event->a;
        break;
    }
    sim_broker_step(sim, broker, taken);
    if (event->type == SIM_FRAME)
        sim_claim_yield(sim, broker, event->payload);
}
