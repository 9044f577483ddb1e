// Which protocol version two peers speak. Pure.
#ifndef IDN_PROTO_VERSION_H
#define IDN_PROTO_VERSION_H

#include <stdint.h>

// The peer speaks lowest to highest, we IDN_PROTOCOL_LOWEST to IDN_PROTOCOL_HIGHEST: the lower of
// both highest, when the other side still speaks it. Returns 0, or IDN_REFUSED_UNSUPPORTED when
// there is none.
int idn_negotiate(uint32_t lowest, uint32_t highest, uint32_t *ret_version);

#endif
