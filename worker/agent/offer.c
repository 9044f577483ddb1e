#include "worker/agent/offer.h"

#include <string.h>
#include <unistd.h>

static void add(struct idn_holding *holding, const char name[static IDN_NAME_SIZE],
    const struct idn_sha256 *digest, uint32_t lack)
{
    memcpy(holding->name, name, IDN_NAME_SIZE);
    holding->lack = lack;
    if (lack == IDN_LACK_NONE)
        holding->digest = *digest;
}

static uint32_t model_lack(const struct idn_model *model, bool engine_reads_weights)
{
    if (model->problem[0] == '\0' || (!engine_reads_weights && model->has_stated_digest))
        return IDN_LACK_NONE;
    if (access(model->cfg, F_OK) != 0)
        return IDN_LACK_CFG;
    return access(model->weights, F_OK) != 0 ? IDN_LACK_WEIGHTS : IDN_LACK_OTHER;
}

static uint32_t dataset_lack(const struct idn_dataset *dataset)
{
    if (dataset->problem[0] == '\0')
        return IDN_LACK_NONE;
    return access(dataset->list, F_OK) != 0 ? IDN_LACK_LIST : IDN_LACK_OTHER;
}

void idn_offer_make(
    const struct idn_registry *registry, bool engine_reads_weights, struct idn_offer *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; i < registry->models && ret->models < IDN_MODELS_MAX; i++) {
        const struct idn_model *model = &registry->model[i];
        uint32_t lack = model_lack(model, engine_reads_weights);
        add(&ret->model[ret->models++], model->name, &model->digest, lack);
        ret->models_usable += lack == IDN_LACK_NONE;
    }
    for (uint32_t i = 0; i < registry->datasets && ret->datasets < IDN_DATASETS_MAX; i++) {
        const struct idn_dataset *dataset = &registry->dataset[i];
        uint32_t lack = dataset_lack(dataset);
        add(&ret->dataset[ret->datasets++], dataset->name, &dataset->digest, lack);
        ret->datasets_usable += lack == IDN_LACK_NONE;
    }
}

bool idn_offer_has_model(const struct idn_offer *offer, const char *name)
{
    for (uint32_t i = 0; i < offer->models; i++)
        if (strcmp(offer->model[i].name, name) == 0)
            return offer->model[i].lack == IDN_LACK_NONE;
    return false;
}
