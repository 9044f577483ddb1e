// Requests of clients. Every type has one function for each direction; the tables at the end lead
// to them.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <string.h>

// ---- encode

static void put_hello(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->hello = idn_put_message(arena, &idunno__request__hello__descriptor);
    to->hello->lowest = message->u.hello.lowest;
    to->hello->highest = message->u.hello.highest;
}

static void put_submit(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->submit = idn_put_message(arena, &idunno__request__submit__descriptor);
    to->submit->spec = idn_put_spec(arena, &message->u.submit);
}

static void put_upload(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->upload = idn_put_message(arena, &idunno__request__upload__descriptor);
    to->upload->offset = message->u.upload.offset;
    to->upload->total = message->u.upload.total;
    to->upload->bytes = idn_put_bytes(arena, message->u.upload.bytes, message->u.upload.size);
}

static void put_watch(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->watch = idn_put_message(arena, &idunno__request__watch__descriptor);
    to->watch->version = message->u.watch.version;
    to->watch->wait_ms = message->u.watch.wait_ms;
}

static void put_get_job(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->get_job = idn_put_message(arena, &idunno__request__job__descriptor);
}

static void put_jobs(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->jobs = idn_put_message(arena, &idunno__request__jobs__descriptor);
    to->jobs->cursor = message->u.jobs.cursor;
    to->jobs->all = message->u.jobs.all;
}

static Idunno__Request__Page *put_page(struct idn_arena *arena, const struct idn_request *message)
{
    Idunno__Request__Page *page = idn_put_message(arena, &idunno__request__page__descriptor);

    page->cursor = message->u.page.cursor;
    return page;
}

static void put_workers(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->workers = put_page(arena, message);
}

static void put_models(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->models = put_page(arena, message);
}

static void put_datasets(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->datasets = put_page(arena, message);
}

static void put_rates(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->rates = put_page(arena, message);
}

static void put_times(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->times = put_page(arena, message);
}

static void put_status(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->status = idn_put_message(arena, &idunno__request__status__descriptor);
}

static void put_results(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->results = idn_put_message(arena, &idunno__request__results__descriptor);
    to->results->from = message->u.results.from;
    to->results->most = message->u.results.most;
    to->results->filter = (Idunno__Request__Filter)message->u.results.filter;
}

static void put_cancel(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->cancel = idn_put_message(arena, &idunno__request__cancel__descriptor);
}

static void put_forget(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->forget = idn_put_message(arena, &idunno__request__forget__descriptor);
}

static void put_hand_over(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->hand_over = idn_put_message(arena, &idunno__request__switch__descriptor);
}

static void put_bootstrap(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->bootstrap = idn_put_message(arena, &idunno__request__bootstrap__descriptor);
}

static void put_retry(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->retry = idn_put_message(arena, &idunno__request__retry__descriptor);
}

static void put_job_name(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->job = idn_put_message(arena, &idunno__job_name__descriptor);
    to->job->key = idn_put_key(arena, &message->job.key);
    to->job->bits = message->job.bits;
}

static void put_set(struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->set = idn_put_message(arena, &idunno__request__set__descriptor);
    to->set->key = idn_put_text(arena, message->u.set.key);
    to->set->value = idn_put_text(arena, message->u.set.value);
    if (message->job.bits > 0)
        put_job_name(arena, message, to);
}

static void put_assignment(
    struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    to->assignment = put_page(arena, message);
}

static void put_why(struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to)
{
    (void)message;
    to->why = idn_put_message(arena, &idunno__request__why__descriptor);
}

// ---- decode

enum { KEY_BITS = 8 * IDN_KEY_SIZE, PREFIX_BITS_MIN = 5 * IDN_KEY_PREFIX_MIN };

static void take_job_name(struct idn_check *check, const Idunno__JobName *from, unsigned bits_min,
    struct idn_job_name *to)
{
    struct idn_key all = {{0}}, rest;

    if (from == NULL) {
        idn_check_refuse(check, "job", "is missing");
        return;
    }
    idn_take_key(check, "bytes of job", &from->key, &to->key);
    idn_check_range(check, "bits of job", from->bits, bits_min, KEY_BITS);
    if (check->failed)
        return;
    to->bits = from->bits;
    rest = to->key;
    for (unsigned bit = 0; bit < to->bits; bit++)
        rest.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    if (!idn_key_equal(&rest, &all))
        idn_check_refuse(check, "job", "has bits beyond its length");
}

static void take_hello(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check; // idn_negotiate answers every pair
    to->u.hello.lowest = from->hello->lowest;
    to->u.hello.highest = from->hello->highest;
}

static void take_submit(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    idn_take_spec(check, from->submit->spec, &to->u.submit);
}

static void take_upload(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    const Idunno__Request__Upload *upload = from->upload;

    to->u.upload.offset = upload->offset;
    to->u.upload.total = upload->total;
    to->u.upload.bytes = upload->bytes.data;
    idn_take_part(check, upload->offset, upload->total, upload->bytes.len, &to->u.upload.size);
}

static void take_watch(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    idn_check_range(check, "wait_ms", from->watch->wait_ms, 0, IDN_WATCH_MS_MAX);
    to->u.watch.version = from->watch->version;
    to->u.watch.wait_ms = from->watch->wait_ms;
}

static void take_jobs(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.jobs.cursor = from->jobs->cursor;
    to->u.jobs.all = from->jobs->all;
}

static void take_workers(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->workers->cursor;
}

static void take_models(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->models->cursor;
}

static void take_datasets(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->datasets->cursor;
}

static void take_rates(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->rates->cursor;
}

static void take_times(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->times->cursor;
}

static void take_results(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    idn_check_range(check, "most", from->results->most, 1, IDN_PAGE_ROWS_MAX);
    idn_take_enum(check, "filter", (int)from->results->filter, IDN_FILTER_ALL,
        IDN_FILTER_QUARANTINED, &to->u.results.filter);
    to->u.results.from = from->results->from;
    to->u.results.most = from->results->most;
}

static void take_set(struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    idn_take_setting(check, from->set->key, from->set->value, to->u.set.key, to->u.set.value);
    if (from->job != NULL)
        take_job_name(check, from->job, PREFIX_BITS_MIN, &to->job);
}

static void take_assignment(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    to->u.page.cursor = from->assignment->cursor;
}

static void take_nothing(
    struct idn_check *check, const Idunno__Request *from, struct idn_request *to)
{
    (void)check;
    (void)from;
    (void)to;
}

// ---- the types

static const struct {
    const char *name;
    unsigned job_bits_min; // of the job it names; 0: names none
    void (*put)(struct idn_arena *arena, const struct idn_request *message, Idunno__Request *to);
    void (*take)(struct idn_check *check, const Idunno__Request *from, struct idn_request *to);
} types[] = {
    [IDN_REQUEST_HELLO] = {"HELLO", 0, put_hello, take_hello},
    [IDN_REQUEST_SUBMIT] = {"SUBMIT", KEY_BITS, put_submit, take_submit},
    [IDN_REQUEST_UPLOAD] = {"UPLOAD", KEY_BITS, put_upload, take_upload},
    [IDN_REQUEST_WATCH] = {"WATCH", PREFIX_BITS_MIN, put_watch, take_watch},
    [IDN_REQUEST_JOB] = {"JOB", PREFIX_BITS_MIN, put_get_job, take_nothing},
    [IDN_REQUEST_JOBS] = {"JOBS", 0, put_jobs, take_jobs},
    [IDN_REQUEST_WORKERS] = {"WORKERS", 0, put_workers, take_workers},
    [IDN_REQUEST_MODELS] = {"MODELS", 0, put_models, take_models},
    [IDN_REQUEST_DATASETS] = {"DATASETS", 0, put_datasets, take_datasets},
    [IDN_REQUEST_STATUS] = {"STATUS", 0, put_status, take_nothing},
    [IDN_REQUEST_RESULTS] = {"RESULTS", PREFIX_BITS_MIN, put_results, take_results},
    [IDN_REQUEST_CANCEL] = {"CANCEL", PREFIX_BITS_MIN, put_cancel, take_nothing},
    [IDN_REQUEST_FORGET] = {"FORGET", PREFIX_BITS_MIN, put_forget, take_nothing},
    [IDN_REQUEST_SWITCH] = {"SWITCH", 0, put_hand_over, take_nothing},
    [IDN_REQUEST_BOOTSTRAP] = {"BOOTSTRAP", 0, put_bootstrap, take_nothing},
    [IDN_REQUEST_RETRY] = {"RETRY", PREFIX_BITS_MIN, put_retry, take_nothing},
    [IDN_REQUEST_SET] = {"SET", 0, put_set, take_set}, // some name a job
    [IDN_REQUEST_ASSIGNMENT] = {"ASSIGNMENT", 0, put_assignment, take_assignment},
    [IDN_REQUEST_WHY] = {"WHY", PREFIX_BITS_MIN, put_why, take_nothing},
    [IDN_REQUEST_RATES] = {"RATES", 0, put_rates, take_rates},
    [IDN_REQUEST_TIMES] = {"TIMES", 0, put_times, take_times},
};
enum { TYPES = sizeof(types) / sizeof(*types) - 1 };

struct idn_bytes idn_encode_request(struct idn_codec *codec, const struct idn_request *message)
{
    struct idn_arena *arena = &codec->encoded;
    Idunno__Request envelope = IDUNNO__REQUEST__INIT;

    IDN_ASSERT(message->type >= 1 && message->type <= TYPES);
    idn_arena_reset(arena, IDN_ARENA_BYTES);
    envelope.id = message->id;
    envelope.unheard_ms = message->unheard_ms;
    if (types[message->type].job_bits_min > 0)
        put_job_name(arena, message, &envelope);
    types[message->type].put(arena, message, &envelope);
    envelope.body_case = (Idunno__Request__BodyCase)(IDN_BODY_BASE + message->type);
    return idn_codec_pack(codec, &envelope.base, IDN_CLIENT_MESSAGE_BYTES_MAX);
}

int idn_decode_request(struct idn_codec *codec, const void *data, size_t size,
    struct idn_request *ret, uint64_t *ret_id, struct idn_reason *reason)
{
    struct idn_check check = {.message = "request", .reason = reason};
    struct idn_request *message = &codec->scratch.request;
    const Idunno__Request *envelope = idn_codec_unpack(
        codec, &idunno__request__descriptor, data, size, IDN_CLIENT_MESSAGE_BYTES_MAX, &check);
    int result;

    if (ret_id != NULL)
        *ret_id = envelope != NULL ? envelope->id : idn_codec_peek(data, size);
    if (envelope == NULL)
        return IDN_DECODE_MALFORMED;
    memset(message, 0, sizeof(*message));
    message->id = envelope->id;
    message->unheard_ms = envelope->unheard_ms;
    message->type = idn_codec_body(
        &envelope->base, envelope->body_case, envelope->hello, TYPES, &check, &result);
    if (message->type == 0)
        return result;
    check.message = types[message->type].name;
    if (types[message->type].job_bits_min > 0)
        take_job_name(&check, envelope->job, types[message->type].job_bits_min, &message->job);
    types[message->type].take(&check, envelope, message);
    if (check.failed)
        return IDN_DECODE_MALFORMED;
    *ret = *message;
    return 0;
}
