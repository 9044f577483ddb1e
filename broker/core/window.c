#include "broker/core/window.h"

#include "base/assert.h"

bool idn_window_out_room(const struct idn_window_out *out)
{
    // One frame stays free for a HANDOVER.
    return out->sent - out->acked < IDN_MIRROR_WINDOW - 1 &&
           out->bytes + IDN_MIRROR_MESSAGE_BYTES_MAX <= IDN_MIRROR_WINDOW_BYTES;
}

uint64_t idn_window_out_add(struct idn_window_out *out, uint64_t position, uint32_t bytes)
{
    IDN_ASSERT(out->sent - out->acked < IDN_MIRROR_WINDOW);
    uint64_t number = ++out->sent;

    out->frame[number % IDN_MIRROR_WINDOW].position = position;
    out->frame[number % IDN_MIRROR_WINDOW].bytes = bytes;
    out->bytes += bytes;
    return number;
}

void idn_window_out_pass(struct idn_window_out *out, uint64_t position)
{
    if (out->sent == out->acked)
        out->mirrored = position;
    else
        out->frame[out->sent % IDN_MIRROR_WINDOW].position = position;
}

bool idn_window_out_acked(struct idn_window_out *out, uint64_t number)
{
    if (number > out->sent)
        return false;
    while (out->acked < number) {
        uint64_t slot = ++out->acked % IDN_MIRROR_WINDOW;
        out->bytes -= out->frame[slot].bytes;
        if (out->frame[slot].position > out->mirrored)
            out->mirrored = out->frame[slot].position;
    }
    return true;
}

bool idn_window_in_full(const struct idn_window_in *in)
{
    return in->taken - in->durable == IDN_MIRROR_WINDOW;
}

void idn_window_in_add(struct idn_window_in *in, uint64_t position)
{
    IDN_ASSERT(!idn_window_in_full(in));
    in->position[++in->taken % IDN_MIRROR_WINDOW] = position;
}

void idn_window_in_stored(struct idn_window_in *in, uint64_t stored)
{
    while (in->durable < in->taken && in->position[(in->durable + 1) % IDN_MIRROR_WINDOW] <= stored)
        in->durable++;
}
