// idunno-submit: results into the output file, and the summary.
#include "client/human.h"
#include "client/submit.h"
#include "proto/result.h"

#include <stdio.h>

struct report {
    struct idn_rows *rows; // NULL: only count
    uint64_t by_status[IDN_STATUS_COUNT];
};

static bool on_row(void *context, const struct idunno_row *row)
{
    struct report *report = context;

    if (row->status < IDN_STATUS_COUNT)
        report->by_status[row->status]++;
    if (report->rows == NULL)
        return true;
    idn_rows_put(report->rows, row);
    return !ferror(report->rows->file); // a full disk: commit says so
}

// "2 missing, 1 corrupt"
static void list_failures(const struct report *report, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = IDN_STATUS_OK + 1; i < IDN_STATUS_COUNT; i++)
        if (report->by_status[i] > 0 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", used == 0 ? "" : ", ",
                idn_human_count(report->by_status[i]).text, idunno_status_name(i));
}

static void print_summary(const struct idn_submit *submit, const struct report *report)
{
    const struct idunno_info *info = &submit->info;
    uint64_t failed = idn_job_failed(info);
    char failures[256];

    (void)printf("job %.8s finished: %s image%s in %s, %s images/s\n", info->job.id,
        idn_human_count(idn_job_images(info)).text, idn_job_images(info) == 1 ? "" : "s",
        idn_human_duration(info->elapsed_ms).text, idn_human_rate(idn_job_rate(info)).text);
    (void)printf("  classified  %s\n", idn_human_count(info->ok).text);
    if (failed > 0) {
        list_failures(report, failures, sizeof(failures));
        (void)printf("  failed      %s: %s (see: idunno-ctl results %.8s --failed)\n",
            idn_human_count(failed).text, failures, info->job.id);
    }
    if (info->conflicts > 0)
        (void)printf(
            "  conflicts   %u results contradict others of the same image\n", info->conflicts);
    (void)printf("  digest      %s\n", info->digest);
    if (submit->options.output != NULL)
        (void)printf("  results     %s\n", submit->options.output);
    else
        (void)printf("  results     idunno-ctl results %.8s\n", info->job.id);
}

static void print_json(const struct idn_submit *submit, const struct report *report)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_job_json(&json, &submit->info);
    idn_json_object(&json, "failed_by_status");
    for (unsigned i = IDN_STATUS_OK + 1; i < IDN_STATUS_COUNT; i++)
        if (report->by_status[i] > 0)
            idn_json_u64(&json, idunno_status_name(i), report->by_status[i]);
    idn_json_end(&json);
    if (submit->durable > 0)
        idn_json_u64(&json, "durable", submit->durable);
    else
        idn_json_null(&json, "durable");
    idn_json_string(&json, "output", submit->options.output);
    idn_json_end(&json);
}

static int write_output(struct idn_submit *submit, struct report *report)
{
    struct idn_labels *labels = idn_cluster_labels(&submit->cluster, submit->info.model);
    struct idn_rows rows = {.file = idn_output_file(submit->output),
        .format = idn_output_format(submit->output),
        .paths = submit->list,
        .labels = labels};
    struct idn_reason reason;

    report->rows = &rows;
    enum idunno_code code =
        idunno_results(submit->idunno, &submit->info.job, IDUNNO_ALL, on_row, report);
    idn_rows_end(&rows);
    bool broken = ferror(rows.file) != 0;
    report->rows = NULL;
    idn_labels_destroy(&labels);
    if (code != IDUNNO_OK && !broken) {
        idn_output_abandon(&submit->output);
        return idn_submit_fail(submit, code);
    }
    if (idn_output_commit(&submit->output, &reason) != 0)
        return idn_program_fail(IDN_SUBMIT,
            "%s; the cluster keeps the results: idunno-ctl results"
            " %.8s",
            reason.text, submit->info.job.id);
    return IDN_SUBMIT_GO_ON;
}

static int gather(struct idn_submit *submit, struct report *report)
{
    if (submit->output != NULL)
        return write_output(submit, report);
    if (idn_job_failed(&submit->info) == 0)
        return IDN_SUBMIT_GO_ON;
    enum idunno_code code =
        idunno_results(submit->idunno, &submit->info.job, IDUNNO_FAILED, on_row, report);
    return code == IDUNNO_OK ? IDN_SUBMIT_GO_ON : idn_submit_fail(submit, code);
}

int idn_submit_report(struct idn_submit *submit)
{
    const struct idunno_info *info = &submit->info;
    struct report report = {0};

    if (info->state == IDUNNO_CANCELLED) {
        if (submit->options.json)
            print_json(submit, &report);
        return idn_program_fail(IDN_SUBMIT,
            "job %.8s was cancelled; %s of its %s images have results: idunno-ctl results %.8s",
            info->job.id, idn_human_count(info->ok + idn_job_failed(info)).text,
            idn_human_count(idn_job_images(info)).text, info->job.id);
    }
    int status = gather(submit, &report);
    if (status != IDN_SUBMIT_GO_ON)
        return status;
    if (submit->options.json)
        print_json(submit, &report);
    else if (!submit->options.quiet)
        print_summary(submit, &report);
    return idn_job_exit(info);
}
