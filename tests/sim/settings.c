#include "tests/sim/settings.h"

#include "tests/sim/broker.h"

#include "broker/core/jobs.h"

#include <stdlib.h>

enum { UNDRAIN_ONE_IN = 4 };

static void draw_drain(struct sim *sim, bool drained, struct idn_request *ret)
{
    (void)snprintf(
        ret->u.set.key, IDN_SETTING_SIZE, "drain/worker-%u", sim_below(sim, sim->plan.workers));
    (void)snprintf(ret->u.set.value, IDN_NAME_SIZE, "%d", drained);
}

static void draw_any(struct sim *sim, struct idn_request *ret)
{
    uint32_t which = sim_below(sim, 6);

    if (which >= 3) {
        draw_drain(sim, which == 3, ret);
        return;
    }
    if (which == 2)
        (void)snprintf(ret->u.set.key, IDN_SETTING_SIZE, "batch/%s",
            sim_model_names[sim_below(sim, SIM_MODELS)]);
    else
        (void)snprintf(ret->u.set.key, IDN_SETTING_SIZE, "weight");
    (void)snprintf(ret->u.set.value, IDN_NAME_SIZE, "%u", 1 + sim_below(sim, 60));
}

// An operator may have had a job retried that all clients were done with.
static bool is_job_open(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        if (sim->broker[i].status.jobs_open > 0)
            return true;
    return false;
}

bool sim_setting_draw(struct sim *sim, bool done, struct idn_request *ret)
{
    bool faults = sim->phase == SIM_SAFETY;

    done = done && !is_job_open(sim);

    if (sim->plan.settings == 0 || (!faults && done) ||
        (faults ? sim_below(sim, 100) >= sim->plan.settings : sim_below(sim, UNDRAIN_ONE_IN) > 0))
        return false;
    memset(ret, 0, sizeof(*ret));
    ret->type = IDN_REQUEST_SET;
    if (faults)
        draw_any(sim, ret);
    else
        draw_drain(sim, false, ret);
    return true;
}

bool sim_setting_may_be_refused(uint32_t code)
{
    return code == IDN_REFUSED_NOT_ACTIVE || code == IDN_REFUSED_UNKNOWN_WORKER ||
           code == IDN_REFUSED_UNKNOWN_JOB || code == IDN_REFUSED_UNKNOWN_HERE ||
           code == IDN_REFUSED_FORGOTTEN || code == IDN_REFUSED_SLOW_DOWN;
}

static bool is_set_to(const struct idn_fact *fact, const char *key, const struct idn_key *job)
{
    return fact->kind == IDN_FACT_SETTING && strcmp(fact->u.setting.key, key) == 0 &&
           (strcmp(key, "weight") != 0 || idn_key_equal(&fact->job, job));
}

static void check_stored(struct sim *sim, uint32_t broker, const struct idn_request *request)
{
    const struct sim_disk *disk = &sim->disk[broker];
    const char *key = request->u.set.key, *value = request->u.set.value;
    bool drained = strcmp(value, "0") != 0; // nothing need be stored of a worker that never was

    for (size_t i = 0; i < disk->stored; i++) {
        const struct idn_fact *fact = &disk->fact[i].fact;
        if (is_set_to(fact, key, &request->job.key) && strcmp(fact->u.setting.value, value) == 0)
            return;
    }
    if (drained)
        sim_fail(sim, "broker %c acknowledges %s = %s, which it has not stored", 'a' + (int)broker,
            key, value);
}

bool sim_check_set(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    for (uint32_t i = 0; i < sim->plan.clients; i++) {
        const struct idn_session *session = &sim->client[i].session;
        if (sim->net.peer[broker][SIM_FIRST_CLIENT + i] != action->peer || !session->busy ||
            session->request.id != action->u.reply.id || session->request.type != IDN_REQUEST_SET)
            continue;
        check_stored(sim, broker, &session->request);
        return true;
    }
    return false;
}

// The highest setting on the disk, or `otherwise`.
static uint32_t setting(const struct sim *sim, uint32_t broker, const char *key,
    const struct idn_key *job, uint32_t otherwise)
{
    const struct sim_disk *disk = &sim->disk[broker];
    const struct idn_fact *highest = NULL;

    for (size_t i = 0; i < disk->count; i++) {
        const struct idn_fact *fact = &disk->fact[i].fact;
        if (is_set_to(fact, key, job) &&
            (highest == NULL ||
                idn_fact_order(fact->epoch, fact->origin, highest->epoch, highest->origin) > 0))
            highest = fact;
    }
    return highest == NULL ? otherwise : (uint32_t)strtoul(highest->u.setting.value, NULL, 10);
}

static void check(
    struct sim *sim, uint32_t broker, const char *key, uint32_t value, uint32_t wanted)
{
    if (value != wanted)
        sim_fail(
            sim, "broker %c has %s = %u, by its facts %u", 'a' + (int)broker, key, value, wanted);
}

void sim_check_settings(struct sim *sim, uint32_t broker)
{
    const struct idn_core *core = sim->broker[broker].core;
    char key[IDN_SETTING_SIZE];

    if (sim->plan.settings == 0)
        return;
    for (uint32_t i = 0; i < SIM_MODELS; i++) {
        (void)snprintf(key, sizeof(key), "batch/%s", sim_model_names[i]);
        check(sim, broker, key, core->model[i].batch,
            setting(sim, broker, key, NULL, sim->plan.batch[i]));
    }
    for (uint32_t i = 0; i < sim->plan.workers; i++) {
        (void)snprintf(key, sizeof(key), "drain/worker-%u", i);
        check(sim, broker, key, idn_drained_has(&core->drained, key + strlen("drain/")),
            setting(sim, broker, key, NULL, 0));
    }
    for (uint32_t i = 0; i < sim->jobs; i++) {
        const struct idn_job *job = idn_jobs_find(core, &sim->job[i].key);
        if (job != NULL)
            check(sim, broker, "weight", job->weight,
                setting(sim, broker, "weight", &job->key, job->spec.weight));
    }
}
