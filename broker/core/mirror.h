// The mirror link's session with the other broker (docs/PROTOCOL.md, "The mirror link"): hello,
// numbered frames, silence; then what the other lacks, read from the store in commit order, which
// makes catching up and going on live one thing: following the store's tail.
//
//            b: HELLO every IDN_BEAT_MS       vectors both ways        both ends of the scans met
//   DOWN <--------------------------> GREETED ---------------> UP -------------------> exchanged
//    ^                                   |                      |
//    '-- a gap, IDN_DEAD_MS of silence, another session: MIRROR_RESET --'
//
// b begins: it draws the session's nonce. a answers frames of a session that it does not have (any
// more) with GONE, so that b begins anew at once. What is wrong in a frame of the session ends it;
// frames of other sessions, and repeated ones, change nothing.
//
// In sync: exchanged, and what the peer has not acknowledged as durable was stored less than half
// of IDN_MIRROR_LAG_MS ago; until the session ends or the oldest of it is IDN_MIRROR_LAG_MS old.
#ifndef IDN_BROKER_CORE_MIRROR_H
#define IDN_BROKER_CORE_MIRROR_H

#include "broker/core/state.h"

// What the store holds of an incarnation (restore), and START with core->incarnation set. A store
// of more incarnations than the limit is the core's failure.
void idn_mirror_held(struct idn_core *core, const struct idn_held *held);
void idn_mirror_start(struct idn_core *core);

// A frame of the peer's. Tells broker/core/roles.h of its role and epoch, of the end of the
// exchange and of a handover; folds and copies the facts it brings.
void idn_mirror_take(struct idn_core *core, const struct idn_mirror_frame *frame);
void idn_mirror_read(struct idn_core *core, const struct idn_event *event); // FACTS_READ
// This process stood still, long enough that the peer may have given the session up: another one
// begins, and what is queued of this one says nothing.
void idn_mirror_stalled(struct idn_core *core);
// At the end of each step: hello, beats, silence, lag, the next read.
void idn_mirror_settle(struct idn_core *core);
uint64_t idn_mirror_deadline(const struct idn_core *core);

bool idn_mirror_in_sight(const struct idn_core *core);
// What the peer had when the session began is stored here; exchanged: and the other way round.
bool idn_mirror_has_all(const struct idn_core *core);
bool idn_mirror_exchanged(const struct idn_core *core);
bool idn_mirror_in_sync(const struct idn_core *core);
// In sync, and the peer has everything that was committed here, down to the last fact.
bool idn_mirror_is_level(const struct idn_core *core);
// Sends HANDOVER. request: id of the SWITCH.
void idn_mirror_hand_over(struct idn_core *core, struct idn_epoch epoch, uint64_t request);

// Up to which position a reply may promise durability now, and by how many brokers (1 or 2).
uint64_t idn_mirror_durable(const struct idn_core *core, uint32_t *ret_brokers);

void idn_mirror_info(const struct idn_core *core, struct idn_peer_info *ret);

#endif
