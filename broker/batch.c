#include "broker/batch.h"

#include "base/assert.h"
#include "proto/result.h"

#include <stdlib.h>
#include <string.h>

// What a decoded fact points to, or NULL.
static const uint8_t **bytes_of(struct idn_stored_fact *fact, size_t *ret_size)
{
    if (!fact->decoded)
        return NULL;
    if (fact->fact.kind == IDN_FACT_RESULTS) {
        *ret_size = (size_t)fact->fact.u.results.count * IDN_ROW_BYTES;
        return &fact->fact.u.results.rows;
    }
    if (fact->fact.kind == IDN_FACT_LIST_PART) {
        *ret_size = fact->fact.u.list_part.size;
        return &fact->fact.u.list_part.bytes;
    }
    return NULL;
}

static const uint8_t *duplicate(const uint8_t *bytes, size_t size)
{
    if (bytes == NULL)
        return NULL;
    uint8_t *own = malloc(size + 1);
    IDN_ASSERT(own != NULL);
    if (size > 0)
        memcpy(own, bytes, size);
    return own;
}

static void grow(struct idn_batch *batch)
{
    batch->room = batch->room == 0 ? 64 : 2 * batch->room;
    batch->fact = reallocarray(batch->fact, batch->room, sizeof(*batch->fact));
    IDN_ASSERT(batch->fact != NULL);
}

// A decoded body's rows usually lie in the body, but nobody promises it: they get a copy of their
// own.
void idn_batch_copy(struct idn_batch *batch, const struct idn_stored_fact *other)
{
    if (batch->count == batch->room)
        grow(batch);
    struct idn_stored_fact *copy = &batch->fact[batch->count++];
    size_t size;

    *copy = *other;
    copy->body = duplicate(copy->body, copy->size);
    const uint8_t **bytes = bytes_of(copy, &size);
    if (bytes != NULL)
        *bytes = duplicate(*bytes, size);
}

void idn_batch_add(struct idn_batch *batch, const struct idn_fact *own)
{
    idn_batch_copy(batch, &(struct idn_stored_fact){.fact = *own, .decoded = true});
}

void idn_batch_clear(struct idn_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        size_t size;
        const uint8_t **bytes = bytes_of(&batch->fact[i], &size);
        if (bytes != NULL)
            free((void *)(uintptr_t)*bytes);
        free((void *)(uintptr_t)batch->fact[i].body);
    }
    batch->count = 0;
}

void idn_batch_fini(struct idn_batch *batch)
{
    idn_batch_clear(batch);
    free(batch->fact);
    *batch = (struct idn_batch){0};
}
