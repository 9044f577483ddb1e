// Numbered frames of one mirror session, in both directions: which ones this broker sent and the
// other one has not made durable yet, and which ones it took and has not made durable yet itself.
// Both are bounded: who sends more than the window breaks the protocol.
#ifndef IDN_BROKER_CORE_WINDOW_H
#define IDN_BROKER_CORE_WINDOW_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

// Sent. A frame stands for our facts up to a position: once it is durable at the other broker, that
// has all of them.
struct idn_window_out {
    uint64_t sent, acked; // frame numbers: last sent, last durable there
    uint64_t bytes;       // of the frames between
    uint64_t mirrored;    // the other broker has our facts up to this position, durably
    struct {
        uint64_t position;
        uint32_t bytes;
    } frame[IDN_MIRROR_WINDOW]; // ring, by number
};

// Room for one more frame of any size.
bool idn_window_out_room(const struct idn_window_out *out);
// A frame leaves; asserts room among the frames. Returns its number.
uint64_t idn_window_out_add(struct idn_window_out *out, uint64_t position, uint32_t bytes);
// Nothing was to be sent of our facts up to this position: the other broker has them, or will when
// what is on its way is durable there.
void idn_window_out_pass(struct idn_window_out *out, uint64_t position);
// The other broker says that frames up to this number are durable. False: it cannot be.
bool idn_window_out_acked(struct idn_window_out *out, uint64_t number);

// Taken. A frame is durable here once our facts up to a position are stored.
struct idn_window_in {
    uint64_t taken, durable;              // frame numbers: last taken, last durable here
    uint64_t position[IDN_MIRROR_WINDOW]; // ring, by number
};

bool idn_window_in_full(const struct idn_window_in *in);
void idn_window_in_add(
    struct idn_window_in *in, uint64_t position); // the next number; not when full
void idn_window_in_stored(struct idn_window_in *in, uint64_t stored);

#endif
