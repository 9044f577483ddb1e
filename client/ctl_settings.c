// idunno-ctl weight, batch, drain, undrain: what can be set while the cluster runs.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"

#include "base/format.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

// The end of a sentence about what was set; durable 0: nothing was.
static int end_told(const struct idn_ctl *ctl, uint32_t durable)
{
    bool lacks = durable == 1 && ctl->cluster.brokers > 1;

    (void)printf("%s\n", lacks ? " (stored by one broker only)" : "");
    return IDN_EXIT_OK;
}

// ---- weight

static bool take_number(const char *text, const char *what, uint64_t most, uint64_t *ret)
{
    if (idn_parse_u64(text, most, ret) == 0 && *ret > 0)
        return true;
    (void)idn_program_usage(IDN_CTL, "the %s '%.100s' is not a whole number from 1 to %llu", what,
        text, (unsigned long long)most);
    return false;
}

static void weight_json(const struct idunno_info *info, uint32_t durable)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "job", info->job.id);
    idn_json_u64(&json, "weight", info->weight);
    idn_json_u64(&json, "durable", durable);
    idn_json_end(&json);
}

// Of the broker that has just answered.
static bool ignores_weights(struct idn_ctl *ctl)
{
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    const struct idn_reply *reply;

    return idn_call(ctl->idunno, &request, &reply) == IDUNNO_OK &&
           strcmp(reply->u.status.policy, "fifo") == 0;
}

static void tell_weight(struct idn_ctl *ctl, const struct idunno_info *info, uint32_t before)
{
    const char *rest = info->state != IDUNNO_OPEN ? "; it has ended, so that changes nothing"
                       : ignores_weights(ctl)
                           ? "; the policy is fifo, which does not look at weights"
                           : "";

    if (info->weight == before)
        (void)printf("job %.8s has weight %s, as before%s", info->job.id,
            idn_human_count(info->weight).text, rest);
    else
        (void)printf("job %.8s has weight %s now, %s before%s", info->job.id,
            idn_human_count(info->weight).text, idn_human_count(before).text, rest);
}

int idn_ctl_weight(struct idn_ctl *ctl)
{
    struct idunno_info info;
    uint32_t durable, before;
    uint64_t weight;

    if (!take_number(ctl->value, "weight", IDN_WEIGHT_MAX, &weight))
        return IDN_EXIT_USAGE;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);
    before = info.weight;
    if (code == IDUNNO_OK)
        code = idn_call_set(ctl->idunno, &info.job, "weight", ctl->value, &durable);
    if (code == IDUNNO_OK)
        code = idunno_find(ctl->idunno, info.job.id, &info);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    if (ctl->json) {
        weight_json(&info, durable);
        return IDN_EXIT_OK;
    }
    tell_weight(ctl, &info, before);
    return end_told(ctl, durable);
}

// ---- batch

struct models {
    const char *names[IDN_MODELS_MAX];
    char name[IDN_MODELS_MAX][IDN_NAME_SIZE];
    uint32_t batch[IDN_MODELS_MAX], configured[IDN_MODELS_MAX];
    bool is_set[IDN_MODELS_MAX], built_in[IDN_MODELS_MAX];
    size_t count;
};

static bool note_model(void *context, const void *row)
{
    struct models *models = context;
    const struct idn_entry_info *entry = row;

    if (models->count == IDN_MODELS_MAX)
        return true;
    (void)snprintf(models->name[models->count], IDN_NAME_SIZE, "%s", entry->name);
    models->names[models->count] = models->name[models->count];
    models->configured[models->count] = entry->configured;
    models->is_set[models->count] = entry->is_set;
    models->built_in[models->count] = entry->built_in;
    models->batch[models->count++] = entry->count;
    return true;
}

static void batch_json(const char *model, uint64_t batch, uint32_t durable)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "model", model);
    idn_json_u64(&json, "batch", batch);
    if (durable > 0)
        idn_json_u64(&json, "durable", durable);
    else
        idn_json_null(&json, "durable");
    idn_json_end(&json);
}

static enum idunno_code set_batch(struct idn_ctl *ctl, uint32_t *ret_durable)
{
    char key[IDN_SETTING_SIZE];

    (void)snprintf(key, sizeof(key), "batch/%.63s", ctl->id);
    return idn_call_set(ctl->idunno, NULL, key, ctl->value, ret_durable);
}

static void tell_batch(
    const struct idn_ctl *ctl, const struct models *models, size_t at, uint64_t batch)
{
    uint32_t before = models->batch[at];

    (void)printf("%s: %s image%s a task", ctl->id, idn_human_count(batch).text, idn_plural(batch));
    if (ctl->value != NULL && batch == before)
        (void)printf(", as before");
    else if (ctl->value != NULL)
        (void)printf(" from now on, %s before", idn_human_count(before).text);
    else if (models->is_set[at])
        (void)printf(", set by idunno-ctl batch; %s %s, and idunno-ctl batch %s default returns to "
                     "that",
            models->built_in[at] ? "built in is" : "the configuration says",
            idn_human_count(models->configured[at]).text, ctl->id);
    else
        (void)printf(", %s", models->built_in[at] ? "as built in" : "as the configuration says");
}

int idn_ctl_batch(struct idn_ctl *ctl)
{
    struct models models = {.count = 0};
    uint64_t batch = 0;
    uint32_t durable = 0;
    size_t at = 0;

    bool by_default = ctl->value != NULL && strcmp(ctl->value, "default") == 0;

    if (ctl->value != NULL && !by_default &&
        !take_number(ctl->value, "batch", IDN_BATCH_MAX, &batch))
        return IDN_EXIT_USAGE;
    enum idunno_code code = idn_call_rows(ctl->idunno, IDN_REQUEST_MODELS, note_model, &models);
    while (at < models.count && strcmp(models.name[at], ctl->id) != 0)
        at++;
    if (code == IDUNNO_OK && at == models.count)
        return idn_ctl_no_model(ctl->id, models.names, models.count);
    if (code == IDUNNO_OK && ctl->value != NULL)
        code = set_batch(ctl, &durable);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    if (by_default || ctl->value == NULL)
        batch = by_default ? models.configured[at] : models.batch[at];
    if (ctl->json) {
        batch_json(ctl->id, batch, durable);
        return IDN_EXIT_OK;
    }
    tell_batch(ctl, &models, at, batch);
    return end_told(ctl, durable);
}

// ---- drain, undrain

struct sought {
    const char *name;
    bool drained;      // or a worker of this name is to be
    bool found;        // it is here
    uint32_t leases;   // of its
    uint32_t can_work; // others
};

static bool note_worker(void *context, const void *row)
{
    struct sought *sought = context;
    const struct idn_worker_info *worker = row;

    if (strcmp(worker->name, sought->name) != 0) {
        sought->can_work += worker->state == IDN_WORKER_IDLE || worker->state == IDN_WORKER_BUSY;
        return true;
    }
    sought->drained = worker->drained;
    if (worker->state == IDN_WORKER_DEAD || worker->state == IDN_WORKER_AWAY)
        return true;
    sought->found = true;
    sought->leases = worker->leases;
    return true;
}

static enum idunno_code seek(struct idn_ctl *ctl, struct sought *ret)
{
    *ret = (struct sought){.name = ctl->id};
    return idn_call_rows(ctl->idunno, IDN_REQUEST_WORKERS, note_worker, ret);
}

static void drain_json(const struct sought *sought, bool drained, uint32_t durable)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "worker", sought->name);
    idn_json_bool(&json, "drained", drained);
    if (sought->found)
        idn_json_u64(&json, "leases", sought->leases);
    else
        idn_json_null(&json, "leases");
    idn_json_u64(&json, "others", sought->can_work);
    idn_json_u64(&json, "durable", durable);
    idn_json_end(&json);
}

static void tell_drained(const struct sought *sought, const char *as_before)
{
    if (!sought->found)
        (void)printf("worker %s gets nothing when it comes%s", sought->name, as_before);
    else if (sought->leases == 0)
        (void)printf(
            "worker %s gets nothing new%s, and has nothing left to do", sought->name, as_before);
    else
        (void)printf("worker %s gets nothing new%s, and finishes what it has begun; idunno-ctl "
                     "workers says when",
            sought->name, as_before);
    if (sought->found && sought->can_work == 0)
        (void)printf("; no other worker can work now: jobs wait until idunno-ctl undrain %s, or "
                     "until another can",
            sought->name);
}

static int set_drain(struct idn_ctl *ctl, bool drained)
{
    struct sought before, sought;
    char key[IDN_SETTING_SIZE];
    uint32_t durable;

    if (!idn_name_is_valid(ctl->id, IDN_NAME_SIZE))
        return idn_program_usage(
            IDN_CTL, "'%.100s' is no worker's name; idunno-ctl workers lists them", ctl->id);
    (void)snprintf(key, sizeof(key), "drain/%.63s", ctl->id);
    enum idunno_code code = seek(ctl, &before);
    if (code == IDUNNO_OK)
        code = idn_call_set(ctl->idunno, NULL, key, drained ? "1" : "0", &durable);
    if (code == IDUNNO_OK)
        code = seek(ctl, &sought);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    if (ctl->json) {
        drain_json(&sought, drained, durable);
        return IDN_EXIT_OK;
    }
    const char *as_before = before.drained == drained ? ", as before" : "";
    if (drained)
        tell_drained(&sought, as_before);
    else
        (void)printf("worker %s gets work%s%s", sought.name,
            !sought.found    ? " when it comes"
            : before.drained ? " again"
                             : "",
            as_before);
    return end_told(ctl, durable);
}

int idn_ctl_drain(struct idn_ctl *ctl)
{
    return set_drain(ctl, true);
}

int idn_ctl_undrain(struct idn_ctl *ctl)
{
    return set_drain(ctl, false);
}
