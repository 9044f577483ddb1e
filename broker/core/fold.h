// Facts into memory: at restore in commit order, later each one that this broker commits, and each
// one of the other broker's as it comes. What causes a fact comes before it; otherwise the result
// does not depend on the order of facts, nor on duplicates. Of an image:
//
//   what is there      what comes      becomes
//   nothing, leased    any             that; whoever holds its lease has less to do
//   quarantine         ok, error       that: a real result beats its quarantine
//   quarantine         LIFTED          nothing: its generation is void
//   error              ok              ok
//   error              error           stays: one of them is enough
//   ok                 error           stays
//   ok                 the same ok     stays
//   ok                 another ok      stays, and a conflict is counted
//
// Two stored ok results of an image make its job disputed, even if they look the same: memory knows
// three bits of each, so what the job ends with is read back (broker/core/refold.h).
//
// Void are: facts about a forgotten key; rows and quarantines of another specification than the one
// that counts for the key; quarantines of a generation that was lifted.
//
// Of the settings of one key the highest counts (broker/core/settings.h). Kinds that this version
// does not know are kept by the store and change nothing here.
#ifndef IDN_BROKER_CORE_FOLD_H
#define IDN_BROKER_CORE_FOLD_H

#include "broker/core/state.h"

// After START: a copied fact, after its COPY.
void idn_fold(struct idn_core *core, const struct idn_fact *fact);
void idn_fold_summary(struct idn_core *core, const struct idn_summary *summary);

struct idn_folded {
    uint32_t kept;        // rows that changed something or contradict: worth storing
    uint32_t fresh;       // images that had no result before
    uint32_t first, last; // of these, indexes in the job; if there are any
};

// Folds packed rows into the job and copies those worth keeping to `kept` (room for all of them;
// NULL: not wanted). Rows that are invalid or outside the job are dropped. A job without image
// pages keeps all the others and changes nothing: it is to be refolded. lease: whose report it is,
// or NULL.
struct idn_folded idn_fold_rows(struct idn_core *core, struct idn_job *job, const uint8_t *rows,
    uint32_t count, struct idn_lease *lease, uint8_t *kept);

// What else a report of results says: the class (the first pins the job) and the time spent.
void idn_fold_work(
    struct idn_core *core, struct idn_job *job, uint64_t class_hash, uint64_t compute_us);

// An image of a job with pages becomes quarantined, unless it has a result.
void idn_fold_quarantine(struct idn_core *core, struct idn_job *job, uint32_t index);

// Quarantines of the job up to this generation are void.
void idn_fold_lifted(
    struct idn_core *core, struct idn_job *job, uint32_t generation, uint64_t wall_ms);

// The job or upload of this key is gone for ever. False: too many keys are.
bool idn_fold_forgotten(struct idn_core *core, const struct idn_key *key);

#endif
