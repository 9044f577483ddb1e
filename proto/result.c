#include "proto/result.h"

#include <string.h>

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

void idn_result_pack(const struct idn_result *result, uint8_t row[static IDN_ROW_BYTES])
{
    memset(row, 0, IDN_ROW_BYTES);
    put_u32(row, result->index);
    row[4] = result->status;
    for (int i = 0; i < IDN_TOP; i++) {
        uint32_t bits;
        memcpy(&bits, &result->probability[i], sizeof(bits));
        put_u32(row + 8 + 4 * i, result->class_id[i]);
        put_u32(row + 28 + 4 * i, bits);
    }
}

// The i-th pair follows from the pairs before: probabilities fall, and after the last class come
// only empty pairs.
static bool pair_is_valid(const struct idn_result *result, int i)
{
    float probability = result->probability[i];

    if (result->class_id[i] == IDN_NO_CLASS || result->status != IDN_STATUS_OK)
        return result->class_id[i] == IDN_NO_CLASS && probability == 0.0f;
    if (!(probability >= 0.0f && probability <= 1.0f))
        return false;
    return i == 0 ||
           (result->class_id[i - 1] != IDN_NO_CLASS && probability <= result->probability[i - 1]);
}

bool idn_result_unpack(const uint8_t row[static IDN_ROW_BYTES], struct idn_result *ret)
{
    struct idn_result result = {.index = get_u32(row), .status = row[4]};

    if (result.status >= IDN_STATUS_COUNT || row[5] != 0 || row[6] != 0 || row[7] != 0)
        return false;
    for (int i = 0; i < IDN_TOP; i++) {
        uint32_t bits = get_u32(row + 28 + 4 * i);
        memcpy(&result.probability[i], &bits, sizeof(bits));
        result.class_id[i] = get_u32(row + 8 + 4 * i);
        if (!pair_is_valid(&result, i))
            return false;
    }
    if (result.status == IDN_STATUS_OK && result.class_id[0] == IDN_NO_CLASS)
        return false;
    *ret = result;
    return true;
}

const char *idn_status_name(unsigned status)
{
    static const char *const names[IDN_STATUS_COUNT] = {
        [IDN_STATUS_OK] = "ok",
        [IDN_STATUS_MISSING] = "missing",
        [IDN_STATUS_UNREADABLE] = "unreadable",
        [IDN_STATUS_UNSUPPORTED] = "unsupported",
        [IDN_STATUS_CORRUPT] = "corrupt",
        [IDN_STATUS_TOO_LARGE] = "too_large",
        [IDN_STATUS_CHANGED] = "changed",
        [IDN_STATUS_NOT_FINITE] = "not_finite",
        [IDN_STATUS_QUARANTINED] = "quarantined",
    };
    return status < IDN_STATUS_COUNT ? names[status] : NULL;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_rounds(struct sip *s, int rounds)
{
    while (rounds-- > 0) {
        s->v0 += s->v1, s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0, s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1, s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2, s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

// SipHash-2-4-128 of a whole number of 8-byte words.
static void sip_hash(const uint8_t *bytes, size_t size, struct idn_digest *ret)
{
    static const uint8_t key[] = "IDunno result v1";
    uint64_t k0 = get_u64(key), k1 = get_u64(key + 8);
    struct sip s = {
        .v0 = 0x736f6d6570736575u ^ k0,
        .v1 = 0x646f72616e646f6du ^ k1 ^ 0xee,
        .v2 = 0x6c7967656e657261u ^ k0,
        .v3 = 0x7465646279746573u ^ k1,
    };

    for (size_t at = 0; at <= size; at += 8) {
        uint64_t word = at < size ? get_u64(bytes + at) : (uint64_t)size << 56;
        s.v3 ^= word;
        sip_rounds(&s, 2);
        s.v0 ^= word;
    }
    s.v2 ^= 0xee;
    sip_rounds(&s, 4);
    ret->low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    sip_rounds(&s, 4);
    ret->high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void idn_digest_of(const struct idn_result *result, struct idn_digest *ret)
{
    struct idn_result hashed = *result;
    uint8_t row[IDN_ROW_BYTES];

    if (result->status != IDN_STATUS_OK && result->status != IDN_STATUS_QUARANTINED)
        hashed.status = IDN_STATUS_MISSING;
    idn_result_pack(&hashed, row);
    sip_hash(row, sizeof(row), ret);
}

void idn_digest_add(struct idn_digest *sum, const struct idn_digest *term)
{
    sum->low += term->low;
    sum->high += term->high + (sum->low < term->low);
}

void idn_digest_subtract(struct idn_digest *sum, const struct idn_digest *term)
{
    uint64_t borrow = sum->low < term->low;

    sum->low -= term->low;
    sum->high -= term->high + borrow;
}

bool idn_digest_equal(const struct idn_digest *a, const struct idn_digest *b)
{
    return a->low == b->low && a->high == b->high;
}

void idn_digest_to_text(const struct idn_digest *digest, char text[static IDN_DIGEST_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        text[i] = digits[(digest->high >> (60 - 4 * i)) & 15];
        text[16 + i] = digits[(digest->low >> (60 - 4 * i)) & 15];
    }
    text[32] = '\0';
}
