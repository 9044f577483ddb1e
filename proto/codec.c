// The codec's core: its memory, and whole messages to and from protobuf-c.
#include "base/assert.h"
#include "proto/codec_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void arena_init(struct idn_arena *arena)
{
    arena->memory = malloc(IDN_ARENA_BYTES);
    IDN_ASSERT(arena->memory != NULL);
    arena->calls_max = SIZE_MAX;
    idn_arena_reset(arena, IDN_ARENA_BYTES);
}

void idn_arena_reset(struct idn_arena *arena, size_t budget)
{
    IDN_ASSERT(budget <= IDN_ARENA_BYTES);
    arena->used = arena->calls = 0;
    arena->budget = budget;
}

static void *arena_take_raw(struct idn_arena *arena, size_t size)
{
    size_t at = (arena->used + 15) & ~(size_t)15;

    if (at > arena->budget || size > arena->budget - at || arena->calls >= arena->calls_max)
        return NULL;
    arena->calls++;
    arena->used = at + size;
    return arena->memory + at;
}

void *idn_arena_take(struct idn_arena *arena, size_t size)
{
    void *memory = arena_take_raw(arena, size);

    return memory == NULL ? NULL : memset(memory, 0, size);
}

int idn_codec_new(struct idn_codec **ret)
{
    struct idn_codec *codec = calloc(1, sizeof(*codec));

    IDN_ASSERT(codec != NULL);
    arena_init(&codec->decoded);
    arena_init(&codec->encoded);
    codec->out = malloc(IDN_WORKER_MESSAGE_BYTES_MAX);
    IDN_ASSERT(codec->out != NULL);
    *ret = codec;
    return 0;
}

void idn_codec_destroy(struct idn_codec **codec)
{
    if (*codec == NULL)
        return;
    free((*codec)->decoded.memory);
    free((*codec)->encoded.memory);
    free((*codec)->out);
    free(*codec);
    *codec = NULL;
}

void idn_check_refuse(struct idn_check *check, const char *field, const char *problem)
{
    if (!check->failed)
        (void)idn_reason_set(check->reason, 0, "%s: %s %s", check->message, field, problem);
    check->failed = true;
}

void idn_check_range(
    struct idn_check *check, const char *field, uint64_t value, uint64_t least, uint64_t most)
{
    if (value >= least && value <= most)
        return;
    if (!check->failed)
        (void)idn_reason_set(check->reason, 0,
            "%s: %s is %" PRIu64 ", must be %" PRIu64 " to %" PRIu64, check->message, field, value,
            least, most);
    check->failed = true;
}

void *idn_put_message(struct idn_arena *arena, const ProtobufCMessageDescriptor *type)
{
    void *message = idn_arena_take(arena, type->sizeof_message);

    IDN_ASSERT(message != NULL);
    protobuf_c_message_init(type, message);
    return message;
}

struct idn_bytes idn_codec_pack(
    struct idn_codec *codec, const ProtobufCMessage *message, size_t most)
{
    size_t size = protobuf_c_message_get_packed_size(message);

    IDN_ASSERT(size <= most && most <= IDN_WORKER_MESSAGE_BYTES_MAX);
    IDN_ASSERT(protobuf_c_message_pack(message, codec->out) == size);
    return (struct idn_bytes){.data = codec->out, .size = size};
}

static void *allocate(void *arena, size_t size)
{
    return arena_take_raw(arena, size);
}

static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory; // the next reset takes everything back
}

void *idn_codec_unpack(struct idn_codec *codec, const ProtobufCMessageDescriptor *type,
    const void *data, size_t size, size_t most, struct idn_check *check)
{
    idn_arena_reset(&codec->decoded, IDN_ARENA_FACTOR * most);
    idn_check_range(check, "size in bytes", size, 0, most);
    return check->failed ? NULL : idn_codec_unpack_more(codec, type, data, size, check);
}

void *idn_codec_unpack_more(struct idn_codec *codec, const ProtobufCMessageDescriptor *type,
    const void *data, size_t size, struct idn_check *check)
{
    ProtobufCAllocator allocator = {
        .alloc = allocate, .free = release, .allocator_data = &codec->decoded};
    void *message = protobuf_c_message_unpack(type, &allocator, size, data);
    if (message == NULL)
        idn_check_refuse(
            check, "bytes", "are no such message, or one that would unpack to too much");
    return message;
}

uint64_t idn_codec_peek(const uint8_t *data, size_t size)
{
    enum { TAG_OF_FIXED64_FIELD_1 = 0x09 };
    uint64_t value = 0;

    if (size < 1 + sizeof(value) || data[0] != TAG_OF_FIXED64_FIELD_1)
        return 0;
    for (size_t i = sizeof(value); i > 0; i--)
        value = value << 8 | data[i];
    return value;
}

static bool has_unknown_body(const ProtobufCMessage *envelope)
{
    for (unsigned i = 0; i < envelope->n_unknown_fields; i++)
        if (envelope->unknown_fields[i].tag > IDN_BODY_BASE)
            return true;
    return false;
}

uint32_t idn_codec_body(const ProtobufCMessage *envelope, unsigned body_case, const void *body,
    uint32_t types, struct idn_check *check, int *ret_result)
{
    if (body != NULL && body_case > IDN_BODY_BASE && body_case <= IDN_BODY_BASE + types)
        return body_case - IDN_BODY_BASE;
    if (has_unknown_body(envelope)) {
        idn_check_refuse(check, "type", "is unknown to this version");
        *ret_result = IDN_DECODE_UNSUPPORTED;
    } else {
        idn_check_refuse(check, "body", "is missing");
        *ret_result = IDN_DECODE_MALFORMED;
    }
    return 0;
}
