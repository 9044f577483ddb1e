// Assertions: for our own mistakes only, always on; never for what came from the wire, the disk,
// the configuration or a peer. Safe in the pure cores: the only thing they need is idn_assert_fail.
#ifndef IDN_BASE_ASSERT_H
#define IDN_BASE_ASSERT_H

// Prints the failed condition with its place on stderr and aborts. Defined in base/assert.c.
_Noreturn void idn_assert_fail(const char *condition, const char *file, int line);

#define IDN_ASSERT(condition) \
    ((condition) ? (void)0 : idn_assert_fail(#condition, __FILE__, __LINE__))

#endif
