#include "client/query.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RIGHT_FORM "write it as: Inference FIRST LAST MODEL, for example Inference 0 9999 alexnet"

static int parse_image(const char *what, const char *text, uint32_t *ret, struct idn_reason *reason)
{
    uint64_t value;

    if (text[0] == '-' && text[1] >= '0' && text[1] <= '9')
        return idn_reason_set(
            reason, -EINVAL, "the %s image is %s, but images are numbered from 0", what, text);
    switch (idn_parse_u64(text, UINT32_MAX - 1, &value)) {
    case 0:
        *ret = (uint32_t)value;
        return 0;
    case -ERANGE:
        return idn_reason_set(reason, -EINVAL,
            "the %s image is %s, but image numbers end at %" PRIu32, what, text, UINT32_MAX - 1);
    default:
        return idn_reason_set(
            reason, -EINVAL, "the %s image '%s' is not a whole number", what, text);
    }
}

static int parse_pair(const char *first_text, const char *last_text, uint32_t *ret_first,
    uint32_t *ret_last, struct idn_reason *reason)
{
    uint32_t first = 0, last = 0;
    int error = parse_image("first", first_text, &first, reason);

    if (error == 0)
        error = parse_image("last", last_text, &last, reason);
    if (error != 0)
        return error;
    if (last < first)
        return idn_reason_set(reason, -EINVAL,
            "the last image (%" PRIu32 ") comes before the first (%" PRIu32 ")", last, first);
    if (last - first >= IDN_JOB_IMAGES_MAX)
        return idn_reason_set(reason, -EINVAL,
            "%" PRIu32 " to %" PRIu32 " are %" PRIu64 " images, but a job has at most %d", first,
            last, (uint64_t)last - first + 1, IDN_JOB_IMAGES_MAX);
    *ret_first = first;
    *ret_last = last;
    return 0;
}

int idn_query_check_model(const char *model, struct idn_reason *reason)
{
    if (!idn_name_is_valid(model, IDN_NAME_SIZE))
        return idn_reason_set(reason, -EINVAL,
            "'%s' cannot be a name: it takes 1 to %d characters without spaces and quotes", model,
            IDN_NAME_SIZE - 1);
    return 0;
}

int idn_query_parse(const char *text, struct idn_query *ret, struct idn_reason *reason)
{
    enum { WORDS = 4 };
    char copy[256], *word[WORDS + 1], *rest = NULL;
    struct idn_query query;
    size_t count = 0;

    if (strlen(text) >= sizeof(copy))
        return idn_reason_set(reason, -EINVAL, "the query is too long; " RIGHT_FORM);
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *at = strtok_r(copy, " \t\n", &rest); at != NULL && count <= WORDS;
         at = strtok_r(NULL, " \t\n", &rest))
        word[count++] = at;
    if (count != WORDS || strcasecmp(word[0], "inference") != 0)
        return idn_reason_set(reason, -EINVAL, "'%s' is not a query; " RIGHT_FORM, text);
    int error = parse_pair(word[1], word[2], &query.first, &query.last, reason);
    if (error == 0)
        error = idn_query_check_model(word[3], reason);
    if (error != 0)
        return error;
    (void)snprintf(query.model, sizeof(query.model), "%s", word[3]);
    *ret = query;
    return 0;
}

int idn_query_parse_range(
    const char *text, uint32_t *ret_first, uint32_t *ret_last, struct idn_reason *reason)
{
    char copy[128];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    char *dots = strstr(copy, "..");
    if (dots == NULL || dots == copy || dots[2] == '\0' || strlen(text) >= sizeof(copy))
        return idn_reason_set(reason, -EINVAL,
            "'%.100s' is not a range; write it as FIRST..LAST, for example 0..9999", text);
    *dots = '\0';
    return parse_pair(copy, dots + 2, ret_first, ret_last, reason);
}
