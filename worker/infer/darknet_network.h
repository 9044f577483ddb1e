// A network as libdarknet parses it, made safe to ask for: files checked first, its chatter kept
// off the terminal, its training buffers freed. The only code that calls libdarknet's parser.
//
// libdarknet ends the process on some errors (a bad section, no memory). Such an end is turned into
// exit status 1 with a line on stderr, which the agent sees as an exit of its child.
#ifndef IDN_WORKER_INFER_DARKNET_NETWORK_H
#define IDN_WORKER_INFER_DARKNET_NETWORK_H

#include "base/error.h"
#include "weights/cfg_section.h"
#include "worker/infer/engine.h"

#include <darknet.h>
#include <stdbool.h>
#include <stdint.h>

// `copies` networks with the same weights in memory once, each with buffers of its own (batch 1),
// so that each may run in a thread of its own. Checked: the cfg is that of a classifier which
// libdarknet can bear (weights/cfg.h), the weights have exactly the size that it asks for, the
// output is probabilities ([softmax] or [logistic]). ret_networks has room for `copies`; they are
// the caller's, until idn_darknet_unload. -errno or -EINVAL with a sentence. Main thread only, and
// while no other thread uses stdout or stderr.
int idn_darknet_load(const char *cfg, const char *weights, uint32_t copies, network **ret_networks,
    struct idn_reason *reason);
void idn_darknet_unload(network **networks, uint32_t copies);

// What an engine says of it.
struct idn_network idn_darknet_shape(const network *net);

// The number of the layer whose output is the answer: the last but [cost]. logits: the one before,
// whose output goes into the [softmax] or [logistic].
uint32_t idn_darknet_answer(const network *net, bool logits);

// Enlarges what libdarknet allocates too little of.
void idn_darknet_mend(network *net);

// A copy of the cfg in memory that asks for batch 1, to be parsed as /proc/self/fd/FD, more than
// once if need be. The caller closes it.
int idn_darknet_cfg_open(const struct idn_cfg_text *text, int *ret_fd, struct idn_reason *reason);

// First 8 hexadecimal digits of the build id of the libdarknet in this process, "unknown" without:
// two builds of the same version may round differently.
enum { IDN_DARKNET_BUILD_SIZE = 9 };
void idn_darknet_build(char build[static IDN_DARKNET_BUILD_SIZE]);

#endif
