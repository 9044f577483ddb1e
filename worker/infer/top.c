#include "worker/infer/top.h"

#include <math.h>

void idn_top_failed(uint32_t index, uint8_t status, struct idn_result *ret)
{
    *ret = (struct idn_result){.index = index, .status = status};
    for (int i = 0; i < IDN_TOP; i++)
        ret->class_id[i] = IDN_NO_CLASS;
}

static float clamp(float probability)
{
    if (probability <= 0.0f) // also -0, which would have other bits
        return 0.0f;
    return probability > 1.0f ? 1.0f : probability;
}

// Classes come in rising order, so an equal probability stays behind those before it.
static void insert(struct idn_result *result, uint32_t class_id, float probability)
{
    int at = IDN_TOP;

    while (at > 0 &&
           (result->class_id[at - 1] == IDN_NO_CLASS || probability > result->probability[at - 1]))
        at--;
    for (int i = IDN_TOP - 1; i > at; i--) {
        result->class_id[i] = result->class_id[i - 1];
        result->probability[i] = result->probability[i - 1];
    }
    if (at < IDN_TOP) {
        result->class_id[at] = class_id;
        result->probability[at] = probability;
    }
}

void idn_top(uint32_t index, const float *probabilities, uint32_t classes, struct idn_result *ret)
{
    idn_top_failed(index, IDN_STATUS_OK, ret);
    for (uint32_t i = 0; i < classes; i++) {
        if (!isfinite(probabilities[i])) {
            idn_top_failed(index, IDN_STATUS_NOT_FINITE, ret);
            return;
        }
        insert(ret, i, clamp(probabilities[i]));
    }
}
