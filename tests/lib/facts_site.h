// One broker core with a store of its own under a test's hands, for tests of facts: it keeps what
// it commits and copies, answers REFOLD by the oracle, keeps summaries, and can be killed and
// started again on what was durable. Copies are given to it directly, without a link.
#ifndef IDN_TESTS_LIB_FACTS_SITE_H
#define IDN_TESTS_LIB_FACTS_SITE_H

#include "broker/core/actions.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "tests/lib/core_rig.h"
#include "tests/lib/facts_oracle.h"

enum { SITE_FACTS_MAX = 4096, SITE_SUMMARIES_MAX = 16, SITE_KEYS = 6, SITE_ACTIONS_MAX = 256 };

struct site {
    struct idn_core_config config;
    void *memory;
    struct idn_core *core;
    const struct idn_fact *fact[SITE_FACTS_MAX]; // by position; shared with other sites
    size_t facts, stored;
    struct idn_summary summary[SITE_SUMMARIES_MAX];
    size_t covers[SITE_SUMMARIES_MAX], summaries;
    struct idn_action refold[IDN_REFOLDS_MAX];
    size_t refolds;
    bool holds_store, holds_refolds;
    struct idn_action action[SITE_ACTIONS_MAX]; // the first since site_clear
    size_t actions;
    uint64_t now;
};

// Every fact that any site ever recorded; freed at the end.
struct facts_pool {
    struct idn_fact *fact[4 * SITE_FACTS_MAX];
    size_t facts;
};

static struct facts_pool pool;

static inline const struct idn_fact *pool_keep(const struct idn_fact *fact)
{
    size_t size =
        fact->kind == IDN_FACT_RESULTS ? fact->u.results.count * (size_t)IDN_ROW_BYTES : 0;
    struct idn_fact *kept = malloc(sizeof(*kept) + size);

    CHECK(kept != NULL && pool.facts < sizeof(pool.fact) / sizeof(*pool.fact));
    *kept = *fact;
    if (size > 0) {
        memcpy(kept + 1, fact->u.results.rows, size);
        kept->u.results.rows = (const uint8_t *)(kept + 1);
    }
    pool.fact[pool.facts++] = kept;
    return kept;
}

static inline void pool_empty(void)
{
    while (pool.facts > 0)
        free(pool.fact[--pool.facts]);
}

static inline void site_keep_fact(struct site *site, const struct idn_fact *fact)
{
    CHECK(site->facts < SITE_FACTS_MAX);
    site->fact[site->facts++] = fact;
}

static inline void site_keep_summary(struct site *site, const struct idn_summary *summary)
{
    size_t i = 0;

    while (i < site->summaries && !idn_key_equal(&site->summary[i].job, &summary->job))
        i++;
    CHECK(i < SITE_SUMMARIES_MAX);
    site->summaries += i == site->summaries;
    site->summary[i] = *summary;
    site->covers[i] = site->facts;
}

static inline void site_harvest(struct site *site, const struct idn_fact *copied)
{
    struct idn_actions actions = idn_core_actions(site->core);

    for (size_t i = 0; i < actions.count; i++) {
        const struct idn_action *action = &actions.item[i];
        if (site->actions < SITE_ACTIONS_MAX)
            site->action[site->actions++] = *action;
        if (action->type == IDN_ACTION_COMMIT)
            site_keep_fact(site, pool_keep(&action->u.fact));
        if (action->type == IDN_ACTION_COPY)
            site_keep_fact(site, copied);
        if (action->type == IDN_ACTION_SUMMARY)
            site_keep_summary(site, &action->u.summary);
        if (action->type == IDN_ACTION_REFOLD) {
            CHECK(site->refolds < IDN_REFOLDS_MAX);
            site->refold[site->refolds++] = *action;
        }
    }
}

static inline void site_step_once(struct site *site, struct idn_event event)
{
    event.now_ms = site->now;
    event.wall_ms = 1700000000000u + site->now;
    idn_core_step(site->core, &event);
    idn_core_check(site->core);
    site_harvest(site, NULL);
}

static inline void site_store(struct site *site)
{
    while (!site->holds_store && site->stored < site->facts) {
        site->stored = site->facts;
        site_step_once(site,
            (struct idn_event){.type = IDN_EVENT_STORED, .u.stored = {.position = site->stored}});
    }
}

// The oldest REFOLD is answered, by what is stored now.
static inline void site_refold(struct site *site)
{
    struct idn_action refold = site->refold[0];
    struct oracle oracle;
    struct idn_summary summary = {.job = refold.u.refold.job};

    if (site->refolds == 0)
        return;
    memmove(site->refold, site->refold + 1, --site->refolds * sizeof(refold));
    oracle_ask(site->fact, site->stored, &summary.job, &refold.u.refold.spec, &oracle);
    summary.ok = oracle.ok, summary.failed = oracle.failed;
    summary.quarantined = oracle.quarantined, summary.conflicts = oracle.conflicts;
    summary.lifted = oracle.lifted, summary.digest = oracle.digest;
    summary.compute_us = oracle.compute_us, summary.class_hash = oracle.class_hash;
    summary.finished_wall_ms = 1700000000000u;
    site_step_once(site, (struct idn_event){.type = IDN_EVENT_REFOLDED,
                             .u.refolded = {.summary = &summary,
                                 .states = refold.u.refold.states ? oracle.states : NULL}});
}

static inline void site_settle(struct site *site)
{
    site_store(site);
    while (!site->holds_refolds && site->refolds > 0) {
        site_refold(site);
        site_store(site);
    }
}

static inline void site_step(struct site *site, struct idn_event event)
{
    site_step_once(site, event);
    site_settle(site);
}

// What holds it back ends, and everything that follows happens.
static inline void site_let_go(struct site *site)
{
    site->holds_store = site->holds_refolds = false;
    site_settle(site);
    site_step(site, (struct idn_event){.type = IDN_EVENT_TICK});
}

static inline void site_clear(struct site *site)
{
    site->actions = 0;
}

// The newest action of this type since site_clear; of replies and orders, of this subtype. NULL:
// none.
static inline const struct idn_action *site_find(
    const struct site *site, enum idn_action_type type, uint32_t subtype)
{
    for (size_t i = site->actions; i-- > 0;) {
        const struct idn_action *action = &site->action[i];
        if (action->type == type && (type != IDN_ACTION_REPLY || action->u.reply.type == subtype) &&
            (type != IDN_ACTION_ORDER || action->u.order.type == subtype) &&
            (type != IDN_ACTION_COMMIT || action->u.fact.kind == subtype))
            return action;
    }
    return NULL;
}

static inline bool site_has(const struct site *site, const struct idn_fact *fact)
{
    for (size_t i = site->facts; i-- > 0;)
        if (site->fact[i] == fact)
            return true;
    return false;
}

static inline void site_copy(struct site *site, const struct idn_fact *fact)
{
    struct idn_stored_fact item = {.fact = *fact, .decoded = true};

    if (site_has(site, fact))
        return;
    site->core->actions = 0;
    idn_commit_copy(site->core, &item);
    idn_fold(site->core, fact);
    site_harvest(site, fact);
    site_step(site, (struct idn_event){.type = IDN_EVENT_TICK});
}

static inline bool site_is_forgotten(const struct site *site, const struct idn_key *key)
{
    for (size_t i = 0; i < site->facts; i++)
        if (site->fact[i]->kind == IDN_FACT_FORGOTTEN && idn_key_equal(&site->fact[i]->job, key))
            return true;
    return false;
}

// As the store feeds them: not what a summary stands for, nor bodies that were emptied.
static inline bool site_is_fed(const struct site *site, size_t at)
{
    const struct idn_fact *fact = site->fact[at];
    size_t covers = 0;

    if (fact->kind != IDN_FACT_RESULTS && fact->kind != IDN_FACT_QUARANTINED &&
        fact->kind != IDN_FACT_LIFTED)
        return true;
    for (size_t i = 0; i < site->summaries; i++)
        if (idn_key_equal(&site->summary[i].job, &fact->job))
            covers = site->covers[i];
    return at >= covers && !(fact->kind == IDN_FACT_RESULTS && site_is_forgotten(site, &fact->job));
}

static inline void site_boot(struct site *site)
{
    free(site->memory);
    site->memory = calloc(1, idn_core_bytes(&site->config));
    CHECK(site->memory != NULL);
    site->core = idn_core_init(site->memory, &site->config);
    site->refolds = 0;
}

static inline void site_feed(struct site *site)
{
    for (size_t at = 0; at <= site->facts; at++) {
        for (size_t i = 0; i < site->summaries; i++)
            if (site->covers[i] == at)
                site_step_once(site,
                    (struct idn_event){.type = IDN_EVENT_SUMMARY, .u.summary = &site->summary[i]});
        if (at < site->facts && site_is_fed(site, at))
            site_step_once(
                site, (struct idn_event){.type = IDN_EVENT_FACT, .u.fact = site->fact[at]});
    }
}

static inline void site_start(struct site *site, uint64_t incarnation)
{
    site_step(site, (struct idn_event){.type = IDN_EVENT_START,
                        .u.start = {.incarnation = incarnation, .position = site->facts}});
    site_step(site, (struct idn_event){.type = IDN_EVENT_DISK, .u.disk = {1ull << 40}});
}

// kill -9: what was not durable is lost; a new start on the rest.
static inline void site_restart(struct site *site, uint64_t incarnation)
{
    size_t kept = 0;

    site->facts = site->stored;
    for (size_t i = 0; i < site->summaries; i++)
        if (site->covers[i] <= site->stored) {
            site->summary[kept] = site->summary[i];
            site->covers[kept++] = site->covers[i];
        }
    site->summaries = kept;
    site_boot(site);
    site_feed(site);
    site_start(site, incarnation);
}

static inline void site_ask(struct site *site, struct idn_request request)
{
    request.id = 1;
    site_step(site, (struct idn_event){
                        .type = IDN_EVENT_REQUEST, .u.request = {.peer = 1, .message = &request}});
}

static inline void site_request(struct site *site, uint32_t type, unsigned key)
{
    site_ask(site, (struct idn_request){.type = type, .job = {.key = rig_key(key), .bits = 128}});
}

static inline void site_say(struct site *site, unsigned n, const struct idn_worker_message *message)
{
    site_step(site,
        (struct idn_event){.type = IDN_EVENT_WORKER, .u.worker = {.peer = n, .message = message}});
}

static inline const struct idn_job *site_job(const struct site *site, unsigned key)
{
    struct idn_key wanted = rig_key(key);

    return idn_jobs_find(site->core, &wanted);
}

#endif
