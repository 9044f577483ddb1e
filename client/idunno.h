// libidunno: submit image classification jobs to an IDunno cluster and read their results.
//
//   struct idunno *idunno;
//   if (idunno_connect(&options, &idunno) != IDUNNO_OK) ...
//   if (idunno_submit(idunno, &query, &job) != IDUNNO_OK) puts(idunno_error(idunno));
//   while (idunno_watch(idunno, &job, 5000, &info) == IDUNNO_OK && info.state == IDUNNO_OPEN) ...
//   idunno_results(idunno, &job, IDUNNO_ALL, on_row, context);
//   idunno_close(&idunno);
//
// Calls block until they are done or their deadline passes; a handle is used by one thread at a
// time. Every call returns a code of enum idunno_code; idunno_error then has one sentence. Nothing
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
    IDUNNO_REFUSED = 1,     // the broker said no; idunno_error says why
    IDUNNO_UNREACHABLE = 2, // no broker answered in time
    IDUNNO_INVALID = 3,     // an argument or a file of the caller's
    IDUNNO_STOPPED = 4,     // interrupted through options.stop_fd, or a callback said stop
};

struct idunno_options {
    const char *brokers[2]; // "tcp://host:5570" (the clients' port); [1] may be NULL
    const char *client;     // name for quotas and display; NULL: user@host
    uint32_t timeout_ms;    // for one call without an answer from any broker; 0: 10000
    int stop_fd;            // when readable, blocking calls return IDUNNO_STOPPED; -1: none
};

enum idunno_job_state { IDUNNO_OPEN = 1, IDUNNO_FINISHED = 2, IDUNNO_CANCELLED = 3 };

struct idunno_query {
    const char *model;
    const char *dataset;  // a registered data set; or NULL with `list`
    const char *list;     // path of the caller's own list of images, uploaded
    uint32_t first, last; // inclusive; with list and whole: ignored
    bool whole;           // all images of the list or data set
    uint32_t weight;      // share; 0: 1
    const uint8_t *key;   // 16 bytes; NULL: drawn. The same key again is the same job.
};

struct idunno_job { // a job's identity
    uint8_t key[16];
    char id[27]; // as people type it, all 26 characters; the first 8 usually suffice
};

struct idunno_info {
    struct idunno_job job;
    enum idunno_job_state state;
    uint64_t version;
    char model[64], dataset[64], client[64];
    uint32_t first, last;
    uint32_t ok, failed, quarantined, in_flight, pending; // images
    uint32_t batch, workers, conflicts;
    uint64_t created_ms, finished_ms; // UTC since 1970
    uint64_t elapsed_ms;
    double images_per_s;
    uint64_t compute_us;
    char digest[33]; // of the results so far
    char why[256];   // why nothing moves, or ""
};

struct idunno_row {
    uint32_t index;
    uint32_t status;      // 0 ok; otherwise idunno_status_name(status)
    uint32_t class_id[5]; // best first; UINT32_MAX: none
    float probability[5];
};

enum idunno_filter { IDUNNO_ALL = 0, IDUNNO_FAILED = 1, IDUNNO_MISSING = 2 };

enum idunno_code idunno_connect(const struct idunno_options *options, struct idunno **ret);
void idunno_close(struct idunno **idunno);             // NULL-safe, sets NULL
const char *idunno_error(const struct idunno *idunno); // of the last call; borrowed until the next

// Returns once the job is stored (durable) by the broker. ret_durable (may be NULL): by how many
// brokers.
enum idunno_code idunno_submit(struct idunno *idunno, const struct idunno_query *query,
    struct idunno_job *ret, uint32_t *ret_durable);

// Finds a job by the first 8 or more characters of its id.
enum idunno_code idunno_find(struct idunno *idunno, const char *id, struct idunno_info *ret);

// Waits up to wait_ms for news since info->version (0 at first), then fills *info.
enum idunno_code idunno_watch(struct idunno *idunno, const struct idunno_job *job, uint32_t wait_ms,
    struct idunno_info *info);

// Calls on_row for each image in order of index; a callback that returns false ends the call.
enum idunno_code idunno_results(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, bool (*on_row)(void *context, const struct idunno_row *row),
    void *context);

enum idunno_code idunno_cancel(struct idunno *idunno, const struct idunno_job *job);
enum idunno_code idunno_forget(struct idunno *idunno, const struct idunno_job *job);

const char *idunno_status_name(uint32_t status); // "ok", "missing", ...

#ifdef __cplusplus
}
#endif
#endif
