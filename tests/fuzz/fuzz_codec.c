// Every decoder, on what may come from the network or lie in a store. The first byte names the
// family; what decodes must encode, decode again, and encode to the same bytes, and the packed rows
// in it must all be results.
#include "proto/codec.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

// Decodes; on success encodes again into *ret_again.
typedef int pass_function(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again);

static void check_rows(const uint8_t *rows, uint32_t count)
{
    struct idn_result result;

    for (uint32_t i = 0; i < count; i++)
        IDN_ASSERT(idn_result_unpack(rows + (size_t)i * IDN_ROW_BYTES, &result));
}

static int check_reason(int result, const struct idn_reason *reason)
{
    if (result != 0)
        fuzz_check_reason(reason);
    return result;
}

static int pass_request(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_request out;
    struct idn_reason reason = {.text = ""};
    uint64_t id;

    (void)kind;
    int result = idn_decode_request(codec, bytes.data, bytes.size, &out, &id, &reason);
    if (result == 0)
        *ret_again = idn_encode_request(codec, &out);
    return check_reason(result, &reason);
}

static int pass_reply(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_reply out;
    struct idn_reason reason = {.text = ""};

    (void)kind;
    int result = idn_decode_reply(codec, bytes.data, bytes.size, &out, &reason);
    if (result == 0 && out.type == IDN_REPLY_RESULTS)
        check_rows(out.u.results.rows, out.u.results.count);
    if (result == 0)
        *ret_again = idn_encode_reply(codec, &out);
    return check_reason(result, &reason);
}

static int pass_worker(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    static struct idn_worker_message out;
    struct idn_reason reason = {.text = ""};
    uint64_t nonce;

    (void)kind;
    int result = idn_decode_worker(codec, bytes.data, bytes.size, &out, &nonce, &reason);
    if (result == 0 && out.type == IDN_WORKER_REPORT)
        check_rows(out.u.report.rows, out.u.report.count);
    if (result == 0)
        *ret_again = idn_encode_worker(codec, &out);
    return check_reason(result, &reason);
}

static int pass_order(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_order out;
    struct idn_reason reason = {.text = ""};

    (void)kind;
    int result = idn_decode_order(codec, bytes.data, bytes.size, &out, &reason);
    if (result == 0)
        *ret_again = idn_encode_order(codec, &out);
    return check_reason(result, &reason);
}

static int pass_worker_beat(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_worker_beat out;
    struct idn_reason reason = {.text = ""};

    (void)kind;
    int result = idn_decode_worker_beat(codec, bytes.data, bytes.size, &out, &reason);
    if (result == 0)
        *ret_again = idn_encode_worker_beat(codec, &out);
    return check_reason(result, &reason);
}

static int pass_broker_beat(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_broker_beat out;
    struct idn_reason reason = {.text = ""};

    (void)kind;
    int result = idn_decode_broker_beat(codec, bytes.data, bytes.size, &out, &reason);
    if (result == 0)
        *ret_again = idn_encode_broker_beat(codec, &out);
    return check_reason(result, &reason);
}

static void check_fact(const struct idn_fact *fact)
{
    if (fact->kind == IDN_FACT_RESULTS)
        check_rows(fact->u.results.rows, fact->u.results.count);
}

static int pass_mirror(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_mirror_frame out;
    struct idn_reason reason = {.text = ""};

    (void)kind;
    int result = idn_decode_mirror(codec, bytes.data, bytes.size, &out, &reason);
    if (result == 0 && out.type == IDN_MIRROR_FACTS)
        for (uint32_t i = 0; i < out.u.facts.count; i++)
            if (out.u.facts.item[i].decoded)
                check_fact(&out.u.facts.item[i].fact);
    if (result == 0)
        *ret_again = idn_encode_mirror(codec, &out);
    return check_reason(result, &reason);
}

static int pass_fact(
    struct idn_codec *codec, uint32_t kind, struct idn_bytes bytes, struct idn_bytes *ret_again)
{
    struct idn_fact out = {.kind = kind};
    struct idn_reason reason = {.text = ""};
    int result = idn_decode_fact_body(codec, bytes.data, bytes.size, &out, &reason);

    if (result == 0) {
        check_fact(&out);
        *ret_again = idn_encode_fact_body(codec, &out);
    }
    return check_reason(result, &reason);
}

static void try(struct idn_codec *codec, pass_function *pass, uint32_t kind, struct idn_bytes bytes)
{
    struct idn_bytes again = {0}, twice = {0};
    int result = pass(codec, kind, bytes, &again);

    IDN_ASSERT(result == 0 || result == IDN_DECODE_MALFORMED || result == IDN_DECODE_UNSUPPORTED);
    if (result != 0)
        return;
    uint8_t *copy = malloc(again.size + 1);
    IDN_ASSERT(copy != NULL);
    memcpy(copy, again.data, again.size);
    again.data = copy;
    IDN_ASSERT(pass(codec, kind, again, &twice) == 0);
    IDN_ASSERT(again.size == twice.size && memcmp(again.data, twice.data, again.size) == 0);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pass_function *const families[] = {pass_request, pass_reply, pass_worker, pass_order,
        pass_worker_beat, pass_broker_beat, pass_mirror};
    enum { FAMILIES = sizeof(families) / sizeof(*families) };
    static struct idn_codec *codec;

    if (codec == NULL)
        IDN_ASSERT(idn_codec_new(&codec) == 0);
    if (size == 0)
        return 0;
    struct idn_bytes bytes = {.data = data + 1, .size = size - 1};
    if (data[0] < FAMILIES)
        try(codec, families[data[0]], 0, bytes);
    else
        try(codec, pass_fact, data[0] - FAMILIES, bytes);
    return 0;
}
