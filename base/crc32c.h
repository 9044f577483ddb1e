// CRC-32C (Castagnoli; RFC 3720 appendix B.4): reflected polynomial 0x82f63b78, initial value and
// final xor of all ones. crc is the CRC of what came before (0 to begin), so that a running CRC is
// idn_crc32c(idn_crc32c(0, a, n), b, m) == CRC of a followed by b.
#ifndef IDN_BASE_CRC32C_H
#define IDN_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t idn_crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
