#include "proto/version.h"

#include "proto/limits.h"
#include "proto/messages.h"

int idn_negotiate(uint32_t lowest, uint32_t highest, uint32_t *ret_version)
{
    uint32_t version = highest < IDN_PROTOCOL_HIGHEST ? highest : IDN_PROTOCOL_HIGHEST;

    if (lowest > version || version < IDN_PROTOCOL_LOWEST)
        return IDN_REFUSED_UNSUPPORTED;
    *ret_version = version;
    return 0;
}
