// Two broker cores with a mirror link (tests/lib/pair.h), for the tests of what the link carries.
// The pair is the test's; one that failed left its own behind.
#ifndef IDN_TESTS_UNIT_MIRROR_KIT_H
#define IDN_TESTS_UNIT_MIRROR_KIT_H

#include "broker/core/mirror.h"
#include "tests/lib/pair.h"

enum { A, B };

static struct pair *pair;

static inline void begin(uint64_t facts_a, uint64_t facts_b)
{
    if (pair != NULL)
        pair_destroy(pair); // of a test that failed
    pair = pair_new();
    pair_fill(pair, A, 11, facts_a, 100);
    pair_fill(pair, B, 12, facts_b, 100);
}

static inline void boot_both(void)
{
    pair_boot(pair, A);
    pair_boot(pair, B);
}

// In sync, a reigns.
static inline void begin_level(void)
{
    begin(3, 3);
    boot_both();
    pair_pass(pair, 50);
    CHECK(pair_is_level(pair));
    CHECK_INT(pair_role(pair, A), IDN_ROLE_ACTIVE);
    pair_clear(pair);
}

static inline void end(void)
{
    pair_destroy(pair);
    pair = NULL;
}

static inline const struct idn_mirror_session *session(int which)
{
    return &pair->side[which].core->mirror.session;
}

#endif
