// The loop's outward half: the core's actions and the store's answers become messages, commits and
// reads.
#include "broker/loop.h"

#include "base/assert.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_reply(struct idn_loop *loop, idn_peer peer, const struct idn_reply *reply)
{
    struct idn_bytes bytes = idn_encode_reply(loop->codec, reply);
    idn_peers_send(loop->clients, peer, bytes.data, bytes.size);
}

static void send_order(struct idn_loop *loop, idn_peer peer, const struct idn_order *order)
{
    struct idn_bytes bytes = idn_encode_order(loop->codec, order);
    idn_peers_send(loop->workers, peer, bytes.data, bytes.size);
}

void idn_loop_refuse_client(
    struct idn_loop *loop, idn_peer peer, uint64_t request, uint32_t code, const char *text)
{
    struct idn_reply reply = {.type = IDN_REPLY_REFUSED, .id = request};

    reply.u.refused.code = code;
    (void)snprintf(reply.u.refused.text, sizeof(reply.u.refused.text), "%s", text);
    send_reply(loop, peer, &reply);
}

void idn_loop_refuse_worker(
    struct idn_loop *loop, idn_peer peer, uint64_t nonce, uint32_t code, const char *text)
{
    struct idn_order order = {.type = IDN_ORDER_REFUSED, .nonce = nonce};

    order.u.refused.code = code;
    (void)snprintf(order.u.refused.text, sizeof(order.u.refused.text), "%s", text);
    send_order(loop, peer, &order);
}

void idn_loop_answer(struct idn_loop *loop, idn_peer peer, const struct idn_request *request)
{
    struct idn_reply reply = {0};

    idn_core_answer(loop->config.core, loop->now_ms, request, &loop->items, &reply);
    if (reply.type == IDN_REPLY_STATUS) {
        struct idn_status_info *status = &reply.u.status;
        (void)snprintf(status->version, sizeof(status->version), "%s", IDN_VERSION);
        status->uptime_ms = loop->now_ms - loop->started_ms;
        status->store_bytes = loop->store_bytes;
        status->damaged_row = loop->damaged_row;
        status->facts = loop->facts; // the core was not fed those that a summary stands for
    }
    send_reply(loop, peer, &reply);
}

static void carry_page(struct idn_loop *loop, const struct idn_action *action)
{
    struct idn_read read = {
        .peer = action->peer,
        .request = action->u.page.request,
        .job = action->u.page.job,
    };
    uint64_t tag = idn_reads_add(&loop->pages, &read);

    idn_loop_commit(loop); // who was told in this turn that the job is finished finds all of it
    if (tag == 0)
        idn_loop_refuse_client(loop, action->peer, action->u.page.request, IDN_REFUSED_SLOW_DOWN,
            "too many result pages are being read; ask again");
    else
        idn_store_read_page(loop->config.store, tag, &action->u.page.job, &action->u.page.spec,
            action->u.page.from, action->u.page.most, action->u.page.filter);
}

// Without room the worker hears nothing and asks again.
static void carry_list(struct idn_loop *loop, const struct idn_action *action)
{
    struct idn_read read = {
        .peer = action->peer,
        .epoch = action->u.list.epoch,
        .nonce = action->u.list.nonce,
        .job = action->u.list.job,
    };
    uint64_t tag = idn_reads_add(&loop->lists, &read);

    if (tag != 0)
        idn_store_read_list(loop->config.store, tag, &action->u.list.job, action->u.list.offset);
}

static void carry_beat(struct idn_loop *loop, const struct idn_broker_beat *beat)
{
    struct idn_bytes bytes = idn_encode_broker_beat(loop->codec, beat);
    idn_ports_publish(loop->config.ports, bytes.data, bytes.size);
}

// A frame that the socket does not take is missed by its number, or the peer by its silence.
static void carry_frame(struct idn_loop *loop, const struct idn_mirror_frame *frame)
{
    struct idn_bytes bytes = idn_encode_mirror(loop->codec, frame);
    (void)idn_mirror_port_send(loop->config.mirror, bytes.data, bytes.size);
}

void idn_loop_exit(struct idn_loop *loop, const char *text)
{
    idn_error("%s", text);
    loop->stop = true;
    loop->status = 1;
}

static void carry(struct idn_loop *loop, const struct idn_action *action)
{
    switch (action->type) {
    case IDN_ACTION_REPLY:
        send_reply(loop, action->peer, &action->u.reply);
        break;
    case IDN_ACTION_ORDER:
        send_order(loop, action->peer, &action->u.order);
        break;
    case IDN_ACTION_BEAT:
        carry_beat(loop, &action->u.beat);
        break;
    case IDN_ACTION_COMMIT:
        idn_batch_add(&loop->batch, &action->u.fact);
        break;
    case IDN_ACTION_SUMMARY:
        idn_loop_commit(loop); // the facts it sums up go first
        idn_store_summarise(loop->config.store, &action->u.summary);
        break;
    case IDN_ACTION_REFOLD:
        idn_loop_commit(loop); // the late fact is to be folded too
        idn_store_refold(loop->config.store, &action->u.refold.job, &action->u.refold.spec,
            action->u.refold.states);
        break;
    case IDN_ACTION_PAGE:
        carry_page(loop, action);
        break;
    case IDN_ACTION_LIST:
        carry_list(loop, action);
        break;
    case IDN_ACTION_COPY:
        idn_batch_copy(&loop->batch, action->u.copy);
        break;
    case IDN_ACTION_READ_FACTS:
        idn_store_read_facts(loop->config.store, action->u.read_facts.after,
            action->u.read_facts.find, action->u.read_facts.finds);
        break;
    case IDN_ACTION_MIRROR_SEND:
        carry_frame(loop, &action->u.mirror);
        break;
    case IDN_ACTION_MIRROR_RESET:
        idn_mirror_port_reset(loop->config.mirror, loop->now_ms);
        break;
    case IDN_ACTION_EXIT:
        idn_loop_exit(loop, action->u.text);
        break;
    }
}

void idn_loop_carry(struct idn_loop *loop, const struct idn_event *cause)
{
    struct idn_actions actions = idn_core_actions(loop->config.core);

    for (size_t i = 0; i < actions.count; i++) {
        idn_journal_action(&loop->journal, cause, &actions.item[i]);
        carry(loop, &actions.item[i]);
    }
}

void idn_loop_commit(struct idn_loop *loop)
{
    if (loop->batch.count == 0)
        return;
    idn_store_commit(loop->config.store, loop->batch.fact, loop->batch.count);
    loop->facts += loop->batch.count;
    idn_batch_clear(&loop->batch);
}

static void send_page(struct idn_loop *loop, const struct idn_completion *completion)
{
    struct idn_read read;

    if (!idn_reads_take(&loop->pages, completion->tag, &read))
        return;
    if (completion->text[0] != '\0') {
        idn_loop_refuse_client(
            loop, read.peer, read.request, IDN_REFUSED_DAMAGED, completion->text);
        return;
    }
    struct idn_reply reply = {.type = IDN_REPLY_RESULTS, .id = read.request};
    reply.u.results.job = read.job;
    reply.u.results.next = completion->next;
    reply.u.results.count = completion->count;
    reply.u.results.rows = completion->bytes;
    reply.u.results.conflicts = completion->conflicts;
    send_reply(loop, read.peer, &reply);
}

static void send_list(struct idn_loop *loop, const struct idn_completion *completion)
{
    struct idn_read read;

    if (!idn_reads_take(&loop->lists, completion->tag, &read))
        return;
    struct idn_order order = {
        .type = IDN_ORDER_LIST_PART, .epoch = read.epoch, .nonce = read.nonce};
    order.u.list_part.job = read.job;
    order.u.list_part.offset = completion->offset;
    order.u.list_part.total = completion->total;
    order.u.list_part.size = completion->size;
    order.u.list_part.bytes = completion->bytes;
    send_order(loop, read.peer, &order);
}

void idn_loop_completed(struct idn_loop *loop, struct idn_completion *completion)
{
    struct idn_event event = {0};

    switch (completion->type) {
    case IDN_COMPLETION_STORED:
        event.type = IDN_EVENT_STORED;
        event.u.stored.position = completion->position;
        idn_loop_step(loop, &event);
        break;
    case IDN_COMPLETION_REFOLDED:
        event.type = IDN_EVENT_REFOLDED;
        event.u.refolded.summary = &completion->summary;
        event.u.refolded.states = completion->bytes;
        idn_loop_step(loop, &event);
        break;
    case IDN_COMPLETION_FACTS:
        event.type = IDN_EVENT_FACTS_READ;
        event.u.facts_read.next = completion->next_position;
        event.u.facts_read.end = completion->end;
        event.u.facts_read.count = completion->count;
        event.u.facts_read.item = completion->fact;
        idn_loop_step(loop, &event);
        break;
    case IDN_COMPLETION_PAGE:
        send_page(loop, completion);
        break;
    case IDN_COMPLETION_LIST:
        send_list(loop, completion);
        break;
    case IDN_COMPLETION_DAMAGED:
        idn_error("%s", completion->text);
        if (loop->damaged_row == 0)
            loop->damaged_row = completion->position;
        break;
    case IDN_COMPLETION_FAILED:
        idn_loop_exit(loop, completion->text);
        break;
    }
    free(completion->bytes);
    free(completion->fact);
    completion->bytes = NULL;
    completion->fact = NULL;
}
