// libidunno: how fast jobs get on, and how long tasks take.
#include "client/call.h"

#include <stdio.h>
#include <string.h>

static_assert((int)IDUNNO_WINDOWS == (int)IDN_WINDOWS, "the same windows");

static void take_rate(const struct idn_rate_info *from, struct idunno_rate *ret)
{
    *ret = (struct idunno_rate){.weight = from->weight,
        .batch = from->batch,
        .ok = from->ok,
        .failed = from->failed,
        .quarantined = from->quarantined,
        .in_flight = from->in_flight,
        .pending = from->pending,
        .workers = from->workers,
        .wanted_workers = from->wanted_workers,
        .wanted_share = from->wanted_share,
        .left_ms = from->left_ms,
        .tasks = from->tasks,
        .mean_us = from->mean_us,
        .deviation_us = from->deviation_us,
        .measured_ms = from->measured_ms,
        .change_ms = from->change_ms,
        .sharing = from->sharing};
    memcpy(ret->job.key, from->key.bytes, sizeof(ret->job.key));
    idn_key_to_text(from->key.bytes, ret->job.id);
    (void)snprintf(ret->model, sizeof(ret->model), "%s", from->model);
    for (int i = 0; i < IDUNNO_WINDOWS; i++) {
        ret->images_per_s[i] = from->images_per_s[i];
        ret->tasks_per_s[i] = from->batch == 0 ? 0 : from->images_per_s[i] / from->batch;
    }
}

static void take_pace(const struct idn_rates_page *page, struct idunno_pace *ret)
{
    ret->workers = page->workers;
    ret->present = page->present > page->workers ? page->present : page->workers;
    ret->hindered_by = idn_why_name(page->hindered_by);
    ret->changed_by = idn_change_name(page->changed_by);
    for (int i = 0; i < IDUNNO_WINDOWS; i++)
        ret->gap[i] = (struct idunno_gap){.window_ms = page->gap[i].window_ms,
            .jobs = page->gap[i].jobs,
            .gap = page->gap[i].gap};
    ret->sharing = page->sharing;
    ret->awaited = page->awaited;
    ret->suspected = page->at_all.suspected;
    ret->drained = page->at_all.drained;
    ret->benched = page->at_all.benched;
    ret->stuck = page->at_all.stuck;
    ret->unreachable = page->at_all.unreachable;
}

struct rates {
    struct idunno *idunno;
    struct idunno_pace *pace; // may be NULL
    bool (*on_job)(void *context, const struct idunno_rate *rate);
    void *context;
};

static enum idunno_code take_head(void *context, const struct idn_reply *page)
{
    struct rates *rates = context;

    if (!page->u.rates.head)
        return idn_call_fail(
            rates->idunno, IDUNNO_BROKEN, "the broker's listing of rates has no head");
    if (rates->pace != NULL)
        take_pace(&page->u.rates, rates->pace);
    return IDUNNO_OK;
}

static bool give_rate(void *context, const void *row)
{
    struct rates *rates = context;
    struct idunno_rate rate;

    take_rate(row, &rate);
    return rates->on_job(rates->context, &rate);
}

enum idunno_code idunno_rates(struct idunno *idunno,
    bool (*on_job)(void *context, const struct idunno_rate *rate), void *context,
    struct idunno_pace *pace)
{
    struct rates rates = {.idunno = idunno, .pace = pace, .on_job = on_job, .context = context};
    const struct idn_listing listing = {
        .type = IDN_REQUEST_RATES, .on_head = take_head, .on_row = give_rate, .context = &rates};

    return idn_call_listing(idunno, &listing);
}

static void take_times(const struct idn_times_info *from, struct idunno_times *ret)
{
    *ret = (struct idunno_times){.batch = from->batch,
        .tasks = from->tasks,
        .mean_us = from->mean_us,
        .deviation_us = from->deviation_us,
        .median_us = from->median_us,
        .p90_us = from->p90_us,
        .p95_us = from->p95_us,
        .p99_us = from->p99_us};
    (void)snprintf(ret->model, sizeof(ret->model), "%s", from->name);
}

struct times {
    bool (*on_model)(void *context, const struct idunno_times *times);
    void *context;
};

static bool give_times(void *context, const void *row)
{
    struct times *to = context;
    struct idunno_times times;

    take_times(row, &times);
    return to->on_model(to->context, &times);
}

enum idunno_code idunno_times(struct idunno *idunno,
    bool (*on_model)(void *context, const struct idunno_times *times), void *context)
{
    struct times times = {.on_model = on_model, .context = context};

    return idn_call_rows(idunno, IDN_REQUEST_TIMES, give_times, &times);
}
