// Urgent work: runs of images that came back from a worker that fell silent. They go before all
// other work until somebody has taken them; when nobody is idle, a worker is trimmed for them
// (dispatch.c), so that they are computed again soon, whatever the others hold.
#ifndef IDN_BROKER_CORE_URGENT_H
#define IDN_BROKER_CORE_URGENT_H

#include "broker/core/state.h"

// The lease's worker fell silent; the lease is about to be closed.
void idn_urgent_add(struct idn_core *core, const struct idn_lease *lease);

// The first image for this worker to take, which it takes now. NULL: there is none.
struct idn_job *idn_urgent_take(
    struct idn_core *core, const struct idn_worker *worker, uint32_t *ret_first);

// Its job; NULL: nothing of it is left, and it is forgotten.
const struct idn_job *idn_urgent_job(struct idn_core *core, struct idn_urgent *urgent);

#endif
