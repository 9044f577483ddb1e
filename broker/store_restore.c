// Restore: the facts, in commit order, back into the core. A summary comes where it was recorded,
// so that the core sees what it saw when the job ended; results before that place are left out.
#include "base/assert.h"
#include "broker/store_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct restore {
    struct idn_store *store;
    sqlite3_stmt *held, *facts, *summaries;
    void (*step)(void *context, const struct idn_event *event);
    void *context;
    struct idn_summary summary; // the next to come
    int64_t covers;             // its place; INT64_MAX: no more
};

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    IDN_ASSERT(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void feed(struct restore *restore, struct idn_event *event)
{
    event->now_ms = clock_ms(CLOCK_MONOTONIC);
    event->wall_ms = clock_ms(CLOCK_REALTIME);
    restore->step(restore->context, event);
}

// One incarnation after the other, through the index alone: its highest sequence is what is held.
static int feed_held(struct restore *restore)
{
    int64_t up_to = INT64_MAX;
    int rc = idn_store_prepare(restore->store->writer_db,
        "SELECT incarnation, sequence FROM facts WHERE incarnation <= ?1"
        " ORDER BY incarnation DESC, sequence DESC LIMIT 1",
        &restore->held);

    while (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(restore->held, 1, up_to);
        if (rc != SQLITE_OK || (rc = sqlite3_step(restore->held)) != SQLITE_ROW)
            break;
        int64_t incarnation = sqlite3_column_int64(restore->held, 0);
        struct idn_held held = {.incarnation = (uint64_t)incarnation,
            .last = (uint64_t)sqlite3_column_int64(restore->held, 1)};
        rc = sqlite3_reset(restore->held);
        if (incarnation != 0) // set aside by a repair
            feed(restore, &(struct idn_event){.type = IDN_EVENT_HELD, .u = {.held = held}});
        if (incarnation == INT64_MIN)
            return rc;
        up_to = incarnation - 1;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int next_summary(struct restore *restore)
{
    int rc = sqlite3_step(restore->summaries);

    restore->covers = INT64_MAX;
    if (rc == SQLITE_ROW &&
        !idn_store_summary_get(restore->summaries, &restore->summary, &restore->covers))
        return SQLITE_CORRUPT; // it was good a moment ago
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int feed_summaries(struct restore *restore, int64_t up_to)
{
    int rc = SQLITE_OK;

    while (rc == SQLITE_OK && restore->covers <= up_to) {
        feed(restore,
            &(struct idn_event){.type = IDN_EVENT_SUMMARY, .u = {.summary = &restore->summary}});
        rc = next_summary(restore);
    }
    return rc;
}

static int damaged(
    const struct restore *restore, int64_t position, const char *why, struct idn_reason *reason)
{
    return idn_reason_set(reason, -EBADMSG, "row %lld of %s in %.100s is damaged: %s; %s",
        (long long)position, IDN_STORE_DATABASE, restore->store->directory, why,
        idn_store_remedy(restore->store));
}

// What a summary stands for.
static bool is_covered(const struct idn_store_row *row, int64_t covers)
{
    bool bulk = row->kind == IDN_FACT_RESULTS || row->kind == IDN_FACT_QUARANTINED ||
                row->kind == IDN_FACT_LIFTED || row->kind == IDN_FACT_LIST_PART;

    return bulk && row->position <= covers;
}

// Every byte that is fed is checked.
static int feed_row(struct restore *restore, struct idn_reason *reason)
{
    struct idn_store_row row;
    struct idn_fact fact;
    struct idn_reason why = {.text = ""};

    idn_store_row_get(restore->facts, false, &row);
    if (row.emptied || is_covered(&row, sqlite3_column_int64(restore->facts, 13)))
        return 0;
    idn_store_row_get(restore->facts, true, &row);
    if (row.crc != idn_store_row_crc(&row))
        return damaged(restore, row.position, "its checksum differs", reason);
    idn_store_row_to_fact(&row, &fact);
    int result = idn_decode_fact_body(restore->store->codec, row.body, row.size, &fact, &why);
    if (result == IDN_DECODE_UNSUPPORTED)
        return 0; // a newer version's: kept, not understood
    if (result != 0)
        return damaged(restore, row.position, why.text, reason);
    feed(restore, &(struct idn_event){.type = IDN_EVENT_FACT, .u = {.fact = &fact}});
    return 0;
}

// One damaged summary throws all of them away: they are derived, and the results are still there.
static int check_summaries(sqlite3 *db)
{
    IDN_CLEANUP(idn_store_finalizep) sqlite3_stmt *all = NULL;
    struct idn_summary summary;
    int64_t covers;
    bool good = true;
    int rc = idn_store_prepare(db, "SELECT " IDN_STORE_SUMMARY_COLUMNS " FROM summaries", &all);

    while (rc == SQLITE_OK && good && (rc = sqlite3_step(all)) == SQLITE_ROW) {
        good = idn_store_summary_get(all, &summary, &covers);
        rc = SQLITE_OK;
    }
    if (good)
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    (void)sqlite3_reset(all);
    return idn_store_sql(db, "DELETE FROM summaries");
}

static int prepare(struct restore *restore)
{
    sqlite3 *db = restore->store->writer_db;
    int rc = check_summaries(db);

    if (rc == SQLITE_OK)
        rc = feed_held(restore);
    if (rc != SQLITE_OK)
        return rc;
    rc = idn_store_prepare(db,
        "SELECT " IDN_STORE_COLUMNS ", coalesce(summaries.covers, 0) FROM facts"
        " LEFT JOIN summaries ON summaries.job = facts.job ORDER BY facts.position",
        &restore->facts);

    if (rc == SQLITE_OK)
        rc = idn_store_prepare(db,
            "SELECT " IDN_STORE_SUMMARY_COLUMNS " FROM summaries ORDER BY covers, job",
            &restore->summaries);
    return rc == SQLITE_OK ? next_summary(restore) : rc;
}

static int restore_all(struct restore *restore, struct idn_reason *reason)
{
    int rc = prepare(restore);

    while (rc == SQLITE_OK && (rc = sqlite3_step(restore->facts)) == SQLITE_ROW) {
        int error = feed_row(restore, reason);
        if (error < 0)
            return error;
        rc = feed_summaries(restore, sqlite3_column_int64(restore->facts, 0));
    }
    if (rc == SQLITE_DONE)
        return 0;
    return idn_store_read_error(restore->store, restore->store->writer_db, reason);
}

int idn_store_restore(struct idn_store *store,
    void (*step)(void *context, const struct idn_event *event), void *context,
    struct idn_reason *reason)
{
    struct restore restore = {.store = store, .step = step, .context = context};

    int error = restore_all(&restore, reason);
    (void)sqlite3_finalize(restore.held);
    (void)sqlite3_finalize(restore.facts);
    (void)sqlite3_finalize(restore.summaries);
    return error;
}
