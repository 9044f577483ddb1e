// What people are told of the measurements: the replies RATES and TIMES.
#ifndef IDN_BROKER_CORE_RATES_H
#define IDN_BROKER_CORE_RATES_H

#include "broker/core/state.h"

// Of an open job; without what the formula wants for it.
void idn_rate_info_of(const struct idn_core *core, const struct idn_job *job, uint64_t now,
    struct idn_rate_info *ret);

// What the formula of the static policy wants (shares.h), by the mean times of whole tasks: workers
// in proportion to weight * time, for each of the jobs that share (sharing.h), whether or not each
// worker could serve it. Fills it in for a page of jobs, the newest first, that follow
// each other in the list of open ones. Not known as long as no task of one of their models was
// seen; nor whole workers, with more such jobs than workers.
void idn_rates_want(const struct idn_core *core, const struct idn_job *oldest, uint32_t count,
    struct idn_rate_info *items);

// The first page's head.
void idn_rates_head(const struct idn_core *core, uint64_t now, struct idn_rates_page *page);

void idn_times_info_of(const struct idn_core *core, uint32_t model, struct idn_times_info *ret);

#endif
