// Opening: is everything there that was called stored? Nothing is written before the answer is yes,
// so that a damaged log stays as it was found.
#include "broker/store_internal.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { WAL_HEADER_BYTES = 32 };

const char *idn_store_remedy(const struct idn_store *store)
{
    return store->has_peer
               ? "move the directory away, and the other broker fills a new one with all that it "
                 "has; if that one is gone for good, take it out of the configuration and start "
                 "with --accept-lost-tail"
               : "put back a backup of the directory, or start with --accept-lost-tail (what is "
                 "lost is computed again, except whole jobs accepted in that tail)";
}

int idn_store_read_error(const struct idn_store *store, sqlite3 *db, struct idn_reason *reason)
{
    if (idn_store_is_damaged(db))
        return idn_reason_set(reason, -EBADMSG, "%s in %.100s is damaged: %s; %s",
            IDN_STORE_DATABASE, store->directory, sqlite3_errmsg(db), idn_store_remedy(store));
    return idn_store_sql_error(db, "read", store->directory, reason);
}

const char *idn_store_row_problem(
    const struct idn_store_row *row, int64_t position, uint32_t before)
{
    if (row->position != position)
        return "rows before it are missing";
    if (row->crc != idn_store_row_crc(row))
        return "its checksum differs";
    // An emptied row keeps the chain of what it was.
    if (!row->emptied && row->chain != idn_store_chain(before, row->crc))
        return "it does not follow from the row before it";
    return NULL;
}

// SQLite deletes a log that lies beside an empty database, and a new database beside an old
// high-water file would be our own doing: stop before either.
static int guard_missing(
    struct idn_store *store, const struct idn_store_evidence *evidence, struct idn_reason *reason)
{
    struct stat status;
    bool missing =
        fstatat(store->directory_fd, IDN_STORE_DATABASE, &status, 0) < 0 || status.st_size == 0;

    if (missing && (evidence->log.bytes > 0 || evidence->highwater.mark.position > 0))
        return idn_reason_set(reason, -EBADMSG,
            "%llu facts that were stored are gone: %s in %.100s is missing or empty; %s",
            (unsigned long long)evidence->highwater.mark.position, IDN_STORE_DATABASE,
            store->directory, idn_store_remedy(store));
    return 0;
}

int idn_store_gather(
    struct idn_store *store, bool accept, struct idn_store_evidence *ret, struct idn_reason *reason)
{
    int error = idn_highwater_read(store->directory_fd, &ret->highwater);

    if (error < 0)
        return idn_reason_set(reason, error, "cannot read highwater in %.150s: %s",
            store->directory, strerror(-error));
    error = idn_wal_scan(store->directory_fd, IDN_STORE_LOG, &ret->log);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot read %s in %.150s: %s", IDN_STORE_LOG,
            store->directory, strerror(-error));
    return accept || store->has_peer ? 0 : guard_missing(store, ret, reason);
}

// What the log's own bytes say about its damage; "" when nothing.
static void judge_log(const struct idn_store_evidence *evidence, char *text, size_t size)
{
    const struct idn_wal_scan *log = &evidence->log;
    const struct idn_highwater_mark *mark = &evidence->highwater.mark;

    text[0] = '\0';
    if (log->bytes > 0 && !log->header_valid) {
        (void)snprintf(text, size, "the header of %s is damaged", IDN_STORE_LOG);
        return;
    }
    if (!log->header_valid || mark->wal_frames <= log->frames ||
        memcmp(log->salt, mark->wal_salt, sizeof(log->salt)) != 0)
        return;
    // 4,096 bytes a page and 24 of header: as the database was made; only for the choice of words.
    uint64_t room = (log->bytes - WAL_HEADER_BYTES) / (4096 + 24);
    if (room < mark->wal_frames && room <= log->frames)
        (void)snprintf(text, size, "%s ends after frame %u of %u", IDN_STORE_LOG, log->frames,
            mark->wal_frames);
    else
        (void)snprintf(text, size, "frame %u of %s is damaged", log->frames + 1, IDN_STORE_LOG);
}

struct walk {
    struct idn_store_row last; // without its body
    uint64_t rows;
};

static int start_walk(sqlite3 *db, const struct idn_highwater_verified *from, sqlite3_stmt **ret)
{
    int rc = idn_store_prepare(
        db, "SELECT " IDN_STORE_COLUMNS " FROM facts WHERE position >= ?1 ORDER BY position", ret);

    return rc == SQLITE_OK ? sqlite3_bind_int64(*ret, 1, (int64_t)from->position) : rc;
}

// The row at the last checkpoint is only compared with its chain; those after it are read.
static const char *visit(
    const struct idn_store_row *row, const struct idn_highwater_found *highwater, struct walk *walk)
{
    const char *problem = NULL;

    if ((uint64_t)row->position == highwater->verified.position) {
        if (row->chain != highwater->verified.chain)
            problem = "highwater is of another store";
    } else {
        problem = idn_store_row_problem(row, walk->last.position + 1, walk->last.chain);
        walk->rows++;
    }
    if (problem == NULL && (uint64_t)row->position == highwater->mark.position &&
        row->chain != highwater->mark.chain)
        problem = "highwater is of another store";
    walk->last = *row;
    return problem;
}

static int walk_rows(struct idn_store *store, const struct idn_highwater_found *highwater,
    struct walk *walk, struct idn_reason *reason)
{
    IDN_CLEANUP(idn_store_finalizep) sqlite3_stmt *rows = NULL;
    int rc = start_walk(store->writer_db, &highwater->verified, &rows);

    if (rc != SQLITE_OK)
        return idn_store_read_error(store, store->writer_db, reason);
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        struct idn_store_row row;
        idn_store_row_get(rows, true, &row);
        const char *problem = visit(&row, highwater, walk);
        if (problem != NULL)
            return idn_reason_set(reason, -EBADMSG, "row %lld of %s in %.100s is damaged: %s; %s",
                (long long)row.position, IDN_STORE_DATABASE, store->directory, problem,
                idn_store_remedy(store));
    }
    if (rc != SQLITE_DONE)
        return idn_store_read_error(store, store->writer_db, reason);
    return 0;
}

// After the walk: does the store reach as far as its high-water mark? walked: how the walk ended,
// with its sentence in reason already. IDN_STORE_TAIL_LOST: no, but another broker may help.
static int judge(struct idn_store *store, const struct idn_store_evidence *evidence, int walked,
    struct idn_reason *reason)
{
    const struct idn_highwater_found *highwater = &evidence->highwater;
    uint64_t stored = highwater->mark.position;
    int64_t last = 0;
    char log[128];

    int rc = idn_store_number(store->writer_db, "SELECT max(position) FROM facts", &last);
    uint64_t lost = stored > (uint64_t)last ? stored - (uint64_t)last : 0;
    judge_log(evidence, log, sizeof(log));
    if ((rc & 0xff) == SQLITE_CORRUPT && walked < 0 && log[0] == '\0')
        return walked; // it is facts.db itself, and nobody can tell how far it reaches
    if (store->has_peer &&
        (lost > 0 || (log[0] != '\0' && (walked < 0 || evidence->log.header_valid))))
        return IDN_STORE_TAIL_LOST;
    if (lost > 0)
        return idn_reason_set(reason, -EBADMSG,
            "%llu facts that were stored are gone: %s in %.100s; %s", (unsigned long long)lost,
            log[0] != '\0' ? log : IDN_STORE_LOG " was damaged, cut or removed", store->directory,
            idn_store_remedy(store));
    if (log[0] != '\0' && (walked < 0 || evidence->log.header_valid))
        return idn_reason_set(reason, -EBADMSG,
            "%s in %.100s: what was stored since the last checkpoint cannot be trusted; %s", log,
            store->directory, idn_store_remedy(store));
    if (walked < 0)
        return walked;
    if (last > 0 && (!highwater->present || highwater->damaged))
        return idn_reason_set(reason, -EBADMSG,
            "highwater in %.100s is %s, so that nothing proves that the %lld facts there are all "
            "that were stored; %s",
            store->directory, highwater->present ? "damaged" : "missing", (long long)last,
            idn_store_remedy(store));
    return 0;
}

int idn_store_verify(struct idn_store *store, const struct idn_store_evidence *evidence,
    struct idn_store_report *report, struct idn_reason *reason)
{
    const struct idn_highwater_found *highwater = &evidence->highwater;
    struct walk walk = {0};

    int error = judge(store, evidence, walk_rows(store, highwater, &walk, reason), reason);
    if (error != 0)
        return error;
    store->mark = (struct idn_highwater_mark){.incarnation = walk.last.origin.incarnation,
        .sequence = walk.last.origin.sequence,
        .position = (uint64_t)walk.last.position,
        .chain = walk.last.chain,
        .wal_frames = highwater->mark.wal_frames,
        .wal_salt = {highwater->mark.wal_salt[0], highwater->mark.wal_salt[1]}};
    store->scrub_until = highwater->verified.position;
    report->facts = store->mark.position;
    report->verified = walk.rows;
    error = idn_highwater_rewrite(&store->highwater, &highwater->verified, &store->mark);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot write highwater in %.150s: %s",
            store->directory, strerror(-error));
    return 0;
}
