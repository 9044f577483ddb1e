// What the files of the store share; nobody else includes it. Which thread may touch what:
// the caller's thread until idn_store_start; afterwards the writer has writer_db, highwater and
// mark, the reader has reader_db and reader_codec, the caller the rest; the queues lock themselves.
#ifndef IDN_BROKER_STORE_INTERNAL_H
#define IDN_BROKER_STORE_INTERNAL_H

#include "broker/highwater.h"
#include "broker/queue.h"
#include "broker/store.h"
#include "broker/store_schema.h"
#include "broker/wal.h"
#include "proto/codec.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

// Which file it is.
struct idn_store_file {
    dev_t device;
    ino_t inode; // 0: not known
};

struct idn_store {
    char directory[IDN_PATH_SIZE];
    bool has_peer;
    int directory_fd, lock_fd;
    int event_fd;                        // readable while completions wait
    struct idn_store_file database, log; // as they were at start
    sqlite3 *writer_db, *reader_db;
    struct idn_codec *codec, *reader_codec;
    struct idn_highwater highwater;
    struct idn_highwater_mark mark; // of the last durable fact
    uint64_t scrub_until;           // rows up to this position were not read at open
    struct idn_queue commits;       // of struct idn_store_commit
    struct idn_queue reads;         // of struct idn_store_read
    struct idn_queue completions;
    pthread_t writer, reader;
    bool started;
    atomic_bool failed;         // FAILED was sent: nothing is accepted or answered any more
    atomic_uint_least64_t told; // position of the last STORED that waits or was taken
};

// One transaction's part; freed with idn_store_commit_destroy.
struct idn_store_commit {
    struct idn_queue_item item;
    bool is_summary;
    struct idn_summary summary;
    size_t count;
    struct idn_store_row row[]; // position, chain and crc not set yet; bodies owned
};
void idn_store_commit_destroy(struct idn_store_commit *commit);

enum idn_store_read_type {
    IDN_STORE_READ_PAGE,
    IDN_STORE_READ_LIST,
    IDN_STORE_READ_REFOLD,
    IDN_STORE_READ_FACTS,
};
struct idn_store_read {
    struct idn_queue_item item;
    enum idn_store_read_type type;
    uint64_t after; // ticket of the last commit queued before it
    uint64_t tag;
    struct idn_key job;
    struct idn_job_spec spec;
    uint32_t from, most, filter;
    uint64_t offset;
    bool states;
    uint64_t position; // FACTS: after it, or from the first of the places to find
    uint32_t finds;
    struct idn_origin find[IDN_MIRROR_FINDS_MAX];
};

// Queues a completion for idn_store_next; its bytes are transferred. Dropped after a failure.
void idn_store_complete(struct idn_store *store, const struct idn_completion *completion);
// Sends FAILED with this text, once, and closes the store's queues.
void idn_store_fail(struct idn_store *store, const struct idn_reason *reason);

void *idn_store_writer_main(void *store);
void *idn_store_reader_main(void *store);

// Checkpoints the whole log into facts.db and empties it, then rewrites the high-water file. 0,
// IDN_STORE_BUSY when a reader is in the way, or -errno with its sentence.
enum { IDN_STORE_BUSY = 1 };
int idn_store_checkpoint(struct idn_store *store, struct idn_reason *reason);

// store_verify.c: what open does between reading the files and serving.
struct idn_store_evidence {
    struct idn_highwater_found highwater;
    struct idn_wal_scan log; // read before SQLite saw it
};
int idn_store_gather(struct idn_store *store, bool accept, struct idn_store_evidence *ret,
    struct idn_reason *reason);
// Also IDN_STORE_TAIL_LOST, when the store has a peer.
enum { IDN_STORE_TAIL_LOST = 1 };
int idn_store_verify(struct idn_store *store, const struct idn_store_evidence *evidence,
    struct idn_store_report *report, struct idn_reason *reason);
// What an operator can do about damage.
const char *idn_store_remedy(const struct idn_store *store);
// A connection of the store's cannot read: idn_store_sql_error, with the remedy of this store.
int idn_store_read_error(const struct idn_store *store, sqlite3 *db, struct idn_reason *reason);
// Checks every row and rebuilds what is derived. accept: damaged rows are set aside; otherwise the
// store ends before the first one, which is refused when it was checkpointed long ago.
int idn_store_repair(struct idn_store *store, const struct idn_store_evidence *evidence,
    bool accept, struct idn_store_report *report, struct idn_reason *reason);
// What is wrong with a row, or NULL. before: its predecessor's chain.
const char *idn_store_row_problem(
    const struct idn_store_row *row, int64_t position, uint32_t before);

// store_tail.c: facts in commit order, for the other broker.
struct idn_store_tail {
    sqlite3_stmt *find, *next;
};
int idn_store_tail_prepare(sqlite3 *db, struct idn_store_tail *ret); // SQLite's result code
void idn_store_tail_fini(struct idn_store_tail *tail);
// Gathers what a READ_FACTS wants, up to this position, into *ret. Returns SQLite's result code.
// *ret_damaged: position of a row that was left out because it is damaged, or 0.
int idn_store_tail_read(const struct idn_store_tail *tail, const struct idn_store_read *read,
    uint64_t until, struct idn_completion *ret, int64_t *ret_damaged);

// store_summary.c: one row of table summaries.
#define IDN_STORE_SUMMARY_COLUMNS                                                              \
    "summaries.job, covers, ok, failed, quarantined, conflicts, low, high, finished_wall_ms, " \
    "compute_us, class_hash, lifted, summaries.crc"
int idn_store_summary_bind(
    sqlite3_stmt *statement, const struct idn_summary *summary, int64_t covers);
// False: the row is damaged.
bool idn_store_summary_get(sqlite3_stmt *statement, struct idn_summary *ret, int64_t *ret_covers);

#endif
