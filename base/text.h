// Small text tools: job keys as people type them, numbers, the nearest name. Pure: no locale, no
// I/O.
#ifndef IDN_BASE_TEXT_H
#define IDN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A 128-bit key as 26 characters of Crockford's base32 in lower case (0-9, a-z without i l o u),
// most significant bits first, and a NUL. People type at least the first 8 characters.
enum { IDN_KEY_SIZE = 16, IDN_KEY_TEXT_SIZE = 27, IDN_KEY_PREFIX_MIN = 8 };
void idn_key_to_text(const uint8_t key[static IDN_KEY_SIZE], char text[static IDN_KEY_TEXT_SIZE]);

// Reads 8 to 26 characters (any case; i l read as 1, o as 0) into the first *ret_bits bits of key,
// the rest 0. Returns 0, or -EINVAL when a character or the length is none.
int idn_key_from_text(const char *text, uint8_t key[static IDN_KEY_SIZE], unsigned *ret_bits);

// Whether the first `bits` bits of both are equal.
bool idn_key_has_prefix(const uint8_t key[static IDN_KEY_SIZE],
    const uint8_t prefix[static IDN_KEY_SIZE], unsigned bits);

// Decimal digits only (no sign, no space), at most `most`. Returns 0; -EINVAL not a number; -ERANGE
// more.
int idn_parse_u64(const char *text, uint64_t most, uint64_t *ret);

// For "did you mean": the name of `names` (count of them) that is nearest to `word`, if not more
// than a third of the longer one's letters differ (changed, missing, too many; two that changed
// places are one), else NULL. Borrowed from names.
const char *idn_nearest(const char *word, const char *const *names, size_t count);

// Negative, 0, positive: a comes before b, is b, comes after. As people count: vm/2 before vm/10.
int idn_name_order(const char *a, const char *b);

// True when every byte is printable ASCII without space, quotes, backslash; length 1..max-1.
bool idn_name_is_valid(const char *name, size_t max);

#endif
