// The open jobs with pending images in order: by rank, then by key; those of each model apart, so
// that a worker need not look at what it does not hold. A treap: a search tree by rank whose shape
// is that of a heap by numbers that look random, which keeps it O(log n) deep whatever is put in.
#ifndef IDN_BROKER_CORE_RANKING_H
#define IDN_BROKER_CORE_RANKING_H

#include "broker/core/state.h"

// Puts the job in, or where its new rank belongs.
void idn_ranking_put(struct idn_core *core, struct idn_job *job, int64_t rank);
void idn_ranking_remove(struct idn_core *core, struct idn_job *job); // if it is in

// Those of a model (or of IDN_NONE) in order; NULL: no more.
struct idn_job *idn_ranking_first(const struct idn_core *core, int32_t model);
struct idn_job *idn_ranking_next(const struct idn_core *core, const struct idn_job *job);

#endif
