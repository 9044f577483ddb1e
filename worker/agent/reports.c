// Reports: rows gathered into messages, kept until the broker says that they are durable, sent
// again when it does not (go-back-n). ZeroMQ is a lossy transport: having sent proves nothing.
#include "worker/agent/internal.h"

static struct idn_agent_report *at(struct idn_agent *agent, uint64_t number)
{
    return &agent->report[number % IDN_REPORT_WINDOW];
}

static uint32_t gathered(const struct idn_agent_lease *lease)
{
    return lease->done - lease->reported;
}

static bool window_takes(const struct idn_agent *agent, uint64_t rows)
{
    uint64_t retained = agent->report_next - agent->report_first;

    return retained < IDN_REPORT_WINDOW &&
           agent->report_bytes + rows * IDN_ROW_BYTES <= IDN_REPORT_WINDOW_BYTES;
}

// Back-pressure: what is begun must find room in the window beside all that is under way.
bool idn_reports_room(const struct idn_agent *agent, uint32_t images)
{
    uint64_t rows = images;

    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++)
        if (agent->lease[i].used)
            rows += agent->lease[i].begun - agent->lease[i].reported;
    return window_takes(agent, rows);
}

static bool has_ended(struct idn_agent *agent, struct idn_agent_lease *lease)
{
    if (lease->end == IDN_END_NONE && lease->done == lease->count)
        lease->end = IDN_END_DONE;
    return lease->end != IDN_END_NONE && !idn_slices_hold(agent, lease);
}

static bool is_due(const struct idn_agent *agent, const struct idn_agent_lease *lease)
{
    uint32_t rows = gathered(lease);

    if (rows == 0)
        return false;
    return lease->flush || agent->draining || lease->class_hash != agent->class_hash ||
           rows + IDN_AGENT_SLICE_IMAGES > IDN_REPORT_ROWS_MAX ||
           agent->now_ms >= lease->gathered_ms + IDN_REPORT_MS;
}

static void fill_end(struct idn_agent_report *report, const struct idn_agent_lease *lease)
{
    report->end = lease->end;
    report->death = lease->death;
    report->alone = lease->alone_in_child;
    report->in_child = lease->in_child;
    memcpy(report->image, lease->image, sizeof(report->image));
    idn_agent_text(report->text, sizeof(report->text), lease->text);
}

static void make(struct idn_agent *agent, struct idn_agent_lease *lease, bool ended)
{
    struct idn_agent_report *report = at(agent, agent->report_next);
    uint32_t rows = gathered(lease);

    report->lease = lease->id;
    report->job = lease->job;
    report->spec_hash = lease->spec_hash;
    report->class_hash = rows > 0 ? lease->class_hash : agent->class_hash;
    report->compute_us = rows > 0 ? lease->compute_us : 0;
    report->count = rows;
    memcpy(report->rows, lease->rows, (size_t)rows * IDN_ROW_BYTES);
    report->end = IDN_END_NONE;
    report->death = report->alone = report->in_child = 0;
    report->text[0] = '\0';
    if (ended)
        fill_end(report, lease);
    if (agent->report_next == agent->report_first) // nothing was awaited before
        agent->progress_ms = agent->now_ms;
    agent->report_next++;
    agent->report_bytes += (uint64_t)rows * IDN_ROW_BYTES;
    lease->reported = lease->done;
    lease->flush = false;
}

void idn_reports_settle(struct idn_agent *agent)
{
    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++) {
        struct idn_agent_lease *lease = &agent->lease[i];
        if (!lease->used)
            continue;
        bool ended = has_ended(agent, lease);
        if ((!ended && !is_due(agent, lease)) || !window_takes(agent, gathered(lease)))
            continue;
        make(agent, lease, ended);
        if (ended)
            idn_leases_end(agent, lease);
    }
}

void idn_reports_acknowledge(struct idn_agent *agent, uint64_t number)
{
    if (number < agent->report_first || number >= agent->report_next)
        return;
    while (agent->report_first <= number) {
        const struct idn_agent_report *report = at(agent, agent->report_first++);
        agent->report_bytes -= (uint64_t)report->count * IDN_ROW_BYTES;
    }
    if (agent->report_send < agent->report_first)
        agent->report_send = agent->report_first;
    agent->progress_ms = agent->now_ms;
    agent->refused_ms = 0; // it was not the oldest report that was refused
}

void idn_reports_again(struct idn_agent *agent)
{
    agent->report_send = agent->report_first;
    agent->progress_ms = agent->now_ms;
}

static void send_one(struct idn_agent *agent, uint64_t number)
{
    const struct idn_agent_report *report = at(agent, number);
    struct idn_worker_message *message = idn_agent_send(agent, agent->broker, IDN_WORKER_REPORT);

    message->u.report.number = number;
    message->u.report.lease = report->lease;
    message->u.report.job = report->job;
    message->u.report.spec_hash = report->spec_hash;
    message->u.report.count = report->count;
    message->u.report.rows = report->rows;
    message->u.report.class_hash = report->class_hash;
    message->u.report.compute_us = report->compute_us;
    message->u.report.end = report->end;
    message->u.report.death = report->death;
    message->u.report.alone = report->alone;
    message->u.report.in_child = report->in_child;
    memcpy(message->u.report.image, report->image, sizeof(report->image));
    idn_agent_text(message->u.report.text, sizeof(message->u.report.text), report->text);
}

// At most IDN_AGENT_SENDS_MAX a step; what is left makes the deadline come at once.
void idn_reports_send(struct idn_agent *agent)
{
    if (agent->join != IDN_JOIN_WELCOMED)
        return;
    if (agent->report_send == agent->report_next && agent->report_first < agent->report_next &&
        agent->now_ms >= agent->progress_ms + IDN_AGENT_RESEND_MS)
        idn_reports_again(agent);
    for (int i = 0; i < IDN_AGENT_SENDS_MAX && agent->report_send < agent->report_next; i++)
        send_one(agent, agent->report_send++);
}

static uint64_t gather_deadline(const struct idn_agent *agent)
{
    uint64_t deadline = IDN_NEVER;

    for (uint32_t i = 0; i < IDN_WORKER_LEASES_MAX; i++) {
        const struct idn_agent_lease *lease = &agent->lease[i];
        if (lease->used && gathered(lease) > 0 && window_takes(agent, gathered(lease)))
            deadline = idn_agent_min(deadline, lease->gathered_ms + IDN_REPORT_MS);
    }
    return deadline;
}

uint64_t idn_reports_deadline(const struct idn_agent *agent)
{
    uint64_t deadline = gather_deadline(agent);

    if (agent->join != IDN_JOIN_WELCOMED || agent->report_first == agent->report_next)
        return deadline;
    if (agent->report_send < agent->report_next)
        return agent->now_ms;
    return idn_agent_min(deadline, agent->progress_ms + IDN_AGENT_RESEND_MS);
}
