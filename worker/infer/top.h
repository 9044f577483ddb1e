// A network's output becomes a result. Pure.
#ifndef IDN_WORKER_INFER_TOP_H
#define IDN_WORKER_INFER_TOP_H

#include "proto/result.h"

// The IDN_TOP best classes, highest probability first, equal ones by lower class id; fewer classes
// leave IDN_NO_CLASS behind them. The output of [softmax] or [logistic] may leave [0, 1] by a
// rounding error: it is clamped. A NaN or an infinity anywhere makes the row NOT_FINITE.
void idn_top(uint32_t index, const float *probabilities, uint32_t classes, struct idn_result *ret);

// A row that says only why there is no answer.
void idn_top_failed(uint32_t index, uint8_t status, struct idn_result *ret);

#endif
