// What measure.h keeps: of each open job that has had a result, of each model, of all together.
#ifndef IDN_BROKER_CORE_MEASURED_H
#define IDN_BROKER_CORE_MEASURED_H

#include "broker/core/distribution.h"
#include "broker/core/open_tasks.h"

enum { IDN_MEASURED_SECONDS = 60 };

struct idn_measured {
    uint64_t id;        // never another one's; 0: the slot is free
    uint64_t first_ms;  // its first result
    uint64_t steady_ms; // since then: a result, images that nobody holds, the same batch and weight
    uint64_t images;    // that got their result
    uint64_t at_change,
        at_shared;           // of these, at the latest change, and when all had a first result,
    uint32_t change, shared; // as long as these are the latest ones
    uint32_t second;         // of the newest counter
    uint32_t count[IDN_MEASURED_SECONDS];
    struct idn_moments task_us;
    uint32_t next; // 1 + of the free slots; 0: none
};

struct idn_measures {
    struct idn_measured *slot; // max of them
    uint32_t max, touched, returned;
    uint64_t ids;
    struct idn_open_tasks tasks;
    struct idn_distribution *task_us; // of each model
    uint32_t change, shared;          // how many there were
    uint64_t changed_ms, shared_ms;
    uint32_t changed_by; // enum idn_change
};

#endif
