// Why a job waits, or how fast it is: what WHY tells. It says only what the predicates say by which
// dispatch decides, so that the two cannot differ.
#ifndef IDN_BROKER_CORE_WHY_H
#define IDN_BROKER_CORE_WHY_H

#include "broker/core/state.h"

// now: the core's time. Looks at every worker once and at every open job a few times.
void idn_why(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_why_info *ret);
// The same of a list that is being uploaded, and is no job yet.
void idn_why_upload(const struct idn_upload *upload, struct idn_why_info *ret);

// In one sentence: why no image of an open job moves, and whether its key has two specifications;
// or "".
void idn_job_why(const struct idn_core *core, const struct idn_job *job, char *text, size_t size);

// One more fact of this code, all zero.
struct idn_why_fact *idn_why_add(struct idn_why_info *info, uint32_t code);

// The code of what keeps all workers from being given anything of any job; 0: some may be given
// work, or none is there. How many are there, and how many of them are hindered by what.
uint32_t idn_why_nobody_works(
    const struct idn_core *core, uint32_t *ret_there, struct idn_hindered *ret);

#endif
