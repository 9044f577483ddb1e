// Bytes from anywhere: cut at every length, changed at random from a seed, grown to eat memory.
// The decoder must say 0, MALFORMED or UNSUPPORTED; what it lets through must be a message that we
// could have encoded ourselves. Run under ASan and UBSan.
//
// IDN_MUTATIONS in the environment: how many changes are tried on each message.
#include "proto/codec_internal.h"
#include "tests/lib/check.h"
#include "tests/unit/codec_samples.h"

#include <stdlib.h>

enum { MUTATIONS_DEFAULT = 30 * 1000, FAMILIES = 8, MESSAGE_ROOM = 16 * 1024 };

static struct idn_codec *codec;

// ---- the families of messages, each by its sample, encoder and decoder

static struct idn_bytes make_request(uint32_t type)
{
    return idn_encode_request(codec, sample_request(type));
}

static struct idn_bytes make_reply(uint32_t type)
{
    return idn_encode_reply(codec, sample_reply(type));
}

static struct idn_bytes make_worker(uint32_t type)
{
    return idn_encode_worker(codec, sample_worker(type));
}

static struct idn_bytes make_order(uint32_t type)
{
    return idn_encode_order(codec, sample_order(type));
}

static struct idn_bytes make_worker_beat(uint32_t type)
{
    (void)type;
    return idn_encode_worker_beat(codec, sample_worker_beat());
}

static struct idn_bytes make_broker_beat(uint32_t type)
{
    (void)type;
    return idn_encode_broker_beat(codec, sample_broker_beat());
}

static struct idn_bytes make_mirror(uint32_t type)
{
    return idn_encode_mirror(codec, sample_mirror(type));
}

static struct idn_bytes make_fact(uint32_t kind)
{
    return idn_encode_fact_body(codec, sample_fact(kind));
}

// Decodes; on success encodes again into *ret_again.
static int pass_request(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_request out;
    uint64_t id;
    int result = idn_decode_request(codec, bytes.data, bytes.size, &out, &id, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_request(codec, &out);
    return result;
}

static int pass_reply(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_reply out;
    int result = idn_decode_reply(codec, bytes.data, bytes.size, &out, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_reply(codec, &out);
    return result;
}

static int pass_worker(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    static struct idn_worker_message out;
    int result = idn_decode_worker(codec, bytes.data, bytes.size, &out, NULL, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_worker(codec, &out);
    return result;
}

static int pass_order(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_order out;
    int result = idn_decode_order(codec, bytes.data, bytes.size, &out, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_order(codec, &out);
    return result;
}

static int pass_worker_beat(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_worker_beat out;
    int result = idn_decode_worker_beat(codec, bytes.data, bytes.size, &out, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_worker_beat(codec, &out);
    return result;
}

static int pass_broker_beat(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_broker_beat out;
    int result = idn_decode_broker_beat(codec, bytes.data, bytes.size, &out, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_broker_beat(codec, &out);
    return result;
}

static int pass_mirror(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_mirror_frame out;
    int result = idn_decode_mirror(codec, bytes.data, bytes.size, &out, NULL);

    (void)type;
    if (result == 0)
        *ret_again = idn_encode_mirror(codec, &out);
    return result;
}

static int pass_fact(uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_fact out = {.kind = kind};
    int result = idn_decode_fact_body(codec, bytes.data, bytes.size, &out, NULL);

    if (result == 0)
        *ret_again = idn_encode_fact_body(codec, &out);
    return result;
}

static const struct family {
    uint32_t types;
    size_t bytes_max;
    struct idn_bytes (*make)(uint32_t type);
    int (*pass)(uint32_t type, struct idn_bytes bytes, struct idn_bytes *ret_again);
} families[FAMILIES] = {
    {SAMPLE_REQUESTS, IDN_CLIENT_MESSAGE_BYTES_MAX, make_request, pass_request},
    {SAMPLE_REPLIES, IDN_CLIENT_MESSAGE_BYTES_MAX, make_reply, pass_reply},
    {SAMPLE_WORKERS, IDN_WORKER_MESSAGE_BYTES_MAX, make_worker, pass_worker},
    {SAMPLE_ORDERS, IDN_WORKER_MESSAGE_BYTES_MAX, make_order, pass_order},
    {1, IDN_BEAT_BYTES_MAX, make_worker_beat, pass_worker_beat},
    {1, IDN_BEAT_BYTES_MAX, make_broker_beat, pass_broker_beat},
    {SAMPLE_MIRRORS, IDN_MIRROR_MESSAGE_BYTES_MAX, make_mirror, pass_mirror},
    {SAMPLE_FACTS, IDN_WORKER_MESSAGE_BYTES_MAX, make_fact, pass_fact},
};

// A copy that ends where its memory ends, so that ASan sees each byte read too far.
static struct idn_bytes copy(struct idn_bytes bytes, size_t size)
{
    uint8_t *data = malloc(size);

    CHECK(data != NULL || size == 0);
    if (size > 0)
        memcpy(data, bytes.data, size);
    return (struct idn_bytes){.data = data, .size = size};
}

static void drop(struct idn_bytes bytes)
{
    void *data;

    memcpy(&data, &bytes.data, sizeof(data));
    free(data);
}

// What decodes must encode, decode again, and encode to the same bytes.
static int try(const struct family *family, uint32_t type, struct idn_bytes bytes)
{
    struct idn_bytes again, twice;
    int result = family->pass(type, bytes, &again);

    CHECK(result == 0 || result == IDN_DECODE_MALFORMED || result == IDN_DECODE_UNSUPPORTED);
    if (result == 0) {
        again = copy(again, again.size);
        CHECK_INT(family->pass(type, again, &twice), 0);
        CHECK(again.size == twice.size && memcmp(again.data, twice.data, again.size) == 0);
        drop(again);
    }
    return result;
}

// ---- tests

static void test_cut_at_every_length(void)
{
    sample_at_most(3);
    for (const struct family *family = families; family < families + FAMILIES; family++)
        for (uint32_t type = 1; type <= family->types; type++) {
            struct idn_bytes bytes = family->make(type), whole = copy(bytes, bytes.size);
            for (size_t size = 0; size < whole.size; size++) {
                struct idn_bytes part = copy(whole, size);
                (void)try(family, type, part);
                drop(part);
            }
            CHECK_INT(try(family, type, whole), 0);
            drop(whole);
        }
    sample_at_most(UINT32_MAX);
}

static uint64_t state;

static uint32_t draw(uint32_t below) // xorshift64*
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(((state * 2685821657736338717u) >> 33) % below);
}

// One change in place; returns the new size.
static size_t mutate(uint8_t *bytes, size_t size)
{
    size_t at = draw((uint32_t)size), count = draw(12) + 1;

    if (count > size - at)
        count = size - at;
    switch (draw(6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1:
        bytes[at] = (uint8_t)draw(256);
        return size;
    case 2: // a varint that does not end, or a huge one
        memset(bytes + at, 0xff, count);
        return size;
    case 3: // lost
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count > 0 ? size - count : 1;
    case 4: // said twice
        if (size + count > MESSAGE_ROOM)
            return size;
        memmove(bytes + at + count, bytes + at, size - at);
        return size + count;
    default: // taken from elsewhere
        memmove(bytes + at, bytes + draw((uint32_t)(size - count + 1)), count);
        return size;
    }
}

static unsigned long mutations(void)
{
    const char *wanted = getenv("IDN_MUTATIONS");

    return wanted != NULL ? strtoul(wanted, NULL, 10) : MUTATIONS_DEFAULT;
}

static void mutate_often(const struct family *family, uint32_t type, unsigned long times)
{
    static uint8_t bytes[MESSAGE_ROOM];
    struct idn_bytes made = family->make(type), whole = copy(made, made.size);
    unsigned long passed = 0;

    CHECK(whole.size <= MESSAGE_ROOM / 2);
    for (unsigned long i = 0; i < times; i++) {
        size_t size = whole.size;
        memcpy(bytes, whole.data, size);
        for (uint32_t changes = draw(4) + 1; changes > 0; changes--)
            size = mutate(bytes, size);
        struct idn_bytes changed = copy((struct idn_bytes){.data = bytes, .size = size}, size);
        passed += try(family, type, changed) == 0;
        drop(changed);
    }
    CHECK(passed < times || times == 0);
    drop(whole);
}

static void test_changed_at_random(void)
{
    unsigned long times = mutations();

    state = 0x1d0770;
    sample_at_most(3);
    for (const struct family *family = families; family < families + FAMILIES; family++)
        for (uint32_t type = 1; type <= family->types; type++)
            mutate_often(family, type, times);
    sample_at_most(UINT32_MAX);
}

// Nothing but two-byte unknown fields: 41 times their size when unpacked. Refused within the
// budget; a few of them are only ignored.
static void test_memory_is_bounded(void)
{
    static uint8_t fields[IDN_WORKER_MESSAGE_BYTES_MAX];

    for (size_t i = 0; i < sizeof(fields); i += 2) {
        fields[i] = 0x70; // field 14, varint
        fields[i + 1] = 1;
    }
    for (const struct family *family = families; family < families + FAMILIES - 1; family++) {
        struct idn_bytes bytes = {.data = fields, .size = family->bytes_max}, again;
        CHECK_INT(family->pass(1, bytes, &again), IDN_DECODE_MALFORMED);
        CHECK(codec->decoded.used <= IDN_ARENA_FACTOR * family->bytes_max);
        CHECK(codec->decoded.used > family->bytes_max); // it was the budget that refused
    }
}

// Where the largest honest messages need less than half of the budget.
static void test_budget_has_room_for_honest_messages(void)
{
    for (const struct family *family = families; family < families + FAMILIES; family++)
        for (uint32_t type = 1; type <= family->types; type++) {
            struct idn_bytes made = family->make(type), whole = copy(made, made.size), again;
            CHECK_INT(family->pass(type, whole, &again), 0);
            CHECK(codec->decoded.used <= IDN_ARENA_FACTOR * family->bytes_max / 2);
            drop(whole);
        }
}

// Each allocation fails in turn: refused, never followed.
static void test_every_allocation_may_fail(void)
{
    sample_at_most(3);
    for (const struct family *family = families; family < families + FAMILIES; family++)
        for (uint32_t type = 1; type <= family->types; type++) {
            struct idn_bytes made = family->make(type), whole = copy(made, made.size), again;
            codec->decoded.calls = 0;
            CHECK_INT(family->pass(type, whole, &again), 0);
            for (size_t calls = codec->decoded.calls; calls > 0; calls--) {
                codec->decoded.calls_max = calls - 1;
                CHECK_INT(family->pass(type, whole, &again), IDN_DECODE_MALFORMED);
            }
            codec->decoded.calls_max = SIZE_MAX;
            drop(whole);
        }
    sample_at_most(UINT32_MAX);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_cut_at_every_length),
        CHECK_TEST(test_changed_at_random),
        CHECK_TEST(test_memory_is_bounded),
        CHECK_TEST(test_budget_has_room_for_honest_messages),
        CHECK_TEST(test_every_allocation_may_fail),
    };

    if (idn_codec_new(&codec) != 0)
        return EXIT_FAILURE;
    int status = check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
    idn_codec_destroy(&codec);
    return status;
}
