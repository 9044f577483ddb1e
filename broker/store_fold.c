#include "broker/store_fold.h"

#include "base/assert.h"
#include "broker/bytes.h"
#include "broker/core/images.h"

#include <stdlib.h>
#include <string.h>

// Rows of fewer than IDN_STORE_SPAN images that touch the window begin at most that far before it:
// the index on (job, kind, first, last) answers without touching the rows that end too early. The
// others have an index of their own. Left to itself SQLite would walk the whole job for them, and
// reading it page by page would take time by the square of its size.
static const char near_sql[] = "SELECT " IDN_STORE_COLUMNS " FROM facts INDEXED BY facts_job"
                               " WHERE job = ?1 AND kind IN (3, 4)"
                               " AND first BETWEEN max(?2 - 9999, 0) AND ?3 AND last >= ?2"
                               " AND NOT (kind = 3 AND last - first >= 10000)";
static const char wide_sql[] = "SELECT " IDN_STORE_COLUMNS " FROM facts INDEXED BY facts_wide"
                               " WHERE job = ?1 AND kind = 3 AND last - first >= 10000 AND first "
                               "BETWEEN 0 AND ?3 AND last >= ?2";
static const char lifted_sql[] = "SELECT " IDN_STORE_COLUMNS " FROM facts INDEXED BY facts_job"
                                 " WHERE job = ?1 AND kind = 5";

static_assert(IDN_STORE_SPAN == 10000, "as the statements say");
static_assert(IDN_FACT_RESULTS == 3 && IDN_FACT_QUARANTINED == 4 && IDN_FACT_LIFTED == 5,
    "as the statements say");

int idn_fold_new(sqlite3 *db, struct idn_codec *codec, struct idn_fold **ret)
{
    struct idn_fold *fold = calloc(1, sizeof(*fold));

    IDN_ASSERT(fold != NULL);
    fold->db = db;
    fold->codec = codec;
    int rc = idn_store_prepare(db, near_sql, &fold->near);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db, wide_sql, &fold->wide);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db, lifted_sql, &fold->lifted);
    if (rc != SQLITE_OK)
        idn_fold_destroy(&fold);
    else
        *ret = fold;
    return rc;
}

void idn_fold_destroy(struct idn_fold **fold)
{
    if (*fold == NULL)
        return;
    (void)sqlite3_finalize((*fold)->near);
    (void)sqlite3_finalize((*fold)->wide);
    (void)sqlite3_finalize((*fold)->lifted);
    free(*fold);
    *fold = NULL;
}

static void see(struct idn_fold_image *image, uint64_t wall_ms)
{
    if (wall_ms < image->since_wall_ms)
        image->since_wall_ms = wall_ms;
}

// Workers cannot quarantine: such a row is no result.
static void offer(struct idn_fold_image *image, const struct idn_fact *fact, const uint8_t *row)
{
    enum idn_fold_rank rank = row[4] == IDN_STATUS_OK ? IDN_FOLD_OK : IDN_FOLD_ERROR;

    if (row[4] == IDN_STATUS_QUARANTINED)
        return;
    see(image, fact->wall_ms);
    if (rank == IDN_FOLD_OK && image->rank == IDN_FOLD_OK &&
        memcmp(row, image->row, IDN_ROW_BYTES) != 0)
        image->conflict = true;
    if (rank > image->rank || (rank == image->rank && idn_fact_order(fact->epoch, fact->origin,
                                                          image->epoch, image->origin) >= 0))
        return;
    image->rank = rank;
    image->epoch = fact->epoch;
    image->origin = fact->origin;
    memcpy(image->row, row, IDN_ROW_BYTES);
}

static void add_totals(struct idn_fold_totals *totals, const struct idn_fact *fact)
{
    totals->compute_us += fact->u.results.compute_us;
    if (totals->any &&
        idn_fact_order(fact->epoch, fact->origin, totals->epoch, totals->origin) >= 0)
        return;
    totals->any = true;
    totals->epoch = fact->epoch;
    totals->origin = fact->origin;
    totals->class_hash = fact->u.results.class_hash;
}

static struct idn_fold_image *image_of(struct idn_fold *fold, uint32_t index)
{
    if (index < fold->first || index - fold->first >= fold->count)
        return NULL;
    return &fold->image[index - fold->first];
}

static void apply_results(struct idn_fold *fold, const struct idn_fact *fact, int64_t begins)
{
    if (fact->u.results.spec_hash != fold->job.spec_hash)
        return;
    for (uint32_t i = 0; i < fact->u.results.count; i++) {
        const uint8_t *row = fact->u.results.rows + (size_t)i * IDN_ROW_BYTES;
        struct idn_fold_image *image = image_of(fold, idn_get_u32(row));
        if (image != NULL)
            offer(image, fact, row);
    }
    if (begins >= fold->first && begins - fold->first < fold->count)
        add_totals(&fold->totals, fact);
}

static void apply_quarantined(struct idn_fold *fold, const struct idn_fact *fact)
{
    struct idn_fold_image *image = image_of(fold, fact->u.quarantined.image);

    if (image == NULL || fact->u.quarantined.spec_hash != fold->job.spec_hash ||
        fact->u.quarantined.generation <= fold->job.lifted)
        return;
    see(image, fact->wall_ms);
    image->quarantined = true;
}

static void apply_lifted(struct idn_fold *fold, const struct idn_fact *fact)
{
    if (fact->u.lifted.generation > fold->job.lifted)
        fold->job.lifted = fact->u.lifted.generation;
}

static void leave_out(struct idn_fold *fold, const struct idn_store_row *row)
{
    struct idn_fold_damage *damage = &fold->damage;
    bool all = row->kind == IDN_FACT_LIFTED;

    if (damage->position == 0)
        *damage = (struct idn_fold_damage){
            .position = row->position, .first = all ? -1 : row->first, .last = row->last};
    damage->more |= damage->position != row->position;
}

// The statement's current row, unless it is damaged.
static void apply(struct idn_fold *fold, sqlite3_stmt *statement)
{
    struct idn_store_row row;
    struct idn_fact fact;

    idn_store_row_get(statement, true, &row);
    idn_store_row_to_fact(&row, &fact);
    if (row.crc != idn_store_row_crc(&row) ||
        idn_decode_fact_body(fold->codec, row.body, row.size, &fact, NULL) != 0) {
        leave_out(fold, &row);
        return;
    }
    if (fact.kind == IDN_FACT_RESULTS)
        apply_results(fold, &fact, row.first);
    else if (fact.kind == IDN_FACT_QUARANTINED)
        apply_quarantined(fold, &fact);
    else
        apply_lifted(fold, &fact);
}

static int apply_all(struct idn_fold *fold, sqlite3_stmt *statement)
{
    int rc = sqlite3_bind_blob(statement, 1, fold->job.key.bytes, IDN_KEY_SIZE, SQLITE_STATIC);

    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        apply(fold, statement);
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int apply_window(struct idn_fold *fold, sqlite3_stmt *statement)
{
    int rc = sqlite3_bind_int64(statement, 2, fold->first);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 3, (int64_t)fold->first + fold->count - 1);
    return rc == SQLITE_OK ? apply_all(fold, statement) : rc;
}

int idn_fold_job(struct idn_fold *fold, const struct idn_key *key, const struct idn_job_spec *spec,
    struct idn_fold_job *ret)
{
    fold->damage = (struct idn_fold_damage){0};
    fold->job = (struct idn_fold_job){.key = *key, .spec_hash = idn_spec_hash(spec)};
    int rc = apply_all(fold, fold->lifted);
    *ret = fold->job;
    return rc;
}

static void pack_without_class(uint32_t index, uint8_t status, uint8_t row[static IDN_ROW_BYTES])
{
    struct idn_result result = {.index = index, .status = status};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    idn_result_pack(&result, row);
}

// A quarantine answers for an image that nothing else answers.
static void settle(struct idn_fold_image *image, uint32_t index)
{
    if (image->rank == IDN_FOLD_NONE && image->quarantined) {
        image->rank = IDN_FOLD_QUARANTINED;
        pack_without_class(index, IDN_STATUS_QUARANTINED, image->row);
    }
}

int idn_fold_load(
    struct idn_fold *fold, const struct idn_fold_job *job, uint32_t first, uint32_t count)
{
    IDN_ASSERT(count > 0 && count <= IDN_FOLD_WINDOW);
    fold->job = *job;
    fold->first = first;
    fold->count = count;
    fold->totals = (struct idn_fold_totals){0};
    for (uint32_t i = 0; i < count; i++)
        fold->image[i] =
            (struct idn_fold_image){.since_wall_ms = UINT64_MAX, .rank = IDN_FOLD_NONE};
    int rc = apply_window(fold, fold->near);
    if (rc == SQLITE_OK)
        rc = apply_window(fold, fold->wide);
    for (uint32_t i = 0; i < count; i++)
        settle(&fold->image[i], first + i);
    return rc;
}

// ---- pages

static bool passes(const struct idn_fold_image *image, uint32_t filter)
{
    switch (filter) {
    case IDN_FILTER_FAILED:
        return image->rank == IDN_FOLD_ERROR || image->rank == IDN_FOLD_QUARANTINED;
    case IDN_FILTER_MISSING:
        return image->rank == IDN_FOLD_NONE;
    case IDN_FILTER_QUARANTINED:
        return image->rank == IDN_FOLD_QUARANTINED;
    default:
        return image->rank != IDN_FOLD_NONE;
    }
}

// Adds what passes to the page; returns how many images of the window were looked at.
static uint32_t take_window(
    const struct idn_fold *fold, uint32_t most, uint32_t filter, struct idn_completion *page)
{
    uint32_t i = 0;

    for (; i < fold->count && page->count < most; i++) {
        const struct idn_fold_image *image = &fold->image[i];
        page->conflicts += image->conflict;
        if (!passes(image, filter))
            continue;
        uint8_t *row = page->bytes + (size_t)page->count++ * IDN_ROW_BYTES;
        if (filter == IDN_FILTER_MISSING)
            pack_without_class(fold->first + i, IDN_STATUS_MISSING, row);
        else
            memcpy(row, image->row, IDN_ROW_BYTES);
    }
    return i;
}

static uint32_t window_size(uint64_t left, uint32_t rows_left, uint32_t filter)
{
    uint64_t size = IDN_FOLD_WINDOW;

    if (filter == IDN_FILTER_ALL)
        size = rows_left < 256 ? 256 : rows_left;
    return (uint32_t)(size < left ? size : left);
}

int idn_fold_page(struct idn_fold *fold, const struct idn_key *key, const struct idn_job_spec *spec,
    uint32_t from, uint32_t most, uint32_t filter, struct idn_completion *ret)
{
    uint64_t at = from > spec->first ? from : spec->first, end = (uint64_t)spec->last + 1;
    uint64_t until = at + IDN_FOLD_SCAN;
    struct idn_fold_job job;
    int rc = idn_fold_job(fold, key, spec, &job);

    most = most < 1 ? 1 : (most > IDN_PAGE_ROWS_MAX ? IDN_PAGE_ROWS_MAX : most);
    ret->bytes = malloc((size_t)most * IDN_ROW_BYTES);
    IDN_ASSERT(ret->bytes != NULL);
    ret->count = ret->conflicts = 0;
    while (rc == SQLITE_OK && at < end && at < until && ret->count < most) {
        uint32_t size = window_size(end - at, most - ret->count, filter);
        rc = idn_fold_load(fold, &job, (uint32_t)at, size);
        if (rc == SQLITE_OK)
            at += take_window(fold, most, filter, ret);
    }
    ret->next = (uint32_t)(at < end ? at : end);
    return rc;
}

// ---- summaries

void idn_refold_init(struct idn_refold *refold, const struct idn_key *job,
    const struct idn_job_spec *spec, bool states)
{
    *refold = (struct idn_refold){.spec = *spec, .summary = {.job = *job}, .at = spec->first};
    if (states) {
        refold->states = calloc(((size_t)spec->last - spec->first) / 2 + 1, 1);
        IDN_ASSERT(refold->states != NULL);
    }
}

// As broker/core/fold.c would leave the image; an OK one with check bits of its row's hash.
static void put_state(struct idn_refold *refold, uint32_t index, enum idn_fold_rank rank,
    const struct idn_digest *digest)
{
    static const uint8_t states[] = {[IDN_FOLD_OK] = IDN_IMAGE_OK,
        [IDN_FOLD_ERROR] = IDN_IMAGE_ERROR,
        [IDN_FOLD_QUARANTINED] = IDN_IMAGE_QUARANTINED};
    unsigned state = states[rank];

    if (refold->states == NULL)
        return;
    if (rank == IDN_FOLD_OK)
        state |= digest->low & IDN_IMAGE_CHECK_BITS;
    refold->states[index / 2] |= (uint8_t)(state << (index % 2 * 4));
}

// index: from the job's first image.
static void count_image(
    struct idn_refold *refold, uint32_t index, const struct idn_fold_image *image)
{
    struct idn_summary *summary = &refold->summary;
    struct idn_result result;
    struct idn_digest digest;

    summary->conflicts += image->conflict;
    if (image->rank == IDN_FOLD_NONE)
        return; // IDN_IMAGE_PENDING, which is 0
    summary->ok += image->rank == IDN_FOLD_OK;
    summary->failed += image->rank == IDN_FOLD_ERROR;
    summary->quarantined += image->rank == IDN_FOLD_QUARANTINED;
    if (image->since_wall_ms > summary->finished_wall_ms)
        summary->finished_wall_ms = image->since_wall_ms;
    // The codec let only rows through that unpack.
    IDN_ASSERT(idn_result_unpack(image->row, &result));
    idn_digest_of(&result, &digest);
    idn_digest_add(&summary->digest, &digest);
    put_state(refold, index, image->rank, &digest);
}

static void merge_totals(struct idn_refold *refold, const struct idn_fold_totals *window)
{
    struct idn_fold_totals *totals = &refold->totals;
    uint64_t compute_us = totals->compute_us + window->compute_us;

    if (window->any && (!totals->any || idn_fact_order(window->epoch, window->origin, totals->epoch,
                                            totals->origin) < 0))
        *totals = *window;
    totals->compute_us = compute_us;
}

int idn_refold_step(struct idn_refold *refold, struct idn_fold *fold, bool *ret_done)
{
    uint64_t left = (uint64_t)refold->spec.last + 1 - refold->at;
    uint32_t count = left < IDN_FOLD_WINDOW ? (uint32_t)left : IDN_FOLD_WINDOW;
    int rc = SQLITE_OK;

    fold->damage = (struct idn_fold_damage){0};
    if (refold->at == refold->spec.first)
        rc = idn_fold_job(fold, &refold->summary.job, &refold->spec, &refold->job);
    if (rc == SQLITE_OK)
        rc = idn_fold_load(fold, &refold->job, (uint32_t)refold->at, count);
    if (rc != SQLITE_OK)
        return rc;
    for (uint32_t i = 0; i < count; i++)
        count_image(refold, (uint32_t)refold->at - refold->spec.first + i, &fold->image[i]);
    merge_totals(refold, &fold->totals);
    refold->at += count;
    *ret_done = refold->at > refold->spec.last;
    if (*ret_done) {
        refold->summary.lifted = refold->job.lifted;
        refold->summary.compute_us = refold->totals.compute_us;
        refold->summary.class_hash = refold->totals.class_hash;
    }
    return SQLITE_OK;
}
