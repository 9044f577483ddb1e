// Who works on a job now, of those that can.
#ifndef IDN_BROKER_CORE_WHY_WORKING_H
#define IDN_BROKER_CORE_WHY_WORKING_H

#include "broker/core/state.h"

#include "base/human.h"

// Adds the fact that says so, if there is anything to say; able: workers that may be given its
// images.
void idn_why_working(const struct idn_core *core, const struct idn_job *job, uint32_t able,
    struct idn_why_info *info);

// Workers that work on it: whose first lease is of it. Each works on one job at most.
uint32_t idn_job_workers(const struct idn_job *job);

// "1 image is", "8,800 images are".
struct idn_human idn_why_images(uint32_t count);

#endif
