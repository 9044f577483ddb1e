#include "broker/core/alike.h"

#include "proto/fact.h"

// An entry is hashed as the specification of a job that means it; a sum does not mind the order.
uint64_t idn_alike_models(const struct idn_core *core)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < core->models; i++) {
        const struct idn_core_model *model = &core->model[i];
        struct idn_job_spec spec = {
            .model_digest = model->digest, .last = core->batch_configured[i]};
        idn_copy_text(spec.model, sizeof(spec.model), model->name);
        sum += model->problem[0] == '\0' ? idn_spec_hash(&spec) : 0;
    }
    return sum;
}

uint64_t idn_alike_datasets(const struct idn_core *core)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < core->datasets; i++) {
        const struct idn_core_dataset *dataset = &core->dataset[i];
        struct idn_job_spec spec = {.list_digest = dataset->digest, .last = dataset->images};
        idn_copy_text(spec.dataset, sizeof(spec.dataset), dataset->name);
        sum += dataset->problem[0] == '\0' ? idn_spec_hash(&spec) : 0;
    }
    return sum;
}
