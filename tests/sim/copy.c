#include "tests/sim/copy.h"

#include <stdlib.h>

static void *get(size_t size)
{
    void *block = malloc(size);

    if (block == NULL)
        abort();
    return block;
}

void *sim_copy_plain(const void *bytes, size_t size)
{
    void *copy = get(size);

    memcpy(copy, bytes, size);
    return copy;
}

// Bytes behind the struct, in the same block.
static void *with_bytes(const void *head, size_t size, const uint8_t *bytes, size_t count)
{
    uint8_t *copy = get(size + count);

    memcpy(copy, head, size);
    if (count > 0)
        memcpy(copy + size, bytes, count);
    return copy;
}

struct idn_request *sim_copy_request(const struct idn_request *request)
{
    if (request->type != IDN_REQUEST_UPLOAD)
        return sim_copy_plain(request, sizeof(*request));
    struct idn_request *copy =
        with_bytes(request, sizeof(*request), request->u.upload.bytes, request->u.upload.size);
    copy->u.upload.bytes = (const uint8_t *)(copy + 1);
    return copy;
}

struct idn_reply *sim_copy_reply(const struct idn_reply *reply)
{
    if (reply->type != IDN_REPLY_RESULTS)
        return sim_copy_plain(reply, sizeof(*reply));
    struct idn_reply *copy = with_bytes(reply, sizeof(*reply), reply->u.results.rows,
        (size_t)reply->u.results.count * IDN_ROW_BYTES);
    copy->u.results.rows = (const uint8_t *)(copy + 1);
    return copy;
}

// A hello has room for 320 holdings: only what is there is copied.
static struct idn_worker_message *copy_hello(const struct idn_worker_message *message)
{
    struct idn_worker_message *copy = calloc(1, sizeof(*copy));

    if (copy == NULL)
        abort();
    memcpy(copy, message, offsetof(struct idn_worker_message, u.hello.model));
    memcpy(copy->u.hello.model, message->u.hello.model,
        message->u.hello.models * sizeof(*copy->u.hello.model));
    memcpy(copy->u.hello.dataset, message->u.hello.dataset,
        message->u.hello.datasets * sizeof(*copy->u.hello.dataset));
    memcpy(copy->u.hello.lease, message->u.hello.lease,
        message->u.hello.leases * sizeof(*copy->u.hello.lease));
    return copy;
}

struct idn_worker_message *sim_copy_message(const struct idn_worker_message *message)
{
    size_t head = offsetof(struct idn_worker_message, u.hello), rows = 0;

    if (message->type == IDN_WORKER_HELLO)
        return copy_hello(message);
    if (message->type == IDN_WORKER_REPORT) {
        head = offsetof(struct idn_worker_message, u.report) + sizeof(message->u.report);
        rows = (size_t)message->u.report.count * IDN_ROW_BYTES;
    } else {
        head += sizeof(struct idn_held_lease);
    }
    // As large as the type says, so that a copy of the whole is no overrun.
    struct idn_worker_message *copy = get(sizeof(*copy) + rows);
    memcpy(copy, message, head);
    if (rows > 0) {
        memcpy(copy + 1, message->u.report.rows, rows);
        copy->u.report.rows = (const uint8_t *)(copy + 1);
    }
    return copy;
}

struct idn_order *sim_copy_order(const struct idn_order *order)
{
    if (order->type != IDN_ORDER_LIST_PART)
        return sim_copy_plain(order, sizeof(*order));
    struct idn_order *copy =
        with_bytes(order, sizeof(*order), order->u.list_part.bytes, order->u.list_part.size);
    copy->u.list_part.bytes = (const uint8_t *)(copy + 1);
    return copy;
}

static size_t facts_size(const struct idn_mirror_frame *frame)
{
    size_t size = frame->u.facts.count * sizeof(struct idn_stored_fact);

    for (uint32_t i = 0; i < frame->u.facts.count; i++)
        size += (frame->u.facts.item[i].size + 7u) & ~7u;
    return size;
}

// What arrives is what was sent, decoded anew from its bytes.
static void copy_facts(struct idn_mirror_frame *copy, const struct idn_mirror_frame *frame)
{
    struct idn_stored_fact *item = (struct idn_stored_fact *)(copy + 1);
    uint8_t *at = (uint8_t *)(item + frame->u.facts.count);

    for (uint32_t i = 0; i < frame->u.facts.count; i++) {
        item[i] = frame->u.facts.item[i];
        if (item[i].size > 0)
            memcpy(at, item[i].body, item[i].size);
        item[i].body = at;
        item[i].decoded = !item[i].emptied && sim_blob_decode(at, item[i].size, &item[i].fact);
        at += (item[i].size + 7u) & ~7u;
    }
    copy->u.facts.item = item;
}

struct idn_mirror_frame *sim_copy_frame(const struct idn_mirror_frame *frame)
{
    size_t more = 0;

    if (frame->type == IDN_MIRROR_VECTOR)
        more = frame->u.vector.count * sizeof(*frame->u.vector.item);
    if (frame->type == IDN_MIRROR_FACTS)
        more = facts_size(frame);
    struct idn_mirror_frame *copy = get(sizeof(*copy) + more);
    *copy = *frame;
    if (frame->type == IDN_MIRROR_VECTOR) {
        if (more > 0)
            memcpy(copy + 1, frame->u.vector.item, more);
        copy->u.vector.item = (const struct idn_held *)(copy + 1);
    }
    if (frame->type == IDN_MIRROR_FACTS)
        copy_facts(copy, frame);
    return copy;
}

void *sim_copy_payload(const struct agenda_event *event)
{
    switch (event->type) {
    case SIM_REQUEST:
        return sim_copy_request(event->payload);
    case SIM_REPLY:
        return sim_copy_reply(event->payload);
    case SIM_MESSAGE:
        return sim_copy_message(event->payload);
    case SIM_ORDER:
        return sim_copy_order(event->payload);
    case SIM_WORKER_BEAT:
        return sim_copy_plain(event->payload, sizeof(struct idn_worker_beat));
    case SIM_BROKER_BEAT:
        return sim_copy_plain(event->payload, sizeof(struct idn_broker_beat));
    case SIM_FRAME:
        return sim_copy_frame(event->payload);
    default:
        return NULL;
    }
}

// ---- bodies: the union's bytes for kinds that point nowhere, otherwise a head and the bytes

struct results_head {
    uint32_t count;
    uint64_t class_hash, compute_us, spec_hash;
    char worker[IDN_NAME_SIZE];
};

struct list_head {
    uint64_t offset, total;
    uint32_t size;
};

static struct sim_blob *blob_new(const void *head, size_t size, const uint8_t *bytes, size_t count)
{
    struct sim_blob *blob = get(sizeof(*blob) + size + count);

    blob->users = 1;
    blob->size = (uint32_t)(size + count);
    memcpy(blob->bytes, head, size);
    if (count > 0)
        memcpy(blob->bytes + size, bytes, count);
    return blob;
}

struct sim_blob *sim_blob_of(const struct idn_fact *fact)
{
    if (fact->kind == IDN_FACT_RESULTS) {
        struct results_head head;
        memset(&head, 0, sizeof(head));
        head.count = fact->u.results.count;
        head.class_hash = fact->u.results.class_hash;
        head.compute_us = fact->u.results.compute_us;
        head.spec_hash = fact->u.results.spec_hash;
        memcpy(head.worker, fact->u.results.worker, IDN_NAME_SIZE);
        return blob_new(
            &head, sizeof(head), fact->u.results.rows, (size_t)head.count * IDN_ROW_BYTES);
    }
    if (fact->kind == IDN_FACT_LIST_PART) {
        struct list_head head;
        memset(&head, 0, sizeof(head));
        head.offset = fact->u.list_part.offset;
        head.total = fact->u.list_part.total;
        head.size = fact->u.list_part.size;
        return blob_new(&head, sizeof(head), fact->u.list_part.bytes, head.size);
    }
    return blob_new(&fact->u, sizeof(fact->u), NULL, 0);
}

struct sim_blob *sim_blob_from(const uint8_t *bytes, uint32_t size)
{
    return blob_new(bytes, size, NULL, 0);
}

void sim_blob_use(struct sim_blob *blob)
{
    if (blob != NULL)
        blob->users++;
}

void sim_blob_drop(struct sim_blob *blob)
{
    if (blob != NULL && --blob->users == 0)
        free(blob);
}

static bool decode_results(const uint8_t *bytes, uint32_t size, struct idn_fact *fact)
{
    struct results_head head;

    if (size < sizeof(head))
        return false;
    memcpy(&head, bytes, sizeof(head));
    if (size != sizeof(head) + (size_t)head.count * IDN_ROW_BYTES)
        return false;
    fact->u.results.count = head.count;
    fact->u.results.rows = bytes + sizeof(head);
    fact->u.results.class_hash = head.class_hash;
    fact->u.results.compute_us = head.compute_us;
    fact->u.results.spec_hash = head.spec_hash;
    memcpy(fact->u.results.worker, head.worker, IDN_NAME_SIZE);
    return true;
}

bool sim_blob_decode(const uint8_t *bytes, uint32_t size, struct idn_fact *fact)
{
    memset(&fact->u, 0, sizeof(fact->u));
    if (fact->kind == IDN_FACT_RESULTS)
        return decode_results(bytes, size, fact);
    if (fact->kind == IDN_FACT_LIST_PART) {
        struct list_head head;
        if (size < sizeof(head))
            return false;
        memcpy(&head, bytes, sizeof(head));
        fact->u.list_part.offset = head.offset;
        fact->u.list_part.total = head.total;
        fact->u.list_part.size = head.size;
        fact->u.list_part.bytes = bytes + sizeof(head);
        return size == sizeof(head) + head.size;
    }
    if (size != sizeof(fact->u))
        return false;
    memcpy(&fact->u, bytes, size);
    return true;
}
