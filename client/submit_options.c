// idunno-submit: its command line.
#include "client/arguments.h"
#include "client/submit.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    ATTACH = 1,
    BROKER,
    CONFIG,
    DATASET,
    DETACH,
    HELP,
    JSON,
    LIST,
    MODEL,
    OUTPUT,
    QUIET,
    RANGE,
    TIMEOUT,
    VERSION,
    WEIGHT,
};

static const struct idn_option option_table[] = {
    {"attach", "ID", ATTACH},
    {"broker", "HOST[:PORT]", BROKER},
    {"config", "FILE", CONFIG},
    {"dataset", "NAME", DATASET},
    {"detach", NULL, DETACH},
    {"help", NULL, HELP},
    {"json", NULL, JSON},
    {"list", "FILE", LIST},
    {"model", "NAME", MODEL},
    {"output", "FILE", OUTPUT},
    {"quiet", NULL, QUIET},
    {"range", "FIRST..LAST", RANGE},
    {"timeout", "SECONDS", TIMEOUT},
    {"version", NULL, VERSION},
    {"weight", "N", WEIGHT},
    {NULL, NULL, 0},
};

static const char help_text[] =
    "usage: idunno-submit Inference FIRST LAST MODEL [--dataset NAME]\n"
    "       idunno-submit --model MODEL [--range FIRST..LAST] [--dataset NAME]\n"
    "       idunno-submit --model MODEL --list FILE\n"
    "       idunno-submit --attach ID\n"
    "\n"
    "Classifies images FIRST to LAST (counted from 0) with MODEL on an IDunno cluster, shows\n"
    "the progress and sums up. For example: idunno-submit Inference 0 9999 alexnet\n"
    "\n"
    "what to classify\n"
    "  --model NAME          the model, when no query is written out\n"
    "  --range FIRST..LAST   only these images; all of them without it\n"
    "  --dataset NAME        a data set of the cluster; not needed when it has only one\n"
    "  --list FILE           your own list, one image path a line, relative to the list's\n"
    "                        folder; the workers must find the images under the same paths\n"
    "  --weight N            share of the workers against other jobs, 1 to 1000 (1)\n"
    "\n"
    "what to do then\n"
    "  --output FILE         write the results to FILE when all are there; its name ends in .csv\n"
    "                        or .jsonl, which says the format\n"
    "  --json                sum up as JSON\n"
    "  --detach              print the job's id and leave it running; with --json: job, durable\n"
    "  --attach ID           return to a job that is running or has ended\n"
    "  --quiet               no progress, no summary\n"
    "\n"
    "  --broker HOST[:PORT]  where the cluster is; twice for its two brokers (configuration)\n"
    "  --config FILE         configuration (else $IDUNNO_CONFIG, ./idunno.conf,\n"
    "                        ~/.config/idunno/idunno.conf, /etc/idunno/idunno.conf)\n"
    "  --timeout SECONDS     give up when no broker answers for so long; 0: never (10, and 600\n"
    "                        once the job is accepted)\n"
    "  --help, --version\n"
    "\n"
    "Ctrl-C leaves the job running and says how to return to it. When the broker dies and the\n"
    "other one takes over, that is one line, and the job goes on.\n"
    "\n"
    "Output: index, path (with --list), status, then five times class, probability and, where\n"
    "the model's labels can be read here, label.\n"
    "JSON: the members of 'idunno-ctl job ID --json', failed_by_status, durable and output.\n"
    "durable: by how many brokers the job was stored when one last accepted it (again after a\n"
    "take-over); null with --attach.\n"
    "Exit status: 0 all images classified, 3 finished with failed images, 1 failure or\n"
    "cancelled, 2 wrong usage, 130 interrupted.\n";

void idn_submit_print_help(void)
{
    (void)fputs(help_text, stdout);
}

static int take_broker(
    struct idn_submit_options *options, const char *value, struct idn_reason *reason)
{
    if (options->brokers == IDN_BROKERS_MAX)
        return idn_reason_set(reason, -EINVAL,
            "a cluster has at most %d brokers; '%.100s' is one"
            " too many",
            (int)IDN_BROKERS_MAX, value);
    options->broker[options->brokers++] = value;
    return 0;
}

static int take_model(
    struct idn_submit_options *options, const char *value, struct idn_reason *reason)
{
    int error = idn_query_check_model(value, reason);

    if (error == 0) {
        (void)snprintf(options->query.model, sizeof(options->query.model), "%s", value);
        options->has_model = true;
    }
    return error;
}

static int take_weight(
    struct idn_submit_options *options, const char *value, struct idn_reason *reason)
{
    uint64_t weight;

    if (idn_parse_u64(value, IDN_WEIGHT_MAX, &weight) != 0 || weight == 0)
        return idn_reason_set(reason, -EINVAL,
            "the weight '%.100s' is not a whole number from 1 to %d", value, (int)IDN_WEIGHT_MAX);
    options->weight = (uint32_t)weight;
    return 0;
}

static int take_range(
    struct idn_submit_options *options, const char *value, struct idn_reason *reason)
{
    options->has_range = true;
    return idn_query_parse_range(value, &options->query.first, &options->query.last, reason);
}

// Options that are a word or a switch.
static void take_plain(struct idn_submit_options *options, int id, const char *value)
{
    const struct {
        int id;
        const char **text;
        bool *flag;
    } places[] = {
        {ATTACH, &options->attach, NULL},
        {CONFIG, &options->config, NULL},
        {DATASET, &options->dataset, NULL},
        {LIST, &options->list, NULL},
        {OUTPUT, &options->output, NULL},
        {DETACH, NULL, &options->detach},
        {HELP, NULL, &options->help},
        {JSON, NULL, &options->json},
        {QUIET, NULL, &options->quiet},
        {VERSION, NULL, &options->version},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (places[i].id != id)
            continue;
        if (places[i].text != NULL)
            *places[i].text = value;
        else
            *places[i].flag = true;
    }
}

static int take(
    struct idn_submit_options *options, int id, const char *value, struct idn_reason *reason)
{
    switch (id) {
    case BROKER:
        return take_broker(options, value, reason);
    case MODEL:
        return take_model(options, value, reason);
    case RANGE:
        return take_range(options, value, reason);
    case TIMEOUT:
        return idn_program_seconds(value, &options->timeout_ms, reason);
    case WEIGHT:
        return take_weight(options, value, reason);
    default:
        take_plain(options, id, value);
        return 0;
    }
}

// ---- what fits together

static int take_query(
    struct idn_submit_options *options, const char *text, struct idn_reason *reason)
{
    if (options->attach != NULL)
        return idn_reason_set(reason, -EINVAL,
            "--attach returns to a job that exists; leave out '%.100s' or --attach", text);
    if (options->has_model || options->has_range)
        return idn_reason_set(reason, -EINVAL, "the query '%.100s' says it all; leave out %s", text,
            options->has_model ? "--model" : "--range");
    options->has_model = options->has_range = true;
    return idn_query_parse(text, &options->query, reason);
}

static int check_attach(const struct idn_submit_options *options, struct idn_reason *reason)
{
    const char *other = options->has_model         ? "--model"
                        : options->has_range       ? "--range"
                        : options->dataset != NULL ? "--dataset"
                        : options->list != NULL    ? "--list"
                        : options->weight != 0     ? "--weight"
                        : options->detach          ? "--detach"
                                                   : NULL;

    if (other != NULL)
        return idn_reason_set(
            reason, -EINVAL, "--attach returns to a job that exists; leave out %s", other);
    return 0;
}

static int check(const struct idn_submit_options *options, struct idn_reason *reason)
{
    if (options->attach != NULL)
        return check_attach(options, reason);
    if (!options->has_model)
        return idn_reason_set(reason, -EINVAL,
            "%s; write for example: idunno-submit Inference 0 9999 alexnet",
            options->has_range || options->dataset != NULL || options->list != NULL
                ? "--model is missing"
                : "nothing to submit");
    if (options->list != NULL && options->dataset != NULL)
        return idn_reason_set(reason, -EINVAL,
            "--list %.100s and --dataset %.100s exclude each other; give one of them",
            options->list, options->dataset);
    if (options->detach && options->output != NULL)
        return idn_reason_set(reason, -EINVAL,
            "--detach ends before there is anything for --output; use that with --attach later");
    return 0;
}

// Adds an operand to the query's text: "Inference" "0" "9999" "alexnet" or all in one.
static int join(char *query, size_t size, const char *operand, struct idn_reason *reason)
{
    size_t length = strlen(query);

    if (length + strlen(operand) + 2 > size)
        return idn_reason_set(reason, -EINVAL, "the query is too long at '%.100s'", operand);
    (void)snprintf(query + length, size - length, "%s%s", length == 0 ? "" : " ", operand);
    return 0;
}

int idn_submit_parse(char **arguments, struct idn_submit_options *ret, struct idn_reason *reason)
{
    struct idn_arguments rest = {.item = arguments, .options = option_table};
    struct idn_submit_options options = {0};
    const struct idn_option *option;
    const char *value;
    char query[256] = "";
    bool has_query = false;
    int error;

    while ((error = idn_arguments_next(&rest, &option, &value, reason)) == 0) {
        has_query |= option == NULL;
        error = option == NULL ? join(query, sizeof(query), value, reason)
                               : take(&options, option->id, value, reason);
        if (error != 0)
            return error;
    }
    if (error < 0)
        return error;
    if (options.help || options.version) {
        *ret = options;
        return 0;
    }
    error = has_query ? take_query(&options, query, reason) : 0;
    if (error == 0)
        error = check(&options, reason);
    if (error == 0)
        *ret = options;
    return error;
}
