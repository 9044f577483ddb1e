// What the replies RATES and TIMES tell: how fast the open jobs get on, how equally, and how long
// the tasks of each model take. Part of proto/messages.h.
#ifndef IDN_PROTO_RATES_H
#define IDN_PROTO_RATES_H

#include "proto/limits.h"
#include "proto/types.h"

#include <stdbool.h>
#include <stdint.h>

// What the rates since the last change are counted from. Values are on the wire.
enum idn_change {
    IDN_CHANGE_REIGN = 1,        // the broker began to reign
    IDN_CHANGE_JOB_ACCEPTED = 2, // or open again
    IDN_CHANGE_JOB_ENDED = 3,
    IDN_CHANGE_JOB_CANCELLED = 4,
    IDN_CHANGE_WORKER_JOINED = 5,
    IDN_CHANGE_WORKER_LEFT = 6,
    IDN_CHANGE_WEIGHT = 7,
    IDN_CHANGE_BATCH = 8,
    IDN_CHANGE_DRAIN = 9, // set or lifted
};
const char *idn_change_name(unsigned change); // "job_accepted", ...; NULL for none

// What rates are measured over.
enum idn_window {
    IDN_WINDOW_10S,
    IDN_WINDOW_60S,
    IDN_WINDOW_CHANGE, // since the latest enum idn_change; a job's rate: its first result after it
    IDN_WINDOW_SHARED, // since the jobs that share had a result, and batches and weights are these
    IDN_WINDOWS
};
enum { IDN_WINDOW_MS_MIN = 5000 }; // a shorter one says only who got the first slices

// How equally jobs got on: 1 - least / most of (task rate / weight), of those that shared, with a
// result, before the window began, and all through it.
struct idn_gap_info {
    uint64_t window_ms; // how long the window is until now; SHARED: 0 before it has begun
    uint32_t jobs;      // that it is of; 0: no gap is known
    double gap;
};

struct idn_hindered { // workers, each by the first of these that is so
    uint32_t suspected, drained, benched, stuck, unreachable;
};

struct idn_rate_info { // an open job
    struct idn_key key;
    char model[IDN_NAME_SIZE];
    uint32_t weight, batch; // as they are now; batch 0: the model is not there
    uint32_t ok, failed, quarantined, in_flight, pending; // images, as in struct idn_job_info
    double images_per_s[IDN_WINDOWS];
    uint32_t workers;               // that work on it now
    uint32_t wanted_workers;        // whole ones, by weight * time of a task; 0: not known
    double wanted_share;            // the same in fractions of workers
    uint64_t left_ms;               // that it will take as it goes; 0: not known
    uint64_t tasks;                 // of whole batches that were seen whole
    uint64_t mean_us, deviation_us; // of their times
    uint64_t measured_ms;           // since its first result in this reign; 0: there was none
    uint64_t change_ms;             // how long its window CHANGE is; 0: no result since
    bool sharing;                   // it has images left that some worker may be given now
};

struct idn_rates_page {
    uint32_t count;
    uint64_t cursor;            // 0: no more
    struct idn_rate_info *item; // count of them; owned by whoever made the reply
    bool head;                  // on the first page:
    uint32_t workers;           // that can be given work
    uint32_t present;           // whether or not they can
    uint32_t hindered_by; // enum idn_why_code: why none of them can; 0: some can, or none is there
    uint32_t changed_by;  // enum idn_change
    struct idn_gap_info gap[IDN_WINDOWS];
    uint32_t sharing, awaited;  // jobs that share; of them those that had no result since they do
    struct idn_hindered at_all; // those of `present` that cannot be given work
};

struct idn_times_info { // a model
    char name[IDN_NAME_SIZE];
    uint32_t batch;
    uint64_t tasks; // of whole batches that were seen whole; 0: the others mean nothing
    uint64_t mean_us, deviation_us, median_us, p90_us, p95_us, p99_us;
};

struct idn_times_page {
    uint32_t count;
    uint64_t cursor;
    struct idn_times_info *item;
};

#endif
