// What people are told: jobs, workers, models, data sets, the broker itself.
#ifndef IDN_BROKER_CORE_INFO_H
#define IDN_BROKER_CORE_INFO_H

#include "broker/core/state.h"

// now: the core's time.
void idn_job_info_of(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_job_info *ret);
void idn_worker_info_of(const struct idn_core *core, const struct idn_worker *worker, uint64_t now,
    struct idn_worker_info *ret);
// Of a name that is drained while no worker has it.
void idn_drained_info_of(const struct idn_drained_name *name, struct idn_worker_info *ret);
void idn_assignment_info_of(
    const struct idn_worker *worker, uint64_t now, struct idn_assignment_info *ret);
void idn_model_info_of(const struct idn_core *core, uint32_t index, struct idn_entry_info *ret);
void idn_dataset_info_of(const struct idn_core *core, uint32_t index, struct idn_entry_info *ret);
void idn_status_info_of(const struct idn_core *core, uint64_t now, struct idn_status_info *ret);

#endif
