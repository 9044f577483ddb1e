// idunno-ctl assignment: in the order of the workers' names.
#include "client/ctl_listing.h"
#include "client/human.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

// ---- for programs

static void lease_json(struct idn_json *json, const struct idn_lease_info *lease)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "job", idn_ctl_key(&lease->job).text);
    idn_json_string(json, "model", lease->model);
    idn_json_u64(json, "first", lease->first);
    idn_json_u64(json, "count", lease->count);
    idn_json_u64(json, "done", lease->done);
    idn_json_u64(json, "held_ms", lease->held_ms);
    idn_json_bool(json, "confirmed", lease->confirmed);
    idn_json_bool(json, "trimming", lease->trimming);
    idn_json_bool(json, "alone", lease->alone);
    idn_json_bool(json, "returned", lease->returned);
    idn_json_end(json);
}

static void worker_json(struct idn_json *json, const struct idn_assignment_info *worker)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "worker", worker->name);
    idn_json_string(json, "state", idn_ctl_worker_state(worker->state));
    idn_json_array(json, "leases");
    for (uint32_t i = 0; i < worker->leases; i++)
        lease_json(json, &worker->lease[i]);
    idn_json_end(json);
    idn_json_u64(json, "in_child", worker->in_child);
    idn_json_u64(json, "silent_ms", worker->silent_ms);
    idn_json_string(json, "note", worker->note);
    idn_json_end(json);
}

// ---- for people

static const char *remark_of(const struct idn_lease_info *lease)
{
    return lease->trimming   ? "being taken back"
           : lease->alone    ? "alone: a process died with it"
           : lease->returned ? "came back from a silent worker"
                             : "";
}

static void lease_cells(struct idn_table *table, const struct idn_lease_info *lease)
{
    idn_table_cell(table, "%.8s", idn_ctl_key(&lease->job).text);
    idn_table_cell(table, "%s", lease->model);
    idn_table_cell(
        table, "%u to %" PRIu64, lease->first, (uint64_t)lease->first + lease->count - 1);
    idn_table_cell(table, "%u", lease->done);
    idn_table_cell(table, "%s", idn_human_duration(lease->held_ms).text);
}

// A line a lease; the second one is what comes next.
static void worker_rows(struct idn_table *table, const struct idn_assignment_info *worker)
{
    for (uint32_t i = 0; i == 0 || i < worker->leases; i++) {
        const char *remark = i < worker->leases ? remark_of(&worker->lease[i]) : "";
        idn_table_cell(table, "%s", worker->name);
        idn_table_cell(table, "%s", i == 0 ? idn_ctl_worker_state(worker->state) : "next");
        if (i < worker->leases)
            lease_cells(table, &worker->lease[i]);
        for (int cell = 0; worker->leases == 0 && cell < 5; cell++)
            idn_table_cell(table, "-");
        idn_table_cell(table, "%s%s%s", remark,
            remark[0] != '\0' && worker->note[0] != '\0' ? "; " : "", i == 0 ? worker->note : "");
    }
}

static void list_worker(struct idn_ctl_listing *listing, const struct idn_assignment_info *worker)
{
    listing->count++;
    if (listing->json != NULL)
        worker_json(listing->json, worker);
    else
        worker_rows(listing->table, worker);
}

static int by_name(const void *one, const void *two)
{
    const struct idn_assignment_info *a = one, *b = two;

    return idn_name_order(a->name, b->name);
}

int idn_ctl_assignment(struct idn_ctl *ctl)
{
    struct idn_ctl_rows workers = {.size = sizeof(struct idn_assignment_info)};
    struct idn_ctl_listing listing;

    enum idunno_code code =
        idn_call_rows(ctl->idunno, IDN_REQUEST_ASSIGNMENT, idn_ctl_keep, &workers);
    idn_ctl_sort(&workers, by_name);
    idn_ctl_listing_open(ctl, "WORKER|STATE|JOB|MODEL|IMAGES|>DONE|>SINCE|NOTE", &listing);
    for (size_t i = 0; i < workers.count; i++)
        list_worker(&listing, idn_ctl_row(&workers, i));
    free(workers.row);
    return idn_ctl_listing_close(
        ctl, &listing, code, "no workers; start idunno-worker on the hosts that hold the images");
}
