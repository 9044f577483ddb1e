// The actions of one step, and facts on their way to the store.
#ifndef IDN_BROKER_CORE_ACTIONS_H
#define IDN_BROKER_CORE_ACTIONS_H

#include "broker/core/state.h"

// A zeroed action; asserts room.
struct idn_action *idn_action_add(struct idn_core *core, enum idn_action_type type, idn_peer peer);

// Whether bulk work may add another few actions; if not, the core asks for another step at once.
bool idn_actions_room(struct idn_core *core);

struct idn_reply *idn_reply_add(
    struct idn_core *core, idn_peer peer, uint64_t request, uint32_t type);
// REFUSED; returns the text to be written, IDN_TEXT_SIZE bytes.
char *idn_refuse(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t code);
struct idn_order *idn_order_add(
    struct idn_core *core, const struct idn_worker *worker, uint32_t type);
// To a worker that is not (yet) in the registry.
struct idn_order *idn_order_to(struct idn_core *core, idn_peer peer, uint64_t nonce, uint32_t type);

// Begins a COMMIT: origin, epoch, time and kind are set, the rest is the caller's. The caller folds
// it into memory itself. Returns the fact, for this step only.
struct idn_fact *idn_commit(struct idn_core *core, uint32_t kind, const struct idn_key *job);
// A fact of the other broker's becomes ours: COPY, in order with our own commits. The caller folds
// it.
void idn_commit_copy(struct idn_core *core, const struct idn_stored_fact *fact);
// Everything up to position is durable. Then: when the oldest commit that is not was begun;
// UINT64_MAX when there is none.
void idn_commits_stored(struct idn_core *core, uint64_t position);
uint64_t idn_commits_oldest_ms(const struct idn_core *core);

// A line for the operator (core.h, tell); formats as idn_format.
void idn_tell(const struct idn_core *core, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// EXIT, and nothing more from this core.
void idn_core_exit(struct idn_core *core, const char *text);

#endif
