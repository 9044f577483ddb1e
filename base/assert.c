#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void idn_assert_fail(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "idunno: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
