// The samples of RATES and TIMES.
#include "tests/unit/codec_samples_kit.h"

static void rate_info(struct idn_rate_info *to)
{
    fill(&to->key, sizeof(to->key));
    NAME(to->model);
    to->weight = IDN_WEIGHT_MAX;
    to->batch = IDN_BATCH_MAX;
    to->ok = next();
    to->failed = next();
    to->quarantined = next();
    to->in_flight = next();
    to->pending = next();
    for (int i = 0; i < IDN_WINDOWS; i++)
        to->images_per_s[i] = next() + 0.25;
    to->workers = next();
    to->wanted_workers = next();
    to->wanted_share = next() + 0.25;
    to->left_ms = next_wide();
    to->tasks = next_wide();
    to->mean_us = next_wide();
    to->deviation_us = next_wide();
    to->measured_ms = next_wide();
    to->change_ms = next_wide();
    to->sharing = true;
}

static void times_info(struct idn_times_info *to)
{
    NAME(to->name);
    to->batch = IDN_BATCH_MAX;
    to->tasks = next_wide();
    to->mean_us = next_wide();
    to->deviation_us = next_wide();
    to->median_us = next_wide();
    to->p90_us = next_wide();
    to->p95_us = next_wide();
    to->p99_us = next_wide();
}

static void rates(struct idn_rates_page *to)
{
    static struct idn_rate_info item[IDN_PAGE_JOBS_MAX];

    to->count = many(IDN_PAGE_JOBS_MAX);
    to->cursor = next_wide();
    to->item = item;
    for (uint32_t i = 0; i < to->count; i++)
        rate_info(&item[i]);
    to->head = true;
    to->workers = next();
    to->present = next();
    to->hindered_by = IDN_WHY_DRAINED;
    to->changed_by = IDN_CHANGE_DRAIN;
    to->sharing = next();
    to->awaited = next();
    to->at_all = (struct idn_hindered){next(), next(), next(), next(), next()};
    for (int i = 0; i < IDN_WINDOWS; i++) {
        to->gap[i].window_ms = next_wide();
        to->gap[i].jobs = next();
        to->gap[i].gap = 0.0625 * (i + 1);
    }
}

static void times(struct idn_times_page *to)
{
    static struct idn_times_info item[IDN_PAGE_WORKERS_MAX];

    to->count = many(IDN_PAGE_WORKERS_MAX);
    to->cursor = next_wide();
    to->item = item;
    for (uint32_t i = 0; i < to->count; i++)
        times_info(&item[i]);
}

void sample_measures(struct idn_reply *to)
{
    if (to->type == IDN_REPLY_RATES)
        rates(&to->u.rates);
    else
        times(&to->u.times);
}
