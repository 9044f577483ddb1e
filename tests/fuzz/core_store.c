#include "tests/fuzz/core_store.h"

#include "broker/core/images.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

void core_store_init(struct core_store *store, struct idn_codec *codec)
{
    *store = (struct core_store){.codec = codec};
}

void core_store_fini(struct core_store *store)
{
    core_store_cut(store, 0);
}

bool core_store_is_full(const struct core_store *store)
{
    return store->count >= CORE_STORE_FACTS - 512;
}

static uint64_t last_of(const struct core_store *store, uint64_t incarnation)
{
    for (uint64_t i = store->count; i-- > 0;)
        if (store->fact[i].fact.origin.incarnation == incarnation)
            return store->fact[i].fact.origin.sequence;
    return 0;
}

void core_store_add(struct core_store *store, const struct idn_stored_fact *fact)
{
    const struct idn_origin *origin = &fact->fact.origin;
    struct idn_bytes body = {.data = fact->body, .size = fact->size};

    IDN_ASSERT(store->count < CORE_STORE_FACTS);
    IDN_ASSERT(origin->sequence == last_of(store, origin->incarnation) + 1);
    if (fact->decoded && fact->body == NULL)
        body = idn_encode_fact_body(store->codec, &fact->fact);
    uint8_t *copy = malloc(body.size + 1);
    IDN_ASSERT(copy != NULL);
    if (body.size > 0)
        memcpy(copy, body.data, body.size);
    store->fact[store->count++] = (struct idn_stored_fact){
        .fact = fact->fact, .emptied = fact->emptied, .size = (uint32_t)body.size, .body = copy};
}

void core_store_summarise(struct core_store *store, const struct idn_summary *summary)
{
    uint32_t at = 0;

    while (at < store->summaries && !idn_key_equal(&store->summary[at].summary.job, &summary->job))
        at++;
    if (at == CORE_STORE_SUMMARIES)
        return; // derived: it may be lost
    store->summaries = at == store->summaries ? at + 1 : store->summaries;
    store->summary[at].summary = *summary;
    store->summary[at].covers = store->count;
}

void core_store_cut(struct core_store *store, uint64_t count)
{
    for (uint32_t i = 0; i < store->summaries;)
        if (store->summary[i].covers > count)
            store->summary[i] = store->summary[--store->summaries];
        else
            i++;
    while (store->count > count)
        free((void *)(uintptr_t)store->fact[--store->count].body);
    store->durable = store->durable < count ? store->durable : count;
}

// ---- reads

static uint64_t find(const struct core_store *store, const struct idn_action *read)
{
    for (uint64_t i = 0; i < store->durable; i++)
        for (uint32_t k = 0; k < read->u.read_facts.finds; k++)
            if (memcmp(&store->fact[i].fact.origin, &read->u.read_facts.find[k],
                    sizeof(struct idn_origin)) == 0)
                return i;
    return store->durable;
}

void core_store_read(
    const struct core_store *store, const struct idn_action *read, struct idn_event *ret)
{
    uint64_t after = read->u.read_facts.finds > 0 ? find(store, read) : read->u.read_facts.after;
    uint32_t count = 0;
    size_t bytes = 0;

    after = after < store->durable ? after : store->durable;
    while (after + count < store->durable && count < IDN_MIRROR_FACTS_MAX &&
           (count == 0 || bytes + store->fact[after + count].size <= IDN_MIRROR_FRAME_BYTES))
        bytes += store->fact[after + count++].size;
    *ret = (struct idn_event){.type = IDN_EVENT_FACTS_READ};
    ret->u.facts_read.next = after + count;
    ret->u.facts_read.end = after + count == store->durable;
    ret->u.facts_read.count = count;
    ret->u.facts_read.item = &store->fact[after];
}

// False: nothing that this version understands.
static bool decode(struct core_store *store, uint64_t index, struct idn_fact *ret)
{
    const struct idn_stored_fact *stored = &store->fact[index];
    struct idn_reason reason;

    *ret = stored->fact;
    if (stored->emptied)
        return false;
    int result = idn_decode_fact_body(store->codec, stored->body, stored->size, ret, &reason);
    IDN_ASSERT(result == 0 || result == IDN_DECODE_UNSUPPORTED);
    return result == 0;
}

struct image {
    enum { NONE, QUARANTINED, ERROR, OK } rank;
    bool conflict;
    struct idn_epoch epoch;
    struct idn_origin origin;
    uint8_t row[IDN_ROW_BYTES];
};

static bool is_before(const struct idn_fact *fact, const struct image *image)
{
    int order = idn_epoch_compare(fact->epoch, image->epoch);

    if (order == 0)
        order = (fact->origin.incarnation > image->origin.incarnation) -
                (fact->origin.incarnation < image->origin.incarnation);
    return order < 0 || (order == 0 && fact->origin.sequence < image->origin.sequence);
}

static void offer(const struct idn_fact *fact, const uint8_t *row, struct image *image)
{
    int rank = row[4] == IDN_STATUS_OK ? OK : ERROR;

    if (row[4] == IDN_STATUS_QUARANTINED)
        return;
    image->conflict |=
        rank == OK && image->rank == OK && memcmp(row, image->row, IDN_ROW_BYTES) != 0;
    if (rank < (int)image->rank || (rank == (int)image->rank && !is_before(fact, image)))
        return;
    image->rank = rank == OK ? OK : ERROR;
    image->epoch = fact->epoch;
    image->origin = fact->origin;
    memcpy(image->row, row, IDN_ROW_BYTES);
}

static void fold(const struct idn_fact *fact, const struct idn_job_spec *spec, uint32_t lifted,
    struct image *images)
{
    if (fact->kind == IDN_FACT_QUARANTINED) {
        uint32_t index = fact->u.quarantined.image - spec->first;
        if (fact->u.quarantined.spec_hash == idn_spec_hash(spec) &&
            index <= spec->last - spec->first && fact->u.quarantined.generation > lifted &&
            images[index].rank == NONE)
            images[index].rank = QUARANTINED;
        return;
    }
    if (fact->kind != IDN_FACT_RESULTS || fact->u.results.spec_hash != idn_spec_hash(spec))
        return;
    for (uint32_t i = 0; i < fact->u.results.count; i++) {
        const uint8_t *row = fact->u.results.rows + (size_t)i * IDN_ROW_BYTES;
        struct idn_result result;
        IDN_ASSERT(idn_result_unpack(row, &result));
        if (result.index >= spec->first && result.index <= spec->last)
            offer(fact, row, &images[result.index - spec->first]);
    }
}

static unsigned count_image(const struct image *image, uint32_t index, struct idn_summary *summary)
{
    struct idn_result result = {.index = index, .status = IDN_STATUS_QUARANTINED};
    struct idn_digest digest;

    summary->conflicts += image->conflict;
    if (image->rank == NONE)
        return IDN_IMAGE_PENDING;
    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    if (image->rank != QUARANTINED)
        IDN_ASSERT(idn_result_unpack(image->row, &result));
    idn_digest_of(&result, &digest);
    idn_digest_add(&summary->digest, &digest);
    summary->ok += image->rank == OK;
    summary->failed += image->rank == ERROR;
    summary->quarantined += image->rank == QUARANTINED;
    if (image->rank == OK)
        return IDN_IMAGE_OK | (digest.low & IDN_IMAGE_CHECK_BITS);
    return image->rank == ERROR ? IDN_IMAGE_ERROR : IDN_IMAGE_QUARANTINED;
}

static uint32_t lifted_of(struct core_store *store, const struct idn_key *job)
{
    struct idn_fact fact;
    uint32_t lifted = 0;

    for (uint64_t i = 0; i < store->durable; i++)
        if (store->fact[i].fact.kind == IDN_FACT_LIFTED &&
            idn_key_equal(&store->fact[i].fact.job, job) && decode(store, i, &fact) &&
            fact.u.lifted.generation > lifted)
            lifted = fact.u.lifted.generation;
    return lifted;
}

bool core_store_refold(struct core_store *store, const struct idn_action *refold,
    struct idn_summary *ret, uint8_t **ret_states)
{
    static struct image images[CORE_STORE_SPAN];
    const struct idn_job_spec *spec = &refold->u.refold.spec;
    const struct idn_key *job = &refold->u.refold.job;
    uint32_t total = spec->last - spec->first + 1, lifted = lifted_of(store, job);
    struct idn_fact fact;

    if (total > CORE_STORE_SPAN)
        return false;
    memset(images, 0, total * sizeof(*images));
    *ret = (struct idn_summary){.job = *job, .lifted = lifted};
    for (uint64_t i = 0; i < store->durable; i++) {
        if (!idn_key_equal(&store->fact[i].fact.job, job) || !decode(store, i, &fact))
            continue;
        fold(&fact, spec, lifted, images);
        if (fact.kind == IDN_FACT_RESULTS && fact.u.results.spec_hash == idn_spec_hash(spec)) {
            ret->compute_us += fact.u.results.compute_us;
            ret->class_hash = ret->class_hash == 0 ? fact.u.results.class_hash : ret->class_hash;
        }
    }
    *ret_states = refold->u.refold.states ? calloc(total / 2 + 1, 1) : NULL;
    for (uint32_t i = 0; i < total; i++) {
        unsigned state = count_image(&images[i], spec->first + i, ret);
        if (*ret_states != NULL)
            (*ret_states)[i / 2] |= (uint8_t)(state << (i % 2 * 4));
    }
    return true;
}

// ---- restore

static void feed_held(
    struct core_store *store, void (*step)(void *context, struct idn_event *event), void *context)
{
    for (uint64_t i = 0; i < store->count; i++) {
        const struct idn_origin *origin = &store->fact[i].fact.origin;
        if (origin->sequence != 1)
            continue;
        struct idn_event event = {.type = IDN_EVENT_HELD,
            .u.held = {
                .incarnation = origin->incarnation, .last = last_of(store, origin->incarnation)}};
        step(context, &event);
    }
}

static bool is_covered(const struct core_store *store, uint64_t index)
{
    const struct idn_fact *fact = &store->fact[index].fact;

    if (fact->kind != IDN_FACT_RESULTS && fact->kind != IDN_FACT_QUARANTINED &&
        fact->kind != IDN_FACT_LIFTED && fact->kind != IDN_FACT_LIST_PART)
        return false;
    for (uint32_t i = 0; i < store->summaries; i++)
        if (store->summary[i].covers > index &&
            idn_key_equal(&store->summary[i].summary.job, &fact->job))
            return true;
    return false;
}

void core_store_restore(
    struct core_store *store, void (*step)(void *context, struct idn_event *event), void *context)
{
    struct idn_fact fact;

    feed_held(store, step, context);
    for (uint64_t i = 0; i < store->count; i++) {
        if (!is_covered(store, i) && decode(store, i, &fact))
            step(context, &(struct idn_event){.type = IDN_EVENT_FACT, .u.fact = &fact});
        for (uint32_t k = 0; k < store->summaries; k++)
            if (store->summary[k].covers == i + 1)
                step(context, &(struct idn_event){.type = IDN_EVENT_SUMMARY,
                                  .u.summary = &store->summary[k].summary});
    }
}
