#include "client/call.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// How long an answer is overdue before people are told: longer than a take-over lasts.
enum { LOST_MS = 3000 };

uint64_t idn_call_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum idunno_code idn_call_fail(
    struct idunno *idunno, enum idunno_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(idunno->error.text, sizeof(idunno->error.text), format, arguments);
    va_end(arguments);
    return code;
}

// ---- notices

static void notify(struct idunno *idunno, enum idunno_notice notice, const char *sentence)
{
    if (idunno->on_notice != NULL)
        idunno->on_notice(idunno->context, notice, sentence);
}

static bool has_heard(const struct idunno *idunno, uint32_t broker)
{
    return (idunno->heard >> broker & 1) != 0;
}

// What is the matter with two brokers: both are silent, or one of them answers that it is not the
// active one.
static void put_lost_of_two(const struct idunno *idunno, char *sentence, size_t size)
{
    const struct idn_link *link = &idunno->link;
    const struct idn_session *session = &idunno->session;
    uint32_t silent = (session->silent & 1) != 0 ? 0 : 1;

    if ((!session->refused || session->silent == 3) && (idunno->heard == 0 || idunno->heard == 3))
        (void)snprintf(sentence, size, "%s %s and %s, trying again",
            idunno->heard != 0 ? "lost the brokers at" : "no answer yet from", link->address[0],
            link->address[1]);
    else if (!session->refused || session->silent == 3)
        (void)snprintf(sentence, size,
            "lost the broker at %s, and no answer yet from %s, trying again",
            link->address[has_heard(idunno, 0) ? 0 : 1],
            link->address[has_heard(idunno, 0) ? 1 : 0]);
    else if (session->silent == 0)
        (void)snprintf(sentence, size, "no broker is active (%s), trying again",
            session->refusal.u.refused.text);
    else
        (void)snprintf(sentence, size,
            "%s the broker at %s, and the one at %s is not active (%s), trying again",
            has_heard(idunno, silent) ? "lost" : "no answer yet from", link->address[silent],
            link->address[1 - silent], session->refusal.u.refused.text);
}

static void tell_lost(struct idunno *idunno)
{
    const struct idn_link *link = &idunno->link;
    char sentence[2 * IDN_LINK_ADDRESS_SIZE + IDN_TEXT_SIZE + 64];

    if (link->brokers > 1)
        put_lost_of_two(idunno, sentence, sizeof(sentence));
    else if (idunno->session.refused)
        (void)snprintf(sentence, sizeof(sentence),
            "the broker at %s is not active (%s), trying again", link->address[0],
            idunno->session.refusal.u.refused.text);
    else
        (void)snprintf(sentence, sizeof(sentence), "%s %s, trying again",
            has_heard(idunno, 0) ? "lost the broker at" : "no answer yet from", link->address[0]);
    notify(idunno, IDUNNO_LOST, sentence);
    idunno->said_lost = true;
}

// Every broker answers these two, whoever reigns.
static bool is_served(const struct idunno *idunno)
{
    uint32_t type = idunno->session.request.type;
    uint32_t refusal =
        idunno->reply.type == IDN_REPLY_REFUSED ? idunno->reply.u.refused.code : IDN_REFUSED_NONE;

    return type != IDN_REQUEST_HELLO && type != IDN_REQUEST_STATUS &&
           refusal != IDN_REFUSED_NOT_ACTIVE && refusal != IDN_REFUSED_UNKNOWN_HERE;
}

static void tell_answered(struct idunno *idunno)
{
    char sentence[IDN_LINK_ADDRESS_SIZE + 64];
    uint32_t broker = idunno->session.broker;
    bool served = is_served(idunno), moved = served && idunno->served && broker != idunno->server;

    if (served)
        idunno->server = broker;
    idunno->served |= served;
    if (moved)
        (void)snprintf(sentence, sizeof(sentence), "the broker at %s has taken over",
            idunno->link.address[broker]);
    else
        (void)snprintf(sentence, sizeof(sentence), "the broker at %s answers again",
            idunno->link.address[broker]);
    if (moved || idunno->said_lost)
        notify(idunno, moved ? IDUNNO_MOVED : IDUNNO_BACK, sentence);
    idunno->said_lost = false;
}

// ---- one request

enum outcome { GOING_ON, ANSWERED, UNANSWERED };

static void send_request(struct idunno *idunno, uint32_t broker, const struct idn_request *request)
{
    struct idn_bytes bytes = idn_encode_request(idunno->codec, request);

    (void)idn_link_send(&idunno->link, broker, bytes.data, bytes.size);
}

static enum outcome carry_out(struct idunno *idunno)
{
    enum outcome outcome = GOING_ON;

    for (size_t i = 0; i < idunno->session.actions; i++) {
        const struct idn_session_action *action = &idunno->session.action[i];
        switch (action->type) {
        case IDN_SESSION_SEND:
            send_request(idunno, action->broker, action->request);
            break;
        case IDN_SESSION_RECONNECT:
            idn_link_reopen(&idunno->link, action->broker);
            break;
        case IDN_SESSION_DONE:
            idunno->reply = *action->reply;
            outcome = ANSWERED;
            break;
        case IDN_SESSION_UNREACHABLE:
            outcome = UNANSWERED;
            break;
        }
    }
    return outcome;
}

static enum outcome step(struct idunno *idunno, struct idn_session_event *event)
{
    event->now_ms = idn_call_now();
    idn_session_step(&idunno->session, event);
    return carry_out(idunno);
}

// Takes what has arrived from one broker, until the request is answered: what that answer points to
// lives in the codec.
static enum outcome drain(struct idunno *idunno, uint32_t broker)
{
    uint8_t data[IDN_CLIENT_MESSAGE_BYTES_MAX];
    size_t size;
    struct idn_reply reply;
    struct idn_reason reason;
    enum outcome outcome = GOING_ON;

    while (outcome == GOING_ON && idn_link_receive(&idunno->link, broker, data, &size)) {
        struct idn_session_event event = {
            .type = IDN_SESSION_REPLY, .u.reply = {.broker = broker, .message = &reply}};
        int error = idn_decode_reply(idunno->codec, data, size, &reply, &reason);
        idunno->heard |= (uint32_t)1 << broker;
        if (error == 0)
            outcome = step(idunno, &event);
        else
            (void)snprintf(idunno->problem, sizeof(idunno->problem), "%.200s",
                error == IDN_DECODE_UNSUPPORTED ? "a reply of a newer version" : reason.text);
    }
    return outcome;
}

// A request that found no connection leaves when there is one. Only the broker asked now is waited
// for: another that wants to write would wake us for nothing.
static void flush(struct idunno *idunno)
{
    for (uint32_t i = 0; i < idunno->link.brokers; i++) {
        if (!idunno->link.wants_write[i])
            continue;
        idunno->link.wants_write[i] = false;
        if (idunno->session.busy && i == idunno->session.broker)
            send_request(idunno, i, &idunno->session.sent[i]);
    }
}

static long time_to_wait(const struct idunno *idunno, uint64_t now_ms)
{
    uint64_t deadline = idn_session_deadline(&idunno->session);

    if (!idunno->said_lost && idunno->lost_ms < deadline)
        deadline = idunno->lost_ms;
    return deadline <= now_ms ? 0 : (long)(deadline - now_ms);
}

static enum outcome turn(struct idunno *idunno)
{
    struct idn_session_event tick = {.type = IDN_SESSION_TICK};

    for (uint32_t i = 0; i < idunno->link.brokers; i++) {
        enum outcome outcome = drain(idunno, i);
        if (outcome != GOING_ON)
            return outcome;
    }
    flush(idunno);
    if (!idunno->said_lost && idn_call_now() >= idunno->lost_ms)
        tell_lost(idunno);
    return step(idunno, &tick);
}

// ---- how it ends

static enum idunno_code fail_unreachable(struct idunno *idunno, uint64_t began_ms)
{
    const struct idn_link *link = &idunno->link;
    const char *state[IDN_BROKERS_MAX] = {NULL};
    double seconds = (double)(idn_call_now() - began_ms) / 1000.0;

    for (uint32_t i = 0; i < link->brokers; i++)
        state[i] = idunno->problem[0] != '\0'       ? idunno->problem
                   : idn_link_is_connected(link, i) ? "no answer"
                                                    : "no connection";
    if (link->brokers == 1)
        return idn_call_fail(idunno, IDUNNO_UNREACHABLE,
            "no broker answers at %s (%s, tried for %.1f s)", link->address[0], state[0], seconds);
    return idn_call_fail(idunno, IDUNNO_UNREACHABLE,
        "no broker answers at %.100s (%.100s) and %.100s (%.100s), tried for %.1f s",
        link->address[0], state[0], link->address[1], state[1], seconds);
}

static enum idunno_code stop(struct idunno *idunno)
{
    struct idn_session_event event = {.type = IDN_SESSION_STOP};

    (void)step(idunno, &event);
    return idn_call_fail(idunno, IDUNNO_STOPPED, "interrupted");
}

static enum idunno_code finish(struct idunno *idunno, const struct idn_reply **ret_reply)
{
    tell_answered(idunno);
    if (idunno->reply.type == IDN_REPLY_REFUSED) {
        idunno->refusal = idunno->reply.u.refused.code;
        return idn_call_fail(idunno, IDUNNO_REFUSED, "%s", idunno->reply.u.refused.text);
    }
    if (ret_reply != NULL)
        *ret_reply = &idunno->reply;
    return IDUNNO_OK;
}

enum idunno_code idn_call(
    struct idunno *idunno, const struct idn_request *request, const struct idn_reply **ret_reply)
{
    struct idn_session_event begin = {.type = IDN_SESSION_BEGIN, .u.begin = request};
    uint64_t began_ms = idn_call_now();

    idunno->error.text[0] = idunno->problem[0] = '\0';
    idunno->refusal = IDN_REFUSED_NONE;
    idunno->lost_ms = began_ms + LOST_MS;
    if (request->type == IDN_REQUEST_WATCH)
        idunno->lost_ms += request->u.watch.wait_ms;
    enum outcome outcome = step(idunno, &begin);
    while (outcome == GOING_ON) {
        if (idn_link_wait(&idunno->link, idunno->stop_fd, time_to_wait(idunno, idn_call_now())))
            return stop(idunno);
        outcome = turn(idunno);
    }
    return outcome == ANSWERED ? finish(idunno, ret_reply) : fail_unreachable(idunno, began_ms);
}

enum idunno_code idn_call_set(struct idunno *idunno, const struct idunno_job *job, const char *key,
    const char *value, uint32_t *ret_durable)
{
    struct idn_request request = {.type = IDN_REQUEST_SET};
    const struct idn_reply *reply = NULL;

    (void)snprintf(request.u.set.key, sizeof(request.u.set.key), "%s", key);
    (void)snprintf(request.u.set.value, sizeof(request.u.set.value), "%s", value);
    if (job != NULL)
        request.job = idn_call_job(job);
    enum idunno_code code = idn_call(idunno, &request, &reply);
    if (code == IDUNNO_OK && reply != NULL)
        *ret_durable = reply->u.accepted.durable;
    return code;
}

struct idn_job_name idn_call_job(const struct idunno_job *job)
{
    struct idn_job_name name = {.bits = IDN_KEY_SIZE * 8};

    memcpy(name.key.bytes, job->key, IDN_KEY_SIZE);
    return name;
}
