#include "tests/sim/check.h"

#include "tests/sim/broker.h"
#include "tests/sim/claims.h"
#include "tests/sim/client.h"
#include "tests/sim/ledger.h"
#include "tests/sim/oracle.h"
#include "tests/sim/settings.h"

#include "broker/core/jobs.h"
#include "broker/core/mirror.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LOOK_MS = 250, COMPARE_LOOKS = 11, COUNTED_MS = 60 * 1000 };

static int letter(uint32_t broker)
{
    return 'a' + (int)broker;
}

// ---- promises

static bool is_at(const struct sim *sim, uint32_t broker, int job, uint8_t head)
{
    return (sim->disk[broker].heads[job] & head) != 0;
}

// What was asked, if the client still waits for this very answer; 0: not known.
static uint32_t request_of(const struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    for (uint32_t i = 0; i < sim->plan.clients; i++) {
        const struct idn_session *session = &sim->client[i].session;
        if (sim->net.peer[broker][SIM_FIRST_CLIENT + i] == action->peer && session->busy &&
            session->request.id == action->u.reply.id)
            return session->request.type;
    }
    return 0;
}

static uint8_t head_of(struct sim *sim, uint32_t broker, uint32_t request, int job)
{
    struct idn_job_info info;

    if (request == IDN_REQUEST_SUBMIT)
        return SIM_HEAD_ACCEPTED;
    if (request == IDN_REQUEST_FORGET)
        return SIM_HEAD_FORGOTTEN;
    if (request != IDN_REQUEST_CANCEL)
        return 0;
    bool known = idn_core_job(sim->broker[broker].core, &sim->job[job].key, &info);
    return known && info.state == IDN_JOB_FINISHED ? 0 : SIM_HEAD_CANCELLED;
}

// Acknowledged means stored, and by as many brokers as the answer says.
static void check_accepted(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    const struct idn_reply *reply = &action->u.reply;
    int job = sim_job_of(sim, &reply->u.accepted.job);

    if (sim_check_set(sim, broker, action) || job < 0)
        return;
    uint32_t durable = reply->u.accepted.durable;
    uint8_t head = head_of(sim, broker, request_of(sim, broker, action), job);
    if (durable < 1 || durable > sim->plan.brokers)
        sim_fail(sim, "job %d is acknowledged as durable at %u brokers", job, durable);
    if (head != 0 && !is_at(sim, broker, job, head))
        sim_fail(sim, "job %d: broker %c acknowledges what it has not stored", job, letter(broker));
    // What the other acknowledged and then lost with its disk counts.
    if (head != 0 && durable == 2 && (sim->disk[1 - broker].heads_ever[job] & head) == 0)
        sim_fail(sim, "job %d: broker %c acknowledges for both what the other has not stored", job,
            letter(broker));
}

static void check_report(
    struct sim *sim, uint32_t broker, const struct sim_report *report, bool in_sync)
{
    const struct sim_job *job = &sim->job[report->job];
    struct idn_job_info info;
    uint8_t bit = job->specs > 1 && idn_spec_hash(&job->spec[1]) == report->spec_hash ? 2 : 1;

    // Not welcome: of a job that is not known here or has another specification, or of a class.
    if ((report->void_at >> broker & 1) != 0 || sim->plan.classes > 1 ||
        !idn_core_job(sim->broker[broker].core, &job->key, &info) ||
        is_at(sim, broker, report->job, SIM_HEAD_FORGOTTEN) ||
        idn_spec_hash(&info.spec) != report->spec_hash)
        return;
    for (uint32_t i = 0; i < report->count; i++) {
        uint32_t image = report->image[i];
        if ((sim->disk[broker].have[report->job][image] & bit) == 0)
            sim_fail(sim, "report %" PRIu64 " is acknowledged before image %u of job %d is stored",
                report->number, image, report->job);
        if (in_sync && (sim->disk[1 - broker].ever[report->job][image] & bit) == 0)
            sim_fail(sim,
                "report %" PRIu64 " is acknowledged before image %u of job %d is mirrored",
                report->number, image, report->job);
    }
}

static void check_ack(struct sim *sim, uint32_t broker, const struct idn_order *order)
{
    for (uint32_t i = 0; i < sim->plan.workers; i++) {
        struct sim_worker *worker = &sim->worker[i];
        if (worker->nonce != order->nonce || order->nonce == 0)
            continue;
        if (order->u.ack.number > worker->reports)
            sim_fail(sim, "report %" PRIu64 " of worker %u is acknowledged, %zu were made",
                order->u.ack.number, i, worker->reports);
        bool in_sync = sim->broker[broker].in_sync && idn_mirror_in_sync(sim->broker[broker].core);
        for (; worker->reports_acked < order->u.ack.number; worker->reports_acked++)
            if (worker->report[worker->reports_acked].job >= 0)
                check_report(sim, broker, &worker->report[worker->reports_acked], in_sync);
    }
}

// A report that comes before the job it is of is acknowledged and dropped: its images are then
// computed again.
void sim_check_message(struct sim *sim, uint32_t broker, const struct idn_worker_message *message)
{
    struct idn_job_info info;

    if (message->type != IDN_WORKER_REPORT)
        return;
    for (uint32_t i = 0; i < sim->plan.workers; i++) {
        struct sim_worker *worker = &sim->worker[i];
        if (worker->nonce != message->nonce || message->u.report.number > worker->reports)
            continue;
        bool known = idn_core_job(sim->broker[broker].core, &message->u.report.job, &info);
        if (!known || idn_spec_hash(&info.spec) != message->u.report.spec_hash)
            worker->report[message->u.report.number - 1].void_at |= 1u << broker;
    }
}

// ---- reigns

// The ledger knows a reign from the moment it is stored.
static bool is_own_reign(const struct sim *sim, uint32_t broker, struct idn_epoch epoch)
{
    for (uint32_t i = sim->ledger.reigns; i-- > 0;)
        if (idn_epoch_compare(sim->ledger.reign[i].epoch, epoch) == 0)
            return sim->ledger.reign[i].incarnation == sim->broker[broker].incarnation;
    return false;
}

static void check_beat(struct sim *sim, uint32_t broker, const struct idn_broker_beat *beat)
{
    bool active = beat->role == IDN_ROLE_ACTIVE || beat->role == IDN_ROLE_ALONE;

    sim_note(sim, beat->sequence << 8 | beat->role);
    if (active && !is_own_reign(sim, broker, beat->epoch))
        sim_fail(sim, "broker %c reigns in epoch %" PRIu64 "%c, which it has not stored",
            letter(broker), beat->epoch.counter, (int)beat->epoch.broker);
}

static void check_lease(struct sim *sim, uint32_t broker, const struct idn_order *order)
{
    struct sim_broker *of = &sim->broker[broker];
    const struct idn_lease_id *id = &order->u.lease.id;
    int job = sim_job_of(sim, &order->u.lease.job);

    if (!is_own_reign(sim, broker, id->epoch))
        sim_fail(sim, "broker %c grants a lease of epoch %" PRIu64 "%c, which is not its own",
            letter(broker), id->epoch.counter, (int)id->epoch.broker);
    if (job < 0 || order->u.lease.count == 0 ||
        order->u.lease.first + order->u.lease.count > SIM_IMAGES)
        sim_fail(sim, "broker %c grants a lease of no job", letter(broker));
    if (id->serial >= SIM_SERIALS_MAX)
        return;
    uint64_t *nonce = &of->lease_nonce[id->serial];
    if (*nonce != 0 && *nonce != order->nonce)
        sim_fail(sim, "lease %" PRIu64 " is granted to two workers", id->serial);
    *nonce = order->nonce;
}

// Who lacked facts has fetched what there is of them before it reigns.
static void check_reign(struct sim *sim, uint32_t broker, const struct idn_fact *fact)
{
    struct sim_broker *of = &sim->broker[broker];
    const struct sim_disk *other = &sim->disk[1 - broker];

    sim_claim_reign(sim, broker);
    if (idn_epoch_compare(fact->epoch, of->reign) <= 0)
        sim_fail(sim, "broker %c begins epoch %" PRIu64 " after %" PRIu64, letter(broker),
            fact->epoch.counter, of->reign.counter);
    of->reign = fact->epoch;
    memset(of->lease_nonce, 0, sizeof(of->lease_nonce));
    for (uint32_t i = 0; of->learner && i < sim->ledger.incarnations; i++) {
        uint64_t lack = of->lack[i] < other->durable[i] ? of->lack[i] : other->durable[i];
        if (sim->disk[broker].last[i] < lack)
            sim_fail(sim, "broker %c, a learner, reigns before it has what the other holds",
                letter(broker));
    }
    of->learner = false;
}

// ---- the link

static void check_frame(struct sim *sim, uint32_t broker, const struct idn_mirror_frame *frame)
{
    sim_note(sim, frame->number << 8 | frame->type);
    for (uint32_t i = 0; frame->type == IDN_MIRROR_FACTS && i < frame->u.facts.count; i++) {
        const struct idn_origin *origin = &frame->u.facts.item[i].fact.origin;
        if (sim->disk[broker].durable[sim_ledger_find(sim, origin->incarnation)] < origin->sequence)
            sim_fail(sim, "broker %c mirrors a fact that it has not stored", letter(broker));
    }
}

static void check_order(struct sim *sim, uint32_t broker, const struct idn_order *order)
{
    sim_note(sim, order->nonce ^ order->type);
    if (order->type == IDN_ORDER_ACK)
        check_ack(sim, broker, order);
    if (order->type == IDN_ORDER_LEASE)
        check_lease(sim, broker, order);
}

void sim_check_action(struct sim *sim, uint32_t broker, const struct idn_action *action)
{
    sim_note(sim, (uint64_t)action->type << 56 | broker);
    switch (action->type) {
    case IDN_ACTION_REPLY:
        sim_note(sim, action->u.reply.id << 8 | action->u.reply.type);
        SIM_TRACE(sim, "%c -> client: %s", letter(broker), sim_reply_text(&action->u.reply));
        if (action->u.reply.type == IDN_REPLY_ACCEPTED)
            check_accepted(sim, broker, action);
        break;
    case IDN_ACTION_ORDER:
        SIM_TRACE(sim, "%c -> worker: %s", letter(broker), sim_order_text(&action->u.order));
        check_order(sim, broker, &action->u.order);
        break;
    case IDN_ACTION_BEAT:
        check_beat(sim, broker, &action->u.beat);
        break;
    case IDN_ACTION_COMMIT:
        sim_note(sim, action->u.fact.origin.sequence << 8 | action->u.fact.kind);
        SIM_TRACE(sim, "%c commits %s", letter(broker), sim_fact_text(&action->u.fact));
        sim->broker[broker].settings += action->u.fact.kind == IDN_FACT_SETTING;
        if (action->u.fact.kind == IDN_FACT_REIGN)
            check_reign(sim, broker, &action->u.fact);
        break;
    case IDN_ACTION_COPY:
        sim->broker[broker].settings += action->u.copy->fact.kind == IDN_FACT_SETTING;
        sim_note(sim, action->u.copy->fact.origin.sequence);
        SIM_TRACE(sim, "%c copies %s", letter(broker), sim_fact_text(&action->u.copy->fact));
        break;
    case IDN_ACTION_MIRROR_SEND:
        SIM_TRACE(sim, "%c -> %c: %s", letter(broker), letter(1 - broker),
            sim_frame_text(&action->u.mirror));
        check_frame(sim, broker, &action->u.mirror);
        break;
    case IDN_ACTION_MIRROR_RESET:
        SIM_TRACE(sim, "%c resets the link", letter(broker));
        break;
    case IDN_ACTION_SUMMARY:
    case IDN_ACTION_REFOLD:
    case IDN_ACTION_PAGE:
    case IDN_ACTION_LIST:
    case IDN_ACTION_READ_FACTS:
    case IDN_ACTION_EXIT:
        break;
    }
}

void sim_check_worker(struct sim *sim, uint32_t worker)
{
    struct sim_worker *of = &sim->worker[worker];
    struct idn_agent_view view;

    idn_agent_look(of->agent, &view);
    if (idn_epoch_compare(view.epoch, of->obeyed) < 0)
        sim_fail(sim, "worker %u obeys epoch %" PRIu64 "%c after %" PRIu64 "%c", worker,
            view.epoch.counter, (int)view.epoch.broker, of->obeyed.counter, (int)of->obeyed.broker);
    of->obeyed = view.epoch;
    of->leases = view.leases;
    if (view.leases > IDN_WORKER_LEASES_MAX || view.reports > IDN_REPORT_WINDOW)
        sim_fail(
            sim, "worker %u holds %u leases and %u reports", worker, view.leases, view.reports);
}

// ---- the state, held against the oracle

static bool is_refolded(const struct sim *sim, uint32_t broker, int job)
{
    const struct idn_job *of = idn_jobs_find(sim->broker[broker].core, &sim->job[job].key);

    return of == NULL || (!of->refold_due && !of->refolding);
}

static void compare_job(struct sim *sim, uint32_t broker, const struct idn_core *core, int job)
{
    static struct sim_folded folded;
    struct idn_job_info info;
    bool known = idn_core_job(core, &sim->job[job].key, &info);

    sim_fold(sim, broker, sim->disk[broker].count, job, NULL, &folded);
    if (known != (folded.accepted && !folded.forgotten))
        sim_fail(sim, "broker %c %s job %d, which its facts %s", letter(broker),
            known ? "knows" : "does not know", job, known ? "do not hold" : "hold");
    if (!known)
        return;
    if (idn_spec_hash(&info.spec) != idn_spec_hash(&folded.spec))
        sim_fail(sim, "broker %c has another specification of job %d than its facts",
            letter(broker), job);
    if (info.ok != folded.ok || info.failed != folded.failed ||
        info.quarantined != folded.quarantined)
        sim_fail(sim,
            "broker %c counts %u ok, %u failed, %u quarantined of job %d; its facts %u, "
            "%u, %u",
            letter(broker), info.ok, info.failed, info.quarantined, job, folded.ok, folded.failed,
            folded.quarantined);
    if (info.state != sim_folded_state(&folded) && !folded.disputed)
        sim_fail(sim, "job %d is %s at broker %c, by its facts %s", job,
            idn_job_state_name(info.state), letter(broker),
            idn_job_state_name(sim_folded_state(&folded)));
    if ((!folded.disputed || info.state == IDN_JOB_FINISHED) &&
        !idn_digest_equal(&info.digest, &folded.digest))
        sim_fail(
            sim, "job %d has another digest at broker %c than by its facts", job, letter(broker));
}

static void compare_broker(struct sim *sim, uint32_t broker, bool rivals_only)
{
    if (!sim->node[broker].up || sim->broker[broker].refolds > 0)
        return;
    sim_check_settings(sim, broker);
    for (int job = 0; job < (int)sim->jobs; job++)
        if ((sim->job[job].specs > 1 || !rivals_only) && is_refolded(sim, broker, job))
            compare_job(sim, broker, sim->broker[broker].core, job);
}

// Jobs with nothing left to do whose digest is read back before they may be called finished.
static uint32_t refolded_soon(const struct sim *sim, uint32_t broker)
{
    uint32_t jobs = 0;

    for (int job = 0; job < (int)sim->jobs; job++)
        jobs += !is_refolded(sim, broker, job);
    return jobs;
}

static void check_limits(struct sim *sim, uint32_t broker)
{
    const struct idn_status_info *status = &sim->broker[broker].status;
    bool whole = sim->plan.brokers == 1 || status->peer.exchanged;

    if (status->jobs_known > sim->plan.jobs_max)
        sim_fail(sim, "broker %c knows %u jobs", letter(broker), status->jobs_known);
    // A standby that catches up meets jobs whose results are emptied before it learns that they are
    // forgotten.
    if (!whole || (status->role != IDN_ROLE_ACTIVE && status->role != IDN_ROLE_ALONE))
        return;
    if (status->jobs_open > sim->plan.open_jobs_max + refolded_soon(sim, broker))
        sim_fail(sim, "broker %c has %u open jobs and %u in all", letter(broker), status->jobs_open,
            status->jobs_known);
    if (status->images_pending + status->images_in_flight > sim->plan.open_images_max)
        sim_fail(sim, "broker %c has %" PRIu64 " open images", letter(broker),
            status->images_pending + status->images_in_flight);
}

// Simulated time counts with at least two jobs open, three workers, and a fault a minute.
static void count_time(struct sim *sim)
{
    uint32_t open = 0, workers = 0;

    for (uint32_t i = 0; i < sim->plan.brokers; i++)
        if (sim->broker[i].status.jobs_open > open)
            open = sim->broker[i].status.jobs_open;
    for (uint32_t i = 0; i < sim->plan.workers; i++)
        workers += sim->node[SIM_FIRST_WORKER + i].up;
    if (open >= 2 && workers >= 3 && sim->faults_at_ms != 0 &&
        sim->now - sim->faults_at_ms < COUNTED_MS)
        sim->stats->counted_ms += LOOK_MS;
}

void sim_check_look(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.brokers; i++) {
        if (!sim->node[i].up)
            continue;
        sim_broker_look(sim, i);
        idn_core_check(sim->broker[i].core);
        check_limits(sim, i);
        sim_claim_charges(sim, i);
        compare_broker(sim, i, ++sim->looks % COMPARE_LOOKS != 0);
    }
    count_time(sim);
}

// ---- the end

static const char *unfinished_broker(struct sim *sim, uint32_t broker)
{
    const struct idn_status_info *status = &sim->broker[broker].status;
    const struct sim_disk *disk = &sim->disk[broker];

    if (!sim->node[broker].up || sim->node[broker].frozen)
        return "a broker is down";
    if (sim->broker[broker].refolds > 0 || disk->writing > 0 || disk->stored < disk->count)
        return "a broker's store is busy";
    if (status->jobs_open > 0)
        return "a job is open";
    if (status->workers_busy > 0)
        return "a worker is busy";
    if (sim->plan.brokers == 2 && !status->peer.exchanged)
        return "the brokers have not exchanged their facts";
    return NULL;
}

static const char *unfinished_roles(const struct sim *sim)
{
    uint32_t role = sim->broker[0].status.role, other = sim->broker[1].status.role;

    if (sim->plan.brokers == 1)
        return role == IDN_ROLE_ALONE ? NULL : "the only broker is not active";
    if ((role == IDN_ROLE_ACTIVE && other == IDN_ROLE_STANDBY) ||
        (role == IDN_ROLE_STANDBY && other == IDN_ROLE_ACTIVE))
        return NULL;
    return "the brokers are not one active and one standby in sync";
}

static const char *unfinished_worker(const struct sim *sim, uint32_t worker)
{
    struct idn_agent_view view;

    if (!sim->node[SIM_FIRST_WORKER + worker].up)
        return "a worker is down";
    idn_agent_look(sim->worker[worker].agent, &view);
    if (view.leases > 0)
        return "a worker holds a lease";
    if (view.reports > 0)
        return "a worker waits for an acknowledgement";
    return NULL;
}

const char *sim_unfinished(struct sim *sim)
{
    const char *why = NULL;

    for (uint32_t i = 0; i < sim->plan.clients && why == NULL; i++)
        if (!sim_client_is_done(sim, i))
            why = "a client waits";
    for (uint32_t i = 0; i < sim->plan.brokers && why == NULL; i++)
        why = unfinished_broker(sim, i);
    for (uint32_t i = 0; i < sim->plan.workers && why == NULL; i++)
        why = unfinished_worker(sim, i);
    return why == NULL ? unfinished_roles(sim) : why;
}

// The winner of an image is what a child computes of it, or a quarantine that has its reason.
static void check_winner(struct sim *sim, int job, const struct sim_folded *folded, uint32_t image)
{
    const struct sim_image *of = &folded->image[image];
    uint8_t packed[IDN_ROW_BYTES];
    struct idn_result computed;

    if (of->rank == SIM_RANK_NONE)
        return;
    if (of->rank == SIM_RANK_QUARANTINED) {
        if (sim->image_kind[image] != SIM_POISON && sim->image_kind[image] != SIM_FLAKY &&
            sim->job[job].deaths_alone[image] < IDN_DEATHS_ALONE_MAX)
            sim_fail(sim, "image %u of job %d is quarantined after %u deaths", image, job,
                sim->job[job].deaths_alone[image]);
        return;
    }
    for (uint32_t class = 0; class < sim->plan.classes; class ++) {
        sim_compute(sim, folded->spec.model, class, image, &computed);
        idn_result_pack(&computed, packed);
        if (memcmp(packed, of->row, IDN_ROW_BYTES) == 0)
            return;
    }
    sim_fail(sim, "image %u of job %d has a result that nobody computed", image, job);
}

static void check_job_end(struct sim *sim, uint32_t broker, int job)
{
    static struct sim_folded folded;
    const struct sim_job *of = &sim->job[job];

    sim_fold(sim, broker, sim->disk[broker].count, job, NULL, &folded);
    if (of->acked && !of->waived && !folded.accepted)
        sim_fail(sim, "job %d was acknowledged and is not at broker %c", job, letter(broker));
    if (of->forget_acked && !folded.forgotten)
        sim_fail(sim, "job %d was forgotten and is still at broker %c", job, letter(broker));
    if (!folded.accepted || folded.forgotten)
        return;
    for (uint32_t i = folded.spec.first; i <= folded.spec.last; i++)
        check_winner(sim, job, &folded, i);
    if (sim->plan.classes == 1 && folded.conflicts > 0)
        sim_fail(sim, "job %d has %u conflicts", job, folded.conflicts);
}

static void quiet_step(void *context, const struct idn_event *event)
{
    idn_core_step(context, event);
}

// A broker that starts on this store finds what the running one knows.
static void check_restart(struct sim *sim, uint32_t broker)
{
    struct idn_core_config config;

    sim_broker_configure(sim, broker, &config);
    void *memory = calloc(1, idn_core_bytes(&config));
    if (memory == NULL)
        abort();
    struct idn_core *core = idn_core_init(memory, &config);
    sim->scratch = memory;
    sim->disk[broker].summaries = 0;
    sim_broker_restore(sim, broker, quiet_step, core);
    for (int job = 0; job < (int)sim->jobs; job++) {
        const struct idn_job *of = idn_jobs_find(core, &sim->job[job].key);
        if (of == NULL || !of->refold_due)
            compare_job(sim, broker, core, job);
    }
    sim->scratch = NULL;
    free(memory);
}

void sim_check_end(struct sim *sim)
{
    for (uint32_t broker = 0; broker < sim->plan.brokers; broker++) {
        compare_broker(sim, broker, false);
        for (int job = 0; job < (int)sim->jobs; job++)
            check_job_end(sim, broker, job);
        check_restart(sim, broker);
    }
    for (uint32_t i = 0; sim->plan.brokers == 2 && i < sim->ledger.incarnations; i++)
        if (sim->disk[0].durable[i] != sim->disk[1].durable[i])
            sim_fail(sim,
                "of an incarnation of %c's, broker a holds %" PRIu64 " facts and broker b %" PRIu64,
                letter(sim->ledger.incarnation[i].broker), sim->disk[0].durable[i],
                sim->disk[1].durable[i]);
}
