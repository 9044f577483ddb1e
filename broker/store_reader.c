// The reader thread: result pages, list parts and facts as they are asked for, long folds one
// window at a time between them, and when nothing is wanted a slow scrub of the old rows. Each step
// is a read transaction of its own, so that checkpoints find a moment without readers.
#include "broker/store_fold.h"
#include "broker/store_internal.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRUB_ROWS = 32,
    SCRUB_PAUSE_MS = 50,
    DAMAGED_MAX = 16, // sentences about damaged rows in one run
};

struct pending {
    struct pending *next;
    struct idn_refold refold;
};

struct reader {
    struct idn_store *store;
    sqlite3 *db;
    struct idn_fold *fold;
    struct idn_store_tail tail;
    sqlite3_stmt *list, *scrub;
    struct pending *refolds;       // oldest first
    struct idn_store_row scrubbed; // the last row of the scrub, without its body
    bool scrub_ended;
    int damaged; // sentences sent
};

static int prepare(struct reader *reader)
{
    int rc = idn_fold_new(reader->db, reader->store->reader_codec, &reader->fold);

    if (rc == SQLITE_OK)
        rc = idn_store_tail_prepare(reader->db, &reader->tail);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(reader->db,
            "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE job = ?1 AND kind = 9"
            " AND first BETWEEN max(?2 - 32767, 0) AND ?2 AND last >= ?2"
            " ORDER BY first DESC LIMIT 1",
            &reader->list);
    static_assert(IDN_FACT_LIST_PART == 9 && IDN_LIST_PART_BYTES == 32768, "as it says");
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(reader->db,
            "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE position > ?1 AND position <= ?2"
            " ORDER BY position LIMIT ?3",
            &reader->scrub);
    return rc;
}

static void fail(struct reader *reader)
{
    struct idn_reason reason;

    (void)idn_store_read_error(reader->store, reader->db, &reason);
    idn_store_fail(reader->store, &reason);
}

static void say_damaged(struct reader *reader, int64_t position, const char *why)
{
    struct idn_completion completion = {
        .type = IDN_COMPLETION_DAMAGED, .position = (uint64_t)position};

    if (reader->damaged++ >= DAMAGED_MAX)
        return;
    (void)snprintf(completion.text, sizeof(completion.text),
        "row %lld of %s in %.100s is damaged: %s; %s", (long long)position, IDN_STORE_DATABASE,
        reader->store->directory, why,
        reader->store->has_peer ? "the other broker can fill an empty directory"
                                : "--accept-lost-tail sets it aside");
    idn_store_complete(reader->store, &completion);
}

static void look_for_damage(struct reader *reader)
{
    if (reader->fold->damage.position > 0)
        say_damaged(reader, reader->fold->damage.position, "its checksum differs");
}

// What the client is told instead of a page that would be short. The row's own words for its images
// count only as far as the job has them.
static void refuse_page(
    const struct reader *reader, const struct idn_store_read *read, struct idn_completion *page)
{
    const struct idn_fold_damage *damage = &reader->fold->damage;
    char images[64] = "";

    if (damage->first >= read->spec.first && damage->first <= damage->last &&
        damage->last <= read->spec.last)
        (void)snprintf(images, sizeof(images), " of images %lld to %lld", (long long)damage->first,
            (long long)damage->last);
    (void)snprintf(page->text, sizeof(page->text),
        "results%s cannot be read: row %lld%s of this broker's store is damaged; %s", images,
        (long long)damage->position, damage->more ? ", and not it alone," : "",
        reader->store->has_peer
            ? "stop it, move its state directory away and start it: the other broker fills a new "
              "one"
            : "docs/OPERATING.md says what can be done");
    free(page->bytes);
    page->bytes = NULL;
    page->count = 0;
}

static int read_page(struct reader *reader, const struct idn_store_read *read)
{
    struct idn_completion page = {.type = IDN_COMPLETION_PAGE, .tag = read->tag};
    int rc = idn_fold_page(
        reader->fold, &read->job, &read->spec, read->from, read->most, read->filter, &page);

    look_for_damage(reader);
    if (rc == SQLITE_OK && reader->fold->damage.position > 0)
        refuse_page(reader, read, &page);
    if (rc != SQLITE_OK)
        free(page.bytes);
    else
        idn_store_complete(reader->store, &page);
    return rc;
}

// The part's bytes from the wanted offset on.
static void take_part(struct reader *reader, uint64_t offset, struct idn_completion *ret)
{
    struct idn_store_row row;
    struct idn_fact fact;

    idn_store_row_get(reader->list, true, &row);
    idn_store_row_to_fact(&row, &fact);
    if (row.crc != idn_store_row_crc(&row) ||
        idn_decode_fact_body(reader->store->reader_codec, row.body, row.size, &fact, NULL) != 0) {
        say_damaged(reader, row.position, "its checksum differs");
        return;
    }
    uint64_t skipped = offset - fact.u.list_part.offset;
    if (skipped >= fact.u.list_part.size)
        return;
    ret->total = fact.u.list_part.total;
    ret->size = fact.u.list_part.size - (uint32_t)skipped;
    ret->bytes = malloc(ret->size);
    IDN_ASSERT(ret->bytes != NULL);
    memcpy(ret->bytes, fact.u.list_part.bytes + skipped, ret->size);
}

static int read_list(struct reader *reader, const struct idn_store_read *read)
{
    struct idn_completion part = {
        .type = IDN_COMPLETION_LIST, .tag = read->tag, .offset = read->offset};
    int rc = SQLITE_DONE;

    if (read->offset <= INT64_MAX) {
        rc = sqlite3_bind_blob(reader->list, 1, read->job.bytes, IDN_KEY_SIZE, SQLITE_STATIC);
        if (rc == SQLITE_OK)
            rc = sqlite3_bind_int64(reader->list, 2, (int64_t)read->offset);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(reader->list);
        if (rc == SQLITE_ROW)
            take_part(reader, read->offset, &part);
        (void)sqlite3_reset(reader->list);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return rc;
    idn_store_complete(reader->store, &part);
    return SQLITE_OK;
}

static int read_facts(struct reader *reader, const struct idn_store_read *read)
{
    struct idn_completion facts = {.type = IDN_COMPLETION_FACTS};
    int64_t damaged = 0;
    int rc = idn_store_tail_read(&reader->tail, read, reader->store->told, &facts, &damaged);

    if (damaged > 0)
        say_damaged(reader, damaged, "its checksum differs");
    if (rc == SQLITE_OK) {
        idn_store_complete(reader->store, &facts);
        return SQLITE_OK;
    }
    free(facts.bytes);
    free(facts.fact);
    return rc;
}

static void begin_refold(struct reader *reader, const struct idn_store_read *read)
{
    struct pending **end = &reader->refolds;
    struct pending *pending = calloc(1, sizeof(*pending));

    IDN_ASSERT(pending != NULL);
    idn_refold_init(&pending->refold, &read->job, &read->spec, read->states);
    while (*end != NULL)
        end = &(*end)->next;
    *end = pending;
}

static int go_on_refolding(struct reader *reader)
{
    struct pending *pending = reader->refolds;
    bool done = false;
    int rc = idn_refold_step(&pending->refold, reader->fold, &done);

    look_for_damage(reader);
    if (rc != SQLITE_OK || !done)
        return rc;
    idn_store_complete(reader->store, &(struct idn_completion){.type = IDN_COMPLETION_REFOLDED,
                                          .summary = pending->refold.summary,
                                          .bytes = pending->refold.states});
    reader->refolds = pending->next;
    free(pending);
    return SQLITE_OK;
}

static void scrub_row(struct reader *reader)
{
    struct idn_store_row row;

    idn_store_row_get(reader->scrub, true, &row);
    const char *problem =
        idn_store_row_problem(&row, reader->scrubbed.position + 1, reader->scrubbed.chain);
    if (problem != NULL)
        say_damaged(reader, row.position, problem);
    reader->scrubbed = row;
}

// Damage that SQLite itself stumbles over ends the scrub, not the store: what is needed of it will
// be missed when it is read.
static void scrub_some(struct reader *reader)
{
    int rows = 0;
    int rc = sqlite3_bind_int64(reader->scrub, 1, reader->scrubbed.position);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(reader->scrub, 2, (int64_t)reader->store->scrub_until);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(reader->scrub, 3, SCRUB_ROWS);
    while (rc == SQLITE_OK && (rc = sqlite3_step(reader->scrub)) == SQLITE_ROW) {
        scrub_row(reader);
        rows++;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        say_damaged(reader, reader->scrubbed.position + 1, sqlite3_errmsg(reader->db));
    (void)sqlite3_reset(reader->scrub);
    reader->scrub_ended = rc != SQLITE_DONE || rows < SCRUB_ROWS;
}

static int serve(struct reader *reader, const struct idn_store_read *read)
{
    // What the caller committed before it asked must be seen.
    if (!idn_queue_wait(&reader->store->commits, read->after))
        return SQLITE_OK; // the store failed: nobody waits for an answer
    switch (read->type) {
    case IDN_STORE_READ_PAGE:
        return read_page(reader, read);
    case IDN_STORE_READ_LIST:
        return read_list(reader, read);
    case IDN_STORE_READ_REFOLD:
        begin_refold(reader, read);
        return SQLITE_OK;
    case IDN_STORE_READ_FACTS:
        return read_facts(reader, read);
    }
    return SQLITE_OK;
}

// False: the queue is closed.
static bool turn(struct reader *reader, int *ret_rc)
{
    struct idn_queue *queue = &reader->store->reads;
    int wait_ms = reader->refolds != NULL ? 0 : (reader->scrub_ended ? -1 : SCRUB_PAUSE_MS);
    struct idn_queue_item *item = idn_queue_take(queue, wait_ms);

    *ret_rc = SQLITE_OK;
    if (idn_queue_is_closed(queue)) {
        free(item);
        return false;
    }
    if (item != NULL)
        *ret_rc = serve(reader, (struct idn_store_read *)item);
    else if (reader->refolds == NULL)
        scrub_some(reader);
    if (*ret_rc == SQLITE_OK && reader->refolds != NULL)
        *ret_rc = go_on_refolding(reader);
    free(item);
    return true;
}

void *idn_store_reader_main(void *context)
{
    struct idn_store *store = context;
    struct reader reader = {.store = store, .db = store->reader_db};
    int rc = prepare(&reader);

    while (rc == SQLITE_OK && turn(&reader, &rc))
        ;
    if (rc != SQLITE_OK)
        fail(&reader);
    (void)sqlite3_finalize(reader.list);
    (void)sqlite3_finalize(reader.scrub);
    idn_store_tail_fini(&reader.tail);
    idn_fold_destroy(&reader.fold);
    while (reader.refolds != NULL) {
        struct pending *next = reader.refolds->next;
        free(reader.refolds->refold.states);
        free(reader.refolds);
        reader.refolds = next;
    }
    return NULL;
}
