// The dispatch rule: who works on what next. The rule itself is the table at the head of
// dispatch.c.
#ifndef IDN_BROKER_CORE_DISPATCH_H
#define IDN_BROKER_CORE_DISPATCH_H

#include "broker/core/state.h"

// At the end of each step.
void idn_dispatch(struct idn_core *core);

// What is tried again at each beat: urgent work, and work stealing at the tail.
void idn_dispatch_at_beat(struct idn_core *core);

// Asserts that nobody is idle who could work.
void idn_dispatch_check(const struct idn_core *core);

// Whether leases are granted at all now.
bool idn_dispatch_is_open(const struct idn_core *core);
// Whether there is anybody who may be granted images of the job now, busy or not.
bool idn_dispatch_can_serve(const struct idn_core *core, const struct idn_job *job);

#endif
