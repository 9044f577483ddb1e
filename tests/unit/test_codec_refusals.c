// What the codec refuses, and the sentence it says: every field that can be wrong is made wrong in
// a message that is otherwise right.
#include "proto/codec_internal.h"
#include "tests/lib/check.h"
#include "tests/unit/codec_samples.h"

#include <math.h>
#include <stdlib.h>

static struct idn_codec *codec, *workshop; // decodes; holds the message that is being spoiled
static struct idn_reason reason;
static uint8_t spoilt[4 * IDN_WORKER_MESSAGE_BYTES_MAX];

static struct idn_bytes pack(const ProtobufCMessage *message)
{
    return (struct idn_bytes){.data = spoilt, .size = protobuf_c_message_pack(message, spoilt)};
}

static void *unpack(const ProtobufCMessageDescriptor *type, struct idn_bytes bytes)
{
    struct idn_check check = {.message = "sample"};
    void *message = idn_codec_unpack(
        workshop, type, bytes.data, bytes.size, IDN_WORKER_MESSAGE_BYTES_MAX, &check);

    CHECK(message != NULL);
    return message;
}

// ---- one function an envelope: the bytes are refused with such a sentence, *ret is left alone

static void refuse_request(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_request out = {.type = 77};
    uint64_t id = 0;

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_request(codec, bytes.data, bytes.size, &out, &id, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

static void refuse_reply(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_reply out = {.type = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_reply(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

static void refuse_worker(struct idn_bytes bytes, int result, const char *part)
{
    static struct idn_worker_message out;

    out.type = 77;
    reason.text[0] = '\0';
    CHECK_INT(idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

static void refuse_order(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_order out = {.type = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_order(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

static void refuse_worker_beat(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_worker_beat out = {.nonce = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_worker_beat(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.nonce, 77);
}

static void refuse_broker_beat(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_broker_beat out = {.sequence = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_broker_beat(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.sequence, 77);
}

static void refuse_fact(uint32_t kind, struct idn_bytes bytes, int result, const char *part)
{
    struct idn_fact out = {.kind = kind, .u.lifted.generation = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_fact_body(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.u.lifted.generation, 77);
}

// A sample as protobuf's struct `m`, spoilt by a statement, then refused as malformed.
#define REQUEST(type, spoil, part)                                                                 \
    do {                                                                                           \
        Idunno__Request *m =                                                                       \
            unpack(&idunno__request__descriptor, idn_encode_request(codec, sample_request(type))); \
        spoil;                                                                                     \
        refuse_request(pack(&m->base), IDN_DECODE_MALFORMED, part);                                \
    } while (0)
#define REPLY(type, spoil, part)                                                             \
    do {                                                                                     \
        Idunno__Reply *m =                                                                   \
            unpack(&idunno__reply__descriptor, idn_encode_reply(codec, sample_reply(type))); \
        spoil;                                                                               \
        refuse_reply(pack(&m->base), IDN_DECODE_MALFORMED, part);                            \
    } while (0)
#define WORKER(type, spoil, part)                                                                \
    do {                                                                                         \
        Idunno__WorkerMessage *m = unpack(                                                       \
            &idunno__worker_message__descriptor, idn_encode_worker(codec, sample_worker(type))); \
        spoil;                                                                                   \
        refuse_worker(pack(&m->base), IDN_DECODE_MALFORMED, part);                               \
    } while (0)
#define ORDER(type, spoil, part)                                                             \
    do {                                                                                     \
        Idunno__Order *m =                                                                   \
            unpack(&idunno__order__descriptor, idn_encode_order(codec, sample_order(type))); \
        spoil;                                                                               \
        refuse_order(pack(&m->base), IDN_DECODE_MALFORMED, part);                            \
    } while (0)
#define WORKER_BEAT(spoil, part)                                         \
    do {                                                                 \
        Idunno__WorkerBeat *m = unpack(&idunno__worker_beat__descriptor, \
            idn_encode_worker_beat(codec, sample_worker_beat()));        \
        spoil;                                                           \
        refuse_worker_beat(pack(&m->base), IDN_DECODE_MALFORMED, part);  \
    } while (0)
#define BROKER_BEAT(spoil, part)                                         \
    do {                                                                 \
        Idunno__BrokerBeat *m = unpack(&idunno__broker_beat__descriptor, \
            idn_encode_broker_beat(codec, sample_broker_beat()));        \
        spoil;                                                           \
        refuse_broker_beat(pack(&m->base), IDN_DECODE_MALFORMED, part);  \
    } while (0)

static struct idn_bytes bytes_of(const void *data, size_t size)
{
    return (struct idn_bytes){.data = data, .size = size};
}

// ---- envelopes

static void test_no_message_at_all(void)
{
    static const uint8_t zeros[IDN_WORKER_MESSAGE_BYTES_MAX + 1];

    refuse_request(bytes_of(NULL, 0), IDN_DECODE_MALFORMED, "request: body is missing");
    refuse_reply(bytes_of(NULL, 0), IDN_DECODE_MALFORMED, "reply: body is missing");
    refuse_worker(bytes_of(NULL, 0), IDN_DECODE_MALFORMED, "worker message: body is missing");
    refuse_order(bytes_of(NULL, 0), IDN_DECODE_MALFORMED, "order: body is missing");
    refuse_request(bytes_of("\xff\xff\xff", 3), IDN_DECODE_MALFORMED, "are no such message");
    refuse_request(bytes_of(zeros, IDN_CLIENT_MESSAGE_BYTES_MAX + 1), IDN_DECODE_MALFORMED,
        "size in bytes is 65537, must be 0 to 65536");
    refuse_reply(bytes_of(zeros, IDN_CLIENT_MESSAGE_BYTES_MAX + 1), IDN_DECODE_MALFORMED, "65536");
    refuse_worker(bytes_of(zeros, sizeof(zeros)), IDN_DECODE_MALFORMED, "1048576");
    refuse_order(bytes_of(zeros, sizeof(zeros)), IDN_DECODE_MALFORMED, "1048576");
    refuse_worker_beat(bytes_of(zeros, IDN_BEAT_BYTES_MAX + 1), IDN_DECODE_MALFORMED, "4096");
    refuse_broker_beat(bytes_of(zeros, IDN_BEAT_BYTES_MAX + 1), IDN_DECODE_MALFORMED, "4096");
}

// Field 199, empty: what a later version may send.
static void test_later_types_are_unsupported(void)
{
    static const uint8_t later[] = {0x09, 5, 0, 0, 0, 0, 0, 0, 0, 0xba, 0x0c, 0};
    struct idn_bytes bytes = bytes_of(later, sizeof(later));
    struct idn_request out;
    uint64_t id = 0;

    refuse_request(bytes, IDN_DECODE_UNSUPPORTED, "type is unknown to this version");
    refuse_reply(bytes, IDN_DECODE_UNSUPPORTED, "type is unknown");
    refuse_worker(bytes, IDN_DECODE_UNSUPPORTED, "type is unknown");
    refuse_order(bytes_of(later + 9, 3), IDN_DECODE_UNSUPPORTED, "type is unknown");
    (void)idn_decode_request(codec, later, sizeof(later), &out, &id, NULL);
    CHECK_INT(id, 5);
}

// A header field of a later version (field 15) does not make a type.
static void test_unknown_header_fields_are_ignored(void)
{
    static const uint8_t header[] = {0x7a, 1, 'x'};
    uint8_t bytes[256];
    struct idn_request out;
    struct idn_bytes known = idn_encode_request(codec, sample_request(IDN_REQUEST_CANCEL));

    refuse_request(bytes_of(header, sizeof(header)), IDN_DECODE_MALFORMED, "body is missing");
    memcpy(bytes, known.data, known.size);
    memcpy(bytes + known.size, header, sizeof(header));
    CHECK_INT(
        idn_decode_request(codec, bytes, known.size + sizeof(header), &out, NULL, &reason), 0);
    CHECK_INT(out.type, IDN_REQUEST_CANCEL);
}

static void test_id_is_told_whatever_is_wrong(void)
{
    static const uint8_t broken[] = {0x09, 1, 2, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct idn_request out;
    uint64_t id = 0;

    CHECK_INT(
        idn_decode_request(codec, broken, sizeof(broken), &out, &id, NULL), IDN_DECODE_MALFORMED);
    CHECK_INT(id, 0x0201);
    CHECK_INT(idn_decode_request(codec, broken, 8, &out, &id, NULL), IDN_DECODE_MALFORMED);
    CHECK_INT(id, 0);
    struct idn_request *sample = sample_request(IDN_REQUEST_SUBMIT);
    sample->u.submit.weight = 0;
    struct idn_bytes bytes = idn_encode_request(codec, sample);
    CHECK_INT(
        idn_decode_request(codec, bytes.data, bytes.size, &out, &id, NULL), IDN_DECODE_MALFORMED);
    CHECK(id == sample->id);
}

static void test_nonce_is_told_whatever_is_wrong(void)
{
    static const uint8_t broken[] = {0x09, 1, 2, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static struct idn_worker_message out;
    uint64_t nonce = 0;

    CHECK_INT(
        idn_decode_worker(codec, broken, sizeof(broken), &out, &nonce, NULL), IDN_DECODE_MALFORMED);
    CHECK_INT(nonce, 0x0201);
    CHECK_INT(idn_decode_worker(codec, broken, 8, &out, &nonce, NULL), IDN_DECODE_MALFORMED);
    CHECK_INT(nonce, 0);
    struct idn_worker_message *sample = sample_worker(IDN_WORKER_REPORT);
    sample->u.report.number = 0;
    struct idn_bytes bytes = idn_encode_worker(codec, sample);
    CHECK_INT(
        idn_decode_worker(codec, bytes.data, bytes.size, &out, &nonce, NULL), IDN_DECODE_MALFORMED);
    CHECK(nonce == sample->nonce);
}

// ---- requests

static char too_long[IDN_TEXT_SIZE + 1], long_name[IDN_NAME_SIZE + 1];
static char empty[] = "", spaced[] = "two words", quoted[] = "it's", control[] = "a\nb",
            del[] = "\x7f";

static void test_specs(void)
{
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec = NULL, "SUBMIT: spec is missing");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->model = empty, "SUBMIT: model is not 1 to 63");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->model = spaced, "model is not");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->model = long_name, "model is not");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->dataset = quoted, "dataset is not");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->client = empty, "client is not");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->client = control, "client is not");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->model_digest.len = 31,
        "bytes of model_digest is 31, must be 32 to 32");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->list_digest.len = 0, "bytes of list_digest is 0");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->weight = 0, "weight is 0, must be 1 to 1000");
    REQUEST(IDN_REQUEST_SUBMIT, m->submit->spec->weight = 1001, "weight is 1001");
}

static void test_names_of_jobs(void)
{
    REQUEST(IDN_REQUEST_SUBMIT, m->job = NULL, "SUBMIT: job is missing");
    REQUEST(IDN_REQUEST_SUBMIT, m->job->bits = 127, "bits of job is 127, must be 128 to 128");
    REQUEST(IDN_REQUEST_UPLOAD, m->job->bits = 40, "bits of job is 40");
    REQUEST(IDN_REQUEST_CANCEL, m->job = NULL, "CANCEL: job is missing");
    REQUEST(IDN_REQUEST_JOB, m->job->bits = 39, "bits of job is 39, must be 40 to 128");
    REQUEST(IDN_REQUEST_WATCH, m->job->bits = 129, "bits of job is 129");
    REQUEST(IDN_REQUEST_RETRY, m->job = NULL, "RETRY: job is missing");
    REQUEST(IDN_REQUEST_SET, m->job->bits = 39, "bits of job is 39, must be 40 to 128");
    REQUEST(IDN_REQUEST_FORGET, m->job->bits = 120, "job has bits beyond its length");
    REQUEST(IDN_REQUEST_RESULTS, m->job->key.len = 15, "bytes of job is 15, must be 16 to 16");
    REQUEST(IDN_REQUEST_RESULTS, m->job->key.len = 0, "bytes of job is 0");
}

static void test_requests(void)
{
    REQUEST(IDN_REQUEST_UPLOAD, m->upload->total = m->upload->offset, "bytes end after the total");
    REQUEST(IDN_REQUEST_UPLOAD, m->upload->offset = UINT64_MAX - 5, "bytes end after the total");
    REQUEST(IDN_REQUEST_UPLOAD, m->upload->total = 0, "bytes end after the total");
    REQUEST(IDN_REQUEST_UPLOAD,
        m->upload->bytes = idn_put_bytes(&codec->encoded, spoilt, IDN_LIST_PART_BYTES + 1),
        "UPLOAD: bytes is 32769, must be 0 to 32768");
    REQUEST(IDN_REQUEST_WATCH, m->watch->wait_ms = 30001, "wait_ms is 30001, must be 0 to 30000");
    REQUEST(IDN_REQUEST_SET, m->set->key = empty, "SET: key is not 1 to 71 printable");
    REQUEST(IDN_REQUEST_SET, m->set->key = spaced, "key is not");
    REQUEST(IDN_REQUEST_SET, m->set->key = too_long, "key is not");
    REQUEST(IDN_REQUEST_SET, m->set->value = control, "SET: value has a control character");
    REQUEST(IDN_REQUEST_SET, m->set->value = long_name, "value is too long");
    REQUEST(IDN_REQUEST_RESULTS, m->results->most = 0, "most is 0, must be 1 to 1000");
    REQUEST(IDN_REQUEST_RESULTS, m->results->most = 1001, "most is 1001");
    REQUEST(IDN_REQUEST_RESULTS, m->results->filter = (Idunno__Request__Filter)4,
        "filter is 4, must be 0 to 3");
    REQUEST(IDN_REQUEST_RESULTS, m->results->filter = (Idunno__Request__Filter)-1, "filter is 42");
}

// ---- replies

static void test_small_replies(void)
{
    REPLY(IDN_REPLY_WELCOME, m->welcome->broker = empty, "WELCOME: broker is not");
    REPLY(IDN_REPLY_WELCOME, m->welcome->role = (Idunno__Role)0, "role is 0, must be 1 to 4");
    REPLY(IDN_REPLY_WELCOME, m->welcome->role = (Idunno__Role)5, "role is 5");
    REPLY(IDN_REPLY_WELCOME, m->welcome->epoch->broker = 'c', "epoch's broker is neither a nor b");
    REPLY(IDN_REPLY_REFUSED, m->refused->code = (Idunno__Refusal)0, "code is 0");
    REPLY(IDN_REPLY_REFUSED, m->refused->code = (Idunno__Refusal)IDN_REFUSED_COUNT, "code is 30");
    REPLY(IDN_REPLY_REFUSED, m->refused->text = control, "text has a control character");
    REPLY(IDN_REPLY_REFUSED, m->refused->text = del, "text has a control character");
    REPLY(IDN_REPLY_REFUSED, m->refused->text = too_long, "text is too long");
    REPLY(IDN_REPLY_ACCEPTED, m->accepted->job.len = 8, "bytes of job is 8");
    REPLY(IDN_REPLY_ACCEPTED, m->accepted->durable = 3, "durable is 3, must be 0 to 2");
    REPLY(IDN_REPLY_STATUS, m->status->broker = spaced, "STATUS: broker is not");
    REPLY(IDN_REPLY_STATUS, m->status->version = spaced, "version is not");
    REPLY(IDN_REPLY_STATUS, m->status->policy = spaced, "policy is not");
    REPLY(IDN_REPLY_STATUS, m->status->role = (Idunno__Role)5, "role is 5");
    REPLY(IDN_REPLY_STATUS, m->status->epoch->broker = 1, "epoch's broker");
    REPLY(IDN_REPLY_STATUS, m->status->images_per_s = -1, "images_per_s is not a rate");
    REPLY(IDN_REPLY_STATUS, m->status->peer->broker = spaced, "STATUS: peer's name is not");
    REPLY(IDN_REPLY_STATUS, m->status->peer->role = (Idunno__Role)5, "peer's role is 5");
    REPLY(IDN_REPLY_STATUS, m->status->peer->epoch->broker = 2, "epoch's broker");
}

static void test_infos(void)
{
    REPLY(IDN_REPLY_JOB, m->job->key.len = 1, "JOB: bytes of key is 1");
    REPLY(IDN_REPLY_JOB, m->job->spec = NULL, "spec is missing");
    REPLY(IDN_REPLY_JOB, m->job->state = (Idunno__JobState)0, "state is 0, must be 1 to 3");
    REPLY(IDN_REPLY_JOB, m->job->state = (Idunno__JobState)4, "state is 4");
    REPLY(IDN_REPLY_JOB, m->job->images_per_s = (double)NAN, "images_per_s is not a rate");
    REPLY(IDN_REPLY_JOB, m->job->why = control, "why has a control character");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[3]->name = empty, "WORKERS: name is not");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[15]->state = (Idunno__WorkerState)9, "state is 9");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[0]->class_name = control,
        "class_name has a control character");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[0]->job.len = 17, "bytes of job");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[0]->leases = 3, "leases is 3, must be 0 to 2");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[0]->images_per_s = (double)INFINITY, "not a rate");
    REPLY(IDN_REPLY_WORKERS, m->workers->item[0]->note = too_long, "note is too long");
    REPLY(IDN_REPLY_MODELS, m->models->item[0]->name = empty, "MODELS: name is not");
    REPLY(IDN_REPLY_MODELS, m->models->item[0]->digest.len = 33, "bytes of digest");
    REPLY(IDN_REPLY_DATASETS, m->datasets->item[0]->path = control, "DATASETS: path has a control");
    REPLY(IDN_REPLY_DATASETS, m->datasets->item[0]->problem = too_long, "problem is too long");
}

// One item more than a page may have: the first one once more.
static void test_pages_have_an_end(void)
{
    static void *item[IDN_PAGE_JOBS_MAX + 1];

    REPLY(IDN_REPLY_JOBS, for (int i = 0; i <= IDN_PAGE_JOBS_MAX; i++) item[i] = m->jobs->item[0];
          m->jobs->item = (void *)item;
          m->jobs->n_item = IDN_PAGE_JOBS_MAX + 1, "JOBS: items is 33, must be 0 to 32");
    REPLY(IDN_REPLY_WORKERS,
          for (int i = 0; i <= IDN_PAGE_WORKERS_MAX; i++) item[i] = m->workers->item[0];
          m->workers->item = (void *)item;
          m->workers->n_item = IDN_PAGE_WORKERS_MAX + 1, "WORKERS: items is 17, must be 0 to 16");
    REPLY(IDN_REPLY_MODELS,
          for (int i = 0; i <= IDN_PAGE_WORKERS_MAX; i++) item[i] = m->models->item[0];
          m->models->item = (void *)item;
          m->models->n_item = IDN_PAGE_WORKERS_MAX + 1, "MODELS: items is 17, must be 0 to 16");
}

static void test_rows(void)
{
    REPLY(IDN_REPLY_RESULTS, m->results->job.len = 0, "RESULTS: bytes of job is 0");
    REPLY(IDN_REPLY_RESULTS, m->results->rows.len -= 1, "rows are not whole rows of 48 bytes");
    REPLY(IDN_REPLY_RESULTS, m->results->rows.data[4] = IDN_STATUS_COUNT, "hold one that is no");
    REPLY(IDN_REPLY_RESULTS, m->results->rows.data[m->results->rows.len - 1] = 0xff, "no result");
    REPLY(IDN_REPLY_RESULTS,
          m->results->rows = idn_put_bytes(&codec->encoded, sample_rows(IDN_PAGE_ROWS_MAX),
              (size_t)IDN_PAGE_ROWS_MAX * IDN_ROW_BYTES);
          m->results->rows.len = (size_t)(IDN_PAGE_ROWS_MAX + 1) * IDN_ROW_BYTES,
          "rows is 1001, must be 0 to 1000");
    WORKER(IDN_WORKER_REPORT, m->report->rows.len -= 47, "rows are not whole");
    WORKER(IDN_WORKER_REPORT, m->report->rows.data[5] = 1, "rows hold one that is no result");
    WORKER(IDN_WORKER_REPORT,
        m->report->rows = idn_put_bytes(&codec->encoded, sample_rows(IDN_REPORT_ROWS_MAX + 1),
            (size_t)(IDN_REPORT_ROWS_MAX + 1) * IDN_ROW_BYTES),
        "REPORT: rows is 513, must be 0 to 512");
}

// ---- workers

static void test_hellos(void)
{
    static Idunno__WorkerMessage__Holding *holding[IDN_DATASETS_MAX + 1];
    static Idunno__WorkerMessage__HeldLease *lease[IDN_WORKER_LEASES_MAX + 1];

    WORKER(IDN_WORKER_HELLO, m->hello->name = empty, "HELLO: name is not 1 to 63");
    WORKER(IDN_WORKER_HELLO, m->hello->class_name = empty, "class_name is missing");
    WORKER(IDN_WORKER_HELLO, m->hello->class_name = too_long, "class_name is too long");
    WORKER(IDN_WORKER_HELLO, m->hello->model[63]->name = spaced, "model is not");
    WORKER(IDN_WORKER_HELLO, m->hello->dataset[255]->name = spaced, "dataset is not");
    WORKER(IDN_WORKER_HELLO, m->hello->dataset[9]->digest.len = 16, "bytes of digest is 16");
    WORKER(IDN_WORKER_HELLO,
           for (int i = 0; i <= IDN_DATASETS_MAX; i++) holding[i] = m->hello->dataset[0];
           m->hello->dataset = holding;
           m->hello->n_dataset = IDN_DATASETS_MAX + 1, "dataset is 257, must be 0 to 256");
    WORKER(IDN_WORKER_HELLO, m->hello->model = holding; m->hello->n_model = IDN_MODELS_MAX + 1;
           for (int i = 0; i <= IDN_MODELS_MAX; i++) holding[i] = m->hello->dataset[0],
           "model is 65, must be 0 to 64");
    WORKER(IDN_WORKER_HELLO,
           for (int i = 0; i <= IDN_WORKER_LEASES_MAX; i++) lease[i] = m->hello->lease[0];
           m->hello->lease = lease;
           m->hello->n_lease = IDN_WORKER_LEASES_MAX + 1, "leases is 3, must be 0 to 2");
    WORKER(IDN_WORKER_HELLO, m->hello->lease[1]->id = NULL, "lease is missing");
    WORKER(IDN_WORKER_HELLO, m->hello->lease[1]->job.len = 0, "bytes of job is 0");
    WORKER(IDN_WORKER_HELLO, m->hello->lease[0]->count = 0, "images of a lease is 0");
    WORKER(IDN_WORKER_HELLO, m->hello->lease[0]->first = UINT32_MAX, "first image is 4294967295");
    WORKER(IDN_WORKER_HELLO, m->hello->lease[0]->done = m->hello->lease[0]->count + 1, "done is");
}

static void test_reports(void)
{
    static uint32_t image[IDN_CHILD_IMAGES_MAX + 1];

    WORKER(IDN_WORKER_REPORT, m->report->number = 0, "REPORT: number is 0");
    WORKER(IDN_WORKER_REPORT, m->report->lease = NULL, "lease is missing");
    WORKER(IDN_WORKER_REPORT, m->report->lease->serial = 0, "lease is missing");
    WORKER(IDN_WORKER_REPORT, m->report->lease->epoch->broker = 'A', "epoch's broker");
    WORKER(IDN_WORKER_REPORT, m->report->job.len = 20, "bytes of job is 20");
    WORKER(IDN_WORKER_REPORT, m->report->end = (Idunno__WorkerMessage__End)4,
        "end is 4, must be 0 to 3");
    WORKER(IDN_WORKER_REPORT, m->report->death = (Idunno__Death)IDN_DEATH_COUNT, "death is 4");
    WORKER(IDN_WORKER_REPORT, m->report->in_child = image;
           m->report->n_in_child = IDN_CHILD_IMAGES_MAX + 1,
           "images in the child is 65, must be 0 to 64");
    WORKER(IDN_WORKER_REPORT, m->report->text = control, "text has a control character");
    WORKER(IDN_WORKER_TRIMMED, m->trimmed->lease = NULL, "TRIMMED: lease is missing");
    WORKER(IDN_WORKER_STALE, m->stale->obeyed->broker = 'c', "STALE: epoch's broker");
    WORKER(IDN_WORKER_LIST_GET, m->list_get->job.len = 15, "LIST_GET: bytes of job is 15");
}

// ---- orders

static void test_orders(void)
{
    ORDER(IDN_ORDER_ACK, m->epoch->broker = 'x', "epoch's broker is neither a nor b");
    ORDER(IDN_ORDER_WELCOME, m->welcome->beat_ms = 0, "beat_ms is 0, must be 1 to 10000");
    ORDER(IDN_ORDER_WELCOME, m->welcome->beat_ms = 10001, "beat_ms is 10001");
    ORDER(IDN_ORDER_REFUSED, m->refused->code = (Idunno__Refusal)IDN_REFUSED_COUNT, "code is 30");
    ORDER(IDN_ORDER_REFUSED, m->refused->text = too_long, "text is too long");
    ORDER(IDN_ORDER_TRIM, m->trim->id = NULL, "TRIM: lease is missing");
    ORDER(IDN_ORDER_LIST_PART, m->list_part->total = 1, "LIST_PART: bytes end after the total");
    ORDER(IDN_ORDER_LIST_PART, m->list_part->job.len = 1, "bytes of job is 1");
}

static void test_leases(void)
{
    ORDER(IDN_ORDER_LEASE, m->lease->id = NULL, "LEASE: lease is missing");
    ORDER(IDN_ORDER_LEASE, m->lease->job.len = 17, "bytes of job is 17");
    ORDER(IDN_ORDER_LEASE, m->lease->model = empty, "model is not");
    ORDER(IDN_ORDER_LEASE, m->lease->dataset = spaced, "dataset is not");
    ORDER(IDN_ORDER_LEASE, m->lease->model_digest.len = 0, "bytes of model_digest is 0");
    ORDER(IDN_ORDER_LEASE, m->lease->list_digest.len = 16, "bytes of list_digest is 16");
    ORDER(IDN_ORDER_LEASE, m->lease->count = 0, "images of a lease is 0, must be 1 to 10000");
    ORDER(IDN_ORDER_LEASE, m->lease->count = IDN_BATCH_MAX + 1, "images of a lease is 10001");
    ORDER(IDN_ORDER_LEASE, m->lease->first = UINT32_MAX - 1, "first image is 4294967294");
    ORDER(IDN_ORDER_LEASE, m->lease->first_slice = 0, "first_slice is 0");
}

// ---- beats

static void test_beats(void)
{
    static uint32_t image[IDN_CHILD_IMAGES_MAX + 1];

    WORKER_BEAT(m->name = empty, "worker beat: name is not");
    WORKER_BEAT(m->obeyed->broker = 'c', "epoch's broker");
    WORKER_BEAT(m->lease->epoch->broker = 'c', "epoch's broker");
    WORKER_BEAT(m->in_child = image; m->n_in_child = IDN_CHILD_IMAGES_MAX + 1, "images in the");
    BROKER_BEAT(m->name = spaced, "broker beat: name is not");
    BROKER_BEAT(m->epoch->broker = 'c', "epoch's broker");
    BROKER_BEAT(m->role = (Idunno__Role)0, "role is 0");
    BROKER_BEAT(m->beat_ms = 0, "beat_ms is 0");
}

// Without any of its parts a beat still decodes to nothing: idle, obeying nobody.
static void test_absent_parts_are_none(void)
{
    struct idn_worker_beat out;
    Idunno__WorkerBeat *m = unpack(
        &idunno__worker_beat__descriptor, idn_encode_worker_beat(codec, sample_worker_beat()));

    m->obeyed = NULL;
    m->lease = NULL;
    struct idn_bytes bytes = pack(&m->base);
    CHECK_INT(idn_decode_worker_beat(codec, bytes.data, bytes.size, &out, &reason), 0);
    CHECK_INT(out.obeyed.counter, 0);
    CHECK_INT(out.lease.serial, 0);
}

// ---- facts

static struct idn_bytes fact(uint32_t kind)
{
    struct idn_bytes bytes = idn_encode_fact_body(codec, sample_fact(kind));

    memcpy(spoilt, bytes.data, bytes.size);
    return bytes_of(spoilt, bytes.size);
}

static void test_facts_are_framed(void)
{
    struct idn_bytes bytes = fact(IDN_FACT_LIFTED);

    refuse_fact(0, bytes, IDN_DECODE_UNSUPPORTED, "fact: kind is unknown to this version");
    refuse_fact(IDN_FACT_LIST_PART + 1, bytes, IDN_DECODE_UNSUPPORTED, "kind is unknown");
    refuse_fact(
        IDN_FACT_LIFTED, bytes_of(spoilt, 3), IDN_DECODE_MALFORMED, "LIFTED: size in bytes");
    refuse_fact(IDN_FACT_LIFTED, bytes_of(spoilt, bytes.size - 1), IDN_DECODE_MALFORMED,
        "size of the head");
    refuse_fact(IDN_FACT_LIFTED, bytes_of(spoilt, bytes.size + 1), IDN_DECODE_MALFORMED,
        "bytes follow its head");
    spoilt[3] = 0x80;
    refuse_fact(IDN_FACT_LIFTED, bytes, IDN_DECODE_MALFORMED, "size of the head");
    bytes = fact(IDN_FACT_REIGN);
    refuse_fact(IDN_FACT_REIGN, bytes_of(spoilt, bytes.size + 1), IDN_DECODE_MALFORMED,
        "REIGN: bytes follow its head");
    bytes = fact(IDN_FACT_LIFTED);
    spoilt[4] = 0xff;
    refuse_fact(IDN_FACT_LIFTED, bytes, IDN_DECODE_MALFORMED, "are no such message");
}

static void refuse_spoilt_fact(const struct idn_fact *sample, const char *part)
{
    refuse_fact(sample->kind, idn_encode_fact_body(codec, sample), IDN_DECODE_MALFORMED, part);
}

static void test_facts_are_checked(void)
{
    struct idn_fact *sample = sample_fact(IDN_FACT_ACCEPTED);
    static uint8_t row[IDN_ROW_BYTES] = {[4] = IDN_STATUS_COUNT};

    sample->u.accepted.weight = 0;
    refuse_spoilt_fact(sample, "ACCEPTED: weight is 0");
    sample = sample_fact(IDN_FACT_RESULTS);
    sample->u.results.rows = row;
    sample->u.results.count = 1;
    refuse_spoilt_fact(sample, "RESULTS: rows hold one that is no result");
    sample = sample_fact(IDN_FACT_RESULTS);
    (void)strcpy(sample->u.results.worker, "two words");
    refuse_spoilt_fact(sample, "worker is not");
    sample = sample_fact(IDN_FACT_QUARANTINED);
    sample->u.quarantined.reason = IDN_DEATH_COUNT;
    refuse_spoilt_fact(sample, "QUARANTINED: reason is 4");
    sample = sample_fact(IDN_FACT_QUARANTINED);
    (void)strcpy(sample->u.quarantined.worker, "\xff");
    refuse_spoilt_fact(sample, "worker is not");
    sample = sample_fact(IDN_FACT_SETTING);
    sample->u.setting.key[0] = '\0';
    refuse_spoilt_fact(sample, "SETTING: key is not");
    sample = sample_fact(IDN_FACT_LIST_PART);
    sample->u.list_part.total = 1;
    refuse_spoilt_fact(sample, "LIST_PART: bytes end after the total");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_no_message_at_all),
        CHECK_TEST(test_later_types_are_unsupported),
        CHECK_TEST(test_unknown_header_fields_are_ignored),
        CHECK_TEST(test_id_is_told_whatever_is_wrong),
        CHECK_TEST(test_nonce_is_told_whatever_is_wrong),
        CHECK_TEST(test_specs),
        CHECK_TEST(test_names_of_jobs),
        CHECK_TEST(test_requests),
        CHECK_TEST(test_small_replies),
        CHECK_TEST(test_infos),
        CHECK_TEST(test_pages_have_an_end),
        CHECK_TEST(test_rows),
        CHECK_TEST(test_hellos),
        CHECK_TEST(test_reports),
        CHECK_TEST(test_orders),
        CHECK_TEST(test_leases),
        CHECK_TEST(test_beats),
        CHECK_TEST(test_absent_parts_are_none),
        CHECK_TEST(test_facts_are_framed),
        CHECK_TEST(test_facts_are_checked),
    };

    memset(too_long, 'x', IDN_TEXT_SIZE);
    memset(long_name, 'x', IDN_NAME_SIZE);
    if (idn_codec_new(&codec) != 0 || idn_codec_new(&workshop) != 0)
        return EXIT_FAILURE;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_codec_destroy(&codec);
    idn_codec_destroy(&workshop);
    return status;
}
