#include "tests/sim/disk.h"

#include "tests/sim/copy.h"
#include "tests/sim/ledger.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TAIL_MOST = 20 };

static uint8_t have_bit(const struct sim_job *job, uint64_t spec_hash)
{
    return job->specs > 1 && idn_spec_hash(&job->spec[1]) == spec_hash ? 2 : 1;
}

static void mark_results(struct sim *sim, struct sim_disk *disk, const struct sim_fact *fact)
{
    uint8_t bit = have_bit(&sim->job[fact->job], fact->fact.u.results.spec_hash);

    for (uint32_t i = 0; i < fact->fact.u.results.count; i++) {
        struct idn_result result;
        if (!idn_result_unpack(fact->fact.u.results.rows + (size_t)i * IDN_ROW_BYTES, &result) ||
            result.index >= SIM_IMAGES)
            sim_fail(sim, "a stored row that is none");
        disk->have[fact->job][result.index] |= bit;
        disk->ever[fact->job][result.index] |= bit;
    }
}

// A forgotten job's results and list go with the transaction that forgets it, and come back if that
// is lost.
bool sim_disk_is_emptied(const struct sim_disk *disk, const struct sim_fact *fact)
{
    bool bulk = fact->fact.kind == IDN_FACT_RESULTS || fact->fact.kind == IDN_FACT_LIST_PART;

    return fact->blob == NULL ||
           (bulk && fact->job >= 0 && (disk->heads[fact->job] & SIM_HEAD_FORGOTTEN) != 0);
}

static uint8_t head_bit(uint32_t kind)
{
    if (kind == IDN_FACT_ACCEPTED)
        return SIM_HEAD_ACCEPTED;
    if (kind == IDN_FACT_CANCELLED)
        return SIM_HEAD_CANCELLED;
    return kind == IDN_FACT_FORGOTTEN ? SIM_HEAD_FORGOTTEN : 0;
}

static void make_durable(struct sim *sim, struct sim_disk *disk, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct sim_fact *fact = &disk->fact[i];
        disk->durable[sim_ledger_find(sim, fact->fact.origin.incarnation)] =
            fact->fact.origin.sequence;
        if (fact->fact.kind == IDN_FACT_REIGN)
            sim_ledger_reign(sim, &fact->fact);
        if (fact->job < 0)
            continue;
        disk->heads[fact->job] |= head_bit(fact->fact.kind);
        disk->heads_ever[fact->job] |= head_bit(fact->fact.kind);
        if (fact->blob != NULL && fact->fact.kind == IDN_FACT_RESULTS)
            mark_results(sim, disk, fact);
    }
    disk->stored = to;
}

static struct sim_fact *append(struct sim *sim, uint32_t broker, const struct idn_fact *fact)
{
    struct sim_disk *disk = &sim->disk[broker];
    uint64_t *last = &disk->last[sim_ledger_find(sim, fact->origin.incarnation)];

    if (fact->origin.sequence != *last + 1)
        sim_fail(sim, "broker %c stores fact %" PRIu64 " of an incarnation after %" PRIu64,
            'a' + (int)broker, fact->origin.sequence, *last);
    *last = fact->origin.sequence;
    if (disk->count == disk->room) {
        disk->room = disk->room * 2 + 256;
        disk->fact = realloc(disk->fact, disk->room * sizeof(*disk->fact));
        if (disk->fact == NULL)
            abort();
    }
    struct sim_fact *kept = &disk->fact[disk->count++];
    *kept = (struct sim_fact){.fact = *fact, .job = sim_job_of(sim, &fact->job)};
    return kept;
}

void sim_disk_commit(struct sim *sim, uint32_t broker, const struct idn_fact *fact)
{
    sim_ledger_record(sim, broker, fact);
    struct sim_fact *kept = append(sim, broker, fact);
    kept->blob = sim_blob_of(fact);
    if (!sim_blob_decode(kept->blob->bytes, kept->blob->size, &kept->fact))
        sim_fail(sim, "a fact of kind %" PRIu32 " has no body", fact->kind);
}

void sim_disk_copy(struct sim *sim, uint32_t broker, const struct idn_stored_fact *fact)
{
    struct sim_fact *kept = append(sim, broker, &fact->fact);

    if (!fact->emptied) {
        kept->blob = sim_blob_from(fact->body, fact->size);
        if (!sim_blob_decode(kept->blob->bytes, kept->blob->size, &kept->fact))
            sim_fail(sim, "a copied fact of kind %" PRIu32 " has no body", fact->fact.kind);
    } else {
        memset(&kept->fact.u, 0, sizeof(kept->fact.u));
    }
    sim_ledger_compare(sim, &kept->fact, fact->emptied);
}

void sim_disk_summarise(struct sim *sim, uint32_t broker, const struct idn_summary *summary)
{
    struct sim_disk *disk = &sim->disk[broker];
    uint32_t at = 0;

    while (at < disk->summaries && !idn_key_equal(&disk->summary[at].summary.job, &summary->job))
        at++;
    if (at == SIM_JOBS_MAX)
        sim_fail(sim, "summaries of more than %d jobs", SIM_JOBS_MAX);
    disk->summary[at] = (struct sim_summary){.summary = *summary, .covers = disk->count};
    if (at == disk->summaries)
        disk->summaries++;
}

void sim_disk_write(struct sim *sim, uint32_t broker)
{
    struct sim_disk *disk = &sim->disk[broker];
    uint32_t ms = sim->plan.commit_ms * (1 + disk->slow);

    if (disk->writing > 0 || disk->count == disk->stored)
        return;
    disk->writing = disk->count;
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + sim_below(sim, ms + 1u),
                                 .type = SIM_WRITTEN,
                                 .node = broker,
                                 .boot = sim->node[broker].boot,
                                 .a = disk->writing});
}

void sim_disk_written(struct sim *sim, uint32_t broker, uint64_t writing)
{
    struct sim_disk *disk = &sim->disk[broker];
    struct agenda_event event = {
        .at = sim->now, .node = broker, .boot = sim->node[broker].boot, .a = writing};

    if (sim->now < disk->hangs_until) {
        event.at = disk->hangs_until;
        event.type = SIM_WRITTEN;
        agenda_add(&sim->agenda, event);
        return;
    }
    make_durable(sim, disk, disk->stored, disk->writing);
    disk->writing = 0;
    event.type = SIM_STORED;
    agenda_add(&sim->agenda, event);
    sim_disk_write(sim, broker);
}

// ---- what a crash leaves

// What was acknowledged and is nowhere any more need not be found again.
static void give_up(struct sim *sim, uint32_t broker, const struct sim_fact *fact)
{
    const struct sim_disk *other = &sim->disk[1 - broker];
    uint32_t at = sim_ledger_find(sim, fact->fact.origin.incarnation);

    if (other->durable[at] >= fact->fact.origin.sequence)
        return;
    if (fact->fact.kind == IDN_FACT_REIGN)
        sim_ledger_reign_lost(sim, &fact->fact);
    if (fact->job < 0)
        return;
    if (fact->fact.kind == IDN_FACT_ACCEPTED)
        sim->job[fact->job].waived = true;
    if (fact->fact.kind == IDN_FACT_FORGOTTEN)
        sim->job[fact->job].forget_acked = false;
}

static void drop_facts(struct sim *sim, uint32_t broker, size_t kept)
{
    struct sim_disk *disk = &sim->disk[broker];
    size_t stored = disk->stored;

    for (size_t i = kept; i < disk->count; i++) {
        if (i < stored)
            give_up(sim, broker, &disk->fact[i]);
        sim_blob_drop(disk->fact[i].blob);
    }
    disk->count = kept;
    memset(disk->last, 0, sizeof(disk->last));
    memset(disk->durable, 0, sizeof(disk->durable));
    memset(disk->have, 0, sizeof(disk->have));
    memset(disk->heads, 0, sizeof(disk->heads));
    for (size_t i = 0; i < kept; i++)
        disk->last[sim_ledger_find(sim, disk->fact[i].fact.origin.incarnation)] =
            disk->fact[i].fact.origin.sequence;
    make_durable(sim, disk, 0, kept);
}

static void drop_summaries(struct sim_disk *disk, size_t kept)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < disk->summaries; i++)
        if (disk->summary[i].covers <= kept)
            disk->summary[left++] = disk->summary[i];
    disk->summaries = left;
}

// What a job's results were is gone from whoever stored or copied its FORGOTTEN. That fact is not
// lost by both brokers: they would disagree for ever about a job that nobody wants.
static size_t least_kept(struct sim *sim, uint32_t broker)
{
    const struct sim_disk *disk = &sim->disk[broker], *other = &sim->disk[1 - broker];
    size_t kept = 0;

    for (size_t i = 0; i < disk->stored; i++) {
        const struct idn_fact *fact = &disk->fact[i].fact;
        if (fact->kind == IDN_FACT_FORGOTTEN &&
            other->durable[sim_ledger_find(sim, fact->origin.incarnation)] < fact->origin.sequence)
            kept = i + 1;
    }
    return kept;
}

void sim_disk_crash(struct sim *sim, uint32_t broker, enum sim_loss loss)
{
    struct sim_disk *disk = &sim->disk[broker];
    size_t kept = disk->stored, least = least_kept(sim, broker);

    if (loss == SIM_LOSS_ALL && least > 0)
        loss = SIM_LOSS_UNSYNCED;

    if (loss == SIM_LOSS_UNSYNCED && disk->writing > 0 && sim_below(sim, 2) == 0)
        kept = disk->writing;
    if (loss == SIM_LOSS_TAIL && kept > 0) {
        kept -= 1 + sim_below(sim, kept < TAIL_MOST ? kept : TAIL_MOST);
        kept = kept < least ? least : kept;
        disk->incomplete = true;
    }
    if (loss == SIM_LOSS_ALL)
        kept = 0;

    if (kept != disk->count || disk->writing > 0)
        drop_facts(sim, broker, kept);
    drop_summaries(disk, loss == SIM_LOSS_TORN ? 0 : kept);
    disk->writing = 0;
    disk->fails = false;
}

void sim_disk_fini(struct sim *sim, uint32_t broker)
{
    struct sim_disk *disk = &sim->disk[broker];

    for (size_t i = 0; i < disk->count; i++)
        sim_blob_drop(disk->fact[i].blob);
    free(disk->fact);
}

// ---- reads

void sim_disk_read(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    struct sim_read read = {
        .type = action->type, .peer = action->peer, .sees = sim->disk[broker].count};

    if (action->type == IDN_ACTION_READ_FACTS) {
        read.u.facts.after = action->u.read_facts.after;
        read.u.facts.finds = action->u.read_facts.finds;
        memcpy(read.u.facts.find, action->u.read_facts.find, sizeof(read.u.facts.find));
        read.sees = 0;
    } else if (action->type == IDN_ACTION_REFOLD) {
        read.u.refold.job = action->u.refold.job;
        read.u.refold.spec = action->u.refold.spec;
        read.u.refold.states = action->u.refold.states;
    } else if (action->type == IDN_ACTION_PAGE) {
        memcpy(&read.u.page, &action->u.page, sizeof(action->u.page));
    } else {
        memcpy(&read.u.list, &action->u.list, sizeof(action->u.list));
    }
    agenda_add(
        &sim->agenda, (struct agenda_event){.at = sim->now + sim_below(sim, sim->plan.read_ms + 1u),
                          .type = SIM_READ,
                          .node = broker,
                          .boot = sim->node[broker].boot,
                          .payload = sim_copy_plain(&read, sizeof(read))});
}

static size_t find_first(const struct sim_disk *disk, const struct sim_read *read)
{
    for (size_t i = 0; i < disk->stored; i++)
        for (uint32_t k = 0; k < read->u.facts.finds; k++)
            if (disk->fact[i].fact.origin.incarnation == read->u.facts.find[k].incarnation &&
                disk->fact[i].fact.origin.sequence == read->u.facts.find[k].sequence)
                return i;
    return disk->stored;
}

void sim_disk_facts(struct sim *sim, uint32_t broker, const struct sim_read *read,
    const struct idn_stored_fact **ret_item, uint32_t *ret_count, uint64_t *ret_next, bool *ret_end)
{
    static struct idn_stored_fact item[IDN_MIRROR_FACTS_MAX];
    const struct sim_disk *disk = &sim->disk[broker];
    size_t at = read->u.facts.finds > 0 ? find_first(disk, read) : read->u.facts.after;
    uint32_t most = 1 + sim_below(sim, sim->plan.read_facts), count = 0;

    if (at > disk->stored)
        sim_fail(sim, "facts after position %zu are wanted, %zu are stored", at, disk->stored);
    for (; at < disk->stored && count < most; at++, count++) {
        const struct sim_fact *fact = &disk->fact[at];
        item[count] = (struct idn_stored_fact){
            .fact = fact->fact, .emptied = sim_disk_is_emptied(disk, fact)};
        memset(&item[count].fact.u, 0, sizeof(item[count].fact.u));
        if (!item[count].emptied) {
            item[count].size = fact->blob->size;
            item[count].body = fact->blob->bytes;
        }
    }
    *ret_item = item;
    *ret_count = count;
    *ret_next = at;
    *ret_end = at == disk->stored;
}

const struct idn_fact *sim_disk_part(
    const struct sim *sim, uint32_t broker, int job, uint64_t offset)
{
    const struct sim_disk *disk = &sim->disk[broker];

    for (size_t i = 0; i < disk->stored; i++)
        if (disk->fact[i].job == job && disk->fact[i].fact.kind == IDN_FACT_LIST_PART &&
            !sim_disk_is_emptied(disk, &disk->fact[i]) &&
            disk->fact[i].fact.u.list_part.offset == offset)
            return &disk->fact[i].fact;
    return NULL;
}
