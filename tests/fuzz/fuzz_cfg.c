// A network's cfg: what is accepted is what libdarknet can bear and every caller may count on.
#include "tests/fuzz/fuzz.h"
#include "weights/cfg.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_layer(const struct idn_cfg *cfg, size_t index)
{
    const struct idn_cfg_layer *layer = &cfg->layer[index];
    uint64_t values = (uint64_t)layer->out_c * layer->out_h * layer->out_w;

    IDN_ASSERT(values >= 1 && values <= INT32_MAX);
    IDN_ASSERT(layer->biases <= INT32_MAX && layer->weights <= INT32_MAX);
    IDN_ASSERT(layer->in_c >= 1 && layer->in_h >= 1 && layer->in_w >= 1 && layer->groups >= 1);
    IDN_ASSERT(layer->from_count <= IDN_CFG_FROM_MAX);
    for (uint32_t i = 0; i < layer->from_count; i++)
        IDN_ASSERT(layer->from[i] < index);
    if (layer->kind == IDN_CFG_CONVOLUTIONAL)
        IDN_ASSERT(layer->stride >= 1 && layer->size >= 1 && layer->in_c % layer->groups == 0 &&
                   layer->out_c % layer->groups == 0 && (layer->size > 1 || layer->pad == 0));
    if (layer->kind == IDN_CFG_SHORTCUT)
        IDN_ASSERT(cfg->layer[layer->from[0]].picture);
    if (layer->kind == IDN_CFG_DROPOUT || layer->kind == IDN_CFG_COST)
        IDN_ASSERT(index > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct idn_reason reason = {.text = ""};
    struct idn_cfg *cfg;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    IDN_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int error = idn_cfg_read(path, &cfg, &reason);
    (void)close(fd);
    if (error != 0) {
        IDN_ASSERT(error < 0);
        fuzz_check_reason(&reason);
        return 0;
    }
    IDN_ASSERT(cfg->layers >= 1 && cfg->outputs >= 1 && cfg->input_c == 3);
    for (size_t i = 0; i < cfg->layers; i++)
        check_layer(cfg, i);
    IDN_ASSERT(idn_cfg_weights_bytes(cfg) <= 16ull << 30);
    idn_cfg_destroy(&cfg);
    return 0;
}
