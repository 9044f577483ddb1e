// idunno-ctl results.
#include "client/call.h"
#include "client/ctl.h"
#include "client/rows.h"

#include <stdio.h>

static bool on_row(void *context, const struct idunno_row *row)
{
    struct idn_rows *rows = context;

    idn_rows_put(rows, row);
    return !ferror(rows->file); // the end of the program says why
}

static int print_results(struct idn_ctl *ctl, enum idn_rows_format format)
{
    struct idn_labels *labels = NULL;
    struct idunno_info info;
    enum idunno_code code = idunno_find(ctl->idunno, ctl->id, &info);

    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    labels = idn_cluster_labels(&ctl->cluster, info.model);
    struct idn_rows rows = {
        .file = stdout, .format = format, .labels = labels, .index_only = ctl->missing};
    code = idunno_results(ctl->idunno, &info.job,
        ctl->missing       ? IDUNNO_MISSING
        : ctl->failed      ? IDUNNO_FAILED
        : ctl->quarantined ? IDUNNO_QUARANTINED
                           : IDUNNO_ALL,
        on_row, &rows);
    if (code == IDUNNO_OK)
        idn_rows_end(&rows);
    idn_labels_destroy(&labels);
    if (ferror(stdout))
        return IDN_EXIT_OK; // as above
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
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
