// What people type: queries and ranges. What is accepted is within the limits, and says the same
// when it is written out again; what is refused is refused with a sentence.
#include "client/query.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_pair(uint32_t first, uint32_t last)
{
    IDN_ASSERT(first <= last && last < UINT32_MAX);
    IDN_ASSERT(last - first < IDN_JOB_IMAGES_MAX);
}

static void check_refusal(int error, const struct idn_reason *reason)
{
    IDN_ASSERT(error < 0);
    fuzz_check_reason(reason);
}

static void try_query(const char *text)
{
    struct idn_query query, again;
    struct idn_reason reason = {.text = ""};
    char written[256];
    int error = idn_query_parse(text, &query, &reason);

    if (error != 0) {
        check_refusal(error, &reason);
        return;
    }
    check_pair(query.first, query.last);
    IDN_ASSERT(idn_query_check_model(query.model, NULL) == 0);
    (void)snprintf(written, sizeof(written), "inference %" PRIu32 " %" PRIu32 " %s", query.first,
        query.last, query.model);
    IDN_ASSERT(idn_query_parse(written, &again, NULL) == 0);
    IDN_ASSERT(again.first == query.first && again.last == query.last);
    IDN_ASSERT(strcmp(again.model, query.model) == 0);
}

static void try_range(const char *text)
{
    uint32_t first, last, first_again, last_again;
    struct idn_reason reason = {.text = ""};
    char written[64];
    int error = idn_query_parse_range(text, &first, &last, &reason);

    if (error != 0) {
        check_refusal(error, &reason);
        return;
    }
    check_pair(first, last);
    (void)snprintf(written, sizeof(written), "%" PRIu32 "..%" PRIu32, first, last);
    IDN_ASSERT(idn_query_parse_range(written, &first_again, &last_again, NULL) == 0);
    IDN_ASSERT(first_again == first && last_again == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    IDN_ASSERT(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    try_query(text);
    try_range(text);
    free(text);
    return 0;
}
