#include "worker/agent/loop.h"

#include "base/assert.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_MESSAGES = 64, // taken from one socket in a turn, so that none starves another
    WAIT_MS_MAX = 200,
    RETRY_MS = 5,    // when the child's socket takes no more
    RENEW_MS = 5000, // links that have not worked for so long are made anew
    ITEMS_MAX = 2 + 2 * IDN_SETTINGS_BROKERS_MAX,
};
static_assert((int)WAIT_MS_MAX < (int)IDN_STALL_MS, "a wait is no stall");

static uint64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void drain(struct idn_loop *loop)
{
    struct idn_agent_event event = {.type = IDN_AGENT_DRAIN};

    if (loop->draining) {
        idn_warning("stopped by a second signal, without waiting for acknowledgements");
        loop->over = true;
        loop->status = 1;
        return;
    }
    idn_info("draining: finishing the images in work; a second signal ends at once");
    loop->draining = true;
    idn_feed_clear(loop->feed, false);
    idn_loop_step(loop, &event);
}

static void take_signals(struct idn_loop *loop)
{
    struct signalfd_siginfo info;

    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD && !loop->over) // the child is looked at in every turn
            drain(loop);
}

static void tell_refusal(struct idn_loop *loop, const struct idn_order *order)
{
    const char *text = order->u.refused.text;

    if (strcmp(loop->refusal, text) == 0) // said already; hello is repeated
        return;
    (void)snprintf(loop->refusal, sizeof(loop->refusal), "%s", text);
    idn_warning("refused by the broker: %s", text);
}

// What a lower reign does not have, the obeyed one may.
static bool is_obeyed(struct idn_loop *loop, uint32_t broker, const struct idn_order *order)
{
    struct idn_agent_view view;

    idn_agent_look(loop->agent, &view);
    return order->nonce == loop->nonce && view.obeys && view.broker == broker &&
           idn_epoch_compare(order->epoch, view.epoch) == 0;
}

static void take_order(struct idn_loop *loop, uint32_t broker, const void *data, size_t size)
{
    struct idn_order order;
    struct idn_reason reason = {""};
    int error = idn_decode_order(loop->codec, data, size, &order, &reason);

    if (error != 0) {
        loop->malformed++;
        idn_debug("a message of broker %c is dropped: %s", (char)('a' + broker), reason.text);
        return;
    }
    if (order.nonce == loop->nonce && order.type == IDN_ORDER_REFUSED)
        tell_refusal(loop, &order);
    if (order.type == IDN_ORDER_LEASE)
        idn_debug("lease %" PRIu64 ": images %" PRIu32 " to %" PRIu32 " of model %s",
            order.u.lease.id.serial, order.u.lease.first,
            order.u.lease.first + order.u.lease.count - 1, order.u.lease.model);
    struct idn_agent_event event = {.type = IDN_AGENT_ORDER};
    event.u.order.broker = broker;
    event.u.order.message = &order;
    idn_loop_step(loop, &event);
    if (order.type == IDN_ORDER_LIST_PART && is_obeyed(loop, broker, &order))
        idn_lists_part(loop->lists, loop->now_ms, &order);
}

// Beats come, and hellos are answered where they should be.
static void note_fine(struct idn_loop *loop, uint32_t broker)
{
    struct idn_agent_view view;

    idn_agent_look(loop->agent, &view);
    if (!view.obeys || view.broker != broker || view.welcomed)
        loop->fine_ms[broker] = loop->now_ms;
}

static void renew_links(struct idn_loop *loop)
{
    for (uint32_t i = 0; i < loop->links->brokers; i++) {
        if (loop->now_ms < loop->fine_ms[i] + RENEW_MS)
            continue;
        idn_debug("connecting to broker %c anew", (char)('a' + i));
        idn_links_renew(loop->links, i);
        loop->fine_ms[i] = loop->now_ms;
    }
}

static void take_beat(struct idn_loop *loop, uint32_t broker, const void *data, size_t size)
{
    struct idn_broker_beat beat;
    struct idn_reason reason = {""};

    if (idn_decode_broker_beat(loop->codec, data, size, &beat, &reason) != 0) {
        loop->malformed++;
        return;
    }
    struct idn_agent_event event = {.type = IDN_AGENT_BROKER_BEAT};
    event.u.beat.broker = broker;
    event.u.beat.beat = &beat;
    idn_loop_step(loop, &event);
    note_fine(loop, broker);
}

static void drain_socket(struct idn_loop *loop, void *socket, uint32_t broker,
    void (*take)(struct idn_loop *, uint32_t, const void *, size_t))
{
    for (int i = 0; i < TURN_MESSAGES && !loop->over; i++) {
        zmq_msg_t message;
        (void)zmq_msg_init(&message);
        int result = idn_links_receive(socket, &message);
        if (result == 0)
            take(loop, broker, zmq_msg_data(&message), zmq_msg_size(&message));
        loop->malformed += result == IDN_LINKS_FRAMES;
        (void)zmq_msg_close(&message);
        if (result == IDN_LINKS_NONE)
            return;
    }
}

static int wait_ms(const struct idn_loop *loop)
{
    uint64_t deadline = idn_agent_deadline(loop->agent), feed_ms = idn_feed_deadline(loop->feed);
    uint64_t most = idn_feed_is_blocked(loop->feed) ? RETRY_MS : WAIT_MS_MAX;
    uint64_t now_ms = clock_ms();

    if (feed_ms < deadline)
        deadline = feed_ms;
    if (loop->start_failed || deadline <= now_ms)
        return 0;
    return (int)(deadline - now_ms < most ? deadline - now_ms : most);
}

static void poll_all(struct idn_loop *loop, int timeout_ms)
{
    zmq_pollitem_t item[ITEMS_MAX];
    int count = 0;

    item[count++] = (zmq_pollitem_t){.fd = loop->signal_fd, .events = ZMQ_POLLIN};
    for (uint32_t i = 0; i < loop->links->brokers; i++) {
        item[count++] = (zmq_pollitem_t){.socket = loop->links->orders[i], .events = ZMQ_POLLIN};
        item[count++] = (zmq_pollitem_t){.socket = loop->links->beats_in[i], .events = ZMQ_POLLIN};
    }
    if (loop->child->socket >= 0)
        item[count++] = (zmq_pollitem_t){.fd = loop->child->socket, .events = ZMQ_POLLIN};
    if (zmq_poll(item, count, timeout_ms) < 0)
        IDN_ASSERT(zmq_errno() == EINTR);
}

// A turn that began or went on much later than it should: the process stood still, not its peers.
static void step_stall(struct idn_loop *loop, uint64_t should_ms)
{
    struct idn_agent_event event = {.type = IDN_AGENT_STALLED};

    loop->now_ms = clock_ms();
    if (loop->now_ms <= should_ms + IDN_STALL_MS)
        return;
    event.u.stalled.ms = loop->now_ms - should_ms;
    idn_warning("stood still for %" PRIu64 " ms", event.u.stalled.ms);
    idn_loop_step(loop, &event);
}

static void turn(struct idn_loop *loop)
{
    take_signals(loop);
    if (!loop->over)
        idn_loop_hear_child(loop);
    for (uint32_t i = 0; i < loop->links->brokers && !loop->over; i++) {
        drain_socket(loop, loop->links->beats_in[i], i, take_beat);
        drain_socket(loop, loop->links->orders[i], i, take_order);
    }
    renew_links(loop);
    if (!loop->over && loop->now_ms >= idn_agent_deadline(loop->agent))
        idn_loop_step(loop, &(struct idn_agent_event){.type = IDN_AGENT_TICK});
    if (!loop->over)
        idn_loop_pump(loop);
}

int idn_loop_run(struct idn_loop *loop)
{
    loop->now_ms = clock_ms();
    for (uint32_t i = 0; i < loop->links->brokers; i++)
        loop->fine_ms[i] = loop->now_ms;
    idn_loop_step(loop, &(struct idn_agent_event){.type = IDN_AGENT_START});
    while (!loop->over) {
        int timeout_ms = wait_ms(loop);
        step_stall(loop, loop->now_ms); // the turn itself
        uint64_t should_ms = loop->now_ms + (uint64_t)timeout_ms;
        poll_all(loop, timeout_ms);
        step_stall(loop, should_ms); // the wait
        turn(loop);
    }
    return loop->status;
}
