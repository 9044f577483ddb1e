#include "worker/infer/darknet_network.h"

#include "base/assert.h"
#include "weights/cfg.h"
#include "worker/infer/hush.h"

#include <errno.h>
#include <string.h>

// libdarknet draws every weight at random before it reads the file over it, which takes seconds for
// AlexNet. It calls these two through the PLT, so that ours are found first; nothing else that we
// call needs them. (darknet.h declares them without prototypes.)
float rand_normal(void);
float rand_uniform(float least, float most);

float rand_normal(void)
{
    return 0.0f;
}

float rand_uniform(float least, float most)
{
    (void)most;
    return least;
}

static void free_floats(float **pointer)
{
    free(*pointer);
    *pointer = NULL;
}

// Gradients: as large as weights and outputs, and never looked at in a forward pass.
static void free_training_buffers(network *net)
{
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type == DROPOUT) { // borrows the delta of the layer before it
            l->delta = NULL;
            continue;
        }
        free_floats(&l->delta);
        free_floats(&l->weight_updates);
        free_floats(&l->bias_updates);
        free_floats(&l->scale_updates);
        free_floats(&l->x_norm);
    }
}

void idn_darknet_widen_workspace(network *net)
{
    size_t size = 0;

    for (int i = 0; i < net->n; i++)
        if (net->layers[i].type == LOCAL && net->layers[i].workspace_size * sizeof(float) > size)
            size = net->layers[i].workspace_size * sizeof(float);
    if (size == 0)
        return;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].workspace_size > size)
            size = net->layers[i].workspace_size;
    free(net->workspace);
    net->workspace = calloc(1, size);
    IDN_ASSERT(net->workspace != NULL);
}

static float **shared_field(layer *l, int field)
{
    float **const fields[] = {
        &l->weights, &l->biases, &l->scales, &l->rolling_mean, &l->rolling_variance};

    return field < (int)(sizeof(fields) / sizeof(*fields)) ? fields[field] : NULL;
}

// from NULL: forget what was borrowed.
static void share_weights(network *to, network *from)
{
    for (int i = 0; i < to->n; i++) {
        float **mine;
        for (int field = 0; (mine = shared_field(&to->layers[i], field)) != NULL; field++) {
            if (from != NULL)
                free(*mine);
            *mine = from == NULL ? NULL : *shared_field(&from->layers[i], field);
        }
    }
}

static int parse(const char *cfg, const char *weights, network **ret, struct idn_reason *reason)
{
    IDN_CLEANUP(idn_closep) int fd = -1;
    char parsed[32], *weights_copy = NULL;
    struct idn_hush hush;

    int error = idn_darknet_cfg_open(cfg, &fd, reason);
    if (error != 0)
        return error;
    (void)snprintf(parsed, sizeof(parsed), "/proc/self/fd/%d", fd);
    if (weights != NULL) // darknet's prototype lacks the const
        weights_copy = strdup(weights);
    idn_hush_begin(&hush);
    network *net = parse_network_cfg(parsed);
    if (weights_copy != NULL)
        load_weights(net, weights_copy);
    idn_hush_end(&hush);
    free(weights_copy);
    free_training_buffers(net);
    idn_darknet_widen_workspace(net);
    *ret = net;
    return 0;
}

static int check_files(const char *cfg_path, const char *weights, struct idn_reason *reason)
{
    struct idn_cfg *cfg = NULL;
    int error = idn_cfg_read(cfg_path, &cfg, reason);

    if (error == 0)
        error = idn_cfg_check_weights(cfg, weights, reason);
    idn_cfg_destroy(&cfg);
    return error;
}

static int check_network(network *net, const char *cfg, struct idn_reason *reason)
{
    LAYER_TYPE last = get_network_output_layer(net).type;

    if (last != SOFTMAX && last != LOGXENT)
        return idn_reason_set(reason, -EINVAL,
            "%s: its last layer gives no probabilities; a classifier ends in [softmax] or "
            "[logistic]",
            cfg);
    if (net->hierarchy != NULL)
        return idn_reason_set(reason, -EINVAL,
            "%s: classes in a tree (\"tree = ...\") are not supported; list them flat", cfg);
    if (net->inputs != net->w * net->h * net->c || net->w < 1 || net->h < 1 || net->outputs < 1)
        return idn_reason_set(reason, -EINVAL,
            "%s: its input or output has no shape; width, height, channels are needed", cfg);
    return 0;
}

int idn_darknet_load(const char *cfg, const char *weights, uint32_t copies, network **ret_networks,
    struct idn_reason *reason)
{
    int error = check_files(cfg, weights, reason);

    if (error != 0)
        return error;
    error = parse(cfg, weights, &ret_networks[0], reason);
    if (error != 0)
        return error;
    error = check_network(ret_networks[0], cfg, reason);
    uint32_t parsed = 1;
    while (error == 0 && parsed < copies) {
        error = parse(cfg, NULL, &ret_networks[parsed], reason);
        if (error == 0)
            share_weights(ret_networks[parsed++], ret_networks[0]);
    }
    if (error != 0)
        idn_darknet_unload(ret_networks, parsed);
    return error;
}

void idn_darknet_unload(network **networks, uint32_t copies)
{
    for (uint32_t i = copies; i-- > 0;) {
        if (i > 0)
            share_weights(networks[i], NULL);
        free(networks[i]->workspace); // free_network forgets it
        networks[i]->workspace = NULL;
        free_network(networks[i]);
        networks[i] = NULL;
    }
}
