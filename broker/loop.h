// The broker's loop: polls the sockets, the store and the signals; turns what comes into events of
// the core, one turn at a time; carries out its actions (carry.c); tells the operator (journal.c).
//
// A turn: wait; tell the core of a stall; sockets and store, at most so many messages each; then
// timers; then this turn's facts go to the store as one batch, and what waits in outboxes is tried
// again. Nothing here waits for a disk or for a peer.
#ifndef IDN_BROKER_LOOP_H
#define IDN_BROKER_LOOP_H

#include "broker/batch.h"
#include "broker/core/core.h"
#include "broker/journal.h"
#include "broker/mirror_port.h"
#include "broker/peers.h"
#include "broker/ports.h"
#include "broker/reads.h"
#include "broker/store.h"
#include "proto/codec.h"

#include <stdbool.h>
#include <stdint.h>

struct idn_loop_config {
    struct idn_core *core;          // borrowed
    struct idn_store *store;        // borrowed
    struct idn_ports *ports;        // borrowed
    struct idn_mirror_port *mirror; // borrowed; NULL: there is no other broker
    int signal_fd;                  // SIGTERM and SIGINT end the loop; borrowed
    const char *state;              // its directory; borrowed
    bool incomplete;                // facts may be missing from it (broker/incomplete.h)
    uint64_t facts;                 // in the store when it was opened
};

struct idn_loop {
    struct idn_loop_config config;
    struct idn_codec *codec;             // owned
    struct idn_peers *clients, *workers; // owned
    struct idn_reads pages, lists;
    struct idn_batch batch;
    struct idn_journal journal;
    struct idn_refused refused;
    union idn_core_items items; // of the page being answered
    uint64_t started_ms, now_ms, wall_ms;
    uint64_t look_ms;  // when to look at the disk next
    uint64_t retry_ms; // when to try the outboxes next
    uint64_t store_bytes, facts;
    uint64_t damaged_row; // the first that the store could not read; 0: none
    bool stop;
    int status; // of the process, once stop is set
};

int idn_loop_new(const struct idn_loop_config *config, struct idn_loop **ret);
void idn_loop_destroy(struct idn_loop **loop); // NULL-safe, sets NULL

// Steps one event, with the time filled in, and carries out what the core answers. Context is the
// loop: fits idn_store_restore.
void idn_loop_step(void *context, const struct idn_event *event);

// After the restore: starts the core under this incarnation. Without another broker a reign begins;
// this returns when it is durable (or when the loop is to stop). With one it returns at once: who
// reigns is found out while everyone is served.
void idn_loop_begin(struct idn_loop *loop, uint64_t incarnation);

// Hands the facts gathered so far to the store.
void idn_loop_commit(struct idn_loop *loop);

// Runs until a signal or an EXIT. Returns the process's exit status; after 1 the store may hang and
// is not to be closed.
int idn_loop_run(struct idn_loop *loop);

// carry.c: the core's actions and the store's answers, and every message that goes out.
void idn_loop_carry(struct idn_loop *loop, const struct idn_event *cause);
// Says the text and lets the loop end with status 1.
void idn_loop_exit(struct idn_loop *loop, const char *text);
void idn_loop_completed(
    struct idn_loop *loop, struct idn_completion *completion); // frees what it brought
void idn_loop_answer(struct idn_loop *loop, idn_peer peer, const struct idn_request *request);
void idn_loop_refuse_client(
    struct idn_loop *loop, idn_peer peer, uint64_t request, uint32_t code, const char *text);
void idn_loop_refuse_worker(
    struct idn_loop *loop, idn_peer peer, uint64_t nonce, uint32_t code, const char *text);

#endif
