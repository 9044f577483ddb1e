// Leases held, at most IDN_WORKER_LEASES_MAX, and what is remembered of those that ended.
//
// Every lease that was begun ends with exactly one report whose end is not NONE; one trimmed to
// nothing before it was begun ends with TRIMMED{kept 0}. An ended lease is remembered while its
// reports can be unacknowledged, for two reasons: a LEASE that comes twice is not computed twice,
// and a TRIM that crosses the last report is answered with the number of images reported. (An
// answer of 0 would make the broker give away images whose results are on their way.)
#include "worker/agent/internal.h"

static struct idn_agent_lease *find(struct idn_agent *agent, struct idn_lease_id id)
{
    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++)
        if (agent->lease[i].used && idn_lease_equal(agent->lease[i].id, id))
            return &agent->lease[i];
    return NULL;
}

static struct idn_agent_lease *find_free(struct idn_agent *agent)
{
    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++)
        if (!agent->lease[i].used)
            return &agent->lease[i];
    return NULL;
}

static void remember(struct idn_agent *agent, struct idn_lease_id id, uint32_t kept)
{
    uint64_t at = agent->ended_count++ % IDN_AGENT_ENDED_MAX;

    agent->ended[at].id = id;
    agent->ended[at].kept = kept;
}

static bool recall(const struct idn_agent *agent, struct idn_lease_id id, uint32_t *ret_kept)
{
    uint64_t known = idn_agent_min(agent->ended_count, IDN_AGENT_ENDED_MAX);

    for (uint64_t i = 0; i < known; i++) {
        if (!idn_lease_equal(agent->ended[i].id, id))
            continue;
        *ret_kept = agent->ended[i].kept;
        return true;
    }
    return false;
}

uint32_t idn_leases_count(const struct idn_agent *agent)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++)
        count += agent->lease[i].used;
    return count;
}

struct idn_agent_lease *idn_leases_oldest(struct idn_agent *agent, bool open)
{
    struct idn_agent_lease *oldest = NULL;

    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++) {
        struct idn_agent_lease *lease = &agent->lease[i];
        if (!lease->used || (open && (lease->end != IDN_END_NONE || lease->begun == lease->count)))
            continue;
        if (oldest == NULL || lease->order < oldest->order)
            oldest = lease;
    }
    return oldest;
}

static bool holds(
    const struct idn_holding *holding, const char *name, const struct idn_sha256 *digest)
{
    return strcmp(holding->name, name) == 0 && idn_sha256_equal(&holding->digest, digest);
}

static bool holds_model(
    const struct idn_agent *agent, const struct idn_order *order, uint32_t *ret_at)
{
    for (uint32_t i = 0; i < agent->models; i++) {
        if (!holds(&agent->model[i].holding, order->u.lease.model, &order->u.lease.model_digest))
            continue;
        *ret_at = i;
        return true;
    }
    return false;
}

static bool holds_dataset(const struct idn_agent *agent, const struct idn_order *order)
{
    if (order->u.lease.dataset[0] == '\0') // an uploaded list, fetched when it is needed
        return true;
    for (uint32_t i = 0; i < agent->datasets; i++)
        if (holds(&agent->dataset[i], order->u.lease.dataset, &order->u.lease.list_digest))
            return true;
    return false;
}

static void refuse(struct idn_agent_lease *lease, const char *text)
{
    lease->end = IDN_END_UNAVAILABLE;
    idn_agent_text(lease->text, sizeof(lease->text), text);
}

// Everything but the row buffer, which is only read where it was written.
static void fill(struct idn_agent_lease *lease, const struct idn_order *order, uint64_t nth)
{
    lease->used = true;
    lease->id = order->u.lease.id;
    lease->job = order->u.lease.job;
    lease->spec_hash = order->u.lease.spec_hash;
    idn_agent_text(lease->model, sizeof(lease->model), order->u.lease.model);
    idn_agent_text(lease->dataset, sizeof(lease->dataset), order->u.lease.dataset);
    lease->list_digest = order->u.lease.list_digest;
    lease->list_bytes = order->u.lease.list_bytes;
    lease->first = order->u.lease.first;
    lease->count = order->u.lease.count;
    lease->begun = lease->done = lease->reported = 0;
    lease->alone = order->u.lease.alone != 0;
    lease->first_slice = order->u.lease.first_slice;
    lease->order = nth;
    lease->flush = false;
    lease->gathered_ms = lease->class_hash = lease->compute_us = 0;
    lease->end = IDN_END_NONE;
    lease->death = lease->alone_in_child = lease->in_child = 0;
    lease->text[0] = '\0';
}

void idn_leases_take(struct idn_agent *agent, const struct idn_order *order)
{
    struct idn_agent_lease *lease = find_free(agent);
    uint32_t kept;

    if (agent->draining || lease == NULL || find(agent, order->u.lease.id) != NULL ||
        recall(agent, order->u.lease.id, &kept))
        return;
    fill(lease, order, agent->leases_taken++);
    if (!holds_model(agent, order, &lease->model_at))
        refuse(lease, "this worker does not hold the model with the digest of the lease");
    else if (!holds_dataset(agent, order))
        refuse(lease, "this worker does not hold the data set with the digest of the lease");
}

// What of the lease stays here when only `keep` images are wanted.
static uint32_t trim(struct idn_agent *agent, struct idn_agent_lease *lease, uint32_t keep)
{
    if (lease->end != IDN_END_NONE) // what is begun is all that comes
        return lease->begun;
    if (keep < lease->begun)
        keep = lease->begun;
    if (keep < lease->count)
        lease->count = keep;
    if (lease->count == 0) {
        remember(agent, lease->id, 0);
        lease->used = false;
        return 0;
    }
    return lease->count;
}

void idn_leases_trim(struct idn_agent *agent, uint32_t broker, const struct idn_order *order)
{
    struct idn_lease_id id = order->u.trim.id;
    struct idn_agent_lease *lease = find(agent, id);
    uint32_t kept = 0;

    if (lease != NULL)
        kept = trim(agent, lease, order->u.trim.keep);
    else if (!recall(agent, id, &kept))
        remember(agent, id, 0); // its LEASE was lost; should it still come, it is not ours any more
    struct idn_worker_message *answer = idn_agent_send(agent, broker, IDN_WORKER_TRIMMED);
    answer->u.trimmed.lease = id;
    answer->u.trimmed.kept = kept;
}

void idn_leases_end(struct idn_agent *agent, struct idn_agent_lease *lease)
{
    IDN_ASSERT(lease->used && lease->end != IDN_END_NONE && !idn_slices_hold(agent, lease));
    remember(agent, lease->id, lease->reported);
    lease->used = false;
}
