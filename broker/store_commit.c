// What the caller commits becomes rows, in the caller's thread: its own facts are encoded, another
// broker's copied as they are.
#include "base/assert.h"
#include "broker/bytes.h"
#include "broker/store_internal.h"

#include <stdlib.h>
#include <string.h>

static void span_of_rows(const struct idn_fact *fact, struct idn_store_row *row)
{
    row->first = INT64_MAX;
    for (uint32_t i = 0; i < fact->u.results.count; i++) {
        int64_t image = idn_get_u32(fact->u.results.rows + (size_t)i * IDN_ROW_BYTES);
        row->first = image < row->first ? image : row->first;
        row->last = image > row->last ? image : row->last;
    }
    if (fact->u.results.count == 0)
        row->first = 0;
}

static void span_of(const struct idn_fact *fact, struct idn_store_row *row)
{
    switch (fact->kind) {
    case IDN_FACT_RESULTS:
        span_of_rows(fact, row);
        break;
    case IDN_FACT_QUARANTINED:
        row->first = row->last = fact->u.quarantined.image;
        break;
    case IDN_FACT_LIST_PART:
        row->first = (int64_t)fact->u.list_part.offset;
        row->last = row->first + fact->u.list_part.size - 1;
        break;
    default:
        break;
    }
}

static void row_of(
    struct idn_codec *codec, const struct idn_stored_fact *stored, struct idn_store_row *ret_row)
{
    const struct idn_fact *fact = &stored->fact;
    struct idn_bytes body = {.data = stored->body, .size = stored->size};

    if (stored->decoded && stored->body == NULL)
        body = idn_encode_fact_body(codec, fact);
    uint8_t *copy = malloc(body.size + 1);
    IDN_ASSERT(copy != NULL);
    if (body.size > 0)
        memcpy(copy, body.data, body.size);
    *ret_row = (struct idn_store_row){.origin = fact->origin,
        .epoch = fact->epoch,
        .kind = fact->kind,
        .job = fact->job,
        .wall_ms = fact->wall_ms,
        .body = copy,
        .size = body.size};
    if (stored->emptied)
        idn_store_row_empty(ret_row);
    else if (stored->decoded)
        span_of(fact, ret_row);
}

void idn_store_commit(struct idn_store *store, const struct idn_stored_fact *facts, size_t count)
{
    if (count == 0 || store->failed)
        return;
    struct idn_store_commit *commit =
        calloc(1, sizeof(*commit) + count * sizeof(struct idn_store_row));
    IDN_ASSERT(commit != NULL);
    commit->count = count;
    for (size_t i = 0; i < count; i++)
        row_of(store->codec, &facts[i], &commit->row[i]);
    (void)idn_queue_push(&store->commits, &commit->item);
}

void idn_store_commit_destroy(struct idn_store_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        free((void *)(uintptr_t)commit->row[i].body);
    free(commit);
}
