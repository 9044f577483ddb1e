#include "tests/sim/client.h"

#include "tests/sim/broker.h"
#include "tests/sim/copy.h"
#include "tests/sim/net.h"
#include "tests/sim/oracle.h"
#include "tests/sim/settings.h"
#include "tests/sim/worker.h"

#include <inttypes.h>

enum { TIMEOUT_MS = 10 * 1000, AGAIN_MS = 300, WATCH_MS = 1000, LIST_BYTES = 100 * SIM_IMAGES };

static uint32_t node_of(uint32_t client)
{
    return SIM_FIRST_CLIENT + client;
}

// ---- plans

static void draw_spec(struct sim *sim, struct idn_job_spec *spec, uint32_t client, bool upload)
{
    uint32_t span = 20 + sim_below(sim, 180), model = sim_below(sim, SIM_MODELS);

    *spec = (struct idn_job_spec){.weight = sim_below(sim, 4) == 0 ? 3 : 1};
    (void)snprintf(spec->model, IDN_NAME_SIZE, "%s", sim_model_names[model]);
    (void)snprintf(spec->client, IDN_NAME_SIZE, "client-%u", client);
    sim_fill_digest(&spec->model_digest, (uint8_t)(model + 1));
    spec->first = sim_below(sim, SIM_IMAGES - span);
    spec->last = spec->first + span - 1;
    if (upload) {
        spec->list_bytes = LIST_BYTES;
        sim_fill_digest(&spec->list_digest, 77);
        return;
    }
    (void)snprintf(spec->dataset, IDN_NAME_SIZE, "photos");
    sim_fill_digest(&spec->list_digest, 11);
}

static int add_job(struct sim *sim, uint32_t client, bool upload)
{
    struct sim_job *job = &sim->job[sim->jobs];

    for (int i = 0; i < IDN_KEY_SIZE; i++)
        job->key.bytes[i] = (uint8_t)sim_below(sim, 256);
    job->upload = upload;
    draw_spec(sim, &job->spec[0], client, upload);
    job->specs = 1;
    job->begins_ms = sim->now + sim_below(sim, sim->plan.safety_ms);
    if (sim_below(sim, 2) == 0) // many at the start, so that most runs have several open
        job->begins_ms = sim->now + sim_below(sim, 500);
    return (int)sim->jobs++;
}

// Another job under the same key: often of the same images, so that results could be mixed up.
static void draw_rival(struct sim *sim, struct sim_job *job)
{
    uint32_t other = strcmp(job->spec[0].model, sim_model_names[0]) == 0;

    draw_spec(sim, &job->spec[1], 1, false);
    if (sim_below(sim, 2) > 0)
        return;
    job->spec[1] = job->spec[0];
    (void)snprintf(job->spec[1].model, IDN_NAME_SIZE, "%s", sim_model_names[other]);
    sim_fill_digest(&job->spec[1].model_digest, (uint8_t)(other + 1));
}

static void add_task(struct sim *sim, uint32_t client, int job, uint32_t variant)
{
    struct sim_client *of = &sim->client[client];

    of->task[of->tasks++] = (struct sim_task){.job = job,
        .variant = variant,
        .wants_cancel = sim_below(sim, 100) < sim->plan.cancels,
        .wants_forget = sim_below(sim, 100) < sim->plan.forgets};
}

void sim_clients_plan(struct sim *sim)
{
    uint32_t uploads = sim->plan.uploads, rivals = sim->plan.rivals;

    for (uint32_t client = 0; client < sim->plan.clients; client++)
        for (uint32_t i = 0; i < sim->plan.tasks; i++) {
            bool upload = uploads > 0 && sim_below(sim, 3) == 0;
            int job = add_job(sim, client, upload);
            uploads -= upload;
            add_task(sim, client, job, 0);
            if (upload || rivals == 0 || client > 0 || sim_below(sim, 2) == 0)
                continue;
            rivals--;
            draw_rival(sim, &sim->job[job]);
            sim->job[job].specs = 2;
            add_task(sim, 1, job, 1);
        }
}

// ---- what it asks

static void begin(struct sim *sim, uint32_t client, uint32_t type, uint32_t at)
{
    struct sim_client *of = &sim->client[client];
    struct sim_task *task = &of->task[at];

    of->current = at;
    of->request.type = type;
    of->request.job = (struct idn_job_name){.key = sim->job[task->job].key, .bits = 128};
    SIM_TRACE(sim, "client %u asks: %s", client, sim_request_text(sim, &of->request));
    sim_client_step(sim, client,
        (struct idn_session_event){.type = IDN_SESSION_BEGIN, .u.begin = &of->request});
}

static void upload(struct sim *sim, uint32_t client, uint32_t at)
{
    struct sim_client *of = &sim->client[client];
    struct sim_task *task = &of->task[at];
    uint64_t left = LIST_BYTES - task->uploaded;
    uint32_t size = left < IDN_LIST_PART_BYTES ? (uint32_t)left : (uint32_t)IDN_LIST_PART_BYTES;

    for (uint32_t i = 0; i < size; i++)
        of->bytes[i] = sim_list_byte(task->job, task->uploaded + i);
    of->request.u.upload.offset = task->uploaded;
    of->request.u.upload.total = LIST_BYTES;
    of->request.u.upload.size = size;
    of->request.u.upload.bytes = of->bytes;
    begin(sim, client, IDN_REQUEST_UPLOAD, at);
}

static void ask_for(struct sim *sim, uint32_t client, uint32_t at)
{
    struct sim_client *of = &sim->client[client];
    struct sim_task *task = &of->task[at];
    struct sim_job *job = &sim->job[task->job];

    memset(&of->request, 0, sizeof(of->request));
    if (task->state == SIM_TASK_NEW && job->upload && task->uploaded < LIST_BYTES) {
        upload(sim, client, at);
    } else if (task->state == SIM_TASK_NEW) {
        of->request.u.submit = job->spec[task->variant];
        begin(sim, client, IDN_REQUEST_SUBMIT, at);
    } else if (task->state == SIM_TASK_SUBMITTED && task->wants_cancel && sim_below(sim, 4) == 0) {
        job->cancel_asked = true;
        begin(sim, client, IDN_REQUEST_CANCEL, at);
    } else if (task->state == SIM_TASK_SUBMITTED) {
        of->request.u.watch.version = task->version;
        of->request.u.watch.wait_ms = sim_below(sim, WATCH_MS);
        begin(sim, client, IDN_REQUEST_WATCH, at);
    } else if (task->state == SIM_TASK_ENDED) {
        of->request.u.results.from = task->next;
        of->request.u.results.most = 1 + sim_below(sim, 150);
        begin(sim, client, IDN_REQUEST_RESULTS, at);
    } else {
        job->forget_asked = true;
        begin(sim, client, IDN_REQUEST_FORGET, at);
    }
}

static void look_around(struct sim *sim, uint32_t client)
{
    static const uint32_t types[] = {
        IDN_REQUEST_JOB, IDN_REQUEST_JOBS, IDN_REQUEST_WORKERS, IDN_REQUEST_STATUS};
    struct sim_client *of = &sim->client[client];

    memset(&of->request, 0, sizeof(of->request));
    begin(sim, client, types[sim_below(sim, 4)], sim_below(sim, of->tasks));
}

static void later(struct sim *sim, uint32_t client, uint64_t ms)
{
    agenda_add(&sim->agenda, (struct agenda_event){.at = sim->now + ms,
                                 .type = SIM_NEXT,
                                 .node = node_of(client),
                                 .boot = sim->node[node_of(client)].boot});
}

bool sim_client_is_done(const struct sim *sim, uint32_t client)
{
    const struct sim_client *of = &sim->client[client];

    for (uint32_t i = 0; i < of->tasks; i++)
        if (of->task[i].state != SIM_TASK_OVER)
            return false;
    return true;
}

static void next(struct sim *sim, uint32_t client)
{
    struct sim_client *of = &sim->client[client];
    uint32_t ready[SIM_CLIENT_JOBS_MAX], count = 0;

    if (of->session.busy)
        return;
    for (uint32_t i = 0; i < of->tasks; i++) {
        const struct sim_task *task = &of->task[i];
        if (task->state == SIM_TASK_OVER ||
            (task->state == SIM_TASK_NEW && sim->job[task->job].begins_ms > sim->now &&
                sim->phase == SIM_SAFETY))
            continue;
        ready[count++] = i;
    }
    if (sim_setting_draw(sim, sim_client_is_done(sim, client), &of->request))
        begin(sim, client, IDN_REQUEST_SET, sim_below(sim, of->tasks));
    else if (count == 0)
        later(sim, client, AGAIN_MS);
    else if (sim_below(sim, 30) == 0)
        look_around(sim, client);
    else
        ask_for(sim, client, ready[sim_below(sim, count)]);
}

// ---- what it is answered

static void is_over(struct sim_task *task)
{
    task->state = SIM_TASK_OVER;
}

static void submit_again(struct sim_task *task)
{
    task->state = SIM_TASK_NEW;
    task->uploaded = task->version = 0;
}

static bool is_same(const struct idn_job_spec *a, const struct idn_job_spec *b)
{
    return a->first == b->first && a->last == b->last && strcmp(a->model, b->model) == 0 &&
           strcmp(a->dataset, b->dataset) == 0;
}

static void take_job(
    struct sim *sim, uint32_t client, struct sim_task *task, const struct idn_job_info *info)
{
    const struct sim_job *job = &sim->job[task->job];
    uint32_t total = info->spec.last - info->spec.first + 1,
             done = info->ok + info->failed + info->quarantined;

    if (!idn_key_equal(&info->key, &job->key))
        sim_fail(sim, "client %u is told of another job", client);
    if (!is_same(&info->spec, &job->spec[task->variant])) {
        if (job->specs < 2 || !is_same(&info->spec, &job->spec[1 - task->variant]))
            sim_fail(sim, "client %u: its job has a specification that nobody gave", client);
        is_over(task); // the rival has the key
        return;
    }
    // With every image done a job may be open for a moment: while its results are read back.
    if (info->state == IDN_JOB_FINISHED && done != total)
        sim_fail(sim, "client %u: a job of %u images with %u done is %s", client, total, done,
            idn_job_state_name(info->state));
    task->version = info->version;
    task->finished = info->state == IDN_JOB_FINISHED;
    if (info->state == IDN_JOB_OPEN || task->state != SIM_TASK_SUBMITTED)
        return;
    task->state = SIM_TASK_ENDED;
    task->next = info->spec.first;
    task->rows = 0;
}

static void check_row(struct sim *sim, const struct sim_task *task, const uint8_t *bytes)
{
    const struct idn_job_spec *spec = &sim->job[task->job].spec[task->variant];
    struct idn_result row, computed;

    if (!idn_result_unpack(bytes, &row) || row.index < task->next || row.index > spec->last)
        sim_fail(sim, "a result page holds a row that is none of the page");
    if (row.status == IDN_STATUS_QUARANTINED)
        return;
    for (uint32_t class = 0; class < sim->plan.classes; class ++) {
        uint8_t packed[IDN_ROW_BYTES];
        sim_compute(sim, spec->model, class, row.index, &computed);
        idn_result_pack(&computed, packed);
        if (memcmp(packed, bytes, IDN_ROW_BYTES) == 0)
            return;
    }
    sim_fail(
        sim, "image %" PRIu32 " of %s has a result that nobody computed", row.index, spec->model);
}

static void take_page(struct sim *sim, struct sim_task *task, const struct idn_reply *reply)
{
    const struct idn_job_spec *spec = &sim->job[task->job].spec[task->variant];
    bool rivals = sim->job[task->job].specs > 1; // then it may be the other's page

    for (uint32_t i = 0; !rivals && i < reply->u.results.count; i++)
        check_row(sim, task, reply->u.results.rows + (size_t)i * IDN_ROW_BYTES);
    task->rows += reply->u.results.count;
    task->next = reply->u.results.next;
    if (task->next <= spec->last)
        return;
    // A broker that crashed may have told of a finished job what was not stored: it is open again.
    bool whole = task->rows == spec->last - spec->first + 1;
    task->state = whole || rivals || !task->finished ? SIM_TASK_FETCHED : SIM_TASK_SUBMITTED;
    if (whole)
        sim->stats->finished++;
    if (task->state == SIM_TASK_FETCHED && !task->wants_forget)
        is_over(task);
}

static void take_accepted(struct sim *sim, struct sim_client *of, struct sim_task *task)
{
    struct sim_job *job = &sim->job[task->job];

    if (of->request.type == IDN_REQUEST_SUBMIT) {
        sim->stats->acked += !job->acked;
        job->acked = true;
        task->state = SIM_TASK_SUBMITTED;
    } else if (of->request.type == IDN_REQUEST_CANCEL) {
        task->wants_cancel = false;
    } else if (of->request.type == IDN_REQUEST_SET) {
        sim->stats->settings++;
    } else {
        job->forget_acked = true;
        is_over(task);
    }
}

static void take_unknown(struct sim *sim, uint32_t client, struct sim_task *task)
{
    const struct sim_job *job = &sim->job[task->job];

    if (job->forget_asked)
        is_over(task);
    else if (!job->acked || job->waived)
        submit_again(task);
    else
        sim_fail(sim, "client %u: job %d was acknowledged, and is unknown now", client, task->job);
}

static bool give_room(const struct sim *sim, struct sim_client *of)
{
    for (uint32_t i = 0; i < of->tasks; i++) {
        struct sim_task *task = &of->task[i];
        if (task->state == SIM_TASK_OVER && (task->stays || !sim->job[task->job].forget_asked)) {
            task->state = SIM_TASK_FETCHED;
            task->stays = false;
            return true;
        }
    }
    return false;
}

// No room for one more job: one of those that are over goes, another client's if it must be.
static void make_room(struct sim *sim, uint32_t client)
{
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        if (give_room(sim, &sim->client[(client + i) % SIM_CLIENTS]))
            return;
}

static void take_refusal(
    struct sim *sim, uint32_t client, struct sim_task *task, const struct idn_reply *reply)
{
    const struct sim_job *job = &sim->job[task->job];
    uint32_t code = reply->u.refused.code;

    sim->stats->refused[code < IDN_REFUSED_COUNT ? code : 0]++;
    if (sim->client[client].request.type == IDN_REQUEST_SET && sim_setting_may_be_refused(code))
        return;
    switch ((int)code) {
    case IDN_REFUSED_CLUSTER_FULL:
    case IDN_REFUSED_SLOW_DOWN:
    case IDN_REFUSED_DISK_LOW:
    case IDN_REFUSED_NOT_ACTIVE:
    case IDN_REFUSED_NO_MIRROR:
        return;
    case IDN_REFUSED_HISTORY_FULL:
        task->stays = sim->client[client].request.type == IDN_REQUEST_FORGET;
        if (task->stays)
            is_over(task);
        else
            make_room(sim, client);
        return;
    case IDN_REFUSED_INCOMPLETE:
        task->uploaded = 0;
        return;
    case IDN_REFUSED_UNKNOWN_HERE:
        if (job->forget_asked)
            is_over(task);
        else
            submit_again(task);
        return;
    case IDN_REFUSED_UNKNOWN_JOB:
        take_unknown(sim, client, task);
        return;
    case IDN_REFUSED_JOB_OPEN:
        task->state = SIM_TASK_SUBMITTED;
        return;
    case IDN_REFUSED_FORGOTTEN:
        if (job->forget_asked) {
            is_over(task);
            return;
        }
        break;
    case IDN_REFUSED_CONFLICT:
        if (job->specs > 1) {
            is_over(task);
            return;
        }
        break;
    case IDN_REFUSED_RANGE: // of a rival's job
        if (job->specs > 1) {
            task->state = SIM_TASK_SUBMITTED;
            return;
        }
        break;
    default:
        break;
    }
    sim_fail(
        sim, "client %u is refused %s: %s", client, idn_refusal_name(code), reply->u.refused.text);
}

static void done(struct sim *sim, uint32_t client, const struct idn_reply *reply)
{
    struct sim_client *of = &sim->client[client];
    struct sim_task *task = &of->task[of->current];

    SIM_TRACE(sim, "client %u is answered: %s", client, sim_reply_text(reply));
    sim_note(
        sim, reply->type << 8 | (reply->type == IDN_REPLY_REFUSED ? reply->u.refused.code : 0));
    switch ((int)reply->type) {
    case IDN_REPLY_REFUSED:
        take_refusal(sim, client, task, reply);
        later(sim, client, AGAIN_MS);
        return;
    case IDN_REPLY_ACCEPTED:
        take_accepted(sim, of, task);
        break;
    case IDN_REPLY_UPLOADED:
        task->uploaded = reply->u.uploaded.offset;
        break;
    case IDN_REPLY_JOB:
        take_job(sim, client, task, &reply->u.job);
        break;
    case IDN_REPLY_RESULTS:
        take_page(sim, task, reply);
        break;
    default:
        break;
    }
    later(sim, client, sim_below(sim, 30));
}

// ---- its process

static void carry(struct sim *sim, uint32_t client, const struct idn_session_action *action)
{
    uint32_t node = node_of(client);

    sim_note(sim, (uint64_t)action->type << 8 | action->broker);
    switch (action->type) {
    case IDN_SESSION_SEND:
        sim_net_send(sim, node, action->broker, SIM_CLIENTS_PORT,
            (struct agenda_event){.type = SIM_REQUEST,
                .boot = sim->node[action->broker].boot,
                .a = sim->net.peer[action->broker][node],
                .payload = sim_copy_request(action->request)});
        break;
    case IDN_SESSION_RECONNECT:
        sim_net_connect(sim, action->broker, node);
        break;
    case IDN_SESSION_DONE:
        done(sim, client, action->reply);
        break;
    case IDN_SESSION_UNREACHABLE:
        SIM_TRACE(sim, "client %u: nobody answers", client);
        later(sim, client, AGAIN_MS);
        break;
    }
}

void sim_client_step(struct sim *sim, uint32_t client, struct idn_session_event event)
{
    struct sim_client *of = &sim->client[client];

    event.now_ms = sim_node_now(sim, node_of(client));
    sim->stats->steps++;
    idn_session_step(&of->session, &event);
    for (size_t i = 0; i < of->session.actions; i++)
        carry(sim, client, &of->session.action[i]);
    sim_node_wants(sim, node_of(client), idn_session_deadline(&of->session));
}

void sim_client_start(struct sim *sim, uint32_t client)
{
    struct sim_client *of = &sim->client[client];
    struct sim_node *node = &sim->node[node_of(client)];
    struct idn_session_config config = {.brokers = sim->plan.brokers,
        .seed = idn_random_next(&sim->random),
        .timeout_ms = TIMEOUT_MS};

    node->up = true;
    node->boot++;
    node->clock_ms = idn_random_next(&sim->random) % 1000000000u;
    node->tick_at = UINT64_MAX;
    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        sim_net_connect(sim, i, node_of(client));
    idn_session_init(&of->session, &config);
    // A person who comes back submits again what he is not sure of.
    for (uint32_t i = 0; of->boots > 0 && i < of->tasks; i++)
        if (of->task[i].state == SIM_TASK_SUBMITTED && sim_below(sim, 2) == 0)
            submit_again(&of->task[i]);
    of->boots++;
    later(sim, client, sim_below(sim, 100));
}

void sim_client_kill(struct sim *sim, uint32_t client)
{
    struct sim_node *node = &sim->node[node_of(client)];

    node->up = node->frozen = false;
    node->tick_at = UINT64_MAX;
    node->boot++;
    sim_drop_held(sim, node_of(client));
}

void sim_client_take(struct sim *sim, uint32_t client, const struct agenda_event *event)
{
    struct idn_session_event taken = {.type = IDN_SESSION_REPLY};

    if (event->type == SIM_NEXT) {
        next(sim, client);
        return;
    }
    if (event->b != sim->net.peer[event->a][node_of(client)])
        return;
    taken.u.reply.broker = (uint32_t)event->a;
    taken.u.reply.message = event->payload;
    sim_client_step(sim, client, taken);
}
