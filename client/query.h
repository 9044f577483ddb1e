// The line that a user writes: "Inference 0 9999 alexnet", and ranges "0..9999". Only the text is
// judged here; whether model and images exist the broker knows.
#ifndef IDN_CLIENT_QUERY_H
#define IDN_CLIENT_QUERY_H

#include "base/error.h"
#include "proto/limits.h"

#include <stdint.h>

struct idn_query {
    uint32_t first, last; // inclusive, at most IDN_JOB_IMAGES_MAX images
    char model[IDN_NAME_SIZE];
};

// -EINVAL with a sentence that names the offending part and the right form.
int idn_query_parse(const char *text, struct idn_query *ret, struct idn_reason *reason);

int idn_query_parse_range(
    const char *text, uint32_t *ret_first, uint32_t *ret_last, struct idn_reason *reason);

int idn_query_check_model(const char *model, struct idn_reason *reason);

#endif
