#include "weights/synth.h"

#include "base/assert.h"
#include "base/random.h"
#include "weights/new_file.h"
#include "weights/synth_net.h"
#include "weights/synth_sums.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TUNINGS_MAX = 6 };

struct synth {
    struct idn_synth_net net;
    uint64_t seed;
    FILE *file; // borrowed
};

static bool has_params(const struct idn_cfg_layer *layer)
{
    return layer->weights > 0;
}

static float *filled(size_t count, float value)
{
    float *memory = malloc(count * sizeof(float));

    IDN_ASSERT(memory != NULL);
    for (size_t i = 0; i < count; i++)
        memory[i] = value;
    return memory;
}

static void params_fini(struct idn_synth_params *params)
{
    free(params->biases);
    free(params->scales);
    free(params->means);
    free(params->variances);
    free(params->weights);
    *params = (struct idn_synth_params){0};
}

// He et al., 2015: normal, variance 2 / inputs of a sum.
static void draw(
    const struct idn_cfg_layer *layer, uint64_t seed, size_t index, struct idn_synth_params *ret)
{
    size_t c = layer->out_c;
    struct idn_random random;

    *ret = (struct idn_synth_params){0};
    if (layer->kind != IDN_CFG_BATCHNORM) {
        float spread = idn_synth_root(2 * (float)c / (float)layer->weights);
        ret->biases = filled(c, 0);
        ret->weights = filled(layer->weights, 0);
        idn_random_init(&random, seed, index);
        for (size_t i = 0; i < layer->weights; i++)
            ret->weights[i] = idn_random_normal(&random) * spread;
    }
    if (layer->batch_normalize || layer->kind == IDN_CFG_BATCHNORM) {
        ret->scales = filled(c, 1);
        ret->means = filled(c, 0);
        ret->variances = filled(c, 1);
    }
}

// Mean and variance of each channel over pictures and places; returns the mean of the variances.
static double measure(
    const struct idn_cfg_layer *layer, const float *out, float *ret_means, float *ret_variances)
{
    size_t c_count = layer->out_c, plane = (size_t)layer->out_h * layer->out_w;
    double total = 0, count = (double)(IDN_SYNTH_PICTURES * plane);

    for (size_t c = 0; c < c_count; c++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < IDN_SYNTH_PICTURES; i++)
            for (size_t p = 0; p < plane; p++)
                sum += (double)out[(i * c_count + c) * plane + p];
        double mean = sum / count;
        for (size_t i = 0; i < IDN_SYNTH_PICTURES; i++)
            for (size_t p = 0; p < plane; p++) {
                double off = (double)out[(i * c_count + c) * plane + p] - mean;
                squares += off * off;
            }
        ret_means[c] = (float)mean;
        ret_variances[c] = (float)(squares / count);
        total += squares / count;
    }
    return total / (double)c_count;
}

// Makes the layer's sums centred and of unit variance: by batch norm where there is one (with a
// floor, so that a channel that hardly moved is not blown up), by weights and biases elsewhere.
static void calibrate(
    const struct idn_cfg_layer *layer, float *out, struct idn_synth_params *params)
{
    size_t c_count = layer->out_c;

    if (params->scales != NULL) {
        double mean = measure(layer, out, params->means, params->variances);
        float least = (float)(mean * 0.01) + 1e-6f;
        for (size_t c = 0; c < c_count; c++)
            if (params->variances[c] < least)
                params->variances[c] = least;
        return;
    }
    float *means = filled(c_count, 0), *variances = filled(c_count, 0);
    float factor = 1 / (idn_synth_root((float)measure(layer, out, means, variances)) + 1e-6f);
    for (size_t i = 0; i < layer->weights; i++)
        params->weights[i] *= factor;
    for (size_t c = 0; c < c_count; c++)
        params->biases[c] = -means[c] * factor;
    // The sums are linear in the weights: no need to compute them again.
    for (size_t i = 0; i < IDN_SYNTH_PICTURES * idn_synth_outputs(layer); i++)
        out[i] *= factor;
    free(means);
    free(variances);
}

static int write_floats(struct synth *synth, const float *values, size_t count)
{
    if (values == NULL || fwrite(values, sizeof(*values), count, synth->file) == count)
        return 0;
    return errno == 0 ? -EIO : -errno;
}

// In the order of darknet's save_weights.
static int write_params(
    struct synth *synth, const struct idn_cfg_layer *layer, const struct idn_synth_params *params)
{
    bool connected = layer->kind == IDN_CFG_CONNECTED;
    size_t c = layer->out_c;
    int error = write_floats(synth, params->biases, c);

    if (error == 0 && connected)
        error = write_floats(synth, params->weights, layer->weights);
    if (error == 0)
        error = write_floats(synth, params->scales, c);
    if (error == 0)
        error = write_floats(synth, params->means, c);
    if (error == 0)
        error = write_floats(synth, params->variances, c);
    if (error == 0 && !connected)
        error = write_floats(synth, params->weights, layer->weights);
    return error;
}

// The root mean square, over the pictures, of the standard deviation of a picture's logits.
static double spread(const struct idn_synth_net *net)
{
    const struct idn_cfg_layer *layer = &net->cfg->layer[net->cfg->layers - 1];
    const float *out = net->output[net->cfg->layers - 1];
    size_t count = idn_synth_outputs(layer);
    double total = 0;

    for (size_t i = 0; i < IDN_SYNTH_PICTURES; i++, out += count) {
        double sum = 0, squares = 0;
        for (size_t k = 0; k < count; k++)
            sum += (double)out[k];
        for (size_t k = 0; k < count; k++) {
            double off = (double)out[k] - sum / (double)count;
            squares += off * off;
        }
        total += squares / (double)count;
    }
    return (double)idn_synth_root((float)(total / IDN_SYNTH_PICTURES));
}

static void scale_last(
    const struct idn_cfg_layer *layer, struct idn_synth_params *params, float factor)
{
    for (size_t c = 0; params->biases != NULL && c < layer->out_c; c++)
        params->biases[c] *= factor;
    for (size_t c = 0; params->scales != NULL && c < layer->out_c; c++)
        params->scales[c] *= factor;
    for (size_t i = 0; params->scales == NULL && i < layer->weights; i++)
        params->weights[i] *= factor;
}

static void run_from(struct synth *synth, size_t index, const struct idn_synth_params *params)
{
    static const struct idn_synth_params none;

    for (size_t i = index; i < synth->net.cfg->layers; i++) {
        idn_synth_forward(&synth->net, i, i == index ? params : &none);
        idn_synth_finish(&synth->net, i, i == index ? params : &none);
    }
}

// Scales the last layer with weights until the logits spread as they should: twice where
// everything behind it is linear in scale.
static int tune(
    struct synth *synth, size_t index, struct idn_synth_params *params, struct idn_reason *reason)
{
    double now = 0;

    for (int i = 0; i < TUNINGS_MAX; i++) {
        run_from(synth, index, params);
        now = spread(&synth->net);
        if (now > 0.98 * IDN_SYNTH_SPREAD && now < 1.02 * IDN_SYNTH_SPREAD)
            return 0;
        if (!(now > 1e-3 && now < 1e6))
            break;
        scale_last(&synth->net.cfg->layer[index], params, (float)(IDN_SYNTH_SPREAD / now));
    }
    return idn_reason_set(reason, -EINVAL,
        "the outputs of this network cannot be spread: their standard deviation stays at %g "
        "instead "
        "of %g; its weights must be fetched",
        now, IDN_SYNTH_SPREAD);
}

static int write_layer(struct synth *synth, size_t index, bool last, struct idn_reason *reason)
{
    const struct idn_cfg_layer *layer = &synth->net.cfg->layer[index];
    struct idn_synth_params params = {0};
    int error = 0;

    if (has_params(layer))
        draw(layer, synth->seed, index, &params);
    idn_synth_release(&synth->net, index);
    idn_synth_forward(&synth->net, index, &params);
    if (has_params(layer))
        calibrate(layer, synth->net.output[index], &params);
    idn_synth_finish(&synth->net, index, &params);
    if (last)
        error = tune(synth, index, &params, reason);
    if (error == 0 && has_params(layer)) {
        error = write_params(synth, layer, &params);
        if (error < 0)
            (void)idn_reason_set(reason, error, "cannot write the weights: %s", strerror(-error));
    }
    params_fini(&params);
    return error;
}

static int write_header(struct synth *synth, struct idn_reason *reason)
{
    static const int32_t version[] = {0, 2, 0};
    static const uint64_t seen = 0;

    errno = 0;
    if (fwrite(version, sizeof(version), 1, synth->file) == 1 &&
        fwrite(&seen, sizeof(seen), 1, synth->file) == 1)
        return 0;
    return idn_reason_set(reason, errno == 0 ? -EIO : -errno, "cannot write the weights: %s",
        strerror(errno == 0 ? EIO : errno));
}

static int last_with_params(const struct idn_cfg *cfg, size_t *ret, struct idn_reason *reason)
{
    for (size_t i = cfg->layers; i > 0; i--)
        if (has_params(&cfg->layer[i - 1])) {
            *ret = i - 1;
            return 0;
        }
    return idn_reason_set(reason, -EINVAL, "no layer of this network has weights to make up");
}

static int write_all(
    struct synth *synth, idn_synth_progress *progress, void *context, struct idn_reason *reason)
{
    const struct idn_cfg *cfg = synth->net.cfg;
    size_t last = 0;
    int error = last_with_params(cfg, &last, reason);

    if (error == 0)
        error = write_header(synth, reason);
    for (size_t i = 0; error == 0 && i <= last; i++) {
        error = write_layer(synth, i, i == last, reason);
        if (progress != NULL)
            progress(context, i + 1, last + 1);
    }
    return error;
}

int idn_synth(const struct idn_cfg *cfg, uint64_t seed, const char *file,
    idn_synth_progress *progress, void *context, struct idn_reason *reason)
{
    struct synth synth = {.seed = seed};
    struct idn_new_file out = {0};
    int error = idn_synth_net_check(cfg, reason);

    if (error == 0)
        error = idn_new_file_open(file, &out, reason);
    if (error < 0)
        return error;
    synth.file = out.file;
    idn_synth_net_init(&synth.net, cfg, seed);
    error = write_all(&synth, progress, context, reason);
    idn_synth_net_fini(&synth.net);
    if (error == 0)
        error = idn_new_file_commit(&out, reason);
    else
        idn_new_file_abort(&out);
    return error;
}
