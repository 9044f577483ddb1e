// idunno-ctl why.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"
#include "client/table.h"

#include <stdio.h>

static const char *state_of(const struct idn_why_info *why)
{
    const char *state = idn_job_state_name(why->state);

    return state == NULL ? "uploading" : state;
}

// ---- for programs

static void fact_json(struct idn_json *json, const struct idn_why_fact *fact)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "code", idn_why_name(fact->code));
    idn_json_string(json, "text", fact->text);
    idn_json_u64(json, "count", fact->count);
    idn_json_u64(json, "total", fact->total);
    idn_json_u64(json, "ms", fact->ms);
    idn_json_array(json, "workers");
    for (uint32_t i = 0; i < fact->names; i++)
        idn_json_string(json, NULL, fact->worker[i]);
    idn_json_end(json);
    idn_json_end(json);
}

static void share_json(struct idn_json *json, const struct idn_why_share *share)
{
    idn_json_object(json, NULL);
    idn_json_string(json, "job", idn_ctl_key(&share->job).text);
    idn_json_string(json, "model", share->model);
    idn_json_u64(json, "weight", share->weight);
    idn_json_double(json, "share", share->share);
    idn_json_u64(json, "workers", share->workers);
    idn_json_double(json, "images_per_s", share->images_per_s);
    idn_json_u64(json, "images_left", share->left);
    idn_json_end(json);
}

static void print_json(const struct idn_why_info *why, const char *job)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "job", job);
    idn_json_string(&json, "state", state_of(why));
    idn_json_string(&json, "model", why->model[0] == '\0' ? NULL : why->model);
    idn_json_u64(&json, "images", why->images);
    idn_json_u64(&json, "done", why->done);
    idn_json_u64(&json, "in_flight", why->in_flight);
    idn_json_array(&json, "facts");
    for (uint32_t i = 0; i < why->facts; i++)
        fact_json(&json, &why->fact[i]);
    idn_json_end(&json);
    idn_json_u64(&json, "jobs", why->jobs);
    idn_json_array(&json, "shares");
    for (uint32_t i = 0; i < why->shares; i++)
        share_json(&json, &why->share[i]);
    idn_json_end(&json);
    idn_json_end(&json);
}

// ---- for people

static void print_shares(const struct idn_why_info *why)
{
    struct idn_table *table;

    idn_table_new("JOB|MODEL|>WEIGHT|>SHARE|>WORKERS|>IMAGES/S|>IMAGES LEFT", &table);
    for (uint32_t i = 0; i < why->shares; i++) {
        const struct idn_why_share *share = &why->share[i];
        idn_table_cell(table, "%.8s", idn_ctl_key(&share->job).text);
        idn_table_cell(table, "%s", share->model);
        idn_table_cell(table, "%s", idn_human_count(share->weight).text);
        idn_table_cell(table, "%s", idn_human_percent(share->share).text);
        idn_table_cell(table, "%s", idn_human_count(share->workers).text);
        idn_table_cell(table, "%s", idn_human_rate(share->images_per_s).text);
        idn_table_cell(table, "%s", idn_human_count(share->left).text);
    }
    (void)putchar('\n');
    idn_table_print(table, stdout);
    if (why->jobs > why->shares)
        (void)printf("and %u more\n", why->jobs - why->shares);
    idn_table_destroy(&table);
}

static void print(const struct idn_why_info *why, const char *job)
{
    bool is_open = why->state == IDN_JOB_OPEN; // what workers still hold of others is not wanted

    if (why->state == 0)
        (void)printf("job %.8s is being uploaded\n\n", job);
    else
        (void)printf("job %.8s of %s is %s: %s of %s images are done%s%s%s\n\n", job, why->model,
            state_of(why), idn_human_count(why->done).text, idn_human_count(why->images).text,
            is_open ? ", " : "", is_open ? idn_human_count(why->in_flight).text : "",
            is_open ? " in flight" : "");
    for (uint32_t i = 0; i < why->facts; i++)
        (void)printf("- %s\n", why->fact[i].text);
    if (why->jobs > 1)
        print_shares(why);
}

int idn_ctl_why(struct idn_ctl *ctl)
{
    const struct idn_why_info *why;
    struct idn_job_name name;
    enum idunno_code code = idn_call_job_named(ctl->idunno, ctl->id, &name);

    if (code == IDUNNO_OK)
        code = idn_call_why(ctl->idunno, &name, &why);
    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    struct idn_ctl_text job = idn_ctl_key(&why->job);
    if (ctl->json)
        print_json(why, job.text);
    else
        print(why, job.text);
    return IDN_EXIT_OK;
}
