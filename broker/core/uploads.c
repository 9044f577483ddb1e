#include "broker/core/uploads.h"

#include "broker/core/actions.h"
#include "broker/core/fold.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/promises.h"
#include "broker/core/requests.h"
#include "broker/core/roles.h"

#include <string.h>

struct idn_upload *idn_upload_find(struct idn_core *core, const struct idn_key *key)
{
    for (uint32_t i = 0; i < IDN_UPLOADS_MAX; i++)
        if (core->upload[i].total > 0 && idn_key_equal(&core->upload[i].key, key))
            return &core->upload[i];
    return NULL;
}

const struct idn_upload *idn_upload_named(
    const struct idn_core *core, const struct idn_job_name *name)
{
    const struct idn_upload *found = NULL;

    for (uint32_t i = 0; i < IDN_UPLOADS_MAX; i++) {
        const struct idn_upload *upload = &core->upload[i];
        if (upload->total == 0 ||
            !idn_key_has_prefix(upload->key.bytes, name->key.bytes, name->bits))
            continue;
        if (found != NULL)
            return NULL;
        found = upload;
    }
    return found;
}

static uint32_t count_uploads(const struct idn_core *core)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < IDN_UPLOADS_MAX; i++)
        count += core->upload[i].total > 0;
    return count;
}

static struct idn_upload *begin(struct idn_core *core, const struct idn_key *key, uint64_t total)
{
    for (uint32_t i = 0; i < IDN_UPLOADS_MAX; i++) {
        struct idn_upload *upload = &core->upload[i];
        if (upload->total > 0)
            continue;
        *upload = (struct idn_upload){.key = *key, .total = total, .touched_ms = core->now};
        return upload;
    }
    return NULL;
}

uint64_t idn_upload_lines(const struct idn_upload *upload)
{
    return upload->lines + !upload->ends_line;
}

static void add_part(
    struct idn_core *core, struct idn_upload *upload, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        upload->lines += bytes[i] == '\n';
    upload->ends_line = bytes[size - 1] == '\n';
    upload->have += size;
    upload->position = core->position;
    upload->touched_ms = core->now;
}

// All parts but the last have one size, so that a part can be found by its offset.
static bool part_fits(uint64_t offset, uint64_t total, uint32_t size)
{
    uint64_t left = offset < total ? total - offset : 0,
             wanted = idn_min_u64(left, IDN_LIST_PART_BYTES);

    return size > 0 && size == wanted && offset % IDN_LIST_PART_BYTES == 0;
}

// Behind the end of the list, and without bytes: nothing more is to come.
static bool is_closing(const struct idn_fact *fact)
{
    return fact->u.list_part.size == 0 && fact->u.list_part.offset == fact->u.list_part.total;
}

static void set_closed(const struct idn_core *core, struct idn_upload *upload)
{
    upload->closed = true;
    upload->position = core->position;
    upload->touched_ms = core->now;
}

void idn_upload_fold(struct idn_core *core, const struct idn_fact *fact)
{
    uint64_t offset = fact->u.list_part.offset, total = fact->u.list_part.total;
    struct idn_upload *upload = idn_upload_find(core, &fact->job);

    if (upload != NULL && is_closing(fact)) // also one that was begun apart, with another total
        set_closed(core, upload);
    if (!part_fits(offset, total, fact->u.list_part.size))
        return;
    if (upload == NULL && offset == 0 && idn_jobs_find(core, &fact->job) == NULL)
        upload = begin(core, &fact->job, total);
    if (upload != NULL && upload->have == offset && upload->total == total)
        add_part(core, upload, fact->u.list_part.bytes, fact->u.list_part.size);
}

void idn_upload_done(struct idn_core *core, const struct idn_key *key)
{
    struct idn_upload *upload = idn_upload_find(core, key);

    if (upload != NULL)
        upload->total = 0;
}

// Checks what does not depend on an upload begun before; refuses with its sentence.
static bool is_acceptable(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    uint64_t offset = request->u.upload.offset, total = request->u.upload.total;
    char *text;

    if (idn_requests_disk_low(core, peer, request->id))
        return false;
    if (total > IDN_LIST_BYTES_MAX) {
        text = idn_refuse(core, peer, request->id, IDN_REFUSED_TOO_LARGE);
        idn_format(text, IDN_TEXT_SIZE, "the list has %lu bytes, at most %lu can be uploaded",
            total, (uint64_t)IDN_LIST_BYTES_MAX);
        return false;
    }
    if (!part_fits(offset, total, request->u.upload.size)) {
        text = idn_refuse(core, peer, request->id, IDN_REFUSED_MALFORMED);
        idn_format(text, IDN_TEXT_SIZE,
            "an upload part of %u bytes at %lu of %lu; parts have %u bytes each but the last",
            request->u.upload.size, offset, total, (unsigned)IDN_LIST_PART_BYTES);
        return false;
    }
    return true;
}

static void commit_part(
    struct idn_core *core, struct idn_upload *upload, const struct idn_request *request)
{
    uint32_t size = request->u.upload.size;
    struct idn_fact *fact = idn_commit(core, IDN_FACT_LIST_PART, &upload->key);

    memcpy(core->scratch, request->u.upload.bytes, size);
    fact->u.list_part.offset = upload->have;
    fact->u.list_part.total = upload->total;
    fact->u.list_part.size = size;
    fact->u.list_part.bytes = core->scratch;
    add_part(core, upload, core->scratch, size);
}

// The key is a job already: the list is complete, or it is another job's key.
static void answer_for_job(struct idn_core *core, idn_peer peer, const struct idn_request *request,
    const struct idn_job *job)
{
    if (job->spec.list_bytes == request->u.upload.total) {
        idn_promise(core, peer, request->id, IDN_PROMISE_UPLOADED, &job->key, job->position,
            job->spec.list_bytes);
        return;
    }
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_CONFLICT), IDN_TEXT_SIZE,
        "this key is another job's already; draw a new one for the list");
}

// One that a client begins with this broker; NULL after a refusal.
static struct idn_upload *begin_here(
    struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    const char *when;
    uint32_t count = count_uploads(core);

    if (count < idn_requests_limit(core, IDN_UPLOADS_MAX, &when))
        return begin(core, &request->job.key, request->u.upload.total);
    idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_CLUSTER_FULL), IDN_TEXT_SIZE,
        "%u lists are being uploaded, which is the limit%s; try again later", count, when);
    return NULL;
}

void idn_upload_request(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    const struct idn_key *key = &request->job.key;
    const struct idn_job *job = idn_jobs_find(core, key);
    struct idn_upload *upload = idn_upload_find(core, key);

    if (job != NULL) {
        answer_for_job(core, peer, request, job);
        return;
    }
    if (idn_requests_forgotten(core, peer, request) || !is_acceptable(core, peer, request))
        return;
    if (upload == NULL && (upload = begin_here(core, peer, request)) == NULL)
        return;
    if (upload->total != request->u.upload.total) {
        idn_format(idn_refuse(core, peer, request->id, IDN_REFUSED_CONFLICT), IDN_TEXT_SIZE,
            "this upload was begun with %lu bytes, now it says %lu", upload->total,
            request->u.upload.total);
        return;
    }
    if (upload->have == request->u.upload.offset)
        commit_part(core, upload, request);
    idn_promise(core, peer, request->id, IDN_PROMISE_UPLOADED, key, upload->position, upload->have);
}

static void close_upload(struct idn_core *core, struct idn_upload *upload)
{
    struct idn_fact *fact = idn_commit(core, IDN_FACT_LIST_PART, &upload->key);

    fact->u.list_part.offset = fact->u.list_part.total = upload->total;
    fact->u.list_part.size = 0;
    fact->u.list_part.bytes = core->scratch;
    set_closed(core, upload);
}

static void forget_upload(struct idn_core *core, struct idn_upload *upload)
{
    if (core->forgotten.count < core->forgotten_max)
        idn_fold_forgotten(core, &idn_commit(core, IDN_FACT_FORGOTTEN, &upload->key)->job);
    upload->total = 0;
}

// FORGOTTEN beats everything, also a SUBMIT that the other broker takes because it has not heard of
// it: so the upload is closed first, which loses against ACCEPTED, and forgotten only when the
// other broker has stored that and takes its SUBMIT no more.
static bool is_due(const struct idn_core *core, const struct idn_upload *upload)
{
    uint64_t idle_ms = core->now - upload->touched_ms;
    uint32_t brokers;

    if (!upload->closed || !core->has_peer)
        return idle_ms >= (upload->closed ? IDN_CLOSED_MS : IDN_UPLOAD_MS);
    return idle_ms >= IDN_CLOSED_MS && idn_mirror_in_sync(core) &&
           idn_mirror_durable(core, &brokers) >= upload->position;
}

void idn_uploads_sweep(struct idn_core *core)
{
    // The other broker may have taken its SUBMIT.
    if (idn_roles_may_lack(core))
        return;
    for (uint32_t i = 0; i < IDN_UPLOADS_MAX; i++) {
        struct idn_upload *upload = &core->upload[i];
        if (upload->total == 0 || !is_due(core, upload) || !idn_actions_room(core))
            continue;
        if (core->has_peer && !upload->closed)
            close_upload(core, upload);
        else
            forget_upload(core, upload);
    }
}
