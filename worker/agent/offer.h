// Which models and data sets of the registry this worker offers to its broker.
#ifndef IDN_WORKER_AGENT_OFFER_H
#define IDN_WORKER_AGENT_OFFER_H

#include "proto/messages.h"
#include "weights/registry.h"

#include <stdbool.h>

struct idn_offer {
    uint32_t models, datasets, models_usable, datasets_usable;
    struct idn_holding model[IDN_MODELS_MAX];
    struct idn_holding dataset[IDN_DATASETS_MAX];
};

// Of an inspected registry: what has no problem, and of the rest what is missing, so that the
// broker can say it. An engine that reads no weights (replay) can also offer a model whose files
// are missing, when the configuration states its digest.
void idn_offer_make(
    const struct idn_registry *registry, bool engine_reads_weights, struct idn_offer *ret);
bool idn_offer_has_model(const struct idn_offer *offer, const char *name); // and it is usable

#endif
