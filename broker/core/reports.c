#include "broker/core/reports.h"

#include "broker/core/actions.h"
#include "broker/core/benched.h"
#include "broker/core/fold.h"
#include "broker/core/hello.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/measure.h"
#include "broker/core/poison.h"
#include "broker/core/promises.h"
#include "broker/core/refold.h"
#include "broker/core/workers.h"

static void commit_results(struct idn_core *core, const struct idn_worker *worker,
    const struct idn_job *job, const struct idn_worker_message *message, uint32_t kept)
{
    struct idn_fact *fact = idn_commit(core, IDN_FACT_RESULTS, &job->key);

    fact->u.results.count = kept;
    fact->u.results.rows = core->scratch;
    fact->u.results.class_hash = message->u.report.class_hash;
    fact->u.results.compute_us = message->u.report.compute_us;
    fact->u.results.spec_hash = job->spec_hash;
    idn_copy_text(fact->u.results.worker, IDN_NAME_SIZE, worker->name);
}

// Rows of another class than the job's would make its digest depend on luck: they are not taken,
// their images are free again when the lease ends.
static bool is_welcome(const struct idn_job *job, uint64_t class_hash)
{
    return job->class_hash == 0 || job->class_hash == class_hash;
}

static void fold_report(struct idn_core *core, struct idn_worker *worker, struct idn_job *job,
    struct idn_lease *lease, const struct idn_worker_message *message)
{
    uint32_t count = message->u.report.count;

    if (count == 0 || !is_welcome(job, message->u.report.class_hash))
        return;
    bool has_images = job->images.pages > 0;
    struct idn_folded folded =
        idn_fold_rows(core, job, message->u.report.rows, count, lease, core->scratch);
    worker->images_done += folded.fresh;
    idn_rate_add(&worker->rate, core->now, folded.fresh);
    idn_rate_add(&core->rate, core->now, folded.fresh);
    idn_worker_measure(worker, job, count, message->u.report.compute_us);
    idn_measure_report(core, job, &folded, count, message->u.report.compute_us);
    if (folded.kept == 0)
        return;
    idn_fold_work(core, job, message->u.report.class_hash, message->u.report.compute_us);
    commit_results(core, worker, job, message, folded.kept);
    if (!has_images)
        idn_refold_want(core, job);
    idn_jobs_touch(core, job);
}

static void take_death(struct idn_core *core, struct idn_worker *worker, struct idn_job *job,
    const struct idn_worker_message *message)
{
    idn_poison_death(core, worker, job, message);
    idn_tell(core, "worker %s: its inference process died with %u image%s: %s", worker->name,
        message->u.report.in_child, message->u.report.in_child == 1 ? "" : "s",
        message->u.report.text);
}

static void end_lease(struct idn_core *core, struct idn_worker *worker, struct idn_job *job,
    struct idn_lease *lease, const struct idn_worker_message *message)
{
    uint32_t end = message->u.report.end, first = lease == NULL ? 0 : lease->first;
    bool held = lease != NULL;

    idn_leases_reap(core, job, lease);
    if (held && (lease->left == 0 || end != IDN_END_NONE))
        idn_lease_close(core, lease);
    if (end == IDN_END_DEATH)
        take_death(core, worker, job, message);
    if (end == IDN_END_DEATH && held)
        idn_benched_death(core, worker, job, first);
    if (end == IDN_END_UNAVAILABLE)
        idn_tell(core, "worker %s cannot serve %s: %s", worker->name, job->spec.model,
            message->u.report.text);
    if (end == IDN_END_UNAVAILABLE)
        idn_worker_refuses(core, worker, job, message->u.report.text);
    idn_jobs_settle(core, job, core->wall);
}

// A report for another specification of its key is for no job that is known.
static struct idn_job *job_of(struct idn_core *core, const struct idn_worker_message *message)
{
    struct idn_job *job = idn_jobs_find(core, &message->u.report.job);

    return job != NULL && job->spec_hash == message->u.report.spec_hash ? job : NULL;
}

static void take_report(
    struct idn_core *core, struct idn_worker *worker, const struct idn_worker_message *message)
{
    uint64_t number = message->u.report.number;

    if (number <= worker->acknowledged)
        idn_ack_again(core, worker);
    // One that is folded but not stored is acknowledged when it is; after a gap the worker sends
    // everything again from the last acknowledgement.
    if (number != worker->folded + 1) {
        // Or never: what is missing was acknowledged after this broker had forgotten the worker.
        if (number > worker->folded)
            idn_worker_ask_hello(core, worker);
        return;
    }
    struct idn_job *job = job_of(core, message);
    struct idn_lease *lease = idn_lease_find(worker, message->u.report.lease);

    worker->folded = number;
    idn_worker_progressed(core, worker);
    if (lease != NULL && lease->job == job) {
        idn_lease_confirm(lease);
    } else {
        lease = NULL;
    }
    if (job != NULL) {
        fold_report(core, worker, job, lease, message);
        if (lease != NULL)
            idn_leases_claim(core, worker);
        end_lease(core, worker, job, lease, message);
    }
    idn_ack_when_stored(core, worker, number);
    core->asking = worker;
}

static void take_trimmed(
    struct idn_core *core, struct idn_worker *worker, const struct idn_worker_message *message)
{
    struct idn_lease *lease = idn_lease_find(worker, message->u.trimmed.lease);

    if (lease != NULL)
        idn_lease_trimmed(core, lease, message->u.trimmed.kept);
    core->asking = worker;
}

static void get_list(struct idn_core *core, idn_peer peer, const struct idn_worker_message *message)
{
    struct idn_action *action = idn_action_add(core, IDN_ACTION_LIST, peer);

    action->u.list.epoch = core->epoch;
    action->u.list.nonce = message->nonce;
    action->u.list.job = message->u.list_get.job;
    action->u.list.offset = message->u.list_get.offset;
}

static void say_goodbye(struct idn_core *core, struct idn_worker *worker)
{
    if (worker->presence == IDN_PRESENCE_LEAVING)
        return;
    idn_tell(core, "worker %s left, with %u lease%s", worker->name, worker->leases,
        idn_plural(worker->leases));
    idn_worker_set_presence(core, worker, IDN_PRESENCE_LEAVING);
    idn_leases_close_all(core, worker);
}

void idn_worker_message(
    struct idn_core *core, idn_peer peer, const struct idn_worker_message *message)
{
    if (message->type == IDN_WORKER_HELLO) {
        idn_worker_hello(core, peer, message);
        return;
    }
    struct idn_worker *worker = idn_workers_find(core, message->nonce);
    if (worker == NULL || worker->presence == IDN_PRESENCE_DEAD) {
        // Who obeys a higher epoch would answer that with STALE, and so on for ever.
        if (message->type != IDN_WORKER_STALE)
            idn_order_to(core, peer, message->nonce, IDN_ORDER_HELLO_AGAIN);
        return;
    }
    idn_worker_set_peer(core, worker, peer);
    idn_worker_heard(core, worker);
    if (worker->bereft)
        idn_worker_ask_hello(core, worker);
    switch ((enum idn_worker_message_type)message->type) {
    case IDN_WORKER_REPORT:
        take_report(core, worker, message);
        break;
    case IDN_WORKER_TRIMMED:
        take_trimmed(core, worker, message);
        break;
    case IDN_WORKER_STALE: // it obeys a higher epoch: it is not this broker's
        idn_workers_remove(core, worker);
        break;
    case IDN_WORKER_LIST_GET:
        get_list(core, peer, message);
        break;
    case IDN_WORKER_GOODBYE:
        say_goodbye(core, worker);
        break;
    case IDN_WORKER_HELLO:
        break;
    }
}

void idn_worker_beat(struct idn_core *core, const struct idn_worker_beat *beat)
{
    struct idn_worker *worker = idn_workers_find(core, beat->nonce);

    if (worker == NULL || beat->sequence <= worker->beat_sequence)
        return;
    idn_worker_heard(core, worker);
    if (beat->images_done > worker->beat_images)
        idn_worker_progressed(core, worker);
    worker->beat_sequence = beat->sequence;
    if (worker->presence == IDN_PRESENCE_DEAD || worker->bereft)
        idn_worker_ask_hello(core, worker);
    worker->beat_images = beat->images_done;
    worker->beat_lease = beat->lease;
    worker->in_child =
        beat->in_child < IDN_CHILD_IMAGES_MAX ? beat->in_child : (uint32_t)IDN_CHILD_IMAGES_MAX;
    for (uint32_t i = 0; i < worker->in_child; i++)
        worker->image[i] = beat->image[i];
    struct idn_lease *lease = idn_lease_find(worker, beat->lease);
    worker->child_serial = lease == NULL ? 0 : lease->job->serial;
    if (lease == NULL)
        return;
    worker->child_job = lease->job;
    idn_lease_confirm(lease);
}
