// A state directory from which facts may be missing that another broker has: it is empty and was
// not filled yet, or its tail was lost. The mark, a file in it, outlives a kill in the middle of
// filling it; while it is there the broker starts as a learner.
#ifndef IDN_BROKER_INCOMPLETE_H
#define IDN_BROKER_INCOMPLETE_H

#include "base/error.h"

#include <stdbool.h>

// The directory exists. Returns when the mark is durable.
int idn_incomplete_begin(const char *directory, struct idn_reason *reason);
bool idn_incomplete_is(const char *directory);
// Not synced: a mark that comes back costs another look at what the other broker has.
void idn_incomplete_end(const char *directory);

#endif
