// Gets a file over HTTP with the program curl, and lets it have its name only when size and
// SHA-256 are right.
#ifndef IDN_WEIGHTS_FETCH_H
#define IDN_WEIGHTS_FETCH_H

#include "base/error.h"
#include "base/sha256.h"

#include <stdint.h>

struct idn_fetch {
    const char *url;  // http:// or https://; borrowed
    const char *file; // borrowed
    uint64_t size;
    struct idn_sha256 digest;
    uint32_t seconds_max; // of the whole transfer; 0: as long as something comes
};

// Called as bytes arrive; may be NULL.
typedef void idn_fetch_progress(void *context, uint64_t done, uint64_t size);

// Errors with one sentence each: no curl, what curl says (no such host, 404, ...), another size,
// another digest, a file that cannot be written.
int idn_fetch(const struct idn_fetch *fetch, idn_fetch_progress *progress, void *context,
    struct idn_reason *reason);

#endif
