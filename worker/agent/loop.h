// The agent's shell: polls the sockets, the child and the signals, steps the core with what comes,
// carries out what it decides.
#ifndef IDN_WORKER_AGENT_LOOP_H
#define IDN_WORKER_AGENT_LOOP_H

#include "proto/codec.h"
#include "worker/agent/agent.h"
#include "worker/agent/child.h"
#include "worker/agent/feed.h"
#include "worker/agent/links.h"

#include <stdbool.h>
#include <stdint.h>

// Filled by main; everything borrowed until the loop is over.
struct idn_loop {
    const struct idn_settings *settings;
    uint64_t nonce;
    struct idn_agent *agent;
    struct idn_codec *codec;
    struct idn_links *links;
    struct idn_child *child;
    struct idn_feed *feed;
    struct idn_lists *lists;
    int signal_fd;
    // The loop's own.
    uint64_t now_ms;
    bool draining, over;
    int status;
    bool start_failed;              // the child could not even be started
    char start_text[IDN_TEXT_SIZE]; // why
    bool joined;                    // as the log has told
    struct idn_epoch joined_epoch;
    char refusal[IDN_TEXT_SIZE];                // last one told
    uint64_t malformed;                         // messages dropped
    uint64_t fine_ms[IDN_SETTINGS_BROKERS_MAX]; // when the links to a broker last worked
};

// Runs until a drain or a failure ends it; returns the exit status.
int idn_loop_run(struct idn_loop *loop);

// carry.c: steps the core and carries out its actions.
void idn_loop_step(struct idn_loop *loop, const struct idn_agent_event *event);
// Feeds the child and asks for parts of lists, as far as both go.
void idn_loop_pump(struct idn_loop *loop);
// Receives all that the child says, and buries it if it has ended.
void idn_loop_hear_child(struct idn_loop *loop);

#endif
