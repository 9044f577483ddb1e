// What the replies ASSIGNMENT and WHY tell: who has what, and what holds a job back. Part of
// proto/messages.h.
#ifndef IDN_PROTO_WHY_H
#define IDN_PROTO_WHY_H

#include "proto/limits.h"
#include "proto/types.h"

#include <stdbool.h>
#include <stdint.h>

// A lease as the broker sees it.
struct idn_lease_info {
    struct idn_key job;
    char model[IDN_NAME_SIZE];
    uint32_t first, count, done; // images first .. first + count - 1; done: with results
    uint64_t held_ms;            // since it was granted, or heard of in this reign
    bool confirmed;              // the worker has spoken of it
    bool trimming;               // what is not begun of it is being taken back
    bool alone;                  // one image that a process died with
    bool returned;               // came back from a worker that fell silent
};

// What a worker has to do: the lease that it works on, then the next one.
struct idn_assignment_info {
    char name[IDN_NAME_SIZE];
    uint32_t state; // enum idn_worker_state
    uint32_t leases;
    struct idn_lease_info lease[IDN_WORKER_LEASES_MAX];
    uint32_t in_child; // images in its inference process now
    uint64_t silent_ms;
    char note[IDN_TEXT_SIZE]; // as of WORKERS
};

// What holds a job back, or drives it, in order of weight: an answer has those that are so, each
// once. docs/PROTOCOL.md has what the numbers of each mean. Values are on the wire.
enum idn_why_code {
    IDN_WHY_FINISHED = 1,
    IDN_WHY_CANCELLED = 2,
    IDN_WHY_UPLOADING = 3, // its list, and it is not submitted
    IDN_WHY_MODEL_CHANGED = 4,
    IDN_WHY_DATASET_CHANGED = 5,
    IDN_WHY_READ_BACK = 6, // its results, from the store
    IDN_WHY_DISK_LOW = 7,
    IDN_WHY_HANDING_OVER = 8, // the broker, its reign
    IDN_WHY_UNCONFIRMED = 9,  // the broker's reign, after a stall
    IDN_WHY_STARTING = 10,    // the broker; it waits for the workers' hellos
    IDN_WHY_NO_WORKER = 11,
    IDN_WHY_NONE_ABLE = 12, // of the workers that are there
    IDN_WHY_BEHIND = 13,    // fifo: others come first
    IDN_WHY_SHARES = 14,    // the workers, with other jobs
    IDN_WHY_SET_ASIDE = 15, // static: whole workers for it
    IDN_WHY_WORKING = 16,   // workers, on it
    // Workers that get nothing of it, each counted where it fails first.
    IDN_WHY_DEAD = 17,
    IDN_WHY_LEAVING = 18,
    IDN_WHY_SUSPECTED = 19,
    IDN_WHY_STUCK = 20,
    IDN_WHY_BENCHED = 21,
    IDN_WHY_DRAINED = 22,
    IDN_WHY_UNREACHABLE = 23,
    IDN_WHY_OTHER_CLASS = 24,
    IDN_WHY_MODEL_MISSING = 25,
    IDN_WHY_LIST_MISSING = 26,
    IDN_WHY_UNAVAILABLE = 27, // they failed to load the model or the list
    // Of the job itself.
    IDN_WHY_ALONE = 28, // images that a process died with, leased one by one
    IDN_WHY_QUARANTINED = 29,
    IDN_WHY_RIVALS = 30,     // another job was accepted under its key
    IDN_WHY_NO_STANDBY = 31, // though mirror = required
    IDN_WHY_EXPECTED = 32,   // when it will be finished
    IDN_WHY_COUNT
};
const char *idn_why_name(unsigned code); // "no_worker", ...; NULL for none

struct idn_why_fact {
    uint32_t code; // enum idn_why_code
    uint32_t names;
    uint64_t count, total, ms;                     // 0: the fact has no such number
    char text[IDN_TEXT_SIZE];                      // the same as a sentence
    char worker[IDN_WHY_NAMES_MAX][IDN_NAME_SIZE]; // names of them, out of `count`
};

// A job among those that share workers.
struct idn_why_share {
    struct idn_key job;
    char model[IDN_NAME_SIZE];
    uint32_t weight, workers; // workers: that hold a lease of it now
    uint32_t left;            // images without a result
    double share;             // what the policy promises: the part of all tasks, 0 to 1
    double images_per_s;
};

struct idn_why_info {
    struct idn_key job;
    uint32_t state; // enum idn_job_state; 0: not submitted, its list is being uploaded
    char model[IDN_NAME_SIZE];
    uint32_t images, done, in_flight;
    uint32_t facts, shares;
    uint32_t jobs; // that share the workers with it, of which `shares` are listed, it first
    struct idn_why_fact fact[IDN_WHY_COUNT];
    struct idn_why_share share[IDN_WHY_JOBS_MAX];
};

#endif
