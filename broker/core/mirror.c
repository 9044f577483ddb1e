#include "broker/core/mirror.h"

#include "broker/core/actions.h"
#include "broker/core/catchup.h"
#include "broker/core/roles.h"

#include "proto/version.h"

static bool is_on(const struct idn_core *core)
{
    return core->has_peer && core->started && !core->over;
}

// b draws sessions, a answers.
static bool is_caller(const struct idn_core *core)
{
    return core->letter == 'b';
}

static bool same_epoch(struct idn_epoch a, struct idn_epoch b)
{
    return idn_epoch_compare(a, b) == 0;
}

// ---- restore

static void fail_full(struct idn_core *core)
{
    core->failed = true;
    idn_format(core->failure, sizeof(core->failure),
        "the store holds facts of %u starts of brokers, and a broker with a peer can keep no more; "
        "begin with a new store",
        (unsigned)IDN_INCARNATIONS_MAX);
}

void idn_mirror_held(struct idn_core *core, const struct idn_held *held)
{
    if (!core->has_peer || held->last == 0)
        return;
    struct idn_vector_entry *entry = idn_vector_add(&core->mirror.vector, held->incarnation);
    if (entry == NULL)
        fail_full(core);
    else
        entry->here = held->last;
}

void idn_mirror_start(struct idn_core *core)
{
    if (!core->has_peer)
        return;
    core->mirror.own = idn_vector_add(&core->mirror.vector, core->incarnation);
    if (core->mirror.own == NULL)
        fail_full(core);
}

// ---- frames out

static struct idn_mirror_frame *send(struct idn_core *core, uint32_t type)
{
    struct idn_mirror *mirror = &core->mirror;
    struct idn_mirror_frame *frame = &idn_action_add(core, IDN_ACTION_MIRROR_SEND, 0)->u.mirror;

    frame->type = type;
    frame->session = mirror->nonce;
    frame->durable = mirror->session.durable_said = mirror->session.in.durable;
    frame->role = mirror->role_said = idn_core_role(core);
    frame->epoch = mirror->epoch_said = idn_roles_epoch(core);
    mirror->next_ms = core->now + IDN_BEAT_MS;
    return frame;
}

struct idn_mirror_frame *idn_mirror_send_numbered(
    struct idn_core *core, uint32_t type, uint64_t position, uint32_t bytes)
{
    struct idn_mirror_frame *frame = send(core, type);

    frame->number = idn_window_out_add(&core->mirror.session.out, position, bytes);
    return frame;
}

// HELLO or WELCOME.
static void send_greeting(struct idn_core *core, uint32_t type, uint32_t lowest, uint32_t highest)
{
    struct idn_mirror_frame *frame = send(core, type);

    core->mirror.ours = frame->epoch;
    frame->u.hello.lowest = lowest;
    frame->u.hello.highest = highest;
    frame->u.hello.letter = core->letter;
    frame->u.hello.incarnation = core->incarnation;
    idn_copy_text(frame->u.hello.broker, sizeof(frame->u.hello.broker), core->broker);
}

static bool has_news(const struct idn_core *core)
{
    const struct idn_mirror *mirror = &core->mirror;

    return mirror->role_said != idn_core_role(core) ||
           !same_epoch(mirror->epoch_said, idn_roles_epoch(core));
}

// ---- the session

static void drop_session(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;

    core->more |= mirror->session.in_sync; // replies that waited for the peer wait no longer
    if (mirror->session.stage == IDN_MIRROR_UP)
        mirror->last_mirrored = mirror->session.out.mirrored;
    mirror->read_void = mirror->reading;
    mirror->session = (struct idn_mirror_session){.stage = IDN_MIRROR_DOWN};
    mirror->nonce = 0;
}

// The nonce of the next session. What HELLO says is said of this nonce for ever.
static void call(struct idn_core *core)
{
    do
        core->mirror.nonce = idn_random_next(&core->mirror.random);
    while (core->mirror.nonce == 0);
    send_greeting(core, IDN_MIRROR_HELLO, IDN_PROTOCOL_LOWEST, IDN_PROTOCOL_HIGHEST);
}

// The next one may begin at once, but not one after the other at the speed of the network.
static void begin_anew(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;
    uint64_t soonest = mirror->anew_ms + IDN_BEAT_MS;

    drop_session(core);
    mirror->anew_ms = core->now;
    mirror->next_ms = soonest > core->now ? soonest : core->now;
}

// What a socket still holds, and what libzmq makes of a peer that came back, is not to be trusted.
static void reset(struct idn_core *core)
{
    begin_anew(core);
    idn_action_add(core, IDN_ACTION_MIRROR_RESET, 0);
}

// Sessions may break as fast as they begin, when the other broker is none.
static void tell_anew(struct idn_core *core, const char *why)
{
    struct idn_mirror *mirror = &core->mirror;
    char more[64] = "";

    if (core->now < mirror->tell_ms) {
        mirror->untold++;
        return;
    }
    if (mirror->untold > 0)
        idn_format(more, sizeof(more), " (%u times before this one)", mirror->untold);
    idn_tell(core, "the mirror link with broker %s begins anew: %s%s", mirror->broker, why, more);
    mirror->untold = 0;
    mirror->tell_ms = core->now + IDN_BREAK_TOLD_MS;
}

// The session that lasts after some that broke without a line.
static void tell_lasting(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;

    if (mirror->untold == 0 || core->now < mirror->tell_ms ||
        mirror->session.stage != IDN_MIRROR_UP)
        return;
    idn_tell(core, "broker %s is in sight; the mirror link began anew %u more times before",
        mirror->broker, mirror->untold);
    mirror->untold = 0;
}

static void break_off(struct idn_core *core, const char *why)
{
    tell_anew(core, why);
    reset(core);
}

// The socket has just carried it: it is good. (A new one may be turned away by a peer that has not
// noticed yet that the old one is closed.)
static void take_gone(struct idn_core *core)
{
    tell_anew(core, "it has forgotten the session");
    begin_anew(core);
}

static void greeted(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror *mirror = &core->mirror;

    mirror->session.stage = IDN_MIRROR_GREETED;
    mirror->session.greeted_position = core->position;
    mirror->theirs = frame->epoch;
    idn_copy_text(mirror->broker, sizeof(mirror->broker), frame->u.hello.broker);
    idn_vector_forget_there(&mirror->vector);
}

// ---- frames in

static bool epoch_is_sane(struct idn_epoch epoch)
{
    return epoch.counter <= IDN_EPOCH_COUNTER_MAX;
}

static bool greeting_is_sane(const struct idn_core *core, const struct idn_mirror_frame *frame)
{
    return frame->session != 0 && epoch_is_sane(frame->epoch) &&
           frame->u.hello.letter == (is_caller(core) ? 'a' : 'b') &&
           frame->u.hello.incarnation != core->incarnation;
}

static void take_role(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    core->mirror.role = frame->role;
    core->mirror.epoch = frame->epoch;
    idn_roles_peer(core);
}

static void heard(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    core->mirror.session.heard_ms = core->mirror.last_heard_ms = core->now;
    take_role(core, frame);
}

// Once for each nonce, so that b's repetitions do not fill a log.
static void tell_versions(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    if (core->mirror.told != frame->session)
        idn_tell(core,
            "broker %s speaks versions %u to %u of the protocol and this one %u to %u: update the "
            "older one",
            frame->u.hello.broker, frame->u.hello.lowest, frame->u.hello.highest,
            (unsigned)IDN_PROTOCOL_LOWEST, (unsigned)IDN_PROTOCOL_HIGHEST);
    core->mirror.told = frame->session;
}

static void take_hello(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror *mirror = &core->mirror;
    bool again = frame->session == mirror->nonce;
    uint32_t version;

    if (is_caller(core) || !greeting_is_sane(core, frame))
        return;
    if (idn_negotiate(frame->u.hello.lowest, frame->u.hello.highest, &version) != 0) {
        tell_versions(core, frame);
        return;
    }
    // A WELCOME that was lost is repeated, with the vector after it, but only as it was: both sides
    // go by what it says. Who reigns is heard all the same.
    if (again &&
        (mirror->session.in.taken > 0 || !same_epoch(mirror->ours, idn_roles_epoch(core)))) {
        take_role(core, frame);
        return;
    }
    drop_session(core);
    mirror->nonce = frame->session;
    greeted(core, frame);
    send_greeting(core, IDN_MIRROR_WELCOME, version, version);
    heard(core, frame);
}

static void take_welcome(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    uint32_t version;

    if (!is_caller(core) || core->mirror.session.stage != IDN_MIRROR_DOWN ||
        !greeting_is_sane(core, frame))
        return;
    if (idn_negotiate(frame->u.hello.lowest, frame->u.hello.highest, &version) != 0) {
        tell_versions(core, frame);
        return;
    }
    greeted(core, frame);
    heard(core, frame);
}

// The peer believes in a session that is not (any more): it need not wait for silence to find out.
// Once for each session and at most once a beat.
static void take_stray(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    uint32_t type = frame->type;

    if (is_caller(core) || frame->session == 0 || type == IDN_MIRROR_WELCOME ||
        type == IDN_MIRROR_GONE)
        return;
    if (core->mirror.gone == frame->session && type != IDN_MIRROR_BEAT)
        return;
    core->mirror.gone = frame->session;
    struct idn_mirror_frame *gone = &idn_action_add(core, IDN_ACTION_MIRROR_SEND, 0)->u.mirror;
    gone->type = IDN_MIRROR_GONE;
    gone->session = frame->session;
    gone->role = idn_core_role(core);
    gone->epoch = idn_roles_epoch(core);
}

static const char *take_handover(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    if (!core->mirror.session.exchanged)
        return "a handover came before the exchange";
    if (!epoch_is_sane(frame->u.handover.epoch))
        return "a handover's epoch is none";
    idn_roles_handover(core, frame->u.handover.epoch, frame->u.handover.request);
    return NULL;
}

static const char *take_content(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    switch (frame->type) {
    case IDN_MIRROR_VECTOR:
        return idn_catchup_take_vector(core, frame);
    case IDN_MIRROR_FACTS:
        return idn_catchup_take_facts(core, frame);
    case IDN_MIRROR_HANDOVER:
        return take_handover(core, frame);
    default:
        return NULL; // of a later version: its number counts
    }
}

// Returns what is wrong with it, or NULL. Repeated ones were taken.
static const char *take_numbered(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_window_in *in = &core->mirror.session.in;
    uint64_t position = 0;

    if (frame->number <= in->taken)
        return NULL;
    if (frame->number != in->taken + 1)
        return "a frame is missing";
    if (idn_window_in_full(in))
        return "more frames came than the window holds";
    const char *wrong = take_content(core, frame);
    // What is skipped because it is here may be on its way to the store: it counts when that is.
    if (frame->type == IDN_MIRROR_FACTS && frame->u.facts.count > 0)
        position = core->position;
    idn_window_in_add(in, position);
    return wrong;
}

static bool is_numbered(const struct idn_mirror_frame *frame)
{
    return frame->type == IDN_MIRROR_VECTOR || frame->type == IDN_MIRROR_FACTS ||
           frame->type == IDN_MIRROR_HANDOVER || frame->type > IDN_MIRROR_GONE;
}

static void take_of_session(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror *mirror = &core->mirror;
    const char *wrong = NULL;

    if (frame->role < IDN_ROLE_LEARNER || frame->role > IDN_ROLE_ALONE ||
        !epoch_is_sane(frame->epoch))
        wrong = "a frame's role or epoch is none";
    else if (!idn_window_out_acked(&mirror->session.out, frame->durable))
        wrong = "a frame acknowledges what was not sent";
    if (wrong == NULL) {
        heard(core, frame);
        idn_catchup_judge(core);
    }
    if (wrong == NULL && frame->type == IDN_MIRROR_BEAT && frame->number > mirror->session.in.taken)
        wrong = "a frame is missing";
    if (wrong == NULL && is_numbered(frame))
        wrong = take_numbered(core, frame);
    if (wrong != NULL && !core->over)
        break_off(core, wrong);
}

void idn_mirror_take(struct idn_core *core, const struct idn_mirror_frame *frame)
{
    struct idn_mirror *mirror = &core->mirror;

    if (!is_on(core))
        return;
    if (frame->type == IDN_MIRROR_HELLO)
        take_hello(core, frame);
    else if (frame->session == 0 || frame->session != mirror->nonce)
        take_stray(core, frame);
    else if (frame->type == IDN_MIRROR_WELCOME)
        take_welcome(core, frame);
    else if (mirror->session.stage == IDN_MIRROR_DOWN)
        return; // b's own nonce, and no WELCOME yet
    else if (frame->type == IDN_MIRROR_GONE)
        take_gone(core);
    else
        take_of_session(core, frame);
}

// ---- time

static void begin(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;

    mirror->begun = true;
    mirror->anew_ms = mirror->last_heard_ms = mirror->next_ms = core->now;
}

void idn_mirror_stalled(struct idn_core *core)
{
    if (is_on(core) && core->mirror.begun)
        reset(core);
}

static uint64_t silent_from(const struct idn_core *core)
{
    const struct idn_mirror *mirror = &core->mirror;

    return mirror->session.stage == IDN_MIRROR_DOWN ? mirror->anew_ms : mirror->session.heard_ms;
}

static void judge_silence(struct idn_core *core)
{
    if (core->now < silent_from(core) + IDN_DEAD_MS)
        return;
    if (core->mirror.session.stage == IDN_MIRROR_UP)
        idn_tell(core, "broker %s is out of sight", core->mirror.broker);
    reset(core);
}

// b: HELLO until WELCOME comes. What it says belongs to its nonce: news need a new one.
static void hello(struct idn_core *core)
{
    struct idn_mirror *mirror = &core->mirror;

    bool news = mirror->nonce != 0 && has_news(core);

    if (!is_caller(core) || (!news && core->now < mirror->next_ms))
        return;
    if (mirror->nonce == 0 || news)
        call(core);
    else
        send_greeting(core, IDN_MIRROR_HELLO, IDN_PROTOCOL_LOWEST, IDN_PROTOCOL_HIGHEST);
}

static void beat(struct idn_core *core)
{
    const struct idn_mirror_session *session = &core->mirror.session;

    if (core->now >= core->mirror.next_ms || session->in.durable > session->durable_said ||
        has_news(core))
        send(core, IDN_MIRROR_BEAT)->number = session->out.sent;
}

void idn_mirror_settle(struct idn_core *core)
{
    if (!is_on(core))
        return;
    if (!core->mirror.begun)
        begin(core);
    idn_catchup_judge(core);
    judge_silence(core);
    if (core->mirror.session.stage == IDN_MIRROR_DOWN) {
        hello(core);
        return;
    }
    idn_catchup_go_on(core);
    tell_lasting(core);
    beat(core);
}

uint64_t idn_mirror_deadline(const struct idn_core *core)
{
    const struct idn_mirror *mirror = &core->mirror;

    if (!is_on(core) || !mirror->begun)
        return UINT64_MAX;
    uint64_t due = silent_from(core) + IDN_DEAD_MS;
    if (is_caller(core) || mirror->session.stage != IDN_MIRROR_DOWN)
        due = idn_min_u64(due, mirror->next_ms);
    return idn_min_u64(due, idn_catchup_deadline(core));
}

// ---- for others

void idn_mirror_hand_over(struct idn_core *core, struct idn_epoch epoch, uint64_t request)
{
    IDN_ASSERT(idn_mirror_is_level(core));
    struct idn_mirror_frame *frame = idn_mirror_send_numbered(core, IDN_MIRROR_HANDOVER, 0, 0);
    frame->u.handover.epoch = epoch;
    frame->u.handover.request = request;
}

uint64_t idn_mirror_durable(const struct idn_core *core, uint32_t *ret_brokers)
{
    *ret_brokers = core->mirror.session.in_sync ? 2 : 1;
    if (!core->mirror.session.in_sync)
        return core->stored;
    return idn_min_u64(core->stored, core->mirror.session.out.mirrored);
}
