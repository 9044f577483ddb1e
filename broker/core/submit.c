// SUBMIT: every check that a job passes before it is accepted, each refusal with its sentence.
#include "broker/core/requests.h"

#include "broker/core/actions.h"
#include "broker/core/jobs.h"
#include "broker/core/mirror.h"
#include "broker/core/promises.h"
#include "broker/core/uploads.h"

#include <string.h>

// One submission being looked at. The checks fill in the digests that the job will pin.
struct submission {
    struct idn_core *core;
    idn_peer peer;
    const struct idn_request *request;
    struct idn_job_spec spec;
    const struct idn_upload *upload; // of an uploaded list
};

static char *refuse(const struct submission *s, uint32_t code)
{
    return idn_refuse(s->core, s->peer, s->request->id, code);
}

static bool digest_agrees(const struct idn_sha256 *given, const struct idn_sha256 *pinned)
{
    static const struct idn_sha256 none;

    return idn_sha256_equal(given, &none) || idn_sha256_equal(given, pinned);
}

// Digests that the client did not send, and its name, do not make another job.
static bool is_same(const struct idn_job_spec *given, const struct idn_job_spec *job)
{
    return strcmp(given->model, job->model) == 0 && strcmp(given->dataset, job->dataset) == 0 &&
           given->first == job->first && given->last == job->last && given->weight == job->weight &&
           given->list_bytes == job->list_bytes &&
           digest_agrees(&given->model_digest, &job->model_digest) &&
           digest_agrees(&given->list_digest, &job->list_digest);
}

static void answer_known(const struct submission *s, const struct idn_job *job)
{
    if (is_same(&s->spec, &job->spec)) {
        idn_promise(
            s->core, s->peer, s->request->id, IDN_PROMISE_ACCEPTED, &job->key, job->position, 0);
        return;
    }
    idn_format(refuse(s, IDN_REFUSED_CONFLICT), IDN_TEXT_SIZE,
        "this key is the job %s on images %u to %u of %s already; draw a new key for another job",
        job->spec.model, job->spec.first, job->spec.last,
        job->spec.dataset[0] != '\0' ? job->spec.dataset : "an uploaded list");
}

static bool check_model(struct submission *s)
{
    const struct idn_core *core = s->core;
    const char *names[IDN_MODELS_MAX];

    for (uint32_t i = 0; i < core->models; i++) {
        names[i] = core->model[i].name;
        if (strcmp(names[i], s->spec.model) != 0)
            continue;
        s->spec.model_digest = core->model[i].digest;
        if (core->model[i].problem[0] == '\0')
            return true;
        idn_format(refuse(s, IDN_REFUSED_MODEL_UNAVAILABLE), IDN_TEXT_SIZE,
            "the model %s cannot be used: %s", names[i], core->model[i].problem);
        return false;
    }
    idn_requests_unknown(s->core, s->peer, s->request->id, IDN_REFUSED_UNKNOWN_MODEL, "model",
        s->spec.model, names, core->models);
    return false;
}

static bool check_order(const struct submission *s)
{
    uint32_t first = s->spec.first, last = s->spec.last;

    if (last < first) {
        idn_format(refuse(s, IDN_REFUSED_RANGE), IDN_TEXT_SIZE,
            "the range ends at image %u, before its start at %u", last, first);
        return false;
    }
    if (last - first >= IDN_JOB_IMAGES_MAX) {
        idn_format(refuse(s, IDN_REFUSED_TOO_LARGE), IDN_TEXT_SIZE,
            "images %u to %u are %lu, at most %u fit into one job", first, last,
            (uint64_t)last - first + 1, (unsigned)IDN_JOB_IMAGES_MAX);
        return false;
    }
    return true;
}

static bool check_range(const struct submission *s, const char *list, uint64_t images)
{
    if (s->spec.last < images)
        return true;
    char *text = refuse(s, IDN_REFUSED_RANGE);
    if (images == 0)
        idn_format(text, IDN_TEXT_SIZE, "%s holds no images", list);
    else
        idn_format(text, IDN_TEXT_SIZE, "image %u is not in %s: images 0 to %lu exist",
            s->spec.last, list, images - 1);
    return false;
}

static bool check_dataset(struct submission *s)
{
    const struct idn_core *core = s->core;
    const char *names[IDN_DATASETS_MAX];

    for (uint32_t i = 0; i < core->datasets; i++) {
        names[i] = core->dataset[i].name;
        if (strcmp(names[i], s->spec.dataset) != 0)
            continue;
        s->spec.list_digest = core->dataset[i].digest;
        if (core->dataset[i].problem[0] != '\0') {
            idn_format(refuse(s, IDN_REFUSED_UNKNOWN_DATASET), IDN_TEXT_SIZE,
                "the data set %s cannot be used: %s", names[i], core->dataset[i].problem);
            return false;
        }
        return check_range(s, names[i], core->dataset[i].images);
    }
    idn_requests_unknown(s->core, s->peer, s->request->id, IDN_REFUSED_UNKNOWN_DATASET, "data set",
        s->spec.dataset, names, core->datasets);
    return false;
}

static bool check_upload(struct submission *s)
{
    s->upload = idn_upload_find(s->core, &s->request->job.key);
    uint64_t have = s->upload == NULL ? 0 : s->upload->have;

    if (s->upload == NULL || have != s->upload->total || have != s->spec.list_bytes) {
        idn_format(refuse(s, IDN_REFUSED_INCOMPLETE), IDN_TEXT_SIZE,
            "the list has %lu bytes, %lu of them have arrived; upload the rest first",
            s->spec.list_bytes, have);
        return false;
    }
    return check_range(s, "the uploaded list", idn_upload_lines(s->upload));
}

static bool check_list(struct submission *s)
{
    if (s->spec.dataset[0] == '\0')
        return check_upload(s);
    s->spec.list_bytes = 0;
    return check_dataset(s);
}

static uint32_t open_jobs_of(const struct idn_core *core, const char *client)
{
    uint32_t count = 0;

    IDN_EACH_CONST(link, &core->open)
    count += strcmp(IDN_ENTRY_CONST(link, struct idn_job, in_open)->spec.client, client) == 0;
    return count;
}

bool idn_requests_room(struct idn_core *core, idn_peer peer, uint64_t request, uint32_t images)
{
    const char *when;
    uint64_t jobs_max = idn_requests_limit(core, core->open_jobs_max, &when),
             images_max = idn_requests_limit(core, core->open_images_max, &when);

    if (core->open_jobs >= jobs_max) {
        idn_format(idn_refuse(core, peer, request, IDN_REFUSED_CLUSTER_FULL), IDN_TEXT_SIZE,
            "%u jobs are open, which is the limit%s; try again when one has finished",
            core->open_jobs, when);
        return false;
    }
    if (core->open_images + images > images_max || core->pages.free < idn_images_pages(images)) {
        idn_format(idn_refuse(core, peer, request, IDN_REFUSED_CLUSTER_FULL), IDN_TEXT_SIZE,
            "the open jobs have %lu images, %u more exceed the limit of %lu%s; try again later",
            core->open_images, images, images_max, when);
        return false;
    }
    return true;
}

static bool check_room(const struct submission *s)
{
    struct idn_core *core = s->core;
    const char *when;

    if (!idn_requests_room(core, s->peer, s->request->id, s->spec.last - s->spec.first + 1))
        return false;
    if (open_jobs_of(core, s->spec.client) >= IDN_CLIENT_JOBS_MAX) {
        idn_format(refuse(s, IDN_REFUSED_CLIENT_FULL), IDN_TEXT_SIZE,
            "%s has %u open jobs, which is the limit; wait for one or cancel it", s->spec.client,
            (unsigned)IDN_CLIENT_JOBS_MAX);
        return false;
    }
    if (core->jobs >= idn_requests_limit(core, core->jobs_max, &when)) {
        idn_format(refuse(s, IDN_REFUSED_HISTORY_FULL), IDN_TEXT_SIZE,
            "%u jobs are known, which is the limit%s; forget some that have ended", core->jobs,
            when);
        return false;
    }
    return true;
}

// The rate of each client by its name. When more are remembered than there is room for, the one
// heard least recently is forgotten, and may then begin with a full burst again.
static struct idn_client *find_client(struct idn_core *core, const char *name)
{
    struct idn_client *oldest = &core->client[0];

    for (uint32_t i = 0; i < IDN_CLIENTS_MAX; i++) {
        struct idn_client *client = &core->client[i];
        if (client->used && strcmp(client->name, name) == 0)
            return client;
        if (!client->used) {
            oldest = client;
            break;
        }
        if (client->filled_ms < oldest->filled_ms)
            oldest = client;
    }
    *oldest = (struct idn_client){
        .used = true, .milli_tokens = IDN_SUBMIT_BURST * 1000ull, .filled_ms = core->now};
    idn_copy_text(oldest->name, sizeof(oldest->name), name);
    return oldest;
}

static bool check_rate(const struct submission *s)
{
    struct idn_client *client = find_client(s->core, s->spec.client);
    uint64_t more = (s->core->now - client->filled_ms) * IDN_SUBMIT_RATE;

    client->milli_tokens = idn_min_u64(client->milli_tokens + more, IDN_SUBMIT_BURST * 1000ull);
    client->filled_ms = s->core->now;
    if (client->milli_tokens < 1000) {
        idn_format(refuse(s, IDN_REFUSED_SLOW_DOWN), IDN_TEXT_SIZE,
            "%s submits too fast: %u jobs a second are taken, %u at once", s->spec.client,
            (unsigned)IDN_SUBMIT_RATE, (unsigned)IDN_SUBMIT_BURST);
        return false;
    }
    client->milli_tokens -= 1000;
    return true;
}

static void accept(const struct submission *s)
{
    struct idn_core *core = s->core;
    const struct idn_key *key = &s->request->job.key;
    struct idn_fact *fact = idn_commit(core, IDN_FACT_ACCEPTED, key);

    fact->u.accepted = s->spec;
    struct idn_job *job = idn_jobs_add(core, fact);
    IDN_ASSERT(job != NULL);
    bool opened = idn_jobs_open_images(core, job);
    IDN_ASSERT(opened);
    idn_upload_done(core, key);
    idn_promise(core, s->peer, s->request->id, IDN_PROMISE_ACCEPTED, key, job->position, 0);
}

bool idn_requests_lack_mirror(const struct idn_core *core)
{
    return core->mirror_required && !idn_mirror_in_sync(core);
}

static bool check_mirror(const struct submission *s)
{
    if (!idn_requests_lack_mirror(s->core))
        return true;
    idn_format(refuse(s, IDN_REFUSED_NO_MIRROR), IDN_TEXT_SIZE,
        "no standby is in sync, and this broker is to accept no job without one (mirror = "
        "required); submit again when idunno-ctl status says in sync");
    return false;
}

void idn_submit_request(struct idn_core *core, idn_peer peer, const struct idn_request *request)
{
    struct submission s = {
        .core = core, .peer = peer, .request = request, .spec = request->u.submit};
    const struct idn_job *job = idn_jobs_find(core, &request->job.key);

    if (job != NULL) {
        answer_known(&s, job);
        return;
    }
    if (!idn_requests_forgotten(core, peer, request) && check_mirror(&s) &&
        !idn_requests_disk_low(core, peer, request->id) && check_rate(&s) && check_model(&s) &&
        check_order(&s) && check_list(&s) && check_room(&s))
        accept(&s);
}
