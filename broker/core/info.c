#include "broker/core/info.h"

#include "broker/core/benched.h"
#include "broker/core/measure.h"
#include "broker/core/mirror.h"
#include "broker/core/roles.h"
#include "broker/core/workers.h"

// How many live workers get as far as this on the way to a lease of the job.
struct able {
    uint32_t drained, live, hold, class;
};

static struct able count_able(const struct idn_core *core, const struct idn_job *job)
{
    struct able able = {0};

    for (uint32_t i = 0; i < core->workers_touched; i++) {
        const struct idn_worker *worker = &core->worker[i];
        able.drained += worker->presence == IDN_PRESENCE_ALIVE && worker->drained;
        if (worker->presence == IDN_PRESENCE_FREE || !idn_worker_is_live(worker))
            continue;
        able.live++;
        able.hold += idn_worker_holds(worker, job);
        able.class += idn_worker_holds(worker, job) && idn_worker_can_serve_class(worker, job);
    }
    return able;
}

static void say_what_it_waits_for(
    const struct idn_core *core, const struct idn_job *job, char *text, size_t size)
{
    if (job->state != IDN_JOB_OPEN || idn_job_in_flight(job) > 0)
        return;
    if (core->disk_low) {
        idn_format(text, size, "only %lu MiB are free on the broker's disk, %lu MiB are needed",
            core->free_bytes >> 20, core->min_free_bytes >> 20);
    } else if (job->model == IDN_NONE) {
        idn_format(text, size, "the model %s is not the one that the job was accepted with",
            job->spec.model);
    } else if (job->dataset == IDN_NONE) {
        idn_format(text, size, "the data set %s is not the one that the job was accepted with",
            job->spec.dataset);
    } else if (job->images.pages == 0 && idn_job_is_read_back(job)) {
        idn_format(text, size, "its results are being read back from the store");
    } else if (!core->active || (job->restored && !core->grace_over)) {
        idn_format(text, size, "the broker has just started and waits to hear from the workers");
    } else {
        struct able able = count_able(core, job);
        if (able.live == 0 && able.drained > 0)
            idn_format(text, size, "%u worker%s there, drained; idunno-ctl undrain lets them work",
                able.drained, able.drained == 1 ? " is" : "s are");
        else if (able.live == 0)
            idn_format(text, size, "no worker is there");
        else if (able.hold == 0)
            idn_format(text, size,
                "no worker holds model %s and its list of images; idunno-ctl workers says why",
                job->spec.model);
        else if (able.class == 0)
            idn_format(text, size,
                "its first results are of a numerics class that none of the workers is of");
    }
}

void idn_job_why(const struct idn_core *core, const struct idn_job *job, char *text, size_t size)
{
    text[0] = '\0';
    say_what_it_waits_for(core, job, text, size);
    if (job->rivals)
        idn_format_append(text, size,
            "%sits key was another job's too while the brokers were apart; the earlier one counts",
            text[0] == '\0' ? "" : "; ");
}

static uint32_t count_workers(const struct idn_job *job)
{
    uint32_t count = 0;

    // A worker with two leases of it is counted once, by its first.
    IDN_EACH_CONST(link, &job->lease_list)
    {
        const struct idn_lease *lease = IDN_ENTRY_CONST(link, struct idn_lease, in_job);
        count += lease == lease->worker->lease[0] || lease->worker->lease[0]->job != job;
    }
    return count;
}

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
        .workers = count_workers(job),
        .created_wall_ms = job->created_wall_ms,
        .finished_wall_ms = job->finished_wall_ms,
        .elapsed_ms = wall > job->created_wall_ms ? wall - job->created_wall_ms : 0,
        .images_per_s = idn_measure_images_per_s(core, job, IDN_WINDOW_10S, now),
        .compute_us = job->compute_us,
        .conflicts = job->conflicts,
        .digest = job->digest};
    ret->spec.weight = job->weight;
    idn_job_why(core, job, ret->why, sizeof(ret->why));
}

static uint32_t worker_state(const struct idn_worker *worker)
{
    static const uint32_t states[IDN_PRESENCE_COUNT] = {
        [IDN_PRESENCE_SUSPECTED] = IDN_WORKER_SUSPECTED,
        [IDN_PRESENCE_LEAVING] = IDN_WORKER_DRAINING,
        [IDN_PRESENCE_DEAD] = IDN_WORKER_DEAD,
    };

    if (worker->presence == IDN_PRESENCE_ALIVE && worker->drained)
        return IDN_WORKER_DRAINING;
    if (worker->presence == IDN_PRESENCE_ALIVE && worker->benched)
        return IDN_WORKER_BENCHED;
    if (worker->presence == IDN_PRESENCE_ALIVE)
        return worker->leases > 0 ? IDN_WORKER_BUSY : IDN_WORKER_IDLE;
    return states[worker->presence];
}

static uint32_t count_bits(uint64_t bits)
{
    uint32_t count = 0;

    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

void idn_worker_info_of(const struct idn_core *core, const struct idn_worker *worker, uint64_t now,
    struct idn_worker_info *ret)
{
    (void)core;
    *ret = (struct idn_worker_info){.state = worker_state(worker),
        .threads = worker->threads,
        .leases = worker->leases,
        .images_done = worker->images_done,
        .images_per_s = idn_rate_of(&worker->rate, now),
        .silent_ms = now > worker->heard_ms ? now - worker->heard_ms : 0,
        .models_ready = count_bits(worker->models),
        .models_refused = worker->differing};
    idn_copy_text(ret->name, sizeof(ret->name), worker->name);
    idn_copy_text(ret->class_name, sizeof(ret->class_name), worker->class_name);
    idn_copy_text(ret->note, sizeof(ret->note),
        worker->wedged ? "it beats, but its work does not get on" : worker->note);
    if (worker->benched)
        idn_benched_note(worker, now, ret->note, sizeof(ret->note));
    if (worker->drained)
        idn_copy_text(ret->note, sizeof(ret->note),
            worker->leases > 0 ? "drained: it finishes what it has begun"
                               : "drained: it has nothing to do, until idunno-ctl undrain");
    if (worker->leases == 0)
        return;
    const struct idn_lease *lease = worker->lease[0];
    ret->job = lease->job->key;
    ret->lease_first = lease->job->spec.first + lease->first;
    ret->lease_count = lease->count;
    ret->lease_done = lease->count - lease->left;
}

void idn_model_info_of(const struct idn_core *core, uint32_t index, struct idn_entry_info *ret)
{
    const struct idn_core_model *model = &core->model[index];

    *ret = (struct idn_entry_info){.digest = model->digest, .count = model->batch};
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
        .disk_low = core->disk_low};
    idn_mirror_info(core, &ret->peer);
    idn_copy_text(ret->broker, sizeof(ret->broker), core->broker);
    idn_copy_text(ret->policy, sizeof(ret->policy), idn_policy_name(core->policy));
    for (uint32_t i = 0; i < core->workers_touched; i++) {
        uint32_t presence = core->worker[i].presence;
        ret->workers += presence == IDN_PRESENCE_ALIVE || presence == IDN_PRESENCE_SUSPECTED;
        ret->workers_busy += core->worker[i].leases > 0;
    }
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        ret->images_pending += idn_job_without_result(job);
        ret->images_in_flight += idn_job_in_flight(job);
    }
}
