// Every fact that ever was, by (incarnation, sequence): a name stands for one content for ever, an
// epoch for one reign, and a fact is recorded by the broker whose incarnation it bears.
#ifndef IDN_TESTS_SIM_LEDGER_H
#define IDN_TESTS_SIM_LEDGER_H

#include "tests/sim/sim.h"

// Returns its index in the ledger.
uint32_t sim_ledger_start(struct sim *sim, uint32_t broker, uint64_t incarnation);
uint32_t sim_ledger_find(struct sim *sim, uint64_t incarnation);
void sim_ledger_record(struct sim *sim, uint32_t broker, const struct idn_fact *fact);
void sim_ledger_compare(struct sim *sim, const struct idn_fact *fact, bool emptied);
// A reign is stored, here or there: at most one an epoch, and at most one for each change, so that
// a cluster that is left alone keeps its active broker.
void sim_ledger_reign(struct sim *sim, const struct idn_fact *fact);
void sim_ledger_reign_lost(struct sim *sim, const struct idn_fact *fact); // by every disk
void sim_ledger_fini(struct sim *sim);

// Something about the network or the processes changed: one more reign may follow from it.
void sim_ledger_change(struct sim *sim);

#endif
