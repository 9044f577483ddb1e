#include "broker/store_schema.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "broker/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { APPLICATION_ID = 0x4944756e };

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE facts(position INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, epoch INTEGER NOT NULL, letter INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, job BLOB NOT NULL, wall_ms INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, chain INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, body BLOB);"
    "CREATE UNIQUE INDEX facts_origin ON facts(incarnation, sequence);"
    "CREATE INDEX facts_job ON facts(job, kind, first, last);"
    "CREATE INDEX facts_wide ON facts(job, first, last)"
    " WHERE kind = 3 AND last - first >= 10000;"
    "CREATE TABLE summaries(job BLOB PRIMARY KEY, covers INTEGER NOT NULL, ok INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, quarantined INTEGER NOT NULL, conflicts INTEGER NOT NULL,"
    " low INTEGER NOT NULL, high INTEGER NOT NULL, finished_wall_ms INTEGER NOT NULL,"
    " compute_us INTEGER NOT NULL, class_hash INTEGER NOT NULL, lifted INTEGER NOT NULL,"
    " crc INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX summaries_covers ON summaries(covers);"
    "CREATE TABLE forgetting(job BLOB PRIMARY KEY) WITHOUT ROWID;"
    "PRAGMA application_id = 0x4944756e;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static_assert(IDN_STORE_VERSION == 1 && IDN_STORE_SPAN == 10000, "as the schema says");
static_assert(IDN_FACT_RESULTS == 3, "as the schema says");

uint32_t idn_store_row_crc(const struct idn_store_row *row)
{
    uint8_t bytes[88];
    uint64_t size = row->emptied ? UINT64_MAX : row->size;

    idn_put_u64(bytes, (uint64_t)row->position);
    idn_put_u64(bytes + 8, row->origin.incarnation);
    idn_put_u64(bytes + 16, row->origin.sequence);
    idn_put_u64(bytes + 24, row->epoch.counter);
    idn_put_u32(bytes + 32, row->epoch.broker);
    idn_put_u32(bytes + 36, row->kind);
    memcpy(bytes + 40, row->job.bytes, IDN_KEY_SIZE);
    idn_put_u64(bytes + 56, row->wall_ms);
    idn_put_u64(bytes + 64, (uint64_t)row->first);
    idn_put_u64(bytes + 72, (uint64_t)row->last);
    idn_put_u64(bytes + 80, size);
    return idn_crc32c(idn_crc32c(0, bytes, sizeof(bytes)), row->body, row->size);
}

uint32_t idn_store_chain(uint32_t before, uint32_t crc)
{
    uint8_t bytes[4];

    idn_put_u32(bytes, crc);
    return idn_crc32c(before, bytes, sizeof(bytes));
}

void idn_store_row_get(sqlite3_stmt *statement, bool body, struct idn_store_row *ret)
{
    *ret = (struct idn_store_row){
        .position = sqlite3_column_int64(statement, 0),
        .origin = {.incarnation = (uint64_t)sqlite3_column_int64(statement, 1),
            .sequence = (uint64_t)sqlite3_column_int64(statement, 2)},
        .epoch = {.counter = (uint64_t)sqlite3_column_int64(statement, 3),
            .broker = (uint32_t)sqlite3_column_int64(statement, 4)},
        .kind = (uint32_t)sqlite3_column_int64(statement, 5),
        .wall_ms = (uint64_t)sqlite3_column_int64(statement, 7),
        .first = sqlite3_column_int64(statement, 8),
        .last = sqlite3_column_int64(statement, 9),
        .chain = (uint32_t)sqlite3_column_int64(statement, 10),
        .crc = (uint32_t)sqlite3_column_int64(statement, 11),
        .emptied = sqlite3_column_type(statement, 12) == SQLITE_NULL,
    };
    const void *job = sqlite3_column_blob(statement, 6);
    if (job != NULL && sqlite3_column_bytes(statement, 6) == IDN_KEY_SIZE)
        memcpy(ret->job.bytes, job, IDN_KEY_SIZE);
    if (body) {
        ret->body = sqlite3_column_blob(statement, 12);
        ret->size = (size_t)sqlite3_column_bytes(statement, 12);
    }
}

void idn_store_row_empty(struct idn_store_row *row)
{
    row->first = row->last = -1;
    row->emptied = true;
    row->size = 0;
}

void idn_store_row_to_fact(const struct idn_store_row *row, struct idn_fact *ret)
{
    *ret = (struct idn_fact){.origin = row->origin,
        .epoch = row->epoch,
        .wall_ms = row->wall_ms,
        .kind = row->kind,
        .job = row->job};
}

int idn_store_row_bind(sqlite3_stmt *statement, const struct idn_store_row *row)
{
    const int64_t numbers[] = {row->position, (int64_t)row->origin.incarnation,
        (int64_t)row->origin.sequence, (int64_t)row->epoch.counter, row->epoch.broker, row->kind, 0,
        (int64_t)row->wall_ms, row->first, row->last, row->chain, row->crc};
    int rc = SQLITE_OK;

    for (int i = 0; i < 12 && rc == SQLITE_OK; i++)
        if (i != 6)
            rc = sqlite3_bind_int64(statement, i + 1, numbers[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(statement, 7, row->job.bytes, IDN_KEY_SIZE, SQLITE_STATIC);
    if (rc != SQLITE_OK)
        return rc;
    if (row->emptied)
        return sqlite3_bind_null(statement, 13);
    // A NULL pointer would bind NULL, which means emptied.
    return sqlite3_bind_blob(
        statement, 13, row->size > 0 ? row->body : (const void *)"", (int)row->size, SQLITE_STATIC);
}

static int error_of(sqlite3 *db)
{
    int system = sqlite3_system_errno(db);

    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
        return -EBADMSG;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_BUSY:
        return -EBUSY;
    case SQLITE_CANTOPEN:
        return system > 0 ? -system : -EACCES;
    default:
        return system > 0 ? -system : -EIO;
    }
}

bool idn_store_is_damaged(sqlite3 *db)
{
    int code = sqlite3_errcode(db) & 0xff;

    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

int idn_store_sql_error(
    sqlite3 *db, const char *what, const char *directory, struct idn_reason *reason)
{
    int error = error_of(db);
    const char *sql = sqlite3_errmsg(db);

    if (error == -ENOSPC)
        return idn_reason_set(reason, error,
            "cannot %s %s in %.150s: the disk is full; make room there and start again, nothing "
            "that was acknowledged is lost",
            what, IDN_STORE_DATABASE, directory);
    if (idn_store_is_damaged(db))
        return idn_reason_set(reason, error,
            "%s in %.150s is damaged: %s; move the directory away and start with an empty one, "
            "which the other broker fills where there is one (docs/OPERATING.md)",
            IDN_STORE_DATABASE, directory, sql);
    return idn_reason_set(reason, error, "cannot %s %s in %.150s: %s (SQLite code %d: %s)", what,
        IDN_STORE_DATABASE, directory, sql, sqlite3_extended_errcode(db), strerror(-error));
}

int idn_store_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int idn_store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}

void idn_store_finalizep(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement);
    *statement = NULL;
}

int idn_store_number(sqlite3 *db, const char *sql, int64_t *ret)
{
    IDN_CLEANUP(idn_store_finalizep) sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return rc;
    *ret = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    return SQLITE_OK;
}

// No checkpoint but our own, at moments of our choosing: closing after a failure must not touch the
// files, and the evidence of a damaged log must survive being looked at.
static int settle(sqlite3 *db, bool writer)
{
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(db, 50);
    if (rc == SQLITE_OK)
        rc = idn_store_sql(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;");
    if (rc == SQLITE_OK && writer)
        rc = idn_store_sql(db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;");
    return rc;
}

int idn_store_connect(const char *directory, bool writer, sqlite3 **ret, struct idn_reason *reason)
{
    char path[IDN_PATH_SIZE + sizeof(IDN_STORE_DATABASE)];
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, IDN_STORE_DATABASE);
    int rc = sqlite3_open_v2(path, &db, flags, NULL);
    IDN_ASSERT(db != NULL);
    if (rc == SQLITE_OK)
        rc = settle(db, writer);
    if (rc != SQLITE_OK) {
        int error = idn_store_sql_error(db, "open", directory, reason);
        (void)sqlite3_close(db);
        return error;
    }
    *ret = db;
    return 0;
}

static int create(sqlite3 *db, const char *directory, struct idn_reason *reason)
{
    if (idn_store_sql(db, "PRAGMA journal_mode = WAL;") != SQLITE_OK ||
        idn_store_sql(db, schema) != SQLITE_OK ||
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
        return idn_store_sql_error(db, "create", directory, reason);
    return 0;
}

int idn_store_schema(sqlite3 *db, bool may_create, const char *directory, struct idn_reason *reason)
{
    int64_t version = 0, application = 0, tables = 0;

    if (idn_store_number(db, "PRAGMA user_version", &version) != SQLITE_OK ||
        idn_store_number(db, "PRAGMA application_id", &application) != SQLITE_OK ||
        idn_store_number(db, "SELECT count(*) FROM sqlite_schema", &tables) != SQLITE_OK)
        return idn_store_sql_error(db, "read", directory, reason);
    if (version == 0 && application == 0 && tables == 0)
        return may_create ? create(db, directory, reason) : 0;
    if (application != APPLICATION_ID)
        return idn_reason_set(reason, -EBADMSG,
            "%s in %.150s is not a store of IDunno; name another state directory",
            IDN_STORE_DATABASE, directory);
    if (version > IDN_STORE_VERSION)
        return idn_reason_set(reason, -EPROTO,
            "the store in %.150s has schema version %lld, made by a newer IDunno; this one reads "
            "up to version %d: start the newer version",
            directory, (long long)version, IDN_STORE_VERSION);
    return 0;
}
