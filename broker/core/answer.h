// Answers to questions that change nothing (idn_core_answer), and how a job is found by its name.
#ifndef IDN_BROKER_CORE_ANSWER_H
#define IDN_BROKER_CORE_ANSWER_H

#include "broker/core/state.h"

// The job with this name. NULL: refusal says why (UNKNOWN_JOB, AMBIGUOUS).
struct idn_job *idn_job_named(
    const struct idn_core *core, const struct idn_job_name *name, struct idn_reply *refusal);

#endif
