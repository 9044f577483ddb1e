// Slices: the few images that the child is given at once. The oldest lease is worked on first; a
// slice is queued behind the one that is being computed, so that the child never waits; an alone
// lease's image is in the child by itself.
#include "worker/agent/internal.h"

bool idn_slices_hold(const struct idn_agent *agent, const struct idn_agent_lease *lease)
{
    for (uint32_t i = 0; i < agent->slices; i++)
        if (&agent->lease[agent->slice[i].lease] == lease)
            return true;
    return false;
}

uint32_t idn_slices_images(const struct idn_agent *agent, const struct idn_agent_lease *lease,
    uint32_t image[static IDN_CHILD_IMAGES_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < agent->slices; i++) {
        const struct idn_agent_slice *slice = &agent->slice[i];
        if (!slice->given || (lease != NULL && &agent->lease[slice->lease] != lease))
            continue;
        for (uint32_t k = 0; k < slice->count; k++)
            image[count++] = slice->first + k;
    }
    return count;
}

// Without a measured time an image may take as long as a whole slice may otherwise.
uint64_t idn_slices_limit_ms(const struct idn_agent *agent)
{
    const struct idn_agent_slice *head = &agent->slice[0];
    uint64_t image_us = agent->model[agent->lease[head->lease].model_at].image_us;

    if (image_us == 0)
        return (uint64_t)IDN_WEDGED_MS_MIN * head->count;
    uint64_t limit_ms = image_us * IDN_WEDGED_IMAGES * head->count / 1000;
    return limit_ms > IDN_WEDGED_MS_MIN ? limit_ms : IDN_WEDGED_MS_MIN;
}

static uint32_t slice_size(const struct idn_agent *agent, const struct idn_agent_lease *lease)
{
    uint64_t image_us = agent->model[lease->model_at].image_us;
    uint64_t size = image_us > 0 ? IDN_SLICE_MS * 1000 / image_us : lease->first_slice;

    if (lease->begun == 0)
        size = idn_agent_min(size, lease->first_slice);
    if (lease->alone || size < 1)
        size = 1;
    size = idn_agent_min(size, IDN_AGENT_SLICE_IMAGES);
    return (uint32_t)idn_agent_min(size, lease->count - lease->begun);
}

static bool child_takes(const struct idn_agent *agent, const struct idn_agent_lease *lease)
{
    if (agent->slices == IDN_AGENT_SLICES_MAX)
        return false;
    return agent->slices == 0 ||
           (!lease->alone && !agent->lease[agent->slice[agent->slices - 1].lease].alone);
}

// Rows that come must find room among those gathered, and then in the window of reports; and one
// report is of one numerics class.
static bool rows_have_room(
    const struct idn_agent *agent, const struct idn_agent_lease *lease, uint32_t count)
{
    bool gathered = lease->done > lease->reported;

    return lease->begun - lease->reported + count <= IDN_REPORT_ROWS_MAX &&
           (!gathered || lease->class_hash == agent->class_hash) && idn_reports_room(agent, count);
}

static void begin(struct idn_agent *agent, struct idn_agent_lease *lease, uint32_t count)
{
    struct idn_agent_action *action = idn_agent_act(agent, IDN_AGENT_SLICE);
    struct idn_agent_slice *slice = &agent->slice[agent->slices++];

    *slice = (struct idn_agent_slice){.serial = ++agent->slices_begun,
        .lease = (uint32_t)(lease - agent->lease),
        .first = lease->first + lease->begun,
        .count = count};
    lease->begun += count;
    if (agent->slices == 1)
        agent->head_ms = agent->now_ms;
    action->u.slice.slice = slice->serial;
    action->u.slice.broker = agent->broker;
    action->u.slice.job = lease->job;
    idn_agent_text(action->u.slice.model, sizeof(action->u.slice.model), lease->model);
    idn_agent_text(action->u.slice.dataset, sizeof(action->u.slice.dataset), lease->dataset);
    action->u.slice.list_digest = lease->list_digest;
    action->u.slice.list_bytes = lease->list_bytes;
    action->u.slice.first = slice->first;
    action->u.slice.count = count;
}

void idn_slices_settle(struct idn_agent *agent)
{
    if (agent->draining || agent->child != IDN_CHILD_UP)
        return;
    struct idn_agent_lease *lease;

    while ((lease = idn_leases_oldest(agent, true)) != NULL) {
        uint32_t count = slice_size(agent, lease);
        if (!child_takes(agent, lease) || !rows_have_room(agent, lease, count))
            return;
        begin(agent, lease, count);
    }
}

static struct idn_agent_slice *find(struct idn_agent *agent, uint64_t serial)
{
    for (uint32_t i = 0; i < agent->slices; i++)
        if (agent->slice[i].serial == serial)
            return &agent->slice[i];
    return NULL;
}

static void take_out(struct idn_agent *agent, struct idn_agent_slice *slice)
{
    uint32_t at = (uint32_t)(slice - agent->slice);

    agent->slices--;
    for (uint32_t i = at; i < agent->slices; i++)
        agent->slice[i] = agent->slice[i + 1];
    if (at == 0)
        agent->head_ms = agent->now_ms;
}

void idn_slices_given(struct idn_agent *agent, uint64_t serial)
{
    struct idn_agent_slice *slice = find(agent, serial);

    if (slice == NULL || slice->given)
        return;
    slice->given = true;
    slice->given_ms = agent->now_ms;
}

void idn_slices_void(struct idn_agent *agent)
{
    while (agent->slices > 0 && !agent->slice[agent->slices - 1].given) {
        struct idn_agent_slice *last = &agent->slice[--agent->slices];
        agent->lease[last->lease].begun -= last->count;
    }
}

void idn_slices_unavailable(struct idn_agent *agent, uint64_t serial, const char *text)
{
    struct idn_agent_slice *slice = find(agent, serial);

    if (slice == NULL || slice->given)
        return;
    struct idn_agent_lease *lease = &agent->lease[slice->lease];
    if (lease->end == IDN_END_NONE) {
        lease->end = IDN_END_UNAVAILABLE;
        idn_agent_text(lease->text, sizeof(lease->text), text);
    }
    lease->begun -= slice->count;
    take_out(agent, slice);
}

static bool answers_head(const struct idn_agent *agent, const struct idn_agent_event *event)
{
    const struct idn_agent_slice *head = &agent->slice[0];

    if (agent->slices == 0 || !head->given || head->serial != event->u.rows.slice ||
        head->count != event->u.rows.count)
        return false;
    for (uint32_t i = 0; i < head->count; i++)
        if (event->u.rows.row[i].index != head->first + i)
            return false;
    return true;
}

static void gather(
    struct idn_agent *agent, struct idn_agent_lease *lease, const struct idn_agent_event *event)
{
    uint32_t gathered = lease->done - lease->reported;

    IDN_ASSERT(gathered + event->u.rows.count <= IDN_REPORT_ROWS_MAX);
    for (uint32_t i = 0; i < event->u.rows.count; i++)
        idn_result_pack(&event->u.rows.row[i], lease->rows + (gathered + i) * IDN_ROW_BYTES);
    if (gathered == 0) {
        lease->gathered_ms = agent->now_ms;
        lease->class_hash = agent->class_hash;
        lease->compute_us = 0;
    }
    lease->compute_us += event->u.rows.compute_us;
    lease->flush = lease->flush || lease->done == 0; // the first result of a lease is awaited
    lease->done += event->u.rows.count;
}

// A moving mean: the newest slice counts a quarter.
static void measure(struct idn_agent_model *model, uint64_t compute_us, uint32_t count)
{
    uint64_t image_us = compute_us / count > 0 ? compute_us / count : 1;

    model->image_us = model->image_us == 0 ? image_us : (3 * model->image_us + image_us + 3) / 4;
}

void idn_slices_rows(struct idn_agent *agent, const struct idn_agent_event *event)
{
    if (agent->child != IDN_CHILD_UP)
        return;
    if (!answers_head(agent, event)) {
        idn_nursery_kill(agent, IDN_DEATH_EXIT, "its answer was not for the slice it was given");
        return;
    }
    struct idn_agent_slice *head = &agent->slice[0];
    struct idn_agent_lease *lease = &agent->lease[head->lease];

    agent->fruitful = true;
    agent->images_done += head->count;
    measure(&agent->model[lease->model_at], event->u.rows.compute_us, head->count);
    if (head->first == lease->first + lease->done) // else rows before these will never come
        gather(agent, lease, event);
    take_out(agent, head);
}
