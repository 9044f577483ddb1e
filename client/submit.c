// idunno-submit: submits a query, shows its progress, writes its results.
#include "client/submit.h"

#include "client/call.h"
#include "client/human.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ---- before the network

static int open_files(struct idn_submit *submit)
{
    const struct idn_submit_options *options = &submit->options;
    struct idn_reason reason;

    if (options->list != NULL && idn_list_open(options->list, &submit->list, &reason) != 0)
        return idn_program_usage(IDN_SUBMIT, "%s", reason.text);
    if (options->output != NULL && idn_output_open(options->output, &submit->output, &reason) != 0)
        return idn_program_usage(IDN_SUBMIT, "%s", reason.text);
    return IDN_SUBMIT_GO_ON;
}

static int connect_to_cluster(struct idn_submit *submit)
{
    const struct idn_cluster *cluster = &submit->cluster;
    struct idunno_options options = {
        .brokers = {cluster->address[0], cluster->brokers > 1 ? cluster->address[1] : NULL},
        .timeout_ms = submit->options.timeout_ms,
        .stop_fd = submit->signal_fd,
        .on_notice = idn_submit_notice,
        .context = submit};
    enum idunno_code code = idunno_connect(&options, &submit->idunno);

    return code == IDUNNO_OK ? IDN_SUBMIT_GO_ON : idn_submit_fail(submit, code);
}

// ---- the job

struct datasets {
    uint32_t count;
    char first[IDN_NAME_SIZE], names[IDN_REASON_MAX - 100];
};

static bool collect(void *context, const void *row)
{
    struct datasets *datasets = context;
    const struct idn_entry_info *entry = row;
    size_t used = strlen(datasets->names);

    if (datasets->count++ == 0)
        (void)snprintf(datasets->first, sizeof(datasets->first), "%s", entry->name);
    (void)snprintf(datasets->names + used, sizeof(datasets->names) - used, "%s%s",
        used == 0 ? "" : ", ", entry->name);
    return true;
}

// The only one of the cluster, when the user named none.
static int choose_dataset(struct idn_submit *submit)
{
    struct datasets datasets = {0};
    enum idunno_code code = idn_call_rows(submit->idunno, IDN_REQUEST_DATASETS, collect, &datasets);

    if (code != IDUNNO_OK)
        return idn_submit_fail(submit, code);
    if (datasets.count == 0)
        return idn_program_usage(IDN_SUBMIT,
            "the cluster has no data set; give your own images with --list FILE, or register one "
            "in the broker's configuration");
    if (datasets.count > 1)
        return idn_program_usage(IDN_SUBMIT,
            "the cluster has %u data sets; choose one with --dataset: %s", datasets.count,
            datasets.names);
    (void)snprintf(submit->dataset, sizeof(submit->dataset), "%s", datasets.first);
    submit->query.dataset = submit->dataset;
    return IDN_SUBMIT_GO_ON;
}

static void announce(struct idn_submit *submit)
{
    const struct idunno_info *info = &submit->info;
    const char *durable = idn_submit_durable_text(submit);
    char text[IDN_REASON_MAX];

    (void)snprintf(text, sizeof(text), "job %.8s: %s, images %u to %u of %.200s%s%s", info->job.id,
        info->model, info->first, info->last,
        info->dataset[0] != '\0'       ? info->dataset
        : submit->options.list != NULL ? submit->options.list
                                       : "a list of its own",
        durable[0] == '\0' ? "" : "; ", durable);
    idn_progress_say(&submit->progress, text);
}

// A script that submits many jobs is slowed down, not failed.
static enum idunno_code submit_patiently(struct idn_submit *submit, struct idunno_job *job)
{
    enum { PAUSE_MS = 500, ATTEMPTS_MAX = 40 };
    enum idunno_code code = IDUNNO_OK;

    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        code = idunno_submit(submit->idunno, &submit->query, job, &submit->durable);
        if (code != IDUNNO_REFUSED || strcmp(idunno_refusal(submit->idunno), "slow_down") != 0)
            break;
        if (idn_signals_wait(submit->signal_fd, PAUSE_MS))
            return IDUNNO_STOPPED;
    }
    return code;
}

static int submit_job(struct idn_submit *submit)
{
    const struct idn_submit_options *options = &submit->options;
    struct idunno_job job;

    submit->query = (struct idunno_query){.dataset = options->dataset,
        .list = options->list,
        .first = options->query.first,
        .last = options->query.last,
        .whole = !options->has_range,
        .weight = options->weight};
    if (options->list == NULL && options->dataset == NULL) {
        int status = choose_dataset(submit);
        if (status != IDN_SUBMIT_GO_ON)
            return status;
    }
    submit->query.model = options->query.model;
    idunno_draw(&submit->info.job);
    submit->query.key = submit->info.job.key;
    enum idunno_code code = submit_patiently(submit, &job);
    submit->accepted = code == IDUNNO_OK;
    if (code == IDUNNO_OK && !options->detach)
        code = idunno_watch(submit->idunno, &job, 0, &submit->info);
    return code == IDUNNO_OK ? IDN_SUBMIT_GO_ON : idn_submit_fail(submit, code);
}

static int find_job(struct idn_submit *submit)
{
    enum idunno_code code = idunno_find(submit->idunno, submit->options.attach, &submit->info);

    submit->accepted = code == IDUNNO_OK;
    return code == IDUNNO_OK ? IDN_SUBMIT_GO_ON : idn_submit_fail(submit, code);
}

static void print_detached(const struct idn_submit *submit)
{
    struct idn_json json;

    if (!submit->options.json) {
        (void)printf("%s\n", submit->info.job.id);
        return;
    }
    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "job", submit->info.job.id);
    idn_json_u64(&json, "durable", submit->durable);
    idn_json_end(&json);
}

static int run(struct idn_submit *submit)
{
    int status = open_files(submit);

    if (status == IDN_SUBMIT_GO_ON)
        status = connect_to_cluster(submit);
    if (status == IDN_SUBMIT_GO_ON)
        status = submit->options.attach != NULL ? find_job(submit) : submit_job(submit);
    if (status != IDN_SUBMIT_GO_ON)
        return status;
    if (submit->options.detach) {
        print_detached(submit);
        return IDN_EXIT_OK;
    }
    announce(submit);
    status = idn_submit_watch(submit);
    return status == IDN_SUBMIT_GO_ON ? idn_submit_report(submit) : status;
}

static void release(struct idn_submit *submit)
{
    idunno_close(&submit->idunno);
    idn_output_abandon(&submit->output);
    idn_list_destroy(&submit->list);
    idn_cluster_close(&submit->cluster);
    (void)close(submit->signal_fd);
}

int main(int argc, char **argv)
{
    struct idn_submit submit = {0};
    struct idn_reason reason;

    (void)argc;
    if (idn_submit_parse(argv + 1, &submit.options, &reason) != 0)
        return idn_program_usage(IDN_SUBMIT, "%s", reason.text);
    if (submit.options.help || submit.options.version) {
        if (submit.options.help)
            idn_submit_print_help();
        else
            (void)printf("%s %s\n", IDN_SUBMIT, idunno_version());
        return idn_program_end(IDN_SUBMIT, IDN_EXIT_OK);
    }
    if (idn_cluster_open(submit.options.config, &submit.cluster, &reason) != 0)
        return idn_program_fail(IDN_SUBMIT, "%s", reason.text);
    if (idn_cluster_use(&submit.cluster, submit.options.broker, submit.options.brokers, &reason) !=
        0) {
        idn_cluster_close(&submit.cluster);
        return idn_program_usage(IDN_SUBMIT, "%s", reason.text);
    }
    submit.signal_fd = idn_signals_open();
    idn_progress_init(&submit.progress, stderr, submit.options.quiet || submit.options.detach);
    int status = run(&submit);
    release(&submit);
    return idn_program_end(IDN_SUBMIT, status);
}
