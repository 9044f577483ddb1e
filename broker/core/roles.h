// Who reigns (docs/PROTOCOL.md, "Roles"). One machine, all its moves in one table (roles.c).
//
//   at start                                       becomes
//   no peer configured                             a reign begins
//   a peer, and the store is empty or lost facts   LEARNER
//   a peer, and the store is not empty             STANDBY
//
//   LEARNER --exchanged, or bootstrap--> STANDBY --takes over--> (REIGN stored) --> ACTIVE, ALONE
//                                           ^                                            |
//                                           '------ steps down: a higher epoch reigns ---'
//
// ACTIVE and ALONE differ only in whether a standby is in sync (broker/core/mirror.h).
#ifndef IDN_BROKER_CORE_ROLES_H
#define IDN_BROKER_CORE_ROLES_H

#include "broker/core/state.h"

// Counters above this are no epochs: whoever reaches a port may claim one.
#define IDN_EPOCH_COUNTER_MAX (UINT64_C(1) << 48)

void idn_roles_start(struct idn_core *core, bool tail_lost);

// From the mirror link.
void idn_roles_peer(struct idn_core *core);      // each frame: core->mirror has its role and epoch
void idn_roles_exchanged(struct idn_core *core); // both have what the other had
void idn_roles_handover(struct idn_core *core, struct idn_epoch epoch); // asked to reign
// From workers and clients.
void idn_roles_beat(struct idn_core *core, const struct idn_worker_beat *beat);
void idn_roles_asked(struct idn_core *core, uint32_t unheard_ms); // by a client
void idn_roles_stalled(struct idn_core *core, uint64_t ms);
// Requests: SWITCH, BOOTSTRAP. Answer or promise an answer.
void idn_roles_switch(struct idn_core *core, idn_peer peer, const struct idn_request *request);
void idn_roles_bootstrap(struct idn_core *core, idn_peer peer, const struct idn_request *request);

// In each step, before anything is granted or promised.
void idn_roles_settle(struct idn_core *core);
uint64_t idn_roles_deadline(const struct idn_core *core);

enum idn_role idn_core_role(const struct idn_core *core);
// What frames and beats say: the reign when there is one, otherwise the highest epoch stored.
struct idn_epoch idn_roles_epoch(const struct idn_core *core);
// May leases be granted, and durability be promised, now? (Not while handing over, nor after a
// stall until the reign is confirmed.)
bool idn_roles_may_grant(const struct idn_core *core);
bool idn_roles_may_promise(const struct idn_core *core);
// Whether another broker may hold what this one does not know: then UNKNOWN_HERE, never "no such".
bool idn_roles_may_lack(const struct idn_core *core);

#endif
