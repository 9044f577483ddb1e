// What WHY tells of a job that has ended: since when, and what became of its images.
#ifndef IDN_BROKER_CORE_WHY_ENDED_H
#define IDN_BROKER_CORE_WHY_ENDED_H

#include "broker/core/state.h"

void idn_why_ended(
    const struct idn_core *core, const struct idn_job *job, struct idn_why_info *info);

#endif
