// What the loop tells the operator: jobs accepted and ended, workers that come and go, who reigns,
// a disk that fills. Derived from the core's actions and its status. Logs on the loop's behalf.
#ifndef IDN_BROKER_JOURNAL_H
#define IDN_BROKER_JOURNAL_H

#include "broker/core/core.h"

#include <stdbool.h>
#include <stdint.h>

// Messages that were none of the protocol, since the last line about them.
struct idn_refused {
    uint64_t clients, workers, beats, frames; // frames: of the mirror link
};

enum { IDN_JOURNAL_ENDED = 32 };

struct idn_journal {
    uint32_t role; // when last looked at, enum idn_role
    bool disk_low;
    uint64_t refused_ms; // when to tell of refused messages next
    uint64_t worker_ms;  // of a refused worker
    // The jobs told to have ended last: late reports that change nothing end them again.
    struct idn_journal_ended {
        struct idn_key job;
        struct idn_digest digest;
        uint32_t conflicts;
    } ended[IDN_JOURNAL_ENDED];
    uint32_t ended_next;
};

// One action and the event that led to it.
void idn_journal_action(
    struct idn_journal *journal, const struct idn_event *cause, const struct idn_action *action);

// A line of the core's own (core.h, tell).
void idn_journal_tell(void *context, const char *line);

// Tells what changed in the core's status.
void idn_journal_look(struct idn_journal *journal, const struct idn_core *core, uint64_t now_ms);

// Tells how many messages were none, now and then, and sets the counts to 0.
void idn_journal_refused(struct idn_journal *journal, uint64_t now_ms, struct idn_refused *refused);

#endif
