#include "tests/unit/codec_samples_kit.h"

uint32_t sample_most = UINT32_MAX, sample_serial;

void sample_at_most(uint32_t most)
{
    sample_most = most;
}

const uint8_t *sample_rows(uint32_t count)
{
    static uint8_t rows[IDN_PAGE_ROWS_MAX][IDN_ROW_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        struct idn_result result = {.index = i * 7,
            .class_id = {next(), 4, 3, 2, 1},
            .probability = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f}};
        idn_result_pack(&result, rows[i]);
    }
    return rows[0];
}

static const uint8_t *part(void)
{
    static uint8_t bytes[IDN_LIST_PART_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 % 251);
    return bytes;
}

static bool names_job(uint32_t type)
{
    return type == IDN_REQUEST_SUBMIT || type == IDN_REQUEST_UPLOAD || type == IDN_REQUEST_WATCH ||
           type == IDN_REQUEST_JOB || type == IDN_REQUEST_RESULTS || type == IDN_REQUEST_CANCEL ||
           type == IDN_REQUEST_FORGET || type == IDN_REQUEST_RETRY || type == IDN_REQUEST_SET ||
           type == IDN_REQUEST_WHY;
}

static void request_body(struct idn_request *to)
{
    if (to->type == IDN_REQUEST_HELLO) {
        to->u.hello.lowest = next();
        to->u.hello.highest = next();
    } else if (to->type == IDN_REQUEST_SUBMIT) {
        spec(&to->u.submit);
    } else if (to->type == IDN_REQUEST_UPLOAD) {
        to->u.upload.offset = next_wide();
        to->u.upload.total = 2 * to->u.upload.offset;
        to->u.upload.size = many(IDN_LIST_PART_BYTES);
        to->u.upload.bytes = part();
    } else if (to->type == IDN_REQUEST_WATCH) {
        to->u.watch.version = next_wide();
        to->u.watch.wait_ms = IDN_WATCH_MS_MAX;
    } else if (to->type == IDN_REQUEST_JOBS) {
        to->u.jobs.cursor = next_wide();
        to->u.jobs.all = true;
    } else if ((to->type >= IDN_REQUEST_WORKERS && to->type <= IDN_REQUEST_DATASETS) ||
               to->type == IDN_REQUEST_ASSIGNMENT || to->type == IDN_REQUEST_RATES ||
               to->type == IDN_REQUEST_TIMES) {
        to->u.page.cursor = next_wide();
    } else if (to->type == IDN_REQUEST_RESULTS) {
        to->u.results.from = next();
        to->u.results.most = IDN_PAGE_ROWS_MAX;
        to->u.results.filter = IDN_FILTER_MISSING;
    } else if (to->type == IDN_REQUEST_SET) {
        NAME(to->u.set.key);
        NAME(to->u.set.value);
    }
}

struct idn_request *sample_request(uint32_t type)
{
    static struct idn_request message;

    memset(&message, 0, sizeof(message));
    message.type = type;
    message.id = next_wide();
    message.unheard_ms = next();
    if (names_job(type)) {
        fill(&message.job.key, sizeof(message.job.key));
        message.job.bits = 128;
    }
    request_body(&message);
    return &message;
}

static void hello(struct idn_worker_message *to)
{
    to->u.hello.lowest = next();
    to->u.hello.highest = next();
    NAME(to->u.hello.name);
    NAME(to->u.hello.class_name);
    to->u.hello.class_hash = next_wide();
    to->u.hello.threads = next();
    to->u.hello.reports_from = next_wide();
    to->u.hello.models = many(IDN_MODELS_MAX);
    to->u.hello.datasets = many(IDN_DATASETS_MAX);
    to->u.hello.leases = IDN_WORKER_LEASES_MAX;
    for (uint32_t i = 0; i < many(IDN_MODELS_MAX); i++) {
        NAME(to->u.hello.model[i].name);
        fill(&to->u.hello.model[i].digest, IDN_SHA256_SIZE);
        to->u.hello.model[i].lack = IDN_LACK_OTHER;
    }
    for (uint32_t i = 0; i < many(IDN_DATASETS_MAX); i++) {
        NAME(to->u.hello.dataset[i].name);
        fill(&to->u.hello.dataset[i].digest, IDN_SHA256_SIZE);
    }
    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++) {
        to->u.hello.lease[i].id = lease();
        fill(&to->u.hello.lease[i].job, IDN_KEY_SIZE);
        to->u.hello.lease[i].first = next();
        to->u.hello.lease[i].count = IDN_BATCH_MAX;
        to->u.hello.lease[i].done = IDN_BATCH_MAX - i;
        to->u.hello.lease[i].spec_hash = next_wide();
    }
}

static void report(struct idn_worker_message *to)
{
    to->u.report.number = next_wide();
    to->u.report.lease = lease();
    fill(&to->u.report.job, sizeof(to->u.report.job));
    to->u.report.count = many(IDN_REPORT_ROWS_MAX);
    to->u.report.rows = sample_rows(IDN_REPORT_ROWS_MAX);
    to->u.report.class_hash = next_wide();
    to->u.report.compute_us = next_wide();
    to->u.report.end = IDN_END_DEATH;
    to->u.report.death = IDN_DEATH_HANG;
    to->u.report.alone = 1;
    to->u.report.in_child = many(IDN_CHILD_IMAGES_MAX);
    for (uint32_t i = 0; i < many(IDN_CHILD_IMAGES_MAX); i++)
        to->u.report.image[i] = next();
    NAME(to->u.report.text);
    to->u.report.spec_hash = next_wide();
}

struct idn_worker_message *sample_worker(uint32_t type)
{
    static struct idn_worker_message message;

    memset(&message, 0, sizeof(message));
    message.type = type;
    message.nonce = next_wide();
    if (type == IDN_WORKER_HELLO) {
        hello(&message);
    } else if (type == IDN_WORKER_REPORT) {
        report(&message);
    } else if (type == IDN_WORKER_TRIMMED) {
        message.u.trimmed.lease = lease();
        message.u.trimmed.kept = next();
    } else if (type == IDN_WORKER_STALE) {
        message.u.stale.obeyed = epoch();
    } else if (type == IDN_WORKER_LIST_GET) {
        fill(&message.u.list_get.job, sizeof(message.u.list_get.job));
        message.u.list_get.offset = next_wide();
    }
    return &message;
}

static void order_lease(struct idn_order *to)
{
    to->u.lease.id = lease();
    fill(&to->u.lease.job, sizeof(to->u.lease.job));
    NAME(to->u.lease.model);
    NAME(to->u.lease.dataset);
    fill(&to->u.lease.model_digest, sizeof(to->u.lease.model_digest));
    fill(&to->u.lease.list_digest, sizeof(to->u.lease.list_digest));
    to->u.lease.list_bytes = next_wide();
    to->u.lease.first = next();
    to->u.lease.count = IDN_BATCH_MAX;
    to->u.lease.alone = 1;
    to->u.lease.first_slice = next();
    to->u.lease.spec_hash = next_wide();
}

struct idn_order *sample_order(uint32_t type)
{
    static struct idn_order message;

    memset(&message, 0, sizeof(message));
    message.type = type;
    message.epoch = epoch();
    message.nonce = next_wide();
    if (type == IDN_ORDER_WELCOME) {
        message.u.welcome.version = next();
        message.u.welcome.beat_ms = IDN_BEAT_MS_MAX;
        message.u.welcome.acknowledged = next_wide();
    } else if (type == IDN_ORDER_REFUSED) {
        message.u.refused.code = IDN_REFUSED_NAME_IN_USE;
        NAME(message.u.refused.text);
    } else if (type == IDN_ORDER_LEASE) {
        order_lease(&message);
    } else if (type == IDN_ORDER_TRIM) {
        message.u.trim.id = lease();
        message.u.trim.keep = next();
    } else if (type == IDN_ORDER_ACK) {
        message.u.ack.number = next_wide();
    } else if (type == IDN_ORDER_LIST_PART) {
        fill(&message.u.list_part.job, sizeof(message.u.list_part.job));
        message.u.list_part.offset = next_wide();
        message.u.list_part.total = 2 * message.u.list_part.offset;
        message.u.list_part.size = many(IDN_LIST_PART_BYTES);
        message.u.list_part.bytes = part();
    }
    return &message;
}

struct idn_worker_beat *sample_worker_beat(void)
{
    static struct idn_worker_beat beat;

    memset(&beat, 0, sizeof(beat));
    NAME(beat.name);
    beat.nonce = next_wide();
    beat.sequence = next_wide();
    beat.obeyed = epoch();
    beat.lease = lease();
    beat.images_done = next_wide();
    beat.active_silent_ms = next_wide();
    beat.in_child = many(IDN_CHILD_IMAGES_MAX);
    for (uint32_t i = 0; i < many(IDN_CHILD_IMAGES_MAX); i++)
        beat.image[i] = next();
    return &beat;
}

struct idn_broker_beat *sample_broker_beat(void)
{
    static struct idn_broker_beat beat;

    memset(&beat, 0, sizeof(beat));
    NAME(beat.name);
    beat.incarnation = next_wide();
    beat.sequence = next_wide();
    beat.epoch = epoch();
    beat.role = IDN_ROLE_STANDBY;
    beat.beat_ms = IDN_BEAT_MS_MAX;
    return &beat;
}

static void fact_body(struct idn_fact *to)
{
    if (to->kind == IDN_FACT_ACCEPTED) {
        spec(&to->u.accepted);
    } else if (to->kind == IDN_FACT_RESULTS) {
        to->u.results.count = many(IDN_REPORT_ROWS_MAX);
        to->u.results.rows = sample_rows(IDN_REPORT_ROWS_MAX);
        to->u.results.class_hash = next_wide();
        to->u.results.compute_us = next_wide();
        to->u.results.spec_hash = next_wide();
        NAME(to->u.results.worker);
    } else if (to->kind == IDN_FACT_QUARANTINED) {
        to->u.quarantined.image = next();
        to->u.quarantined.generation = next();
        to->u.quarantined.reason = IDN_DEATH_HANG;
        to->u.quarantined.spec_hash = next_wide();
        NAME(to->u.quarantined.worker);
    } else if (to->kind == IDN_FACT_LIFTED) {
        to->u.lifted.generation = next();
    } else if (to->kind == IDN_FACT_SETTING) {
        NAME(to->u.setting.key);
        NAME(to->u.setting.value);
    } else if (to->kind == IDN_FACT_LIST_PART) {
        to->u.list_part.offset = next_wide();
        to->u.list_part.total = 2 * to->u.list_part.offset;
        to->u.list_part.size = many(IDN_LIST_PART_BYTES);
        to->u.list_part.bytes = part();
    }
}

struct idn_fact *sample_fact(uint32_t kind)
{
    static struct idn_fact fact;

    memset(&fact, 0, sizeof(fact));
    fact.origin.incarnation = next_wide();
    fact.origin.sequence = next_wide();
    fact.epoch = epoch();
    fact.wall_ms = next_wide();
    fact.kind = kind;
    fill(&fact.job, sizeof(fact.job));
    fact_body(&fact);
    return &fact;
}

// ---- the mirror link

static void greeting(struct idn_mirror_frame *to)
{
    to->u.hello.lowest = next();
    to->u.hello.highest = next();
    to->u.hello.letter = 'b';
    NAME(to->u.hello.broker);
    to->u.hello.incarnation = next_wide();
}

static void vector(struct idn_mirror_frame *to)
{
    static struct idn_held held[IDN_MIRROR_VECTOR_MAX];

    to->u.vector.count = many(IDN_MIRROR_VECTOR_MAX);
    to->u.vector.last = true;
    to->u.vector.item = held;
    for (uint32_t i = 0; i < to->u.vector.count; i++)
        held[i] = (struct idn_held){.incarnation = next_wide(), .last = next_wide()};
}

// A body as idn_encode_fact_body makes it of an empty head; with rows it is one of RESULTS.
static void body(struct idn_stored_fact *to, uint32_t rows)
{
    static uint8_t bytes[4 + 10 * IDN_ROW_BYTES];

    memcpy(bytes + 4, sample_rows(10), (size_t)10 * IDN_ROW_BYTES);
    to->body = bytes;
    to->size = 4 + rows * IDN_ROW_BYTES;
}

static void stored(struct idn_stored_fact *to, uint32_t i)
{
    static const uint32_t kind[] = {
        IDN_FACT_RESULTS, IDN_FACT_LIFTED, IDN_FACT_RESULTS, IDN_FACT_LIST_PART + 1};

    to->fact = (struct idn_fact){.origin = {.incarnation = next_wide(), .sequence = next_wide()},
        .epoch = epoch(),
        .wall_ms = next_wide(),
        .kind = kind[i % 4]};
    fill(&to->fact.job, sizeof(to->fact.job));
    to->decoded = false;
    to->emptied = i % 4 == 2;
    body(to, i % 4 == 0 ? 10 : 0);
    if (to->emptied)
        to->size = 0;
}

static void facts(struct idn_mirror_frame *to)
{
    static struct idn_stored_fact item[IDN_MIRROR_FACTS_MAX];
    static uint8_t large[IDN_FACT_BODY_BYTES_MAX];

    to->u.facts.count = many(IDN_MIRROR_FACTS_MAX);
    to->u.facts.end = true;
    to->u.facts.item = item;
    for (uint32_t i = 0; i < to->u.facts.count; i++)
        stored(&item[i], i);
    if (to->u.facts.count == IDN_MIRROR_FACTS_MAX) { // the last one, of the unknown kind
        memset(large, 0x5a, sizeof(large));
        item[IDN_MIRROR_FACTS_MAX - 1].body = large;
        item[IDN_MIRROR_FACTS_MAX - 1].size = sizeof(large);
    }
}

struct idn_mirror_frame *sample_mirror(uint32_t type)
{
    static struct idn_mirror_frame frame;
    bool numbered =
        type != IDN_MIRROR_HELLO && type != IDN_MIRROR_WELCOME && type != IDN_MIRROR_GONE;

    memset(&frame, 0, sizeof(frame));
    frame.type = type;
    frame.session = next_wide();
    frame.number = numbered ? next_wide() : 0;
    frame.durable = next_wide();
    frame.role = IDN_ROLE_ALONE;
    frame.epoch = epoch();
    if (type == IDN_MIRROR_HELLO || type == IDN_MIRROR_WELCOME)
        greeting(&frame);
    else if (type == IDN_MIRROR_VECTOR)
        vector(&frame);
    else if (type == IDN_MIRROR_FACTS)
        facts(&frame);
    else if (type == IDN_MIRROR_HANDOVER)
        frame.u.handover.epoch = epoch(), frame.u.handover.request = next_wide();
    return &frame;
}
