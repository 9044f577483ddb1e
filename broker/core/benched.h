// Workers that are benched: their inference process died on IDN_BENCH_TASKS different tasks within
// IDN_BENCH_MS. Such a host is more likely at fault than the images, so it gets nothing for
// IDN_BENCH_MS; what it still computes is welcome. Never more than half of the workers at once:
// when most of them die, it is the images (poison.h). And nobody is, or stays, benched while an
// open job has no other live worker that can serve it.
#ifndef IDN_BROKER_CORE_BENCHED_H
#define IDN_BROKER_CORE_BENCHED_H

#include "broker/core/state.h"

// Its child died on the task with this image (index in the job).
void idn_benched_death(
    struct idn_core *core, struct idn_worker *worker, const struct idn_job *job, uint32_t index);

// Once a second: those that have been benched long enough, or are needed.
void idn_benched_sweep(struct idn_core *core);

// Why, and for how long, for people.
void idn_benched_note(const struct idn_worker *worker, uint64_t now, char *text, size_t size);

#endif
