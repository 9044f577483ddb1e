// What others ask of the mirror link.
#include "broker/core/mirror.h"

#include "broker/core/actions.h"

bool idn_mirror_in_sight(const struct idn_core *core)
{
    return core->mirror.session.stage != IDN_MIRROR_DOWN;
}

bool idn_mirror_has_all(const struct idn_core *core)
{
    return core->mirror.session.has_all;
}

bool idn_mirror_exchanged(const struct idn_core *core)
{
    return core->mirror.session.exchanged;
}

bool idn_mirror_in_sync(const struct idn_core *core)
{
    return core->mirror.session.in_sync;
}

bool idn_mirror_is_level(const struct idn_core *core)
{
    return core->mirror.session.in_sync && core->stored == core->position &&
           core->mirror.session.out.mirrored >= core->position;
}

void idn_mirror_info(const struct idn_core *core, struct idn_peer_info *ret)
{
    const struct idn_mirror *mirror = &core->mirror;
    uint64_t mirrored = mirror->session.stage == IDN_MIRROR_UP ? mirror->session.out.mirrored
                                                               : mirror->last_mirrored;

    *ret = (struct idn_peer_info){.configured = core->has_peer,
        .in_sight = idn_mirror_in_sight(core),
        .exchanged = idn_mirror_exchanged(core),
        .in_sync = idn_mirror_in_sync(core),
        .role = mirror->role,
        .epoch = mirror->epoch};
    if (!core->has_peer)
        return;
    idn_copy_text(ret->broker, sizeof(ret->broker), mirror->broker);
    ret->silent_ms = core->now - mirror->last_heard_ms;
    ret->lag_facts = core->stored > mirrored ? core->stored - mirrored : 0;
}
