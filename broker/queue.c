#include "broker/queue.h"

#include "base/assert.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec now;

    IDN_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void lock(struct idn_queue *queue)
{
    IDN_ASSERT(pthread_mutex_lock(&queue->mutex) == 0);
}

static void unlock(struct idn_queue *queue)
{
    IDN_ASSERT(pthread_mutex_unlock(&queue->mutex) == 0);
}

void idn_queue_init(struct idn_queue *queue)
{
    pthread_condattr_t attributes;

    *queue = (struct idn_queue){0};
    IDN_ASSERT(pthread_mutex_init(&queue->mutex, NULL) == 0);
    IDN_ASSERT(pthread_condattr_init(&attributes) == 0);
    IDN_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    IDN_ASSERT(pthread_cond_init(&queue->arrived, &attributes) == 0);
    IDN_ASSERT(pthread_cond_init(&queue->finished, NULL) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void idn_queue_fini(struct idn_queue *queue)
{
    IDN_ASSERT(queue->head == NULL);
    (void)pthread_cond_destroy(&queue->finished);
    (void)pthread_cond_destroy(&queue->arrived);
    (void)pthread_mutex_destroy(&queue->mutex);
}

uint64_t idn_queue_push(struct idn_queue *queue, struct idn_queue_item *item)
{
    item->next = NULL;
    lock(queue);
    if (queue->head == NULL)
        queue->head = item;
    else
        queue->tail->next = item;
    queue->tail = item;
    uint64_t ticket = ++queue->pushed;
    IDN_ASSERT(pthread_cond_signal(&queue->arrived) == 0);
    unlock(queue);
    return ticket;
}

static void wait_for_item(struct idn_queue *queue, int wait_ms)
{
    uint64_t until = now_ms() + (uint64_t)(wait_ms > 0 ? wait_ms : 0);
    struct timespec deadline = {
        .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000};

    while (queue->head == NULL && !queue->closed && wait_ms != 0) {
        if (wait_ms < 0)
            IDN_ASSERT(pthread_cond_wait(&queue->arrived, &queue->mutex) == 0);
        else if (pthread_cond_timedwait(&queue->arrived, &queue->mutex, &deadline) == ETIMEDOUT)
            break;
    }
}

struct idn_queue_item *idn_queue_take(struct idn_queue *queue, int wait_ms)
{
    lock(queue);
    wait_for_item(queue, wait_ms);
    struct idn_queue_item *item = queue->head;
    if (item != NULL) {
        queue->head = item->next;
        queue->taken++;
        item->next = NULL;
    }
    unlock(queue);
    return item;
}

struct idn_queue_item *idn_queue_take_all(struct idn_queue *queue, int wait_ms)
{
    lock(queue);
    wait_for_item(queue, wait_ms);
    struct idn_queue_item *items = queue->head;
    queue->head = NULL;
    queue->taken = queue->pushed;
    unlock(queue);
    return items;
}

void idn_queue_done(struct idn_queue *queue)
{
    lock(queue);
    queue->done = queue->taken;
    IDN_ASSERT(pthread_cond_broadcast(&queue->finished) == 0);
    unlock(queue);
}

uint64_t idn_queue_ticket(struct idn_queue *queue)
{
    lock(queue);
    uint64_t ticket = queue->pushed;
    unlock(queue);
    return ticket;
}

bool idn_queue_wait(struct idn_queue *queue, uint64_t ticket)
{
    lock(queue);
    while (queue->done < ticket && !queue->closed)
        IDN_ASSERT(pthread_cond_wait(&queue->finished, &queue->mutex) == 0);
    bool done = queue->done >= ticket;
    unlock(queue);
    return done;
}

void idn_queue_close(struct idn_queue *queue)
{
    lock(queue);
    queue->closed = true;
    IDN_ASSERT(pthread_cond_broadcast(&queue->arrived) == 0);
    IDN_ASSERT(pthread_cond_broadcast(&queue->finished) == 0);
    unlock(queue);
}

bool idn_queue_is_closed(struct idn_queue *queue)
{
    lock(queue);
    bool closed = queue->closed;
    unlock(queue);
    return closed;
}
