#include "broker/core/why_working.h"

#include "broker/core/why.h"
#include "broker/core/workers.h"

struct idn_human idn_why_images(uint32_t count)
{
    struct idn_human human = idn_human_count(count);

    idn_format_append(human.text, sizeof(human.text), count == 1 ? " image is" : " images are");
    return human;
}

uint32_t idn_job_workers(const struct idn_job *job)
{
    uint32_t count = 0;

    IDN_EACH_CONST(link, &job->lease_list)
    {
        const struct idn_lease *lease = IDN_ENTRY_CONST(link, struct idn_lease, in_job);
        count += lease == lease->worker->lease[0];
    }
    return count;
}

// Of those that work on it, the ones that may get more.
static uint32_t able_workers(const struct idn_core *core, const struct idn_job *job)
{
    uint32_t count = 0;

    IDN_EACH_CONST(link, &job->lease_list)
    {
        const struct idn_lease *lease = IDN_ENTRY_CONST(link, struct idn_lease, in_job);
        count += lease == lease->worker->lease[0] && idn_worker_can_serve(core, lease->worker, job);
    }
    return count;
}

static void put_working(char *text, uint32_t of, uint32_t able, uint32_t others)
{
    if (of == 1)
        idn_format(text, IDN_TEXT_SIZE, "the only worker that can serve it %s on it",
            able == 1 ? "works" : "does not work");
    else if (able == 0)
        idn_format(text, IDN_TEXT_SIZE, "none of the %s workers that can serve it works on it",
            idn_human_count(of).text);
    else
        idn_format(text, IDN_TEXT_SIZE, "%s of the %s workers that can serve it work%s on it",
            idn_human_count(able).text, idn_human_count(of).text, able == 1 ? "s" : "");
    if (others > 0)
        idn_format_append(text, IDN_TEXT_SIZE, ", and %s more finish%s what %s begun",
            idn_human_count(others).text, others == 1 ? "es" : "",
            others == 1 ? "it has" : "they have");
}

void idn_why_working(const struct idn_core *core, const struct idn_job *job, uint32_t able,
    struct idn_why_info *info)
{
    uint32_t workers = idn_job_workers(job);

    if (idn_job_in_flight(job) == 0 && able == 0)
        return;
    struct idn_why_fact *fact = idn_why_add(info, IDN_WHY_WORKING);
    fact->count = workers;
    fact->total = able;
    if (idn_job_without_result(job) == 0 && workers == 0)
        idn_format(fact->text, IDN_TEXT_SIZE, "its last %s leased, and come next",
            idn_why_images(idn_job_in_flight(job)).text);
    else if (idn_job_without_result(job) == 0)
        idn_format(fact->text, IDN_TEXT_SIZE, "its last %s with %s worker%s now",
            idn_why_images(idn_job_in_flight(job)).text, idn_human_count(workers).text,
            workers == 1 ? "" : "s");
    else if (able == 0)
        idn_format(fact->text, IDN_TEXT_SIZE,
            "%s still with workers, which finish what they have begun",
            idn_why_images(idn_job_in_flight(job)).text);
    else
        put_working(fact->text, able, able_workers(core, job), workers - able_workers(core, job));
}
