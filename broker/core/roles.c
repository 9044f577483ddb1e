// The role machine. Decisions are made in settle, from what was heard before; a frame of the peer's
// is looked at when it comes, because what it says of a reign is news only once.
#include "broker/core/roles.h"

#include "broker/core/actions.h"
#include "broker/core/mirror.h"
#include "broker/core/reign.h"
#include "broker/core/requests.h"
#include "broker/core/switch.h"
#include "broker/core/voters.h"

static const bool moves[IDN_STAGE_COUNT][IDN_STAGE_COUNT] = {
    [IDN_STAGE_DOWN] =
        {[IDN_STAGE_LEARNER] = true, [IDN_STAGE_STANDBY] = true, [IDN_STAGE_RISING] = true}, // no
                                                                                             // peer
    [IDN_STAGE_LEARNER] = {[IDN_STAGE_STANDBY] = true, // exchanged
        [IDN_STAGE_RISING] = true},                    // bootstrap
    [IDN_STAGE_STANDBY] = {[IDN_STAGE_RISING] = true},
    [IDN_STAGE_RISING] = {[IDN_STAGE_REIGNING] = true},  // stored
    [IDN_STAGE_REIGNING] = {[IDN_STAGE_YIELDING] = true, // SWITCH
        [IDN_STAGE_STANDBY] = true},                     // steps down
    [IDN_STAGE_YIELDING] = {[IDN_STAGE_REIGNING] = true, // in vain
        [IDN_STAGE_STANDBY] = true},                     // steps down
};

void idn_roles_move(struct idn_core *core, enum idn_stage stage)
{
    IDN_ASSERT(moves[core->roles.stage][stage]);
    core->roles.stage = stage;
    core->active = stage == IDN_STAGE_REIGNING || stage == IDN_STAGE_YIELDING;
}

// ---- what others see
// -----------------------------------------------------------------------------

enum idn_role idn_core_role(const struct idn_core *core)
{
    if (core->active)
        return idn_mirror_in_sync(core) ? IDN_ROLE_ACTIVE : IDN_ROLE_ALONE;
    return core->roles.stage == IDN_STAGE_LEARNER ? IDN_ROLE_LEARNER : IDN_ROLE_STANDBY;
}

struct idn_epoch idn_roles_epoch(const struct idn_core *core)
{
    return core->active ? core->epoch : core->highest;
}

bool idn_roles_may_grant(const struct idn_core *core)
{
    return core->roles.stage == IDN_STAGE_REIGNING && !core->roles.unconfirmed;
}

bool idn_roles_may_promise(const struct idn_core *core)
{
    return core->active && !core->roles.unconfirmed;
}

bool idn_roles_may_lack(const struct idn_core *core)
{
    return core->has_peer && !idn_mirror_exchanged(core);
}

bool idn_roles_peer_reigns(const struct idn_core *core)
{
    return core->mirror.role == IDN_ROLE_ACTIVE || core->mirror.role == IDN_ROLE_ALONE;
}

static bool is_peer_silent(const struct idn_core *core)
{
    return core->now - core->roles.peer_ms >= IDN_DEAD_MS;
}

// ---- reigns begin
// ----------------------------------------------------------------------------------

static void raise_to(struct idn_epoch *highest, struct idn_epoch epoch)
{
    if (idn_epoch_compare(epoch, *highest) > 0)
        *highest = epoch;
}

bool idn_roles_is_claim(const struct idn_core *core, struct idn_epoch epoch)
{
    return epoch.counter <= core->highest.counter + IDN_EPOCH_CLAIM_MAX;
}

void idn_roles_saw(struct idn_core *core, struct idn_epoch epoch)
{
    if (idn_roles_is_claim(core, epoch))
        raise_to(&core->roles.seen, epoch);
}

// Above every epoch that was ever seen, and in nobody's sight before it is stored.
static void store_reign(struct idn_core *core, uint64_t counter_least)
{
    static const struct idn_key cluster;
    struct idn_roles *roles = &core->roles;
    uint64_t counter = counter_least;

    counter = core->highest.counter >= counter ? core->highest.counter + 1 : counter;
    counter = roles->seen.counter >= counter ? roles->seen.counter + 1 : counter;
    roles->rising = roles->seen = (struct idn_epoch){.counter = counter, .broker = core->letter};
    idn_commit(core, IDN_FACT_REIGN, &cluster)->epoch = roles->rising;
    roles->rising_position = core->position;
}

void idn_roles_begin_reign(struct idn_core *core, uint64_t counter_least)
{
    idn_roles_move(core, IDN_STAGE_RISING);
    store_reign(core, counter_least);
}

// Whoever reaches the port can claim a higher epoch with each beat: some renewals at once, then one
// each IDN_RENEW_MS. What asks for one goes on asking.
static bool may_renew(struct idn_core *core)
{
    struct idn_roles *roles = &core->roles;
    uint64_t paid_ms = roles->renewals_ms > core->now ? roles->renewals_ms : core->now;

    if (roles->rising_position != 0 || paid_ms > core->now + (IDN_RENEWALS - 1) * IDN_RENEW_MS)
        return false;
    roles->renewals_ms = paid_ms + IDN_RENEW_MS;
    return true;
}

static void renew(struct idn_core *core, const char *why)
{
    if (!may_renew(core))
        return;
    idn_tell(core, "begins its reign anew, above the one of before: %s", why);
    store_reign(core, 1);
}

static void take_stored_reign(struct idn_core *core)
{
    struct idn_roles *roles = &core->roles;

    if (roles->rising_position == 0 || core->stored < roles->rising_position)
        return;
    roles->rising_position = 0;
    core->epoch = roles->rising;
    raise_to(&core->highest, core->epoch);
    idn_voters_recount(core);
    if (core->active) {
        core->next_beat_ms = core->now;
        return;
    }
    idn_roles_move(core, IDN_STAGE_REIGNING);
    idn_reign_begin(core);
    idn_switch_reigns(core);
}

void idn_roles_start(struct idn_core *core, bool tail_lost)
{
    struct idn_roles *roles = &core->roles;

    roles->boot_ms = roles->peer_ms = core->next_beat_ms = core->now;
    if (!core->has_peer)
        idn_roles_begin_reign(core, 1);
    else
        idn_roles_move(
            core, core->position == 0 || tail_lost ? IDN_STAGE_LEARNER : IDN_STAGE_STANDBY);
}

// ---- reigns end
// ------------------------------------------------------------------------------------

static void step_down(struct idn_core *core, const char *why)
{
    struct idn_roles *roles = &core->roles;

    idn_tell(core, "steps down: %s", why);
    idn_switch_stepped_down(core);
    idn_roles_move(core, IDN_STAGE_STANDBY);
    roles->rising_position = 0; // of a renewal; its epoch is never used
    roles->unconfirmed = false;
    // Whoever reigns now has the full time to be heard.
    roles->peer_ms = roles->down_ms = core->now;
    core->next_beat_ms = core->now;
    idn_reign_end(core);
}

// It is still this broker that reigns: what a stall put off goes on.
static void confirm(struct idn_core *core)
{
    if (!core->roles.unconfirmed)
        return;
    core->roles.unconfirmed = false;
    core->look = core->newcomers = true;
}

// ---- from the mirror link
// --------------------------------------------------------------------------

void idn_roles_peer(struct idn_core *core)
{
    struct idn_roles *roles = &core->roles;
    bool reigns = idn_roles_peer_reigns(core),
         in_session = core->mirror.session.stage == IDN_MIRROR_UP,
         higher = idn_epoch_compare(core->mirror.epoch, core->epoch) > 0;

    raise_to(&roles->seen, core->mirror.epoch);
    if (reigns || in_session) {
        roles->peer_ms = core->now;
        roles->peer_heard = true;
    }
    if (!core->active)
        return;
    if (reigns && higher)
        step_down(core, "the other broker reigns with a higher epoch");
    else if (higher)
        renew(core, "the other broker has stored a higher epoch");
    else if (in_session && core->now >= roles->confirm_ms)
        confirm(core);
}

static void become_standby(struct idn_core *core)
{
    idn_tell(core, "has learned what the other broker knows, and is its standby");
    idn_roles_move(core, IDN_STAGE_STANDBY);
    core->next_beat_ms = core->now;
}

void idn_roles_exchanged(struct idn_core *core)
{
    core->more = true; // to settle which of two standbys reigns
    if (core->roles.stage == IDN_STAGE_LEARNER)
        become_standby(core);
}

void idn_roles_handover(struct idn_core *core, struct idn_epoch epoch, uint64_t request)
{
    if (core->roles.stage != IDN_STAGE_STANDBY || !idn_mirror_exchanged(core))
        return;
    idn_tell(core, "takes over: the other broker hands its reign over");
    core->roles.switched_request = request;
    idn_roles_begin_reign(core, epoch.counter);
}

// ---- from workers and clients
// ----------------------------------------------------------------------

void idn_roles_beat(struct idn_core *core, const struct idn_worker_beat *beat)
{
    idn_roles_saw(core, beat->obeyed);
    idn_voters_heard(core, beat);
}

void idn_roles_asked(struct idn_core *core, uint32_t unheard_ms)
{
    core->roles.client_ms = core->now;
    if (unheard_ms >= IDN_DEAD_MS)
        core->roles.vain_ms = core->now;
}

// Whoever did not hear this broker so long may have given it up. What queued up meanwhile is read
// within a beat's time; it says nothing of now.
void idn_roles_stalled(struct idn_core *core, uint64_t ms)
{
    if (!core->has_peer || ms < IDN_STALL_MS)
        return;
    idn_mirror_stalled(core);
    core->roles.peer_ms = core->now;
    core->roles.unconfirmed = core->active;
    core->roles.confirm_ms = core->now + IDN_BEAT_MS;
}

// ---- decisions
// -------------------------------------------------------------------------------------

// What the peer said before this broker stepped down, and what queued up while this one stood still
// and is read right afterwards, says nothing of now.
static bool is_peer_fresh(const struct idn_core *core)
{
    const struct idn_roles *roles = &core->roles;

    return roles->down_ms == 0 || roles->peer_ms >= roles->down_ms + IDN_BEAT_MS;
}

// This broker has the peer's facts and neither reigns: both judge by the same words, so only one of
// them begins. It does not wait until the peer has its facts, which may take long.
static bool is_chosen(const struct idn_core *core)
{
    int order = idn_epoch_compare(core->mirror.ours, core->mirror.theirs);

    return is_peer_fresh(core) && !idn_roles_peer_reigns(core) &&
           (order > 0 || (order == 0 && core->letter == 'a'));
}

// The peer waits for facts that cannot be read here, and would for ever: nothing has come from it
// for so long.
static bool is_waited_for(const struct idn_core *core, uint64_t quiet_ms)
{
    const struct idn_mirror_session *session = &core->mirror.session;

    return session->stuck && session->end_sent == 0 && core->now - session->quiet_ms >= quiet_ms &&
           !idn_roles_peer_reigns(core) && is_peer_fresh(core);
}

// This broker knows all that the two know, and the peer never will.
static bool knows_more(const struct idn_core *core)
{
    return idn_mirror_has_all(core) && is_waited_for(core, IDN_DEAD_MS);
}

static bool within(const struct idn_core *core, uint64_t then_ms, uint64_t ms)
{
    return then_ms != 0 && core->now - then_ms < ms;
}

// Nobody hears the active: neither this broker nor those who would.
static bool may_take_over(const struct idn_core *core)
{
    const struct idn_roles *roles = &core->roles;

    if (!is_peer_silent(core))
        return false;
    if (roles->voters.live > 0)
        return idn_voters_miss_the_active(core);
    if (within(core, roles->vain_ms, IDN_DEAD_MS))
        return true;
    return !roles->peer_heard && !within(core, roles->client_ms, IDN_DEAD_MS) &&
           core->now - roles->boot_ms >= IDN_START_MS;
}

static void settle_standby(struct idn_core *core)
{
    if (idn_mirror_has_all(core) && !is_peer_silent(core)) {
        if (!is_chosen(core) && !knows_more(core))
            return;
        idn_tell(core, "begins to reign: neither broker does");
    } else {
        if (!may_take_over(core))
            return;
        idn_tell(core, "takes over: the other broker has been silent for %lu ms",
            core->now - core->roles.peer_ms);
    }
    idn_roles_begin_reign(core, 1);
}

static uint64_t confirm_at_last_ms(const struct idn_core *core)
{
    return core->roles.confirm_ms + IDN_DEAD_MS - IDN_BEAT_MS;
}

static void settle_confirmation(struct idn_core *core)
{
    if (!core->roles.unconfirmed || core->now < core->roles.confirm_ms)
        return;
    if (idn_voters_obey(core) || core->now >= confirm_at_last_ms(core))
        confirm(core);
}

static void settle_reign(struct idn_core *core)
{
    if (core->has_peer && idn_voters_left(core)) {
        step_down(core, "most workers follow a higher epoch");
        return;
    }
    // If the peer reigned with it, its frame would have ended this reign.
    if (idn_voters_strayed(core))
        renew(core, "a worker follows a higher epoch that nobody reigns any more");
    settle_confirmation(core);
    idn_switch_settle(core);
}

static void settle_learner(struct idn_core *core)
{
    if (!knows_more(core))
        return;
    become_standby(core);
    core->more = true; // to reign
}

// Each of the two waits for what the other one cannot read: the one that is not chosen ends, so
// that the other one can take over from it. (Two learners wait for an operator.)
static bool is_in_the_way(const struct idn_core *core)
{
    if (idn_mirror_has_all(core) || !is_waited_for(core, IDN_STUCK_MS) ||
        core->mirror.role != IDN_ROLE_STANDBY)
        return false;
    return core->roles.stage == IDN_STAGE_LEARNER ||
           (core->roles.stage == IDN_STAGE_STANDBY && !is_chosen(core));
}

static void get_out_of_the_way(struct idn_core *core)
{
    const struct idn_origin *unread = &core->mirror.session.unread;
    char text[IDN_TEXT_SIZE];

    idn_format(text, sizeof(text),
        "fact %lu of incarnation %lu cannot be read from the store, and broker %s, which cannot "
        "send all of its own either, waits for it: stopping, so that it can reign; move the state "
        "directory away and start with an empty one",
        unread->sequence, unread->incarnation, core->mirror.broker);
    idn_core_exit(core, text);
}

// Once when it begins and once when it ends: whoever wonders why nothing is accepted looks here.
static void tell_refusing(struct idn_core *core)
{
    bool refuses = core->active && idn_requests_lack_mirror(core);

    if (core->active && refuses && !core->said_no_mirror)
        idn_tell(
            core, "mirror = required, and no standby is in sync: jobs are refused until one is");
    else if (core->active && !refuses && core->said_no_mirror)
        idn_tell(core, "a standby is in sync: jobs are accepted again");
    core->said_no_mirror = refuses;
}

void idn_roles_settle(struct idn_core *core)
{
    take_stored_reign(core);
    idn_voters_judge(core);
    if (core->active)
        settle_reign(core);
    else if (is_in_the_way(core))
        get_out_of_the_way(core);
    else if (core->roles.stage == IDN_STAGE_STANDBY)
        settle_standby(core);
    else if (core->roles.stage == IDN_STAGE_LEARNER)
        settle_learner(core);
    tell_refusing(core);
}

// When a time that is still to come makes a difference. Beats make a step each IDN_BEAT_MS anyway.
uint64_t idn_roles_deadline(const struct idn_core *core)
{
    const struct idn_roles *roles = &core->roles;
    uint64_t due = UINT64_MAX, silent_ms = roles->peer_ms + IDN_DEAD_MS;

    if (!core->has_peer)
        return due;
    if (roles->stage == IDN_STAGE_STANDBY && silent_ms > core->now)
        due = silent_ms;
    if (roles->unconfirmed)
        due = roles->confirm_ms > core->now ? roles->confirm_ms : confirm_at_last_ms(core);
    return idn_min_u64(due, idn_switch_deadline(core));
}
