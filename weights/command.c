#include "weights/command.h"

#include "base/text.h"

#include <string.h>

struct idn_model *idn_weights_find(struct idn_registry *registry, const char *name)
{
    const char *names[IDN_MODELS_MAX];

    for (uint32_t i = 0; i < registry->models; i++) {
        if (strcmp(registry->model[i].name, name) == 0)
            return &registry->model[i];
        names[i] = registry->model[i].name;
    }
    const char *nearest = idn_nearest(name, names, registry->models);
    if (nearest != NULL)
        (void)idn_program_fail(
            IDN_WEIGHTS, "there is no model '%s'; the nearest is '%s'", name, nearest);
    else
        (void)idn_program_fail(IDN_WEIGHTS,
            "there is no model '%s'; `idunno-weights check` lists those of the configuration",
            name);
    return NULL;
}
