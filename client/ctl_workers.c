// idunno-ctl workers.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// All of them are kept until the last one came: they are shown in the order of their names.
struct listing {
    struct idn_worker_info *worker; // owned
    size_t count, room;
};

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

static bool keep(void *context, const void *row)
{
    struct listing *listing = context;

    if (listing->count == listing->room) {
        listing->room = 2 * listing->room + 16;
        listing->worker = realloc(listing->worker, listing->room * sizeof(*listing->worker));
        IDN_ASSERT(listing->worker != NULL);
    }
    listing->worker[listing->count++] = *(const struct idn_worker_info *)row;
    return true;
}

// Compares the numbers that both begin with, and steps behind them.
static int order_of_numbers(const char **a, const char **b)
{
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    size_t one = strspn(*a, "0123456789"), two = strspn(*b, "0123456789");
    int order = one != two ? (one < two ? -1 : 1) : memcmp(*a, *b, one);
    *a += one;
    *b += two;
    return order;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// As people count: vm/2 comes before vm/10.
static int order_of_names(const char *a, const char *b)
{
    const char *one = a, *two = b;
    int order = 0;

    while (order == 0 && (*one != '\0' || *two != '\0'))
        if (is_digit(*one) && is_digit(*two))
            order = order_of_numbers(&one, &two);
        else
            order = (unsigned char)*one++ - (unsigned char)*two++;
    return order != 0 ? order : strcmp(a, b);
}

static int by_name(const void *one, const void *two)
{
    const struct idn_worker_info *a = one, *b = two;
    bool away_a = a->state == IDN_WORKER_AWAY, away_b = b->state == IDN_WORKER_AWAY;

    return away_a != away_b ? (int)away_a - (int)away_b : order_of_names(a->name, b->name);
}

static void print_json(const struct listing *listing)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_array(&json, NULL);
    for (size_t i = 0; i < listing->count; i++)
        worker_json(&json, &listing->worker[i]);
    idn_json_end(&json);
}

// Those that are away come last.
static void print_table(const struct listing *listing)
{
    struct idn_table *table;
    size_t here = 0;

    idn_table_new(
        "WORKER|STATE|>THREADS|JOB|LEASE|>IMAGES|>IMAGES/S|>HEARD|MODELS|DATA SETS|NOTE", &table);
    for (; here < listing->count && listing->worker[here].state != IDN_WORKER_AWAY; here++)
        worker_row(table, &listing->worker[here]);
    if (here > 0)
        idn_table_print(table, stdout);
    else
        (void)puts("no workers; start idunno-worker on the hosts that hold the images");
    idn_table_destroy(&table);
    if (here == listing->count)
        return;
    (void)printf("\ndrained, not here: ");
    for (size_t i = here; i < listing->count; i++)
        (void)printf("%s%s", i == here ? "" : ", ", listing->worker[i].name);
    (void)printf("\n");
}

int idn_ctl_workers(struct idn_ctl *ctl)
{
    struct listing listing = {0};
    enum idunno_code code = idn_call_rows(ctl->idunno, IDN_REQUEST_WORKERS, keep, &listing);

    if (listing.count > 1)
        qsort(listing.worker, listing.count, sizeof(*listing.worker), by_name);
    if (code == IDUNNO_OK && ctl->json)
        print_json(&listing);
    else if (code == IDUNNO_OK)
        print_table(&listing);
    free(listing.worker);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}
