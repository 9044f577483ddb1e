#include "broker/core/why.h"

#include "base/human.h"
#include "broker/core/dispatch.h"
#include "broker/core/measure.h"
#include "broker/core/requests.h"
#include "broker/core/why_ended.h"
#include "broker/core/why_shares.h"
#include "broker/core/why_working.h"
#include "broker/core/workers.h"

#include <string.h>

// In a sentence; beyond NAMES_LENGTH of it no further one is begun.
enum { NAMES_SHOWN = 3, NAMES_LENGTH = 130 };

struct idn_why_fact *idn_why_add(struct idn_why_info *info, uint32_t code)
{
    IDN_ASSERT(info->facts < IDN_WHY_COUNT);
    struct idn_why_fact *fact = &info->fact[info->facts++];
    memset(fact, 0, sizeof(*fact));
    fact->code = code;
    return fact;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

// ---- the workers

// What the job's workers are counted by: each by the first thing that hinders it.
struct tally {
    uint32_t count[IDN_HINDRANCES], there;
    const struct idn_worker *worker[IDN_HINDRANCES][IDN_WHY_NAMES_MAX];
};

// Of each kind the first by name are kept.
static void count_in(
    struct tally *tally, const struct idn_worker *worker, enum idn_hindrance hindrance)
{
    const struct idn_worker **kept = tally->worker[hindrance];
    uint32_t count = tally->count[hindrance]++;
    uint32_t at = count < IDN_WHY_NAMES_MAX ? count : IDN_WHY_NAMES_MAX;

    for (; at > 0 && idn_name_order(worker->name, kept[at - 1]->name) < 0; at--)
        if (at < IDN_WHY_NAMES_MAX)
            kept[at] = kept[at - 1];
    if (at < IDN_WHY_NAMES_MAX)
        kept[at] = worker;
    tally->there += hindrance != IDN_HINDERED_DEAD && hindrance != IDN_HINDERED_LEAVING;
}

static void take_tally(const struct idn_core *core, const struct idn_job *job, struct tally *tally)
{
    *tally = (struct tally){.there = 0};
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        const struct idn_worker *worker = &core->worker[i];
        if (worker->presence == IDN_PRESENCE_FREE)
            continue;
        count_in(tally, worker, idn_worker_hindrance_for(core, worker, job));
    }
}

// The heaviest first.
static const struct {
    enum idn_hindrance hindrance;
    uint32_t code;
    const char *one, *many;
} hindrances[] = {
    {IDN_HINDERED_MODEL, IDN_WHY_MODEL_MISSING, "does not hold the job's model",
        "do not hold the job's model"},
    {IDN_HINDERED_LIST, IDN_WHY_LIST_MISSING, "does not hold the job's data set",
        "do not hold the job's data set"},
    {IDN_HINDERED_UNAVAILABLE, IDN_WHY_UNAVAILABLE, "failed to load the job's list or model",
        "failed to load the job's list or model"},
    {IDN_HINDERED_CLASS, IDN_WHY_OTHER_CLASS, "is of another numerics class than its results",
        "are of another numerics class than its results"},
    {IDN_HINDERED_DRAINED, IDN_WHY_DRAINED, "is drained", "are drained"},
    {IDN_HINDERED_BENCHED, IDN_WHY_BENCHED, "is benched, because its process kept dying",
        "are benched, because their processes kept dying"},
    {IDN_HINDERED_STUCK, IDN_WHY_STUCK, "beats, but its work does not get on",
        "beat, but their work does not get on"},
    {IDN_HINDERED_SUSPECTED, IDN_WHY_SUSPECTED, "is silent just now and gets nothing new",
        "are silent just now and get nothing new"},
    {IDN_HINDERED_UNREACHABLE, IDN_WHY_UNREACHABLE, "has no connection to the broker just now",
        "have no connection to the broker just now"},
    {IDN_HINDERED_LEAVING, IDN_WHY_LEAVING, "is leaving", "are leaving"},
    {IDN_HINDERED_DEAD, IDN_WHY_DEAD, "fell silent and was given up",
        "fell silent and were given up"},
};
enum { REASONS = sizeof(hindrances) / sizeof(*hindrances) };

static void put_names(
    char *text, size_t size, const struct idn_worker *const *worker, uint32_t count)
{
    uint32_t shown = 0;

    for (; shown < count && shown < NAMES_SHOWN && strnlen(text, size) < NAMES_LENGTH; shown++)
        idn_format_append(text, size, "%s%s", shown == 0 ? " (" : ", ", worker[shown]->name);
    if (shown < count)
        idn_format_append(text, size, " and %s more", idn_human_count(count - shown).text);
    idn_format_append(text, size, ")");
}

// What they do not have.
static void put_object(char *text, size_t size, uint32_t code, const struct idn_job_spec *spec)
{
    if (code == IDN_WHY_MODEL_MISSING || code == IDN_WHY_UNAVAILABLE)
        idn_format_append(text, size, " %s", spec->model);
    if (code == IDN_WHY_LIST_MISSING)
        idn_format_append(text, size, " %s", spec->dataset);
}

static void put_remedy(char *text, size_t size, uint32_t code, const struct idn_worker *first)
{
    if (code == IDN_WHY_MODEL_MISSING || code == IDN_WHY_LIST_MISSING)
        idn_format_append(text, size, "; idunno-ctl workers says why");
    if (code == IDN_WHY_DRAINED)
        idn_format_append(text, size, ", until idunno-ctl undrain");
    if (code == IDN_WHY_UNAVAILABLE)
        idn_format_append(text, size, "; %s says: %s", first->name, first->note);
}

static void put_hindrance(
    char *text, size_t size, const struct idn_job *job, const struct tally *tally, uint32_t reason)
{
    enum idn_hindrance hindrance = hindrances[reason].hindrance;
    uint32_t count = tally->count[hindrance];
    const struct idn_worker *const *worker = tally->worker[hindrance];

    idn_format_append(text, size, "%s worker%s %s", idn_human_count(count).text, plural(count),
        count == 1 ? hindrances[reason].one : hindrances[reason].many);
    put_object(text, size, hindrances[reason].code, &job->spec);
    put_names(text, size, worker, count);
    put_remedy(text, size, hindrances[reason].code, worker[0]);
}

// When they will be tried again: the last of those that are named.
static uint64_t left_ms(const struct tally *tally, uint32_t code, uint64_t now)
{
    uint64_t end = 0;

    if (code != IDN_WHY_BENCHED)
        return 0;
    for (uint32_t i = 0; i < tally->count[IDN_HINDERED_BENCHED] && i < IDN_WHY_NAMES_MAX; i++) {
        uint64_t ms = tally->worker[IDN_HINDERED_BENCHED][i]->benched_ms + IDN_BENCH_MS;
        end = ms > end ? ms : end;
    }
    return end > now ? end - now : 0;
}

static void say_hindered(
    struct idn_why_info *info, const struct idn_job *job, const struct tally *tally, uint64_t now)
{
    for (uint32_t i = 0; i < REASONS; i++) {
        const enum idn_hindrance hindrance = hindrances[i].hindrance;
        if (tally->count[hindrance] == 0)
            continue;
        struct idn_why_fact *fact = idn_why_add(info, hindrances[i].code);
        fact->count = tally->count[hindrance];
        fact->ms = left_ms(tally, fact->code, now);
        put_hindrance(fact->text, sizeof(fact->text), job, tally, i);
        for (; fact->names < fact->count && fact->names < IDN_WHY_NAMES_MAX; fact->names++)
            idn_copy_text(fact->worker[fact->names], IDN_NAME_SIZE,
                tally->worker[hindrance][fact->names]->name);
    }
}

// Of those that are there; REASONS: nothing.
static uint32_t commonest(const struct tally *tally)
{
    uint32_t best = REASONS, most = 0;

    for (uint32_t i = 0; i < REASONS; i++) {
        const enum idn_hindrance hindrance = hindrances[i].hindrance;
        if (hindrance == IDN_HINDERED_DEAD || hindrance == IDN_HINDERED_LEAVING ||
            tally->count[hindrance] <= most)
            continue;
        best = i;
        most = tally->count[hindrance];
    }
    return best;
}

// ---- what stops a job altogether

// The broker grants nothing to anybody.
static bool stops_all(const struct idn_core *core, struct idn_why_fact *fact)
{
    char *text = fact->text;

    if (core->disk_low) {
        fact->code = IDN_WHY_DISK_LOW;
        fact->count = core->free_bytes;
        fact->total = core->min_free_bytes;
        idn_format(text, IDN_TEXT_SIZE,
            "only %s MiB are free on the broker's disk, %s MiB are needed: until there is room no "
            "job is accepted and no image is given out",
            idn_human_count(core->free_bytes >> 20).text,
            idn_human_count(core->min_free_bytes >> 20).text);
    } else if (!core->active) {
        fact->code = IDN_WHY_STARTING;
        idn_format(
            text, IDN_TEXT_SIZE, "the broker has just started and waits to hear from the workers");
    } else if (idn_dispatch_is_open(core)) {
        return false;
    } else if (core->roles.stage == IDN_STAGE_YIELDING) {
        fact->code = IDN_WHY_HANDING_OVER;
        idn_format(text, IDN_TEXT_SIZE, "the broker is handing over to its standby");
    } else {
        fact->code = IDN_WHY_UNCONFIRMED;
        idn_format(text, IDN_TEXT_SIZE,
            "the broker stood still, and waits to hear that no other has taken over");
    }
    return true;
}

// Nothing of it can be granted to anybody.
static bool stops_job(
    const struct idn_core *core, const struct idn_job *job, struct idn_why_fact *fact)
{
    char *text = fact->text;

    if (job->model == IDN_NONE) {
        fact->code = IDN_WHY_MODEL_CHANGED;
        idn_format(text, IDN_TEXT_SIZE,
            "the model %s is not the one that the job was accepted with", job->spec.model);
    } else if (job->dataset == IDN_NONE) {
        fact->code = IDN_WHY_DATASET_CHANGED;
        idn_format(text, IDN_TEXT_SIZE,
            "the data set %s is not the one that the job was accepted with", job->spec.dataset);
    } else if (job->images.pages == 0 && idn_job_is_read_back(job)) {
        fact->code = IDN_WHY_READ_BACK;
        idn_format(text, IDN_TEXT_SIZE, "its results are being read back from the store");
    } else if (idn_job_waits_for_hellos(core, job)) {
        fact->code = IDN_WHY_STARTING;
        idn_format(
            text, IDN_TEXT_SIZE, "the broker has just started and waits to hear from the workers");
    } else {
        return false;
    }
    return true;
}

// No worker may get anything of it.
static bool stops_workers(const struct tally *tally, struct idn_why_fact *fact)
{
    if (tally->count[IDN_UNHINDERED] > 0)
        return false;
    fact->total = tally->there;
    fact->code = tally->there == 0 ? IDN_WHY_NO_WORKER : IDN_WHY_NONE_ABLE;
    if (tally->there == 0)
        idn_format(fact->text, IDN_TEXT_SIZE, "no worker is there");
    else if (tally->there == 1)
        idn_format(fact->text, IDN_TEXT_SIZE, "the only worker cannot work on it");
    else
        idn_format(fact->text, IDN_TEXT_SIZE, "none of the %s workers can work on it",
            idn_human_count(tally->there).text);
    return true;
}

static void say_why_it_waits(
    const struct idn_core *core, const struct idn_job *job, char *text, size_t size)
{
    struct idn_why_fact fact = {.code = 0};
    struct tally tally;

    if (stops_all(core, &fact) || stops_job(core, job, &fact)) {
        idn_copy_text(text, size, fact.text);
        return;
    }
    take_tally(core, job, &tally);
    if (!stops_workers(&tally, &fact))
        return;
    uint32_t reason = commonest(&tally);
    if (reason == REASONS) {
        idn_copy_text(text, size, fact.text);
        return;
    }
    idn_format(text, size, "no worker can work on it: ");
    put_hindrance(text, size, job, &tally, reason);
}

static void put_rivals(char *text, size_t size)
{
    idn_format_append(text, size,
        "its key was another job's too while the brokers were apart; the earlier one counts");
}

void idn_job_why(const struct idn_core *core, const struct idn_job *job, char *text, size_t size)
{
    text[0] = '\0';
    if (job->state == IDN_JOB_OPEN &&
        (idn_job_in_flight(job) == 0 || (core->disk_low && idn_job_without_result(job) > 0)))
        say_why_it_waits(core, job, text, size);
    if (job->rivals && text[0] != '\0')
        idn_format_append(text, size, "; ");
    if (job->rivals)
        put_rivals(text, size);
}

uint32_t idn_why_nobody_works(
    const struct idn_core *core, uint32_t *ret_there, struct idn_hindered *ret)
{
    struct idn_why_fact fact = {.code = 0};
    struct tally tally = {.there = 0};

    for (uint32_t i = 0; i < core->workers_touched; i++)
        if (core->worker[i].presence != IDN_PRESENCE_FREE)
            count_in(&tally, &core->worker[i], idn_worker_hindrance(&core->worker[i]));
    *ret_there = tally.there;
    *ret = (struct idn_hindered){.suspected = tally.count[IDN_HINDERED_SUSPECTED],
        .drained = tally.count[IDN_HINDERED_DRAINED],
        .benched = tally.count[IDN_HINDERED_BENCHED],
        .stuck = tally.count[IDN_HINDERED_STUCK],
        .unreachable = tally.count[IDN_HINDERED_UNREACHABLE]};
    if (tally.there == 0 || stops_all(core, &fact))
        return fact.code;
    return tally.count[IDN_UNHINDERED] > 0 ? 0 : hindrances[commonest(&tally)].code;
}

// ---- what else there is to say

static void say_images(const struct idn_job *job, struct idn_why_info *info)
{
    const uint32_t *kind = job->images.kind;
    uint32_t alone = kind[IDN_IMAGE_SUSPECT] + kind[IDN_IMAGE_SUSPECT_LEASED],
             quarantined = kind[IDN_IMAGE_QUARANTINED];
    struct idn_why_fact *fact;

    if (job->state == IDN_JOB_OPEN && alone > 0) {
        fact = idn_why_add(info, IDN_WHY_ALONE);
        fact->count = alone;
        idn_format(fact->text, IDN_TEXT_SIZE, "%s%s computed alone, because a process died with %s",
            idn_why_images(alone).text, kind[IDN_IMAGE_SUSPECT_LEASED] == 0 ? " to be" : "",
            alone == 1 ? "it" : "them");
    }
    if (quarantined > 0) {
        fact = idn_why_add(info, IDN_WHY_QUARANTINED);
        fact->count = quarantined;
        idn_format(fact->text, IDN_TEXT_SIZE,
            "%s in quarantine, because processes died with %s alone; idunno-ctl quarantine retry "
            "tries again",
            idn_why_images(quarantined).text, quarantined == 1 ? "it" : "them");
    }
}

static void say_odd(
    const struct idn_core *core, const struct idn_job *job, struct idn_why_info *info)
{
    if (job->rivals)
        put_rivals(idn_why_add(info, IDN_WHY_RIVALS)->text, IDN_TEXT_SIZE);
    if (job->state == IDN_JOB_OPEN && idn_requests_lack_mirror(core))
        idn_format(idn_why_add(info, IDN_WHY_NO_STANDBY)->text, IDN_TEXT_SIZE,
            "no standby is in sync, though the configuration says mirror = required: this job goes "
            "on, new ones are refused");
}

static void say_expected(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_why_info *info)
{
    double rate = idn_measure_expected_images_per_s(core, job, now);
    uint32_t left = idn_job_total(job) - idn_job_done(job);
    uint64_t ms;

    if (left == 0 || !idn_measure_finish_ms(core, job, now, &ms))
        return;
    struct idn_why_fact *fact = idn_why_add(info, IDN_WHY_EXPECTED);
    fact->count = left;
    fact->ms = ms;
    idn_format(fact->text, IDN_TEXT_SIZE, "%s left, at %s a second: about %s",
        idn_why_images(left).text, idn_human_rate(rate).text, idn_human_duration(ms).text);
}

// ---- the answer

static void say_open(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_why_info *info)
{
    struct idn_why_fact fact = {.code = 0};
    struct tally tally;

    take_tally(core, job, &tally);
    if (stops_all(core, &fact))
        *idn_why_add(info, fact.code) = fact;
    fact = (struct idn_why_fact){.code = 0};
    if (stops_job(core, job, &fact)) {
        *idn_why_add(info, fact.code) = fact; // then it matters little what workers could do
        return;
    }
    bool none = stops_workers(&tally, &fact);
    if (none) {
        *idn_why_add(info, fact.code) = fact;
        say_hindered(info, job, &tally, now);
    } else {
        idn_why_shares(core, job, now, info);
    }
    idn_why_working(core, job, tally.count[IDN_UNHINDERED], info);
    if (!none)
        say_hindered(info, job, &tally, now);
}

void idn_why(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_why_info *ret)
{
    ret->job = job->key;
    ret->state = job->state;
    idn_copy_text(ret->model, sizeof(ret->model), job->spec.model);
    ret->images = idn_job_total(job);
    ret->done = idn_job_done(job);
    ret->in_flight = idn_job_in_flight(job);
    ret->facts = ret->shares = ret->jobs = 0;
    if (job->state == IDN_JOB_OPEN)
        say_open(core, job, now, ret);
    else
        idn_why_ended(core, job, ret);
    say_images(job, ret);
    say_odd(core, job, ret);
    if (job->state == IDN_JOB_OPEN)
        say_expected(core, job, now, ret);
}

void idn_why_upload(const struct idn_upload *upload, struct idn_why_info *ret)
{
    ret->job = upload->key;
    ret->state = ret->images = ret->done = ret->in_flight = 0;
    ret->facts = ret->shares = ret->jobs = 0;
    ret->model[0] = '\0';
    struct idn_why_fact *fact = idn_why_add(ret, IDN_WHY_UPLOADING);
    fact->count = upload->have;
    fact->total = upload->total;
    idn_format(fact->text, IDN_TEXT_SIZE,
        "it is not submitted yet: %s of the %s bytes of its list are here",
        idn_human_count(fact->count).text, idn_human_count(fact->total).text);
}
