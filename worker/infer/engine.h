// What computes: one interface, several engines.
//   darknet   libdarknet's own network_predict, one image at a time: the reference
//   onednn    the network that libdarknet parsed, compiled into oneDNN's primitives: fast
//   replay    computes nothing: answers after a stated time an image with what follows from a seed
//             and the image's index; for tests of many workers on few cores. A model's own time
//             stands in its cfg, if there is one: replay_us=N in section [net]
// A further engine adds its struct idn_engine_ops to the table in engine.c; one that compiles
// networks itself takes what darknet_network.h parsed.
#ifndef IDN_WORKER_INFER_ENGINE_H
#define IDN_WORKER_INFER_ENGINE_H

#include "base/error.h"
#include "proto/limits.h"
#include "worker/infer/pool.h"

#include <stdbool.h>
#include <stdint.h>

// The version of our own part in the numbers (decoding, cropping, folding, steps, kernels), part of
// the class name: to be raised with every change after which any image may get other bits, so that
// two versions of the program never share a job.
enum { IDN_NUMERICS = 3 };

struct idn_engine_options {
    uint32_t threads; // that compute, 1 to IDN_POOL_THREADS_MAX
    bool decode_fast; // large JPEGs at a smaller scale; part of the class name
    uint64_t replay_us, replay_seed;
    bool direct; // onednn: no Winograd
    bool logits; // rows are what goes into the last layer's softmax: to compare engines
};

// Each engine's own struct begins with this.
struct idn_engine {
    const struct idn_engine_ops *ops;
    char class_name[IDN_CLASS_SIZE]; // everything that a result depends on but image and model
    struct idn_pool *pool;           // owned; its threads are those that compute
    bool decode_fast;                // how its input is to be prepared; set by idn_engine_open
};

// A loaded model; each engine's own struct begins with this.
struct idn_network {
    uint32_t width, height; // of the input: three planes of floats, RGB in 0..1
    uint32_t classes;
    bool takes_pixels; // false: the engine never looks at them, so nobody needs to read the files
};

struct idn_input {
    uint32_t index;      // of the image in its data set
    const float *pixels; // 3 * width * height, borrowed for the call; NULL unless takes_pixels
};

// What an engine is made of. All is called on the main thread.
struct idn_engine_ops {
    const char *name;
    // Fills class_name and pool of *ret, which is the caller's. Nothing is left of a failure but a
    // sentence and -errno.
    int (*open)(const struct idn_engine_options *options, struct idn_engine **ret,
        struct idn_reason *reason);
    void (*close)(struct idn_engine *engine); // no network of it is left
    // Looks at both files before libdarknet may. -errno with a sentence that names file and
    // trouble.
    int (*load)(struct idn_engine *engine, const char *cfg, const char *weights,
        struct idn_network **ret, struct idn_reason *reason);
    void (*unload)(struct idn_engine *engine, struct idn_network *network);
    // One row of `classes` probabilities for each input. A row depends on its input alone: the same
    // bits whatever else is in the batch.
    void (*predict)(struct idn_engine *engine, struct idn_network *network,
        const struct idn_input *inputs, uint32_t count, float *ret_rows);
};

// NULL for a name that is none.
const struct idn_engine_ops *idn_engine_find(const char *name);
// Those that there are: "darknet, onednn".
enum { IDN_ENGINE_NAMES_SIZE = 64 };
void idn_engine_names(char ret[static IDN_ENGINE_NAMES_SIZE]);

// Calls ops' functions. Close and unload are NULL-safe and set NULL; ret_rows has room for count *
// classes floats.
int idn_engine_open(const struct idn_engine_ops *ops, const struct idn_engine_options *options,
    struct idn_engine **ret, struct idn_reason *reason);
void idn_engine_close(struct idn_engine **engine);
int idn_engine_load(struct idn_engine *engine, const char *cfg, const char *weights,
    struct idn_network **ret, struct idn_reason *reason);
void idn_engine_unload(struct idn_engine *engine, struct idn_network **network);
void idn_engine_predict(struct idn_engine *engine, struct idn_network *network,
    const struct idn_input *inputs, uint32_t count, float *ret_rows);

// For an engine's open. The class name becomes `own`, then what it shares with the others that
// compute: libm and which of its variants, the JPEG decoder, IDN_NUMERICS.
void idn_engine_set_class(struct idn_engine *engine, const char *own);
int idn_engine_start_pool(struct idn_engine *engine, uint32_t threads, struct idn_reason *reason);

extern const struct idn_engine_ops idn_engine_darknet, idn_engine_onednn, idn_engine_replay;

#endif
