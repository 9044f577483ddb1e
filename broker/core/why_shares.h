// The jobs that share workers with a job, and what the policy gives to each.
#ifndef IDN_BROKER_CORE_WHY_SHARES_H
#define IDN_BROKER_CORE_WHY_SHARES_H

#include "broker/core/state.h"

// Fills info->share, and adds the fact that says how this job stands among them, if there are any.
void idn_why_shares(const struct idn_core *core, const struct idn_job *job, uint64_t now,
    struct idn_why_info *info);

#endif
