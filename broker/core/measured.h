// What measure.h keeps: of each open job that has had a result, of each model, of all together.
#ifndef IDN_BROKER_CORE_MEASURED_H
#define IDN_BROKER_CORE_MEASURED_H

#include "broker/core/distribution.h"
#include "broker/core/open_tasks.h"

enum { IDN_MEASURED_SECONDS = 60 };

struct idn_measured {
    uint64_t id;        // never another one's; 0: the slot is free
    uint64_t first_ms;  // its first result
    uint64_t steady_ms; // that it shares and had a result since, on these terms; if it does
    uint64_t images;    // that got their result
    uint64_t at_change, at_shared;   // of these, at the latest change, and since all share,
    uint32_t change, shared;         // as long as these are the latest ones
    uint64_t change_ms, past_change; // its first result after that change, and `images` with it
    uint32_t second;                 // of the newest counter
    uint32_t resumed;                // of its first result after it had had none for a while
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
    uint32_t sharing,
        awaited;         // jobs that share; of them those that had no result since (sharing.h)
    uint32_t changed_by; // enum idn_change
};

#endif
