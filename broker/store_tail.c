// Facts in commit order, as the mirror link sends them: bytes as they lie, not decoded.
#include "base/assert.h"
#include "broker/store_internal.h"

#include <stdlib.h>
#include <string.h>

int idn_store_tail_prepare(sqlite3 *db, struct idn_store_tail *ret)
{
    int rc = idn_store_prepare(
        db, "SELECT position FROM facts WHERE incarnation = ?1 AND sequence = ?2", &ret->find);

    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE position > ?1 AND position <= ?2"
            " ORDER BY position LIMIT ?3",
            &ret->next);
    return rc;
}

void idn_store_tail_fini(struct idn_store_tail *tail)
{
    (void)sqlite3_finalize(tail->find);
    (void)sqlite3_finalize(tail->next);
    *tail = (struct idn_store_tail){0};
}

// *position becomes the place's own when that is lower; the first one when the place is not there:
// its row must be damaged, and who reads all finds out what is missing.
static int find(sqlite3_stmt *statement, const struct idn_origin *place, uint64_t *position)
{
    int rc = sqlite3_bind_int64(statement, 1, (int64_t)place->incarnation);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 2, (int64_t)place->sequence);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_DONE)
        *position = 1;
    if (rc == SQLITE_ROW && (uint64_t)sqlite3_column_int64(statement, 0) < *position)
        *position = (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

// After which position to read.
static int begin(const struct idn_store_tail *tail, const struct idn_store_read *read,
    uint64_t until, uint64_t *ret_after)
{
    uint64_t first = until + 1;
    int rc = SQLITE_OK;

    for (uint32_t i = 0; i < read->finds && rc == SQLITE_OK; i++)
        rc = find(tail->find, &read->find[i], &first);
    *ret_after = read->finds > 0 ? first - 1 : (read->position < until ? read->position : until);
    return rc;
}

struct gathered {
    struct idn_completion *to;
    size_t bytes, room;
};

static void add(struct gathered *gathered, const struct idn_store_row *row)
{
    struct idn_completion *to = gathered->to;
    struct idn_stored_fact *fact = &to->fact[to->count++];

    *fact = (struct idn_stored_fact){.emptied = row->emptied, .size = (uint32_t)row->size};
    idn_store_row_to_fact(row, &fact->fact);
    if (gathered->bytes + row->size > gathered->room) {
        gathered->room = gathered->bytes + row->size;
        to->bytes = realloc(to->bytes, gathered->room);
        IDN_ASSERT(to->bytes != NULL);
    }
    if (row->size > 0)
        memcpy(to->bytes + gathered->bytes, row->body, row->size);
    gathered->bytes += row->size;
}

// False: it is for the next frame.
static bool take(struct gathered *gathered, const struct idn_store_row *row, int64_t *ret_damaged)
{
    struct idn_completion *to = gathered->to;

    if (to->count > 0 && gathered->bytes + row->size > IDN_MIRROR_FRAME_BYTES)
        return false;
    to->next_position = (uint64_t)row->position;
    if (row->crc != idn_store_row_crc(row))
        *ret_damaged = row->position;
    else if (row->origin.incarnation != 0) // set aside by a repair, and nobody knows what it was
        add(gathered, row);
    return true;
}

// The bytes have found their place only when all are there.
static void point_to_bodies(struct idn_completion *to)
{
    const uint8_t *at = to->bytes;

    for (uint32_t i = 0; i < to->count; i++) {
        to->fact[i].body = to->fact[i].emptied ? NULL : at;
        at += to->fact[i].size;
    }
}

int idn_store_tail_read(const struct idn_store_tail *tail, const struct idn_store_read *read,
    uint64_t until, struct idn_completion *ret, int64_t *ret_damaged)
{
    struct gathered gathered = {.to = ret, .room = IDN_MIRROR_FRAME_BYTES};
    struct idn_store_row row;
    int rc = begin(tail, read, until, &ret->next_position);

    ret->bytes = malloc(gathered.room);
    ret->fact = calloc(IDN_MIRROR_FACTS_MAX, sizeof(*ret->fact));
    IDN_ASSERT(ret->bytes != NULL && ret->fact != NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(tail->next, 1, (int64_t)ret->next_position);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(tail->next, 2, (int64_t)until);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(tail->next, 3, IDN_MIRROR_FACTS_MAX);
    while (rc == SQLITE_OK && (rc = sqlite3_step(tail->next)) == SQLITE_ROW) {
        idn_store_row_get(tail->next, true, &row);
        rc = take(&gathered, &row, ret_damaged) ? SQLITE_OK : SQLITE_DONE;
    }
    (void)sqlite3_reset(tail->next);
    point_to_bodies(ret);
    ret->end = ret->next_position >= until;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
