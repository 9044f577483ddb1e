// idunno-ctl workers: in the order of their names.
#include "client/ctl_listing.h"
#include "client/human.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void worker_json(struct idn_json *json, const struct idn_worker_info *worker)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "name", worker->name);
    idn_json_string(json, "state", idn_ctl_worker_state(worker->state));
    idn_json_u64(json, "threads", worker->threads);
    idn_json_string(json, "class", worker->class_name);
    idn_json_string(json, "job", worker->leases > 0 ? idn_ctl_key(&worker->job).text : NULL);
    idn_json_u64(json, "lease_first", worker->lease_first);
    idn_json_u64(json, "lease_count", worker->lease_count);
    idn_json_u64(json, "lease_done", worker->lease_done);
    idn_json_u64(json, "leases", worker->leases);
    idn_json_u64(json, "images_done", worker->images_done);
    idn_json_double(json, "images_per_s", worker->images_per_s);
    idn_json_u64(json, "silent_ms", worker->silent_ms);
    idn_json_u64(json, "models_ready", worker->models_ready);
    idn_json_u64(json, "models_lacking", worker->models_lacking);
    idn_json_u64(json, "datasets_ready", worker->datasets_ready);
    idn_json_u64(json, "datasets_lacking", worker->datasets_lacking);
    idn_json_bool(json, "drained", worker->drained);
    idn_json_string(json, "note", worker->note);
    idn_json_end(json);
}

static void worker_row(struct idn_table *table, const struct idn_worker_info *worker)
{
    idn_table_cell(table, "%s", worker->name);
    idn_table_cell(table, "%s", idn_ctl_worker_state(worker->state));
    idn_table_cell(table, "%u", worker->threads);
    idn_table_cell(table, "%.8s", worker->leases > 0 ? idn_ctl_key(&worker->job).text : "-");
    if (worker->leases > 0)
        idn_table_cell(table, "%u to %" PRIu64 ", %u done", worker->lease_first,
            (uint64_t)worker->lease_first + worker->lease_count - 1, worker->lease_done);
    else
        idn_table_cell(table, "-");
    idn_table_cell(table, "%s", idn_human_count(worker->images_done).text);
    idn_table_cell(table, "%s", idn_human_rate(worker->images_per_s).text);
    idn_table_cell(table, "%s", idn_human_duration(worker->silent_ms).text);
    idn_table_cell(
        table, "%u of %u", worker->models_ready, worker->models_ready + worker->models_lacking);
    idn_table_cell(table, "%u of %u", worker->datasets_ready,
        worker->datasets_ready + worker->datasets_lacking);
    idn_table_cell(table, "%s", worker->note);
}

// Those that are away come last.
static int by_name(const void *one, const void *two)
{
    const struct idn_worker_info *a = one, *b = two;
    bool away_a = a->state == IDN_WORKER_AWAY, away_b = b->state == IDN_WORKER_AWAY;

    return away_a != away_b ? (int)away_a - (int)away_b : idn_name_order(a->name, b->name);
}

static void print_json(const struct idn_ctl_rows *workers)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_array(&json, NULL);
    for (size_t i = 0; i < workers->count; i++)
        worker_json(&json, idn_ctl_row(workers, i));
    idn_json_end(&json);
}

static void print_away(const struct idn_ctl_rows *workers, size_t first)
{
    (void)printf("\ndrained, not here: ");
    for (size_t i = first; i < workers->count; i++) {
        const struct idn_worker_info *worker = idn_ctl_row(workers, i);
        (void)printf("%s%s", i == first ? "" : ", ", worker->name);
    }
    (void)printf("\n");
}

static void print_table(const struct idn_ctl_rows *workers)
{
    struct idn_table *table;
    size_t here = 0;

    idn_table_new(
        "WORKER|STATE|>THREADS|JOB|LEASE|>IMAGES|>IMAGES/S|>HEARD|MODELS|DATA SETS|NOTE", &table);
    for (; here < workers->count; here++) {
        const struct idn_worker_info *worker = idn_ctl_row(workers, here);
        if (worker->state == IDN_WORKER_AWAY)
            break;
        worker_row(table, worker);
    }
    if (here > 0)
        idn_table_print(table, stdout);
    else
        (void)puts("no workers; start idunno-worker on the hosts that hold the images");
    idn_table_destroy(&table);
    if (here < workers->count)
        print_away(workers, here);
}

int idn_ctl_workers(struct idn_ctl *ctl)
{
    struct idn_ctl_rows workers = {.size = sizeof(struct idn_worker_info)};
    enum idunno_code code = idn_call_rows(ctl->idunno, IDN_REQUEST_WORKERS, idn_ctl_keep, &workers);

    idn_ctl_sort(&workers, by_name);
    if (code == IDUNNO_OK && ctl->json)
        print_json(&workers);
    else if (code == IDUNNO_OK)
        print_table(&workers);
    free(workers.row);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}
