// Facts into memory: at restore in commit order, later each one that this broker commits. The
// result does not depend on the order of facts about different images, nor on duplicates.
//
//   what is there      what comes      becomes
//   nothing            any             that
//   quarantine         ok, error       that: a real result beats its quarantine
//   error              ok              ok
//   error              error           stays: one of them is enough
//   ok                 error           stays
//   ok                 the same ok     stays
//   ok                 another ok      stays, and a conflict is counted
//
// Kinds that no request of this version makes (LIFTED, SETTING) and kinds that it does not know are
// kept by the store and change nothing here.
#ifndef IDN_BROKER_CORE_FOLD_H
#define IDN_BROKER_CORE_FOLD_H

#include "broker/core/state.h"

void idn_fold(struct idn_core *core, const struct idn_fact *fact);
void idn_fold_summary(struct idn_core *core, const struct idn_summary *summary);

struct idn_folded {
    uint32_t kept;  // rows that changed something or contradict: worth storing
    uint32_t fresh; // images that had no result before
};

// Folds packed rows into the job and copies those worth keeping to `kept` (room for all of them;
// NULL: not wanted). Rows that are invalid or outside the job are dropped. A job without image
// pages keeps all the others and changes nothing: it is to be refolded. lease: whose report it is,
// or NULL.
struct idn_folded idn_fold_rows(struct idn_core *core, struct idn_job *job, const uint8_t *rows,
    uint32_t count, struct idn_lease *lease, uint8_t *kept);

// What else a report of results says: the class (the first pins the job) and the time spent.
void idn_fold_work(struct idn_job *job, uint64_t class_hash, uint64_t compute_us);

// An image that has no result becomes quarantined. False: it has one.
bool idn_fold_quarantine(struct idn_core *core, struct idn_job *job, uint32_t index);

#endif
