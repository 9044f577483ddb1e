// Summaries of ended jobs as rows. They are derived: a damaged one is left out, and its job's
// results are read instead.
#include "base/crc32c.h"
#include "broker/bytes.h"
#include "broker/store_internal.h"

#include <string.h>

static uint32_t crc_of(const struct idn_summary *summary, int64_t covers)
{
    uint8_t bytes[84];

    memcpy(bytes, summary->job.bytes, IDN_KEY_SIZE);
    idn_put_u64(bytes + 16, (uint64_t)covers);
    idn_put_u32(bytes + 24, summary->ok);
    idn_put_u32(bytes + 28, summary->failed);
    idn_put_u32(bytes + 32, summary->quarantined);
    idn_put_u32(bytes + 36, summary->conflicts);
    idn_put_u64(bytes + 40, summary->digest.low);
    idn_put_u64(bytes + 48, summary->digest.high);
    idn_put_u64(bytes + 56, summary->finished_wall_ms);
    idn_put_u64(bytes + 64, summary->compute_us);
    idn_put_u64(bytes + 72, summary->class_hash);
    idn_put_u32(bytes + 80, summary->lifted);
    return idn_crc32c(0, bytes, sizeof(bytes));
}

int idn_store_summary_bind(
    sqlite3_stmt *statement, const struct idn_summary *summary, int64_t covers)
{
    const int64_t numbers[] = {covers, summary->ok, summary->failed, summary->quarantined,
        summary->conflicts, (int64_t)summary->digest.low, (int64_t)summary->digest.high,
        (int64_t)summary->finished_wall_ms, (int64_t)summary->compute_us,
        (int64_t)summary->class_hash, summary->lifted, crc_of(summary, covers)};
    int rc = sqlite3_bind_blob(statement, 1, summary->job.bytes, IDN_KEY_SIZE, SQLITE_STATIC);

    for (int i = 0; i < 12 && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_int64(statement, i + 2, numbers[i]);
    return rc;
}

bool idn_store_summary_get(sqlite3_stmt *statement, struct idn_summary *ret, int64_t *ret_covers)
{
    struct idn_summary summary = {
        .ok = (uint32_t)sqlite3_column_int64(statement, 2),
        .failed = (uint32_t)sqlite3_column_int64(statement, 3),
        .quarantined = (uint32_t)sqlite3_column_int64(statement, 4),
        .conflicts = (uint32_t)sqlite3_column_int64(statement, 5),
        .digest = {.low = (uint64_t)sqlite3_column_int64(statement, 6),
            .high = (uint64_t)sqlite3_column_int64(statement, 7)},
        .finished_wall_ms = (uint64_t)sqlite3_column_int64(statement, 8),
        .compute_us = (uint64_t)sqlite3_column_int64(statement, 9),
        .class_hash = (uint64_t)sqlite3_column_int64(statement, 10),
        .lifted = (uint32_t)sqlite3_column_int64(statement, 11),
    };
    int64_t covers = sqlite3_column_int64(statement, 1);
    const void *job = sqlite3_column_blob(statement, 0);

    if (job == NULL || sqlite3_column_bytes(statement, 0) != IDN_KEY_SIZE)
        return false;
    memcpy(summary.job.bytes, job, IDN_KEY_SIZE);
    if (crc_of(&summary, covers) != (uint32_t)sqlite3_column_int64(statement, 12))
        return false;
    *ret = summary;
    *ret_covers = covers;
    return true;
}
