// The client's side of the protocol as a step function (pure, as broker/core/core.h is): one
// outstanding request, its re-sending, which broker to ask, and the deadline. libidunno is its
// shell.
#ifndef IDN_CLIENT_SESSION_H
#define IDN_CLIENT_SESSION_H

#include "proto/messages.h"

#include <stddef.h>
#include <stdint.h>

struct idn_session_config {
    uint32_t brokers;    // 1 or 2; named by position
    uint64_t seed;       // for request ids
    uint32_t timeout_ms; // without any answer: UNREACHABLE
};

enum idn_session_event_type {
    IDN_SESSION_BEGIN, // send this request; the one before must have ended
    IDN_SESSION_REPLY,
    IDN_SESSION_TICK,
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
    IDN_SESSION_DONE,      // the reply just given answers the request
    IDN_SESSION_UNREACHABLE, // nobody answered in time
};

struct idn_session_action {
    enum idn_session_action_type type;
    uint32_t broker;
    const struct idn_request *request; // SEND: borrowed until the next step
};

enum { IDN_SESSION_ACTIONS_MAX = 4 };

// Embedded by the shell; fields are private.
struct idn_session {
    struct idn_session_config config;
    struct idn_request request;
    bool busy;
    uint32_t broker; // asked now
    uint64_t next_id, id;
    uint64_t started_ms, sent_ms, heard_ms;
    uint32_t sends; // of this request
    struct idn_session_action action[IDN_SESSION_ACTIONS_MAX];
    size_t actions;
};

void idn_session_init(struct idn_session *session, const struct idn_session_config *config);
void idn_session_step(struct idn_session *session, const struct idn_session_event *event);
uint64_t idn_session_deadline(const struct idn_session *session);

#endif
