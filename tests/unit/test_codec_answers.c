// What the codec refuses of the answers about who works on what and how fast, and the sentence it
// says: every field that can be wrong is made wrong in a reply that is otherwise right.
#include "proto/codec_internal.h"
#include "tests/lib/check.h"
#include "tests/unit/codec_samples.h"

#include <math.h>
#include <stdlib.h>

static struct idn_codec *codec, *workshop; // decodes; holds the reply that is being spoiled
static char empty[] = "", spaced[] = "a b", control[] = "a\tb";
static char too_long[IDN_TEXT_SIZE + 1];

static Idunno__Reply *sample(uint32_t type)
{
    struct idn_check check = {.message = "sample"};
    struct idn_bytes bytes = idn_encode_reply(codec, sample_reply(type));
    Idunno__Reply *reply = idn_codec_unpack(workshop, &idunno__reply__descriptor, bytes.data,
        bytes.size, IDN_CLIENT_MESSAGE_BYTES_MAX, &check);

    CHECK(reply != NULL);
    return reply;
}

static void refuse(const Idunno__Reply *reply, const char *part)
{
    static uint8_t spoilt[2 * IDN_CLIENT_MESSAGE_BYTES_MAX];
    struct idn_reply out = {.type = 77};
    struct idn_reason reason = {.text = ""};
    size_t size = protobuf_c_message_pack(&reply->base, spoilt);

    CHECK_INT(idn_decode_reply(codec, spoilt, size, &out, &reason), IDN_DECODE_MALFORMED);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

// A sample as protobuf's struct `m`, spoilt by a statement, then refused as malformed.
#define REPLY(type, spoil, part)         \
    do {                                 \
        Idunno__Reply *m = sample(type); \
        spoil;                           \
        refuse(m, part);                 \
    } while (0)

// ---- ASSIGNMENT

static void test_assignments(void)
{
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[15]->name = spaced, "ASSIGNMENT: name is not");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[3]->state = (Idunno__WorkerState)8,
        "state is 8, must be 1 to 7");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->in_child = IDN_CHILD_IMAGES_MAX + 1,
        "in_child is 65, must be 0 to 64");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->note = control, "note has a control");
}

static void test_leases_of_assignments(void)
{
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[1]->job.len = 15, "bytes of job is");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[0]->model = empty, "model is not");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[0]->count = IDN_BATCH_MAX + 1,
        "images of a lease is 10001");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[0]->count = 0,
        "images of a lease is 0, must be 1 to 10000");
    REPLY(
        IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[0]->first = UINT32_MAX, "first image");
    REPLY(IDN_REPLY_ASSIGNMENT, m->assignment->item[0]->lease[0]->done = IDN_BATCH_MAX + 1,
        "done is 10001, must be 0 to 10000");
}

// One more than there may be: the first one once more.
static void test_no_more_than_there_may_be(void)
{
    static void *item[IDN_WHY_COUNT + 1];

    REPLY(IDN_REPLY_ASSIGNMENT,
          for (int i = 0; i <= IDN_PAGE_WORKERS_MAX; i++) item[i] = m->assignment->item[0];
          m->assignment->item = (void *)item;
          m->assignment->n_item = IDN_PAGE_WORKERS_MAX + 1, "items is 17, must be 0 to 16");
    REPLY(IDN_REPLY_ASSIGNMENT,
          for (int i = 0; i < 3; i++) item[i] = m->assignment->item[0]->lease[0];
          m->assignment->item[0]->lease = (void *)item;
          m->assignment->item[0]->n_lease = 3, "leases is 3, must be 0 to 2");
    REPLY(IDN_REPLY_WHY, for (int i = 0; i <= IDN_WHY_COUNT; i++) item[i] = m->why->fact[0];
          m->why->fact = (void *)item; m->why->n_fact = IDN_WHY_COUNT + 1, "facts is 34");
    REPLY(IDN_REPLY_WHY, for (int i = 0; i <= IDN_WHY_JOBS_MAX; i++) item[i] = m->why->share[0];
          m->why->share = (void *)item;
          m->why->n_share = IDN_WHY_JOBS_MAX + 1, "shares is 17, must be 0 to 16");
    REPLY(IDN_REPLY_WHY,
          for (int i = 0; i <= IDN_WHY_NAMES_MAX; i++) item[i] = m->why->fact[0]->worker[0];
          m->why->fact[0]->worker = (void *)item; m->why->fact[0]->n_worker = IDN_WHY_NAMES_MAX + 1,
          "workers of a fact is 9, must be 0 to 8");
}

// ---- WHY

static void test_why(void)
{
    REPLY(IDN_REPLY_WHY, m->why->job.len = 0, "WHY: bytes of job is 0");
    REPLY(IDN_REPLY_WHY, m->why->state = (Idunno__JobState)4, "state is 4, must be 0 to 3");
    REPLY(IDN_REPLY_WHY, m->why->model = spaced, "model is not");
    REPLY(IDN_REPLY_WHY, m->why->fact[0]->code = (Idunno__WhyCode)0, "code is 0, must be 1 to 32");
    REPLY(IDN_REPLY_WHY, m->why->fact[9]->code = (Idunno__WhyCode)IDN_WHY_COUNT, "code is 33");
    REPLY(IDN_REPLY_WHY, m->why->fact[1]->text = control, "text has a control character");
    REPLY(IDN_REPLY_WHY, m->why->fact[1]->text = too_long, "text is too long");
    REPLY(IDN_REPLY_WHY, m->why->fact[1]->worker[7] = empty, "worker is not");
    REPLY(IDN_REPLY_WHY, m->why->share[2]->job.len = 17, "bytes of job");
    REPLY(IDN_REPLY_WHY, m->why->share[2]->model = empty, "model is not");
    REPLY(IDN_REPLY_WHY, m->why->share[2]->weight = 0, "weight is 0, must be 1 to 1000");
    REPLY(IDN_REPLY_WHY, m->why->share[2]->share = -0.5, "share is not a rate");
    REPLY(IDN_REPLY_WHY, m->why->share[2]->images_per_s = (double)NAN, "images_per_s is not");
}

// ---- RATES, TIMES

static void test_rates(void)
{
    REPLY(IDN_REPLY_RATES, m->rates->item[0]->key.len = 1, "RATES: bytes of key is 1");
    REPLY(IDN_REPLY_RATES, m->rates->item[31]->model = empty, "model is not");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->weight = 0, "weight is 0, must be 1 to 1000");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->batch = 10001, "batch is 10001, must be 0 to 10000");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->images_per_s_10s = -1, "_10s is not a rate");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->images_per_s_60s = -1, "_60s is not a rate");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->images_per_s_change = -1, "_change is not a rate");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->images_per_s_shared = -1, "_shared is not a rate");
    REPLY(IDN_REPLY_RATES, m->rates->item[1]->wanted_share = (double)NAN, "wanted_share is not");
    REPLY(IDN_REPLY_RATES, m->rates->head->changed_by = (Idunno__Change)0, "changed_by is 0");
    REPLY(IDN_REPLY_RATES, m->rates->head->changed_by = (Idunno__Change)10, "changed_by is 10");
    REPLY(IDN_REPLY_RATES, m->rates->head->gap_60s = NULL, "gap is missing");
    REPLY(IDN_REPLY_RATES, m->rates->head->gap_10s->gap = -0.5, "gap is not a rate");
    REPLY(IDN_REPLY_RATES, m->rates->head->gap_shared->gap = 1.5, "gap is more than 1");
}

static void test_times(void)
{
    REPLY(IDN_REPLY_TIMES, m->times->item[15]->name = spaced, "TIMES: name is not");
    REPLY(IDN_REPLY_TIMES, m->times->item[0]->batch = 0, "batch is 0, must be 1 to 10000");
}

static void test_pages_of_rates_have_an_end(void)
{
    static void *item[IDN_PAGE_JOBS_MAX + 1];

    REPLY(IDN_REPLY_RATES, for (int i = 0; i <= IDN_PAGE_JOBS_MAX; i++) item[i] = m->rates->item[0];
          m->rates->item = (void *)item;
          m->rates->n_item = IDN_PAGE_JOBS_MAX + 1, "RATES: items is 33, must be 0 to 32");
    REPLY(IDN_REPLY_TIMES,
          for (int i = 0; i <= IDN_PAGE_WORKERS_MAX; i++) item[i] = m->times->item[0];
          m->times->item = (void *)item;
          m->times->n_item = IDN_PAGE_WORKERS_MAX + 1, "TIMES: items is 17, must be 0 to 16");
}

// A later page has no head, and says so.
static void test_no_head(void)
{
    static uint8_t bytes[2 * IDN_CLIENT_MESSAGE_BYTES_MAX];
    Idunno__Reply *m = sample(IDN_REPLY_RATES);
    struct idn_reply out = {.type = 77};

    m->rates->head = NULL;
    size_t size = protobuf_c_message_pack(&m->base, bytes);
    CHECK_INT(idn_decode_reply(codec, bytes, size, &out, NULL), 0);
    CHECK(!out.u.rates.head);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_assignments),
        CHECK_TEST(test_leases_of_assignments),
        CHECK_TEST(test_no_more_than_there_may_be),
        CHECK_TEST(test_why),
        CHECK_TEST(test_rates),
        CHECK_TEST(test_times),
        CHECK_TEST(test_pages_of_rates_have_an_end),
        CHECK_TEST(test_no_head),
    };

    memset(too_long, 'x', IDN_TEXT_SIZE);
    if (idn_codec_new(&codec) != 0 || idn_codec_new(&workshop) != 0)
        return EXIT_FAILURE;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_codec_destroy(&codec);
    idn_codec_destroy(&workshop);
    return status;
}
