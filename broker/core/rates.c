#include "broker/core/rates.h"

#include "broker/core/measure.h"
#include "broker/core/shares.h"
#include "broker/core/why.h"
#include "broker/core/why_working.h"

#define TASK_US_MAX (UINT64_C(1) << 39)
static_assert(TASK_US_MAX * IDN_WEIGHT_MAX < UINT64_C(1) << 50, "what shares.h may be given");

// What workers say is not bounded; what people are told is.
static uint64_t whole_us(double us)
{
    return us < 1e18 ? (uint64_t)(us + 0.5) : UINT64_C(1000000000000000000);
}

void idn_rate_info_of(
    const struct idn_core *core, const struct idn_job *job, uint64_t now, struct idn_rate_info *ret)
{
    struct idn_moments task_us = idn_measure_job_task_us(core, job);

    *ret = (struct idn_rate_info){.key = job->key,
        .weight = job->weight,
        .batch = job->model >= 0 ? core->model[job->model].batch : 0,
        .ok = job->images.kind[IDN_IMAGE_OK],
        .failed = job->images.kind[IDN_IMAGE_ERROR],
        .quarantined = job->images.kind[IDN_IMAGE_QUARANTINED],
        .in_flight = idn_job_in_flight(job),
        .pending = idn_job_without_result(job),
        .workers = idn_job_workers(job),
        .tasks = task_us.count,
        .mean_us = whole_us(task_us.mean),
        .deviation_us = whole_us(idn_moments_deviation(&task_us)),
        .measured_ms = idn_measure_since_ms(core, job, now),
        .change_ms = idn_measure_change_ms(core, job, now),
        .sharing = job->sharing};
    idn_copy_text(ret->model, sizeof(ret->model), job->spec.model);
    for (int i = 0; i < IDN_WINDOWS; i++)
        ret->images_per_s[i] = idn_measure_images_per_s(core, job, (enum idn_window)i, now);
    (void)idn_measure_finish_ms(core, job, now, &ret->left_ms);
}

// ---- what the formula wants

// 0: not known.
static uint64_t need_of(const struct idn_core *core, const struct idn_job *job)
{
    const struct idn_moments *task_us = &core->measures.task_us[job->model].moments;

    if (task_us->count == 0)
        return 0;
    return job->weight * (1 + idn_min_u64(whole_us(task_us->mean), TASK_US_MAX - 1));
}

struct wanted {
    uint64_t need[IDN_WORKERS_MAX], sum; // of the first IDN_WORKERS_MAX, of all
    uint16_t share[IDN_WORKERS_MAX];
    uint32_t jobs, workers;
};

// False: the time of a task of some job is not known.
static bool sum_needs(const struct idn_core *core, struct wanted *wanted)
{
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        if (!job->sharing)
            continue;
        uint64_t need = need_of(core, job);
        if (need == 0)
            return false;
        if (wanted->jobs < IDN_WORKERS_MAX)
            wanted->need[wanted->jobs] = need;
        wanted->sum += need;
        wanted->jobs++;
    }
    return wanted->jobs > 0;
}

void idn_rates_want(const struct idn_core *core, const struct idn_job *oldest, uint32_t count,
    struct idn_rate_info *items)
{
    struct wanted wanted = {.workers = core->live};
    uint32_t at = 0;

    if (count == 0 || wanted.workers == 0 || !sum_needs(core, &wanted))
        return;
    bool whole = wanted.jobs <= wanted.workers;
    if (whole)
        idn_shares_apportion(wanted.need, wanted.jobs, wanted.workers, wanted.share);
    IDN_EACH_CONST(link, &core->open)
    {
        const struct idn_job *job = IDN_ENTRY_CONST(link, struct idn_job, in_open);
        bool listed = job->serial >= oldest->serial && count > 0;
        if (listed)
            count--;
        if (!job->sharing)
            continue;
        if (listed && whole)
            items[count].wanted_workers = wanted.share[at];
        if (listed)
            items[count].wanted_share =
                (double)wanted.workers * (double)need_of(core, job) / (double)wanted.sum;
        at++;
    }
}

void idn_rates_head(const struct idn_core *core, uint64_t now, struct idn_rates_page *page)
{
    page->head = true;
    page->workers = core->live;
    page->hindered_by = idn_why_nobody_works(core, &page->present, &page->at_all);
    page->changed_by = core->measures.changed_by;
    page->sharing = core->measures.sharing;
    page->awaited = core->measures.awaited;
    for (int i = 0; i < IDN_WINDOWS; i++) {
        struct idn_gap_info *info = &page->gap[i];
        struct idn_gap gap = {0};
        if (idn_measure_gap(core, (enum idn_window)i, now, &gap)) {
            info->gap = gap.gap;
            info->jobs = gap.jobs;
        }
        info->window_ms = now - idn_measure_begin(core, (enum idn_window)i, now);
    }
}

void idn_times_info_of(const struct idn_core *core, uint32_t model, struct idn_times_info *ret)
{
    const struct idn_distribution *task_us = &core->measures.task_us[model];

    *ret = (struct idn_times_info){.batch = core->model[model].batch,
        .tasks = task_us->moments.count,
        .mean_us = whole_us(task_us->moments.mean),
        .deviation_us = whole_us(idn_moments_deviation(&task_us->moments)),
        .median_us = whole_us(idn_distribution_median(task_us)),
        .p90_us = whole_us(idn_distribution_quantile(task_us, 900)),
        .p95_us = whole_us(idn_distribution_quantile(task_us, 950)),
        .p99_us = whole_us(idn_distribution_quantile(task_us, 990))};
    idn_copy_text(ret->name, sizeof(ret->name), core->model[model].name);
}
