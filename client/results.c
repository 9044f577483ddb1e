// libidunno: results of a job, in pages.
#include "client/call.h"

#include <string.h>

static void copy_row(const struct idn_result *result, struct idunno_row *ret)
{
    *ret = (struct idunno_row){.index = result->index, .status = result->status};
    for (int i = 0; i < IDN_TOP; i++) {
        ret->class_id[i] = result->class_id[i];
        ret->probability[i] = result->probability[i];
    }
}

// Gives the page's rows to the callback. Indexes rise from page to page; *from is the least that
// may come next.
static enum idunno_code give_rows(struct idunno *idunno, const struct idn_reply *page,
    uint32_t *from, bool (*on_row)(void *context, const struct idunno_row *row), void *context)
{
    for (uint32_t i = 0; i < page->u.results.count; i++) {
        struct idn_result result;
        struct idunno_row row;
        if (!idn_result_unpack(page->u.results.rows + (size_t)i * IDN_ROW_BYTES, &result) ||
            result.index < *from || result.index >= page->u.results.next)
            return idn_call_fail(
                idunno, IDUNNO_BROKEN, "the broker sent a page of results that is damaged");
        copy_row(&result, &row);
        *from = result.index + 1;
        if (!on_row(context, &row))
            return idn_call_fail(idunno, IDUNNO_STOPPED, "stopped by the caller");
    }
    return IDUNNO_OK;
}

static enum idunno_code range_of(
    struct idunno *idunno, const struct idunno_job *job, uint32_t *ret_first, uint32_t *ret_last)
{
    struct idn_request request = {.type = IDN_REQUEST_JOB, .job = idn_call_job(job)};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(idunno, &request, &reply);

    if (code == IDUNNO_OK) {
        *ret_first = reply->u.job.spec.first;
        *ret_last = reply->u.job.spec.last;
    }
    return code;
}

enum idunno_code idunno_results(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, bool (*on_row)(void *context, const struct idunno_row *row),
    void *context)
{
    uint32_t from = 0, last = 0;
    enum idunno_code code = range_of(idunno, job, &from, &last);

    while (code == IDUNNO_OK && from <= last) {
        struct idn_request request = {.type = IDN_REQUEST_RESULTS,
            .job = idn_call_job(job),
            .u.results = {.from = from, .most = IDN_PAGE_ROWS_MAX, .filter = (uint32_t)filter}};
        const struct idn_reply *reply;
        code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            break;
        uint32_t next = reply->u.results.next;
        if (next <= from)
            return idn_call_fail(idunno, IDUNNO_BROKEN, "the broker's pages of results do not end");
        code = give_rows(idunno, reply, &from, on_row, context);
        from = next;
    }
    return code;
}
