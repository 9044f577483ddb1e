// Messages to bytes and back: the only code that sees protobuf-c (proto/idunno.proto). Encoding
// never fails for a message within proto/limits.h (that is asserted). Decoding takes bytes from
// anywhere: sizes are capped before unpacking, memory comes from a budgeted arena, and every field
// is checked (enums, counts, names, packed rows), so that what comes out is valid by construction.
#ifndef IDN_PROTO_CODEC_H
#define IDN_PROTO_CODEC_H

#include "base/error.h"
#include "proto/messages.h"
#include "proto/mirror.h"

#include <stddef.h>
#include <stdint.h>

// Decoding results beside 0 (base/error.h): positive, for the direct caller.
enum idn_decode_result {
    IDN_DECODE_MALFORMED = 1,   // the reason says what; answer MALFORMED or drop
    IDN_DECODE_UNSUPPORTED = 2, // well-formed, of a type this version does not know; *ret_id is set
};

// A codec owns an arena that holds what decoded messages borrow: valid until its next decode. One a
// thread. Encoded bytes are owned by the codec too, valid until its next encode.
struct idn_codec;
int idn_codec_new(struct idn_codec **ret);
void idn_codec_destroy(struct idn_codec **codec);

struct idn_bytes {
    const uint8_t *data; // borrowed from the codec until its next encode
    size_t size;
};

struct idn_bytes idn_encode_request(struct idn_codec *codec, const struct idn_request *message);
struct idn_bytes idn_encode_reply(struct idn_codec *codec, const struct idn_reply *message);
struct idn_bytes idn_encode_worker(
    struct idn_codec *codec, const struct idn_worker_message *message);
struct idn_bytes idn_encode_order(struct idn_codec *codec, const struct idn_order *message);
struct idn_bytes idn_encode_worker_beat(
    struct idn_codec *codec, const struct idn_worker_beat *beat);
struct idn_bytes idn_encode_broker_beat(
    struct idn_codec *codec, const struct idn_broker_beat *beat);

// ret_id and ret_nonce (may be NULL) get the request's id and the worker's nonce as soon as they
// could be read, so that even a refused message can be answered; 0 otherwise. Pointers in *ret are
// borrowed until the codec's next decode.
int idn_decode_request(struct idn_codec *codec, const void *data, size_t size,
    struct idn_request *ret, uint64_t *ret_id, struct idn_reason *reason);
int idn_decode_reply(struct idn_codec *codec, const void *data, size_t size, struct idn_reply *ret,
    struct idn_reason *reason);
int idn_decode_worker(struct idn_codec *codec, const void *data, size_t size,
    struct idn_worker_message *ret, uint64_t *ret_nonce, struct idn_reason *reason);
int idn_decode_order(struct idn_codec *codec, const void *data, size_t size, struct idn_order *ret,
    struct idn_reason *reason);
int idn_decode_worker_beat(struct idn_codec *codec, const void *data, size_t size,
    struct idn_worker_beat *ret, struct idn_reason *reason);
int idn_decode_broker_beat(struct idn_codec *codec, const void *data, size_t size,
    struct idn_broker_beat *ret, struct idn_reason *reason);

// Frames of the mirror link. FACTS carry the bodies of the items as they are; decoding also fills
// the union of those of a known kind that are not emptied (decoded), and refuses the frame when one
// of them is malformed. Items and their bodies are borrowed until the codec's next decode.
struct idn_bytes idn_encode_mirror(struct idn_codec *codec, const struct idn_mirror_frame *frame);
int idn_decode_mirror(struct idn_codec *codec, const void *data, size_t size,
    struct idn_mirror_frame *ret, struct idn_reason *reason);

// The body of a fact (its union) for the store; origin, epoch, kind, job and time are columns
// there. RESULTS: the rows as they are behind a small header; see codec_fact.c. Decoding fills only
// the union of *fact by fact->kind; pointers are borrowed from `data`. An unknown kind is
// IDN_DECODE_UNSUPPORTED.
struct idn_bytes idn_encode_fact_body(struct idn_codec *codec, const struct idn_fact *fact);
int idn_decode_fact_body(struct idn_codec *codec, const void *data, size_t size,
    struct idn_fact *fact, struct idn_reason *reason);

#endif
