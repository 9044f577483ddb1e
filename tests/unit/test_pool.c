// The pool of threads: each item once, no two calls with one thread's number, spare work only where
// it is allowed.
#include "tests/lib/check.h"
#include "worker/infer/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 4, ITEMS = 1000, WAIT_S = 20 };

static atomic_uint done[ITEMS], busy[THREADS], overlaps, spared, idled, caller_spared;

static void begin(void)
{
    for (unsigned i = 0; i < ITEMS; i++)
        atomic_store(&done[i], 0);
    for (unsigned i = 0; i < THREADS; i++)
        atomic_store(&busy[i], 0);
    atomic_store(&overlaps, 0);
    atomic_store(&spared, 0);
    atomic_store(&idled, 0);
    atomic_store(&caller_spared, 0);
}

static void count_item(void *context, uint32_t thread, uint32_t item)
{
    (void)context;
    atomic_fetch_add(&overlaps, atomic_fetch_add(&busy[thread], 1));
    atomic_fetch_add(&done[item], 1);
    atomic_fetch_sub(&busy[thread], 1);
}

static void run_items(struct idn_pool *pool, uint32_t count)
{
    begin();
    idn_pool_run(pool, count, count_item, NULL);
    for (uint32_t i = 0; i < ITEMS; i++)
        CHECK_INT(atomic_load(&done[i]), i < count);
    CHECK_INT(atomic_load(&overlaps), 0);
}

static void test_each_item_once(void)
{
    for (uint32_t threads = 1; threads <= THREADS; threads++) {
        struct idn_pool *pool;
        CHECK_INT(idn_pool_new(threads, &pool), 0);
        CHECK_INT(idn_pool_threads(pool), threads);
        run_items(pool, 0);
        run_items(pool, 1);
        for (int round = 0; round < 50; round++)
            run_items(pool, ITEMS);
        idn_pool_destroy(&pool);
        CHECK(pool == NULL);
        idn_pool_destroy(&pool);
    }
}

struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t here, wanted;
};

static bool wait_for_all(struct meeting *meeting)
{
    struct timespec end;
    int error = 0;

    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_S;
    (void)pthread_mutex_lock(&meeting->lock);
    meeting->here++;
    (void)pthread_cond_broadcast(&meeting->changed);
    while (meeting->here < meeting->wanted && error == 0)
        error = pthread_cond_timedwait(&meeting->changed, &meeting->lock, &end);
    (void)pthread_mutex_unlock(&meeting->lock);
    return error == 0;
}

static void meet(void *context, uint32_t thread, uint32_t item)
{
    (void)thread;
    if (wait_for_all(context))
        atomic_fetch_add(&done[item], 1);
}

// As many items as threads, each of which waits for the others.
static void test_all_threads_work_at_once(void)
{
    struct meeting meeting = {
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, .wanted = THREADS};
    struct idn_pool *pool;

    begin();
    CHECK_INT(idn_pool_new(THREADS, &pool), 0);
    idn_pool_run(pool, THREADS, meet, &meeting);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(atomic_load(&done[i]), 1);
    idn_pool_destroy(&pool);
}

// So many times there is something to do.
static bool spare(void *context, uint32_t thread)
{
    atomic_uint *left = context;
    unsigned now = atomic_load(left);

    atomic_fetch_add(&caller_spared, thread == 0);
    atomic_fetch_add(&overlaps, atomic_fetch_add(&busy[thread], 1));
    while (now > 0 && !atomic_compare_exchange_weak(left, &now, now - 1))
        continue;
    atomic_fetch_sub(&busy[thread], 1);
    atomic_fetch_add(now > 0 ? &spared : &idled, 1);
    return now > 0;
}

// Until that was done, and each thread but the caller's found nothing more since the last event.
static void wait_for_spared(unsigned count, unsigned events)
{
    struct timespec pause = {.tv_nsec = 1000 * 1000};

    for (int ms = 0; ms < WAIT_S * 1000 && atomic_load(&idled) < events * (THREADS - 1); ms++)
        (void)nanosleep(&pause, NULL);
    CHECK_INT(atomic_load(&idled), events * (THREADS - 1));
    CHECK_INT(atomic_load(&spared), count);
}

static void test_spare_work(void)
{
    atomic_uint left = 300;
    struct idn_pool *pool;

    begin();
    CHECK_INT(idn_pool_new(THREADS, &pool), 0);
    idn_pool_spare(pool, spare, &left); // between runs
    wait_for_spared(300, 1);
    atomic_store(&left, 200);
    idn_pool_wake(pool); // they had found nothing
    wait_for_spared(500, 2);
    atomic_store(&left, 100);
    idn_pool_run(pool, ITEMS, count_item, NULL); // a run wakes them too
    wait_for_spared(600, 3);
    idn_pool_spare(pool, NULL, NULL);
    CHECK_INT(atomic_load(&caller_spared), 0);
    CHECK_INT(atomic_load(&overlaps), 0);
    atomic_store(&left, 100);
    run_items(pool, ITEMS);
    CHECK_INT(atomic_load(&left), 100); // not any more
    idn_pool_destroy(&pool);
}

static void test_a_pool_of_one_spares_nothing(void)
{
    atomic_uint left = 5;
    struct idn_pool *pool;

    CHECK_INT(idn_pool_new(1, &pool), 0);
    idn_pool_spare(pool, spare, &left);
    run_items(pool, ITEMS);
    idn_pool_wake(pool);
    CHECK_INT(atomic_load(&left), 5);
    idn_pool_spare(pool, NULL, NULL);
    idn_pool_destroy(&pool);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_each_item_once),
        CHECK_TEST(test_all_threads_work_at_once),
        CHECK_TEST(test_spare_work),
        CHECK_TEST(test_a_pool_of_one_spares_nothing),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
