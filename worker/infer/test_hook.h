// A way for tests to kill this process with an image, as a decoder's fault would. Only when the
// environment variable IDUNNO_TEST_CRASH is set; then a file that begins with one of these does it:
//   IDUNNO-TEST-CRASH   aborts
//   IDUNNO-TEST-HANG    never answers
//   IDUNNO-TEST-EXIT    exits with status 3
#ifndef IDN_WORKER_INFER_TEST_HOOK_H
#define IDN_WORKER_INFER_TEST_HOOK_H

#include <stddef.h>
#include <stdint.h>

void idn_test_hook(const uint8_t *bytes, size_t size);

#endif
