// What an operator asks of the role machine: SWITCH hands the reign to the standby, BOOTSTRAP lets
// a LEARNER reign with what it has. Requests come through broker/core/roles.h.
#ifndef IDN_BROKER_CORE_SWITCH_H
#define IDN_BROKER_CORE_SWITCH_H

#include "broker/core/state.h"

// While YIELDING: HANDOVER as soon as the standby has every fact; after IDN_HANDOVER_MS, or when
// the standby is lost before it was asked, the reign goes on.
void idn_switch_settle(struct idn_core *core);
uint64_t idn_switch_deadline(const struct idn_core *core);

void idn_switch_reigns(struct idn_core *core);       // a reign has begun: BOOTSTRAP is answered
void idn_switch_stepped_down(struct idn_core *core); // another reigns: SWITCH is answered

#endif
