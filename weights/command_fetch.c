// idunno-weights fetch: trained weights from where the configuration says they are.
#include "base/text.h"
#include "weights/cfg.h"
#include "weights/command.h"
#include "weights/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void show(void *context, uint64_t done, uint64_t size)
{
    (void)context;
    idn_program_percent("fetching weights", done >= size ? 100 : 100 * done / size);
}

static bool is_there(const struct idn_fetch *fetch)
{
    struct idn_sha256 digest;
    uint64_t size;

    return idn_sha256_of_file(fetch->file, &digest, &size) == 0 && size == fetch->size &&
           memcmp(&digest, &fetch->digest, sizeof(digest)) == 0;
}

// The size that is expected: the stated one, which must fit the network.
static int find_size(const struct idn_model *model, uint64_t *ret, struct idn_reason *reason)
{
    struct idn_cfg *cfg = NULL;
    int error = idn_cfg_read(model->cfg, &cfg, reason);

    if (error < 0)
        return error;
    uint64_t fits = idn_cfg_weights_bytes(cfg);
    idn_cfg_destroy(&cfg);
    // An old file has a header of 16 bytes instead of 20.
    if (model->url_size != 0 && model->url_size != fits && model->url_size != fits - 4)
        return idn_reason_set(reason, -1,
            "models/%s/size is %" PRIu64 ", but weights for %.200s have %" PRIu64 " bytes",
            model->name, model->url_size, model->cfg, fits);
    *ret = model->url_size != 0 ? model->url_size : fits;
    return 0;
}

static int fetch_model(
    const struct idn_model *model, const struct idn_weights_options *options, uint32_t seconds)
{
    struct idn_fetch fetch = {.url = model->url,
        .file = options->output == NULL ? model->weights : options->output,
        .seconds_max = seconds};
    struct idn_reason reason = {""};

    if (*model->url == '\0')
        return idn_program_fail(IDN_WEIGHTS,
            "the configuration has no url for model '%s'; write models/%s/url and "
            "models/%s/sha256, "
            "or copy the weights to %s",
            model->name, model->name, model->name, model->weights);
    if (idn_sha256_from_hex(model->url_sha256, &fetch.digest) < 0)
        return idn_program_fail(IDN_WEIGHTS,
            "the configuration has no sha256 for model '%s'; without models/%s/sha256 nobody could "
            "tell whether what was fetched is right",
            model->name, model->name);
    if (find_size(model, &fetch.size, &reason) < 0)
        return idn_program_fail(IDN_WEIGHTS, "%s", reason.text);
    if (is_there(&fetch)) {
        (void)printf("%s is already there, with the right SHA-256\n", fetch.file);
        return IDN_EXIT_OK;
    }
    if (idn_fetch(&fetch, show, NULL, &reason) < 0)
        return idn_program_fail(IDN_WEIGHTS, "%s", reason.text);
    (void)printf("%s: %" PRIu64 " bytes, with the right SHA-256\n", fetch.file, fetch.size);
    return IDN_EXIT_OK;
}

int idn_weights_fetch(const struct idn_weights_options *options, struct idn_registry *registry)
{
    uint64_t seconds = 0;

    if (options->timeout != NULL && idn_parse_u64(options->timeout, 86400, &seconds) < 0)
        return idn_program_usage(IDN_WEIGHTS,
            "--timeout '%s' is not a whole number of seconds from 0 to 86400", options->timeout);
    if (options->operands != 1)
        return idn_program_usage(IDN_WEIGHTS, "fetch needs the name of one model");
    const struct idn_model *model = idn_weights_find(registry, options->operand[0]);
    return model == NULL ? IDN_EXIT_FAILURE : fetch_model(model, options, (uint32_t)seconds);
}
