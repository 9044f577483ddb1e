// SHA-256 by OpenSSL's EVP interface.
#ifndef IDN_BASE_SHA256_H
#define IDN_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { IDN_SHA256_SIZE = 32, IDN_SHA256_HEX_SIZE = 65 };

struct idn_sha256 {
    uint8_t bytes[IDN_SHA256_SIZE];
};

struct idn_sha256_stream; // opaque

// Incremental use: new, update any number of times, final (which also destroys the stream).
int idn_sha256_new(struct idn_sha256_stream **ret);
void idn_sha256_update(struct idn_sha256_stream *stream, const void *bytes, size_t size);
void idn_sha256_final(struct idn_sha256_stream **stream, struct idn_sha256 *ret);

void idn_sha256_of(const void *bytes, size_t size, struct idn_sha256 *ret);

// Digest of a whole file. Returns 0, or -errno of open or read; *ret_size (may be NULL) is its
// size.
int idn_sha256_of_file(const char *path, struct idn_sha256 *ret, uint64_t *ret_size);

// 64 lower-case hexadecimal digits and a NUL.
void idn_sha256_to_hex(const struct idn_sha256 *digest, char hex[static IDN_SHA256_HEX_SIZE]);

// Exactly 64 hexadecimal digits, either case. Returns 0 or -EINVAL.
int idn_sha256_from_hex(const char *hex, struct idn_sha256 *ret);

#endif
