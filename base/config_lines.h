// The form of a configuration's lines, checked before zconfig sees them, so that every error has
// its line number and nothing is cut or half read.
#ifndef IDN_BASE_CONFIG_LINES_H
#define IDN_BASE_CONFIG_LINES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { IDN_CONFIG_LINE_MAX = 1024 }; // zconfig's own buffer

// One line that holds a name; others (empty, comments) are left out.
struct idn_config_line {
    unsigned number; // from 1
    bool has_value;
};

// Checks text (size bytes and a NUL). Returns 0 with an array of *ret_count lines, for free(); or
// -EINVAL and a sentence that names file and line. Lines without a name are blanked: zconfig would
// refuse a comment that is not indented by fours.
int idn_config_lines_check(const char *file, char *text, size_t size, struct idn_config_line **ret,
    size_t *ret_count, struct idn_reason *reason);

#endif
