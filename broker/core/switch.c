#include "broker/core/switch.h"

#include "broker/core/actions.h"
#include "broker/core/mirror.h"
#include "broker/core/roles.h"

static void accept(struct idn_core *core, idn_peer peer, uint64_t request)
{
    idn_reply_add(core, peer, request, IDN_REPLY_ACCEPTED)->u.accepted.durable = 1;
}

// ---- SWITCH
// ----------------------------------------------------------------------------------------

static void refuse_without_standby(struct idn_core *core, idn_peer peer, uint64_t request)
{
    char *text = idn_refuse(core, peer, request, IDN_REFUSED_NO_MIRROR);
    struct idn_peer_info info;

    idn_mirror_info(core, &info);
    if (!core->has_peer)
        idn_format(text, IDN_TEXT_SIZE,
            "no other broker is configured (cluster/b): there is nobody to hand over to");
    else if (!info.in_sight)
        idn_format(text, IDN_TEXT_SIZE,
            "the other broker is out of sight; hand over when idunno-ctl status says in sync");
    else
        idn_format(text, IDN_TEXT_SIZE,
            "the other broker lacks %lu fact%s; hand over when idunno-ctl status says in sync",
            info.lag_facts, idn_plural(info.lag_facts));
}

void idn_roles_switch(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct idn_roles *roles = &core->roles;

    bool done = roles->switched_request != 0 && roles->switched_request == request->id;

    // The reply was lost, or its client asked the other one meanwhile.
    if (done && (core->active || idn_roles_peer_reigns(core))) {
        accept(core, peer, request->id);
        return;
    }
    if (!core->active) {
        idn_roles_why(
            core, idn_refuse(core, peer, request->id, IDN_REFUSED_NOT_ACTIVE), IDN_TEXT_SIZE);
        return;
    }
    if (roles->stage == IDN_STAGE_YIELDING) {
        if (roles->switch_request == request->id)
            roles->switch_peer = peer;
        else
            idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_SLOW_DOWN), IDN_TEXT_SIZE,
                "the reign is being handed over already");
        return;
    }
    if (!idn_mirror_in_sync(core)) {
        refuse_without_standby(core, peer, request->id);
        return;
    }
    idn_roles_move(core, IDN_STAGE_YIELDING);
    roles->switch_peer = peer;
    roles->switch_request = request->id;
    roles->switch_ms = core->now;
    roles->handed = false;
}

static void resume(struct idn_core *core, const char *why)
{
    struct idn_roles *roles = &core->roles;

    idn_roles_move(core, IDN_STAGE_REIGNING);
    idn_copy_text(
        idn_refuse(core, roles->switch_peer, roles->switch_request, IDN_REFUSED_NO_MIRROR),
        IDN_TEXT_SIZE, why);
    core->look = core->newcomers = true;
}

void idn_switch_settle(struct idn_core *core)
{
    struct idn_roles *roles = &core->roles;

    if (roles->stage != IDN_STAGE_YIELDING)
        return;
    if (!roles->handed && idn_mirror_is_level(core)) {
        roles->handed = true;
        idn_mirror_hand_over(core,
            (struct idn_epoch){
                .counter = core->epoch.counter + 1, .broker = core->letter == 'a' ? 'b' : 'a'},
            roles->switch_request);
    }
    if (!roles->handed && !idn_mirror_in_sync(core))
        resume(core, "the other broker fell behind or out of sight: this one goes on");
    else if (core->now - roles->switch_ms >= IDN_HANDOVER_MS)
        resume(core, "the other broker did not take over in time: this one goes on");
}

uint64_t idn_switch_deadline(const struct idn_core *core)
{
    return core->roles.stage == IDN_STAGE_YIELDING ? core->roles.switch_ms + IDN_HANDOVER_MS
                                                   : UINT64_MAX;
}

void idn_switch_stepped_down(struct idn_core *core)
{
    struct idn_roles *roles = &core->roles;

    if (roles->stage != IDN_STAGE_YIELDING)
        return;
    roles->switched_request = roles->switch_request;
    accept(core, roles->switch_peer, roles->switch_request);
}

// ---- BOOTSTRAP
// -------------------------------------------------------------------------------------

void idn_roles_bootstrap(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct idn_roles *roles = &core->roles;

    if (core->active) { // whoever asks wants a broker that reigns
        accept(core, peer, request->id);
        return;
    }
    if (roles->stage != IDN_STAGE_RISING &&
        (roles->stage != IDN_STAGE_LEARNER || idn_mirror_in_sight(core))) {
        idn_roles_why(
            core, idn_refuse(core, peer, request->id, IDN_REFUSED_NOT_ACTIVE), IDN_TEXT_SIZE);
        return;
    }
    roles->bootstrap_peer = peer;
    roles->bootstrap_request = request->id;
    if (roles->stage == IDN_STAGE_RISING)
        return;
    idn_tell(core, "reigns with what it has: the operator says so");
    idn_roles_begin_reign(core, 1);
}

void idn_switch_reigns(struct idn_core *core)
{
    if (core->roles.bootstrap_request == 0)
        return;
    accept(core, core->roles.bootstrap_peer, core->roles.bootstrap_request);
    core->roles.bootstrap_request = 0;
}

// ---- for people
// ------------------------------------------------------------------------------------

void idn_roles_why(const struct idn_core *core, char *text, size_t size)
{
    const struct idn_roles *roles = &core->roles;
    struct idn_peer_info peer;
    char name[2 * IDN_NAME_SIZE + 8];

    idn_mirror_info(core, &peer);
    idn_format(name, sizeof(name), "%s%s%s",
        peer.broker[0] != '\0' ? peer.broker : "the other broker",
        core->peer_address[0] != '\0' ? " at " : "", core->peer_address);
    if (roles->stage == IDN_STAGE_YIELDING)
        idn_format(text, size, "this broker is handing its reign over; ask %s", name);
    else if (roles->stage == IDN_STAGE_LEARNER && peer.in_sight)
        idn_format(text, size, "this broker is learning what %s knows; ask again", name);
    else if (roles->stage == IDN_STAGE_LEARNER)
        idn_format(text, size,
            "this broker lacks facts that %s may have, which is out of sight; if that one is lost "
            "for good, say idunno-ctl bootstrap",
            name);
    else if (roles->stage == IDN_STAGE_STANDBY && peer.in_sight)
        idn_format(text, size, "this broker is the standby; ask %s", name);
    else if (roles->stage == IDN_STAGE_STANDBY)
        idn_format(text, size,
            "this broker is the standby and does not hear %s; it takes over when most workers, or "
            "a client, do not hear it either",
            name);
    else
        idn_format(text, size, "the broker is starting; ask again in a second");
}
