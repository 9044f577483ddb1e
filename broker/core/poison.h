// Images that kill the process that reads them. Who was in the child when it died is suspected and
// leased alone from then on; three deaths alone, on two workers if there are two, quarantine it.
// The counts are soft: a restart of the broker costs a few more deaths.
#ifndef IDN_BROKER_CORE_POISON_H
#define IDN_BROKER_CORE_POISON_H

#include "broker/core/state.h"

// A report that ends with DEATH, after its lease was closed.
void idn_poison_death(struct idn_core *core, const struct idn_worker *worker, struct idn_job *job,
    const struct idn_worker_message *message);

// The whole worker fell silent and its leases are closed. What was in its child becomes suspect,
// but no death is counted: it is not known what died.
void idn_poison_host_died(struct idn_core *core, struct idn_worker *worker);

// The first image of the job that may be leased to this worker; its total when there is none.
uint32_t idn_poison_next(
    struct idn_core *core, struct idn_job *job, const struct idn_worker *worker);
bool idn_poison_has_work(
    const struct idn_core *core, const struct idn_job *job, const struct idn_worker *worker);

#endif
