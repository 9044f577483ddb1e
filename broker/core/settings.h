// What can be set while the cluster runs. A setting is a fact; of those of one key, and of one job,
// the highest counts (idn_fact_order), so that brokers that were apart come to the same.
//
//   key            value                 of        effect
//   batch/MODEL    1 .. IDN_BATCH_MAX    a model   images a task, of tasks cut from then on
//   weight         1 .. IDN_WEIGHT_MAX   a job     its share
//   drain/WORKER   1 or 0                a worker  1: it gets nothing new, and keeps of its leases
//                                                  what it has begun (workers.h)
//
// Virtual times (policy.h) go on from where they are when a batch or a weight changes.
#ifndef IDN_BROKER_CORE_SETTINGS_H
#define IDN_BROKER_CORE_SETTINGS_H

#include "broker/core/state.h"

// A SETTING fact. Keys and values that this version does not know, and models that this broker does
// not have, change nothing. False: too many workers were ever drained.
bool idn_settings_fold(struct idn_core *core, const struct idn_fact *fact);

// SET: refused with a sentence, or committed, and ACCEPTED when stored.
void idn_settings_request(struct idn_core *core, idn_peer peer, const struct idn_request *request);

#endif
