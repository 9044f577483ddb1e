// idunno-ctl models, datasets: what the broker's registry holds.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include <stdio.h>

struct listing {
    struct idn_table *table; // or
    struct idn_json *json;
    bool models; // or data sets
    uint32_t count;
};

static void entry_json(struct idn_json *json, bool is_model, const struct idn_entry_info *entry)
{
    char digest[IDN_SHA256_HEX_SIZE];

    idn_sha256_to_hex(&entry->digest, digest);
    idn_json_object(json, NULL);
    idn_json_string(json, "name", entry->name);
    if (entry->problem[0] == '\0')
        idn_json_string(json, "digest", digest);
    else
        idn_json_null(json, "digest");
    idn_json_u64(json, is_model ? "batch" : "images", entry->count);
    if (is_model) {
        idn_json_u64(json, "batch_configured", entry->configured);
        idn_json_bool(json, "batch_set", entry->is_set);
    }
    idn_json_u64(json, "workers", entry->workers);
    idn_json_string(json, "path", entry->path);
    idn_json_string(json, "problem", entry->problem);
    idn_json_end(json);
}

static void list_entry(void *context, const struct idn_entry_info *entry)
{
    struct listing *listing = context;
    char digest[IDN_SHA256_HEX_SIZE];

    listing->count++;
    if (listing->json != NULL) {
        entry_json(listing->json, listing->models, entry);
        return;
    }
    idn_sha256_to_hex(&entry->digest, digest);
    idn_table_cell(listing->table, "%s", entry->name);
    idn_table_cell(listing->table, "%s", idn_human_count(entry->count).text);
    if (listing->models && entry->is_set)
        idn_table_cell(listing->table, "set (%s)", idn_human_count(entry->configured).text);
    else if (listing->models)
        idn_table_cell(listing->table, "configured");
    idn_table_cell(listing->table, "%u", entry->workers);
    idn_table_cell(listing->table, "%.12s", entry->problem[0] == '\0' ? digest : "-");
    idn_table_cell(listing->table, "%s", entry->path);
    idn_table_cell(listing->table, "%s", entry->problem);
}

static int list_entries(struct idn_ctl *ctl, uint32_t type, const char *headings, const char *none)
{
    struct idn_json json;
    struct listing listing = {
        .json = ctl->json ? &json : NULL, .models = type == IDN_REQUEST_MODELS};

    if (ctl->json) {
        idn_json_init(&json, stdout);
        idn_json_array(&json, NULL);
    } else {
        idn_table_new(headings, &listing.table);
    }
    enum idunno_code code = idn_call_entries(ctl->idunno, type, list_entry, &listing);
    if (code == IDUNNO_OK && ctl->json)
        idn_json_end(&json);
    else if (code == IDUNNO_OK && listing.count == 0)
        (void)puts(none);
    else if (code == IDUNNO_OK)
        idn_table_print(listing.table, stdout);
    idn_table_destroy(&listing.table);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

int idn_ctl_models(struct idn_ctl *ctl)
{
    return list_entries(ctl, IDN_REQUEST_MODELS, "MODEL|>BATCH|FROM|>WORKERS|DIGEST|CFG|PROBLEM",
        "no models; register one in the broker's configuration");
}

int idn_ctl_datasets(struct idn_ctl *ctl)
{
    return list_entries(ctl, IDN_REQUEST_DATASETS, "DATASET|>IMAGES|>WORKERS|DIGEST|LIST|PROBLEM",
        "no data sets; register one in the broker's configuration");
}
