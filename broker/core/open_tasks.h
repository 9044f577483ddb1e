// The tasks that are being worked on, with the time that they took so far: a table of fixed size by
// (job, task). When it is full the oldest one makes room, and is not measured. Pure.
#ifndef IDN_BROKER_CORE_OPEN_TASKS_H
#define IDN_BROKER_CORE_OPEN_TASKS_H

#include <stdint.h>

struct idn_open_task {
    uint64_t job; // any number that is never another job's
    uint64_t compute_us;
    uint32_t task;        // number in the job
    uint16_t batch, left; // images; left: without a result
    uint32_t next;        // 1 + of its bucket, or of those returned; 0: none
    uint32_t older, newer;
};

struct idn_open_tasks {
    struct idn_open_task *at; // max of them
    uint32_t max, touched, returned;
    uint32_t *bucket; // mask + 1 of them: 1 + of its first; 0: none
    uint32_t mask;
    uint32_t oldest, newest;
};

// The memory is zeroed; buckets is a power of two.
void idn_open_tasks_init(struct idn_open_tasks *tasks, struct idn_open_task *at, uint32_t max,
    uint32_t *bucket, uint32_t buckets);
struct idn_open_task *idn_open_tasks_find(
    const struct idn_open_tasks *tasks, uint64_t job, uint32_t task);
// It must not be there. Zeroed but for its name.
struct idn_open_task *idn_open_tasks_add(struct idn_open_tasks *tasks, uint64_t job, uint32_t task);
void idn_open_tasks_remove(struct idn_open_tasks *tasks, struct idn_open_task *task);

#endif
