// idunno-ctl models, datasets: what the broker's registry holds.
#include "client/ctl_listing.h"
#include "client/human.h"

struct listing {
    struct idn_ctl_listing to;
    bool models; // or data sets
};

static void entry_json(struct idn_json *json, bool is_model, const struct idn_entry_info *entry)
{
    char digest[IDN_SHA256_HEX_SIZE];

    idn_sha256_to_hex(&entry->digest, digest);
    idn_json_object(json, NULL);
    idn_json_string(json, "name", entry->name);
    idn_json_string(json, "digest", entry->problem[0] == '\0' ? digest : NULL);
    idn_json_u64(json, is_model ? "batch" : "images", entry->count);
    if (is_model) {
        idn_json_u64(json, "batch_configured", entry->configured);
        idn_json_bool(json, "batch_set", entry->is_set);
        idn_json_string(json, "batch_from",
            entry->is_set     ? "operator"
            : entry->built_in ? "built_in"
                              : "configuration");
    }
    idn_json_u64(json, "workers", entry->workers);
    idn_json_string(json, "path", entry->path);
    idn_json_string(json, "problem", entry->problem);
    idn_json_end(json);
}

static void entry_row(struct idn_table *table, bool is_model, const struct idn_entry_info *entry)
{
    char digest[IDN_SHA256_HEX_SIZE];

    idn_sha256_to_hex(&entry->digest, digest);
    idn_table_cell(table, "%s", entry->name);
    idn_table_cell(table, "%s", idn_human_count(entry->count).text);
    if (is_model && entry->is_set)
        idn_table_cell(table, "set (%s)", idn_human_count(entry->configured).text);
    else if (is_model)
        idn_table_cell(table, entry->built_in ? "built in" : "configuration");
    idn_table_cell(table, "%u", entry->workers);
    idn_table_cell(table, "%.12s", entry->problem[0] == '\0' ? digest : "-");
    idn_table_cell(table, "%s", entry->path);
    idn_table_cell(table, "%s", entry->problem);
}

static bool list_entry(void *context, const void *row)
{
    struct listing *listing = context;

    listing->to.count++;
    if (listing->to.json != NULL)
        entry_json(listing->to.json, listing->models, row);
    else
        entry_row(listing->to.table, listing->models, row);
    return true;
}

static int list_entries(struct idn_ctl *ctl, uint32_t type, const char *headings, const char *none)
{
    struct listing listing = {.models = type == IDN_REQUEST_MODELS};

    idn_ctl_listing_open(ctl, headings, &listing.to);
    enum idunno_code code = idn_call_rows(ctl->idunno, type, list_entry, &listing);
    return idn_ctl_listing_close(ctl, &listing.to, code, none);
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
