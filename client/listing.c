// Listings in pages: the next page is asked for until the broker says that there is no more.
#include "base/assert.h"
#include "client/call.h"

// What the pages of all listings have.
struct page {
    const void *item;
    size_t item_size;
    uint32_t count;
    uint64_t cursor; // of the next one; 0: there is none
};

static struct page page_of(const struct idn_reply *reply)
{
    switch (reply->type) {
    case IDN_REPLY_JOBS:
        return (struct page){reply->u.jobs.item, sizeof(struct idn_job_info), reply->u.jobs.count,
            reply->u.jobs.cursor};
    case IDN_REPLY_WORKERS:
        return (struct page){reply->u.workers.item, sizeof(struct idn_worker_info),
            reply->u.workers.count, reply->u.workers.cursor};
    case IDN_REPLY_MODELS:
    case IDN_REPLY_DATASETS:
        return (struct page){reply->u.entries.item, sizeof(struct idn_entry_info),
            reply->u.entries.count, reply->u.entries.cursor};
    case IDN_REPLY_ASSIGNMENT:
        return (struct page){reply->u.assignment.item, sizeof(struct idn_assignment_info),
            reply->u.assignment.count, reply->u.assignment.cursor};
    case IDN_REPLY_RATES:
        return (struct page){reply->u.rates.item, sizeof(struct idn_rate_info),
            reply->u.rates.count, reply->u.rates.cursor};
    default:
        IDN_ASSERT(reply->type == IDN_REPLY_TIMES); // the session lets nothing else through
        return (struct page){reply->u.times.item, sizeof(struct idn_times_info),
            reply->u.times.count, reply->u.times.cursor};
    }
}

static struct idn_request request_for(const struct idn_listing *listing, uint64_t cursor)
{
    struct idn_request request = {.type = listing->type};

    if (listing->type == IDN_REQUEST_JOBS) {
        request.u.jobs.cursor = cursor;
        request.u.jobs.all = listing->all;
    } else {
        request.u.page.cursor = cursor;
    }
    return request;
}

static enum idunno_code give_rows(
    struct idunno *idunno, const struct idn_listing *listing, const struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        if (!listing->on_row(listing->context, (const char *)page->item + i * page->item_size))
            return idn_call_fail(idunno, IDUNNO_STOPPED, "stopped by the caller");
    return IDUNNO_OK;
}

enum idunno_code idn_call_listing(struct idunno *idunno, const struct idn_listing *listing)
{
    enum idunno_code code;
    uint64_t cursor = 0, before;

    do {
        const struct idn_request request = request_for(listing, cursor);
        const struct idn_reply *reply;
        code = idn_call(idunno, &request, &reply);
        if (code == IDUNNO_OK && cursor == 0 && listing->on_head != NULL)
            code = listing->on_head(listing->context, reply);
        if (code != IDUNNO_OK)
            return code;
        const struct page page = page_of(reply);
        code = give_rows(idunno, listing, &page);
        before = cursor;
        cursor = page.cursor;
        if (code == IDUNNO_OK && cursor != 0 && cursor == before) // it would go on for ever
            code = idn_call_fail(
                idunno, IDUNNO_BROKEN, "the broker's listing does not end: it repeats a page");
    } while (code == IDUNNO_OK && cursor != 0);
    return code;
}

enum idunno_code idn_call_rows(
    struct idunno *idunno, uint32_t type, idn_on_row *on_row, void *context)
{
    const struct idn_listing listing = {.type = type, .on_row = on_row, .context = context};

    return idn_call_listing(idunno, &listing);
}
