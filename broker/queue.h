// A queue between two threads: one pushes, the other takes, in order. It also knows how much of
// what was pushed is done. Not bounded itself: the one who pushes is (broker/store.h).
#ifndef IDN_BROKER_QUEUE_H
#define IDN_BROKER_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// The first member of whatever is queued.
struct idn_queue_item {
    struct idn_queue_item *next;
};

struct idn_queue {
    pthread_mutex_t mutex;
    pthread_cond_t arrived, finished;
    struct idn_queue_item *head, *tail;
    uint64_t pushed, taken, done; // items, since init
    bool closed;
};

void idn_queue_init(struct idn_queue *queue);
// The queue must be empty.
void idn_queue_fini(struct idn_queue *queue);

// The item is transferred. Returns its ticket, for idn_queue_wait; a closed queue takes items too.
uint64_t idn_queue_push(struct idn_queue *queue, struct idn_queue_item *item);

// Takes the oldest item, or all of them linked by next. Waits up to wait_ms (-1: for ever) for one
// to come. NULL: none came, or the queue is closed and empty.
struct idn_queue_item *idn_queue_take(struct idn_queue *queue, int wait_ms);
struct idn_queue_item *idn_queue_take_all(struct idn_queue *queue, int wait_ms);

// Everything taken so far is done.
void idn_queue_done(struct idn_queue *queue);
// Ticket of the last item pushed.
uint64_t idn_queue_ticket(struct idn_queue *queue);
// Waits until the item with this ticket is done; false when the queue was closed before.
bool idn_queue_wait(struct idn_queue *queue, uint64_t ticket);

// Wakes everyone; what is queued can still be taken.
void idn_queue_close(struct idn_queue *queue);
bool idn_queue_is_closed(struct idn_queue *queue);

#endif
