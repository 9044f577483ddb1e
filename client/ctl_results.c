// idunno-ctl results.
#include "client/call.h"
#include "client/ctl.h"
#include "client/rows.h"
#include "client/upload.h"
#include "weights/list.h"

#include <errno.h>
#include <stdio.h>

// ---- the paths, which only the list's owner knows

// What the workers got of a client's list is not its own bytes (client/upload.h).
static int digest_of(const struct idn_ctl *ctl, const struct idn_list *list, bool uploaded,
    struct idn_sha256 *ret, struct idn_reason *reason)
{
    struct idn_list_upload *upload = NULL;
    struct idn_job_spec spec = {.first = 0};

    *ret = *idn_list_digest(list);
    if (!uploaded)
        return 0;
    int error = idn_list_upload_new(ctl->list, true, &spec, &upload, reason);
    idn_list_upload_destroy(&upload);
    if (error == 0)
        *ret = spec.list_digest;
    return error;
}

static int read_list(const struct idn_ctl *ctl, const struct idn_job_spec *spec,
    struct idn_list **ret, struct idn_reason *reason)
{
    struct idn_sha256 digest;
    struct idn_list *list = NULL;
    int error = idn_list_open(ctl->list, &list, reason);

    if (error == 0)
        error = digest_of(ctl, list, spec->dataset[0] == '\0', &digest, reason);
    if (error == 0 && !idn_sha256_equal(&digest, &spec->list_digest))
        error = idn_reason_set(reason, -EINVAL,
            "%.300s is not the list of job %.8s, or was changed since: its paths would be wrong",
            ctl->list, ctl->id);
    if (error == 0)
        *ret = list;
    else
        idn_list_destroy(&list);
    return error;
}

// IDN_EXIT_OK; or says what is wrong, and returns the status to exit with.
static int open_list(struct idn_ctl *ctl, const struct idunno_job *job, struct idn_list **ret)
{
    struct idn_request request = {.type = IDN_REQUEST_JOB, .job = idn_call_job(job)};
    const struct idn_reply *reply;
    struct idn_reason reason;

    if (ctl->list == NULL)
        return IDN_EXIT_OK;
    enum idunno_code code = idn_call(ctl->idunno, &request, &reply);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    return read_list(ctl, &reply->u.job.spec, ret, &reason) == 0
               ? IDN_EXIT_OK
               : idn_program_fail(IDN_CTL, "%s", reason.text);
}

// ---- rows

static bool on_row(void *context, const struct idunno_row *row)
{
    struct idn_rows *rows = context;

    idn_rows_put(rows, row);
    return !ferror(rows->file); // the end of the program says why
}

static int print_rows(struct idn_ctl *ctl, const struct idunno_job *job, struct idn_rows *rows)
{
    enum idunno_code code = idunno_results(ctl->idunno, job,
        ctl->missing       ? IDUNNO_MISSING
        : ctl->failed      ? IDUNNO_FAILED
        : ctl->quarantined ? IDUNNO_QUARANTINED
                           : IDUNNO_ALL,
        on_row, rows);

    if (code == IDUNNO_OK)
        idn_rows_end(rows);
    if (ferror(stdout))
        return IDN_EXIT_OK; // as above
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

static int print_results(struct idn_ctl *ctl, enum idn_rows_format format)
{
    struct idn_labels *labels = NULL;
    struct idn_list *paths = NULL;
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    int status = open_list(ctl, &info.job, &paths);
    if (status != IDN_EXIT_OK)
        return status;
    labels = idn_cluster_labels(&ctl->cluster, info.model);
    struct idn_rows rows = {.file = stdout,
        .format = format,
        .paths = paths,
        .labels = labels,
        .index_only = ctl->missing};
    status = print_rows(ctl, &info.job, &rows);
    idn_labels_destroy(&labels);
    idn_list_destroy(&paths);
    return status;
}

int idn_ctl_results(struct idn_ctl *ctl)
{
    enum idn_rows_format format = ctl->json ? IDN_ROWS_JSONL : IDN_ROWS_CSV;
    struct idn_reason reason;

    if (ctl->format != NULL && idn_rows_format_of(ctl->format, &format, &reason) != 0)
        return idn_program_usage(IDN_CTL, "%s", reason.text);
    if (ctl->json && format != IDN_ROWS_JSONL)
        return idn_program_usage(IDN_CTL, "--json and --format csv exclude each other");
    return print_results(ctl, format);
}
