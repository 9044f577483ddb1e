// The facts of one turn of the loop, in order, copied with the bytes they point to (an action's
// bytes live only until the core's next step), to be handed to the store as one transaction.
#ifndef IDN_BROKER_BATCH_H
#define IDN_BROKER_BATCH_H

#include "proto/mirror.h"

#include <stddef.h>

struct idn_batch {
    struct idn_stored_fact *fact; // owned; their bytes too
    size_t count, room;
};

void idn_batch_add(struct idn_batch *batch, const struct idn_fact *own);
void idn_batch_copy(struct idn_batch *batch, const struct idn_stored_fact *other); // a peer's
void idn_batch_clear(struct idn_batch *batch);                                     // keeps the room
void idn_batch_fini(struct idn_batch *batch);

#endif
