// idunno-weights synth: weights to run a model with when there are none.
#include "base/text.h"
#include "weights/command.h"
#include "weights/synth.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void show(void *context, size_t done, size_t layers)
{
    (void)context;
    idn_program_percent("making up weights", 100 * (uint64_t)done / layers);
}

static int make(const char *cfg_file, const char *output, uint64_t seed)
{
    struct idn_cfg *cfg = NULL;
    struct idn_reason reason = {""};

    if (access(output, F_OK) == 0)
        return idn_program_fail(IDN_WEIGHTS,
            "%s is there already and may be trained weights; remove it first, or name another file "
            "with --output",
            output);
    int error = idn_cfg_read(cfg_file, &cfg, &reason);
    if (error == 0)
        error = idn_synth(cfg, seed, output, show, NULL, &reason);
    if (error == 0)
        (void)printf("%s: %" PRIu64 " bytes made up from seed %" PRIu64
                     "; they run as trained weights do, but what they answer means nothing\n",
            output, idn_cfg_weights_bytes(cfg), seed);
    idn_cfg_destroy(&cfg);
    return error == 0 ? IDN_EXIT_OK : idn_program_fail(IDN_WEIGHTS, "%s", reason.text);
}

int idn_weights_synth(const struct idn_weights_options *options, struct idn_registry *registry)
{
    uint64_t seed = 1;

    if (options->seed != NULL && idn_parse_u64(options->seed, UINT64_MAX, &seed) < 0)
        return idn_program_usage(IDN_WEIGHTS,
            "--seed '%s' is not a whole number from 0 to 18446744073709551615", options->seed);
    if (options->cfg != NULL) {
        if (options->operands != 0 || options->output == NULL)
            return idn_program_usage(
                IDN_WEIGHTS, "synth --cfg FILE needs --output FILE and no model");
        return make(options->cfg, options->output, seed);
    }
    if (options->operands != 1)
        return idn_program_usage(
            IDN_WEIGHTS, "synth needs one model, or --cfg FILE and --output FILE");
    const struct idn_model *model = idn_weights_find(registry, options->operand[0]);
    if (model == NULL)
        return IDN_EXIT_FAILURE;
    return make(model->cfg, options->output == NULL ? model->weights : options->output, seed);
}
