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
        .measured_ms = from->measured_ms};
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
}

static enum idunno_code broken(struct idunno *idunno, const char *what)
{
    return idn_call_fail(idunno, IDUNNO_BROKEN, "the broker's listing %s", what);
}

static enum idunno_code stopped(struct idunno *idunno)
{
    return idn_call_fail(idunno, IDUNNO_STOPPED, "stopped by the caller");
}

// A cursor that does not move would keep us asking for ever.
static bool repeats(uint64_t next, uint64_t cursor)
{
    return next != 0 && next == cursor;
}

enum idunno_code idunno_rates(struct idunno *idunno,
    bool (*on_job)(void *context, const struct idunno_rate *rate), void *context,
    struct idunno_pace *pace)
{
    uint64_t cursor = 0, before;

    do {
        struct idn_request request = {.type = IDN_REQUEST_RATES, .u.page = {.cursor = cursor}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        const struct idn_rates_page *page = &reply->u.rates;
        if (cursor == 0 && !page->head)
            return broken(idunno, "of rates has no head");
        if (cursor == 0 && pace != NULL)
            take_pace(page, pace);
        for (uint32_t i = 0; i < page->count; i++) {
            struct idunno_rate rate;
            take_rate(&page->item[i], &rate);
            if (!on_job(context, &rate))
                return stopped(idunno);
        }
        before = cursor;
        cursor = page->cursor;
        if (repeats(cursor, before))
            return broken(idunno, "does not end: it repeats a page");
    } while (cursor != 0);
    return IDUNNO_OK;
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

enum idunno_code idunno_times(struct idunno *idunno,
    bool (*on_model)(void *context, const struct idunno_times *times), void *context)
{
    uint64_t cursor = 0, before;

    do {
        struct idn_request request = {.type = IDN_REQUEST_TIMES, .u.page = {.cursor = cursor}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        const struct idn_times_page *page = &reply->u.times;
        for (uint32_t i = 0; i < page->count; i++) {
            struct idunno_times times;
            take_times(&page->item[i], &times);
            if (!on_model(context, &times))
                return stopped(idunno);
        }
        before = cursor;
        cursor = page->cursor;
        if (repeats(cursor, before))
            return broken(idunno, "does not end: it repeats a page");
    } while (cursor != 0);
    return IDUNNO_OK;
}
