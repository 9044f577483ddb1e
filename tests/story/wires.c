#include "tests/story/wires.h"

#include <stdlib.h>

void *wires_copy(const void *bytes, size_t size)
{
    void *copy = malloc(size);

    memcpy(copy, bytes, size);
    return copy;
}

struct idn_worker_message *wires_copy_message(const struct idn_worker_message *message)
{
    struct idn_worker_message *copy = wires_copy(message, sizeof(*message));

    if (copy->type == IDN_WORKER_REPORT && copy->u.report.count > 0)
        copy->u.report.rows =
            wires_copy(message->u.report.rows, (size_t)message->u.report.count * IDN_ROW_BYTES);
    return copy;
}

void wires_free_message(struct idn_worker_message *message)
{
    if (message->type == IDN_WORKER_REPORT && message->u.report.count > 0) {
        union {
            const uint8_t *borrowed;
            void *owned;
        } rows = {.borrowed = message->u.report.rows};
        free(rows.owned);
    }
    free(message);
}

void wires_keep_fact(struct cluster *cluster, const struct idn_fact *fact)
{
    if (cluster->facts == cluster->facts_room) {
        cluster->facts_room = cluster->facts_room * 2 + 64;
        cluster->fact = realloc(cluster->fact, cluster->facts_room * sizeof(*cluster->fact));
    }
    struct cluster_fact *kept = &cluster->fact[cluster->facts++];
    *kept = (struct cluster_fact){.fact = *fact};
    if (fact->kind == IDN_FACT_RESULTS) {
        kept->bytes =
            wires_copy(fact->u.results.rows, (size_t)fact->u.results.count * IDN_ROW_BYTES);
        kept->fact.u.results.rows = kept->bytes;
    }
    CHECK(fact->origin.sequence == cluster->sequence + 1);
    cluster->sequence = fact->origin.sequence;
}

void wires_keep_summary(struct cluster *cluster, const struct idn_summary *summary)
{
    CHECK(cluster->summaries < sizeof(cluster->summary) / sizeof(*cluster->summary));
    cluster->summary[cluster->summaries++] = *summary;
}

// ---- what is stored of a job, by the rule of docs/ARCHITECTURE.md: ok before error before
// quarantine, then the earliest.
static void offer(struct idn_result *best, const struct idn_result *result)
{
    bool better =
        best->status == IDN_STATUS_COUNT ||
        (result->status == IDN_STATUS_OK && best->status != IDN_STATUS_OK) ||
        (result->status != IDN_STATUS_QUARANTINED && best->status == IDN_STATUS_QUARANTINED);

    if (better)
        *best = *result;
}

static void offer_fact(struct idn_result *best, const struct idn_fact *fact)
{
    struct idn_result result = {.status = IDN_STATUS_QUARANTINED};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    if (fact->kind == IDN_FACT_QUARANTINED) {
        result.index = fact->u.quarantined.image;
        offer(&best[result.index], &result);
    }
    for (uint32_t i = 0; fact->kind == IDN_FACT_RESULTS && i < fact->u.results.count; i++) {
        CHECK(idn_result_unpack(fact->u.results.rows + (size_t)i * IDN_ROW_BYTES, &result));
        offer(&best[result.index], &result);
    }
}

static struct idn_summary sum(const struct cluster *cluster, const struct idn_key *job)
{
    static struct idn_result best[CLUSTER_IMAGES];
    struct idn_summary summary = {.job = *job};

    for (uint32_t i = 0; i < CLUSTER_IMAGES; i++)
        best[i].status = IDN_STATUS_COUNT;
    for (size_t i = 0; i < cluster->facts; i++)
        if (idn_key_equal(&cluster->fact[i].fact.job, job))
            offer_fact(best, &cluster->fact[i].fact);
    for (uint32_t i = 0; i < CLUSTER_IMAGES; i++) {
        struct idn_digest digest;
        if (best[i].status == IDN_STATUS_COUNT)
            continue;
        idn_digest_of(&best[i], &digest);
        idn_digest_add(&summary.digest, &digest);
        summary.ok += best[i].status == IDN_STATUS_OK;
        summary.quarantined += best[i].status == IDN_STATUS_QUARANTINED;
        summary.failed +=
            best[i].status != IDN_STATUS_OK && best[i].status != IDN_STATUS_QUARANTINED;
    }
    return summary;
}

void wires_refolded(struct cluster *cluster, const struct idn_key *job)
{
    struct idn_summary summary = sum(cluster, job);

    wires_step_core(cluster,
        (struct idn_event){.type = IDN_EVENT_REFOLDED, .u.refolded = {.summary = &summary}});
}

void wires_compute(const struct cluster *cluster, uint32_t image, struct idn_result *ret)
{
    *ret = (struct idn_result){.index = image};
    for (unsigned i = 0; i < IDN_TOP; i++) {
        ret->class_id[i] = cluster->broken[image] ? IDN_NO_CLASS : (image * 7 + i) % 1000;
        ret->probability[i] = cluster->broken[image] ? 0.0f : 0.5f / (float)(1 << i);
    }
    if (cluster->broken[image])
        ret->status = IDN_STATUS_CORRUPT;
}

// ---- the client
static struct idn_key key_of(int job)
{
    struct idn_key key = {.bytes = {(uint8_t)job, 1, 2, 3, 4, 5}};

    return key;
}

static void ask(struct cluster *cluster, struct idn_request request, int job)
{
    request.id = ++cluster->order;
    request.job = (struct idn_job_name){.key = key_of(job), .bits = 128};
    wires_step_core(cluster, (struct idn_event){.type = IDN_EVENT_REQUEST,
                                 .u.request = {.peer = 99, .message = &request}});
}

void client_submits(
    struct cluster *cluster, int job, const char *model, uint32_t first, uint32_t last)
{
    struct idn_request request = {.type = IDN_REQUEST_SUBMIT};

    snprintf(request.u.submit.model, IDN_NAME_SIZE, "%s", model);
    snprintf(request.u.submit.dataset, IDN_NAME_SIZE, "photos");
    snprintf(request.u.submit.client, IDN_NAME_SIZE, "alice");
    request.u.submit.first = first;
    request.u.submit.last = last;
    request.u.submit.weight = 1;
    ask(cluster, request, job);
}

void client_asks(struct cluster *cluster, int job, uint32_t request_type)
{
    ask(cluster, (struct idn_request){.type = request_type}, job);
}

// ---- what a story asks about
struct idn_job_info job_info(struct cluster *cluster, int job)
{
    struct idn_key key = key_of(job);
    struct idn_job_info info;

    CHECK(idn_core_job(cluster->core, &key, &info));
    return info;
}

struct idn_summary stored_summary(const struct cluster *cluster, int job)
{
    struct idn_key key = key_of(job);

    return sum(cluster, &key);
}

struct idn_worker_info worker_info(struct cluster *cluster, int worker)
{
    static union idn_core_items items;
    struct idn_request request = {.type = IDN_REQUEST_WORKERS};
    struct idn_reply reply;
    char name[IDN_NAME_SIZE];

    snprintf(name, sizeof(name), "worker-%d", worker);
    idn_core_answer(cluster->core, cluster->now, &request, &items, &reply);
    for (uint32_t i = 0; i < reply.u.workers.count; i++)
        if (strcmp(items.worker[i].name, name) == 0)
            return items.worker[i];
    return (struct idn_worker_info){.state = 0};
}

uint32_t images_leased_to(struct cluster *cluster, int worker, int job)
{
    struct idn_worker_info info = worker_info(cluster, worker);
    struct idn_key key = key_of(job);

    return info.leases > 0 && idn_key_equal(&info.job, &key) ? info.lease_count - info.lease_done
                                                             : 0;
}

uint64_t images_computed(const struct cluster *cluster)
{
    uint64_t sum_of_all = 0;

    for (int i = 0; i < CLUSTER_WORKERS_MAX; i++)
        sum_of_all += cluster->worker[i].images_computed;
    return sum_of_all;
}

void check_finished(
    struct cluster *cluster, int job, uint32_t ok, uint32_t failed, uint32_t quarantined)
{
    struct idn_job_info info = job_info(cluster, job);
    struct idn_summary summary = stored_summary(cluster, job);

    CHECK_INT(info.state, IDN_JOB_FINISHED);
    CHECK_INT(info.ok, ok);
    CHECK_INT(info.failed, failed);
    CHECK_INT(info.quarantined, quarantined);
    CHECK_INT(info.conflicts, 0);
    CHECK_INT(summary.ok, ok);
    CHECK_INT(summary.failed, failed);
    CHECK_INT(summary.quarantined, quarantined);
    CHECK(idn_digest_equal(&summary.digest, &info.digest));
}
