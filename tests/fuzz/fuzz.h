// What a fuzz target is: a function that takes any bytes and must come back. Built for libFuzzer
// (clang, -Dfuzz=true) or with driver.c, which needs no special compiler.
#ifndef IDN_TESTS_FUZZ_FUZZ_H
#define IDN_TESTS_FUZZ_FUZZ_H

#include "base/assert.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Returns 0. What must hold of whatever comes is asserted.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A target may change inputs itself where bytes at random would seldom make a valid one: returns
// the new size, at most `room`.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
// The ordinary change of some bytes, for it: libFuzzer's or the driver's.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

// What refuses says why, in one line for a person.
static inline void fuzz_check_reason(const struct idn_reason *reason)
{
    IDN_ASSERT(reason->text[0] != '\0' && strlen(reason->text) < sizeof(reason->text));
    for (const char *at = reason->text; *at != '\0'; at++)
        IDN_ASSERT((unsigned char)*at >= ' ' && *at != 0x7f);
}

#endif
