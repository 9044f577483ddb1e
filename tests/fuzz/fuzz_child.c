// A packet from an inference child that was taken over: unpack lets through what pack makes, and
// nothing else.
#include "tests/fuzz/fuzz.h"
#include "worker/child_message.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct idn_child_message message;
    static uint8_t packet[IDN_CHILD_PACKET_MAX];
    int error = idn_child_unpack(data, size, &message);

    if (error != 0) {
        IDN_ASSERT(error == -EBADMSG);
        return 0;
    }
    IDN_ASSERT(idn_child_pack(&message, packet) == size);
    IDN_ASSERT(memcmp(packet, data, size) == 0);
    return 0;
}
