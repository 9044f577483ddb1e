// What can be known of a darknet classifier from its cfg file alone, without libdarknet (which
// exits the process on a missing file and reads weights unchecked): layer shapes and the exact size
// of its .weights file. Source of the format: darknet's parser.c (Debian 0.0.0+git20180914):
// parse_network_cfg and load_weights_upto; header of three int32 (major, minor, revision) and
// `seen` (size_t when major * 10 + minor >= 2, else int32).
#ifndef IDN_WEIGHTS_CFG_H
#define IDN_WEIGHTS_CFG_H

#include "base/error.h"
#include "weights/cfg_section.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum idn_cfg_kind {
    IDN_CFG_CONVOLUTIONAL,
    IDN_CFG_CONNECTED,
    IDN_CFG_LOCAL,
    IDN_CFG_BATCHNORM,
    IDN_CFG_MAXPOOL,
    IDN_CFG_AVGPOOL,
    IDN_CFG_CROP,
    IDN_CFG_DROPOUT,
    IDN_CFG_ACTIVATION,
    IDN_CFG_NORMALIZATION,
    IDN_CFG_SOFTMAX,
    IDN_CFG_COST,
    IDN_CFG_LOGISTIC,
    IDN_CFG_L2NORM,
    IDN_CFG_SHORTCUT,
    IDN_CFG_ROUTE,
    IDN_CFG_REORG,
    IDN_CFG_UPSAMPLE,
};

enum { IDN_CFG_FROM_MAX = 16, IDN_CFG_ACTIVATION_SIZE = 16 };

// A layer: its shape, and what fills its share of the weights file.
struct idn_cfg_layer {
    enum idn_cfg_kind kind;
    const char *type; // section name, borrowed from a static table
    uint32_t in_c, in_h, in_w, out_c, out_h, out_w;
    uint32_t size, stride, pad, groups;          // pad: darknet's padding, on both sides for
                                                 // convolutional, in all for maxpool
    char activation[IDN_CFG_ACTIVATION_SIZE];    // its name in the cfg, "" where there is none
    uint32_t from_count, from[IDN_CFG_FROM_MAX]; // shortcut, route: indices of other layers
    bool batch_normalize;
    bool picture;             // has height and width; [softmax] and [cost] give mere numbers
    uint64_t biases, weights; // floats; batch norm adds 3 * biases between the two for
                              // convolutional, after the weights for connected; a [batchnorm]
                              // layer has its 3 * out_c in weights
};

struct idn_cfg {
    uint32_t input_c, input_h, input_w; // input_c is 3: pictures
    uint32_t outputs;                   // classes
    size_t layers;
    struct idn_cfg_layer *layer; // owned
};

// Errors: -errno of reading; -EINVAL with the section and line of what is not a classifier we can
// size (an unknown layer type, a recurrent or detection layer, a missing [net], a value out of
// range), or that libdarknet would come to harm with (cfg_hazards.h).
int idn_cfg_read(const char *path, struct idn_cfg **ret, struct idn_reason *reason);
// Likewise, of a text that was read already; nothing of it is kept.
int idn_cfg_parse(const struct idn_cfg_text *text, struct idn_cfg **ret, struct idn_reason *reason);
void idn_cfg_destroy(struct idn_cfg **cfg);

// Bytes of the .weights file as darknet's save_weights writes it: 20 byte header (major 0, minor 2)
// and the floats.
uint64_t idn_cfg_weights_bytes(const struct idn_cfg *cfg);

// 0 when the file is there, a regular file, readable, of exactly the size that its own header and
// the cfg ask for; otherwise -errno / -EINVAL and a sentence with both sizes.
int idn_cfg_check_weights(
    const struct idn_cfg *cfg, const char *weights, struct idn_reason *reason);

#endif
