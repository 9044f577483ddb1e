// The codec's good side: what goes in comes out, every field of every message is carried, the
// largest messages fit, and numbers on the wire keep their meaning.
#include "proto/codec_internal.h"
#include "proto/version.h"
#include "tests/lib/check.h"
#include "tests/unit/codec_samples.h"

#include <ctype.h>
#include <stdlib.h>

static struct idn_codec *codec;
static struct idn_reason reason;

// Encoded bytes live until the next encode; keep them.
static uint8_t kept[IDN_WORKER_MESSAGE_BYTES_MAX];
static struct idn_bytes keep(struct idn_bytes bytes)
{
    memcpy(kept, bytes.data, bytes.size);
    return (struct idn_bytes){.data = kept, .size = bytes.size};
}

static bool same(struct idn_bytes a, struct idn_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

// ---- every field of every message is set on the wire

static bool is_set(const ProtobufCMessage *message);

static bool pointer_is_set(const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCMessage *nested;

    memcpy(&nested, at, sizeof(nested));
    if (nested == NULL)
        return false;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return *(const char *)nested != '\0';
    return is_set(nested);
}

static bool number_is_set(const void *at, size_t size)
{
    static const uint8_t zero[sizeof(uint64_t)];

    return memcmp(at, zero, size) != 0;
}

static bool field_is_set(const ProtobufCFieldDescriptor *field, const uint8_t *message)
{
    const uint8_t *at = message + field->offset;
    size_t count;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&count, message + field->quantifier_offset, sizeof(count));
        return count > 0;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return pointer_is_set(field, at);
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&count, at, sizeof(count)); // the length comes first
        return count > 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return number_is_set(at, sizeof(uint64_t));
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return number_is_set(at, sizeof(uint32_t));
    }
    return false;
}

// Fields of a oneof share one place: they are set when one is, which decoding shows.
static bool is_set(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool in_body = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (!in_body && !field_is_set(field, (const uint8_t *)message)) {
            (void)printf("  %s of %s is not set\n", field->name, type->name);
            return false;
        }
    }
    return true;
}

// The body of an envelope: all of them are pointers in one union.
static const ProtobufCMessage *body_of(const void *first_of_union)
{
    const ProtobufCMessage *body;

    memcpy(&body, first_of_union, sizeof(body));
    return body;
}

static void *unpack(const ProtobufCMessageDescriptor *type, struct idn_bytes bytes)
{
    void *message = protobuf_c_message_unpack(type, NULL, bytes.size, bytes.data);

    CHECK(message != NULL);
    return message;
}

// ---- round trips

static void test_requests(void)
{
    for (uint32_t type = 1; type <= SAMPLE_REQUESTS; type++) {
        struct idn_request *in = sample_request(type), out;
        struct idn_bytes bytes = keep(idn_encode_request(codec, in));
        uint64_t id = 0;

        CHECK_INT(idn_decode_request(codec, bytes.data, bytes.size, &out, &id, &reason), 0);
        CHECK(id == in->id);
        CHECK(same(bytes, idn_encode_request(codec, &out)));
        if (type == IDN_REQUEST_UPLOAD) {
            CHECK(memcmp(out.u.upload.bytes, in->u.upload.bytes, in->u.upload.size) == 0);
            out.u.upload.bytes = in->u.upload.bytes;
        }
        CHECK(memcmp(in, &out, sizeof(out)) == 0);
        Idunno__Request *message = unpack(&idunno__request__descriptor, bytes);
        CHECK(message->id != 0 && is_set(body_of(&message->hello)));
        idunno__request__free_unpacked(message, NULL);
    }
}

static void check_page(struct idn_reply *in, struct idn_reply *out)
{
    if (in->type == IDN_REPLY_JOBS) {
        CHECK(memcmp(in->u.jobs.item, out->u.jobs.item,
                  IDN_PAGE_JOBS_MAX * sizeof(*in->u.jobs.item)) == 0);
        out->u.jobs.item = in->u.jobs.item;
    } else if (in->type == IDN_REPLY_WORKERS) {
        CHECK(memcmp(in->u.workers.item, out->u.workers.item,
                  IDN_PAGE_WORKERS_MAX * sizeof(*in->u.workers.item)) == 0);
        out->u.workers.item = in->u.workers.item;
    } else if (in->type == IDN_REPLY_MODELS || in->type == IDN_REPLY_DATASETS) {
        CHECK(memcmp(in->u.entries.item, out->u.entries.item,
                  IDN_PAGE_WORKERS_MAX * sizeof(*in->u.entries.item)) == 0);
        out->u.entries.item = in->u.entries.item;
    } else if (in->type == IDN_REPLY_ASSIGNMENT) {
        CHECK(memcmp(in->u.assignment.item, out->u.assignment.item,
                  IDN_PAGE_WORKERS_MAX * sizeof(*in->u.assignment.item)) == 0);
        out->u.assignment.item = in->u.assignment.item;
    } else if (in->type == IDN_REPLY_RATES) {
        CHECK(memcmp(in->u.rates.item, out->u.rates.item,
                  IDN_PAGE_JOBS_MAX * sizeof(*in->u.rates.item)) == 0);
        out->u.rates.item = in->u.rates.item;
    } else if (in->type == IDN_REPLY_TIMES) {
        CHECK(memcmp(in->u.times.item, out->u.times.item,
                  IDN_PAGE_WORKERS_MAX * sizeof(*in->u.times.item)) == 0);
        out->u.times.item = in->u.times.item;
    } else if (in->type == IDN_REPLY_WHY) {
        CHECK(memcmp(in->u.why, out->u.why, sizeof(*in->u.why)) == 0);
        out->u.why = in->u.why;
    } else if (in->type == IDN_REPLY_RESULTS) {
        CHECK(memcmp(in->u.results.rows, out->u.results.rows,
                  (size_t)IDN_PAGE_ROWS_MAX * IDN_ROW_BYTES) == 0);
        out->u.results.rows = in->u.results.rows;
    }
}

static void test_replies(void)
{
    for (uint32_t type = 1; type <= SAMPLE_REPLIES; type++) {
        struct idn_reply *in = sample_reply(type), out;
        struct idn_bytes bytes = keep(idn_encode_reply(codec, in));

        CHECK_INT(idn_decode_reply(codec, bytes.data, bytes.size, &out, &reason), 0);
        CHECK(same(bytes, idn_encode_reply(codec, &out)));
        check_page(in, &out);
        CHECK(memcmp(in, &out, sizeof(out)) == 0);
        Idunno__Reply *message = unpack(&idunno__reply__descriptor, bytes);
        CHECK(message->id != 0 && is_set(body_of(&message->welcome)));
        idunno__reply__free_unpacked(message, NULL);
    }
}

static void test_items_of_pages_are_whole(void)
{
    struct idn_reply *in = sample_reply(IDN_REPLY_JOBS);
    struct idn_bytes bytes = idn_encode_reply(codec, in);
    Idunno__Reply *message = unpack(&idunno__reply__descriptor, bytes);
    CHECK(is_set(&message->jobs->item[0]->base));
    idunno__reply__free_unpacked(message, NULL);

    message = unpack(
        &idunno__reply__descriptor, idn_encode_reply(codec, sample_reply(IDN_REPLY_WORKERS)));
    CHECK(is_set(&message->workers->item[0]->base));
    idunno__reply__free_unpacked(message, NULL);

    message =
        unpack(&idunno__reply__descriptor, idn_encode_reply(codec, sample_reply(IDN_REPLY_MODELS)));
    CHECK(is_set(&message->models->item[0]->base));
    idunno__reply__free_unpacked(message, NULL);

    message = unpack(
        &idunno__reply__descriptor, idn_encode_reply(codec, sample_reply(IDN_REPLY_ASSIGNMENT)));
    CHECK(is_set(&message->assignment->item[0]->base));
    CHECK(is_set(&message->assignment->item[0]->lease[1]->base));
    idunno__reply__free_unpacked(message, NULL);

    message =
        unpack(&idunno__reply__descriptor, idn_encode_reply(codec, sample_reply(IDN_REPLY_WHY)));
    CHECK(is_set(&message->why->fact[0]->base) && is_set(&message->why->share[0]->base));
    idunno__reply__free_unpacked(message, NULL);
}

static void test_worker_messages(void)
{
    static struct idn_worker_message out;

    for (uint32_t type = 1; type <= SAMPLE_WORKERS; type++) {
        struct idn_worker_message *in = sample_worker(type);
        struct idn_bytes bytes = keep(idn_encode_worker(codec, in));

        CHECK_INT(idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, &reason), 0);
        CHECK(same(bytes, idn_encode_worker(codec, &out)));
        if (type == IDN_WORKER_REPORT) {
            CHECK(memcmp(in->u.report.rows, out.u.report.rows,
                      (size_t)in->u.report.count * IDN_ROW_BYTES) == 0);
            out.u.report.rows = in->u.report.rows;
        }
        CHECK(memcmp(in, &out, sizeof(out)) == 0);
        Idunno__WorkerMessage *message = unpack(&idunno__worker_message__descriptor, bytes);
        CHECK(message->nonce != 0 && is_set(body_of(&message->hello)));
        if (type == IDN_WORKER_HELLO)
            CHECK(
                is_set(&message->hello->model[0]->base) && is_set(&message->hello->lease[0]->base));
        idunno__worker_message__free_unpacked(message, NULL);
    }
}

static void test_orders(void)
{
    for (uint32_t type = 1; type <= SAMPLE_ORDERS; type++) {
        struct idn_order *in = sample_order(type), out;
        struct idn_bytes bytes = keep(idn_encode_order(codec, in));

        CHECK_INT(idn_decode_order(codec, bytes.data, bytes.size, &out, &reason), 0);
        CHECK(same(bytes, idn_encode_order(codec, &out)));
        if (type == IDN_ORDER_LIST_PART) {
            CHECK(memcmp(in->u.list_part.bytes, out.u.list_part.bytes, in->u.list_part.size) == 0);
            out.u.list_part.bytes = in->u.list_part.bytes;
        }
        CHECK(memcmp(in, &out, sizeof(out)) == 0);
        Idunno__Order *message = unpack(&idunno__order__descriptor, bytes);
        CHECK(is_set(&message->base) && is_set(body_of(&message->welcome)));
        idunno__order__free_unpacked(message, NULL);
    }
}

static void test_beats(void)
{
    struct idn_worker_beat *in = sample_worker_beat(), out;
    struct idn_broker_beat *broker_in = sample_broker_beat(), broker_out;
    struct idn_bytes bytes = idn_encode_worker_beat(codec, in);

    CHECK_INT(idn_decode_worker_beat(codec, bytes.data, bytes.size, &out, &reason), 0);
    CHECK(memcmp(in, &out, sizeof(out)) == 0);
    Idunno__WorkerBeat *beat = unpack(&idunno__worker_beat__descriptor, bytes);
    CHECK(is_set(&beat->base));
    idunno__worker_beat__free_unpacked(beat, NULL);

    bytes = idn_encode_broker_beat(codec, broker_in);
    CHECK_INT(idn_decode_broker_beat(codec, bytes.data, bytes.size, &broker_out, &reason), 0);
    CHECK(memcmp(broker_in, &broker_out, sizeof(broker_out)) == 0);
    Idunno__BrokerBeat *broker = unpack(&idunno__broker_beat__descriptor, bytes);
    CHECK(is_set(&broker->base));
    idunno__broker_beat__free_unpacked(broker, NULL);
}

static void test_facts(void)
{
    for (uint32_t kind = 1; kind <= SAMPLE_FACTS; kind++) {
        struct idn_fact *in = sample_fact(kind), out = *in;
        struct idn_bytes bytes = keep(idn_encode_fact_body(codec, in));

        memset(&out.u, 0, sizeof(out.u));
        CHECK_INT(idn_decode_fact_body(codec, bytes.data, bytes.size, &out, &reason), 0);
        CHECK(same(bytes, idn_encode_fact_body(codec, &out)));
        if (kind == IDN_FACT_RESULTS) { // borrowed, where they lie
            CHECK(out.u.results.rows ==
                  kept + bytes.size - (size_t)out.u.results.count * IDN_ROW_BYTES);
            out.u.results.rows = in->u.results.rows;
        }
        if (kind == IDN_FACT_LIST_PART) {
            CHECK(memcmp(in->u.list_part.bytes, out.u.list_part.bytes, in->u.list_part.size) == 0);
            out.u.list_part.bytes = in->u.list_part.bytes;
        }
        CHECK(memcmp(in, &out, sizeof(out)) == 0);
    }
}

static void check_greeting(const struct idn_mirror_frame *in, const struct idn_mirror_frame *out)
{
    CHECK_INT(out->u.hello.lowest, in->u.hello.lowest);
    CHECK_INT(out->u.hello.highest, in->u.hello.highest);
    CHECK_INT(out->u.hello.letter, in->u.hello.letter);
    CHECK_STRING(out->u.hello.broker, in->u.hello.broker);
    CHECK(out->u.hello.incarnation == in->u.hello.incarnation);
}

static void check_vector(const struct idn_mirror_frame *in, const struct idn_mirror_frame *out)
{
    CHECK_INT(out->u.vector.count, in->u.vector.count);
    CHECK(out->u.vector.last);
    CHECK(memcmp(in->u.vector.item, out->u.vector.item,
              in->u.vector.count * sizeof(*in->u.vector.item)) == 0);
}

static void check_stored(const struct idn_stored_fact *in, const struct idn_stored_fact *out)
{
    bool known = in->fact.kind == IDN_FACT_RESULTS || in->fact.kind == IDN_FACT_LIFTED;

    CHECK(memcmp(&in->fact.origin, &out->fact.origin, sizeof(in->fact.origin)) == 0);
    CHECK(memcmp(&in->fact.epoch, &out->fact.epoch, sizeof(in->fact.epoch)) == 0);
    CHECK(memcmp(&in->fact.job, &out->fact.job, sizeof(in->fact.job)) == 0);
    CHECK(in->fact.wall_ms == out->fact.wall_ms);
    CHECK_INT(out->fact.kind, in->fact.kind);
    CHECK_INT(out->emptied, in->emptied);
    CHECK_INT(out->decoded, known && !in->emptied);
    CHECK_INT(out->size, in->size);
    CHECK(in->size == 0 || memcmp(in->body, out->body, in->size) == 0);
    if (out->decoded && out->fact.kind == IDN_FACT_RESULTS) {
        CHECK_INT(out->fact.u.results.count, 10);
        CHECK(out->fact.u.results.rows == out->body + 4); // borrowed, where they lie
    }
}

static void check_mirror(const struct idn_mirror_frame *in, const struct idn_mirror_frame *out)
{
    CHECK(out->session == in->session && out->number == in->number);
    CHECK(out->durable == in->durable && out->role == in->role);
    CHECK(memcmp(&in->epoch, &out->epoch, sizeof(in->epoch)) == 0);
    CHECK_INT(out->type, in->type);
    if (in->type == IDN_MIRROR_HELLO || in->type == IDN_MIRROR_WELCOME) {
        check_greeting(in, out);
    } else if (in->type == IDN_MIRROR_VECTOR) {
        check_vector(in, out);
    } else if (in->type == IDN_MIRROR_HANDOVER) {
        CHECK_INT(idn_epoch_compare(in->u.handover.epoch, out->u.handover.epoch), 0);
        CHECK_INT(in->u.handover.request, out->u.handover.request);
    } else if (in->type == IDN_MIRROR_FACTS) {
        CHECK(out->u.facts.end && out->u.facts.count == in->u.facts.count);
        for (uint32_t i = 0; i < in->u.facts.count; i++)
            check_stored(&in->u.facts.item[i], &out->u.facts.item[i]);
    }
}

static void test_mirror_frames(void)
{
    for (uint32_t type = 1; type <= SAMPLE_MIRRORS; type++) {
        struct idn_mirror_frame *in = sample_mirror(type), out;
        struct idn_bytes bytes = keep(idn_encode_mirror(codec, in));

        CHECK_INT(idn_decode_mirror(codec, bytes.data, bytes.size, &out, &reason), 0);
        check_mirror(in, &out);
        CHECK(same(bytes, idn_encode_mirror(codec, &out)));
        Idunno__Mirror *message = unpack(&idunno__mirror__descriptor, bytes);
        CHECK(message->session != 0 && is_set(body_of(&message->hello)));
        if (type == IDN_MIRROR_FACTS) // no fact has both a body and none
            CHECK(message->facts->item[0]->body.len > 0 && message->facts->item[2]->emptied);
        idunno__mirror__free_unpacked(message, NULL);
    }
}

// What a later version puts behind the head of a fact survives: the stored bytes are passed on.
static void test_bodies_travel_untouched(void)
{
    static const uint8_t lifted[] = {5, 0, 0, 0, 0x08, 7, 0x7a, 1, 'x'}; // field 15 is unknown
    struct idn_stored_fact item = {.fact = {.origin = {1, 1}, .kind = IDN_FACT_LIFTED},
        .size = sizeof(lifted),
        .body = lifted};
    struct idn_mirror_frame out, frame = {.type = IDN_MIRROR_FACTS,
                                     .number = 1,
                                     .role = IDN_ROLE_ACTIVE,
                                     .u.facts = {.count = 1, .item = &item}};
    struct idn_bytes bytes = idn_encode_mirror(codec, &frame);

    CHECK_INT(idn_decode_mirror(codec, bytes.data, bytes.size, &out, &reason), 0);
    CHECK(out.u.facts.item[0].decoded);
    CHECK_INT(out.u.facts.item[0].fact.u.lifted.generation, 7);
    CHECK_INT(out.u.facts.item[0].size, sizeof(lifted));
    CHECK(memcmp(out.u.facts.item[0].body, lifted, sizeof(lifted)) == 0);
}

static void test_empty_reports_and_pages(void)
{
    struct idn_worker_message *report = sample_worker(IDN_WORKER_REPORT), out;
    struct idn_reply *page = sample_reply(IDN_REPLY_JOBS), page_out;

    report->u.report.count = report->u.report.in_child = 0;
    struct idn_bytes bytes = idn_encode_worker(codec, report);
    CHECK_INT(idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, &reason), 0);
    CHECK_INT(out.u.report.count, 0);
    page->u.jobs.count = 0;
    bytes = idn_encode_reply(codec, page);
    CHECK_INT(idn_decode_reply(codec, bytes.data, bytes.size, &page_out, &reason), 0);
    CHECK_INT(page_out.u.jobs.count, 0);
    struct idn_mirror_frame *facts = sample_mirror(IDN_MIRROR_FACTS), facts_out;
    facts->u.facts.count = 0;
    bytes = idn_encode_mirror(codec, facts);
    CHECK_INT(idn_decode_mirror(codec, bytes.data, bytes.size, &facts_out, &reason), 0);
    CHECK_INT(facts_out.u.facts.count, 0);
    CHECK(facts_out.u.facts.end);
}

static void test_status_without_a_peer(void)
{
    struct idn_reply *status = sample_reply(IDN_REPLY_STATUS), out;

    memset(&status->u.status.peer, 0, sizeof(status->u.status.peer));
    struct idn_bytes bytes = idn_encode_reply(codec, status);
    CHECK_INT(idn_decode_reply(codec, bytes.data, bytes.size, &out, &reason), 0);
    CHECK(!out.u.status.peer.configured);
}

// What other programs said may hold anything; it must not make the message unreadable.
static void test_texts_are_cleaned(void)
{
    struct idn_worker_message *report = sample_worker(IDN_WORKER_REPORT), out;

    (void)strcpy(report->u.report.text, "gone:\n\t\x7f caf\xc3\xa9");
    struct idn_bytes bytes = idn_encode_worker(codec, report);
    CHECK_INT(idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, &reason), 0);
    CHECK_STRING(out.u.report.text, "gone:??? caf\xc3\xa9");
}

// A class is a line for people: it has spaces.
static void test_class_is_a_text(void)
{
    struct idn_worker_message *hello = sample_worker(IDN_WORKER_HELLO);
    static struct idn_worker_message out;

    (void)strcpy(hello->u.hello.class_name, "darknet-20180914 libm=2.36/avx512f jpeg=turbo-2.1");
    struct idn_bytes bytes = idn_encode_worker(codec, hello);
    CHECK_INT(idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, &reason), 0);
    CHECK_STRING(out.u.hello.class_name, hello->u.hello.class_name);
}

// ---- numbers on the wire

static void check_enum(
    const ProtobufCEnumDescriptor *type, const char *prefix, const char *(*name_of)(unsigned))
{
    for (unsigned i = 0; i < type->n_values; i++) {
        const ProtobufCEnumValue *value = &type->values[i];
        const char *name = name_of((unsigned)value->value);
        CHECK_CONTAINS(value->name, prefix);
        if (value->value == 0)
            continue;
        CHECK(name != NULL);
        const char *rest = value->name + strlen(prefix);
        for (size_t c = 0; rest[c] != '\0' || name[c] != '\0'; c++)
            CHECK_INT(tolower(rest[c]), name[c]);
    }
    CHECK(name_of(type->n_values) == NULL);
}

static void test_enums_agree_with_the_proto_file(void)
{
    check_enum(&idunno__refusal__descriptor, "REFUSED_", idn_refusal_name);
    check_enum(&idunno__job_state__descriptor, "JOB_STATE_", idn_job_state_name);
    check_enum(&idunno__worker_state__descriptor, "WORKER_STATE_", idn_worker_state_name);
    check_enum(&idunno__role__descriptor, "ROLE_", idn_role_name);
    check_enum(&idunno__change__descriptor, "CHANGE_", idn_change_name);
    check_enum(&idunno__why_code__descriptor, "WHY_", idn_why_name);
    CHECK_INT(idunno__death__descriptor.n_values, IDN_DEATH_COUNT);
    CHECK_INT(IDUNNO__DEATH__DEATH_HANG, IDN_DEATH_HANG);
    CHECK_INT(IDUNNO__REQUEST__FILTER__FILTER_QUARANTINED, IDN_FILTER_QUARANTINED);
    CHECK_INT(IDUNNO__WORKER_MESSAGE__END__END_UNAVAILABLE, IDN_END_UNAVAILABLE);
}

// A body is field 100 + type.
static void test_bodies_agree_with_types(void)
{
    CHECK_INT(IDUNNO__REQUEST__BODY_SET, IDN_BODY_BASE + IDN_REQUEST_SET);
    CHECK_INT(IDUNNO__REQUEST__BODY_TIMES, IDN_BODY_BASE + IDN_REQUEST_TIMES);
    CHECK_INT(IDUNNO__REPLY__BODY_TIMES, IDN_BODY_BASE + IDN_REPLY_TIMES);
    CHECK_INT(IDUNNO__REQUEST__BODY_WHY, IDN_BODY_BASE + IDN_REQUEST_WHY);
    CHECK_INT(IDUNNO__REPLY__BODY_WHY, IDN_BODY_BASE + IDN_REPLY_WHY);
    CHECK_INT(IDUNNO__REQUEST__BODY_RETRY, IDN_BODY_BASE + IDN_REQUEST_RETRY);
    CHECK_INT(IDUNNO__REQUEST__BODY_RESULTS, IDN_BODY_BASE + IDN_REQUEST_RESULTS);
    CHECK_INT(IDUNNO__REPLY__BODY_RESULTS, IDN_BODY_BASE + IDN_REPLY_RESULTS);
    CHECK_INT(IDUNNO__WORKER_MESSAGE__BODY_GOODBYE, IDN_BODY_BASE + IDN_WORKER_GOODBYE);
    CHECK_INT(IDUNNO__ORDER__BODY_HELLO_AGAIN, IDN_BODY_BASE + IDN_ORDER_HELLO_AGAIN);
    CHECK_INT(IDUNNO__MIRROR__BODY_HANDOVER, IDN_BODY_BASE + IDN_MIRROR_HANDOVER);
}

// The bytes of a small message, written by hand: the format must not change.
static void test_wire_is_stable(void)
{
    static const uint8_t watch[] = {
        0x09, 8, 7, 6, 5, 4, 3, 2, 1,                                                 // id
        0x12, 20, 0x0a, 16, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 40, // job
        0xc2, 0x06, 5, 0x08, 3, 0x10, 0xac, 0x02,                                     // body 104
    };
    struct idn_request message = {.type = IDN_REQUEST_WATCH,
        .id = 0x0102030405060708,
        .job = {.key = {{1, 2, 3, 4, 5}}, .bits = 40},
        .u.watch = {.version = 3, .wait_ms = 300}};
    struct idn_bytes bytes = idn_encode_request(codec, &message);

    CHECK(same(bytes, (struct idn_bytes){.data = watch, .size = sizeof(watch)}));
}

static void test_versions(void)
{
    uint32_t version = 77;

    CHECK_INT(idn_negotiate(1, 1, &version), 0);
    CHECK_INT(version, 1);
    CHECK_INT(idn_negotiate(0, 9, &version), 0);
    CHECK_INT(version, IDN_PROTOCOL_HIGHEST);
    version = 77;
    CHECK_INT(idn_negotiate(IDN_PROTOCOL_HIGHEST + 1, 9, &version), IDN_REFUSED_UNSUPPORTED);
    CHECK_INT(idn_negotiate(0, IDN_PROTOCOL_LOWEST - 1, &version), IDN_REFUSED_UNSUPPORTED);
    CHECK_INT(idn_negotiate(3, 1, &version), IDN_REFUSED_UNSUPPORTED); // nonsense
    CHECK_INT(version, 77);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_requests),
        CHECK_TEST(test_replies),
        CHECK_TEST(test_items_of_pages_are_whole),
        CHECK_TEST(test_worker_messages),
        CHECK_TEST(test_orders),
        CHECK_TEST(test_beats),
        CHECK_TEST(test_facts),
        CHECK_TEST(test_mirror_frames),
        CHECK_TEST(test_bodies_travel_untouched),
        CHECK_TEST(test_empty_reports_and_pages),
        CHECK_TEST(test_status_without_a_peer),
        CHECK_TEST(test_texts_are_cleaned),
        CHECK_TEST(test_class_is_a_text),
        CHECK_TEST(test_enums_agree_with_the_proto_file),
        CHECK_TEST(test_bodies_agree_with_types),
        CHECK_TEST(test_wire_is_stable),
        CHECK_TEST(test_versions),
    };

    if (idn_codec_new(&codec) != 0)
        return EXIT_FAILURE;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_codec_destroy(&codec);
    return status;
}
