#include "broker/core/requests.h"

#include "broker/core/actions.h"
#include "broker/core/answer.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/promises.h"
#include "broker/core/roles.h"
#include "broker/core/settings.h"
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

uint64_t idn_requests_limit(const struct idn_core *core, uint64_t limit, const char **ret_when)
{
    bool may_lack = idn_roles_may_lack(core);

    *ret_when = !may_lack ? ""
                : idn_mirror_in_sight(core)
                    ? " until the brokers have told each other what they have"
                    : " while the other broker is out of sight";
    return may_lack ? limit / 2 : limit;
}

bool idn_requests_forgotten(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    const struct idn_upload *upload = idn_upload_find(core, &request->job.key);
    char text[IDN_KEY_TEXT_SIZE];

    if (!idn_forgotten_has(&core->forgotten, &request->job.key) &&
        (upload == NULL || !upload->closed))
        return false;
    idn_key_to_text(request->job.key.bytes, text);
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_FORGOTTEN), IDN_TEXT_SIZE,
        "%s has been forgotten, and its key is not used again; draw a new one", text);
    return true;
}

void idn_requests_unknown(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t code,
    const char *kind, const char *name, const char *const *names, uint32_t count)
{
    const char *nearest = idn_nearest(name, names, count);
    char *text = idn_refuse(core, peer, request, code);

    idn_format(text, IDN_TEXT_SIZE, "no %s is named %s", kind, name);
    if (nearest != NULL)
        idn_format_append(text, IDN_TEXT_SIZE, "; did you mean %s?", nearest);
    else if (count > 0)
        idn_format_append(text, IDN_TEXT_SIZE, "; one that is: %s", names[0]);
    else
        idn_format_append(text, IDN_TEXT_SIZE, "; the broker's configuration declares none");
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
        idn_jobs_cancel(core, job, core->wall);
    }
    promise_accepted(core, peer, request, &job->key, job->position);
}

static bool may_forget(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    if (job->state == IDN_JOB_OPEN) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_JOB_OPEN), IDN_TEXT_SIZE,
            "the job is not finished: %u of its %u images are left; cancel it first",
            idn_job_total(job) - idn_job_done(job), idn_job_total(job));
        return false;
    }
    const char *when;
    if (core->forgotten.count >= idn_requests_limit(core, core->forgotten_max, &when)) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_HISTORY_FULL), IDN_TEXT_SIZE,
            "%u jobs have been forgotten and their keys are kept, which is the limit%s; this job "
            "stays",
            core->forgotten.count, when);
        return false;
    }
    return true;
}

static void forget(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    struct idn_key key = job->key;

    if (!may_forget(core, peer, request, job))
        return;
    idn_commit(core, IDN_FACT_FORGOTTEN, &key);
    idn_fold_forgotten(core, &key);
    promise_accepted(core, peer, request, &key, core->position);
}

// Whoever asks again after a lost reply wants it to be gone, and it is.
static bool forgot_before(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct idn_key key;
    uint32_t count;

    (void)idn_jobs_resolve(core, &request->job, &count);
    if (request->type != IDN_REQUEST_FORGET || count > 0 ||
        idn_forgotten_named(&core->forgotten, &request->job, &key) != 1)
        return false;
    promise_accepted(core, peer, request, &key, core->position);
    return true;
}

static bool may_retry(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    uint32_t images = idn_job_total(job);

    if (job->cancelled) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_CANCELLED), IDN_TEXT_SIZE,
            "the job was cancelled: its %u quarantined images stay so; submit them as a new job",
            job->images.kind[IDN_IMAGE_QUARANTINED]);
        return false;
    }
    return job->state == IDN_JOB_OPEN || idn_requests_room(core, peer, request->id, images);
}

static void retry(
    struct idn_core *core, idn_peer peer, const struct idn_request *request, struct idn_job *job)
{
    uint32_t generation = job->lifted + 1;

    if (job->images.kind[IDN_IMAGE_QUARANTINED] > 0) {
        if (!may_retry(core, peer, request, job))
            return;
        idn_commit(core, IDN_FACT_LIFTED, &job->key)->u.lifted.generation = generation;
        job->position = core->position;
        idn_fold_lifted(core, job, generation, core->wall);
        idn_jobs_touch(core, job);
    }
    promise_accepted(core, peer, request, &job->key, job->position);
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
    if (forgot_before(core, peer, request))
        return;
    struct idn_job *job = idn_request_job(core, peer, request);
    if (job == NULL)
        return;
    if (request->type == IDN_REQUEST_WATCH)
        idn_watch_request(core, peer, request, job);
    else if (request->type == IDN_REQUEST_CANCEL)
        cancel(core, peer, request, job);
    else if (request->type == IDN_REQUEST_FORGET)
        forget(core, peer, request, job);
    else if (request->type == IDN_REQUEST_RETRY)
        retry(core, peer, request, job);
    else
        page(core, peer, request, job);
}

// Whether it would be carried out here and now; other requests go to the other broker, or come
// again. While the reign is handed over nothing new is committed.
static bool is_for_us(const struct idn_core *core, uint32_t type)
{
    if (type == IDN_REQUEST_SWITCH || type == IDN_REQUEST_BOOTSTRAP)
        return true;
    if (core->roles.stage == IDN_STAGE_YIELDING)
        return type == IDN_REQUEST_WATCH || type == IDN_REQUEST_RESULTS;
    return core->active;
}

void idn_request_take(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    idn_roles_asked(core, request->unheard_ms);
    if (!is_for_us(core, request->type)) {
        idn_roles_why(
            core, idn_refuse(core, peer, request->id, IDN_REFUSED_NOT_ACTIVE), IDN_TEXT_SIZE);
        return;
    }
    switch ((enum idn_request_type)request->type) {
    case IDN_REQUEST_SWITCH:
        idn_roles_switch(core, peer, request);
        return;
    case IDN_REQUEST_BOOTSTRAP:
        idn_roles_bootstrap(core, peer, request);
        return;
    case IDN_REQUEST_SUBMIT:
        idn_submit_request(core, peer, request);
        return;
    case IDN_REQUEST_UPLOAD:
        idn_upload_request(core, peer, request);
        return;
    case IDN_REQUEST_SET:
        idn_settings_request(core, peer, request);
        return;
    case IDN_REQUEST_WATCH:
    case IDN_REQUEST_CANCEL:
    case IDN_REQUEST_FORGET:
    case IDN_REQUEST_RESULTS:
    case IDN_REQUEST_RETRY:
        take_about_job(core, peer, request);
        return;
    case IDN_REQUEST_HELLO:
    case IDN_REQUEST_JOB:
    case IDN_REQUEST_JOBS:
    case IDN_REQUEST_WORKERS:
    case IDN_REQUEST_MODELS:
    case IDN_REQUEST_DATASETS:
    case IDN_REQUEST_STATUS:
    case IDN_REQUEST_ASSIGNMENT:
    case IDN_REQUEST_WHY:
    case IDN_REQUEST_RATES:
    case IDN_REQUEST_TIMES:
        break;
    }
    // Questions that change nothing go to idn_core_answer; a type that is none was refused by the
    // decoder. Whatever comes here all the same gets an answer.
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_UNSUPPORTED), IDN_TEXT_SIZE,
        "request type %u cannot be carried out", request->type);
}
