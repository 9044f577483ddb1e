// idunno-weights check: what each model's weights should be and what they are.
#include "base/json.h"
#include "weights/cfg.h"
#include "weights/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct row {
    struct idn_model *model;
    uint64_t expected, found;
    bool has_expected, has_found;
};

static void compare_fetched(struct idn_model *model)
{
    struct idn_sha256 digest;
    char hex[IDN_SHA256_HEX_SIZE];

    if (*model->url_sha256 == '\0' || *model->problem != '\0' ||
        idn_sha256_of_file(model->weights, &digest, NULL) < 0)
        return;
    idn_sha256_to_hex(&digest, hex);
    if (strcmp(hex, model->url_sha256) != 0)
        (void)snprintf(model->problem, sizeof(model->problem),
            "the SHA-256 of the weights is %.16s..., but the configuration states %.16s...", hex,
            model->url_sha256);
}

static struct row examine(struct idn_model *model)
{
    struct row row = {.model = model};
    struct idn_cfg *cfg = NULL;
    struct stat status;

    if (idn_cfg_read(model->cfg, &cfg, NULL) == 0) {
        row.expected = idn_cfg_weights_bytes(cfg);
        row.has_expected = true;
        idn_cfg_destroy(&cfg);
    }
    if (stat(model->weights, &status) == 0) {
        row.found = (uint64_t)status.st_size;
        row.has_found = true;
    }
    idn_model_inspect(model);
    compare_fetched(model);
    return row;
}

static void print_size(bool has, uint64_t size)
{
    if (has)
        (void)printf("  %13" PRIu64, size);
    else
        (void)printf("  %13s", "-");
}

static void print_table(const struct row *rows, size_t count)
{
    int width = 5;

    for (size_t i = 0; i < count; i++)
        if ((int)strlen(rows[i].model->name) > width)
            width = (int)strlen(rows[i].model->name);
    (void)printf("%-*s  %13s  %13s  %s\n", width, "MODEL", "EXPECTED", "FOUND", "STATE");
    for (size_t i = 0; i < count; i++) {
        const struct idn_model *model = rows[i].model;
        (void)printf("%-*s", width, model->name);
        print_size(rows[i].has_expected, rows[i].expected);
        print_size(rows[i].has_found, rows[i].found);
        (void)printf("  %s\n", *model->problem == '\0' ? "ok" : model->problem);
    }
}

static void put_size(struct idn_json *json, const char *key, bool has, uint64_t size)
{
    if (has)
        idn_json_u64(json, key, size);
    else
        idn_json_null(json, key);
}

static void print_json(const struct row *rows, size_t count)
{
    struct idn_json json;

    idn_json_init(&json, stdout);
    idn_json_array(&json, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct idn_model *model = rows[i].model;
        idn_json_object(&json, NULL);
        idn_json_string(&json, "model", model->name);
        idn_json_string(&json, "cfg", model->cfg);
        idn_json_string(&json, "weights", model->weights);
        put_size(&json, "expected", rows[i].has_expected, rows[i].expected);
        put_size(&json, "found", rows[i].has_found, rows[i].found);
        idn_json_bool(&json, "ok", model->problem[0] == '\0');
        idn_json_string(&json, "problem", model->problem);
        idn_json_end(&json);
    }
    idn_json_end(&json);
}

int idn_weights_check(const struct idn_weights_options *options, struct idn_registry *registry)
{
    struct row rows[IDN_MODELS_MAX];
    size_t count = 0;
    int status = IDN_EXIT_OK;

    if (options->operands > IDN_MODELS_MAX)
        return idn_program_usage(IDN_WEIGHTS, "more than %d models are named", (int)IDN_MODELS_MAX);
    for (int i = 0; i < options->operands; i++) {
        struct idn_model *model = idn_weights_find(registry, options->operand[i]);
        if (model == NULL)
            return IDN_EXIT_FAILURE;
        rows[count++].model = model;
    }
    for (uint32_t i = 0; options->operands == 0 && i < registry->models; i++)
        rows[count++].model = &registry->model[i];
    for (size_t i = 0; i < count; i++) {
        rows[i] = examine(rows[i].model);
        if (*rows[i].model->problem != '\0')
            status = IDN_EXIT_FAILURE;
    }
    if (options->json)
        print_json(rows, count);
    else
        print_table(rows, count);
    return status;
}
