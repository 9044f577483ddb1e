// What is under way, as text for the trace. Each function has a buffer of its own, which its next
// call overwrites.
#include "tests/sim/sim.h"

#include <inttypes.h>

enum { KEY_SHOWN = 4 };

static void put_key(char *text, size_t size, const struct idn_key *key)
{
    for (int i = 0; i < KEY_SHOWN && size > 2; i++, text += 2, size -= 2)
        (void)snprintf(text, size, "%02x", key->bytes[i]);
}

static const char *key_text(const struct idn_key *key)
{
    static char text[2 * KEY_SHOWN + 1];

    put_key(text, sizeof(text), key);
    return text;
}

const char *sim_message_text(const struct idn_worker_message *message)
{
    static const char *const names[] = {
        "?", "hello", "report", "trimmed", "stale", "list get", "goodbye"};
    static char text[SIM_TEXT_SIZE];
    const char *name = names[message->type <= IDN_WORKER_GOODBYE ? message->type : 0];

    if (message->type == IDN_WORKER_REPORT)
        (void)snprintf(text, sizeof(text),
            "report %" PRIu64 " of lease %" PRIu64 "%c.%" PRIu64 " job %s: %u rows, end %u",
            message->u.report.number, message->u.report.lease.epoch.counter,
            (int)message->u.report.lease.epoch.broker, message->u.report.lease.serial,
            key_text(&message->u.report.job), message->u.report.count, message->u.report.end);
    else if (message->type == IDN_WORKER_TRIMMED)
        (void)snprintf(text, sizeof(text), "trimmed %" PRIu64 " to %u",
            message->u.trimmed.lease.serial, message->u.trimmed.kept);
    else if (message->type == IDN_WORKER_HELLO)
        (void)snprintf(text, sizeof(text), "hello with %u leases, reports from %" PRIu64,
            message->u.hello.leases, message->u.hello.reports_from);
    else
        (void)snprintf(text, sizeof(text), "%s", name);
    return text;
}

const char *sim_order_text(const struct idn_order *order)
{
    static const char *const names[] = {
        "?", "welcome", "refused", "lease", "trim", "ack", "list part", "hello again"};
    static char text[SIM_TEXT_SIZE];
    const char *name = names[order->type <= IDN_ORDER_HELLO_AGAIN ? order->type : 0];

    if (order->type == IDN_ORDER_LEASE)
        (void)snprintf(text, sizeof(text),
            "%016" PRIx64 " lease %" PRIu64 "%c.%" PRIu64 " job %s: %u + %u%s", order->nonce,
            order->u.lease.id.epoch.counter, (int)order->u.lease.id.epoch.broker,
            order->u.lease.id.serial, key_text(&order->u.lease.job), order->u.lease.first,
            order->u.lease.count, order->u.lease.alone ? " alone" : "");
    else if (order->type == IDN_ORDER_TRIM)
        (void)snprintf(text, sizeof(text), "%016" PRIx64 " trim %" PRIu64 " to %u", order->nonce,
            order->u.trim.id.serial, order->u.trim.keep);
    else if (order->type == IDN_ORDER_ACK)
        (void)snprintf(
            text, sizeof(text), "%016" PRIx64 " ack %" PRIu64, order->nonce, order->u.ack.number);
    else if (order->type == IDN_ORDER_REFUSED)
        (void)snprintf(
            text, sizeof(text), "%016" PRIx64 " refused: %s", order->nonce, order->u.refused.text);
    else
        (void)snprintf(text, sizeof(text), "%016" PRIx64 " %s", order->nonce, name);
    return text;
}

const char *sim_reply_text(const struct idn_reply *reply)
{
    static char text[SIM_TEXT_SIZE];

    if (reply->type == IDN_REPLY_REFUSED)
        (void)snprintf(text, sizeof(text), "refused %s: %s",
            idn_refusal_name(reply->u.refused.code), reply->u.refused.text);
    else if (reply->type == IDN_REPLY_ACCEPTED)
        (void)snprintf(text, sizeof(text), "accepted %s, durable %u",
            key_text(&reply->u.accepted.job), reply->u.accepted.durable);
    else if (reply->type == IDN_REPLY_JOB)
        (void)snprintf(text, sizeof(text), "job %s %s: %u ok %u failed %u quarantined, %u pending",
            key_text(&reply->u.job.key), idn_job_state_name(reply->u.job.state), reply->u.job.ok,
            reply->u.job.failed, reply->u.job.quarantined, reply->u.job.pending);
    else if (reply->type == IDN_REPLY_RESULTS)
        (void)snprintf(text, sizeof(text), "%u rows, then from %u", reply->u.results.count,
            reply->u.results.next);
    else
        (void)snprintf(text, sizeof(text), "reply of type %u", reply->type);
    return text;
}

const char *sim_request_text(const struct sim *sim, const struct idn_request *request)
{
    static const char *const names[] = {"?", "hello", "submit", "upload", "watch", "job", "jobs",
        "workers", "models", "datasets", "status", "results", "cancel", "forget", "switch",
        "bootstrap", "retry", "set", "assignment", "why", "rates", "times"};
    static char text[SIM_TEXT_SIZE];
    const char *name = names[request->type < sizeof(names) / sizeof(*names) ? request->type : 0];

    (void)snprintf(text, sizeof(text), "%s %s (job %d)", name, key_text(&request->job.key),
        sim_job_of(sim, &request->job.key));
    return text;
}

const char *sim_fact_text(const struct idn_fact *fact)
{
    static const char *const names[] = {"?", "reign", "accepted", "results", "quarantined",
        "lifted", "cancelled", "setting", "forgotten", "list part"};
    static char text[SIM_TEXT_SIZE];
    const char *name = names[fact->kind <= IDN_FACT_LIST_PART ? fact->kind : 0];

    int used = snprintf(text, sizeof(text), "%04x.%" PRIu64 " %s of %s in %" PRIu64 "%c",
        (unsigned)(fact->origin.incarnation >> 48), fact->origin.sequence, name,
        key_text(&fact->job), fact->epoch.counter,
        fact->epoch.broker == 0 ? '-' : (int)fact->epoch.broker);
    if (fact->kind == IDN_FACT_SETTING)
        (void)snprintf(text + used, sizeof(text) - (size_t)used, ": %s = %s", fact->u.setting.key,
            fact->u.setting.value);
    return text;
}

const char *sim_frame_text(const struct idn_mirror_frame *frame)
{
    static const char *const names[] = {
        "?", "hello", "welcome", "vector", "facts", "beat", "handover"};
    static char text[SIM_TEXT_SIZE];
    const char *name = names[frame->type <= IDN_MIRROR_HANDOVER ? frame->type : 0];
    int used = snprintf(text, sizeof(text),
        "%s %" PRIu64 " of %04x, durable %" PRIu64 ", %s %" PRIu64 "%c", name, frame->number,
        (unsigned)(frame->session >> 48), frame->durable, idn_role_name(frame->role),
        frame->epoch.counter, frame->epoch.broker == 0 ? '-' : (int)frame->epoch.broker);

    if (frame->type == IDN_MIRROR_FACTS)
        (void)snprintf(text + used, sizeof(text) - (size_t)used, ": %u facts%s",
            frame->u.facts.count, frame->u.facts.end ? ", the end" : "");
    return text;
}
