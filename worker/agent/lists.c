#include "worker/agent/lists.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES_MAX (256ull << 20)

enum {
    KEPT_MAX = 8,
    ASK_MS = 1000,    // a part that does not come is asked for again
    FETCH_MS = 30000, // without any part: the list cannot be had
};

struct kept {
    struct idn_list *list; // owned; NULL: none
    uint64_t used;         // when, in calls
};

struct fetch {
    uint8_t *bytes; // owned; NULL: no fetch
    struct idn_key job;
    struct idn_sha256 digest;
    uint64_t size, got;
    uint64_t ask_ms, progress_ms;
    int error; // it failed, for this reason
    struct idn_reason reason;
};

struct idn_lists {
    const struct idn_registry *registry;
    struct kept kept[KEPT_MAX];
    uint64_t calls;
    struct fetch fetch; // one at a time
};

void idn_lists_new(const struct idn_registry *registry, struct idn_lists **ret)
{
    struct idn_lists *lists = calloc(1, sizeof(*lists));

    IDN_ASSERT(lists != NULL);
    lists->registry = registry;
    *ret = lists;
}

static void end_fetch(struct fetch *fetch)
{
    free(fetch->bytes);
    *fetch = (struct fetch){0};
}

void idn_lists_destroy(struct idn_lists **lists)
{
    if (*lists == NULL)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        idn_list_destroy(&(*lists)->kept[i].list);
    end_fetch(&(*lists)->fetch);
    free(*lists);
    *lists = NULL;
}

static uint64_t kept_bytes(const struct kept *kept)
{
    size_t size = 0;

    if (kept->list != NULL)
        (void)idn_list_bytes(kept->list, &size);
    return size;
}

static struct kept *find(struct idn_lists *lists, const struct idn_sha256 *digest)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (lists->kept[i].list != NULL &&
            idn_sha256_equal(idn_list_digest(lists->kept[i].list), digest))
            return &lists->kept[i];
    return NULL;
}

static struct kept *oldest(struct idn_lists *lists, bool used)
{
    struct kept *oldest = NULL;

    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *kept = &lists->kept[i];
        if ((kept->list != NULL || !used) && (oldest == NULL || kept->used < oldest->used))
            oldest = kept;
    }
    return oldest;
}

// Keeps the list (owned now) in place of those not used for the longest time.
static void keep(struct idn_lists *lists, struct idn_list *list)
{
    size_t size;
    uint64_t sum = 0;
    struct kept *last;

    (void)idn_list_bytes(list, &size);
    for (size_t i = 0; i < KEPT_MAX; i++)
        sum += kept_bytes(&lists->kept[i]);
    while (sum + size > KEPT_BYTES_MAX && (last = oldest(lists, true)) != NULL) {
        sum -= kept_bytes(last);
        idn_list_destroy(&last->list);
        last->used = 0;
    }
    struct kept *place = oldest(lists, false);
    idn_list_destroy(&place->list);
    place->list = list;
    place->used = ++lists->calls;
}

static int check(
    const struct idn_list *list, const struct idn_list_wish *wish, struct idn_reason *reason)
{
    if (idn_sha256_equal(idn_list_digest(list), &wish->digest))
        return 0;
    return idn_reason_set(reason, -EINVAL,
        *wish->dataset == '\0'
            ? "the uploaded list came with another digest than the job's"
            : "the list of data set %s has changed since this worker started: restart it",
        wish->dataset);
}

static int open_registered(
    struct idn_lists *lists, const struct idn_list_wish *wish, struct idn_reason *reason)
{
    const struct idn_dataset *dataset = idn_registry_dataset(lists->registry, wish->dataset);
    struct idn_list *list = NULL;

    if (dataset == NULL)
        return idn_reason_set(reason, -ENOENT, "data set %s is not known here", wish->dataset);
    int error = idn_list_open(dataset->list, &list, reason);
    if (error == 0)
        error = check(list, wish, reason);
    if (error < 0) {
        idn_list_destroy(&list);
        return error;
    }
    keep(lists, list);
    return 0;
}

static int begin_fetch(struct fetch *fetch, const struct idn_list_wish *wish, uint64_t now_ms,
    struct idn_reason *reason)
{
    end_fetch(fetch);
    if (wish->bytes == 0 || wish->bytes > IDN_LIST_BYTES_MAX)
        return idn_reason_set(reason, -EINVAL, "an uploaded list has 1 to %d bytes, not %" PRIu64,
            (int)IDN_LIST_BYTES_MAX, wish->bytes);
    *fetch = (struct fetch){.job = wish->job,
        .digest = wish->digest,
        .size = wish->bytes,
        .ask_ms = now_ms,
        .progress_ms = now_ms};
    fetch->bytes = malloc(wish->bytes);
    IDN_ASSERT(fetch->bytes != NULL);
    return IDN_LISTS_WAIT;
}

static int finish_fetch(
    struct idn_lists *lists, const struct idn_list_wish *wish, struct idn_reason *reason)
{
    struct fetch *fetch = &lists->fetch;
    struct idn_list *list = NULL;
    int error = fetch->error;

    if (error < 0)
        (void)idn_reason_set(reason, error, "%s", fetch->reason.text);
    else // a client makes its paths absolute
        error = idn_list_parse(fetch->bytes, fetch->size, "/", &list, reason);
    if (error == 0)
        error = check(list, wish, reason);
    end_fetch(fetch);
    if (error < 0) {
        idn_list_destroy(&list);
        return error;
    }
    keep(lists, list);
    return 0;
}

static int fetch_uploaded(struct idn_lists *lists, const struct idn_list_wish *wish,
    uint64_t now_ms, struct idn_reason *reason)
{
    struct fetch *fetch = &lists->fetch;
    bool ours = fetch->bytes != NULL && idn_key_equal(&fetch->job, &wish->job) &&
                idn_sha256_equal(&fetch->digest, &wish->digest) && fetch->size == wish->bytes;

    if (!ours)
        return begin_fetch(fetch, wish, now_ms, reason);
    if (now_ms >= fetch->progress_ms + FETCH_MS && fetch->error == 0)
        fetch->error = idn_reason_set(&fetch->reason, -ETIMEDOUT,
            "no broker sent the uploaded list within %d s", FETCH_MS / 1000);
    if (fetch->error == 0 && fetch->got < fetch->size)
        return IDN_LISTS_WAIT;
    return finish_fetch(lists, wish, reason);
}

int idn_lists_get(struct idn_lists *lists, const struct idn_list_wish *wish, uint64_t now_ms,
    const struct idn_list **ret, struct idn_reason *reason)
{
    int result = 0;

    if (find(lists, &wish->digest) == NULL)
        result = *wish->dataset == '\0' ? fetch_uploaded(lists, wish, now_ms, reason)
                                        : open_registered(lists, wish, reason);
    if (result != 0)
        return result;
    struct kept *kept = find(lists, &wish->digest);
    kept->used = ++lists->calls;
    *ret = kept->list;
    return 0;
}

static bool is_open(const struct fetch *fetch)
{
    return fetch->bytes != NULL && fetch->error == 0 && fetch->got < fetch->size;
}

bool idn_lists_ask(
    struct idn_lists *lists, uint64_t now_ms, struct idn_key *ret_job, uint64_t *ret_offset)
{
    struct fetch *fetch = &lists->fetch;

    if (!is_open(fetch) || now_ms < fetch->ask_ms)
        return false;
    fetch->ask_ms = now_ms + ASK_MS;
    *ret_job = fetch->job;
    *ret_offset = fetch->got;
    return true;
}

void idn_lists_defer(struct idn_lists *lists, uint64_t now_ms)
{
    lists->fetch.progress_ms = now_ms;
}

void idn_lists_part(struct idn_lists *lists, uint64_t now_ms, const struct idn_order *order)
{
    struct fetch *fetch = &lists->fetch;
    uint32_t size = order->u.list_part.size;

    if (!is_open(fetch) || !idn_key_equal(&order->u.list_part.job, &fetch->job) ||
        order->u.list_part.offset != fetch->got)
        return;
    if (size == 0) {
        fetch->error = idn_reason_set(
            &fetch->reason, -ENOENT, "the broker does not have the uploaded list of this job");
        return;
    }
    if (order->u.list_part.total != fetch->size || size > fetch->size - fetch->got) {
        fetch->error = idn_reason_set(&fetch->reason, -EINVAL,
            "the uploaded list should have %" PRIu64 " bytes, the broker sends %" PRIu64,
            fetch->size, order->u.list_part.total);
        return;
    }
    memcpy(fetch->bytes + fetch->got, order->u.list_part.bytes, size);
    fetch->got += size;
    fetch->progress_ms = fetch->ask_ms = now_ms;
}

uint64_t idn_lists_deadline(const struct idn_lists *lists)
{
    return is_open(&lists->fetch) ? lists->fetch.ask_ms : UINT64_MAX;
}
