#include "worker/infer/pool.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct helper {
    struct idn_pool *pool;
    uint32_t thread;
    pthread_t id;
};

struct idn_pool {
    pthread_mutex_t lock;
    pthread_cond_t begun, finished;
    uint64_t round; // of run; each helper takes part once in each
    uint32_t busy;  // helpers still in this round
    bool ending;
    void (*work)(void *, uint32_t, uint32_t);
    void *context;
    uint32_t count;
    atomic_uint_fast32_t next; // item
    uint32_t threads, helpers; // helpers: started
    struct helper helper[IDN_POOL_THREADS_MAX];
};

static void take_items(struct idn_pool *pool, uint32_t thread)
{
    uint_fast32_t item;

    while ((item = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->work(pool->context, thread, (uint32_t)item);
}

// Returns false when the pool ends.
static bool wait_for_round(struct idn_pool *pool, uint64_t *round)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->ending && pool->round == *round)
        (void)pthread_cond_wait(&pool->begun, &pool->lock);
    *round = pool->round;
    bool ending = pool->ending;
    (void)pthread_mutex_unlock(&pool->lock);
    return !ending;
}

static void *help(void *argument)
{
    struct helper *helper = argument;
    struct idn_pool *pool = helper->pool;
    uint64_t round = 0;

    while (wait_for_round(pool, &round)) {
        take_items(pool, helper->thread);
        (void)pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            (void)pthread_cond_signal(&pool->finished);
        (void)pthread_mutex_unlock(&pool->lock);
    }
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
    atomic_store(&pool->next, 0);
    pool->busy = pool->helpers;
    pool->round++;
    (void)pthread_cond_broadcast(&pool->begun);
    (void)pthread_mutex_unlock(&pool->lock);
    take_items(pool, 0);
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0)
        (void)pthread_cond_wait(&pool->finished, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}
