// What the agent core decides is carried out here; what the child does becomes the core's events.
#include "base/log.h"
#include "worker/agent/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void send_message(
    struct idn_loop *loop, uint32_t broker, const struct idn_worker_message *message)
{
    struct idn_bytes bytes = idn_encode_worker(loop->codec, message);

    // What is lost here is sent again by the core's own rules.
    if (idn_links_send(loop->links, broker, bytes.data, bytes.size) < 0)
        idn_debug("message of type %" PRIu32 " to broker %c was not sent: not connected or its "
                  "queue is full",
            message->type, (char)('a' + broker));
}

static void publish(struct idn_loop *loop, const struct idn_worker_beat *beat)
{
    struct idn_bytes bytes = idn_encode_worker_beat(loop->codec, beat);

    idn_links_publish(loop->links, bytes.data, bytes.size);
}

static void feed_slice(struct idn_loop *loop, const struct idn_agent_action *action)
{
    char job[IDN_KEY_TEXT_SIZE];
    uint32_t first = action->u.slice.first;

    idn_key_to_text(action->u.slice.job.bytes, job);
    idn_debug("slice %" PRIu64 ": images %" PRIu32 " to %" PRIu32 " of job %.*s",
        action->u.slice.slice, first, first + action->u.slice.count - 1, IDN_KEY_PREFIX_MIN, job);
    idn_feed_add(loop->feed, action);
}

static void start_child(struct idn_loop *loop)
{
    struct idn_reason reason = {""};

    loop->start_failed = idn_child_start(loop->child, &reason) < 0;
    if (loop->start_failed)
        (void)snprintf(
            loop->start_text, sizeof(loop->start_text), "%.*s", IDN_TEXT_SIZE - 1, reason.text);
    else
        idn_debug("inference child %d started", (int)loop->child->pid);
}

static void finish(struct idn_loop *loop, const char *text)
{
    loop->over = true;
    loop->status = *text == '\0' ? 0 : 1;
    if (*text != '\0')
        idn_error("%s", text);
}

static void carry(struct idn_loop *loop, const struct idn_agent_action *action)
{
    switch (action->type) {
    case IDN_AGENT_SEND:
        send_message(loop, action->u.send.broker, action->u.send.message);
        break;
    case IDN_AGENT_BEAT:
        publish(loop, &action->u.beat);
        break;
    case IDN_AGENT_SLICE:
        feed_slice(loop, action);
        break;
    case IDN_AGENT_START_CHILD:
        start_child(loop);
        break;
    case IDN_AGENT_KILL_CHILD:
        idn_child_kill(loop->child, action->u.text);
        break;
    case IDN_AGENT_EXIT:
        finish(loop, action->u.text);
        break;
    }
}

static bool same_epoch(struct idn_epoch a, struct idn_epoch b)
{
    return idn_epoch_compare(a, b) == 0;
}

// A short unwelcome while a hello is repeated is no news; silence is.
static void tell_changes(struct idn_loop *loop, const struct idn_agent_view *view)
{
    if (view->welcomed && (!loop->joined || !same_epoch(view->epoch, loop->joined_epoch))) {
        idn_info("joined broker %c at %s, epoch %" PRIu64 "%c", (char)('a' + view->broker),
            loop->settings->host[view->broker], view->epoch.counter, (char)view->epoch.broker);
        loop->joined = true;
        loop->joined_epoch = view->epoch;
        loop->refusal[0] = '\0';
    }
    if (loop->joined && view->silent) {
        idn_warning("lost broker %c at %s: nothing heard for %d ms, %" PRIu32 " leases and %" PRIu32
                    " reports are kept for it",
            (char)('a' + view->broker), loop->settings->host[view->broker], (int)IDN_DEAD_MS,
            view->leases, view->reports);
        loop->joined = false;
    }
}

void idn_loop_step(struct idn_loop *loop, const struct idn_agent_event *event)
{
    struct idn_agent_event timed = *event;
    struct idn_agent_view view;

    timed.now_ms = loop->now_ms;
    idn_agent_step(loop->agent, &timed);
    struct idn_agent_actions actions = idn_agent_actions(loop->agent);
    for (size_t i = 0; i < actions.count; i++)
        carry(loop, &actions.item[i]);
    idn_agent_look(loop->agent, &view);
    tell_changes(loop, &view);
}

static void ask_for_lists(struct idn_loop *loop)
{
    struct idn_worker_message message = {.type = IDN_WORKER_LIST_GET, .nonce = loop->nonce};
    struct idn_agent_view view;

    idn_agent_look(loop->agent, &view);
    if (!view.welcomed)
        idn_lists_defer(loop->lists, loop->now_ms);
    else if (idn_lists_ask(
                 loop->lists, loop->now_ms, &message.u.list_get.job, &message.u.list_get.offset))
        send_message(loop, view.broker, &message);
}

static void tell_unavailable(const struct idn_agent_event *event)
{
    if (event->type == IDN_AGENT_UNAVAILABLE)
        idn_warning("a lease is returned: %s", event->u.unavailable.text);
}

void idn_loop_pump(struct idn_loop *loop)
{
    struct idn_agent_event event;

    while (!loop->over && idn_feed_next(loop->feed, loop->now_ms, &event)) {
        tell_unavailable(&event);
        idn_loop_step(loop, &event);
    }
    ask_for_lists(loop);
}

static void tell_death(const struct idn_agent_view *view, const char *text)
{
    char images[128] = "";
    size_t used = 0;

    for (uint32_t i = 0; i < view->in_child && i < 8 && used < sizeof(images); i++)
        used += (size_t)snprintf(
            images + used, sizeof(images) - used, "%s%" PRIu32, i > 0 ? ", " : "", view->image[i]);
    if (view->in_child == 0)
        idn_warning("the inference child ended, with no image in it: %s", text);
    else
        idn_warning("the inference child ended, with %" PRIu32 " image%s in it (%s%s): %s",
            view->in_child, view->in_child == 1 ? "" : "s", images,
            view->in_child > 8 ? ", ..." : "", text);
}

static void step_death(struct idn_loop *loop, enum idn_death death, const char *text)
{
    struct idn_agent_event died = {.type = IDN_AGENT_CHILD_DIED}, event;
    struct idn_agent_view view;

    idn_agent_look(loop->agent, &view);
    if (!loop->draining || view.in_child > 0)
        tell_death(&view, text);
    idn_feed_bereave(loop->feed, view.in_child > 0, text);
    while (idn_feed_next(loop->feed, loop->now_ms, &event)) {
        tell_unavailable(&event);
        idn_loop_step(loop, &event);
    }
    idn_feed_clear(loop->feed, true);
    died.u.died.death = death;
    (void)snprintf(died.u.died.text, sizeof(died.u.died.text), "%s", text);
    idn_loop_step(loop, &died);
}

static void on_ready(struct idn_loop *loop, const struct idn_child_message *message)
{
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_READY};

    (void)snprintf(event.u.ready.class_name, sizeof(event.u.ready.class_name), "%s",
        message->u.ready.class_name);
    event.u.ready.class_hash = idn_class_hash(message->u.ready.class_name);
    event.u.ready.threads = message->u.ready.threads;
    idn_debug("inference child is ready: class %s, %" PRIu32 " threads",
        message->u.ready.class_name, message->u.ready.threads);
    idn_loop_step(loop, &event);
}

static void on_rows(struct idn_loop *loop, const struct idn_child_message *message)
{
    struct idn_agent_event event = {.type = IDN_AGENT_CHILD_ROWS};

    event.u.rows.slice = message->u.rows.serial;
    event.u.rows.count = message->u.rows.count;
    event.u.rows.row = message->u.rows.row;
    event.u.rows.compute_us = message->u.rows.compute_us;
    idn_debug("slice %" PRIu64 " is computed, in %" PRIu64 " us", message->u.rows.serial,
        message->u.rows.compute_us);
    idn_loop_step(loop, &event);
}

static void on_message(struct idn_loop *loop, const struct idn_child_message *message)
{
    switch ((enum idn_child_type)message->type) {
    case IDN_CHILD_READY:
        on_ready(loop, message);
        return;
    case IDN_CHILD_ROWS:
        on_rows(loop, message);
        return;
    case IDN_CHILD_LOADED:
        if (idn_feed_loaded(loop->feed, message))
            return;
        break;
    case IDN_CHILD_LOAD:
    case IDN_CHILD_UNLOAD:
    case IDN_CHILD_SLICE:
        break;
    }
    idn_child_kill(loop->child, "it said what it was not asked for");
}

void idn_loop_hear_child(struct idn_loop *loop)
{
    bool dead = idn_child_is_dead(loop->child);
    struct idn_child_message message;
    char text[IDN_TEXT_SIZE];
    enum idn_death death;
    int result;

    while (!loop->over && (result = idn_child_receive(loop->child, &message)) != IDN_CHILD_NOTHING)
        if (result == 0)
            on_message(loop, &message);
        else
            idn_child_kill(loop->child, "it sent what is no message");
    if (dead) {
        idn_child_bury(loop->child, &death, text);
        step_death(loop, death, text);
    } else if (loop->start_failed) {
        loop->start_failed = false;
        step_death(loop, IDN_DEATH_EXIT, loop->start_text);
    }
}
