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

// [local] states its workspace in floats where bytes are meant, and would write past its end.
static void widen_workspace(network *net)
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

// [batchnorm] copies its input into an x that only a convolution's batch norm has.
static void give_batchnorm_x(network *net)
{
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type != BATCHNORM || l->x != NULL)
            continue;
        l->x = calloc((size_t)l->outputs, sizeof(*l->x));
        IDN_ASSERT(l->x != NULL);
    }
}

void idn_darknet_mend(network *net)
{
    widen_workspace(net);
    give_batchnorm_x(net);
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
        if (to->layers[i].type == L2NORM) // what it calls scales is written in the forward pass
            continue;
        for (int field = 0; (mine = shared_field(&to->layers[i], field)) != NULL; field++) {
            if (from != NULL)
                free(*mine);
            *mine = from == NULL ? NULL : *shared_field(&from->layers[i], field);
        }
    }
}

// weights: NULL: none are read.
static network *parse(int cfg, const char *weights)
{
    char path[32], *weights_copy = NULL;
    struct idn_hush hush;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", cfg);
    if (weights != NULL) // darknet's prototype lacks the const
        weights_copy = strdup(weights);
    idn_hush_begin(&hush);
    network *net = parse_network_cfg(path);
    if (weights_copy != NULL)
        load_weights(net, weights_copy);
    idn_hush_end(&hush);
    free(weights_copy);
    free_training_buffers(net);
    idn_darknet_mend(net);
    return net;
}

static int check_weights(
    const struct idn_cfg_text *text, const char *weights, struct idn_reason *reason)
{
    struct idn_cfg *cfg = NULL;
    int error = idn_cfg_parse(text, &cfg, reason);

    if (error == 0)
        error = idn_cfg_check_weights(cfg, weights, reason);
    idn_cfg_destroy(&cfg);
    return error;
}

// The file is read once, so that what is parsed is what was checked.
static int open_checked(
    const char *cfg, const char *weights, int *ret_fd, struct idn_reason *reason)
{
    struct idn_cfg_text text;
    int error = idn_cfg_text_read(cfg, &text, reason);

    if (error != 0)
        return error;
    error = check_weights(&text, weights, reason);
    if (error == 0)
        error = idn_darknet_cfg_open(&text, ret_fd, reason);
    idn_cfg_text_fini(&text);
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
    return 0;
}

int idn_darknet_load(const char *cfg, const char *weights, uint32_t copies, network **ret_networks,
    struct idn_reason *reason)
{
    IDN_CLEANUP(idn_closep) int fd = -1;
    int error = open_checked(cfg, weights, &fd, reason);

    if (error != 0)
        return error;
    ret_networks[0] = parse(fd, weights);
    error = check_network(ret_networks[0], cfg, reason);
    if (error != 0) {
        idn_darknet_unload(ret_networks, 1);
        return error;
    }
    for (uint32_t i = 1; i < copies; i++) {
        ret_networks[i] = parse(fd, NULL);
        share_weights(ret_networks[i], ret_networks[0]);
    }
    return 0;
}

struct idn_network idn_darknet_shape(const network *net)
{
    return (struct idn_network){.width = (uint32_t)net->w,
        .height = (uint32_t)net->h,
        .classes = (uint32_t)net->outputs,
        .takes_pixels = true};
}

uint32_t idn_darknet_answer(const network *net, bool logits)
{
    uint32_t last = (uint32_t)net->n - 1;

    while (last > 0 && net->layers[last].type == COST)
        last--;
    LAYER_TYPE type = net->layers[last].type;
    return logits && last > 0 && (type == SOFTMAX || type == LOGXENT) ? last - 1 : last;
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
