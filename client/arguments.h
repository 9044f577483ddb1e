// The command line, one argument after the other: long options from a table, operands between them.
//
//   while ((error = idn_arguments_next(&arguments, &option, &value, &reason)) == 0)
//       if (option == NULL) an operand: value; else switch (option->id) ...
#ifndef IDN_CLIENT_ARGUMENTS_H
#define IDN_CLIENT_ARGUMENTS_H

#include "base/error.h"

#include <stdbool.h>

// A table ends with a NULL name.
struct idn_option {
    const char *name;  // without the dashes
    const char *value; // what stands for its value in messages, "NAME"; NULL: it takes none
    int id;
};

struct idn_arguments {
    char **item; // borrowed; NULL-terminated, from the first argument on
    const struct idn_option *options;
    bool only_operands; // "--" was seen
};

enum { IDN_ARGUMENTS_END = 1 };

// --name VALUE and --name=VALUE; -h is --help when the table has it; "-", and "-" with a digit, are
// operands. Returns IDN_ARGUMENTS_END after the last one; -EINVAL with a sentence: an unknown
// option (and the nearest), a missing or unwanted value.
int idn_arguments_next(struct idn_arguments *arguments, const struct idn_option **ret_option,
    const char **ret_value, struct idn_reason *reason);

#endif
