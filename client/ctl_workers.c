// idunno-ctl workers.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include <inttypes.h>
#include <stdio.h>

struct listing {
    struct idn_table *table; // or
    struct idn_json *json;
    uint32_t count;
};

static void worker_json(struct idn_json *json, const struct idn_worker_info *worker)
{
    char job[IDN_KEY_TEXT_SIZE];
    const char *state = idn_worker_state_name(worker->state);

    idn_key_to_text(worker->job.bytes, job);
    idn_json_object(json, NULL);
    idn_json_string(json, "name", worker->name);
    idn_json_string(json, "state", state == NULL ? "unknown" : state);
    idn_json_u64(json, "threads", worker->threads);
    idn_json_string(json, "class", worker->class_name);
    if (worker->leases > 0)
        idn_json_string(json, "job", job);
    else
        idn_json_null(json, "job");
    idn_json_u64(json, "lease_first", worker->lease_first);
    idn_json_u64(json, "lease_count", worker->lease_count);
    idn_json_u64(json, "lease_done", worker->lease_done);
    idn_json_u64(json, "leases", worker->leases);
    idn_json_u64(json, "images_done", worker->images_done);
    idn_json_double(json, "images_per_s", worker->images_per_s);
    idn_json_u64(json, "silent_ms", worker->silent_ms);
    idn_json_u64(json, "models_ready", worker->models_ready);
    idn_json_u64(json, "models_refused", worker->models_refused);
    idn_json_string(json, "note", worker->note);
    idn_json_end(json);
}

static void worker_row(struct idn_table *table, const struct idn_worker_info *worker)
{
    char job[IDN_KEY_TEXT_SIZE];
    const char *state = idn_worker_state_name(worker->state);

    idn_key_to_text(worker->job.bytes, job);
    idn_table_cell(table, "%s", worker->name);
    idn_table_cell(table, "%s", state == NULL ? "unknown" : state);
    idn_table_cell(table, "%u", worker->threads);
    idn_table_cell(table, "%.8s", worker->leases > 0 ? job : "-");
    if (worker->leases > 0)
        idn_table_cell(table, "%u to %" PRIu64 ", %u done", worker->lease_first,
            (uint64_t)worker->lease_first + worker->lease_count - 1, worker->lease_done);
    else
        idn_table_cell(table, "-");
    idn_table_cell(table, "%s", idn_human_count(worker->images_done).text);
    idn_table_cell(table, "%s", idn_human_rate(worker->images_per_s).text);
    idn_table_cell(table, "%s", idn_human_duration(worker->silent_ms).text);
    idn_table_cell(
        table, "%u of %u", worker->models_ready, worker->models_ready + worker->models_refused);
    idn_table_cell(table, "%s", worker->note);
}

static void list_worker(void *context, const struct idn_worker_info *worker)
{
    struct listing *listing = context;

    listing->count++;
    if (listing->json != NULL)
        worker_json(listing->json, worker);
    else
        worker_row(listing->table, worker);
}

int idn_ctl_workers(struct idn_ctl *ctl)
{
    struct idn_json json;
    struct listing listing = {.json = ctl->json ? &json : NULL};

    if (ctl->json) {
        idn_json_init(&json, stdout);
        idn_json_array(&json, NULL);
    } else {
        idn_table_new(
            "WORKER|STATE|>THREADS|JOB|LEASE|>IMAGES|>IMAGES/S|>HEARD|MODELS|NOTE", &listing.table);
    }
    enum idunno_code code = idn_call_workers(ctl->idunno, list_worker, &listing);
    if (code == IDUNNO_OK && ctl->json)
        idn_json_end(&json);
    else if (code == IDUNNO_OK && listing.count == 0)
        (void)puts("no workers; start idunno-worker on the hosts that hold the images");
    else if (code == IDUNNO_OK)
        idn_table_print(listing.table, stdout);
    idn_table_destroy(&listing.table);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}
