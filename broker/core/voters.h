// What the workers' beats say of who reigns. Every worker that is heard has a voice, whether it
// said hello here or not; its latest beat counts, until it has been silent for five intervals.
// A broker without a peer asks only whether some have strayed.
#ifndef IDN_BROKER_CORE_VOTERS_H
#define IDN_BROKER_CORE_VOTERS_H

#include "broker/core/state.h"

// A beat. Without room for another voter it is not counted.
void idn_voters_heard(struct idn_core *core, const struct idn_worker_beat *beat);
// Those that fell silent lose their voice.
void idn_voters_judge(struct idn_core *core);
// After core->epoch has changed: the epochs obeyed are compared anew.
void idn_voters_recount(struct idn_core *core);

// More than half of the live voters ...
bool idn_voters_miss_the_active(const struct idn_core *core); // have not heard it for IDN_DEAD_MS
bool idn_voters_left(const struct idn_core *core); // obey a higher epoch than ours, and hear it
bool idn_voters_obey(const struct idn_core *core); // obey ours
// Some voter obeys a higher epoch than ours, and has not heard it for IDN_DEAD_MS.
bool idn_voters_strayed(const struct idn_core *core);

// Every live voter has said hello here.
bool idn_voters_all_greeted(const struct idn_core *core);

#endif
