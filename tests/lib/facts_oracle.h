// What a set of facts says of a job, worked out from the set alone, slowly and without regard to
// order: what every fold must come to. Also the answers of a store that is asked to REFOLD.
//
// Of a key: nothing once it is forgotten; else the lowest ACCEPTED. Of an image: the lowest OK row
// of that specification, else that it failed, else a quarantine above the highest LIFTED.
#ifndef IDN_TESTS_LIB_FACTS_ORACLE_H
#define IDN_TESTS_LIB_FACTS_ORACLE_H

#include "broker/core/core.h"
#include "broker/core/images.h"
#include "proto/result.h"

#include <string.h>

enum { ORACLE_IMAGES_MAX = 64 };

struct oracle_image {
    const uint8_t *row; // the OK row that counts
    const struct idn_fact *fact;
    uint32_t oks; // rows
    bool conflict, failed, quarantined;
};

struct oracle {
    bool known, forgotten, cancelled, rivals, disputed;
    const struct idn_fact *accepted;
    struct idn_job_spec spec;
    uint32_t state, total, weight;
    uint32_t ok, failed, quarantined, conflicts, lifted;
    struct idn_digest digest;
    uint64_t compute_us, class_hash;
    const struct idn_fact *first_results;
    struct oracle_image image[ORACLE_IMAGES_MAX];
    uint8_t states[ORACLE_IMAGES_MAX / 2];
};

static inline bool oracle_is_lower(const struct idn_fact *fact, const struct idn_fact *other)
{
    if (other == NULL || fact->epoch.counter != other->epoch.counter)
        return other == NULL || fact->epoch.counter < other->epoch.counter;
    if (fact->epoch.broker != other->epoch.broker)
        return fact->epoch.broker < other->epoch.broker;
    if (fact->origin.incarnation != other->origin.incarnation)
        return fact->origin.incarnation < other->origin.incarnation;
    return fact->origin.sequence < other->origin.sequence;
}

static inline void oracle_take_key(struct oracle *oracle, const struct idn_fact *fact)
{
    oracle->forgotten = oracle->forgotten || fact->kind == IDN_FACT_FORGOTTEN;
    oracle->cancelled = oracle->cancelled || fact->kind == IDN_FACT_CANCELLED;
    if (fact->kind == IDN_FACT_LIFTED && fact->u.lifted.generation > oracle->lifted)
        oracle->lifted = fact->u.lifted.generation;
    if (fact->kind != IDN_FACT_ACCEPTED)
        return;
    oracle->rivals = oracle->rivals ||
                     (oracle->accepted != NULL && idn_spec_hash(&oracle->accepted->u.accepted) !=
                                                      idn_spec_hash(&fact->u.accepted));
    if (oracle_is_lower(fact, oracle->accepted))
        oracle->accepted = fact;
}

static inline void oracle_take_row(
    struct oracle *oracle, const struct idn_fact *fact, const uint8_t *row)
{
    struct idn_result result;

    if (!idn_result_unpack(row, &result) || result.index < oracle->spec.first ||
        result.index > oracle->spec.last)
        return;
    struct oracle_image *image = &oracle->image[result.index - oracle->spec.first];
    if (result.status != IDN_STATUS_OK) {
        image->failed = true;
        return;
    }
    image->conflict =
        image->conflict || (image->oks > 0 && memcmp(row, image->row, IDN_ROW_BYTES) != 0);
    oracle->disputed = oracle->disputed || image->oks > 0;
    image->oks++;
    if (image->row != NULL && !oracle_is_lower(fact, image->fact))
        return;
    image->row = row;
    image->fact = fact;
}

static inline void oracle_take_body(struct oracle *oracle, const struct idn_fact *fact)
{
    uint64_t hash = idn_spec_hash(&oracle->spec);

    if (fact->kind == IDN_FACT_QUARANTINED && fact->u.quarantined.spec_hash == hash &&
        fact->u.quarantined.generation > oracle->lifted)
        oracle->image[fact->u.quarantined.image - oracle->spec.first].quarantined = true;
    if (fact->kind != IDN_FACT_RESULTS || fact->u.results.spec_hash != hash)
        return;
    for (uint32_t i = 0; i < fact->u.results.count; i++)
        oracle_take_row(oracle, fact, fact->u.results.rows + (size_t)i * IDN_ROW_BYTES);
    oracle->compute_us += fact->u.results.compute_us;
    oracle->disputed = oracle->disputed || (oracle->first_results != NULL &&
                                               oracle->class_hash != fact->u.results.class_hash);
    if (!oracle_is_lower(fact, oracle->first_results))
        return;
    oracle->first_results = fact;
    oracle->class_hash = fact->u.results.class_hash;
}

static inline void oracle_add(
    struct oracle *oracle, uint32_t index, const uint8_t *row, uint8_t status)
{
    struct idn_result result = {.index = oracle->spec.first + index, .status = status};
    struct idn_digest digest;
    unsigned state = status == IDN_STATUS_QUARANTINED ? IDN_IMAGE_QUARANTINED : IDN_IMAGE_ERROR;

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    if (row != NULL)
        (void)idn_result_unpack(row, &result);
    idn_digest_of(&result, &digest);
    idn_digest_add(&oracle->digest, &digest);
    if (row != NULL)
        state = IDN_IMAGE_OK | (digest.low & IDN_IMAGE_CHECK_BITS);
    oracle->states[index / 2] |= (uint8_t)(state << index % 2 * 4);
}

static inline void oracle_count(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->total; i++) {
        const struct oracle_image *image = &oracle->image[i];
        oracle->conflicts += image->conflict;
        if (image->row != NULL) {
            oracle->ok++;
            oracle_add(oracle, i, image->row, IDN_STATUS_OK);
        } else if (image->failed) {
            oracle->failed++;
            oracle_add(oracle, i, NULL, IDN_STATUS_MISSING);
        } else if (image->quarantined) {
            oracle->quarantined++;
            oracle_add(oracle, i, NULL, IDN_STATUS_QUARANTINED);
        }
    }
    if (oracle->ok + oracle->failed + oracle->quarantined == oracle->total)
        oracle->state = IDN_JOB_FINISHED;
    else
        oracle->state = oracle->cancelled ? IDN_JOB_CANCELLED : IDN_JOB_OPEN;
}

// The highest SETTING of the key, and of the job (NULL: of none).
static inline uint32_t oracle_setting(const struct idn_fact *const *fact, size_t count,
    const struct idn_key *job, const char *key, uint32_t otherwise)
{
    static const struct idn_key none;
    const struct idn_fact *highest = NULL;
    uint64_t value = otherwise;

    for (size_t i = 0; i < count; i++)
        if (fact[i]->kind == IDN_FACT_SETTING && strcmp(fact[i]->u.setting.key, key) == 0 &&
            idn_key_equal(&fact[i]->job, job == NULL ? &none : job) &&
            (highest == NULL || oracle_is_lower(highest, fact[i])))
            highest = fact[i];
    if (highest != NULL)
        (void)idn_parse_u64(highest->u.setting.value, UINT32_MAX, &value);
    return (uint32_t)value;
}

// Of the first `count` facts. The specification is the one that is asked for (a store's REFOLD), or
// NULL: the one that counts.
static inline void oracle_ask(const struct idn_fact *const *fact, size_t count,
    const struct idn_key *key, const struct idn_job_spec *spec, struct oracle *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < count; i++)
        if (idn_key_equal(&fact[i]->job, key))
            oracle_take_key(ret, fact[i]);
    ret->known = ret->accepted != NULL && !ret->forgotten;
    if (!ret->known)
        return;
    ret->spec = spec != NULL ? *spec : ret->accepted->u.accepted;
    ret->weight = oracle_setting(fact, count, key, "weight", ret->spec.weight);
    ret->total = ret->spec.last - ret->spec.first + 1;
    for (size_t i = 0; i < count; i++)
        if (idn_key_equal(&fact[i]->job, key))
            oracle_take_body(ret, fact[i]);
    oracle_count(ret);
}

#endif
