// The replies RATES and TIMES: what the broker measures.
#include "base/assert.h"
#include "proto/codec_internal.h"

// ---- encode

static Idunno__RateInfo *put_rate(struct idn_arena *arena, const struct idn_rate_info *info)
{
    Idunno__RateInfo *to = idn_put_message(arena, &idunno__rate_info__descriptor);

    to->key = idn_put_key(arena, &info->key);
    to->model = idn_put_name(arena, info->model);
    to->weight = info->weight;
    to->batch = info->batch;
    to->ok = info->ok;
    to->failed = info->failed;
    to->quarantined = info->quarantined;
    to->in_flight = info->in_flight;
    to->pending = info->pending;
    to->images_per_s_10s = info->images_per_s[IDN_WINDOW_10S];
    to->images_per_s_60s = info->images_per_s[IDN_WINDOW_60S];
    to->images_per_s_change = info->images_per_s[IDN_WINDOW_CHANGE];
    to->images_per_s_shared = info->images_per_s[IDN_WINDOW_SHARED];
    to->workers = info->workers;
    to->wanted_workers = info->wanted_workers;
    to->wanted_share = info->wanted_share;
    to->left_ms = info->left_ms;
    to->tasks = info->tasks;
    to->mean_us = info->mean_us;
    to->deviation_us = info->deviation_us;
    to->measured_ms = info->measured_ms;
    to->change_ms = info->change_ms;
    to->sharing = info->sharing;
    return to;
}

static Idunno__GapInfo *put_gap(struct idn_arena *arena, const struct idn_gap_info *gap)
{
    Idunno__GapInfo *to = idn_put_message(arena, &idunno__gap_info__descriptor);

    to->window_ms = gap->window_ms;
    to->jobs = gap->jobs;
    to->gap = gap->gap;
    return to;
}

static Idunno__Reply__RatesHead *put_head(struct idn_arena *arena, const struct idn_reply *message)
{
    const struct idn_gap_info *gap = message->u.rates.gap;
    const struct idn_hindered *at_all = &message->u.rates.at_all;
    Idunno__Reply__RatesHead *to = idn_put_message(arena, &idunno__reply__rates_head__descriptor);

    to->workers = message->u.rates.workers;
    to->present = message->u.rates.present;
    to->hindered_by = (Idunno__WhyCode)message->u.rates.hindered_by;
    to->changed_by = (Idunno__Change)message->u.rates.changed_by;
    to->gap_10s = put_gap(arena, &gap[IDN_WINDOW_10S]);
    to->gap_60s = put_gap(arena, &gap[IDN_WINDOW_60S]);
    to->gap_change = put_gap(arena, &gap[IDN_WINDOW_CHANGE]);
    to->gap_shared = put_gap(arena, &gap[IDN_WINDOW_SHARED]);
    to->sharing = message->u.rates.sharing;
    to->awaited = message->u.rates.awaited;
    to->suspected = at_all->suspected;
    to->drained = at_all->drained;
    to->benched = at_all->benched;
    to->stuck = at_all->stuck;
    to->unreachable = at_all->unreachable;
    return to;
}

void idn_put_rates(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.rates.count;

    to->rates = idn_put_message(arena, &idunno__reply__rates__descriptor);
    to->rates->cursor = message->u.rates.cursor;
    if (message->u.rates.head)
        to->rates->head = put_head(arena, message);
    to->rates->n_item = count;
    to->rates->item = idn_put_items(arena, count, IDN_PAGE_JOBS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->rates->item[i] = put_rate(arena, &message->u.rates.item[i]);
}

static Idunno__TimesInfo *put_model(struct idn_arena *arena, const struct idn_times_info *info)
{
    Idunno__TimesInfo *to = idn_put_message(arena, &idunno__times_info__descriptor);

    to->name = idn_put_name(arena, info->name);
    to->batch = info->batch;
    to->tasks = info->tasks;
    to->mean_us = info->mean_us;
    to->deviation_us = info->deviation_us;
    to->median_us = info->median_us;
    to->p90_us = info->p90_us;
    to->p95_us = info->p95_us;
    to->p99_us = info->p99_us;
    return to;
}

void idn_put_times(struct idn_arena *arena, const struct idn_reply *message, Idunno__Reply *to)
{
    uint32_t count = message->u.times.count;

    to->times = idn_put_message(arena, &idunno__reply__times__descriptor);
    to->times->cursor = message->u.times.cursor;
    to->times->n_item = count;
    to->times->item = idn_put_items(arena, count, IDN_PAGE_WORKERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to->times->item[i] = put_model(arena, &message->u.times.item[i]);
}

// ---- decode

static void take_rate(
    struct idn_check *check, const Idunno__RateInfo *from, struct idn_rate_info *to)
{
    idn_take_key(check, "bytes of key", &from->key, &to->key);
    idn_take_name(check, "model", IDN_REQUIRED, from->model, to->model);
    idn_check_range(check, "weight", from->weight, 1, IDN_WEIGHT_MAX);
    to->weight = from->weight;
    idn_check_range(check, "batch", from->batch, 0, IDN_BATCH_MAX);
    to->batch = from->batch;
    to->ok = from->ok;
    to->failed = from->failed;
    to->quarantined = from->quarantined;
    to->in_flight = from->in_flight;
    to->pending = from->pending;
    idn_take_rate(
        check, "images_per_s_10s", from->images_per_s_10s, &to->images_per_s[IDN_WINDOW_10S]);
    idn_take_rate(
        check, "images_per_s_60s", from->images_per_s_60s, &to->images_per_s[IDN_WINDOW_60S]);
    idn_take_rate(check, "images_per_s_change", from->images_per_s_change,
        &to->images_per_s[IDN_WINDOW_CHANGE]);
    idn_take_rate(check, "images_per_s_shared", from->images_per_s_shared,
        &to->images_per_s[IDN_WINDOW_SHARED]);
    to->workers = from->workers;
    to->wanted_workers = from->wanted_workers;
    idn_take_rate(check, "wanted_share", from->wanted_share, &to->wanted_share);
    to->left_ms = from->left_ms;
    to->tasks = from->tasks;
    to->mean_us = from->mean_us;
    to->deviation_us = from->deviation_us;
    to->measured_ms = from->measured_ms;
    to->change_ms = from->change_ms;
    to->sharing = from->sharing;
}

static void take_gap(struct idn_check *check, const Idunno__GapInfo *from, struct idn_gap_info *to)
{
    if (from == NULL) {
        idn_check_refuse(check, "gap", "is missing");
        return;
    }
    to->window_ms = from->window_ms;
    to->jobs = from->jobs;
    idn_take_rate(check, "gap", from->gap, &to->gap);
    if (from->gap > 1)
        idn_check_refuse(check, "gap", "is more than 1");
}

static void take_head(
    struct idn_check *check, const Idunno__Reply__RatesHead *from, struct idn_reply *to)
{
    struct idn_gap_info *gap = to->u.rates.gap;

    to->u.rates.head = from != NULL;
    if (from == NULL)
        return;
    to->u.rates.workers = from->workers;
    to->u.rates.present = from->present;
    idn_take_enum(check, "hindered_by", (int)from->hindered_by, 0, IDN_WHY_COUNT - 1,
        &to->u.rates.hindered_by);
    idn_take_enum(check, "changed_by", (int)from->changed_by, IDN_CHANGE_REIGN, IDN_CHANGE_DRAIN,
        &to->u.rates.changed_by);
    take_gap(check, from->gap_10s, &gap[IDN_WINDOW_10S]);
    take_gap(check, from->gap_60s, &gap[IDN_WINDOW_60S]);
    take_gap(check, from->gap_change, &gap[IDN_WINDOW_CHANGE]);
    take_gap(check, from->gap_shared, &gap[IDN_WINDOW_SHARED]);
    to->u.rates.sharing = from->sharing;
    to->u.rates.awaited = from->awaited;
    to->u.rates.at_all = (struct idn_hindered){.suspected = from->suspected,
        .drained = from->drained,
        .benched = from->benched,
        .stuck = from->stuck,
        .unreachable = from->unreachable};
}

void idn_take_rates(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    size_t count = from->rates->n_item;
    struct idn_rate_info *item = idn_take_items(check, count, IDN_PAGE_JOBS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        take_rate(check, from->rates->item[i], &item[i]);
    take_head(check, from->rates->head, to);
    to->u.rates.count = (uint32_t)count;
    to->u.rates.cursor = from->rates->cursor;
    to->u.rates.item = item;
}

static void take_model(
    struct idn_check *check, const Idunno__TimesInfo *from, struct idn_times_info *to)
{
    idn_take_name(check, "name", IDN_REQUIRED, from->name, to->name);
    idn_check_range(check, "batch", from->batch, 1, IDN_BATCH_MAX);
    to->batch = from->batch;
    to->tasks = from->tasks;
    to->mean_us = from->mean_us;
    to->deviation_us = from->deviation_us;
    to->median_us = from->median_us;
    to->p90_us = from->p90_us;
    to->p95_us = from->p95_us;
    to->p99_us = from->p99_us;
}

void idn_take_times(struct idn_check *check, const Idunno__Reply *from, struct idn_reply *to)
{
    size_t count = from->times->n_item;
    struct idn_times_info *item = idn_take_items(check, count, IDN_PAGE_WORKERS_MAX, sizeof(*item));

    for (size_t i = 0; i < count && item != NULL; i++)
        take_model(check, from->times->item[i], &item[i]);
    to->u.times.count = (uint32_t)count;
    to->u.times.cursor = from->times->cursor;
    to->u.times.item = item;
}
