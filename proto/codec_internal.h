// Shared by the codec's files (proto/codec*.c) and its tests, nobody else: the arena, the checks of
// what was received, and the small conversions that every message is made of. put_x turns ours into
// protobuf's, take_x the other way.
#ifndef IDN_PROTO_CODEC_INTERNAL_H
#define IDN_PROTO_CODEC_INTERNAL_H

#include "proto/codec.h"
#include "proto/idunno.pb-c.h"

#include <stdbool.h>

// A type's body is field IDN_BODY_BASE + type of its envelope; lower fields are the header.
enum { IDN_BODY_BASE = 100 };

// What one message may take while it is unpacked, as a multiple of its cap in bytes: honest ones
// need less than twice their size, hostile ones would take 41 times.
enum { IDN_ARENA_FACTOR = 4, IDN_ARENA_BYTES = IDN_ARENA_FACTOR * IDN_WORKER_MESSAGE_BYTES_MAX };

// Memory handed out from the front, taken back all at once. Pages never used cost nothing.
struct idn_arena {
    uint8_t *memory; // owned, IDN_ARENA_BYTES
    size_t used, budget;
    size_t calls, calls_max; // allocations; at most calls_max (tests make each of them fail)
};

struct idn_codec {
    struct idn_arena decoded, encoded;
    uint8_t *out; // owned, IDN_WORKER_MESSAGE_BYTES_MAX: the encoded bytes
    // Where a message is put together before it is known to be good.
    union {
        struct idn_request request;
        struct idn_reply reply;
        struct idn_worker_message worker;
        struct idn_order order;
        struct idn_worker_beat worker_beat;
        struct idn_broker_beat broker_beat;
        struct idn_fact fact;
        struct idn_mirror_frame mirror;
    } scratch;
};

void idn_arena_reset(struct idn_arena *arena, size_t budget);
// Zeroed, aligned to 16 bytes; NULL when the budget is spent.
void *idn_arena_take(struct idn_arena *arena, size_t size);

// Collects the first thing found wrong with a message, so that decoders read as plain lists.
struct idn_check {
    const char *message;       // its name, for the sentence
    struct idn_reason *reason; // may be NULL
    struct idn_arena *arena;   // where the items of pages go
    bool failed;
};
void idn_check_refuse(struct idn_check *check, const char *field, const char *problem);
void idn_check_range(
    struct idn_check *check, const char *field, uint64_t value, uint64_t least, uint64_t most);

// ---- whole messages

// An empty protobuf message in the encoding arena.
void *idn_put_message(struct idn_arena *arena, const ProtobufCMessageDescriptor *type);
// Packs into codec->out; more than `most` bytes is our own mistake.
struct idn_bytes idn_codec_pack(
    struct idn_codec *codec, const ProtobufCMessage *message, size_t most);
// NULL and a failed check when the bytes are more than `most`, not such a message, or one that
// spends the budget.
void *idn_codec_unpack(struct idn_codec *codec, const ProtobufCMessageDescriptor *type,
    const void *data, size_t size, size_t most, struct idn_check *check);
// The same without a reset: beside what the last one left in the arena.
void *idn_codec_unpack_more(struct idn_codec *codec, const ProtobufCMessageDescriptor *type,
    const void *data, size_t size, struct idn_check *check);
// The union of *fact by its kind, which must be known (idn_fact_kind_is_known), from a body whose
// memory outlives it. On failure *fact is spoilt.
bool idn_fact_kind_is_known(uint32_t kind);
void idn_take_fact_body(struct idn_codec *codec, struct idn_check *check, const uint8_t *body,
    size_t size, struct idn_fact *fact);
// A request's id or a worker's nonce as it lies first in an honest message, for one that will not
// unpack; 0 when it does not.
uint64_t idn_codec_peek(const uint8_t *data, size_t size);
// The type of an unpacked envelope's body, 1 to types; otherwise 0, with *ret_result what decoding
// returns for it.
uint32_t idn_codec_body(const ProtobufCMessage *envelope, unsigned body_case, const void *body,
    uint32_t types, struct idn_check *check, int *ret_result);

// ---- ours -> protobuf's; copies into the encoding arena

char *idn_put_name(struct idn_arena *arena, const char *name);
char *idn_put_text(struct idn_arena *arena, const char *text); // control characters become '?'
ProtobufCBinaryData idn_put_bytes(struct idn_arena *arena, const void *bytes, size_t size);
ProtobufCBinaryData idn_put_key(struct idn_arena *arena, const struct idn_key *key);
ProtobufCBinaryData idn_put_sha256(struct idn_arena *arena, const struct idn_sha256 *digest);
uint32_t *idn_put_u32s(struct idn_arena *arena, const uint32_t *value, size_t count);
Idunno__Epoch *idn_put_epoch(struct idn_arena *arena, struct idn_epoch epoch);
Idunno__LeaseId *idn_put_lease(struct idn_arena *arena, struct idn_lease_id lease);
Idunno__JobSpec *idn_put_spec(struct idn_arena *arena, const struct idn_job_spec *spec);
Idunno__JobInfo *idn_put_job(struct idn_arena *arena, const struct idn_job_info *info);
Idunno__WorkerInfo *idn_put_worker(struct idn_arena *arena, const struct idn_worker_info *info);
Idunno__EntryInfo *idn_put_entry(struct idn_arena *arena, const struct idn_entry_info *info);
// Room for the pointers to a page's items.
void *idn_put_items(struct idn_arena *arena, uint32_t count, uint32_t most);
void idn_put_assignment(
    struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to);
void idn_put_why(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to);
void idn_put_rates(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to);
void idn_put_times(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to);

// ---- protobuf's -> ours, checked; messages may be NULL (absent)

enum idn_presence { IDN_REQUIRED, IDN_OPTIONAL }; // optional: "" for a name, none for a lease

void idn_take_name(struct idn_check *check, const char *field, enum idn_presence presence,
    const char *from, char *to);
// A numerics class: a text of at most IDN_CLASS_SIZE - 1 bytes.
void idn_take_class(
    struct idn_check *check, enum idn_presence presence, const char *from, char *to);
void idn_take_text(
    struct idn_check *check, const char *field, const char *from, char *to, size_t size);
void idn_take_setting(
    struct idn_check *check, const char *from_key, const char *from_value, char *key, char *value);
void idn_take_key(struct idn_check *check, const char *field, const ProtobufCBinaryData *from,
    struct idn_key *to);
void idn_take_sha256(struct idn_check *check, const char *field, const ProtobufCBinaryData *from,
    struct idn_sha256 *to);
void idn_take_epoch(struct idn_check *check, const Idunno__Epoch *from, struct idn_epoch *to);
// Must be there: a counter that is not 0.
void idn_take_reign(struct idn_check *check, const Idunno__Epoch *from, struct idn_epoch *to);
void idn_take_lease(struct idn_check *check, enum idn_presence presence,
    const Idunno__LeaseId *from, struct idn_lease_id *to);
void idn_take_enum(struct idn_check *check, const char *field, int value, unsigned least,
    unsigned most, uint32_t *to);
void idn_take_rate(struct idn_check *check, const char *field, double value, double *to);
// At most `most` rows, each of them valid; *rows stays where it is.
void idn_take_rows(struct idn_check *check, const void *bytes, size_t size, uint32_t most,
    uint32_t *count, const uint8_t **rows);
// A part of something of `total` bytes: fits in IDN_LIST_PART_BYTES and ends within it.
void idn_take_part(
    struct idn_check *check, uint64_t offset, uint64_t total, size_t size, uint32_t *ret_size);
// The images first .. first + count - 1 of a lease.
void idn_take_span(struct idn_check *check, uint32_t first, uint32_t count, uint32_t *ret_first,
    uint32_t *ret_count);
void idn_take_images(struct idn_check *check, const uint32_t *from, size_t from_count,
    uint32_t *count, uint32_t *to);
void idn_take_spec(struct idn_check *check, const Idunno__JobSpec *from, struct idn_job_spec *to);
void idn_take_job(struct idn_check *check, const Idunno__JobInfo *from, struct idn_job_info *to);
void idn_take_worker(
    struct idn_check *check, const Idunno__WorkerInfo *from, struct idn_worker_info *to);
void idn_take_entry(
    struct idn_check *check, const Idunno__EntryInfo *from, struct idn_entry_info *to);
// Room for a page's items; NULL and a failed check when there are too many.
void *idn_take_items(struct idn_check *check, size_t count, uint32_t most, size_t size);
void idn_take_assignment(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to);
void idn_take_why(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to);
void idn_take_rates(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to);
void idn_take_times(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to);

#endif
