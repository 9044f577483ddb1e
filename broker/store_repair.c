// --accept-lost-tail: goes on with what is left. Every row is read; a damaged one is set aside as
// kind 0 and counted as lost; indexes are rebuilt from the table and summaries thrown away, because
// a log cut short may have left them older than the table.
#include "broker/store_internal.h"

#include <errno.h>
#include <string.h>

struct repair {
    struct idn_store *store;
    sqlite3_stmt *next, *update;
    struct idn_store_row last;
    uint64_t rows, set_aside;
};

static int sql_error(const struct repair *repair, struct idn_reason *reason)
{
    return idn_store_sql_error(
        repair->store->writer_db, "repair", repair->store->directory, reason);
}

static void set_aside(struct idn_store_row *row)
{
    *row = (struct idn_store_row){.position = row->position,
        .origin = {.incarnation = 0, .sequence = (uint64_t)row->position},
        .first = -1,
        .last = -1,
        .emptied = true};
    row->crc = idn_store_row_crc(row);
}

static int update_row(struct repair *repair, const struct idn_store_row *row)
{
    int rc = idn_store_row_bind(repair->update, row);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(repair->update);
    (void)sqlite3_reset(repair->update);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

// The row after the last one; SQLITE_DONE at the end.
static int repair_next(struct repair *repair)
{
    struct idn_store_row row;
    int rc = sqlite3_bind_int64(repair->next, 1, repair->last.position);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(repair->next);
    if (rc == SQLITE_ROW) {
        idn_store_row_get(repair->next, true, &row);
        bool moved = row.position != repair->last.position + 1;
        bool damaged = row.crc != idn_store_row_crc(&row);
        uint32_t chain = row.chain;
        repair->set_aside += damaged;
        if (damaged)
            set_aside(&row);
        row.chain = idn_store_chain(repair->last.chain, row.crc);
        rc = moved ? SQLITE_CORRUPT : SQLITE_OK;
        if (!moved && (damaged || (!row.emptied && chain != row.chain)))
            rc = update_row(repair, &row);
        else
            row.chain = chain;
        row.body = NULL;
        repair->last = row;
        repair->rows++;
    }
    (void)sqlite3_reset(repair->next);
    return rc;
}

static int repair_rows(struct repair *repair, struct idn_reason *reason)
{
    sqlite3 *db = repair->store->writer_db;
    int rc = idn_store_sql(db, "BEGIN IMMEDIATE; REINDEX; DELETE FROM summaries;");

    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE position > ?1 ORDER BY position LIMIT 1",
            &repair->next);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "INSERT OR REPLACE INTO facts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
            &repair->update);
    while (rc == SQLITE_OK)
        rc = repair_next(repair);
    if (rc == SQLITE_DONE && idn_store_sql(db, "COMMIT") == SQLITE_OK)
        return 0;
    int error = sql_error(repair, reason);
    if (rc == SQLITE_CORRUPT || error == -EBADMSG)
        return idn_reason_set(reason, -EBADMSG,
            "%s in %.150s cannot be repaired from row %lld on; restore the directory from a backup",
            IDN_STORE_DATABASE, repair->store->directory, (long long)repair->last.position + 1);
    return error;
}

int idn_store_repair(struct idn_store *store, const struct idn_store_evidence *evidence,
    struct idn_store_report *report, struct idn_reason *reason)
{
    struct repair repair = {.store = store};
    uint64_t stored = evidence->highwater.mark.position;

    int error = repair_rows(&repair, reason);
    (void)sqlite3_finalize(repair.next);
    (void)sqlite3_finalize(repair.update);
    if (error < 0)
        return error;
    uint64_t last = (uint64_t)repair.last.position;
    store->mark = (struct idn_highwater_mark){.incarnation = repair.last.origin.incarnation,
        .sequence = repair.last.origin.sequence,
        .position = last,
        .chain = repair.last.chain};
    report->facts = last;
    report->verified = repair.rows;
    report->lost = repair.set_aside + (stored > last ? stored - last : 0);
    error = idn_store_checkpoint(store, reason);
    if (error == IDN_STORE_BUSY)
        return idn_reason_set(reason, -EBUSY,
            "another program reads %s in %.150s; end it and start again", IDN_STORE_DATABASE,
            store->directory);
    return error;
}
