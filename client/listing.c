// Listings in pages: each asks for the next page until the broker says that there is no more.
#include "client/call.h"

// A cursor that does not move would keep us asking for ever.
static enum idunno_code next_page(struct idunno *idunno, uint64_t next, uint64_t *cursor)
{
    if (next != 0 && next == *cursor)
        return idn_call_fail(
            idunno, IDUNNO_BROKEN, "the broker's listing does not end: it repeats a page");
    *cursor = next;
    return IDUNNO_OK;
}

enum idunno_code idn_call_jobs(struct idunno *idunno, bool all,
    void (*visit)(void *context, const struct idn_job_info *job), void *context)
{
    uint64_t cursor = 0;

    do {
        struct idn_request request = {
            .type = IDN_REQUEST_JOBS, .u.jobs = {.cursor = cursor, .all = all}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        for (uint32_t i = 0; i < reply->u.jobs.count; i++)
            visit(context, &reply->u.jobs.item[i]);
        code = next_page(idunno, reply->u.jobs.cursor, &cursor);
        if (code != IDUNNO_OK)
            return code;
    } while (cursor != 0);
    return IDUNNO_OK;
}

enum idunno_code idn_call_workers(struct idunno *idunno,
    void (*visit)(void *context, const struct idn_worker_info *worker), void *context)
{
    uint64_t cursor = 0;

    do {
        struct idn_request request = {.type = IDN_REQUEST_WORKERS, .u.page = {.cursor = cursor}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        for (uint32_t i = 0; i < reply->u.workers.count; i++)
            visit(context, &reply->u.workers.item[i]);
        code = next_page(idunno, reply->u.workers.cursor, &cursor);
        if (code != IDUNNO_OK)
            return code;
    } while (cursor != 0);
    return IDUNNO_OK;
}

enum idunno_code idn_call_assignment(struct idunno *idunno,
    void (*visit)(void *context, const struct idn_assignment_info *worker), void *context)
{
    uint64_t cursor = 0;

    do {
        struct idn_request request = {.type = IDN_REQUEST_ASSIGNMENT, .u.page = {.cursor = cursor}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        for (uint32_t i = 0; i < reply->u.assignment.count; i++)
            visit(context, &reply->u.assignment.item[i]);
        code = next_page(idunno, reply->u.assignment.cursor, &cursor);
        if (code != IDUNNO_OK)
            return code;
    } while (cursor != 0);
    return IDUNNO_OK;
}

enum idunno_code idn_call_entries(struct idunno *idunno, uint32_t type,
    void (*visit)(void *context, const struct idn_entry_info *entry), void *context)
{
    uint64_t cursor = 0;

    do {
        struct idn_request request = {.type = type, .u.page = {.cursor = cursor}};
        const struct idn_reply *reply;
        enum idunno_code code = idn_call(idunno, &request, &reply);
        if (code != IDUNNO_OK)
            return code;
        for (uint32_t i = 0; i < reply->u.entries.count; i++)
            visit(context, &reply->u.entries.item[i]);
        code = next_page(idunno, reply->u.entries.cursor, &cursor);
        if (code != IDUNNO_OK)
            return code;
    } while (cursor != 0);
    return IDUNNO_OK;
}
