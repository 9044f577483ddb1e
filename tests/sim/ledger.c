#include "tests/sim/ledger.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CHANGES_KEPT = 6 };

uint32_t sim_ledger_start(struct sim *sim, uint32_t broker, uint64_t incarnation)
{
    struct sim_ledger *ledger = &sim->ledger;

    if (ledger->incarnations == SIM_BOOTS_MAX)
        sim_fail(sim, "more than %d starts of brokers", SIM_BOOTS_MAX);
    ledger->incarnation[ledger->incarnations] = (struct sim_incarnation){
        .number = incarnation, .broker = broker, .boot = sim->node[broker].boot};
    return ledger->incarnations++;
}

uint32_t sim_ledger_find(struct sim *sim, uint64_t incarnation)
{
    for (uint32_t i = sim->ledger.incarnations; i-- > 0;)
        if (sim->ledger.incarnation[i].number == incarnation)
            return i;
    sim_fail(sim, "a fact of incarnation %" PRIx64 ", which never started", incarnation);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t content_of(const struct idn_fact *fact)
{
    uint64_t hash = mix(fact->kind, fact->epoch.counter << 8 | fact->epoch.broker);

    hash = mix_bytes(mix(hash, fact->wall_ms), fact->job.bytes, IDN_KEY_SIZE);
    switch ((enum idn_fact_kind)fact->kind) {
    case IDN_FACT_ACCEPTED:
        hash = mix(hash, idn_spec_hash(&fact->u.accepted));
        return mix(hash, fact->u.accepted.weight);
    case IDN_FACT_RESULTS:
        hash = mix_bytes(hash, fact->u.results.rows, (size_t)fact->u.results.count * IDN_ROW_BYTES);
        hash = mix(hash, fact->u.results.class_hash);
        return mix(hash, fact->u.results.spec_hash);
    case IDN_FACT_QUARANTINED:
        return mix(mix(hash, fact->u.quarantined.image), fact->u.quarantined.generation);
    case IDN_FACT_LIFTED:
        return mix(hash, fact->u.lifted.generation);
    case IDN_FACT_LIST_PART:
        return mix(mix(hash, fact->u.list_part.offset), fact->u.list_part.size);
    case IDN_FACT_REIGN:
    case IDN_FACT_CANCELLED:
    case IDN_FACT_FORGOTTEN:
        return hash;
    case IDN_FACT_SETTING:
        hash = mix_bytes(hash, fact->u.setting.key, strlen(fact->u.setting.key));
        return mix_bytes(hash, fact->u.setting.value, strlen(fact->u.setting.value));
    }
    return hash;
}

void sim_ledger_reign(struct sim *sim, const struct idn_fact *fact)
{
    struct sim_ledger *ledger = &sim->ledger;

    for (uint32_t i = 0; i < ledger->reigns; i++) {
        if (idn_epoch_compare(ledger->reign[i].epoch, fact->epoch) != 0)
            continue;
        if (ledger->reign[i].incarnation != fact->origin.incarnation)
            sim_fail(sim, "epoch %" PRIu64 "%c begins a second time", fact->epoch.counter,
                (int)fact->epoch.broker);
        return;
    }
    if (ledger->reigns == SIM_BOOTS_MAX)
        sim_fail(sim, "more than %d reigns", SIM_BOOTS_MAX);
    ledger->reign[ledger->reigns].epoch = fact->epoch;
    ledger->reign[ledger->reigns++].incarnation = fact->origin.incarnation;
    sim->stats->reigns++;
    if (ledger->changes_left == 0)
        sim_fail(sim,
            "reigns flap: epoch %" PRIu64 "%c is one more than the changes of network "
            "and processes explain",
            fact->epoch.counter, (int)fact->epoch.broker);
    ledger->changes_left--;
}

void sim_ledger_reign_lost(struct sim *sim, const struct idn_fact *fact)
{
    struct sim_ledger *ledger = &sim->ledger;

    for (uint32_t i = 0; i < ledger->reigns; i++)
        if (idn_epoch_compare(ledger->reign[i].epoch, fact->epoch) == 0)
            ledger->reign[i] = ledger->reign[--ledger->reigns];
}

void sim_ledger_change(struct sim *sim)
{
    sim->ledger.changes++;
    if (sim->ledger.changes_left < CHANGES_KEPT)
        sim->ledger.changes_left++;
}

void sim_ledger_record(struct sim *sim, uint32_t broker, const struct idn_fact *fact)
{
    struct sim_incarnation *of = &sim->ledger.incarnation[sim->broker[broker].ledger];

    if (fact->origin.incarnation != of->number)
        sim_fail(sim, "broker %c records a fact of incarnation %" PRIx64 ", its own is %" PRIx64,
            'a' + (int)broker, fact->origin.incarnation, of->number);
    if (fact->origin.sequence != of->facts + 1)
        sim_fail(sim, "broker %c records fact %" PRIu64 " after %" PRIu64, 'a' + (int)broker,
            fact->origin.sequence, of->facts);
    if (of->facts == of->room) {
        of->room = of->room * 2 + 64;
        of->content = realloc(of->content, of->room * sizeof(*of->content));
        if (of->content == NULL)
            abort();
    }
    of->content[of->facts++] = content_of(fact);
    sim->stats->facts++;
}

void sim_ledger_compare(struct sim *sim, const struct idn_fact *fact, bool emptied)
{
    const struct sim_incarnation *of =
        &sim->ledger.incarnation[sim_ledger_find(sim, fact->origin.incarnation)];

    if (fact->origin.sequence == 0 || fact->origin.sequence > of->facts)
        sim_fail(sim, "fact %" PRIx64 ".%" PRIu64 " was never recorded", of->number,
            fact->origin.sequence);
    if (!emptied && of->content[fact->origin.sequence - 1] != content_of(fact))
        sim_fail(sim, "fact %" PRIx64 ".%" PRIu64 " is not what was recorded", of->number,
            fact->origin.sequence);
}

void sim_ledger_fini(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->ledger.incarnations; i++)
        free(sim->ledger.incarnation[i].content);
}
