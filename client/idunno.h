// libidunno: submit image classification jobs to an IDunno cluster and read their results.
//
//   struct idunno_options options = {.brokers = {"tcp://127.0.0.1:5570"}};
//   struct idunno_query query = {.model = "alexnet", .dataset = "photos", .last = 9999};
//   struct idunno_job job;
//   struct idunno_info info = {0};
//   struct idunno *idunno;
//
//   if (idunno_connect(&options, &idunno) != IDUNNO_OK ||
//       idunno_submit(idunno, &query, &job, NULL) != IDUNNO_OK)
//       puts(idunno_error(idunno));
//   while (idunno_watch(idunno, &job, 5000, &info) == IDUNNO_OK && info.state == IDUNNO_OPEN)
//       printf("%u images left\n", info.pending + info.in_flight);
//   idunno_results(idunno, &job, IDUNNO_ALL, on_row, context);
//   idunno_close(&idunno);
//
// Calls block until they are done or their deadline passes. A request that a broker does not answer
// is sent again, to the other broker when there are two; every request may be repeated without
// harm, so a broker that dies in the middle of a call costs time, nothing else.
//
// Threads: a handle is used by one thread at a time (any thread); different handles are independent
// and may be used at once. Each has a ZeroMQ context of its own, and with it one I/O thread, which
// blocks all signals. A handle does not survive fork.
//
// Every call that returns enum idunno_code leaves one sentence for people in idunno_error when it
// is not IDUNNO_OK. Strings and structs that callers give are borrowed for the call only. Nothing
// here depends on ZeroMQ's or protobuf's headers.
#ifndef IDUNNO_H
#define IDUNNO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct idunno; // a session with the cluster

enum idunno_code {
    IDUNNO_OK = 0,
    IDUNNO_REFUSED = 1,     // the broker said no; idunno_refusal names why
    IDUNNO_UNREACHABLE = 2, // no broker answered in time
    IDUNNO_INVALID = 3,     // an argument or a file of the caller's
    IDUNNO_STOPPED = 4,     // options.stop_fd became readable, or a callback said stop
    IDUNNO_BROKEN = 5,      // a broker answered what it must not
};

enum idunno_notice {
    IDUNNO_LOST = 1,  // no active broker was heard for some seconds; the call goes on trying
    IDUNNO_BACK = 2,  // it has answered after IDUNNO_LOST
    IDUNNO_MOVED = 3, // the other broker has taken over and answers, with or without IDUNNO_LOST
};

struct idunno_options {     // zero what you do not need
    const char *brokers[2]; // "tcp://host:5570" (the clients' port); [1] may be NULL
    const char *client;     // name for quotas and display; NULL: user@host
    uint32_t timeout_ms;    // for one call without an answer; 0: 10000, UINT32_MAX: for ever
    int stop_fd;            // when readable, blocking calls return IDUNNO_STOPPED; 0 or less: none
    // Called from within a blocking call; must not use the handle. May be NULL.
    void (*on_notice)(void *context, enum idunno_notice notice, const char *sentence);
    void *context; // of on_notice
};

enum idunno_job_state {
    IDUNNO_OPEN = 1,      // images are left
    IDUNNO_FINISHED = 2,  // every image has a result
    IDUNNO_CANCELLED = 3, // ended early; the results it had are kept
};

struct idunno_query {
    const char *model;
    const char *dataset;  // a registered data set; or NULL with `list`
    const char *list;     // path of the caller's own list of images, uploaded; see idunno_submit
    uint32_t first, last; // inclusive
    bool whole;           // all images of the list or data set; first and last are ignored
    uint32_t weight;      // share, 1 to 1000; 0: 1
    const uint8_t *key;   // 16 bytes; NULL: drawn. The same key again is the same job.
};

struct idunno_job { // a job's identity
    uint8_t key[16];
    char id[27]; // as people type it, all 26 characters; the first 8 usually suffice
};

struct idunno_info {
    struct idunno_job job;
    enum idunno_job_state state;
    uint64_t version;                 // grows with every change
    char model[64], dataset[64];      // dataset "": an uploaded list
    char client[64];                  // who submitted it
    uint32_t first, last;             // images, inclusive
    uint32_t weight;                  // share
    uint32_t ok;                      // images classified
    uint32_t failed;                  // images with an error result, but
    uint32_t quarantined;             // given up because they kill the inference process
    uint32_t in_flight, pending;      // images being computed, images waiting
    uint32_t batch;                   // images a task
    uint32_t workers;                 // that work on it now
    uint32_t conflicts;               // results that contradict one already there; should be 0
    uint64_t created_ms, finished_ms; // UTC since 1970; 0: not yet
    uint64_t elapsed_ms;              // since it was accepted, until it was finished
    double images_per_s;              // over the last 10 seconds
    uint64_t compute_us;              // summed over the workers
    char digest[33];                  // of the results so far; equal results, equal digests
    char why[256];                    // why nothing moves, or ""
    uint64_t left_ms;                 // that it will take as it goes; 0: not known
};

struct idunno_row { // one image's result
    uint32_t index;
    uint32_t status;      // 0 ok; otherwise see idunno_status_name
    uint32_t class_id[5]; // best first; UINT32_MAX: none
    float probability[5]; // of these, falling
};

// What rates are measured over: the last 10 and 60 seconds; since the job's first result after the
// latest change (a job came or ended, a worker came or left, a weight, batch or drain was set);
// since the jobs that share, those with images left that some worker may be given, each had a
// result, or a weight or batch was set.
enum idunno_window {
    IDUNNO_LAST_10S,
    IDUNNO_LAST_60S,
    IDUNNO_SINCE_CHANGE,
    IDUNNO_SINCE_SHARED,
    IDUNNO_WINDOWS
};

struct idunno_rate { // how fast an open job gets on
    struct idunno_job job;
    char model[64];
    uint32_t weight, batch;                               // as they are now
    uint32_t ok, failed, quarantined, in_flight, pending; // images, as in struct idunno_info
    double images_per_s[IDUNNO_WINDOWS];
    double tasks_per_s[IDUNNO_WINDOWS]; // a task: a batch of images
    uint32_t workers;                   // that work on it now
    uint32_t wanted_workers;            // by weight * time of a task, whole ones; 0: not known
    double wanted_share;                // the same in fractions of workers
    uint64_t left_ms;                   // that it will take as it goes; 0: not known
    uint64_t tasks;                     // that were seen whole; their times:
    uint64_t mean_us, deviation_us;
    uint64_t measured_ms; // since its first result in this reign, 10S and 60S are no longer than
                          // that; 0: there was none
    uint64_t change_ms;   // how long its window SINCE_CHANGE is; 0: no result has come since
    bool sharing;         // it has images left that some worker may be given now
};

struct idunno_gap {     // 1 - least / most task rate for a unit of weight, of jobs with work left
    uint64_t window_ms; // SINCE_SHARED: 0 before it has begun
    uint32_t jobs;      // that it is of; 0: no gap is known
    double gap;
};

struct idunno_pace {
    uint32_t workers;        // that can be given work
    uint32_t present;        // whether or not they can
    const char *hindered_by; // why none of them can: "drained", ... or NULL. Static storage.
    const char *changed_by;  // what the latest change was: "worker_joined", ... Static storage.
    struct idunno_gap gap[IDUNNO_WINDOWS];
    uint32_t sharing, awaited; // jobs that share; of them those that had no result since they do
    // Of those present, workers that cannot be given work, each by the first of these that is so.
    uint32_t suspected, drained, benched, stuck, unreachable;
};

struct idunno_times { // how long the tasks of a model take
    char model[64];
    uint32_t batch;
    uint64_t tasks; // of whole batches, that were seen whole; 0: the others mean nothing
    uint64_t mean_us, deviation_us, median_us, p90_us, p95_us, p99_us;
};

enum idunno_filter {
    IDUNNO_ALL = 0,         // every image that has a result
    IDUNNO_FAILED = 1,      // those that could not be classified
    IDUNNO_MISSING = 2,     // images without a result: only `index` of their rows means something
    IDUNNO_QUARANTINED = 3, // those given up because they kill the inference process
};

// "0.1.0": the version of the library in use.
const char *idunno_version(void);

// Opens a session and waits until a broker has answered. Always sets *ret, which must be closed,
// also when it fails: then the only other use of *ret is idunno_error.
enum idunno_code idunno_connect(const struct idunno_options *options, struct idunno **ret);
void idunno_close(struct idunno **idunno); // NULL-safe, sets NULL

// What went wrong in the last call, one sentence without a full stop; borrowed until the next call.
const char *idunno_error(const struct idunno *idunno);
// Why the last call was IDUNNO_REFUSED: "unknown_model", "range", ... (docs/PROTOCOL.md); otherwise
// "". Static storage.
const char *idunno_refusal(const struct idunno *idunno);

// From now on, as options.timeout_ms.
void idunno_set_timeout(struct idunno *idunno, uint32_t timeout_ms);

// Draws the identity of a job that is yet to be submitted (query.key = job.key), so that it is
// known whatever happens during the submission.
void idunno_draw(struct idunno_job *ret);

// Returns once the job is stored (durable) by the broker. ret_durable (may be NULL): by how many
// brokers; 1 of two means that the other one was not in sync, and that the job is known nowhere
// else until it is.
//
// query->list: one image a line; relative paths start at the list's own folder. The list is
// uploaded with absolute paths; the image files themselves must be found under the same paths by
// the workers.
enum idunno_code idunno_submit(struct idunno *idunno, const struct idunno_query *query,
    struct idunno_job *ret, uint32_t *ret_durable);

// Finds a job by the first 8 or more characters of its id.
enum idunno_code idunno_find(struct idunno *idunno, const char *id, struct idunno_info *ret);

// Waits up to wait_ms for news since info->version (0 at first), then fills *info. When no broker
// answers it goes on trying for options.timeout_ms after that.
enum idunno_code idunno_watch(struct idunno *idunno, const struct idunno_job *job, uint32_t wait_ms,
    struct idunno_info *info);

// How fast each open job gets on, the newest first, and how equally (pace may be NULL).
// docs/PROTOCOL.md, RATES, says exactly what is measured. A callback that returns false ends the
// call with IDUNNO_STOPPED; it must not use the handle.
enum idunno_code idunno_rates(struct idunno *idunno,
    bool (*on_job)(void *context, const struct idunno_rate *rate), void *context,
    struct idunno_pace *pace);
// How long the tasks of each model take; likewise.
enum idunno_code idunno_times(struct idunno *idunno,
    bool (*on_model)(void *context, const struct idunno_times *times), void *context);

// Calls on_row for each image in order of index; a callback that returns false ends the call with
// IDUNNO_STOPPED. The callback must not use the handle. Rows that a broker cannot read are never
// left out in silence: IDUNNO_REFUSED ("damaged"), or IDUNNO_BROKEN when a job that has ended got
// fewer than it counts; on_row was called for those before.
enum idunno_code idunno_results(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, bool (*on_row)(void *context, const struct idunno_row *row),
    void *context);

// Why a job waits, or how fast it is: calls on_fact for each thing that holds it back or drives it,
// the weightiest first, with its code ("no_worker", "shares", ...; docs/PROTOCOL.md, static
// storage) and one sentence (borrowed for the call). A callback that returns false ends the call
// with IDUNNO_STOPPED.
enum idunno_code idunno_why(struct idunno *idunno, const struct idunno_job *job,
    bool (*on_fact)(void *context, const char *code, const char *sentence), void *context);

// Lifts the quarantine of a job's images: they are tried again, also when the job had finished.
enum idunno_code idunno_retry(struct idunno *idunno, const struct idunno_job *job);
// Ends a job early; the results it has are kept. Cancelling a job that has ended changes nothing.
enum idunno_code idunno_cancel(struct idunno *idunno, const struct idunno_job *job);
// Removes a job that has ended, with its results.
enum idunno_code idunno_forget(struct idunno *idunno, const struct idunno_job *job);

// "ok", "missing", "unreadable", "unsupported", "corrupt", "too_large", "changed", "not_finite",
// "quarantined"; "unknown" for a status of a newer version. Static storage.
const char *idunno_status_name(uint32_t status);

#ifdef __cplusplus
}
#endif
#endif
