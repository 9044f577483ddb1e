#include "client/session.h"

#include "base/assert.h"

// ---- actions ----

static struct idn_session_action *act(
    struct idn_session *session, enum idn_session_action_type type, uint32_t broker)
{
    IDN_ASSERT(session->actions < IDN_SESSION_ACTIONS_MAX);
    struct idn_session_action *action = &session->action[session->actions++];
    *action = (struct idn_session_action){.type = type, .broker = broker};
    return action;
}

static void end_with(struct idn_session *session, const struct idn_reply *reply)
{
    act(session, IDN_SESSION_DONE, session->broker)->reply = reply;
    session->busy = false;
}

// ---- time ----

static uint32_t wait_ms(const struct idn_session *session)
{
    return session->request.type == IDN_REQUEST_WATCH ? session->request.u.watch.wait_ms : 0;
}

static uint64_t end_ms(const struct idn_session *session)
{
    if (session->config.timeout_ms == UINT32_MAX)
        return UINT64_MAX;
    return session->started_ms + wait_ms(session) + session->config.timeout_ms;
}

uint64_t idn_session_deadline(const struct idn_session *session)
{
    if (!session->busy)
        return UINT64_MAX;
    return session->again_ms < end_ms(session) ? session->again_ms : end_ms(session);
}

// ---- silence ----

static uint32_t bit_of(uint32_t broker)
{
    return (uint32_t)1 << broker;
}

static bool is_silent(const struct idn_session *session, uint32_t broker)
{
    return (session->silent & bit_of(broker)) != 0;
}

static void expect_answer(struct idn_session *session, uint32_t broker, uint64_t now_ms)
{
    if (is_silent(session, broker))
        return;
    session->silent |= bit_of(broker);
    session->silent_ms[broker] = session->opened_ms[broker] = now_ms + wait_ms(session);
}

// Nobody is judged by a time in which nobody was asked, or we could not listen.
static void forget_silence(struct idn_session *session)
{
    session->silent = 0;
}

static uint32_t unheard_ms(const struct idn_session *session, uint32_t broker, uint64_t now_ms)
{
    uint32_t other = 1 - broker;

    if (session->config.brokers == 1 || !is_silent(session, other) ||
        now_ms <= session->silent_ms[other])
        return 0;
    uint64_t unheard = now_ms - session->silent_ms[other];
    return unheard < UINT32_MAX ? (uint32_t)unheard : UINT32_MAX;
}

static void reopen_silent(struct idn_session *session, uint64_t now_ms)
{
    for (uint32_t i = 0; i < session->config.brokers; i++)
        if (is_silent(session, i) && now_ms >= session->opened_ms[i] + IDN_REQUEST_MS) {
            session->opened_ms[i] = now_ms;
            act(session, IDN_SESSION_RECONNECT, i);
        }
}

// ---- asking ----

static void send_to(struct idn_session *session, uint32_t broker, uint64_t now_ms)
{
    session->asked |= bit_of(broker);
    session->sent[broker] = session->request;
    session->sent[broker].unheard_ms = unheard_ms(session, broker, now_ms);
    expect_answer(session, broker, now_ms);
    act(session, IDN_SESSION_SEND, broker)->request = &session->sent[broker];
}

static void ask(struct idn_session *session, uint32_t broker, uint64_t now_ms)
{
    session->broker = broker;
    session->again_ms =
        now_ms + wait_ms(session) + (session->config.brokers == 1 ? IDN_REQUEST_MS : IDN_DEAD_MS);
    send_to(session, broker, now_ms);
}

static uint32_t other_broker(const struct idn_session *session)
{
    return session->config.brokers == 1 ? session->broker : 1 - session->broker;
}

static bool everyone_was_asked(const struct idn_session *session)
{
    return session->asked == bit_of(session->config.brokers) - 1;
}

static void begin_round(struct idn_session *session, uint64_t now_ms)
{
    uint32_t other = other_broker(session);
    bool stays = is_silent(session, other) && !is_silent(session, session->broker);

    session->asked = 0;
    ask(session, stays ? session->broker : other, now_ms);
    if (session->config.brokers > 1 && is_silent(session, 1 - session->broker))
        send_to(session, 1 - session->broker, now_ms);
}

static void begin(struct idn_session *session, const struct idn_request *request, uint64_t now_ms)
{
    IDN_ASSERT(!session->busy);
    if (now_ms > session->now_ms + IDN_STALL_MS)
        forget_silence(session);
    session->request = *request;
    if (session->next_id == 0)
        session->next_id = 1;
    session->request.id = session->next_id++;
    session->busy = true;
    session->refused = session->unknown_here = false;
    session->asked = 0;
    session->started_ms = now_ms;
    ask(session, session->broker, now_ms);
}

// ---- answers ----

static bool answers(uint32_t request, uint32_t reply)
{
    static const uint8_t wanted[] = {
        [IDN_REQUEST_HELLO] = IDN_REPLY_WELCOME,
        [IDN_REQUEST_SUBMIT] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_UPLOAD] = IDN_REPLY_UPLOADED,
        [IDN_REQUEST_WATCH] = IDN_REPLY_JOB,
        [IDN_REQUEST_JOB] = IDN_REPLY_JOB,
        [IDN_REQUEST_JOBS] = IDN_REPLY_JOBS,
        [IDN_REQUEST_WORKERS] = IDN_REPLY_WORKERS,
        [IDN_REQUEST_MODELS] = IDN_REPLY_MODELS,
        [IDN_REQUEST_DATASETS] = IDN_REPLY_DATASETS,
        [IDN_REQUEST_STATUS] = IDN_REPLY_STATUS,
        [IDN_REQUEST_RESULTS] = IDN_REPLY_RESULTS,
        [IDN_REQUEST_CANCEL] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_FORGET] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_SWITCH] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_BOOTSTRAP] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_RETRY] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_SET] = IDN_REPLY_ACCEPTED,
        [IDN_REQUEST_ASSIGNMENT] = IDN_REPLY_ASSIGNMENT,
        [IDN_REQUEST_WHY] = IDN_REPLY_WHY,
        [IDN_REQUEST_RATES] = IDN_REPLY_RATES,
        [IDN_REQUEST_TIMES] = IDN_REPLY_TIMES,
    };
    IDN_ASSERT(request < sizeof(wanted) && wanted[request] != 0);
    return reply == IDN_REPLY_REFUSED || reply == wanted[request];
}

static bool sends_elsewhere(const struct idn_reply *reply)
{
    return reply->type == IDN_REPLY_REFUSED &&
           (reply->u.refused.code == IDN_REFUSED_NOT_ACTIVE ||
               reply->u.refused.code == IDN_REFUSED_UNKNOWN_HERE);
}

static void keep_refusal(struct idn_session *session, const struct idn_reply *reply)
{
    bool unknown_here = reply->u.refused.code == IDN_REFUSED_UNKNOWN_HERE;

    if (!session->unknown_here || unknown_here) {
        session->refusal = *reply;
        session->refused_by = session->broker;
    }
    session->refused = true;
    session->unknown_here |= unknown_here;
}

// The broker that refused is the one that lives.
static void end_refused(struct idn_session *session)
{
    session->broker = session->refused_by;
    end_with(session, &session->refusal);
}

// The broker asked now cannot answer: the next one, the refusal, or a pause before the next round.
static void look_elsewhere(struct idn_session *session, uint64_t now_ms)
{
    if (!everyone_was_asked(session)) {
        ask(session, other_broker(session), now_ms);
    } else if (session->unknown_here) {
        end_refused(session);
    } else {
        session->again_ms = now_ms + IDN_BEAT_MS;
    }
}

static void take_reply(
    struct idn_session *session, uint32_t broker, const struct idn_reply *reply, uint64_t now_ms)
{
    session->silent &= ~bit_of(broker);
    if (!session->busy || reply->id != session->request.id ||
        !answers(session->request.type, reply->type))
        return;
    if (!sends_elsewhere(reply)) {
        session->broker = broker;
        end_with(session, reply);
    } else if (broker == session->broker) {
        keep_refusal(session, reply);
        look_elsewhere(session, now_ms);
    }
}

// ---- no answer ----

static void give_up(struct idn_session *session)
{
    if (session->refused) {
        end_refused(session);
        return;
    }
    act(session, IDN_SESSION_UNREACHABLE, session->broker);
    session->busy = false;
}

static void ask_again(struct idn_session *session, uint64_t now_ms)
{
    if (!everyone_was_asked(session))
        ask(session, other_broker(session), now_ms);
    else if (session->unknown_here)
        end_refused(session);
    else
        begin_round(session, now_ms);
}

static void tick(struct idn_session *session, uint64_t now_ms)
{
    uint64_t deadline = idn_session_deadline(session);

    if (now_ms < deadline)
        return;
    bool stalled = now_ms - deadline > IDN_STALL_MS;

    if (stalled)
        session->started_ms = now_ms;
    if (now_ms >= end_ms(session)) {
        give_up(session);
        return;
    }
    reopen_silent(session, now_ms);
    if (stalled)
        forget_silence(session);
    ask_again(session, now_ms);
}

// ---- the step ----

void idn_session_init(struct idn_session *session, const struct idn_session_config *config)
{
    IDN_ASSERT(config->brokers >= 1 && config->brokers <= IDN_BROKERS_MAX);
    *session = (struct idn_session){.config = *config, .next_id = config->seed};
}

void idn_session_step(struct idn_session *session, const struct idn_session_event *event)
{
    session->actions = 0;
    switch (event->type) {
    case IDN_SESSION_BEGIN:
        begin(session, event->u.begin, event->now_ms);
        break;
    case IDN_SESSION_REPLY:
        take_reply(session, event->u.reply.broker, event->u.reply.message, event->now_ms);
        break;
    case IDN_SESSION_TICK:
        tick(session, event->now_ms);
        break;
    case IDN_SESSION_STOP:
        session->busy = false;
        break;
    }
    session->now_ms = event->now_ms;
}
