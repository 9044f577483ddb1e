// Two broker cores under a test's hands, joined by a mirror link and each with a store, all in
// memory: a clock that the test turns, links that lose or repeat frames, stores that are held, that
// crash, and that lose their tails. For tests of the mirror link.
#ifndef IDN_TESTS_LIB_PAIR_H
#define IDN_TESTS_LIB_PAIR_H

#include "tests/lib/core_rig.h"

enum { PAIR_QUEUE_MAX = 4096, PAIR_REPLIES_MAX = 256, PAIR_STARTS_MAX = 4096 };

struct pair_fact {
    struct idn_stored_fact item; // body: what a reader gets
    uint8_t *bytes;              // rows, list part
};

// A frame on its way, with copies of all that it points to.
struct pair_frame {
    struct idn_mirror_frame frame;
    void *items;
    uint8_t *bytes;
};

struct pair_side {
    struct idn_core_config config;
    void *memory;
    struct idn_core *core; // NULL: not running
    uint64_t incarnation;
    // The store.
    struct pair_fact *fact;
    uint64_t facts, stored, capacity; // committed, durable
    bool hold_store, hold_reads, tail_lost;
    bool frozen; // nothing happens here, what is sent to it waits
    bool reading;
    struct idn_action read;
    // Frames to this side, oldest first.
    struct pair_frame queue[PAIR_QUEUE_MAX];
    uint32_t queued;
    // What was seen since pair_clear.
    struct idn_reply reply[PAIR_REPLIES_MAX];
    struct idn_order order[PAIR_REPLIES_MAX];
    uint32_t replies, orders, resets, copies, reads, facts_read;
    uint32_t sent[IDN_MIRROR_GONE + 1]; // frames by type
    struct idn_action last_read;
    char exit[IDN_TEXT_SIZE], told[IDN_TEXT_SIZE * 2];
};

struct pair {
    struct rig names; // models and data sets
    uint64_t now, starts, requests, lost;
    struct pair_side side[2]; // a, b
    bool cut[2];              // what is sent to this side is lost
    uint64_t lose[2];         // the n-th frame sent to this side from now on is lost; 0: none
    uint64_t repeat[2];       // likewise, comes twice
    uint64_t swap[2];         // likewise, comes after the one that follows it
    // Sees each action of a core as it comes. May be NULL.
    void (*on_action)(void *context, int which, const struct idn_action *action);
    void *context;
};

// Both have empty stores and do not run.
struct pair *pair_new(void);
void pair_destroy(struct pair *pair);

// A start on what the store holds, with a new incarnation; a crash: what is not durable is lost.
void pair_boot(struct pair *pair, int which);
void pair_crash(struct pair *pair, int which);
// Facts that were durable are gone. Of one that does not run.
void pair_lose_tail(struct pair *pair, int which, uint64_t facts);
// Puts facts 1 .. count (or from what is there on) of an incarnation into the store of one that
// does not run: of a kind that changes nothing, with a body of `size` bytes.
void pair_fill(struct pair *pair, int which, uint64_t incarnation, uint64_t count, uint32_t size);

// One event, then nothing more of what follows from it.
void pair_step(struct pair *pair, int which, struct idn_event event);
void pair_send(struct pair *pair, int to, const struct idn_mirror_frame *frame); // hand-made
// Stores, links and deadlines until nothing moves any more.
void pair_settle(struct pair *pair);
void pair_pass(struct pair *pair, uint64_t ms);
void pair_clear(struct pair *pair);

void pair_submit(struct pair *pair, int which, unsigned key);
// The last ACCEPTED of a key; NULL: none.
const struct idn_reply *pair_accepted(const struct pair *pair, int which, unsigned key);
uint64_t pair_last_of(const struct pair *pair, int which, uint64_t incarnation);
struct idn_peer_info pair_peer(const struct pair *pair, int which); // as that one sees the other
enum idn_role pair_role(const struct pair *pair, int which);
// Both stores hold the same facts, durably, and each says so.
bool pair_is_level(const struct pair *pair);

#endif
