// Who fell silent, and what becomes of what it held.
//
//   silent for        becomes      its leases
//   3 beats           SUSPECTED    go to others at once (urgent.h), if somebody who was heard just
//                                  now can serve them; the worker says hello when it is back
//   5 beats           DEAD         go to others; what was in its child becomes suspect (poison.h)
//
// When nobody at all was heard for a while it is the network, or this broker: then suspicion takes
// nothing away, and everybody has two beats to come back before it does again.
#ifndef IDN_BROKER_CORE_SILENCE_H
#define IDN_BROKER_CORE_SILENCE_H

#include "broker/core/state.h"

// A worker was heard, whoever it is: before its own presence changes.
void idn_silence_broken(struct idn_core *core);
// Whether somebody is back after everybody was silent: the others may follow.
bool idn_silence_is_reunion(const struct idn_core *core);

void idn_silence_judge(struct idn_core *core);
uint64_t idn_silence_deadline(const struct idn_core *core); // when the next one may be judged

// At each beat: takes back what suspected workers still hold, if it can be served by now.
void idn_silence_doubt(struct idn_core *core);
// Once a second: those that are heard but do not get on.
void idn_silence_sweep(struct idn_core *core);

#endif
