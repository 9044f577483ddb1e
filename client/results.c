// libidunno: results of a job, in pages.
#include "client/call.h"

#include <inttypes.h>

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

// ---- how many there must be

struct extent {
    uint32_t first, last;
    uint64_t expected; // images that the rows must show to have a result; 0 while the job is open
};

static uint64_t expected_of(const struct idn_job_info *job, enum idunno_filter filter)
{
    uint64_t failed = (uint64_t)job->failed + job->quarantined;

    if (job->state == IDN_JOB_OPEN)
        return 0;
    switch (filter) {
    case IDUNNO_FAILED:
        return failed;
    case IDUNNO_QUARANTINED:
        return job->quarantined;
    case IDUNNO_ALL:
    case IDUNNO_MISSING:
        break;
    }
    return job->ok + failed;
}

static enum idunno_code ask_extent(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, struct extent *ret)
{
    struct idn_request request = {.type = IDN_REQUEST_JOB, .job = idn_call_job(job)};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(idunno, &request, &reply);

    if (code == IDUNNO_OK)
        *ret = (struct extent){.first = reply->u.job.spec.first,
            .last = reply->u.job.spec.last,
            .expected = expected_of(&reply->u.job, filter)};
    return code;
}

// A broker that lost rows without knowing it gives fewer than it counted. What a retry or a late
// result changed meanwhile is no loss: the counts of both before and after must be missed.
static enum idunno_code check_count(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, const struct extent *before, uint64_t rows)
{
    uint64_t images = (uint64_t)before->last - before->first + 1;
    uint64_t got = filter == IDUNNO_MISSING ? images - rows : rows;
    struct extent after;

    if (got >= before->expected)
        return IDUNNO_OK;
    enum idunno_code code = ask_extent(idunno, job, filter, &after);
    if (code != IDUNNO_OK || got >= after.expected)
        return code;
    return idn_call_fail(idunno, IDUNNO_BROKEN,
        "job %.8s has %" PRIu64 " such results, and the broker could give only %" PRIu64
        " of them: its store is damaged, and docs/OPERATING.md says what to do",
        job->id, after.expected, got);
}

// ----

enum idunno_code idunno_results(struct idunno *idunno, const struct idunno_job *job,
    enum idunno_filter filter, bool (*on_row)(void *context, const struct idunno_row *row),
    void *context)
{
    struct extent extent;
    uint64_t rows = 0;
    enum idunno_code code = ask_extent(idunno, job, filter, &extent);

    if (code != IDUNNO_OK)
        return code;
    uint32_t from = extent.first;
    while (code == IDUNNO_OK && from <= extent.last) {
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
        rows += reply->u.results.count;
        code = give_rows(idunno, reply, &from, on_row, context);
        from = next;
    }
    return code == IDUNNO_OK ? check_count(idunno, job, filter, &extent, rows) : code;
}
