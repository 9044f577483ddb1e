#include "broker/core/settings.h"

#include "broker/core/actions.h"
#include "broker/core/jobs.h"
#include "broker/core/measure.h"
#include "broker/core/policy.h"
#include "broker/core/promises.h"
#include "broker/core/requests.h"
#include "broker/core/roles.h"
#include "broker/core/workers.h"

#include <string.h>

enum { NAMES_MAX = 256 }; // that a mistyped one is compared with

// A setting as far as its key and value say it.
struct setting {
    const struct kind *kind;
    const char *name; // what the key says behind the slash
    struct idn_key job;
    uint32_t value;
};

struct kind {
    const char *key;
    uint32_t least, most;
    const char *none; // the word for 0, which nothing is set by; NULL: there is none
    // The stamp of what is set; NULL: nothing can be. *ret_value: what it is now.
    struct idn_stamp *(*find)(
        struct idn_core *core, const struct setting *setting, uint32_t *ret_value);
    void (*apply)(struct idn_core *core, const struct setting *setting);
    // Whether it may be asked for; refuses. May fill in the job.
    bool (*check)(struct idn_core *core, idn_peer peer, const struct idn_request *request,
        struct setting *setting);
};

// ---- batch/MODEL

static int32_t model_named(const struct idn_core *core, const char *name)
{
    for (uint32_t i = 0; i < core->models; i++)
        if (strcmp(core->model[i].name, name) == 0)
            return (int32_t)i;
    return IDN_NONE;
}

static struct idn_stamp *find_batch(
    struct idn_core *core, const struct setting *setting, uint32_t *ret_value)
{
    int32_t model = model_named(core, setting->name);

    if (model == IDN_NONE)
        return NULL;
    *ret_value = core->batch_value[model];
    return &core->batch_set[model];
}

static void for_jobs_of(
    struct idn_core *core, int32_t model, void (*visit)(struct idn_core *core, struct idn_job *job))
{
    IDN_EACH(link, &core->open)
    {
        struct idn_job *job = IDN_ENTRY(link, struct idn_job, in_open);
        if (job->model == model)
            visit(core, job);
    }
}

static void apply_batch(struct idn_core *core, const struct setting *setting)
{
    int32_t model = model_named(core, setting->name);
    uint32_t batch = setting->value == 0 ? core->batch_configured[model] : setting->value;

    core->batch_value[model] = setting->value;
    if (core->model[model].batch == batch)
        return;
    for_jobs_of(core, model, idn_policy_uncharge);
    core->model[model].batch = batch;
    for_jobs_of(core, model, idn_policy_charge);
    idn_measure_batch(core, (uint32_t)model);
}

static bool check_batch(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    struct setting *setting)
{
    const char *names[IDN_MODELS_MAX];

    if (model_named(core, setting->name) != IDN_NONE)
        return true;
    for (uint32_t i = 0; i < core->models; i++)
        names[i] = core->model[i].name;
    idn_requests_unknown(core, peer, request->id, IDN_REFUSED_UNKNOWN_MODEL, "model", setting->name,
        names, core->models);
    return false;
}

// ---- weight

static struct idn_stamp *find_weight(
    struct idn_core *core, const struct setting *setting, uint32_t *ret_value)
{
    struct idn_job *job = idn_jobs_find(core, &setting->job);

    if (job == NULL)
        return NULL;
    *ret_value = job->weight;
    return &job->weight_set;
}

static void apply_weight(struct idn_core *core, const struct setting *setting)
{
    struct idn_job *job = idn_jobs_find(core, &setting->job);

    if (job->weight == setting->value)
        return;
    if (job->state == IDN_JOB_OPEN)
        idn_measure_change(core, IDN_CHANGE_WEIGHT);
    idn_policy_uncharge(core, job);
    job->weight = setting->value;
    idn_policy_charge(core, job);
    idn_measure_terms(core, job);
    idn_jobs_touch(core, job);
}

static bool check_weight(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    struct setting *setting)
{
    const struct idn_job *job;

    if (request->job.bits == 0) {
        idn_copy_text(idn_refuse(core, peer, request->id, IDN_REFUSED_MALFORMED), IDN_TEXT_SIZE,
            "a weight is a job's: the request names none");
        return false;
    }
    job = idn_request_job(core, peer, request);
    if (job != NULL)
        setting->job = job->key;
    return job != NULL;
}

// ---- drain/WORKER

static struct idn_stamp *find_drain(
    struct idn_core *core, const struct setting *setting, uint32_t *ret_value)
{
    struct idn_drained_name *found = idn_drained_find(&core->drained, setting->name);

    *ret_value = found != NULL && found->drained;
    return found == NULL ? NULL : &found->set;
}

static void apply_drain(struct idn_core *core, const struct setting *setting)
{
    struct idn_worker *worker = idn_workers_find_name(core, setting->name);
    bool drained = setting->value == 1;

    idn_drained_find(&core->drained, setting->name)->drained = drained;
    if (worker == NULL)
        return;
    if (worker->drained != drained && idn_worker_is_here(worker))
        idn_measure_change(core, IDN_CHANGE_DRAIN);
    idn_worker_drain(core, worker, drained);
}

static void refuse_worker(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, const char *name)
{
    const char *names[NAMES_MAX], *nearest;
    uint32_t count = 0;

    for (uint32_t i = 0; i < core->workers_touched && count < NAMES_MAX; i++)
        if (core->worker[i].presence != IDN_PRESENCE_FREE)
            names[count++] = core->worker[i].name;
    nearest = idn_nearest(name, names, count);
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_UNKNOWN_WORKER), IDN_TEXT_SIZE,
        "no worker is named %s%s%s%s", name,
        nearest == NULL ? "; idunno-ctl workers lists them" : "; did you mean ",
        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

static bool check_drain(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    struct setting *setting)
{
    const char *when;

    if (idn_drained_find(&core->drained, setting->name) != NULL)
        return true;
    if (idn_workers_find_name(core, setting->name) == NULL) {
        refuse_worker(core, peer, request, setting->name);
        return false;
    }
    if (core->drained.count < idn_requests_limit(core, core->drained_max, &when))
        return true;
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_DRAINED_FULL), IDN_TEXT_SIZE,
        "%u different workers have been drained, which is the limit%s; stop %s instead",
        core->drained.count, when, setting->name);
    return false;
}

// ---- all of them

static const struct kind kinds[] = {
    {"batch/", 1, IDN_BATCH_MAX, "default", find_batch, apply_batch, check_batch},
    {"weight", 1, IDN_WEIGHT_MAX, NULL, find_weight, apply_weight, check_weight},
    {"drain/", 0, 1, NULL, find_drain, apply_drain, check_drain},
};

static const struct kind *kind_of(const char *key, const char **ret_name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t length = strlen(kinds[i].key);
        bool named = kinds[i].key[length - 1] == '/';
        *ret_name = key + length;
        if (strncmp(key, kinds[i].key, length) == 0 && named == (**ret_name != '\0') &&
            strlen(*ret_name) < IDN_NAME_SIZE)
            return &kinds[i];
    }
    return NULL;
}

static bool take_value(const struct kind *kind, const char *text, uint32_t *ret)
{
    uint64_t value;

    if (kind->none != NULL && strcmp(text, kind->none) == 0) {
        *ret = 0;
        return true;
    }
    if (idn_parse_u64(text, kind->most, &value) != 0 || value < kind->least)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static bool counts(const struct idn_stamp *set, struct idn_epoch epoch, struct idn_origin origin)
{
    return idn_fact_order(set->epoch, set->origin, epoch, origin) < 0;
}

bool idn_settings_fold(struct idn_core *core, const struct idn_fact *fact)
{
    struct setting setting = {.job = fact->job};
    uint32_t now;

    setting.kind = kind_of(fact->u.setting.key, &setting.name);
    if (setting.kind == NULL || !take_value(setting.kind, fact->u.setting.value, &setting.value))
        return true;
    if (setting.kind->apply == apply_drain && !idn_drained_put(&core->drained, setting.name))
        return false;
    struct idn_stamp *set = setting.kind->find(core, &setting, &now);
    if (set == NULL || !counts(set, fact->epoch, fact->origin))
        return true;
    *set = (struct idn_stamp){.epoch = fact->epoch, .origin = fact->origin};
    setting.kind->apply(core, &setting);
    return true;
}

static void commit(
    struct idn_core *core, const struct idn_request *request, const struct setting *setting)
{
    struct idn_fact *fact = idn_commit(core, IDN_FACT_SETTING, &setting->job);

    memcpy(fact->u.setting.key, request->u.set.key, sizeof(fact->u.setting.key));
    if (setting->value == 0 && setting->kind->none != NULL)
        idn_copy_text(fact->u.setting.value, sizeof(fact->u.setting.value), setting->kind->none);
    else
        idn_format(fact->u.setting.value, sizeof(fact->u.setting.value), "%u", setting->value);
    bool folded = idn_settings_fold(core, fact);
    IDN_ASSERT(folded);
}

// What is so already needs no other fact: a lost reply is asked for again. But what only the
// configuration says is set, for the other broker's may say something else.
static void set(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    const struct setting *setting)
{
    struct idn_origin next = {core->incarnation, core->sequence + 1};
    uint32_t now;
    const struct idn_stamp *before = setting->kind->find(core, setting, &now);
    bool is_set = before == NULL || before->origin.sequence != 0;

    // Set in a reign above this one, which is about to be renewed: the client asks again.
    if (before != NULL && !counts(before, core->epoch, next)) {
        idn_copy_text(idn_refuse(core, peer, request->id, IDN_REFUSED_NOT_ACTIVE), IDN_TEXT_SIZE,
            "this broker is about to begin another reign; ask again");
        return;
    }
    if (now != setting->value || !is_set)
        commit(core, request, setting);
    idn_promise(core, peer, request->id, IDN_PROMISE_ACCEPTED, &setting->job, core->position, 0);
}

void idn_settings_request(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct setting setting = {.job = {{0}}};
    const char *key = request->u.set.key, *value = request->u.set.value;

    setting.kind = kind_of(key, &setting.name);
    if (setting.kind == NULL) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_UNKNOWN_SETTING), IDN_TEXT_SIZE,
            "there is no setting %s; there are batch/MODEL, weight (of a job) and drain/WORKER",
            key);
        return;
    }
    if (!take_value(setting.kind, value, &setting.value)) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_VALUE), IDN_TEXT_SIZE,
            "%s = '%s' is not a whole number from %u to %u%s%s", key, value, setting.kind->least,
            setting.kind->most, setting.kind->none == NULL ? "" : ", or ",
            setting.kind->none == NULL ? "" : setting.kind->none);
        return;
    }
    if (setting.kind->check(core, peer, request, &setting))
        set(core, peer, request, &setting);
}
