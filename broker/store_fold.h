// The stored facts of one job, folded image by image: result pages and summaries come from the same
// code. A window of images is loaded at a time, so that memory does not grow with the job.
//
// Which result of an image wins: ok before error before quarantine; then the lowest (epoch,
// incarnation, sequence). Unequal ok results of an image are a conflict. A quarantine counts while
// its generation is higher than every one that the job's LIFTED facts name. Results and quarantines
// of another specification than the job's are not its own.
#ifndef IDN_BROKER_STORE_FOLD_H
#define IDN_BROKER_STORE_FOLD_H

#include "broker/store.h"
#include "broker/store_schema.h"
#include "proto/codec.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { IDN_FOLD_WINDOW = 4096 };

enum idn_fold_rank { IDN_FOLD_OK, IDN_FOLD_ERROR, IDN_FOLD_QUARANTINED, IDN_FOLD_NONE };

struct idn_fold_image {
    struct idn_epoch epoch;
    struct idn_origin origin;
    uint64_t since_wall_ms; // first answer of any kind
    enum idn_fold_rank rank;
    bool quarantined, conflict;
    uint8_t row[IDN_ROW_BYTES];
};

// Sums over the RESULTS facts that begin in a window, for summaries.
struct idn_fold_totals {
    uint64_t compute_us, class_hash;
    bool any;               // class_hash is that of the fact that follows
    struct idn_epoch epoch; // of the lowest one so far
    struct idn_origin origin;
};

// Which facts count: the job's, of this specification, quarantines above this generation.
struct idn_fold_job {
    struct idn_key key;
    uint64_t spec_hash;
    uint32_t lifted;
};

// Rows of the job that had to be left out because they cannot be read.
struct idn_fold_damage {
    int64_t position, first, last; // of the first one found, as it says itself; position 0: none;
                                   // first -1: it is about all
    bool more;
};

struct idn_fold {
    sqlite3 *db;             // borrowed
    struct idn_codec *codec; // borrowed
    sqlite3_stmt *near, *wide, *lifted;
    struct idn_fold_damage damage;
    struct idn_fold_job job; // being loaded
    uint32_t first, count;   // of the window
    struct idn_fold_totals totals;
    struct idn_fold_image image[IDN_FOLD_WINDOW];
};

// Heap; one a reading connection. Returns a SQLite result code.
int idn_fold_new(sqlite3 *db, struct idn_codec *codec, struct idn_fold **ret);
void idn_fold_destroy(struct idn_fold **fold);

// Reads what was lifted so far. Returns a SQLite result code, as the next does; fold->damage says
// which rows had to be left out since here.
int idn_fold_job(struct idn_fold *fold, const struct idn_key *key, const struct idn_job_spec *spec,
    struct idn_fold_job *ret);
// Loads images first .. first + count - 1 (count <= IDN_FOLD_WINDOW).
int idn_fold_load(
    struct idn_fold *fold, const struct idn_fold_job *job, uint32_t first, uint32_t count);

// A result page (broker/store.h): rows of at most `most` images from `from` on that pass the
// filter. A page looks at no more than IDN_FOLD_SCAN images, so that it may have fewer rows though
// `next` goes on. Rows of IDN_FILTER_MISSING are packed with status IDN_STATUS_MISSING.
enum { IDN_FOLD_SCAN = 16 * IDN_FOLD_WINDOW };
int idn_fold_page(struct idn_fold *fold, const struct idn_key *job, const struct idn_job_spec *spec,
    uint32_t from, uint32_t most, uint32_t filter, struct idn_completion *ret);

// A summary in steps, so that pages are served in between. What is lifted meanwhile does not count.
struct idn_refold {
    struct idn_job_spec spec;
    struct idn_fold_job job;
    struct idn_summary summary;
    struct idn_fold_totals totals;
    uint64_t at;     // next image
    uint8_t *states; // IDN_EVENT_REFOLDED's; NULL: not wanted. To be freed by whoever ends it
};
void idn_refold_init(struct idn_refold *refold, const struct idn_key *job,
    const struct idn_job_spec *spec, bool states);
// One window. *ret_done: the summary is complete.
int idn_refold_step(struct idn_refold *refold, struct idn_fold *fold, bool *ret_done);

#endif
