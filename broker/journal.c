#include "broker/journal.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { REFUSED_MS = 10 * 1000, JOB_TEXT_SIZE = IDN_KEY_PREFIX_MIN + 1 };

// The first 8 characters, as people name a job.
static const char *job_text(const struct idn_key *key, char text[static JOB_TEXT_SIZE])
{
    char whole[IDN_KEY_TEXT_SIZE];

    idn_key_to_text(key->bytes, whole);
    (void)snprintf(text, JOB_TEXT_SIZE, "%.*s", IDN_KEY_PREFIX_MIN, whole);
    return text;
}

static const char *death_text(uint32_t death)
{
    switch (death) {
    case IDN_DEATH_SIGNAL:
        return "was killed by a signal";
    case IDN_DEATH_EXIT:
        return "exited";
    case IDN_DEATH_HANG:
        return "hung";
    default:
        return "ended";
    }
}

static void tell_accepted(const struct idn_fact *fact)
{
    const struct idn_job_spec *spec = &fact->u.accepted;
    char job[JOB_TEXT_SIZE];

    idn_info("job %s accepted: %s, images %" PRIu32 " to %" PRIu32 " of %s, for %s",
        job_text(&fact->job, job), spec->model, spec->first, spec->last,
        spec->dataset[0] == '\0' ? "an uploaded list" : spec->dataset,
        spec->client[0] == '\0' ? "an unnamed client" : spec->client);
}

static void tell_setting(const struct idn_fact *fact)
{
    static const struct idn_key cluster;
    char job[JOB_TEXT_SIZE];

    if (idn_key_equal(&fact->job, &cluster))
        idn_info("%s is set to %s", fact->u.setting.key, fact->u.setting.value);
    else
        idn_info("job %s: %s is set to %s", job_text(&fact->job, job), fact->u.setting.key,
            fact->u.setting.value);
}

static void tell_fact(const struct idn_fact *fact)
{
    char job[JOB_TEXT_SIZE];

    switch (fact->kind) {
    case IDN_FACT_REIGN:
        idn_info("epoch %" PRIu64 "%c begins", fact->epoch.counter, (char)fact->epoch.broker);
        break;
    case IDN_FACT_ACCEPTED:
        tell_accepted(fact);
        break;
    case IDN_FACT_CANCELLED:
        idn_info("job %s cancelled", job_text(&fact->job, job));
        break;
    case IDN_FACT_FORGOTTEN:
        idn_info("job %s forgotten", job_text(&fact->job, job));
        break;
    case IDN_FACT_SETTING:
        tell_setting(fact);
        break;
    case IDN_FACT_QUARANTINED:
        idn_warning("job %s: image %" PRIu32 " quarantined: the inference process %s on it, alone, "
                    "at worker %s",
            job_text(&fact->job, job), fact->u.quarantined.image,
            death_text(fact->u.quarantined.reason), fact->u.quarantined.worker);
        break;
    default:
        break;
    }
}

// Remembers it, too.
static bool was_told(struct idn_journal *journal, const struct idn_summary *summary)
{
    struct idn_journal_ended *slot = NULL;

    for (int i = 0; i < IDN_JOURNAL_ENDED && slot == NULL; i++)
        if (idn_key_equal(&journal->ended[i].job, &summary->job))
            slot = &journal->ended[i];
    if (slot == NULL)
        slot = &journal->ended[journal->ended_next++ % IDN_JOURNAL_ENDED];
    else if (idn_digest_equal(&slot->digest, &summary->digest) &&
             slot->conflicts == summary->conflicts)
        return true;
    *slot = (struct idn_journal_ended){
        .job = summary->job, .digest = summary->digest, .conflicts = summary->conflicts};
    return false;
}

static void tell_ended(struct idn_journal *journal, const struct idn_summary *summary)
{
    char job[JOB_TEXT_SIZE], digest[IDN_DIGEST_TEXT_SIZE];

    if (was_told(journal, summary))
        return;
    idn_digest_to_text(&summary->digest, digest);
    idn_info("job %s ended: %" PRIu32 " ok, %" PRIu32 " failed, %" PRIu32 " quarantined, digest %s",
        job_text(&summary->job, job), summary->ok, summary->failed, summary->quarantined, digest);
    if (summary->conflicts > 0)
        idn_warning(
            "job %s: %" PRIu32 " results contradict ones already there", job, summary->conflicts);
}

// A refused worker asks twice a second.
static void tell_refused(
    struct idn_journal *journal, const struct idn_event *cause, const struct idn_action *action)
{
    if (cause->type != IDN_EVENT_WORKER || cause->u.worker.message->type != IDN_WORKER_HELLO ||
        cause->u.worker.peer != action->peer || cause->now_ms < journal->worker_ms)
        return;
    journal->worker_ms = cause->now_ms + REFUSED_MS;
    idn_warning("worker %s refused: %s", cause->u.worker.message->u.hello.name,
        action->u.order.u.refused.text);
}

void idn_journal_action(
    struct idn_journal *journal, const struct idn_event *cause, const struct idn_action *action)
{
    if (action->type == IDN_ACTION_COMMIT)
        tell_fact(&action->u.fact);
    else if (action->type == IDN_ACTION_SUMMARY)
        tell_ended(journal, &action->u.summary);
    else if (action->type == IDN_ACTION_ORDER && action->u.order.type == IDN_ORDER_REFUSED)
        tell_refused(journal, cause, action);
}

void idn_journal_tell(void *context, const char *line)
{
    (void)context;
    idn_info("%s", line);
}

static void look_at_disk(struct idn_journal *journal, const struct idn_status_info *status)
{
    if (status->disk_low == journal->disk_low)
        return;
    journal->disk_low = status->disk_low;
    if (journal->disk_low)
        idn_warning("the disk is nearly full, %" PRIu64
                    " MiB free: nothing is accepted or dispatched until there is room",
            status->free_bytes >> 20);
    else
        idn_info("the disk has room again, %" PRIu64 " MiB free", status->free_bytes >> 20);
}

void idn_journal_look(struct idn_journal *journal, const struct idn_core *core, uint64_t now_ms)
{
    const struct idn_request request = {.type = IDN_REQUEST_STATUS};
    struct idn_reply reply = {0};

    idn_core_answer(core, now_ms, &request, NULL, &reply);
    if (reply.type != IDN_REPLY_STATUS)
        return;
    look_at_disk(journal, &reply.u.status);
    journal->role = reply.u.status.role;
}

void idn_journal_refused(struct idn_journal *journal, uint64_t now_ms, struct idn_refused *refused)
{
    if (now_ms < journal->refused_ms ||
        refused->clients + refused->workers + refused->beats + refused->frames == 0)
        return;
    idn_warning("refused messages that are none of the protocol: %" PRIu64 " of clients, %" PRIu64
                " of workers, %" PRIu64 " beats, %" PRIu64 " of the other broker",
        refused->clients, refused->workers, refused->beats, refused->frames);
    *refused = (struct idn_refused){0};
    journal->refused_ms = now_ms + REFUSED_MS;
}
