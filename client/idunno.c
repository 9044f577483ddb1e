// libidunno: the calls of the public header, but for lists (upload.c) and results (results.c).
#include "client/idunno.h"

#include "base/assert.h"
#include "base/text.h"
#include "client/call.h"
#include "client/upload.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

// A watch is asked in short steps: a broker that restarts is noticed one step and a repetition
// later.
enum { TIMEOUT_MS_DEFAULT = 10000, WATCH_STEP_MS = 2000 };
static_assert((int)WATCH_STEP_MS <= (int)IDN_WATCH_MS_MAX, "the broker waits so long");

const char *idunno_version(void)
{
    return IDN_VERSION;
}

static void draw(void *bytes, size_t size)
{
    ssize_t drawn = getrandom(bytes, size, 0); // of up to 256 bytes it never gives fewer
    IDN_ASSERT(drawn == (ssize_t)size);
}

// ---- a session

// user@host, as far as these can be told, in characters that a name may have.
static void default_client(char name[static IDN_NAME_SIZE])
{
    char host[64] = "", room[4096];
    struct passwd entry, *found = NULL;

    (void)getpwuid_r(geteuid(), &entry, room, sizeof(room), &found);
    (void)gethostname(host, sizeof(host) - 1);
    if (found != NULL)
        (void)snprintf(name, IDN_NAME_SIZE, "%s@%s", found->pw_name, host);
    else
        (void)snprintf(name, IDN_NAME_SIZE, "%u@%s", (unsigned)geteuid(), host);
    for (char *at = name; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || strchr("\"'\\", *at) != NULL)
            *at = '-';
}

static enum idunno_code open_link(struct idunno *idunno, const struct idunno_options *options)
{
    if (options->brokers[0] == NULL)
        return idn_call_fail(idunno, IDUNNO_INVALID, "options.brokers names no broker");
    if (options->client != NULL && !idn_name_is_valid(options->client, IDN_NAME_SIZE))
        return idn_call_fail(idunno, IDUNNO_INVALID,
            "'%.100s' cannot be a client's name: 1 to %d characters without spaces and quotes",
            options->client, IDN_NAME_SIZE - 1);
    if (options->client != NULL)
        (void)snprintf(idunno->client, sizeof(idunno->client), "%s", options->client);
    else
        default_client(idunno->client);
    if (idn_link_open(options->brokers, options->brokers[1] == NULL ? 1 : 2, &idunno->link,
            &idunno->error) != 0)
        return IDUNNO_INVALID;
    int error = idn_codec_new(&idunno->codec);
    IDN_ASSERT(error == 0);
    return IDUNNO_OK;
}

enum idunno_code idunno_connect(const struct idunno_options *options, struct idunno **ret)
{
    struct idunno *idunno = calloc(1, sizeof(*idunno));
    struct idn_request hello = {.type = IDN_REQUEST_HELLO,
        .u.hello = {.lowest = IDN_PROTOCOL_LOWEST, .highest = IDN_PROTOCOL_HIGHEST}};

    IDN_ASSERT(idunno != NULL);
    *ret = idunno;
    idunno->stop_fd = options->stop_fd;
    idunno->on_notice = options->on_notice;
    idunno->context = options->context;
    enum idunno_code code = open_link(idunno, options);
    if (code != IDUNNO_OK)
        return code;
    struct idn_session_config config = {.brokers = idunno->link.brokers,
        .timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS_DEFAULT : options->timeout_ms};
    draw(&config.seed, sizeof(config.seed));
    idn_session_init(&idunno->session, &config);
    return idn_call(idunno, &hello, NULL);
}

void idunno_close(struct idunno **idunno)
{
    if (*idunno == NULL)
        return;
    idn_link_close(&(*idunno)->link);
    idn_codec_destroy(&(*idunno)->codec);
    free(*idunno);
    *idunno = NULL;
}

const char *idunno_error(const struct idunno *idunno)
{
    return idunno->error.text;
}

const char *idunno_refusal(const struct idunno *idunno)
{
    const char *name = idn_refusal_name(idunno->refusal);

    return name == NULL ? "" : name;
}

void idunno_set_timeout(struct idunno *idunno, uint32_t timeout_ms)
{
    idunno->session.config.timeout_ms = timeout_ms == 0 ? TIMEOUT_MS_DEFAULT : timeout_ms;
}

// ---- submission

void idunno_draw(struct idunno_job *ret)
{
    draw(ret->key, sizeof(ret->key));
    idn_key_to_text(ret->key, ret->id);
}

static enum idunno_code check_query(struct idunno *idunno, const struct idunno_query *query)
{
    if (query->model == NULL || !idn_name_is_valid(query->model, IDN_NAME_SIZE))
        return idn_call_fail(idunno, IDUNNO_INVALID, "'%.100s' cannot be the name of a model",
            query->model == NULL ? "" : query->model);
    if ((query->dataset == NULL) == (query->list == NULL))
        return idn_call_fail(
            idunno, IDUNNO_INVALID, "a query names either a data set or a list of images");
    if (query->dataset != NULL && !idn_name_is_valid(query->dataset, IDN_NAME_SIZE))
        return idn_call_fail(
            idunno, IDUNNO_INVALID, "'%.100s' cannot be the name of a data set", query->dataset);
    if (query->weight > IDN_WEIGHT_MAX)
        return idn_call_fail(idunno, IDUNNO_INVALID, "a weight of %u is not from 1 to %d",
            query->weight, IDN_WEIGHT_MAX);
    if (!query->whole && query->last < query->first)
        return idn_call_fail(idunno, IDUNNO_INVALID,
            "the last image (%u) comes before the first (%u)", query->last, query->first);
    if (!query->whole && query->last - query->first >= IDN_JOB_IMAGES_MAX)
        return idn_call_fail(idunno, IDUNNO_INVALID,
            "a job has at most %d images, not those from %u to %u", IDN_JOB_IMAGES_MAX,
            query->first, query->last);
    return IDUNNO_OK;
}

struct sought {
    const char *name;
    uint32_t count;
};

static bool compare(void *context, const void *row)
{
    struct sought *sought = context;
    const struct idn_entry_info *entry = row;

    if (strcmp(entry->name, sought->name) == 0)
        sought->count = entry->count;
    return true;
}

// The range of a data set of which all images are wanted. Of an unknown or unusable one it is image
// 0: then the broker says what is wrong.
static enum idunno_code whole_dataset(
    struct idunno *idunno, const char *name, struct idn_job_spec *spec)
{
    struct sought sought = {.name = name};
    enum idunno_code code = idn_call_rows(idunno, IDN_REQUEST_DATASETS, compare, &sought);

    spec->first = 0;
    spec->last = sought.count == 0 ? 0 : sought.count - 1;
    return code;
}

static enum idunno_code submit_spec(struct idunno *idunno, const struct idn_job_spec *spec,
    const struct idunno_job *job, uint32_t *ret_durable)
{
    struct idn_request request = {
        .type = IDN_REQUEST_SUBMIT, .job = idn_call_job(job), .u.submit = *spec};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(idunno, &request, &reply);

    if (code == IDUNNO_OK && ret_durable != NULL)
        *ret_durable = reply->u.accepted.durable;
    return code;
}

static enum idunno_code submit_list(struct idunno *idunno, const struct idunno_query *query,
    const struct idunno_job *job, struct idn_job_spec *spec, uint32_t *ret_durable)
{
    struct idn_list_upload *upload = NULL;

    if (idn_list_upload_new(query->list, query->whole, spec, &upload, &idunno->error) != 0)
        return IDUNNO_INVALID;
    enum idunno_code code = idn_list_upload_send(idunno, upload, job);
    if (code == IDUNNO_OK)
        code = submit_spec(idunno, spec, job, ret_durable);
    idn_list_upload_destroy(&upload);
    return code;
}

enum idunno_code idunno_submit(struct idunno *idunno, const struct idunno_query *query,
    struct idunno_job *ret, uint32_t *ret_durable)
{
    struct idn_job_spec spec = {.first = query->first,
        .last = query->last,
        .weight = query->weight == 0 ? 1 : query->weight};
    struct idunno_job job;
    enum idunno_code code = check_query(idunno, query);

    if (code != IDUNNO_OK)
        return code;
    (void)snprintf(spec.model, sizeof(spec.model), "%s", query->model);
    (void)snprintf(spec.client, sizeof(spec.client), "%s", idunno->client);
    idunno_draw(&job);
    if (query->key != NULL)
        memcpy(job.key, query->key, sizeof(job.key));
    idn_key_to_text(job.key, job.id);
    if (query->list != NULL) {
        code = submit_list(idunno, query, &job, &spec, ret_durable);
    } else {
        (void)snprintf(spec.dataset, sizeof(spec.dataset), "%s", query->dataset);
        if (query->whole)
            code = whole_dataset(idunno, query->dataset, &spec);
        if (code == IDUNNO_OK)
            code = submit_spec(idunno, &spec, &job, ret_durable);
    }
    if (code == IDUNNO_OK)
        *ret = job;
    return code;
}

// ---- jobs

void idn_call_info(const struct idn_job_info *from, struct idunno_info *ret)
{
    struct idunno_info info = {.state = (enum idunno_job_state)from->state,
        .version = from->version,
        .first = from->spec.first,
        .last = from->spec.last,
        .weight = from->spec.weight,
        .ok = from->ok,
        .failed = from->failed,
        .quarantined = from->quarantined,
        .in_flight = from->in_flight,
        .pending = from->pending,
        .batch = from->batch,
        .workers = from->workers,
        .conflicts = from->conflicts,
        .created_ms = from->created_wall_ms,
        .finished_ms = from->finished_wall_ms,
        .elapsed_ms = from->elapsed_ms,
        .images_per_s = from->images_per_s,
        .compute_us = from->compute_us,
        .left_ms = from->left_ms};

    memcpy(info.job.key, from->key.bytes, sizeof(info.job.key));
    idn_key_to_text(info.job.key, info.job.id);
    (void)snprintf(info.model, sizeof(info.model), "%s", from->spec.model);
    (void)snprintf(info.dataset, sizeof(info.dataset), "%s", from->spec.dataset);
    (void)snprintf(info.client, sizeof(info.client), "%s", from->spec.client);
    (void)snprintf(info.why, sizeof(info.why), "%s", from->why);
    idn_digest_to_text(&from->digest, info.digest);
    *ret = info;
}

enum idunno_code idn_call_job_named(struct idunno *idunno, const char *id, struct idn_job_name *ret)
{
    unsigned bits;

    if (idn_key_from_text(id, ret->key.bytes, &bits) != 0)
        return idn_call_fail(idunno, IDUNNO_INVALID,
            "'%.100s' is not the id of a job: write at least the first %d of its %d characters", id,
            IDN_KEY_PREFIX_MIN, IDN_KEY_TEXT_SIZE - 1);
    ret->bits = bits;
    return IDUNNO_OK;
}

enum idunno_code idunno_find(struct idunno *idunno, const char *id, struct idunno_info *ret)
{
    struct idn_request request = {.type = IDN_REQUEST_JOB};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call_job_named(idunno, id, &request.job);

    if (code == IDUNNO_OK)
        code = idn_call(idunno, &request, &reply);
    if (code == IDUNNO_OK)
        idn_call_info(&reply->u.job, ret);
    return code;
}

enum idunno_code idunno_watch(
    struct idunno *idunno, const struct idunno_job *job, uint32_t wait_ms, struct idunno_info *info)
{
    uint64_t end_ms = idn_call_now() + wait_ms, now_ms, version = info->version;
    enum idunno_code code;

    do {
        now_ms = idn_call_now();
        uint64_t left_ms = now_ms < end_ms ? end_ms - now_ms : 0;
        struct idn_request request = {.type = IDN_REQUEST_WATCH,
            .job = idn_call_job(job),
            .u.watch = {.version = version,
                .wait_ms = left_ms < WATCH_STEP_MS ? (uint32_t)left_ms : (uint32_t)WATCH_STEP_MS}};
        const struct idn_reply *reply;
        code = idn_call(idunno, &request, &reply);
        if (code == IDUNNO_OK)
            idn_call_info(&reply->u.job, info);
    } while (code == IDUNNO_OK && info->version == version && idn_call_now() < end_ms);
    return code;
}

static enum idunno_code change_job(
    struct idunno *idunno, uint32_t type, const struct idunno_job *job)
{
    struct idn_request request = {.type = type, .job = idn_call_job(job)};

    return idn_call(idunno, &request, NULL);
}

enum idunno_code idunno_cancel(struct idunno *idunno, const struct idunno_job *job)
{
    return change_job(idunno, IDN_REQUEST_CANCEL, job);
}

enum idunno_code idunno_forget(struct idunno *idunno, const struct idunno_job *job)
{
    return change_job(idunno, IDN_REQUEST_FORGET, job);
}

enum idunno_code idunno_retry(struct idunno *idunno, const struct idunno_job *job)
{
    return change_job(idunno, IDN_REQUEST_RETRY, job);
}

const char *idunno_status_name(uint32_t status)
{
    const char *name = idn_status_name(status);

    return name == NULL ? "unknown" : name;
}
