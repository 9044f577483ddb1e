// One image's result and its packed form: the same bytes travel in reports, lie in the store and
// are served in result pages.
//
// A packed row is 48 bytes, little-endian:
//   0  u32   image index
//   4  u8    status (enum idn_status)
//   5  u8 x3 zero
//   8  u32   class ids, best first, five of them; unused ones IDN_NO_CLASS
//  28  f32   probabilities of these, five; unused ones 0
// Pure: no I/O, no allocation.
#ifndef IDN_PROTO_RESULT_H
#define IDN_PROTO_RESULT_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What became of an image. Values are stored: never renumber.
enum idn_status {
    IDN_STATUS_OK = 0,
    IDN_STATUS_MISSING = 1,     // no such file
    IDN_STATUS_UNREADABLE = 2,  // permission, I/O error, not a regular file
    IDN_STATUS_UNSUPPORTED = 3, // neither JPEG nor PNG, or a kind of them we do not read
    IDN_STATUS_CORRUPT = 4,     // the decoder gave up
    IDN_STATUS_TOO_LARGE = 5,   // bytes or pixels over the limit
    IDN_STATUS_CHANGED = 6,     // size or SHA-256 differs from the list's
    IDN_STATUS_NOT_FINITE = 7,  // the network answered with a NaN or an infinity
    IDN_STATUS_QUARANTINED = 8, // killed its inference process three times, alone
    IDN_STATUS_COUNT
};

#define IDN_NO_CLASS UINT32_MAX

struct idn_result {
    uint32_t index;
    uint8_t status; // enum idn_status
    uint32_t class_id[IDN_TOP];
    float probability[IDN_TOP];
};

enum { IDN_ROW_BYTES = 48 };

void idn_result_pack(const struct idn_result *result, uint8_t row[static IDN_ROW_BYTES]);

// Returns false when the row is not one we would have packed: unknown status, nonzero padding, a
// probability that is not in [0, 1] or not descending, or classes on a row that is not OK.
bool idn_result_unpack(const uint8_t row[static IDN_ROW_BYTES], struct idn_result *ret);

// "ok", "missing", ...; NULL for a value that is none.
const char *idn_status_name(unsigned status);

// A 128-bit sum modulo 2^128. The digest of a job is the sum of the hashes of its images' winning
// results, so it does not depend on their order.
struct idn_digest {
    uint64_t low, high;
};

// SipHash-2-4 with 128-bit output (Aumasson and Bernstein, 2012; the reference's -128 variant), key
// = "IDunno result v1", of the packed row. A row that is not OK is hashed with its status class
// only (IDN_STATUS_MISSING for every error, IDN_STATUS_QUARANTINED for itself), so that the digest
// follows from what the broker keeps of an image; which error it was is told by the stored row.
void idn_digest_of(const struct idn_result *result, struct idn_digest *ret);
void idn_digest_add(struct idn_digest *sum, const struct idn_digest *term);
void idn_digest_subtract(struct idn_digest *sum, const struct idn_digest *term);
bool idn_digest_equal(const struct idn_digest *a, const struct idn_digest *b);

// 32 lower-case hexadecimal digits (high first) and a NUL.
enum { IDN_DIGEST_TEXT_SIZE = 33 };
void idn_digest_to_text(const struct idn_digest *digest, char text[static IDN_DIGEST_TEXT_SIZE]);

#endif
