// Small stories of a broker core, recorded as inputs of its fuzz target.
#ifndef IDN_TESTS_FUZZ_CORE_SCRIPTS_H
#define IDN_TESTS_FUZZ_CORE_SCRIPTS_H

#include <stddef.h>

// Tells each story and has it written under its name, for target "core".
void core_scripts(
    void (*write)(const char *target, const char *name, const void *bytes, size_t size));

#endif
