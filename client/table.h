// Aligned columns for people.
#ifndef IDN_CLIENT_TABLE_H
#define IDN_CLIENT_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct idn_table; // opaque

// One heading a column, separated by '|'; a heading that begins with '>' is right-aligned, and so
// is what stands below: "JOB|STATE|>IMAGES". Borrowed until destroy.
void idn_table_new(const char *headings, struct idn_table **ret);
void idn_table_destroy(struct idn_table **table);

// The next cell, row by row. Control characters are shown as '?'.
void idn_table_cell(struct idn_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void idn_table_print(const struct idn_table *table, FILE *file);

#endif
