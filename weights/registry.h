// The registry: models and data sets by name, as the configuration declares them.
//
//   models
//       alexnet                          # built in: Debian's cfg, batch 500
//           cfg = "/usr/share/darknet/cfg/alexnet.cfg"
//           weights = "weights/alexnet.weights"       # relative to the configuration file
//           labels = "/usr/share/darknet/data/imagenet.shortnames.list"
//           batch = 500
//           digest = "..."                            # all that a broker without the files needs
//           url, size, sha256                         # for idunno-weights fetch
//   datasets
//       photos
//           list = "photos.list"         # one image a line; relative paths from the list's folder
//           digest = "..."               # optional: the list must have it
//
// Relative paths begin at the configuration file's folder. A model without `weights` has
// NAME.weights in $IDUNNO_WEIGHTS, or else in the folder `weights` beside the configuration file,
// or without one (or with one below /etc) in /var/lib/idunno/weights.
#ifndef IDN_WEIGHTS_REGISTRY_H
#define IDN_WEIGHTS_REGISTRY_H

#include "base/config.h"
#include "base/sha256.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

// What tells a file that was written or replaced from the one that was looked at; zeros: no file.
struct idn_file_stamp {
    uint64_t device, inode, size;
    int64_t written_s, written_ns;
};

struct idn_model {
    char name[IDN_NAME_SIZE];
    char cfg[IDN_PATH_SIZE], weights[IDN_PATH_SIZE],
        labels[IDN_PATH_SIZE];            // absolute; labels may be ""
    char url[IDN_PATH_SIZE];              // where fetch gets the weights, or ""
    uint64_t url_size;                    // bytes of the weights file there, or 0
    char url_sha256[IDN_SHA256_HEX_SIZE]; // of the weights file, or ""
    uint32_t batch;
    bool states_batch;      // the configuration does, else batch is a built-in one
    bool declared;          // in the configuration; else it is only built in
    bool has_stated_digest; // digest = "...": for a broker that holds no files
    // SHA-256 over SHA-256(cfg) and SHA-256(weights): valid after idn_registry_inspect without a
    // problem; a stated digest is valid always, and files that differ from it are a problem.
    struct idn_sha256 digest;
    struct idn_file_stamp cfg_stamp, weights_stamp; // when it was inspected
    char problem[IDN_TEXT_SIZE];                    // why it cannot be used here, or ""
};

struct idn_dataset {
    char name[IDN_NAME_SIZE];
    char list[IDN_PATH_SIZE];
    bool has_stated_digest;   // digest = "..."
    struct idn_sha256 digest; // of the list's bytes, valid as a model's is
    uint32_t images;
    char problem[IDN_TEXT_SIZE];
};

struct idn_registry {
    uint32_t models, datasets;
    struct idn_model *model;     // owned
    struct idn_dataset *dataset; // owned
};

// Reads the declarations only. The built-in models are there unless the file redefines them.
int idn_registry_new(
    const struct idn_config *config, struct idn_registry **ret, struct idn_reason *reason);
void idn_registry_destroy(struct idn_registry **registry);

// Looks at the files: sizes against the cfg (weights/cfg.h), digests, counts of images. What is
// wrong with an entry becomes its problem. May take a second for large weights.
void idn_registry_inspect(struct idn_registry *registry);
void idn_model_inspect(struct idn_model *model); // one of them
// Whether its files are others than those inspected, so that its digest may say nothing of them.
bool idn_model_has_changed(const struct idn_model *model);

// Inspected, only built in, and without weights: nobody asked for it, so its problem worries
// nobody.
bool idn_model_is_unasked(const struct idn_model *model);
// The names of all that are so, with commas; "": none.
void idn_registry_unasked(const struct idn_registry *registry, char ret[static IDN_TEXT_SIZE]);

const struct idn_model *idn_registry_model(const struct idn_registry *registry, const char *name);
const struct idn_dataset *idn_registry_dataset(
    const struct idn_registry *registry, const char *name);

#endif
