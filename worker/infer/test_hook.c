#include "worker/infer/test_hook.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool begins_with(const uint8_t *bytes, size_t size, const char *marker)
{
    return size >= strlen(marker) && memcmp(bytes, marker, strlen(marker)) == 0;
}

void idn_test_hook(const uint8_t *bytes, size_t size)
{
    if (getenv("IDUNNO_TEST_CRASH") == NULL)
        return;
    if (begins_with(bytes, size, "IDUNNO-TEST-CRASH")) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        abort();
    }
    if (begins_with(bytes, size, "IDUNNO-TEST-EXIT"))
        _exit(3);
    while (begins_with(bytes, size, "IDUNNO-TEST-HANG"))
        (void)pause();
}
