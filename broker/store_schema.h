// What lies in facts.db, and how a row becomes bytes and back.
//
// facts: one row a fact, in commit order.
//   position     1, 2, 3, ... without a gap
//   incarnation  origin, with sequence; unsigned 64-bit numbers lie in SQLite's signed ones, bit
//   sequence     by bit
//   epoch        of the reign that recorded it: counter, and letter its broker
//   letter
//   kind         enum idn_fact_kind, or one that this version does not know: kept as it is.
//                IDN_STORE_LOST: --accept-lost-tail set a damaged fact aside. Without its body it
//                holds the place of the fact, so that what came after it is not lost too; where
//                even that is not known its incarnation is 0
//   job          its key, 16 bytes
//   wall_ms
//   first, last  RESULTS: lowest and highest image. QUARANTINED: the image. LIST_PART: its first
//                and last byte. Others 0. Emptied rows: -1
//   chain        running CRC-32C: of the previous row's chain (4 bytes, little-endian, continued)
//                and the crc that this row was stored with
//   crc          CRC-32C of all columns but chain and of the body (idn_store_row_crc)
//   body         proto/codec.h, idn_encode_fact_body; NULL: emptied, its job was forgotten
// Facts of this broker's and of the other's lie side by side. Those of an incarnation follow each
// other by sequence, from 1 without a gap.
// summaries: one row a job that ended; derived from the facts up to position `covers`.
// forgetting: jobs that are forgotten and whose bodies are not all emptied yet.
//
// PRAGMA application_id is "IDun", user_version the version of this schema.
#ifndef IDN_BROKER_STORE_SCHEMA_H
#define IDN_BROKER_STORE_SCHEMA_H

#include "base/error.h"
#include "broker/core/core.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDN_STORE_VERSION = 1, IDN_STORE_LOST = 255 };
// Rows of RESULTS that span this many images or more are found by an index of their own, so that
// the others need a look-back of fewer than this. Written into the schema: never change it.
enum { IDN_STORE_SPAN = 10000 };

#define IDN_STORE_DATABASE "facts.db"
#define IDN_STORE_LOG      "facts.db-wal"
#define IDN_STORE_COLUMNS                                                                     \
    "facts.position, incarnation, sequence, epoch, letter, kind, facts.job, wall_ms, first, " \
    "last, chain, facts.crc, body"

struct idn_store_row {
    int64_t position;
    struct idn_origin origin;
    struct idn_epoch epoch;
    uint32_t kind;
    struct idn_key job;
    uint64_t wall_ms;
    int64_t first, last;
    uint32_t chain, crc;
    bool emptied;
    const uint8_t *body; // borrowed until the statement's next step, or owned by a queued commit
    size_t size;
};

uint32_t idn_store_row_crc(const struct idn_store_row *row);
uint32_t idn_store_chain(uint32_t before, uint32_t crc);

// The first IDN_STORE_COLUMNS of the statement's current row. With `body` false, body is left NULL
// and unread (SQLite reads it only when asked).
void idn_store_row_get(sqlite3_stmt *statement, bool body, struct idn_store_row *ret);
// Its job was forgotten: no body any more, nor a place in the job. The bytes of `body` stay whose
// they were.
void idn_store_row_empty(struct idn_store_row *row);
// Everything but the body's union of a fact.
void idn_store_row_to_fact(const struct idn_store_row *row, struct idn_fact *ret);
// Binds parameters 1 .. 13 in the order of IDN_STORE_COLUMNS. The body must live until reset.
int idn_store_row_bind(sqlite3_stmt *statement, const struct idn_store_row *row);

// Opens facts.db of a directory with our settings; the writer makes it when it is missing. No
// schema is looked at. -errno with a sentence.
int idn_store_connect(const char *directory, bool writer, sqlite3 **ret, struct idn_reason *reason);
// Makes the schema in an empty database when it may, checks its version otherwise.
int idn_store_schema(
    sqlite3 *db, bool may_create, const char *directory, struct idn_reason *reason);

// Whether the connection's last error is that the file's bytes make no sense.
bool idn_store_is_damaged(sqlite3 *db);
// The connection's last error as -errno, with its sentence ("cannot WHAT facts.db in DIRECTORY:
// ...") when reason is not NULL.
int idn_store_sql_error(
    sqlite3 *db, const char *what, const char *directory, struct idn_reason *reason);
// SQLite result codes.
int idn_store_sql(sqlite3 *db, const char *sql);
int idn_store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret);
// One integer of a query; SQLITE_OK, or why not. NULL and no row give 0.
int idn_store_number(sqlite3 *db, const char *sql, int64_t *ret);

// For IDN_CLEANUP.
void idn_store_finalizep(sqlite3_stmt **statement);

#endif
