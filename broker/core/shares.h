// static, the policy to compare with: whole workers are set aside for each job, in proportion to
// weight * mean time of a task, so that all complete tasks at the same rate as far as whole workers
// allow. Apportioned by J. Q. Adams' method (M. L. Balinski and H. P. Young, Fair Representation,
// 1982): the next worker goes to the job with the most need for each that it has, so each gets one
// as long as there are enough.
//
// Done anew when a worker joined or left, a job was accepted or ended, a weight or batch was set,
// or the time of a task became known; until then it is taken to be the mean of the others'.
#ifndef IDN_BROKER_CORE_SHARES_H
#define IDN_BROKER_CORE_SHARES_H

#include "broker/core/state.h"

// What the apportionment goes by has changed.
void idn_shares_changed(struct idn_core *core);
// Apportions anew if it has; a worker stays with its job if that keeps enough of them.
void idn_shares_settle(struct idn_core *core);
// The open job that the worker is set aside for, or NULL.
struct idn_job *idn_shares_job(const struct idn_core *core, const struct idn_worker *worker);

// Adams' apportionment of `workers` among jobs with these needs (none 0, each below 2^50).
void idn_shares_apportion(
    const uint64_t *need, uint32_t jobs, uint32_t workers, uint16_t *ret_share);

#endif
