// Frames of the mirror link between the two brokers (docs/PROTOCOL.md, "The mirror link"): what the
// core sends and takes, as plain structs; proto/codec.h turns them into bytes. Pure.
#ifndef IDN_PROTO_MIRROR_H
#define IDN_PROTO_MIRROR_H

#include "proto/fact.h"
#include "proto/limits.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

enum idn_mirror_type {
    IDN_MIRROR_HELLO = 1,   // b to a, until WELCOME comes
    IDN_MIRROR_WELCOME = 2, // a to b: the session begins
    IDN_MIRROR_VECTOR = 3,  // numbered: what the sender has, in parts
    IDN_MIRROR_FACTS = 4,   // numbered: facts that the receiver lacks, in the sender's commit order
    IDN_MIRROR_BEAT = 5,    // every IDN_BEAT_MS, and whenever `durable` grew
    IDN_MIRROR_HANDOVER = 6, // numbered: the active asks the standby to begin this reign
    IDN_MIRROR_GONE = 7,     // a to b: this session is not known here (any more); no answer
};

// What a broker has of an incarnation: the facts 1 .. last. A version vector is a set of these.
struct idn_held {
    uint64_t incarnation, last;
};

// A fact as a store holds it and as it travels: kinds that this version does not know pass through
// as bytes.
struct idn_stored_fact {
    struct idn_fact fact; // u is only valid when decoded
    bool decoded;         // false: kind unknown, or emptied, or not asked for
    bool emptied;         // its job was forgotten: there is no body any more
    uint32_t size;
    const uint8_t *body; // as idn_encode_fact_body made it; borrowed as long as the fact
};

struct idn_mirror_frame {
    uint32_t type;    // enum idn_mirror_type
    uint64_t session; // b's nonce; frames of another session are dropped
    // Of a numbered frame, from 1 without a gap, in each direction. BEAT: the last one sent, so
    // that a loss is noticed; the others: 0.
    uint64_t number;
    uint64_t durable; // the highest number taken here with all its facts durable
    uint32_t role;    // of the sender, enum idn_role
    // The sender's reign when it is active, otherwise the highest one that it has stored.
    struct idn_epoch epoch;
    union {
        struct {
            uint32_t lowest, highest; // protocol versions; WELCOME: both the one to be spoken
            uint32_t letter;
            char broker[IDN_NAME_SIZE];
            uint64_t incarnation;
        } hello; // HELLO, WELCOME
        struct {
            uint32_t count; // .. IDN_MIRROR_VECTOR_MAX
            bool last;      // part
            const struct idn_held *item;
        } vector;
        struct {
            uint32_t count; // .. IDN_MIRROR_FACTS_MAX
            bool end;       // the sender has sent all that it has stored
            const struct idn_stored_fact *item;
        } facts;
        struct {
            struct idn_epoch epoch;
            uint64_t request; // id of the SWITCH: asked again by its client, it is done
        } handover;
    } u;
};

#endif
