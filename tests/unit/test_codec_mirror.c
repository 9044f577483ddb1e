// What the codec refuses of the mirror link's frames, and the sentence it says: each field that can
// be wrong is made wrong in a frame that is otherwise right.
#include "proto/codec_internal.h"
#include "tests/lib/check.h"
#include "tests/unit/codec_samples.h"

#include <stdlib.h>

static struct idn_codec *codec, *workshop; // decodes; holds the frame that is being spoiled
static struct idn_reason reason;
static uint8_t spoilt[4 * IDN_MIRROR_MESSAGE_BYTES_MAX];

static void refuse(struct idn_bytes bytes, int result, const char *part)
{
    struct idn_mirror_frame out = {.type = 77};

    reason.text[0] = '\0';
    CHECK_INT(idn_decode_mirror(codec, bytes.data, bytes.size, &out, &reason), result);
    CHECK_CONTAINS(reason.text, part);
    CHECK_INT(out.type, 77);
}

static struct idn_bytes bytes_of(const void *data, size_t size)
{
    return (struct idn_bytes){.data = data, .size = size};
}

static Idunno__Mirror *sample(uint32_t type)
{
    struct idn_check check = {.message = "sample"};
    struct idn_bytes bytes = idn_encode_mirror(codec, sample_mirror(type));
    Idunno__Mirror *message = idn_codec_unpack(workshop, &idunno__mirror__descriptor, bytes.data,
        bytes.size, IDN_MIRROR_MESSAGE_BYTES_MAX, &check);

    CHECK(message != NULL);
    return message;
}

static void refuse_packed(const Idunno__Mirror *message, const char *part)
{
    CHECK(protobuf_c_message_get_packed_size(&message->base) <= sizeof(spoilt));
    refuse(bytes_of(spoilt, protobuf_c_message_pack(&message->base, spoilt)), IDN_DECODE_MALFORMED,
        part);
}

// A sample as protobuf's struct `m`, spoilt by a statement, then refused as malformed.
#define MIRROR(type, spoil, part)         \
    do {                                  \
        Idunno__Mirror *m = sample(type); \
        spoil;                            \
        refuse_packed(m, part);           \
    } while (0)

static char empty[] = "", spaced[] = "two words";

static void test_no_frame_at_all(void)
{
    static const uint8_t zeros[IDN_MIRROR_MESSAGE_BYTES_MAX + 1];
    static const uint8_t later[] = {0x09, 5, 0, 0, 0, 0, 0, 0, 0, 0xba, 0x0c, 0}; // field 199

    refuse(bytes_of(NULL, 0), IDN_DECODE_MALFORMED, "mirror frame: body is missing");
    refuse(bytes_of("\xff\xff\xff", 3), IDN_DECODE_MALFORMED, "are no such message");
    refuse(bytes_of(zeros, sizeof(zeros)), IDN_DECODE_MALFORMED,
        "size in bytes is 1048577, must be 0 to 1048576");
    refuse(bytes_of(later, sizeof(later)), IDN_DECODE_UNSUPPORTED, "type is unknown");
}

static void test_headers(void)
{
    MIRROR(IDN_MIRROR_BEAT, m->role = IDUNNO__ROLE__ROLE_NONE, "BEAT: role is 0, must be 1 to 4");
    MIRROR(IDN_MIRROR_BEAT, m->role = (Idunno__Role)5, "role is 5");
    MIRROR(IDN_MIRROR_BEAT, m->epoch->broker = 'c', "epoch's broker is neither a nor b");
    MIRROR(IDN_MIRROR_HELLO, m->number = 1, "HELLO: number is 1, must be 0 to 0");
    MIRROR(IDN_MIRROR_GONE, m->number = 1, "GONE: number is 1");
    MIRROR(IDN_MIRROR_WELCOME, m->number = 9, "WELCOME: number is 9");
    MIRROR(IDN_MIRROR_VECTOR, m->number = 0, "VECTOR: number is 0, must be 1 to");
    MIRROR(IDN_MIRROR_FACTS, m->number = 0, "FACTS: number is 0");
    MIRROR(IDN_MIRROR_HANDOVER, m->number = 0, "HANDOVER: number is 0");
}

static void test_greetings(void)
{
    MIRROR(IDN_MIRROR_HELLO, m->hello->letter = 'c', "HELLO: letter is 99, must be 97 to 98");
    MIRROR(IDN_MIRROR_HELLO, m->hello->letter = 0, "letter is 0");
    MIRROR(IDN_MIRROR_HELLO, m->hello->broker = empty, "HELLO: broker is not 1 to 63");
    MIRROR(IDN_MIRROR_WELCOME, m->welcome->broker = spaced, "WELCOME: broker is not");
    MIRROR(IDN_MIRROR_WELCOME, m->welcome->incarnation = 0, "WELCOME: incarnation is 0");
}

static void test_vectors(void)
{
    static uint64_t number[IDN_MIRROR_VECTOR_MAX + 1];

    MIRROR(IDN_MIRROR_VECTOR, m->vector->incarnation[7] = 0, "VECTOR: incarnation is 0");
    MIRROR(IDN_MIRROR_VECTOR, m->vector->n_last--, "VECTOR: last is 4095, must be 4096 to 4096");
    MIRROR(IDN_MIRROR_VECTOR, m->vector->n_incarnation = 0, "last is 4096, must be 0 to 0");
    MIRROR(IDN_MIRROR_VECTOR, m->vector->incarnation = m->vector->last = number;
           m->vector->n_incarnation = m->vector->n_last = IDN_MIRROR_VECTOR_MAX + 1,
           "VECTOR: items is 4097, must be 0 to 4096");
}

static void test_handovers(void)
{
    MIRROR(IDN_MIRROR_HANDOVER, m->handover->epoch = NULL, "HANDOVER: epoch is missing");
    MIRROR(IDN_MIRROR_HANDOVER, m->handover->epoch->counter = 0, "HANDOVER: epoch is missing");
    MIRROR(IDN_MIRROR_HANDOVER, m->handover->epoch->broker = 0, "HANDOVER: epoch is missing");
    MIRROR(IDN_MIRROR_HANDOVER, m->handover->epoch->broker = 'c', "epoch's broker");
}

static void test_heads_of_facts(void)
{
    static Idunno__Mirror__Fact *item[IDN_MIRROR_FACTS_MAX + 1];
    static uint8_t large[IDN_FACT_BODY_BYTES_MAX + 1];

    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->incarnation = 0, "FACTS: incarnation is 0");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->sequence = 0, "FACTS: sequence is 0");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->kind = 0, "FACTS: kind is 0");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->job.len = 15, "bytes of job is 15");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->epoch->broker = 1, "epoch's broker");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[3]->emptied = true, "FACTS: body is there though");
    MIRROR(IDN_MIRROR_FACTS,
        m->facts->item[IDN_MIRROR_FACTS_MAX - 1]->body =
            idn_put_bytes(&codec->encoded, large, sizeof(large)),
        "FACTS: bytes of a fact is 524289, must be 0 to 524288");
    MIRROR(IDN_MIRROR_FACTS,
           for (int i = 0; i <= IDN_MIRROR_FACTS_MAX; i++) item[i] = m->facts->item[1];
           m->facts->item = item;
           m->facts->n_item = IDN_MIRROR_FACTS_MAX + 1, "FACTS: items is 513, must be 0 to 512");
}

// A known kind must be what it says; only unknown ones pass unread.
static void test_bodies_of_facts(void)
{
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[0]->body.len = 0, "RESULTS: size in bytes is 0");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[0]->body.len -= 1, "RESULTS: rows are not whole rows");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[0]->body.data[8] = IDN_STATUS_COUNT,
        "RESULTS: rows hold one that is no result");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[0]->body.data[0] = 0xff, "RESULTS: bytes are no such");
    MIRROR(IDN_MIRROR_FACTS, m->facts->item[0]->body.data[2] = 0xff, "RESULTS: size of the head");
    MIRROR(
        IDN_MIRROR_FACTS, m->facts->item[1]->kind = IDN_FACT_ACCEPTED, "ACCEPTED: spec is missing");
    MIRROR(
        IDN_MIRROR_FACTS, m->facts->item[0]->kind = IDN_FACT_REIGN, "REIGN: bytes follow its head");
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_no_frame_at_all),
        CHECK_TEST(test_headers),
        CHECK_TEST(test_greetings),
        CHECK_TEST(test_vectors),
        CHECK_TEST(test_handovers),
        CHECK_TEST(test_heads_of_facts),
        CHECK_TEST(test_bodies_of_facts),
    };

    if (idn_codec_new(&codec) != 0 || idn_codec_new(&workshop) != 0)
        return EXIT_FAILURE;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_codec_destroy(&codec);
    idn_codec_destroy(&workshop);
    return status;
}
