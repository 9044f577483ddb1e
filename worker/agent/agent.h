// The worker's side of the protocol as a step function (pure, as broker/core/core.h is): which
// broker to obey, the leases held, slices given to the inference child, reports kept until they are
// acknowledged, beats, and what to do when the child dies or hangs.
#ifndef IDN_WORKER_AGENT_AGENT_H
#define IDN_WORKER_AGENT_AGENT_H

#include "proto/messages.h"

#include <stddef.h>
#include <stdint.h>

struct idn_agent;

struct idn_agent_config {
    char name[IDN_NAME_SIZE];
    uint64_t nonce;            // fresh random at every start
    uint32_t brokers;          // 1 or 2; brokers are named by their position, 0 or 1
    uint32_t models, datasets; // what this host holds; copied by init
    const struct idn_holding *model;
    const struct idn_holding *dataset;
};

enum idn_agent_event_type {
    IDN_AGENT_START,
    IDN_AGENT_ORDER, // a message of a broker's
    IDN_AGENT_BROKER_BEAT,
    IDN_AGENT_CHILD_READY, // the child is up
    IDN_AGENT_CHILD_GIVEN, // a slice's model was loaded and its images were sent to the child: from
                           // now on they are in it (a death names them, a hang is timed)
    IDN_AGENT_CHILD_ROWS,  // a slice is done
    IDN_AGENT_CHILD_DIED,  // the process is gone: slices given to it are lost, those that were not
                           // are void and come again
    IDN_AGENT_UNAVAILABLE, // a slice cannot be begun: model or list cannot be had; nothing was
                           // computed. The shell says so of every slice of the job not yet given
    IDN_AGENT_DRAIN,       // SIGTERM: slices not given are void; finish those in the child, report,
                           // say goodbye, EXIT
    IDN_AGENT_STALLED,
    IDN_AGENT_TICK,
};

struct idn_agent_event {
    enum idn_agent_event_type type;
    uint64_t now_ms; // monotonic
    union {
        struct {
            uint32_t broker;
            const struct idn_order *message; // borrowed for the call
        } order;
        struct {
            uint32_t broker;
            const struct idn_broker_beat *beat;
        } beat;
        struct {
            char class_name[IDN_CLASS_SIZE];
            uint64_t class_hash;
            uint32_t threads;
        } ready;
        struct {
            uint64_t slice;
        } given;
        struct {
            uint64_t slice;
            uint32_t count;
            const struct idn_result *row; // borrowed for the call
            uint64_t compute_us;
        } rows;
        struct {
            uint32_t death; // enum idn_death
            char text[IDN_TEXT_SIZE];
        } died;
        struct {
            uint64_t slice;
            char text[IDN_TEXT_SIZE];
        } unavailable;
        struct {
            uint64_t ms;
        } stalled;
    } u;
};

enum idn_agent_action_type {
    IDN_AGENT_SEND,        // a message to a broker
    IDN_AGENT_BEAT,        // publish to every broker
    IDN_AGENT_SLICE,       // give images to the child
    IDN_AGENT_START_CHILD, // after START, and after each death (with back-off); then CHILD_READY
    IDN_AGENT_KILL_CHILD,  // text says why: it hangs, or talks nonsense; then CHILD_DIED
    IDN_AGENT_EXIT,        // all said; text is "" or why (then status 1)
};

struct idn_agent_action {
    enum idn_agent_action_type type;
    union {
        struct {
            uint32_t broker;
            // Borrowed until the next step.
            const struct idn_worker_message *message;
        } send;
        struct idn_worker_beat beat;
        struct {
            uint64_t slice; // serial
            uint32_t broker;
            struct idn_key job;
            char model[IDN_NAME_SIZE],
                dataset[IDN_NAME_SIZE]; // dataset "": the job's uploaded list
            struct idn_sha256 list_digest;
            uint64_t list_bytes;
            uint32_t first, count; // images
        } slice;
        char text[IDN_TEXT_SIZE];
    } u;
};

struct idn_agent_actions {
    const struct idn_agent_action *item; // borrowed until the next step
    size_t count;
};

// What an operator's log tells of; two views compared say what a step changed.
struct idn_agent_view {
    bool obeys;    // a broker was heard
    bool silent;   // but not for IDN_DEAD_MS
    bool welcomed; // and has answered our hello, and is not silent
    uint32_t broker;
    struct idn_epoch epoch;
    uint32_t leases;
    uint32_t reports; // not acknowledged
    uint64_t images_done;
    uint32_t in_child;
    uint32_t image[IDN_CHILD_IMAGES_MAX];
};

// Memory that an agent needs, fixed. Zeroed by the caller; with calloc its untouched pages cost
// nothing.
size_t idn_agent_bytes(void);
struct idn_agent *idn_agent_init(
    void *memory, const struct idn_agent_config *config); // zeroed memory
void idn_agent_step(struct idn_agent *agent, const struct idn_agent_event *event);
struct idn_agent_actions idn_agent_actions(const struct idn_agent *agent);
uint64_t idn_agent_deadline(const struct idn_agent *agent);
void idn_agent_look(const struct idn_agent *agent, struct idn_agent_view *ret);

// FNV-1a (64 bit) of a class name: what travels as class_hash.
uint64_t idn_class_hash(const char *class_name);

#endif
