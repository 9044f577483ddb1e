#include "broker/batch.h"

#include "base/assert.h"
#include "proto/result.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t **bytes_of(struct idn_fact *fact, size_t *ret_size)
{
    if (fact->kind == IDN_FACT_RESULTS) {
        *ret_size = (size_t)fact->u.results.count * IDN_ROW_BYTES;
        return &fact->u.results.rows;
    }
    if (fact->kind == IDN_FACT_LIST_PART) {
        *ret_size = fact->u.list_part.size;
        return &fact->u.list_part.bytes;
    }
    return NULL;
}

static void grow(struct idn_batch *batch)
{
    batch->room = batch->room == 0 ? 64 : 2 * batch->room;
    batch->fact = reallocarray(batch->fact, batch->room, sizeof(*batch->fact));
    IDN_ASSERT(batch->fact != NULL);
}

void idn_batch_add(struct idn_batch *batch, const struct idn_fact *fact)
{
    if (batch->count == batch->room)
        grow(batch);
    struct idn_fact *copy = &batch->fact[batch->count++];
    size_t size;

    *copy = *fact;
    const uint8_t **bytes = bytes_of(copy, &size);
    if (bytes == NULL || size == 0)
        return;
    uint8_t *own = malloc(size);
    IDN_ASSERT(own != NULL);
    memcpy(own, *bytes, size);
    *bytes = own;
}

void idn_batch_clear(struct idn_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        size_t size;
        const uint8_t **bytes = bytes_of(&batch->fact[i], &size);
        if (bytes != NULL && size > 0)
            free((void *)(uintptr_t)*bytes);
    }
    batch->count = 0;
}

void idn_batch_fini(struct idn_batch *batch)
{
    idn_batch_clear(batch);
    free(batch->fact);
    *batch = (struct idn_batch){0};
}
