// How functions fail, explained once.
//
// A function that can fail returns int:
//   0         success
//   negative  fatal to the operation (-errno): passed up, cleaned up on the way
//   positive  that function's own documented result (an enum beside its prototype), which the
//   direct
//             caller must handle; it is never passed further up as it is.
// Out-parameters come last, are named ret_x, and are not written unless the function returns 0.
// A function that refuses something a person wrote fills a struct idn_reason with one sentence that
// names the offending value and what would be right.
#ifndef IDN_BASE_ERROR_H
#define IDN_BASE_ERROR_H

#include <stddef.h>

enum { IDN_REASON_MAX = 512 };

// One sentence for a person: no newline, no full stop needed.
struct idn_reason {
    char text[IDN_REASON_MAX];
};

// Formats the sentence, cut at IDN_REASON_MAX - 1 bytes; control characters in what it quotes
// become question marks. reason may be NULL: then nothing is written. Always returns `error`, so
// that `return idn_reason_set(reason, -EINVAL, "...")` reads well.
int idn_reason_set(struct idn_reason *reason, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define IDN_CLEANUP(function) __attribute__((cleanup(function)))

// For IDN_CLEANUP: free() and close() of a variable that may be NULL / -1.
void idn_freep(void *pointer_to_pointer);
void idn_closep(const int *fd);

#endif
