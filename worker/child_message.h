// What an agent and its inference child say to each other over a SOCK_SEQPACKET socketpair: one
// packet, one message. Both ends are ours and of one build, but the child decodes hostile files and
// may be taken over, so the agent trusts nothing that it reads. Pure: packing and validated
// unpacking.
//
//   agent                         child
//     |  (fork, exec: idunno-infer --socket FD --engine E --threads N ...)
//     |<------ READY --------------|  engine up: numerics class, threads
//     |------- LOAD -------------->|  a model, by a number the agent chose
//     |<------ LOADED -------------|  or why not (text)
//     |------- UNLOAD ------------>|  that number holds no model any more; no answer
//     |------- SLICE ------------->|  up to IDN_CHILD_IMAGES_MAX images of one model
//     |<------ ROWS ---------------|  exactly one for each SLICE, in order, a row for each image
//     |------- (close) ----------->|  the child exits 0
#ifndef IDN_WORKER_CHILD_MESSAGE_H
#define IDN_WORKER_CHILD_MESSAGE_H

#include "proto/limits.h"
#include "proto/result.h"
#include "proto/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum idn_child_type {
    IDN_CHILD_READY = 1,
    IDN_CHILD_LOAD = 2,
    IDN_CHILD_LOADED = 3,
    IDN_CHILD_SLICE = 4,
    IDN_CHILD_ROWS = 5,
    IDN_CHILD_UNLOAD = 6,
};

enum {
    IDN_CHILD_PACKET_MAX = 160 * 1024, // below the default socket buffer of 208 KiB
};

// A slice never takes a day: the agent has lost patience long before.
#define IDN_CHILD_COMPUTE_US_MAX (24ull * 60 * 60 * 1000 * 1000)

struct idn_child_image {
    uint32_t index;
    uint64_t size; // expected bytes of the file, 0: not stated
    bool has_digest;
    struct idn_sha256 digest; // expected, if has_digest
    const char *path;         // absolute, NUL-terminated; borrowed from the packet
};

struct idn_child_message {
    uint32_t type; // enum idn_child_type
    union {
        struct {
            char class_name[IDN_CLASS_SIZE]; // all that a result depends on but image and model
            uint32_t threads;
        } ready;
        struct {
            uint32_t model;
            const char *name, *cfg, *weights; // borrowed from the packet
        } load;
        struct {
            uint32_t model;
            uint32_t classes;         // outputs; 0: not loaded
            char text[IDN_TEXT_SIZE]; // why not, or ""
        } loaded;
        struct {
            uint64_t serial;
            uint32_t model;
            uint32_t count;
            struct idn_child_image image[IDN_CHILD_IMAGES_MAX];
        } slice;
        struct {
            uint64_t serial;
            uint32_t count;
            // Wall time from the first byte read to the last row, shared by T threads; at most
            // IDN_CHILD_COMPUTE_US_MAX.
            uint64_t compute_us;
            struct idn_result row[IDN_CHILD_IMAGES_MAX];
        } rows;
        struct {
            uint32_t model;
        } unload;
    } u;
};

// Packs into packet; returns its size, or 0 when it would not fit in IDN_CHILD_PACKET_MAX (only a
// SLICE with very long paths: send fewer images).
size_t idn_child_pack(
    const struct idn_child_message *message, uint8_t packet[static IDN_CHILD_PACKET_MAX]);

// Returns 0, or -EBADMSG when the packet is not one that pack makes. Borrows from packet.
int idn_child_unpack(const uint8_t *packet, size_t size, struct idn_child_message *ret);

#endif
