#include "client/ctl_speeds.h"

#include "base/assert.h"

#include <stdlib.h>

static bool keep(void *context, const struct idunno_rate *rate)
{
    struct idn_ctl_speeds *speeds = context;

    if (speeds->count == speeds->room) {
        speeds->room = 2 * speeds->room + 16;
        speeds->job = realloc(speeds->job, speeds->room * sizeof(*speeds->job));
        IDN_ASSERT(speeds->job != NULL);
    }
    speeds->job[speeds->count++] = *rate;
    return true;
}

// The broker lists the newest first.
enum idunno_code idn_ctl_speeds_take(struct idn_ctl *ctl, struct idn_ctl_speeds *ret)
{
    *ret = (struct idn_ctl_speeds){.job = NULL};
    enum idunno_code code = idunno_rates(ctl->idunno, keep, ret, &ret->pace);

    for (size_t i = 0; i < ret->count / 2; i++) {
        struct idunno_rate rate = ret->job[i];
        ret->job[i] = ret->job[ret->count - 1 - i];
        ret->job[ret->count - 1 - i] = rate;
    }
    return code;
}

void idn_ctl_speeds_free(struct idn_ctl_speeds *speeds)
{
    free(speeds->job);
}
