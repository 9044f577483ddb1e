#include "broker/core/info.h"

#include "broker/core/alike.h"
#include "broker/core/benched.h"
#include "broker/core/measure.h"
#include "broker/core/mirror.h"
#include "broker/core/requests.h"
#include "broker/core/roles.h"
#include "broker/core/why.h"
#include "broker/core/why_working.h"
#include "broker/core/workers.h"

void idn_job_info_of(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_job_info *ret)
{
    uint64_t wall = job->finished_wall_ms != 0 ? job->finished_wall_ms : core->wall;

    *ret = (struct idn_job_info){.key = job->key,
        .spec = job->spec,
        .state = job->state,
        .version = job->version,
        .ok = job->images.kind[IDN_IMAGE_OK],
        .failed = job->images.kind[IDN_IMAGE_ERROR],
        .quarantined = job->images.kind[IDN_IMAGE_QUARANTINED],
        .in_flight = idn_job_in_flight(job),
        .pending = idn_job_without_result(job),
        .batch = job->model >= 0 ? core->model[job->model].batch : 0,
        .workers = idn_job_workers(job),
        .created_wall_ms = job->created_wall_ms,
        .finished_wall_ms = job->finished_wall_ms,
        .elapsed_ms = wall > job->created_wall_ms ? wall - job->created_wall_ms : 0,
        .images_per_s = idn_measure_images_per_s(core, job, IDN_WINDOW_10S, now),
        .compute_us = job->compute_us,
        .conflicts = job->conflicts,
        .digest = job->digest};
    ret->spec.weight = job->weight;
    idn_job_why(core, job, ret->why, sizeof(ret->why));
    if (job->state == IDN_JOB_OPEN)
        (void)idn_measure_finish_ms(core, job, now, &ret->left_ms);
}

static uint32_t worker_state(const struct idn_worker *worker)
{
    static const uint32_t states[IDN_PRESENCE_COUNT] = {
        [IDN_PRESENCE_SUSPECTED] = IDN_WORKER_SUSPECTED,
        [IDN_PRESENCE_LEAVING] = IDN_WORKER_DRAINING,
        [IDN_PRESENCE_DEAD] = IDN_WORKER_DEAD,
    };

    if (worker->presence == IDN_PRESENCE_ALIVE && worker->drained)
        return worker->leases > 0 ? IDN_WORKER_DRAINING : IDN_WORKER_DRAINED;
    if (worker->presence == IDN_PRESENCE_ALIVE && worker->benched)
        return IDN_WORKER_BENCHED;
    if (worker->presence == IDN_PRESENCE_ALIVE)
        return worker->leases > 0 ? IDN_WORKER_BUSY : IDN_WORKER_IDLE;
    return states[worker->presence];
}

// Of what the broker's registry has and can use, which this worker holds and lacks.
static void count_holdings(
    const struct idn_core *core, const struct idn_worker *worker, struct idn_worker_info *ret)
{
    for (uint32_t i = 0; i < core->models; i++) {
        bool ready = worker->models >> i & 1;
        ret->models_ready += ready;
        ret->models_lacking += !ready && core->model[i].problem[0] == '\0';
    }
    for (uint32_t i = 0; i < core->datasets; i++) {
        bool ready = worker->datasets[i / 64] >> i % 64 & 1;
        ret->datasets_ready += ready;
        ret->datasets_lacking += !ready && core->dataset[i].problem[0] == '\0';
    }
}

static void put_note(const struct idn_worker *worker, uint64_t now, char *text, size_t size)
{
    idn_copy_text(
        text, size, worker->wedged ? "it beats, but its work does not get on" : worker->note);
    if (worker->benched)
        idn_benched_note(worker, now, text, size);
    if (worker->drained)
        idn_copy_text(text, size,
            worker->leases > 0 ? "drained: it finishes what it has begun"
                               : "drained: it has nothing to do, until idunno-ctl undrain");
}

void idn_worker_info_of(const struct idn_core *core, const struct idn_worker *worker, uint64_t now,
    struct idn_worker_info *ret)
{
    *ret = (struct idn_worker_info){.state = worker_state(worker),
        .threads = worker->threads,
        .drained = worker->drained,
        .leases = worker->leases,
        .images_done = worker->images_done,
        .images_per_s = idn_rate_of(&worker->rate, now),
        .silent_ms = now > worker->heard_ms ? now - worker->heard_ms : 0};
    idn_copy_text(ret->name, sizeof(ret->name), worker->name);
    idn_copy_text(ret->class_name, sizeof(ret->class_name), worker->class_name);
    put_note(worker, now, ret->note, sizeof(ret->note));
    count_holdings(core, worker, ret);
    if (worker->leases == 0)
        return;
    const struct idn_lease *lease = worker->lease[0];
    ret->job = lease->job->key;
    ret->lease_first = lease->job->spec.first + lease->first;
    ret->lease_count = lease->count;
    ret->lease_done = lease->count - lease->left;
}

void idn_drained_info_of(const struct idn_drained_name *name, struct idn_worker_info *ret)
{
    *ret = (struct idn_worker_info){.state = IDN_WORKER_AWAY, .drained = true};
    idn_copy_text(ret->name, sizeof(ret->name), name->name);
    idn_copy_text(ret->note, sizeof(ret->note), "drained: it gets nothing when it comes");
}

static void lease_info_of(const struct idn_lease *lease, uint64_t now, struct idn_lease_info *ret)
{
    *ret = (struct idn_lease_info){.job = lease->job->key,
        .first = lease->job->spec.first + lease->first,
        .count = lease->count,
        .done = lease->count - lease->left,
        .held_ms = (uint32_t)now - lease->held_since_ms,
        .confirmed = lease->confirmed,
        .trimming = lease->trimming,
        .alone = lease->alone,
        .returned = lease->urgent_ms != 0};
    idn_copy_text(ret->model, sizeof(ret->model), lease->job->spec.model);
}

void idn_assignment_info_of(
    const struct idn_worker *worker, uint64_t now, struct idn_assignment_info *ret)
{
    *ret = (struct idn_assignment_info){.state = worker_state(worker),
        .leases = worker->leases,
        .in_child = worker->in_child,
        .silent_ms = now > worker->heard_ms ? now - worker->heard_ms : 0};
    idn_copy_text(ret->name, sizeof(ret->name), worker->name);
    put_note(worker, now, ret->note, sizeof(ret->note));
    for (uint32_t i = 0; i < worker->leases; i++)
        lease_info_of(worker->lease[i], now, &ret->lease[i]);
}

void idn_model_info_of(const struct idn_core *core, uint32_t index, struct idn_entry_info *ret)
{
    const struct idn_core_model *model = &core->model[index];

    *ret = (struct idn_entry_info){.digest = model->digest,
        .count = model->batch,
        .configured = core->batch_configured[index],
        .is_set = core->batch_value[index] != 0,
        .built_in = model->batch_built_in};
    idn_copy_text(ret->name, sizeof(ret->name), model->name);
    idn_copy_text(ret->path, sizeof(ret->path), model->path);
    idn_copy_text(ret->problem, sizeof(ret->problem), model->problem);
    for (uint32_t i = 0; i < core->workers_touched; i++)
        ret->workers +=
            idn_worker_is_live(&core->worker[i]) && (core->worker[i].models >> index & 1);
}

void idn_dataset_info_of(const struct idn_core *core, uint32_t index, struct idn_entry_info *ret)
{
    const struct idn_core_dataset *dataset = &core->dataset[index];

    *ret = (struct idn_entry_info){.digest = dataset->digest, .count = dataset->images};
    idn_copy_text(ret->name, sizeof(ret->name), dataset->name);
    idn_copy_text(ret->path, sizeof(ret->path), dataset->path);
    idn_copy_text(ret->problem, sizeof(ret->problem), dataset->problem);
    for (uint32_t i = 0; i < core->workers_touched; i++)
        ret->workers += idn_worker_is_live(&core->worker[i]) &&
                        (core->worker[i].datasets[index / 64] >> index % 64 & 1);
}

void idn_status_info_of(const struct idn_core *core, uint64_t now, struct idn_status_info *ret)
{
    *ret = (struct idn_status_info){.role = idn_core_role(core),
        .epoch = idn_roles_epoch(core),
        .jobs_open = core->open_jobs,
        .jobs_known = core->jobs,
        .images_per_s = idn_rate_of(&core->rate, now),
        .facts = core->facts,
        .free_bytes = core->free_bytes,
        .disk_low = core->disk_low,
        .refuses_jobs = core->active && idn_requests_lack_mirror(core),
        .mirror_required = core->mirror_required,
        .models_hash = idn_alike_models(core),
        .datasets_hash = idn_alike_datasets(core)};
    idn_mirror_info(core, &ret->peer);
    idn_copy_text(ret->broker, sizeof(ret->broker), core->broker);
    idn_copy_text(ret->policy, sizeof(ret->policy), idn_policy_name(core->policy));
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        uint32_t presence = core->worker[i].presence;
        bool here = presence == IDN_PRESENCE_ALIVE || presence == IDN_PRESENCE_SUSPECTED;
        ret->workers += here;
        ret->workers_drained += here && core->worker[i].drained;
        ret->workers_busy += core->worker[i].leases > 0;
    }
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        ret->images_pending += idn_job_without_result(job);
        ret->images_in_flight += idn_job_in_flight(job);
    }
}
