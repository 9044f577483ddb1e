// Going on with what is left. Every row is read, indexes are rebuilt from the table and summaries
// thrown away, because a log cut short may have left them older than the table.
//
// With another broker, what was lost of the tail comes back from there: the store ends before the
// first row that is not sound. With --accept-lost-tail, only of a broker alone, a damaged row is
// set aside and counted as lost, and the rest goes on: an incarnation's facts must follow each
// other without a gap, so the row keeps the place of the fact that it was (kind IDN_STORE_LOST).
#include "broker/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct repair {
    struct idn_store *store;
    sqlite3_stmt *next, *update;
    struct idn_store_row last;
    uint64_t rows, set_aside;
    int64_t cut; // the first row that is not sound; 0: none
};

static int sql_error(const struct repair *repair, struct idn_reason *reason)
{
    return idn_store_sql_error(
        repair->store->writer_db, "repair", repair->store->directory, reason);
}

static int begin(struct repair *repair)
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
    return rc;
}

// Steps to the row after the last one; SQLITE_DONE at the end.
static int next_row(struct repair *repair, struct idn_store_row *ret)
{
    int rc = sqlite3_bind_int64(repair->next, 1, repair->last.position);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(repair->next);
    if (rc == SQLITE_ROW)
        idn_store_row_get(repair->next, true, ret);
    return rc;
}

static void pass(struct repair *repair, const struct idn_store_row *row)
{
    repair->last = *row;
    repair->last.body = NULL;
    repair->rows++;
}

// ---- --accept-lost-tail

static void set_aside(struct idn_store_row *row)
{
    *row = (struct idn_store_row){.position = row->position,
        .origin = {.incarnation = 0, .sequence = (uint64_t)row->position},
        .kind = IDN_STORE_LOST};
    idn_store_row_empty(row);
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

static int mend_row(struct repair *repair, struct idn_store_row *row)
{
    bool damaged = row->crc != idn_store_row_crc(row);
    uint32_t chain = row->chain;
    int rc = SQLITE_OK;

    if (row->position != repair->last.position + 1)
        return SQLITE_CORRUPT;
    repair->set_aside += damaged;
    if (damaged)
        set_aside(row);
    row->chain = idn_store_chain(repair->last.chain, row->crc);
    if (damaged || (!row->emptied && chain != row->chain))
        rc = update_row(repair, row);
    else
        row->chain = chain;
    pass(repair, row);
    return rc;
}

// Where facts of an incarnation are missing, and between which rows they must have been.
static const char gaps_sql[] =
    "CREATE TEMP TABLE gaps AS SELECT incarnation, before + 1 AS sequence, sequence AS until, low,"
    " position AS high FROM (SELECT incarnation, sequence, position,"
    "  lag(sequence, 1, 0) OVER one AS before, lag(position, 1, 0) OVER one AS low"
    "  FROM facts WHERE incarnation != 0"
    "  WINDOW one AS (PARTITION BY incarnation ORDER BY sequence))"
    " WHERE sequence > before + 1";

struct gaps {
    sqlite3_stmt *lost, *find, *use;
};

static int find_gaps(sqlite3 *db, struct gaps *ret)
{
    int rc = idn_store_sql(db, gaps_sql);

    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE incarnation = 0 AND sequence > ?1"
            " ORDER BY sequence LIMIT 1",
            &ret->lost);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "SELECT rowid, incarnation, sequence FROM gaps"
            " WHERE low < ?1 AND high > ?1 AND sequence < until ORDER BY high LIMIT 1",
            &ret->find);
    if (rc == SQLITE_OK)
        rc = idn_store_prepare(
            db, "UPDATE gaps SET sequence = sequence + 1 WHERE rowid = ?1", &ret->use);
    return rc;
}

static int use_gap(const struct gaps *gaps, int64_t id)
{
    int rc = sqlite3_bind_int64(gaps->use, 1, id);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(gaps->use);
    (void)sqlite3_reset(gaps->use);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

// The row takes the gap around it that ends first, so that no later row is left without one. A row
// without a gap was the last of its incarnation.
static int fill_gap(struct repair *repair, const struct gaps *gaps, struct idn_store_row *row)
{
    int64_t id = 0;
    int rc = sqlite3_bind_int64(gaps->find, 1, row->position);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(gaps->find);
    if (rc == SQLITE_ROW) {
        id = sqlite3_column_int64(gaps->find, 0);
        row->origin.incarnation = (uint64_t)sqlite3_column_int64(gaps->find, 1);
        row->origin.sequence = (uint64_t)sqlite3_column_int64(gaps->find, 2);
        row->crc = idn_store_row_crc(row); // its chain stays, as an emptied row's does
    }
    (void)sqlite3_reset(gaps->find);
    if (rc == SQLITE_ROW && (rc = update_row(repair, row)) == SQLITE_OK)
        return use_gap(gaps, id);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int fill_all(struct repair *repair, const struct gaps *gaps)
{
    struct idn_store_row row = {.origin = {.sequence = 0}};
    int rc;

    for (;;) {
        rc = sqlite3_bind_int64(gaps->lost, 1, row.position);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(gaps->lost);
        if (rc == SQLITE_ROW)
            idn_store_row_get(gaps->lost, false, &row);
        (void)sqlite3_reset(gaps->lost);
        if (rc == SQLITE_ROW)
            rc = fill_gap(repair, gaps, &row);
        if (rc != SQLITE_OK)
            return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
}

static int fill_gaps(struct repair *repair)
{
    sqlite3 *db = repair->store->writer_db;
    struct gaps gaps = {0};
    int64_t left = 0;
    int rc = find_gaps(db, &gaps);

    if (rc == SQLITE_OK)
        rc = fill_all(repair, &gaps);
    (void)sqlite3_finalize(gaps.lost);
    (void)sqlite3_finalize(gaps.find);
    (void)sqlite3_finalize(gaps.use);
    if (rc == SQLITE_OK)
        rc = idn_store_number(db, "SELECT count(*) FROM gaps WHERE sequence < until", &left);
    if (rc == SQLITE_OK)
        rc = idn_store_sql(db, "DROP TABLE gaps");
    return rc == SQLITE_OK && left > 0 ? SQLITE_CORRUPT : rc;
}

static int mend_all(struct repair *repair)
{
    struct idn_store_row row;
    int rc = begin(repair);

    while (rc == SQLITE_OK && (rc = next_row(repair, &row)) == SQLITE_ROW) {
        rc = mend_row(repair, &row);
        (void)sqlite3_reset(repair->next);
    }
    (void)sqlite3_reset(repair->next);
    return rc == SQLITE_DONE ? fill_gaps(repair) : rc;
}

// ---- a lost tail

static int cut_tail(struct repair *repair)
{
    char sql[200];
    struct idn_store_row row;
    int rc = begin(repair);

    while (rc == SQLITE_OK && repair->cut == 0 && (rc = next_row(repair, &row)) == SQLITE_ROW) {
        if (idn_store_row_problem(&row, repair->last.position + 1, repair->last.chain) == NULL)
            pass(repair, &row);
        else
            repair->cut = row.position;
        rc = sqlite3_reset(repair->next);
    }
    (void)sqlite3_reset(repair->next);
    if (rc != SQLITE_DONE && rc != SQLITE_OK)
        return rc;
    (void)sqlite3_snprintf(sizeof(sql), sql,
        "DELETE FROM facts WHERE position > %lld;"
        "DELETE FROM forgetting WHERE job NOT IN (SELECT job FROM facts WHERE kind = 8)",
        (long long)repair->last.position);
    static_assert(IDN_FACT_FORGOTTEN == 8, "as the statement says");
    return idn_store_sql(repair->store->writer_db, sql);
}

// ----

// SQLite cannot read the pages, or facts are missing that no row can stand for.
static int refuse_repair(const struct repair *repair, struct idn_reason *reason)
{
    const struct idn_store *store = repair->store;
    char from[48] = "";

    if (repair->rows > 0)
        (void)snprintf(
            from, sizeof(from), " from row %lld on", (long long)repair->last.position + 1);
    return idn_reason_set(reason, -EBADMSG, "%s in %.100s cannot be repaired%s; %s",
        IDN_STORE_DATABASE, store->directory, from,
        store->has_peer
            ? "move the directory away, and the other broker fills a new one with all that it has"
            : "move the directory away: another broker, where there is one, fills a new one; "
              "otherwise put back a backup, or start with an empty one and submit its jobs again");
}

// What was checkpointed is no tail: damage there is not for us to throw away.
static int finish(struct repair *repair, int rc, uint64_t verified, struct idn_reason *reason)
{
    struct idn_store *store = repair->store;

    (void)sqlite3_finalize(repair->next);
    (void)sqlite3_finalize(repair->update);
    if (rc == SQLITE_OK && repair->cut > 0 && (uint64_t)repair->cut <= verified)
        return idn_reason_set(reason, -EBADMSG, "row %lld of %s in %.100s is damaged; %s",
            (long long)repair->cut, IDN_STORE_DATABASE, store->directory, idn_store_remedy(store));
    if (rc == SQLITE_OK)
        rc = idn_store_sql(store->writer_db, "COMMIT");
    if (rc == SQLITE_OK)
        return 0;
    int error = sql_error(repair, reason);
    if (rc == SQLITE_CORRUPT || error == -EBADMSG)
        return refuse_repair(repair, reason);
    return error;
}

static int checkpoint(struct idn_store *store, struct idn_reason *reason)
{
    int error = idn_store_checkpoint(store, reason);

    if (error == IDN_STORE_BUSY)
        return idn_reason_set(reason, -EBUSY,
            "another program reads %s in %.150s; end it and start again", IDN_STORE_DATABASE,
            store->directory);
    return error;
}

int idn_store_repair(struct idn_store *store, const struct idn_store_evidence *evidence,
    bool accept, struct idn_store_report *report, struct idn_reason *reason)
{
    struct repair repair = {.store = store};
    uint64_t stored = evidence->highwater.mark.position;
    int64_t found = 0;

    (void)idn_store_number(store->writer_db, "SELECT max(position) FROM facts", &found);
    if (stored < (uint64_t)found)
        stored = (uint64_t)found;
    int rc = accept ? mend_all(&repair) : cut_tail(&repair);
    int error = finish(&repair, rc, evidence->highwater.verified.position, reason);
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
    return checkpoint(store, reason);
}
