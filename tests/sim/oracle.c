#include "tests/sim/oracle.h"

#include <string.h>

static int compare(struct idn_epoch epoch, struct idn_origin origin, struct idn_epoch other_epoch,
    struct idn_origin other)
{
    int order = idn_epoch_compare(epoch, other_epoch);

    if (order != 0)
        return order;
    if (origin.incarnation != other.incarnation)
        return origin.incarnation < other.incarnation ? -1 : 1;
    return (origin.sequence > other.sequence) - (origin.sequence < other.sequence);
}

// One key with two specifications: the lowest (epoch, origin) wins.
static void fold_heads(
    const struct sim_disk *disk, size_t count, int job, struct sim_folded *folded)
{
    for (size_t i = 0; i < count; i++) {
        const struct idn_fact *fact = &disk->fact[i].fact;
        if (disk->fact[i].job != job)
            continue;
        folded->cancelled |= fact->kind == IDN_FACT_CANCELLED;
        folded->forgotten |= fact->kind == IDN_FACT_FORGOTTEN;
        if (fact->kind == IDN_FACT_LIFTED && fact->u.lifted.generation > folded->lifted)
            folded->lifted = fact->u.lifted.generation;
        if (fact->kind != IDN_FACT_ACCEPTED ||
            (folded->accepted &&
                compare(fact->epoch, fact->origin, folded->epoch, folded->origin) > 0))
            continue;
        folded->accepted = true;
        folded->spec = fact->u.accepted;
        folded->epoch = fact->epoch;
        folded->origin = fact->origin;
    }
}

static enum sim_rank rank_of(const struct idn_result *result)
{
    if (result->status == IDN_STATUS_OK)
        return SIM_RANK_OK;
    return result->status == IDN_STATUS_QUARANTINED ? SIM_RANK_QUARANTINED : SIM_RANK_ERROR;
}

static void offer(struct sim_image *image, const struct idn_fact *fact, const uint8_t *row,
    const struct idn_result *result)
{
    enum sim_rank rank = rank_of(result);

    if (rank == SIM_RANK_OK && image->rank == SIM_RANK_OK &&
        memcmp(row, image->row, IDN_ROW_BYTES) != 0)
        image->conflict = true;
    if (rank < image->rank || (rank == image->rank && compare(fact->epoch, fact->origin,
                                                          image->epoch, image->origin) >= 0))
        return;
    image->rank = rank;
    image->epoch = fact->epoch;
    image->origin = fact->origin;
    memcpy(image->row, row, IDN_ROW_BYTES);
}

static void fold_results(struct sim_folded *folded, const struct idn_fact *fact)
{
    uint64_t class_hash = fact->u.results.class_hash;

    folded->compute_us += fact->u.results.compute_us;
    if (folded->classes > 0 && class_hash != folded->class_hash)
        folded->classes = 2;
    if (folded->classes == 0 ||
        compare(fact->epoch, fact->origin, folded->class_epoch, folded->class_origin) < 0) {
        folded->class_hash = class_hash;
        folded->class_epoch = fact->epoch;
        folded->class_origin = fact->origin;
        folded->classes += folded->classes == 0;
    }
    for (uint32_t i = 0; i < fact->u.results.count; i++) {
        const uint8_t *row = fact->u.results.rows + (size_t)i * IDN_ROW_BYTES;
        struct idn_result result;
        if (idn_result_unpack(row, &result) && result.index >= folded->spec.first &&
            result.index <= folded->spec.last)
            offer(&folded->image[result.index], fact, row, &result);
    }
}

static void fold_images(
    const struct sim_disk *disk, size_t count, int job, struct sim_folded *folded)
{
    uint64_t spec_hash = idn_spec_hash(&folded->spec);

    for (size_t i = 0; i < count; i++) {
        const struct idn_fact *fact = &disk->fact[i].fact;
        if (disk->fact[i].job != job || disk->fact[i].blob == NULL)
            continue;
        if (fact->kind == IDN_FACT_RESULTS && fact->u.results.spec_hash == spec_hash)
            fold_results(folded, fact);
        if (fact->kind != IDN_FACT_QUARANTINED || fact->u.quarantined.spec_hash != spec_hash ||
            fact->u.quarantined.image >= SIM_IMAGES)
            continue;
        struct sim_image *image = &folded->image[fact->u.quarantined.image];
        if (fact->u.quarantined.generation > image->quarantined)
            image->quarantined = fact->u.quarantined.generation;
    }
}

static void pack_quarantine(uint32_t index, uint8_t row[static IDN_ROW_BYTES])
{
    struct idn_result result = {.index = index, .status = IDN_STATUS_QUARANTINED};

    for (int i = 0; i < IDN_TOP; i++)
        result.class_id[i] = IDN_NO_CLASS;
    idn_result_pack(&result, row);
}

static void sum(struct sim_folded *folded)
{
    folded->total = folded->spec.last - folded->spec.first + 1;
    for (uint32_t i = folded->spec.first; i <= folded->spec.last && i < SIM_IMAGES; i++) {
        struct sim_image *image = &folded->image[i];
        struct idn_result result;
        struct idn_digest digest;
        if (image->rank == SIM_RANK_NONE && image->quarantined > folded->lifted) {
            image->rank = SIM_RANK_QUARANTINED;
            pack_quarantine(i, image->row);
        }
        folded->conflicts += image->conflict;
        if (image->rank == SIM_RANK_NONE)
            continue;
        folded->ok += image->rank == SIM_RANK_OK;
        folded->failed += image->rank == SIM_RANK_ERROR;
        folded->quarantined += image->rank == SIM_RANK_QUARANTINED;
        (void)idn_result_unpack(image->row, &result);
        idn_digest_of(&result, &digest);
        idn_digest_add(&folded->digest, &digest);
    }
}

void sim_fold(const struct sim *sim, uint32_t broker, size_t count, int job,
    const struct idn_job_spec *spec, struct sim_folded *ret)
{
    const struct sim_disk *disk = &sim->disk[broker];

    memset(ret, 0, sizeof(*ret));
    fold_heads(disk, count, job, ret);
    if (spec != NULL)
        ret->spec = *spec;
    if (!ret->accepted && spec == NULL)
        return;
    fold_images(disk, count, job, ret);
    sum(ret);
    ret->disputed = ret->conflicts > 0 || ret->classes > 1;
}

uint32_t sim_folded_state(const struct sim_folded *folded)
{
    if (folded->ok + folded->failed + folded->quarantined == folded->total)
        return IDN_JOB_FINISHED;
    return folded->cancelled ? IDN_JOB_CANCELLED : IDN_JOB_OPEN;
}

void sim_compute(const struct sim *sim, const char *model, uint32_t class_number, uint32_t image,
    struct idn_result *ret)
{
    bool broken = sim->image_kind[image] == SIM_BROKEN;
    uint32_t base = image * 7 + (uint8_t)model[0] + 13 * class_number;

    *ret = (struct idn_result){.index = image};
    ret->status = broken ? IDN_STATUS_CORRUPT : IDN_STATUS_OK;
    for (unsigned i = 0; i < IDN_TOP; i++) {
        ret->class_id[i] = broken ? IDN_NO_CLASS : (base + i) % 1000;
        ret->probability[i] = broken ? 0.0f : 0.5f / (float)(1 << i);
    }
}
