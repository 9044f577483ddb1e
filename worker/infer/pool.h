// A few threads that share out the items of one task at a time; the caller works with them. Those
// that find no item may do something else meanwhile.
#ifndef IDN_WORKER_INFER_POOL_H
#define IDN_WORKER_INFER_POOL_H

#include <stdbool.h>
#include <stdint.h>

enum { IDN_POOL_THREADS_MAX = 256 };

struct idn_pool;

// threads: 1 to IDN_POOL_THREADS_MAX, the caller included. Returns 0 or -errno.
int idn_pool_new(uint32_t threads, struct idn_pool **ret);
void idn_pool_destroy(struct idn_pool **pool); // what was begun is finished first
uint32_t idn_pool_threads(const struct idn_pool *pool);

// Calls work(context, thread, item) once for each item below count, at once on as many threads as
// there are; thread, below idn_pool_threads, is different for calls that run at the same time.
// Returns when all are done. One run at a time.
void idn_pool_run(struct idn_pool *pool, uint32_t count,
    void (*work)(void *context, uint32_t thread, uint32_t item), void *context);

// From now on a thread without an item, in a run or between runs, calls spare(context, thread),
// again and again until that returns false, for there was nothing to do; then it looks again after
// the next run has begun, or after idn_pool_wake. NULL: no longer; returns when no such call goes
// on. Never on the caller's thread, so never with one thread.
void idn_pool_spare(
    struct idn_pool *pool, bool (*spare)(void *context, uint32_t thread), void *context);
void idn_pool_wake(struct idn_pool *pool);

#endif
