// The durable facts: SQLite in a state directory, one writing thread, one reading thread, and a
// small second file, the high-water file, that proves the store's tail was not lost.
//
// The socket thread never waits here: commit and the reads only queue work; finished work comes
// back through idn_store_next. A failed write or fsync is never retried: FAILED comes, then nothing
// more.
//
// Layout of the state directory: lock (flock), facts.db (+ -wal, -shm), highwater, letter. Schema
// and formats are described in broker/store_schema.h. Only one process may hold it.
#ifndef IDN_BROKER_STORE_H
#define IDN_BROKER_STORE_H

#include "base/error.h"
#include "broker/core/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_store;

struct idn_store_config {
    const char *directory; // made (0700) when it does not exist; borrowed for open
    bool accept_lost_tail; // --accept-lost-tail: go on without facts that the high-water file
                           // proves lost
    bool has_peer;         // another broker may have them: lost ones are no error
    uint32_t letter;       // whose the directory must be, or becomes; 0: whoever's
};

// What open found out.
struct idn_store_report {
    uint64_t facts;    // also the position of the last one
    uint64_t lost;     // facts that were committed and are gone (accept_lost_tail, has_peer)
    uint64_t verified; // rows whose checksums were read before serving
};

// Opens and verifies what is newer than the last verified checkpoint. Errors, each with its
// sentence in reason: -EACCES not writable, -EBUSY held by another process, -EPERM another
// broker's, -EBADMSG damaged or tail lost (names the file and the remedy), -ENOSPC, other -errno.
int idn_store_open(const struct idn_store_config *config, struct idn_store **ret,
    struct idn_store_report *ret_report, struct idn_reason *reason);

// Feeds everything to the core: HELD for each incarnation, then FACT and SUMMARY events in commit
// order. A summary comes where it was committed; what it covers (RESULTS, QUARANTINED, LIFTED,
// LIST_PART of its job before that place) is left out, and so are emptied bodies and kinds this
// version does not know. Call once, before start. `step` is called with events whose pointers live
// for the call. -EBADMSG: a row is damaged; the sentence names it.
int idn_store_restore(struct idn_store *store,
    void (*step)(void *context, const struct idn_event *event), void *context,
    struct idn_reason *reason);

// Starts the two threads; facts get (incarnation, 1...) from the core. Background scrub of old rows
// begins.
int idn_store_start(struct idn_store *store, struct idn_reason *reason);

// Queues facts in order; each gets the next position. One that is decoded and has no body is this
// broker's own and is encoded here; another is the other broker's and is stored byte for byte: a
// kind that this version knows decoded (for its place in the job), an unknown one and an emptied
// one not. Copies what it needs. A fact that is there already is a mistake of the caller's, and
// ends in FAILED. Summaries likewise (latest wins, after earlier commits). Once a key is FORGOTTEN,
// the bodies of its results and list parts, those that come later too, are emptied.
void idn_store_commit(struct idn_store *store, const struct idn_stored_fact *facts, size_t count);
void idn_store_summarise(struct idn_store *store, const struct idn_summary *summary);

// Queues reads; each is answered by one completion with the same tag and sees every commit queued
// before it. A page looks at a bounded number of images: it may hold fewer than `most` rows, or
// none, while `next` is not yet past the job's last image. IDN_FILTER_MISSING rows have status
// IDN_STATUS_MISSING. A row that cannot be read is said by DAMAGED, and a page that it belongs to
// has no rows but a sentence for the client.
void idn_store_read_page(struct idn_store *store, uint64_t tag, const struct idn_key *job,
    const struct idn_job_spec *spec, uint32_t from, uint32_t most, uint32_t filter);
void idn_store_read_list(
    struct idn_store *store, uint64_t tag, const struct idn_key *job, uint64_t offset);
// states: also each image's state, as IDN_EVENT_REFOLDED has it.
void idn_store_refold(struct idn_store *store, const struct idn_key *job,
    const struct idn_job_spec *spec, bool states);
// IDN_ACTION_READ_FACTS of broker/core/core.h; no fact beyond the last STORED that was taken before
// its completion is among those read. A row that is found damaged is left out, and DAMAGED says so.
void idn_store_read_facts(
    struct idn_store *store, uint64_t after, const struct idn_origin *find, uint32_t finds);

enum idn_completion_type {
    IDN_COMPLETION_STORED, // facts up to this position are durable
    IDN_COMPLETION_PAGE,
    IDN_COMPLETION_LIST,
    IDN_COMPLETION_REFOLDED,
    IDN_COMPLETION_FACTS,
    IDN_COMPLETION_DAMAGED, // the scrub found a bad row: text says which; the store goes on
    IDN_COMPLETION_FAILED,  // a write failed: text says why; the caller exits
};

struct idn_completion {
    enum idn_completion_type type;
    uint64_t tag;
    uint64_t position;               // STORED; DAMAGED: of the row
    uint32_t count, next, conflicts; // PAGE
    uint64_t offset, total;          // LIST; total 0: not known
    uint32_t size;                   // LIST: bytes
    uint8_t *bytes;                  // PAGE rows, LIST bytes: transferred, free() it; may be NULL
    struct idn_summary summary;      // REFOLDED; its states, if wanted, are the bytes
    struct idn_stored_fact *fact; // FACTS: count of them, bodies in bytes; transferred, free() it
    uint64_t next_position;       // FACTS: of the last one looked at
    bool end;                     // FACTS: the store holds no more
    char text[IDN_TEXT_SIZE];     // DAMAGED, FAILED; PAGE: why it cannot be had, or ""
};

// Readable when a completion waits; for poll.
int idn_store_fd(const struct idn_store *store);
// Takes the next completion; false when there is none.
bool idn_store_next(struct idn_store *store, struct idn_completion *ret);

// Bytes free in the state directory's file system, and bytes of the store's files.
int idn_store_space(const struct idn_store *store, uint64_t *ret_free, uint64_t *ret_used);

// Whether the files in the directory are still those that are written. -ESTALE with its sentence
// when they were removed, moved or replaced since start: what is stored would not be found again.
int idn_store_check(const struct idn_store *store, struct idn_reason *reason);

// Finishes queued commits, checkpoints, ends the threads. NULL-safe, sets NULL.
void idn_store_close(struct idn_store **store);

#endif
