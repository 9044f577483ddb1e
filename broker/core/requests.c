#include "broker/core/requests.h"

#include "broker/core/actions.h"
#include "broker/core/answer.h"
#include "broker/core/jobs.h"
#include "broker/core/leases.h"
#include "broker/core/promises.h"
#include "broker/core/uploads.h"
#include "broker/core/watches.h"

bool idn_requests_disk_low(struct idn_core *core, idn_peer peer, uint64_t request)
{
    if (!core->disk_low)
        return false;
    idn_format(idn_refuse(core, peer, request, IDN_REFUSED_DISK_LOW), IDN_TEXT_SIZE,
        "only %lu MiB are free on the broker's disk, %lu MiB are needed; free some space there",
        core->free_bytes >> 20, core->min_free_bytes >> 20);
    return true;
}

struct idn_job *idn_request_job(
    struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct idn_reply refusal;
    struct idn_job *job = idn_job_named(core, &request->job, &refusal);

    if (job == NULL) {
        struct idn_reply *reply = idn_reply_add(core, peer, request->id, IDN_REPLY_REFUSED);
        reply->u.refused.code = refusal.u.refused.code;
        idn_copy_text(reply->u.refused.text, IDN_TEXT_SIZE, refusal.u.refused.text);
    }
    return job;
}

static void promise_accepted(struct idn_core *core, idn_peer peer,
    const struct idn_request *request, const struct idn_key *job, uint64_t position)
{
    idn_promise(core, peer, request->id, IDN_PROMISE_ACCEPTED, job, position, 0);
}

// Cancelling an ended job changes nothing and is no error: whoever asks wants it to be over.
static void cancel(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    if (job->state == IDN_JOB_OPEN) {
        idn_commit(core, IDN_FACT_CANCELLED, &job->key);
        job->position = core->position;
        IDN_EACH(link, &job->lease_list)
        idn_lease_trim(core, IDN_ENTRY(link, struct idn_lease, in_job), 0, 0);
        idn_jobs_cancel(core, job, core->wall);
    }
    promise_accepted(core, peer, request, &job->key, job->position);
}

static void close_leases(struct idn_core *core, struct idn_job *job)
{
    while (!idn_link_empty(&job->lease_list)) {
        struct idn_lease *lease = IDN_ENTRY(job->lease_list.next, struct idn_lease, in_job);
        // Without room the worker finds out by itself: its results are for no job.
        if (idn_actions_room(core))
            idn_lease_disown(core, lease->worker, lease->id);
        idn_lease_close(core, lease);
    }
}

static void forget(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    struct idn_key key = job->key;

    if (job->state == IDN_JOB_OPEN) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_JOB_OPEN), IDN_TEXT_SIZE,
            "the job is not finished: %u of its %u images are left; cancel it first",
            idn_job_total(job) - idn_job_done(job), idn_job_total(job));
        return;
    }
    idn_commit(core, IDN_FACT_FORGOTTEN, &key);
    close_leases(core, job);
    idn_watches_job_gone(core, job);
    idn_jobs_remove(core, job);
    promise_accepted(core, peer, request, &key, core->position);
}

static void page(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    const struct idn_job *job)
{
    uint32_t from = request->u.results.from, first = job->spec.first, last = job->spec.last;

    if (from > last && from - last > 1) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_RANGE), IDN_TEXT_SIZE,
            "results from image %u were asked for, the job has images %u to %u", from, first, last);
        return;
    }
    struct idn_action *action = idn_action_add(core, IDN_ACTION_PAGE, peer);
    action->u.page.request = request->id;
    action->u.page.job = job->key;
    action->u.page.spec = job->spec;
    action->u.page.from = from < first ? first : from;
    action->u.page.most = request->u.results.most;
    action->u.page.filter = request->u.results.filter;
}

static void take_about_job(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct idn_job *job = idn_request_job(core, peer, request);

    if (job == NULL)
        return;
    if (request->type == IDN_REQUEST_WATCH)
        idn_watch_request(core, peer, request, job);
    else if (request->type == IDN_REQUEST_CANCEL)
        cancel(core, peer, request, job);
    else if (request->type == IDN_REQUEST_FORGET)
        forget(core, peer, request, job);
    else
        page(core, peer, request, job);
}

void idn_request_take(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    if (!core->active) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_NOT_ACTIVE), IDN_TEXT_SIZE,
            "the broker is starting; ask again in a second");
        return;
    }
    switch ((enum idn_request_type)request->type) {
    case IDN_REQUEST_SUBMIT:
        idn_submit_request(core, peer, request);
        return;
    case IDN_REQUEST_UPLOAD:
        idn_upload_request(core, peer, request);
        return;
    case IDN_REQUEST_WATCH:
    case IDN_REQUEST_CANCEL:
    case IDN_REQUEST_FORGET:
    case IDN_REQUEST_RESULTS:
        take_about_job(core, peer, request);
        return;
    case IDN_REQUEST_HELLO:
    case IDN_REQUEST_JOB:
    case IDN_REQUEST_JOBS:
    case IDN_REQUEST_WORKERS:
    case IDN_REQUEST_MODELS:
    case IDN_REQUEST_DATASETS:
    case IDN_REQUEST_STATUS:
    case IDN_REQUEST_SWITCH:
    case IDN_REQUEST_BOOTSTRAP:
    case IDN_REQUEST_RETRY:
        break;
    }
    // Questions that change nothing go to idn_core_answer; a type that is none was refused by the
    // decoder. Whatever comes here all the same gets an answer.
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_UNSUPPORTED), IDN_TEXT_SIZE,
        "request type %u cannot be carried out", request->type);
}
