// The writer thread: one transaction for all that is queued, then a high-water mark, then STORED.
// A write or fsync that failed is never tried again: nobody knows what the disk kept of it.
#include "broker/store_internal.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHECKPOINT_FRAMES = 2000, // about 8 MB of log
    CHECKPOINT_RETRY = 250,   // frames later, when a reader was in the way
    FORGET_ROWS = 64,         // emptied in one transaction, so that other commits need not wait
};

struct writer {
    struct idn_store *store;
    sqlite3 *db;
    sqlite3_stmt *insert, *summarise, *drop_summary, *begin_forgetting;
    sqlite3_stmt *is_forgotten, *forgotten, *bodies, *empty, *end_forgetting;
    int log_fd;
    struct idn_highwater_mark next; // as this transaction will leave it
    uint32_t frames;                // in the log
    uint32_t checkpoint_at;
    bool forgetting; // there may be rows in table forgetting
};

static int sql_error(const struct writer *writer, struct idn_reason *reason)
{
    return idn_store_sql_error(writer->db, "write", writer->store->directory, reason);
}

static int note_frames(void *context, sqlite3 *db, const char *name, int frames)
{
    struct writer *writer = context;

    (void)db, (void)name;
    writer->frames = (uint32_t)frames;
    return SQLITE_OK;
}

static int prepare(struct writer *writer)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } wanted[] = {
        {&writer->insert, "INSERT INTO facts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"},
        {&writer->summarise,
            "INSERT OR REPLACE INTO summaries VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"},
        {&writer->drop_summary, "DELETE FROM summaries WHERE job = ?1"},
        {&writer->begin_forgetting, "INSERT OR REPLACE INTO forgetting VALUES (?1)"},
        {&writer->is_forgotten, "SELECT 1 FROM facts WHERE job = ?1 AND kind = 8 LIMIT 1"},
        {&writer->forgotten, "SELECT job FROM forgetting LIMIT 1"},
        {&writer->bodies, "SELECT " IDN_STORE_COLUMNS " FROM facts"
                          " WHERE job = ?1 AND kind IN (3, 9) AND first >= 0 LIMIT ?2"},
        {&writer->empty, "UPDATE facts SET first = -1, last = -1, body = NULL, crc = ?2"
                         " WHERE position = ?1"},
        {&writer->end_forgetting, "DELETE FROM forgetting WHERE job = ?1"},
    };
    static_assert(IDN_FACT_RESULTS == 3 && IDN_FACT_LIST_PART == 9 && IDN_FACT_FORGOTTEN == 8,
        "as the statements say");

    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        int rc = idn_store_prepare(writer->db, wanted[i].sql, wanted[i].statement);
        if (rc != SQLITE_OK)
            return rc;
    }
    (void)sqlite3_wal_hook(writer->db, note_frames, writer);
    return SQLITE_OK;
}

static int run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);

    (void)sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_for_job(sqlite3_stmt *statement, const struct idn_key *job)
{
    int rc = sqlite3_bind_blob(statement, 1, job->bytes, IDN_KEY_SIZE, SQLITE_TRANSIENT);

    return rc == SQLITE_OK ? run(statement) : rc;
}

static int begin_forgetting(struct writer *writer, const struct idn_key *job)
{
    int rc = run_for_job(writer->begin_forgetting, job);

    writer->forgetting = true;
    return rc == SQLITE_OK ? run_for_job(writer->drop_summary, job) : rc;
}

// A key is forgotten for ever: what the other broker recorded of it comes too late to matter.
static int empty_if_forgotten(struct writer *writer, struct idn_store_row *row)
{
    if (row->emptied || (row->kind != IDN_FACT_RESULTS && row->kind != IDN_FACT_LIST_PART))
        return SQLITE_OK;
    int rc =
        sqlite3_bind_blob(writer->is_forgotten, 1, row->job.bytes, IDN_KEY_SIZE, SQLITE_TRANSIENT);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(writer->is_forgotten);
    if (rc == SQLITE_ROW)
        idn_store_row_empty(row);
    (void)sqlite3_reset(writer->is_forgotten);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int insert_row(struct writer *writer, struct idn_store_row *row)
{
    struct idn_highwater_mark *next = &writer->next;
    int rc = empty_if_forgotten(writer, row);

    row->position = (int64_t)next->position + 1;
    row->crc = idn_store_row_crc(row);
    row->chain = idn_store_chain(next->chain, row->crc);
    if (rc == SQLITE_OK)
        rc = idn_store_row_bind(writer->insert, row);
    if (rc == SQLITE_OK)
        rc = run(writer->insert);
    if (rc == SQLITE_OK && row->kind == IDN_FACT_FORGOTTEN)
        rc = begin_forgetting(writer, &row->job);
    next->position++;
    next->chain = row->chain;
    next->incarnation = row->origin.incarnation;
    next->sequence = row->origin.sequence;
    return rc;
}

static int apply(struct writer *writer, struct idn_store_commit *commit)
{
    int rc = SQLITE_OK;

    if (commit->is_summary) {
        rc = idn_store_summary_bind(
            writer->summarise, &commit->summary, (int64_t)writer->next.position);
        return rc == SQLITE_OK ? run(writer->summarise) : rc;
    }
    for (size_t i = 0; i < commit->count && rc == SQLITE_OK; i++)
        rc = insert_row(writer, &commit->row[i]);
    return rc;
}

static int transact(struct writer *writer, struct idn_queue_item *items, struct idn_reason *reason)
{
    int rc = idn_store_sql(writer->db, "BEGIN IMMEDIATE");

    for (; items != NULL && rc == SQLITE_OK; items = items->next)
        rc = apply(writer, (struct idn_store_commit *)items);
    if (rc == SQLITE_OK)
        rc = idn_store_sql(writer->db, "COMMIT");
    return rc == SQLITE_OK ? 0 : sql_error(writer, reason);
}

// The mark names the frames that hold the facts, so that opening can tell which one is damaged.
static int mark(struct writer *writer, struct idn_reason *reason)
{
    struct idn_store *store = writer->store;
    int error = 0;

    if (writer->log_fd < 0)
        writer->log_fd = openat(store->directory_fd, IDN_STORE_LOG, O_RDONLY | O_CLOEXEC);
    if (writer->log_fd < 0)
        error = -errno;
    if (error == 0)
        error = idn_wal_salt(writer->log_fd, writer->next.wal_salt);
    writer->next.wal_frames = writer->frames;
    if (error == 0)
        error = idn_highwater_append(&store->highwater, &writer->next);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot write highwater in %.150s: %s",
            store->directory, strerror(-error));
    store->mark = writer->next;
    return 0;
}

static int write_batch(
    struct writer *writer, struct idn_queue_item *items, struct idn_reason *reason)
{
    struct idn_store *store = writer->store;

    writer->next = store->mark;
    int error = transact(writer, items, reason);
    bool facts = writer->next.position > store->mark.position;
    if (error == 0 && facts)
        error = mark(writer, reason);
    if (error < 0)
        return error;
    // In this order: who reads facts after a commit is told of the commit first.
    if (facts)
        idn_store_complete(store, &(struct idn_completion){.type = IDN_COMPLETION_STORED,
                                      .position = writer->next.position});
    store->told = writer->next.position;
    idn_queue_done(&store->commits);
    return 0;
}

static void destroy_items(struct idn_queue_item *items)
{
    while (items != NULL) {
        struct idn_queue_item *next = items->next;
        idn_store_commit_destroy((struct idn_store_commit *)items);
        items = next;
    }
}

static int find_bodies(struct writer *writer, const struct idn_key *job,
    struct idn_store_row row[static FORGET_ROWS], int *ret_count)
{
    int count = 0;
    int rc = sqlite3_bind_blob(writer->bodies, 1, job->bytes, IDN_KEY_SIZE, SQLITE_TRANSIENT);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(writer->bodies, 2, FORGET_ROWS);
    while (rc == SQLITE_OK && (rc = sqlite3_step(writer->bodies)) == SQLITE_ROW) {
        idn_store_row_get(writer->bodies, false, &row[count++]);
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(writer->bodies);
    *ret_count = count;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int empty_row(struct writer *writer, struct idn_store_row *row)
{
    idn_store_row_empty(row);
    int rc = sqlite3_bind_int64(writer->empty, 1, row->position);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(writer->empty, 2, idn_store_row_crc(row));
    return rc == SQLITE_OK ? run(writer->empty) : rc;
}

static int empty_some(struct writer *writer, const struct idn_key *job)
{
    struct idn_store_row row[FORGET_ROWS];
    int count = 0;
    int rc = find_bodies(writer, job, row, &count);

    for (int i = 0; i < count && rc == SQLITE_OK; i++)
        rc = empty_row(writer, &row[i]);
    if (rc == SQLITE_OK && count < FORGET_ROWS)
        rc = run_for_job(writer->end_forgetting, job);
    return rc;
}

// Empties some bodies of one forgotten job in a transaction of its own.
static int forget_some(struct writer *writer, struct idn_reason *reason)
{
    struct idn_key job = {0};
    bool found = false;
    int rc = idn_store_sql(writer->db, "BEGIN IMMEDIATE");

    if (rc == SQLITE_OK && (rc = sqlite3_step(writer->forgotten)) == SQLITE_ROW) {
        found = sqlite3_column_bytes(writer->forgotten, 0) == IDN_KEY_SIZE;
        if (found)
            memcpy(job.bytes, sqlite3_column_blob(writer->forgotten, 0), IDN_KEY_SIZE);
    }
    (void)sqlite3_reset(writer->forgotten);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = found ? empty_some(writer, &job) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = idn_store_sql(writer->db, "COMMIT");
    writer->forgetting = found;
    return rc == SQLITE_OK ? 0 : sql_error(writer, reason);
}

int idn_store_checkpoint(struct idn_store *store, struct idn_reason *reason)
{
    struct idn_highwater_mark mark = store->mark;
    int rc =
        sqlite3_wal_checkpoint_v2(store->writer_db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    if ((rc & 0xff) == SQLITE_BUSY)
        return IDN_STORE_BUSY;
    if (rc != SQLITE_OK)
        return idn_store_sql_error(store->writer_db, "checkpoint", store->directory, reason);
    mark.wal_frames = mark.wal_salt[0] = mark.wal_salt[1] = 0;
    struct idn_highwater_verified verified = {.position = mark.position, .chain = mark.chain};
    int error = idn_highwater_rewrite(&store->highwater, &verified, &mark);
    if (error < 0)
        return idn_reason_set(reason, error, "cannot write highwater in %.150s: %s",
            store->directory, strerror(-error));
    store->mark = mark;
    return 0;
}

static int checkpoint_when_due(struct writer *writer, struct idn_reason *reason)
{
    if (writer->frames < writer->checkpoint_at)
        return 0;
    int error = idn_store_checkpoint(writer->store, reason);
    if (error == IDN_STORE_BUSY) {
        writer->checkpoint_at = writer->frames + CHECKPOINT_RETRY;
        return 0;
    }
    writer->frames = 0;
    writer->checkpoint_at = CHECKPOINT_FRAMES;
    return error;
}

// One turn: what is queued, or else some forgetting. False: the queue is closed and empty.
static bool turn(struct writer *writer, int *ret_error, struct idn_reason *reason)
{
    struct idn_queue *queue = &writer->store->commits;
    struct idn_queue_item *items = idn_queue_take_all(queue, writer->forgetting ? 0 : -1);
    int error = 0;

    if (items == NULL && idn_queue_is_closed(queue))
        return false;
    if (items != NULL)
        error = write_batch(writer, items, reason);
    destroy_items(items);
    if (error == 0 && writer->forgetting)
        error = forget_some(writer, reason);
    if (error == 0)
        error = checkpoint_when_due(writer, reason);
    *ret_error = error;
    return true;
}

static void finish(struct writer *writer)
{
    sqlite3_stmt *statement;

    while ((statement = sqlite3_next_stmt(writer->db, NULL)) != NULL)
        (void)sqlite3_finalize(statement);
    (void)sqlite3_wal_hook(writer->db, NULL, NULL);
    idn_closep(&writer->log_fd);
}

void *idn_store_writer_main(void *context)
{
    struct idn_store *store = context;
    struct writer writer = {.store = store,
        .db = store->writer_db,
        .log_fd = -1,
        .checkpoint_at = CHECKPOINT_FRAMES,
        .forgetting = true}; // one look: a start may find a job half forgotten
    struct idn_reason reason = {.text = ""};
    int error = 0;

    if (prepare(&writer) != SQLITE_OK)
        error = sql_error(&writer, &reason);
    while (error == 0 && turn(&writer, &error, &reason))
        ;
    finish(&writer);
    if (error == 0)
        error = idn_store_checkpoint(store, &reason);
    if (error < 0)
        idn_store_fail(store, &reason);
    return NULL;
}
