// What the configurations of two brokers should say alike, as numbers to compare: of the models and
// of the data sets that this broker can use, in whatever order they are declared. For people.
#ifndef IDN_BROKER_CORE_ALIKE_H
#define IDN_BROKER_CORE_ALIKE_H

#include "broker/core/state.h"

uint64_t idn_alike_models(const struct idn_core *core); // names, digests, configured batches
uint64_t idn_alike_datasets(const struct idn_core *core);

#endif
