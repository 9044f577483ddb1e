#include "broker/core/voters.h"

#include "broker/core/roles.h"
#include "broker/core/workers.h"

static uint32_t home(const struct idn_voters *voters, uint64_t nonce)
{
    return (uint32_t)(nonce * 0x9e3779b97f4a7c15u >> 32) & voters->index_mask;
}

static struct idn_voter *find(const struct idn_voters *voters, uint64_t nonce)
{
    for (uint32_t at = home(voters, nonce); voters->index[at] != 0;
         at = (at + 1) & voters->index_mask) {
        struct idn_voter *voter = &voters->voter[voters->index[at] - 1];
        if (voter->nonce == nonce)
            return voter;
    }
    return NULL;
}

static void index_put(struct idn_voters *voters, const struct idn_voter *voter)
{
    uint32_t at = home(voters, voter->nonce);

    while (voters->index[at] != 0)
        at = (at + 1) & voters->index_mask;
    voters->index[at] = (uint32_t)(voter - voters->voter) + 1;
}

// Later entries of the probe sequence move up into the hole.
static void index_remove(struct idn_voters *voters, const struct idn_voter *voter)
{
    uint32_t mask = voters->index_mask, hole = home(voters, voter->nonce);

    while (voters->index[hole] != (uint32_t)(voter - voters->voter) + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; voters->index[at] != 0; at = (at + 1) & mask) {
        uint32_t wants = home(voters, voters->voter[voters->index[at] - 1].nonce);
        if (((at - wants) & mask) >= ((at - hole) & mask)) {
            voters->index[hole] = voters->index[at];
            hole = at;
        }
    }
    voters->index[hole] = 0;
}

static uint32_t *count_of(struct idn_core *core, const struct idn_voter *voter)
{
    int order = idn_epoch_compare(voter->obeyed, core->epoch);
    enum idn_obedience obeys = order < 0    ? IDN_OBEYS_LOWER
                               : order == 0 ? IDN_OBEYS_OURS
                                            : IDN_OBEYS_HIGHER;

    return &core->roles.voters.count[obeys][voter->silent];
}

static struct idn_voter *take_slot(struct idn_core *core)
{
    struct idn_voters *voters = &core->roles.voters;

    if (idn_link_empty(&voters->free))
        return voters->touched < core->workers_max ? &voters->voter[voters->touched++] : NULL;
    struct idn_voter *voter = IDN_ENTRY(voters->free.next, struct idn_voter, in_heard);
    idn_link_remove(&voter->in_heard);
    return voter;
}

static struct idn_voter *add(struct idn_core *core, uint64_t nonce)
{
    struct idn_voter *voter = take_slot(core);

    if (voter == NULL)
        return NULL;
    *voter = (struct idn_voter){.nonce = nonce};
    index_put(&core->roles.voters, voter);
    core->roles.voters.live++;
    ++*count_of(core, voter);
    return voter;
}

static void drop(struct idn_core *core, struct idn_voter *voter)
{
    struct idn_voters *voters = &core->roles.voters;

    --*count_of(core, voter);
    voters->live--;
    index_remove(voters, voter);
    idn_link_move(&voters->free, &voter->in_heard);
}

void idn_voters_heard(struct idn_core *core, const struct idn_worker_beat *beat)
{
    struct idn_voter *voter = find(&core->roles.voters, beat->nonce);

    if (voter == NULL && beat->sequence > 0)
        voter = add(core, beat->nonce);
    if (voter == NULL || beat->sequence <= voter->sequence)
        return;
    --*count_of(core, voter);
    voter->sequence = beat->sequence;
    voter->heard_ms = core->now;
    voter->obeyed = idn_roles_is_claim(core, beat->obeyed) ? beat->obeyed : (struct idn_epoch){0};
    voter->silent = beat->active_silent_ms >= IDN_DEAD_MS;
    ++*count_of(core, voter);
    idn_link_move(&core->roles.voters.heard, &voter->in_heard);
}

// Five intervals, as this many workers would be asked to keep.
static uint64_t life_ms(const struct idn_voters *voters)
{
    uint64_t beat_ms = voters->live / 10;

    return (beat_ms > IDN_BEAT_MS ? beat_ms : IDN_BEAT_MS) * (IDN_DEAD_MS / IDN_BEAT_MS);
}

void idn_voters_judge(struct idn_core *core)
{
    struct idn_voters *voters = &core->roles.voters;
    uint64_t limit_ms = life_ms(voters);

    while (!idn_link_empty(&voters->heard)) {
        struct idn_voter *voter = IDN_ENTRY(voters->heard.next, struct idn_voter, in_heard);
        if (core->now - voter->heard_ms < limit_ms)
            return;
        drop(core, voter);
    }
}

void idn_voters_recount(struct idn_core *core)
{
    struct idn_voters *voters = &core->roles.voters;

    for (int i = 0; i < IDN_OBEDIENCE_COUNT; i++)
        voters->count[i][false] = voters->count[i][true] = 0;
    IDN_EACH(link, &voters->heard)
    ++*count_of(core, IDN_ENTRY(link, struct idn_voter, in_heard));
}

static bool is_majority(const struct idn_voters *voters, uint32_t count)
{
    return 2 * count > voters->live;
}

bool idn_voters_miss_the_active(const struct idn_core *core)
{
    const struct idn_voters *voters = &core->roles.voters;
    uint32_t count = 0;

    for (int i = 0; i < IDN_OBEDIENCE_COUNT; i++)
        count += voters->count[i][true];
    return is_majority(voters, count);
}

bool idn_voters_left(const struct idn_core *core)
{
    const struct idn_voters *voters = &core->roles.voters;

    return is_majority(voters, voters->count[IDN_OBEYS_HIGHER][false]);
}

bool idn_voters_obey(const struct idn_core *core)
{
    const struct idn_voters *voters = &core->roles.voters;
    const uint32_t *ours = voters->count[IDN_OBEYS_OURS];

    return is_majority(voters, ours[false] + ours[true]);
}

bool idn_voters_strayed(const struct idn_core *core)
{
    return core->roles.voters.count[IDN_OBEYS_HIGHER][true] > 0;
}

bool idn_voters_all_greeted(const struct idn_core *core)
{
    IDN_EACH_CONST(link, &core->roles.voters.heard)
    {
        const struct idn_voter *voter = IDN_ENTRY_CONST(link, struct idn_voter, in_heard);
        if (idn_workers_find(core, voter->nonce) == NULL)
            return false;
    }
    return true;
}
