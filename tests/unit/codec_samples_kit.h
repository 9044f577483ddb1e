// What samples of messages are filled with: numbers that never repeat, names as long as they can
// be.
#ifndef IDN_TESTS_UNIT_CODEC_SAMPLES_KIT_H
#define IDN_TESTS_UNIT_CODEC_SAMPLES_KIT_H

#include "tests/unit/codec_samples.h"

#include <stdio.h>
#include <string.h>

extern uint32_t sample_most;   // of sample_at_most
extern uint32_t sample_serial; // no two numbers of a message are equal

static inline uint32_t many(uint32_t limit)
{
    return limit < sample_most ? limit : sample_most;
}

static inline uint32_t next(void)
{
    return ++sample_serial;
}

static inline uint64_t next_wide(void)
{
    return (uint64_t)next() << 40 | next();
}

static inline void fill(void *bytes, size_t size)
{
    memset(bytes, (int)(next() & 0x7f) + 1, size);
}

// As long as a name or a text can be.
static inline void name(char *to, size_t size)
{
    int length = snprintf(to, size, "n%u-", next());

    memset(to + length, 'x', size - 1 - (size_t)length);
    to[size - 1] = '\0';
}
#define NAME(field) name(field, sizeof(field))

static inline struct idn_epoch epoch(void)
{
    return (struct idn_epoch){.counter = next_wide(), .broker = 'b'};
}

static inline struct idn_lease_id lease(void)
{
    return (struct idn_lease_id){.epoch = epoch(), .serial = next_wide()};
}

static inline void spec(struct idn_job_spec *to)
{
    NAME(to->model);
    NAME(to->dataset);
    fill(&to->model_digest, sizeof(to->model_digest));
    fill(&to->list_digest, sizeof(to->list_digest));
    to->first = next();
    to->last = next();
    to->list_bytes = next_wide();
    NAME(to->client);
    to->weight = IDN_WEIGHT_MAX;
}

#endif
