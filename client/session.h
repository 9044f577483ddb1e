// The client's side of the protocol as a step function (pure, as broker/core/core.h is): one
// outstanding request, its re-sending, which broker to ask, and the deadline. libidunno is its
// shell.
//
//            BEGIN                 reply with its id
//   idle ----------> asking -----------------------> idle: DONE
//                    |  ^  |
//     silence, or    |  |  | every broker was asked: pause,
//     NOT_ACTIVE:    +--+  | until timeout_ms: UNREACHABLE, or DONE with the refusal
//     ask the other        v
//                         idle
//
// The broker that reigns may die at any time, and the other one takes over a second later: a
// silent broker is still asked, but beside the other, which is not left waiting for it.
#ifndef IDN_CLIENT_SESSION_H
#define IDN_CLIENT_SESSION_H

#include "proto/messages.h"

#include <stddef.h>
#include <stdint.h>

struct idn_session_config {
    uint32_t brokers;    // 1 or 2; named by position
    uint64_t seed;       // for request ids
    uint32_t timeout_ms; // without any answer: UNREACHABLE; UINT32_MAX: never
};

enum idn_session_event_type {
    IDN_SESSION_BEGIN, // send this request; the one before must have ended
    IDN_SESSION_REPLY,
    IDN_SESSION_TICK, // the deadline came
    IDN_SESSION_STOP, // end the request without an answer
};

struct idn_session_event {
    enum idn_session_event_type type;
    uint64_t now_ms;
    union {
        const struct idn_request *begin; // copied, its bytes borrowed until the request ends
        struct {
            uint32_t broker;
            const struct idn_reply *message;
        } reply;
    } u;
};

enum idn_session_action_type {
    IDN_SESSION_SEND,      // the request, to this broker
    IDN_SESSION_RECONNECT, // close and open this broker's socket (IMMEDIATE=1 queues nothing stale)
    IDN_SESSION_DONE,      // this reply answers the request
    IDN_SESSION_UNREACHABLE, // nobody answered in time
};

struct idn_session_action {
    enum idn_session_action_type type;
    uint32_t broker;
    const struct idn_request *request; // SEND: borrowed until the request ends
    const struct idn_reply *reply;     // DONE: borrowed until the next step
};

enum { IDN_SESSION_ACTIONS_MAX = 4 };

// Embedded by the shell, which reads the actions; the other fields are private.
struct idn_session {
    struct idn_session_config config;
    struct idn_request request;
    struct idn_request sent[IDN_BROKERS_MAX]; // the same, with what each is told beside it
    struct idn_reply refusal; // NOT_ACTIVE or UNKNOWN_HERE, the answer if nobody has a better one
    bool busy, refused, unknown_here;
    uint32_t broker;                     // whose answer is awaited; when idle, the one to ask first
    uint32_t refused_by;                 // who said `refusal`
    uint32_t asked;                      // brokers of this round, a bit each
    uint32_t silent;                     // brokers asked and not heard since, a bit each
    uint64_t silent_ms[IDN_BROKERS_MAX]; // since when their answers are due
    uint64_t opened_ms[IDN_BROKERS_MAX]; // the same, or when their sockets were opened anew
    uint64_t next_id;
    uint64_t started_ms, again_ms; // again: when to ask next unless answered
    uint64_t now_ms;               // of the last event
    struct idn_session_action action[IDN_SESSION_ACTIONS_MAX];
    size_t actions;
};

// Rules, each with a test in tests/unit/test_session.c:
// - A request without an answer (of WATCH: wait_ms later) is sent again with the same id: after
//   IDN_REQUEST_MS, or to the other broker, when there are two, after IDN_DEAD_MS. The socket of a
//   broker from which nothing at all was heard for IDN_REQUEST_MS is opened anew.
// - NOT_ACTIVE and UNKNOWN_HERE send it to the other broker at once. When every broker has been
//   asked: UNKNOWN_HERE of one of them is the answer; otherwise the next round begins IDN_BEAT_MS
//   later. A broker that is silent does not hold up a round: it is asked along with the other.
// - unheard_ms of a request is how long the other broker has owed an answer to anything: 0 when it
//   was not asked, was heard since, or when this process or its caller paused for IDN_STALL_MS.
// - Replies with another id, or of a type that does not answer the request, are ignored.
// - The next request goes first to the broker that answered, or refused, the last one.
// - After timeout_ms (WATCH: plus wait_ms) it ends: with the last refusal when there was one,
//   otherwise UNREACHABLE. A tick more than IDN_STALL_MS late (the process was stopped) begins
//   that time anew: nobody is given up who had no time to answer.
void idn_session_init(struct idn_session *session, const struct idn_session_config *config);
void idn_session_step(struct idn_session *session, const struct idn_session_event *event);

// When a TICK is wanted at the latest; UINT64_MAX: never.
uint64_t idn_session_deadline(const struct idn_session *session);

#endif
