// idunno-ctl assignment.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include <inttypes.h>
#include <stdio.h>

struct listing {
    struct idn_table *table; // or
    struct idn_json *json;
    bool begun;
    uint32_t count;
};

static const char *state_of(const struct idn_assignment_info *worker)
{
    const char *state = idn_worker_state_name(worker->state);

    return state == NULL ? "unknown" : state;
}

// ---- for programs

static void lease_json(struct idn_json *json, const struct idn_lease_info *lease)
{
    char job[IDN_KEY_TEXT_SIZE];

    idn_key_to_text(lease->job.bytes, job);
    idn_json_object(json, NULL);
    idn_json_string(json, "job", job);
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
    idn_json_string(json, "state", state_of(worker));
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
    char job[IDN_KEY_TEXT_SIZE];

    idn_key_to_text(lease->job.bytes, job);
    idn_table_cell(table, "%.8s", job);
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
        idn_table_cell(table, "%s", i == 0 ? state_of(worker) : "next");
        if (i < worker->leases)
            lease_cells(table, &worker->lease[i]);
        for (int cell = 0; worker->leases == 0 && cell < 5; cell++)
            idn_table_cell(table, "-");
        idn_table_cell(table, "%s%s%s", remark,
            remark[0] != '\0' && worker->note[0] != '\0' ? "; " : "", i == 0 ? worker->note : "");
    }
}

// Not before the broker has answered: who is refused prints nothing that looks like an answer.
static void begin_json(struct listing *listing)
{
    if (listing->begun)
        return;
    listing->begun = true;
    idn_json_init(listing->json, stdout);
    idn_json_array(listing->json, NULL);
}

static void list_worker(void *context, const struct idn_assignment_info *worker)
{
    struct listing *listing = context;

    listing->count++;
    if (listing->json == NULL) {
        worker_rows(listing->table, worker);
        return;
    }
    begin_json(listing);
    worker_json(listing->json, worker);
}

int idn_ctl_assignment(struct idn_ctl *ctl)
{
    struct idn_json json;
    struct listing listing = {.json = ctl->json ? &json : NULL};

    if (!ctl->json)
        idn_table_new("WORKER|STATE|JOB|MODEL|IMAGES|>DONE|>SINCE|NOTE", &listing.table);
    enum idunno_code code = idn_call_assignment(ctl->idunno, list_worker, &listing);
    if (code == IDUNNO_OK && ctl->json) {
        begin_json(&listing);
        idn_json_end(&json);
    } else if (code == IDUNNO_OK && listing.count == 0) {
        (void)puts("no workers; start idunno-worker on the hosts that hold the images");
    } else if (code == IDUNNO_OK) {
        idn_table_print(listing.table, stdout);
    }
    idn_table_destroy(&listing.table);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}
