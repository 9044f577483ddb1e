// Slices on their way to the child: their list is had, their model loaded, their images sent. In
// order; the first that waits makes the others wait.
#ifndef IDN_WORKER_AGENT_FEED_H
#define IDN_WORKER_AGENT_FEED_H

#include "worker/agent/agent.h"
#include "worker/agent/child.h"
#include "worker/agent/lists.h"

struct idn_feed; // opaque

struct idn_feed_config {
    const struct idn_registry *registry; // these three borrowed until destroy
    struct idn_lists *lists;
    struct idn_child *child;
    uint64_t memory_bytes; // for models; 0: no bound (an engine that loads nothing)
};

void idn_feed_new(const struct idn_feed_config *config, struct idn_feed **ret);
void idn_feed_destroy(struct idn_feed **feed);

// What the model takes of memory_bytes once the child has it: an estimate by its weights file,
// which is 0 for one that is not there.
uint64_t idn_feed_model_bytes(const struct idn_model *model);

// Queues a SLICE action (copied).
void idn_feed_add(struct idn_feed *feed, const struct idn_agent_action *action);
// Forgets every slice (DRAIN, or the child died) and, if the child is gone, what it had loaded.
void idn_feed_clear(struct idn_feed *feed, bool child_is_gone);

// Moves the first slice on as far as it goes. True: an event for the agent (CHILD_GIVEN or
// UNAVAILABLE); step it and call again. False: nothing to do until a message of the child's, a
// part of a list, room in the child's socket (if idn_feed_is_blocked), or the deadline.
bool idn_feed_next(struct idn_feed *feed, uint64_t now_ms, struct idn_agent_event *ret);
bool idn_feed_is_blocked(const struct idn_feed *feed);
uint64_t idn_feed_deadline(const struct idn_feed *feed);

// LOADED from the child. False: it was not asked for.
bool idn_feed_loaded(struct idn_feed *feed, const struct idn_child_message *message);

// The child ended. If it was loading a model, with no image in it, for the third time in a row,
// that model is not to be had: call next until false, then step the death, then clear.
void idn_feed_bereave(struct idn_feed *feed, bool image_in_child, const char *text);

#endif
