// Who reigns (docs/PROTOCOL.md, "Roles"). One machine, all its moves in one table (roles.c).
//
//   at start                                       becomes
//   no peer configured                             a reign begins
//   a peer, and the store is empty or lost facts   LEARNER
//   a peer, and the store is not empty             STANDBY
//
//             exchanged         begins a reign        REIGN stored          SWITCH
//   LEARNER ------------> STANDBY ------------> RISING ------------> REIGNING ------> YIELDING
//      |                     ^                    ^                     | ^ <------      |
//      |      bootstrap      |                    |                     |   in vain      |
//      '---------------------|--------------------'                     |                |
//                            '------------- a higher epoch reigns ------'----------------'
//
// What others are told (enum idn_role): RISING is still a STANDBY; REIGNING and YIELDING are
// ACTIVE, or ALONE while no standby is in sync (broker/core/mirror.h). A reign that must get above
// an epoch that nobody holds any more is renewed in place: a higher REIGN is stored, nothing else
// changes.
#ifndef IDN_BROKER_CORE_ROLES_H
#define IDN_BROKER_CORE_ROLES_H

#include "broker/core/state.h"

// Counters above this are no epochs.
#define IDN_EPOCH_COUNTER_MAX (UINT64_C(1) << 48)
// Whoever reaches a port may claim to obey one. What is further above those in the facts than the
// reigns of years is none, or one message would use the counters up.
#define IDN_EPOCH_CLAIM_MAX (UINT64_C(1) << 20)

void idn_roles_start(struct idn_core *core, bool tail_lost);

// From the mirror link.
void idn_roles_peer(struct idn_core *core);      // each frame: core->mirror has its role and epoch
void idn_roles_exchanged(struct idn_core *core); // both have what the other had
// Asked to reign, because of a SWITCH with this id.
void idn_roles_handover(struct idn_core *core, struct idn_epoch epoch, uint64_t request);
// From workers and clients.
void idn_roles_beat(struct idn_core *core, const struct idn_worker_beat *beat);
void idn_roles_saw(struct idn_core *core, struct idn_epoch epoch);            // that a worker obeys
bool idn_roles_is_claim(const struct idn_core *core, struct idn_epoch epoch); // it may be one
void idn_roles_asked(struct idn_core *core, uint32_t unheard_ms);             // by a client
void idn_roles_stalled(struct idn_core *core, uint64_t ms);
// Requests: SWITCH, BOOTSTRAP (switch.c). Answer or promise an answer.
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
// Why this broker does not do what the active one does; a sentence for a person.
void idn_roles_why(const struct idn_core *core, char *text, size_t size);

// For the files of the machine only.
bool idn_roles_peer_reigns(const struct idn_core *core);          // as it said last
void idn_roles_move(struct idn_core *core, enum idn_stage stage); // asserts that the table has it
void idn_roles_begin_reign(struct idn_core *core, uint64_t counter_least); // stores REIGN

#endif
