#include "worker/infer/pool.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdlib.h>

struct helper {
    struct idn_pool *pool;
    uint32_t thread;
    pthread_t id;
};

// Everything below the lock is read and written only with it.
struct idn_pool {
    pthread_mutex_t lock;
    pthread_cond_t begun, finished, spared;
    uint64_t changes; // runs and spares so far: a helper that found nothing looks again after one
    bool ending;
    void (*work)(void *, uint32_t, uint32_t);
    void *context;
    uint32_t count, next, done; // items
    bool (*spare)(void *, uint32_t);
    void *spare_context;
    uint32_t spares;           // such calls that go on
    uint32_t threads, helpers; // helpers: started
    struct helper helper[IDN_POOL_THREADS_MAX];
};

// With the lock, which is given up while an item is worked on.
static void take_items(struct idn_pool *pool, uint32_t thread)
{
    while (pool->next < pool->count) {
        uint32_t item = pool->next++;
        (void)pthread_mutex_unlock(&pool->lock);
        pool->work(pool->context, thread, item);
        (void)pthread_mutex_lock(&pool->lock);
        if (++pool->done == pool->count)
            (void)pthread_cond_signal(&pool->finished);
    }
}

// Likewise. Returns false when there was nothing to do.
static bool do_spare(struct idn_pool *pool, uint32_t thread)
{
    bool (*spare)(void *, uint32_t) = pool->spare;
    void *context = pool->spare_context;

    if (spare == NULL)
        return false;
    pool->spares++;
    (void)pthread_mutex_unlock(&pool->lock);
    bool done = spare(context, thread);
    (void)pthread_mutex_lock(&pool->lock);
    if (--pool->spares == 0)
        (void)pthread_cond_signal(&pool->spared);
    return done;
}

static void *help(void *argument)
{
    struct helper *helper = argument;
    struct idn_pool *pool = helper->pool;

    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        uint64_t changes = pool->changes;
        take_items(pool, helper->thread);
        if (do_spare(pool, helper->thread))
            continue;
        while (!pool->ending && pool->changes == changes)
            (void)pthread_cond_wait(&pool->begun, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int idn_pool_new(uint32_t threads, struct idn_pool **ret)
{
    IDN_ASSERT(threads >= 1 && threads <= IDN_POOL_THREADS_MAX);
    struct idn_pool *pool = calloc(1, sizeof(*pool));

    IDN_ASSERT(pool != NULL);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->begun, NULL);
    (void)pthread_cond_init(&pool->finished, NULL);
    (void)pthread_cond_init(&pool->spared, NULL);
    pool->threads = threads;
    for (uint32_t i = 0; i + 1 < threads; i++) {
        struct helper *helper = &pool->helper[i];
        *helper = (struct helper){.pool = pool, .thread = i + 1};
        int error = pthread_create(&helper->id, NULL, help, helper);
        if (error != 0) {
            idn_pool_destroy(&pool);
            return -error;
        }
        pool->helpers++;
    }
    *ret = pool;
    return 0;
}

void idn_pool_destroy(struct idn_pool **pool_pointer)
{
    struct idn_pool *pool = *pool_pointer;

    if (pool == NULL)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->begun);
    (void)pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->helpers; i++)
        (void)pthread_join(pool->helper[i].id, NULL);
    (void)pthread_cond_destroy(&pool->spared);
    (void)pthread_cond_destroy(&pool->finished);
    (void)pthread_cond_destroy(&pool->begun);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
    *pool_pointer = NULL;
}

uint32_t idn_pool_threads(const struct idn_pool *pool)
{
    return pool->threads;
}

void idn_pool_run(struct idn_pool *pool, uint32_t count,
    void (*work)(void *context, uint32_t thread, uint32_t item), void *context)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->work = work;
    pool->context = context;
    pool->count = count;
    pool->next = pool->done = 0;
    pool->changes++;
    if (count > 1)
        (void)pthread_cond_broadcast(&pool->begun);
    take_items(pool, 0);
    while (pool->done < pool->count)
        (void)pthread_cond_wait(&pool->finished, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}

void idn_pool_spare(
    struct idn_pool *pool, bool (*spare)(void *context, uint32_t thread), void *context)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->spare = spare;
    pool->spare_context = context;
    pool->changes++;
    if (spare != NULL)
        (void)pthread_cond_broadcast(&pool->begun);
    while (spare == NULL && pool->spares > 0)
        (void)pthread_cond_wait(&pool->spared, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}

void idn_pool_wake(struct idn_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->changes++;
    (void)pthread_cond_broadcast(&pool->begun);
    (void)pthread_mutex_unlock(&pool->lock);
}
