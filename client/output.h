// A file that appears under its name only when it is complete: written beside it, then renamed.
#ifndef IDN_CLIENT_OUTPUT_H
#define IDN_CLIENT_OUTPUT_H

#include "base/error.h"
#include "client/rows.h"

#include <stdio.h>

struct idn_output;

// The format follows from the name's end, .csv or .jsonl. Opening at once shows whether writing
// will be possible, before hours are spent.
int idn_output_open(const char *path, struct idn_output **ret, struct idn_reason *reason);

FILE *idn_output_file(const struct idn_output *output); // borrowed
enum idn_rows_format idn_output_format(const struct idn_output *output);

// Makes it durable and renames it. Ends the output in any case and sets *output NULL; on failure
// (disk full) nothing is left behind.
int idn_output_commit(struct idn_output **output, struct idn_reason *reason);
void idn_output_abandon(struct idn_output **output); // NULL-safe; nothing is left behind

#endif
