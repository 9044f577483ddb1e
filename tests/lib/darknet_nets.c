#include "tests/lib/darknet_nets.h"

#include "worker/infer/darknet_network.h"
#include "worker/infer/hush.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void nets_fill(float *values, size_t count, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

    for (size_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        values[i] = (float)(x >> 40) / (float)(1 << 23) - 1.0f;
    }
}

static void scale(float *values, size_t count, float factor, float summand)
{
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] * factor + summand;
}

// Weights so that sums of any layer are of the size of its inputs.
static void fill_layer(layer *l, uint64_t seed)
{
    size_t filters = (size_t)(l->type == CONNECTED   ? l->outputs
                              : l->type == LOCAL     ? l->outputs
                              : l->type == BATCHNORM ? l->c
                                                     : l->n);
    size_t weights = (size_t)l->nweights;

    if (l->type == CONNECTED)
        weights = (size_t)l->inputs * (size_t)l->outputs;
    if (l->type == LOCAL)
        weights = (size_t)(l->size * l->size * l->c * l->n) * (size_t)(l->out_w * l->out_h);
    if (l->type != BATCHNORM) {
        nets_fill(l->weights, weights, seed);
        double inputs =
            l->type == LOCAL ? l->size * l->size * l->c : (double)weights / (double)filters;
        scale(l->weights, weights, (float)(1.7 / sqrt(inputs)), 0);
    }
    nets_fill(l->biases, filters, seed + 1);
    if (l->rolling_mean == NULL)
        return;
    nets_fill(l->scales, filters, seed + 2);
    scale(l->scales, filters, 0.3f, 1);
    nets_fill(l->rolling_mean, filters, seed + 3);
    scale(l->rolling_mean, filters, 0.5f, 0);
    nets_fill(l->rolling_variance, filters, seed + 4);
    scale(l->rolling_variance, filters, 0.4f, 0.6f);
}

static network *parse_file(int fd)
{
    char path[32];
    struct idn_hush hush;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    idn_hush_begin(&hush);
    network *net = parse_network_cfg(path);
    idn_hush_end(&hush);
    return net;
}

network *nets_parse(uint32_t h, uint32_t w, const char *text, uint64_t seed)
{
    int fd = memfd_create("net.cfg", MFD_CLOEXEC);

    (void)dprintf(
        fd, "[net]\nbatch=1\nsubdivisions=1\nheight=%u\nwidth=%u\nchannels=3\n%s", h, w, text);
    network *net = parse_file(fd);
    (void)close(fd);
    idn_darknet_mend(net);
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type == CONVOLUTIONAL || l->type == CONNECTED || l->type == LOCAL ||
            l->type == BATCHNORM)
            fill_layer(l, seed + 10 * (uint64_t)i);
    }
    return net;
}

void nets_free(network *net)
{
    idn_darknet_unload(&net, 1);
}

double nets_difference(const float *reference, const float *other, size_t count)
{
    float least = reference[0], most = reference[0], worst = 0;

    for (size_t i = 0; i < count; i++) {
        float difference = fabsf(reference[i] - other[i]);
        least = reference[i] < least ? reference[i] : least;
        most = reference[i] > most ? reference[i] : most;
        if (!(difference <= worst)) // also what is not a number
            worst = difference;
    }
    return (double)worst / (double)(most - least);
}

size_t nets_best(const float *values, size_t count)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}
