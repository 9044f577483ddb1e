#include "broker/core/why_ended.h"

#include "base/human.h"
#include "broker/core/why.h"

static void say_results(const struct idn_job *job, char *text, size_t size)
{
    const uint32_t *kind = job->images.kind;
    const struct {
        uint32_t count;
        const char *what;
    } parts[] = {{kind[IDN_IMAGE_OK], "ok"}, {kind[IDN_IMAGE_ERROR], "failed"},
        {kind[IDN_IMAGE_QUARANTINED], "quarantined"}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (i == 0 || parts[i].count > 0)
            idn_format_append(text, size, "%s%s %s", i == 0 ? "" : ", ",
                idn_human_count(parts[i].count).text, parts[i].what);
}

void idn_why_ended(
    const struct idn_core *core, const struct idn_job *job, struct idn_why_info *info)
{
    bool finished = job->state == IDN_JOB_FINISHED;
    struct idn_why_fact *fact = idn_why_add(info, finished ? IDN_WHY_FINISHED : IDN_WHY_CANCELLED);

    fact->count = idn_job_done(job);
    fact->total = idn_job_total(job);
    fact->ms = core->wall > job->finished_wall_ms ? core->wall - job->finished_wall_ms : 0;
    idn_format(fact->text, IDN_TEXT_SIZE, "%s %s ago", finished ? "finished" : "cancelled",
        idn_human_duration(fact->ms).text);
    if (finished) {
        idn_format_append(fact->text, IDN_TEXT_SIZE, ": ");
        say_results(job, fact->text, IDN_TEXT_SIZE);
    } else {
        idn_format_append(fact->text, IDN_TEXT_SIZE, "; %s of %s image%s ha%s results%s",
            idn_human_count(fact->count).text, idn_human_count(fact->total).text,
            fact->total == 1 ? "" : "s", fact->total == 1 ? "s" : "ve",
            fact->count > 0 ? ", which are kept" : "");
    }
}
