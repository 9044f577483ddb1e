// What the mirror link's session carries: both vectors, then the facts that the other broker lacks,
// in commit order; what it acknowledged, and whether it keeps up. Only for mirror.c.
#ifndef IDN_BROKER_CORE_CATCHUP_H
#define IDN_BROKER_CORE_CATCHUP_H

#include "broker/core/state.h"

// Frames of the session, in order and new. NULL, or what is wrong with one: then the session ends.
const char *idn_catchup_take_vector(struct idn_core *core, const struct idn_mirror_frame *frame);
const char *idn_catchup_take_facts(struct idn_core *core, const struct idn_mirror_frame *frame);

// What has become durable here or there counts: the end of the exchange, in sync or not.
void idn_catchup_judge(struct idn_core *core);
// Sends what is due: the vector, then reads.
void idn_catchup_go_on(struct idn_core *core);
uint64_t idn_catchup_deadline(const struct idn_core *core);

// From mirror.c: a numbered frame that stands for our facts up to a position (0: for none).
struct idn_mirror_frame *idn_mirror_send_numbered(
    struct idn_core *core, uint32_t type, uint64_t position, uint32_t bytes);

#endif
