// The client session: which broker is asked when, and how a request ends.
#include "client/session.h"
#include "tests/lib/check.h"

static struct idn_session session;
static struct idn_request request;
static struct idn_reply reply;

static void start(uint32_t brokers, uint32_t timeout_ms)
{
    struct idn_session_config config = {.brokers = brokers, .seed = 100, .timeout_ms = timeout_ms};
    idn_session_init(&session, &config);
}

static void begin(uint64_t now_ms, uint32_t type, uint32_t wait_ms)
{
    struct idn_session_event event = {
        .type = IDN_SESSION_BEGIN, .now_ms = now_ms, .u.begin = &request};

    request = (struct idn_request){.type = type};
    if (type == IDN_REQUEST_WATCH)
        request.u.watch.wait_ms = wait_ms;
    idn_session_step(&session, &event);
}

static void tick(uint64_t now_ms)
{
    struct idn_session_event event = {.type = IDN_SESSION_TICK, .now_ms = now_ms};

    idn_session_step(&session, &event);
}

static void answer(uint64_t now_ms, uint32_t broker, uint64_t id, uint32_t type, uint32_t code)
{
    struct idn_session_event event = {.type = IDN_SESSION_REPLY, .now_ms = now_ms};

    reply = (struct idn_reply){.type = type, .id = id};
    if (type == IDN_REPLY_REFUSED)
        reply.u.refused.code = code;
    event.u.reply.broker = broker;
    event.u.reply.message = &reply;
    idn_session_step(&session, &event);
}

static void refuse(uint64_t now_ms, uint32_t broker, uint32_t code)
{
    answer(now_ms, broker, session.request.id, IDN_REPLY_REFUSED, code);
}

static bool only_sent_to(uint32_t broker)
{
    return session.actions == 1 && session.action[0].type == IDN_SESSION_SEND &&
           session.action[0].broker == broker && session.action[0].request->id != 0;
}

static bool reconnected_and_sent(uint32_t silent, uint32_t asked)
{
    return session.actions == 2 && session.action[0].type == IDN_SESSION_RECONNECT &&
           session.action[0].broker == silent && session.action[1].type == IDN_SESSION_SEND &&
           session.action[1].broker == asked;
}

static bool ended_with(enum idn_session_action_type type)
{
    return session.actions == 1 && session.action[0].type == type &&
           idn_session_deadline(&session) == UINT64_MAX;
}

static bool ended_with_refusal(uint32_t code)
{
    return ended_with(IDN_SESSION_DONE) && session.action[0].reply->type == IDN_REPLY_REFUSED &&
           session.action[0].reply->u.refused.code == code;
}

static void test_an_answer_ends_the_request(void)
{
    start(1, 10000);
    CHECK_INT(idn_session_deadline(&session), UINT64_MAX);
    begin(1000, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(0));
    CHECK_INT(session.action[0].request->id, 100);
    CHECK_INT(idn_session_deadline(&session), 1000 + IDN_REQUEST_MS);
    answer(1005, 0, 100, IDN_REPLY_STATUS, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
    CHECK(session.action[0].reply == &reply);
    begin(1010, IDN_REQUEST_STATUS, 0);
    CHECK_INT(session.action[0].request->id, 101);
}

static void test_an_ordinary_refusal_is_an_answer(void)
{
    start(2, 10000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    refuse(1, 0, IDN_REFUSED_UNKNOWN_MODEL);
    CHECK(ended_with_refusal(IDN_REFUSED_UNKNOWN_MODEL));
}

static void test_replies_that_do_not_answer_are_ignored(void)
{
    start(1, 10000);
    answer(0, 0, 100, IDN_REPLY_STATUS, 0); // before anything was asked
    CHECK_INT(session.actions, 0);
    begin(0, IDN_REQUEST_STATUS, 0);
    answer(1, 0, 99, IDN_REPLY_STATUS, 0);
    CHECK_INT(session.actions, 0);
    answer(1, 0, 100, IDN_REPLY_JOB, 0);
    CHECK_INT(session.actions, 0);
    answer(2, 0, 100, IDN_REPLY_STATUS, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
    answer(3, 0, 100, IDN_REPLY_STATUS, 0); // the answer to a request sent twice
    CHECK_INT(session.actions, 0);
}

static void test_silence_opens_the_socket_anew_and_keeps_the_id(void)
{
    start(1, 10000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    tick(IDN_REQUEST_MS - 1);
    CHECK_INT(session.actions, 0);
    tick(IDN_REQUEST_MS);
    CHECK(reconnected_and_sent(0, 0));
    CHECK_INT(session.action[1].request->id, 100);
    answer(IDN_REQUEST_MS + 1, 0, 100, IDN_REPLY_ACCEPTED, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
}

static void test_a_broker_that_was_heard_keeps_its_socket(void)
{
    start(1, 10000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    answer(1500, 0, 99, IDN_REPLY_STATUS, 0); // it lives, if slow
    tick(IDN_REQUEST_MS);
    CHECK(only_sent_to(0));
}

static void test_a_watch_is_given_its_time(void)
{
    start(1, 3000);
    begin(0, IDN_REQUEST_WATCH, 5000);
    CHECK_INT(idn_session_deadline(&session), 5000 + IDN_REQUEST_MS);
    tick(5000 + IDN_REQUEST_MS);
    CHECK(reconnected_and_sent(0, 0));
    tick(8000);
    CHECK(ended_with(IDN_SESSION_UNREACHABLE));
}

static void test_gives_up_after_its_timeout(void)
{
    start(1, 5000);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(2000);
    tick(4000);
    CHECK(reconnected_and_sent(0, 0));
    CHECK_INT(idn_session_deadline(&session), 5000);
    tick(5000);
    CHECK(ended_with(IDN_SESSION_UNREACHABLE));
}

static void test_a_timeout_shorter_than_a_repetition(void)
{
    start(2, 300);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(300);
    CHECK(ended_with(IDN_SESSION_UNREACHABLE));
}

static void test_never_gives_up_when_told_so(void)
{
    start(1, UINT32_MAX);
    begin(0, IDN_REQUEST_STATUS, 0);
    uint64_t now_ms = 0;
    while (now_ms <= UINT32_MAX) {
        now_ms = idn_session_deadline(&session);
        tick(now_ms);
        CHECK(reconnected_and_sent(0, 0));
    }
}

// How many actions of a type the last step took for a broker.
static int count(enum idn_session_action_type type, uint32_t broker)
{
    int found = 0;

    for (size_t i = 0; i < session.actions; i++)
        found += session.action[i].type == type && session.action[i].broker == broker;
    return found;
}

// The request that the last step sent to a broker.
static const struct idn_request *sent_to(uint32_t broker)
{
    const struct idn_request *found = NULL;

    for (size_t i = 0; i < session.actions; i++)
        if (session.action[i].type == IDN_SESSION_SEND && session.action[i].broker == broker)
            found = session.action[i].request;
    CHECK(found != NULL);
    return found;
}

static void test_a_silent_broker_is_not_waited_for_long(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(0));
    tick(IDN_DEAD_MS);
    CHECK(only_sent_to(1)); // the same id; the first one's socket still has time
    CHECK_INT(sent_to(1)->id, 100);
    answer(IDN_DEAD_MS + 1, 0, 100, IDN_REPLY_STATUS, 0); // its late answer serves as well
    CHECK(ended_with(IDN_SESSION_DONE));
    begin(1100, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(0)); // the one that answered last is asked first
}

static void test_two_silent_brokers_are_asked_together(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(1000);
    tick(2000);
    CHECK_INT(count(IDN_SESSION_SEND, 0), 1);
    CHECK_INT(count(IDN_SESSION_SEND, 1), 1);
    CHECK_INT(count(IDN_SESSION_RECONNECT, 0), 1); // silent since 0
    CHECK_INT(count(IDN_SESSION_RECONNECT, 1), 0); // only since 1000
    tick(3000);
    CHECK_INT(count(IDN_SESSION_RECONNECT, 0), 0);
    CHECK_INT(count(IDN_SESSION_RECONNECT, 1), 1);
    tick(4000);
    CHECK_INT(count(IDN_SESSION_RECONNECT, 0), 1);
    answer(4001, 1, 100, IDN_REPLY_STATUS, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
    begin(4002, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(1));
}

// The active has died, the standby has not taken over yet: it is asked five times a second and told
// since when the other one is silent; should that come back, it is not missed.
static void test_a_standby_is_asked_until_it_takes_over(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    CHECK_INT(sent_to(0)->unheard_ms, 0);
    tick(1000);
    CHECK_INT(sent_to(1)->unheard_ms, 1000);
    refuse(1001, 1, IDN_REFUSED_NOT_ACTIVE);
    CHECK_INT(session.actions, 0);
    CHECK_INT(idn_session_deadline(&session), 1001 + IDN_BEAT_MS);
    tick(1001 + IDN_BEAT_MS);
    CHECK_INT(sent_to(1)->unheard_ms, 1001 + IDN_BEAT_MS);
    CHECK_INT(sent_to(0)->unheard_ms, 0);
    refuse(1202, 1, IDN_REFUSED_NOT_ACTIVE);
    CHECK_INT(idn_session_deadline(&session), 1202 + IDN_BEAT_MS);
    tick(1202 + IDN_BEAT_MS);
    answer(1403, 1, 100, IDN_REPLY_ACCEPTED, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
    begin(1404, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(1));
}

static void test_a_watch_is_no_silence_until_it_is_due(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_WATCH, 5000);
    CHECK_INT(idn_session_deadline(&session), 5000 + IDN_DEAD_MS);
    tick(5000 + IDN_DEAD_MS);
    CHECK_INT(sent_to(1)->unheard_ms, IDN_DEAD_MS);
}

static void test_anything_heard_ends_a_silence(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_STATUS, 0);
    answer(900, 0, 99, IDN_REPLY_STATUS, 0); // of a request before
    tick(1000);
    CHECK_INT(sent_to(1)->unheard_ms, 0);
}

// What was not asked, or not listened for, is no silence.
static void test_a_pause_is_no_silence(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(1000);
    answer(1001, 1, 100, IDN_REPLY_STATUS, 0);
    begin(1002, IDN_REQUEST_STATUS, 0);
    CHECK_INT(sent_to(1)->unheard_ms, 1002); // at once after: it still is
    answer(1003, 1, 101, IDN_REPLY_STATUS, 0);
    begin(1003 + IDN_STALL_MS + 1, IDN_REQUEST_STATUS, 0);
    CHECK_INT(sent_to(1)->unheard_ms, 0);

    start(2, 60000);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(1000 + IDN_STALL_MS + 1); // the process stood still
    CHECK_INT(sent_to(1)->unheard_ms, 0);
}

static void test_the_one_that_refused_is_asked_first_next_time(void)
{
    start(2, 60000);
    begin(0, IDN_REQUEST_JOB, 0);
    refuse(1, 0, IDN_REFUSED_UNKNOWN_HERE);
    tick(1 + IDN_DEAD_MS); // the other is silent
    CHECK(ended_with_refusal(IDN_REFUSED_UNKNOWN_HERE));
    begin(1100, IDN_REQUEST_JOB, 0);
    CHECK(only_sent_to(0));
}

static void test_not_active_asks_the_other_at_once(void)
{
    start(2, 10000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    refuse(1, 0, IDN_REFUSED_NOT_ACTIVE);
    CHECK(only_sent_to(1));
    refuse(2, 0, IDN_REFUSED_NOT_ACTIVE); // again, of the broker asked before
    CHECK_INT(session.actions, 0);
    CHECK_INT(idn_session_deadline(&session), 1 + IDN_DEAD_MS); // the other has its time
    answer(3, 1, 100, IDN_REPLY_ACCEPTED, 0);
    CHECK(ended_with(IDN_SESSION_DONE));
}

static void test_no_active_broker_pauses_between_rounds(void)
{
    start(2, 1000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    refuse(0, 0, IDN_REFUSED_NOT_ACTIVE);
    refuse(0, 1, IDN_REFUSED_NOT_ACTIVE);
    CHECK_INT(session.actions, 0);
    CHECK_INT(idn_session_deadline(&session), IDN_BEAT_MS);
    tick(IDN_BEAT_MS);
    CHECK(only_sent_to(0));
    refuse(IDN_BEAT_MS, 0, IDN_REFUSED_NOT_ACTIVE);
    CHECK(only_sent_to(1));
    tick(1000);
    CHECK(ended_with_refusal(IDN_REFUSED_NOT_ACTIVE)); // heard, so not unreachable
}

static void test_one_broker_not_active_is_asked_again(void)
{
    start(1, 10000);
    begin(0, IDN_REQUEST_SUBMIT, 0);
    refuse(1, 0, IDN_REFUSED_NOT_ACTIVE);
    CHECK_INT(session.actions, 0);
    tick(1 + IDN_BEAT_MS);
    CHECK(only_sent_to(0));
}

static void test_unknown_here_is_final_when_everyone_was_asked(void)
{
    start(1, 10000);
    begin(0, IDN_REQUEST_JOB, 0);
    refuse(1, 0, IDN_REFUSED_UNKNOWN_HERE);
    CHECK(ended_with_refusal(IDN_REFUSED_UNKNOWN_HERE));

    start(2, 10000);
    begin(0, IDN_REQUEST_JOB, 0);
    refuse(1, 0, IDN_REFUSED_UNKNOWN_HERE);
    CHECK(only_sent_to(1));
    refuse(2, 1, IDN_REFUSED_NOT_ACTIVE);
    CHECK(ended_with_refusal(IDN_REFUSED_UNKNOWN_HERE)); // not the less telling one
}

static void test_unknown_here_and_a_silent_other(void)
{
    start(2, 10000);
    begin(0, IDN_REQUEST_JOB, 0);
    refuse(1, 0, IDN_REFUSED_UNKNOWN_HERE);
    tick(1 + IDN_DEAD_MS);
    CHECK(ended_with_refusal(IDN_REFUSED_UNKNOWN_HERE));
}

static void test_a_stopped_process_gives_nobody_up(void)
{
    start(1, 5000);
    begin(0, IDN_REQUEST_STATUS, 0);
    tick(3600000);
    CHECK(reconnected_and_sent(0, 0));
    CHECK_INT(idn_session_deadline(&session), 3600000 + IDN_REQUEST_MS);
    tick(3602000);
    tick(3604000);
    tick(3605000);
    CHECK(ended_with(IDN_SESSION_UNREACHABLE));
}

static void test_stop_ends_it(void)
{
    start(1, 5000);
    begin(0, IDN_REQUEST_STATUS, 0);
    idn_session_step(&session, &(struct idn_session_event){.type = IDN_SESSION_STOP});
    CHECK_INT(session.actions, 0);
    CHECK_INT(idn_session_deadline(&session), UINT64_MAX);
    begin(1, IDN_REQUEST_STATUS, 0);
    CHECK(only_sent_to(0));
}

static void test_ids_skip_zero(void)
{
    struct idn_session_config config = {.brokers = 1, .seed = UINT64_MAX, .timeout_ms = 1000};

    idn_session_init(&session, &config);
    begin(0, IDN_REQUEST_STATUS, 0);
    CHECK(session.action[0].request->id == UINT64_MAX);
    answer(0, 0, UINT64_MAX, IDN_REPLY_STATUS, 0);
    begin(0, IDN_REQUEST_STATUS, 0);
    CHECK_INT(session.action[0].request->id, 1);
}

int main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        CHECK_TEST(test_an_answer_ends_the_request),
        CHECK_TEST(test_an_ordinary_refusal_is_an_answer),
        CHECK_TEST(test_replies_that_do_not_answer_are_ignored),
        CHECK_TEST(test_silence_opens_the_socket_anew_and_keeps_the_id),
        CHECK_TEST(test_a_broker_that_was_heard_keeps_its_socket),
        CHECK_TEST(test_a_watch_is_given_its_time),
        CHECK_TEST(test_gives_up_after_its_timeout),
        CHECK_TEST(test_a_timeout_shorter_than_a_repetition),
        CHECK_TEST(test_never_gives_up_when_told_so),
        CHECK_TEST(test_a_silent_broker_is_not_waited_for_long),
        CHECK_TEST(test_two_silent_brokers_are_asked_together),
        CHECK_TEST(test_a_standby_is_asked_until_it_takes_over),
        CHECK_TEST(test_a_watch_is_no_silence_until_it_is_due),
        CHECK_TEST(test_anything_heard_ends_a_silence),
        CHECK_TEST(test_a_pause_is_no_silence),
        CHECK_TEST(test_the_one_that_refused_is_asked_first_next_time),
        CHECK_TEST(test_not_active_asks_the_other_at_once),
        CHECK_TEST(test_no_active_broker_pauses_between_rounds),
        CHECK_TEST(test_one_broker_not_active_is_asked_again),
        CHECK_TEST(test_unknown_here_is_final_when_everyone_was_asked),
        CHECK_TEST(test_unknown_here_and_a_silent_other),
        CHECK_TEST(test_a_stopped_process_gives_nobody_up),
        CHECK_TEST(test_stop_ends_it),
        CHECK_TEST(test_ids_skip_zero),
    };
    return check_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
