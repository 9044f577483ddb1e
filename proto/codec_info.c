// What replies tell of jobs, workers and the registry's entries.
#include "base/assert.h"
#include "proto/codec_internal.h"

Idunno__JobInfo *idn_put_job(struct idn_arena *arena, const struct idn_job_info *info)
{
    Idunno__JobInfo *to = idn_put_message(arena, &idunno__job_info__descriptor);

    to->key = idn_put_key(arena, &info->key);
    to->spec = idn_put_spec(arena, &info->spec);
    to->state = (Idunno__JobState)info->state;
    to->version = info->version;
    to->ok = info->ok;
    to->failed = info->failed;
    to->quarantined = info->quarantined;
    to->in_flight = info->in_flight;
    to->pending = info->pending;
    to->batch = info->batch;
    to->workers = info->workers;
    to->created_wall_ms = info->created_wall_ms;
    to->finished_wall_ms = info->finished_wall_ms;
    to->elapsed_ms = info->elapsed_ms;
    to->images_per_s = info->images_per_s;
    to->compute_us = info->compute_us;
    to->conflicts = info->conflicts;
    to->digest_low = info->digest.low;
    to->digest_high = info->digest.high;
    to->why = idn_put_text(arena, info->why);
    to->left_ms = info->left_ms;
    return to;
}

void idn_take_job(struct idn_check *check, const Idunno__JobInfo *from, struct idn_job_info *to)
{
    idn_take_key(check, "bytes of key", &from->key, &to->key);
    idn_take_spec(check, from->spec, &to->spec);
    idn_take_enum(check, "state", (int)from->state, IDN_JOB_OPEN, IDN_JOB_CANCELLED, &to->state);
    to->version = from->version;
    to->ok = from->ok;
    to->failed = from->failed;
    to->quarantined = from->quarantined;
    to->in_flight = from->in_flight;
    to->pending = from->pending;
    to->batch = from->batch;
    to->workers = from->workers;
    to->created_wall_ms = from->created_wall_ms;
    to->finished_wall_ms = from->finished_wall_ms;
    to->elapsed_ms = from->elapsed_ms;
    idn_take_rate(check, "images_per_s", from->images_per_s, &to->images_per_s);
    to->compute_us = from->compute_us;
    to->conflicts = from->conflicts;
    to->digest = (struct idn_digest){.low = from->digest_low, .high = from->digest_high};
    idn_take_text(check, "why", from->why, to->why, sizeof(to->why));
    to->left_ms = from->left_ms;
}

Idunno__WorkerInfo *idn_put_worker(struct idn_arena *arena, const struct idn_worker_info *info)
{
    Idunno__WorkerInfo *to = idn_put_message(arena, &idunno__worker_info__descriptor);

    to->name = idn_put_name(arena, info->name);
    to->state = (Idunno__WorkerState)info->state;
    to->threads = info->threads;
    to->class_name = idn_put_text(arena, info->class_name);
    to->job = idn_put_key(arena, &info->job);
    to->lease_first = info->lease_first;
    to->lease_count = info->lease_count;
    to->lease_done = info->lease_done;
    to->leases = info->leases;
    to->images_done = info->images_done;
    to->images_per_s = info->images_per_s;
    to->silent_ms = info->silent_ms;
    to->models_ready = info->models_ready;
    to->models_lacking = info->models_lacking;
    to->datasets_ready = info->datasets_ready;
    to->datasets_lacking = info->datasets_lacking;
    to->drained = info->drained;
    to->note = idn_put_text(arena, info->note);
    return to;
}

void idn_take_worker(
    struct idn_check *check, const Idunno__WorkerInfo *from, struct idn_worker_info *to)
{
    idn_take_name(check, "name", IDN_REQUIRED, from->name, to->name);
    idn_take_enum(check, "state", (int)from->state, IDN_WORKER_IDLE, IDN_WORKER_AWAY, &to->state);
    to->threads = from->threads;
    idn_take_class(check, IDN_OPTIONAL, from->class_name, to->class_name);
    idn_take_key(check, "bytes of job", &from->job, &to->job);
    to->lease_first = from->lease_first;
    to->lease_count = from->lease_count;
    to->lease_done = from->lease_done;
    idn_check_range(check, "leases", from->leases, 0, IDN_WORKER_LEASES_MAX);
    to->leases = from->leases;
    to->images_done = from->images_done;
    idn_take_rate(check, "images_per_s", from->images_per_s, &to->images_per_s);
    to->silent_ms = from->silent_ms;
    to->models_ready = from->models_ready;
    to->models_lacking = from->models_lacking;
    to->datasets_ready = from->datasets_ready;
    to->datasets_lacking = from->datasets_lacking;
    to->drained = from->drained;
    idn_take_text(check, "note", from->note, to->note, sizeof(to->note));
}

Idunno__EntryInfo *idn_put_entry(struct idn_arena *arena, const struct idn_entry_info *info)
{
    Idunno__EntryInfo *to = idn_put_message(arena, &idunno__entry_info__descriptor);

    to->name = idn_put_name(arena, info->name);
    to->digest = idn_put_sha256(arena, &info->digest);
    to->count = info->count;
    to->workers = info->workers;
    to->path = idn_put_text(arena, info->path);
    to->problem = idn_put_text(arena, info->problem);
    to->configured = info->configured;
    to->is_set = info->is_set;
    to->built_in = info->built_in;
    return to;
}

void idn_take_entry(
    struct idn_check *check, const Idunno__EntryInfo *from, struct idn_entry_info *to)
{
    idn_take_name(check, "name", IDN_REQUIRED, from->name, to->name);
    idn_take_sha256(check, "bytes of digest", &from->digest, &to->digest);
    to->count = from->count;
    to->workers = from->workers;
    idn_take_text(check, "path", from->path, to->path, sizeof(to->path));
    idn_take_text(check, "problem", from->problem, to->problem, sizeof(to->problem));
    to->configured = from->configured;
    to->is_set = from->is_set;
    to->built_in = from->built_in;
}
