#include "weights/command.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int idn_weights_say(int status, const char *format, ...)
{
    va_list arguments;

    (void)fprintf(stderr, "idunno-weights: ");
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\n");
    return status;
}

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
        (void)idn_weights_say(0, "there is no model '%s'; the nearest is '%s'", name, nearest);
    else
        (void)idn_weights_say(0,
            "there is no model '%s'; `idunno-weights check` lists those of the configuration",
            name);
    return NULL;
}

void idn_weights_show(const char *what, uint64_t percent)
{
    static uint64_t shown = UINT64_MAX;

    if (!isatty(2) || percent == shown)
        return;
    shown = percent;
    (void)fprintf(stderr, "\r%s: %" PRIu64 " %%%s", what, percent, percent >= 100 ? "\n" : "");
}
