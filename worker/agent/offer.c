#include "worker/agent/offer.h"

#include <string.h>

static void add(struct idn_holding *holding, const char name[static IDN_NAME_SIZE],
    const struct idn_sha256 *digest)
{
    memcpy(holding->name, name, IDN_NAME_SIZE);
    holding->digest = *digest;
}

void idn_offer_make(
    const struct idn_registry *registry, bool engine_reads_weights, struct idn_offer *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; i < registry->models && ret->models < IDN_MODELS_MAX; i++) {
        const struct idn_model *model = &registry->model[i];
        bool usable =
            model->problem[0] == '\0' || (!engine_reads_weights && model->has_stated_digest);
        if (usable)
            add(&ret->model[ret->models++], model->name, &model->digest);
    }
    for (uint32_t i = 0; i < registry->datasets && ret->datasets < IDN_DATASETS_MAX; i++) {
        const struct idn_dataset *dataset = &registry->dataset[i];
        if (dataset->problem[0] == '\0')
            add(&ret->dataset[ret->datasets++], dataset->name, &dataset->digest);
    }
}

bool idn_offer_has_model(const struct idn_offer *offer, const char *name)
{
    for (uint32_t i = 0; i < offer->models; i++)
        if (strcmp(offer->model[i].name, name) == 0)
            return true;
    return false;
}
