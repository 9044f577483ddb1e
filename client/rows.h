// Result rows as CSV (RFC 4180) or JSON lines.
//
//   csv    index[,path],status,class_1,probability_1[,label_1], ... five times; empty where a row
//          has no class
//   jsonl  {"index":0[,"path":"..."],"status":"ok","top":[{"class":281,"probability":0.93
//          [,"label":"tabby"]}, ...]}
//
// path appears when the list of paths is given, labels when these are. Rows of images without a
// result (index_only) have nothing but their index and path.
#ifndef IDN_CLIENT_ROWS_H
#define IDN_CLIENT_ROWS_H

#include "base/error.h"
#include "client/idunno.h"
#include "client/labels.h"
#include "weights/list.h"

#include <stdio.h>

enum idn_rows_format { IDN_ROWS_CSV, IDN_ROWS_JSONL };

struct idn_rows {
    FILE *file; // borrowed; its error flag tells of failed writes
    enum idn_rows_format format;
    const struct idn_list *paths;    // borrowed; may be NULL
    const struct idn_labels *labels; // borrowed; may be NULL
    bool index_only;
    bool begun; // the line of headings is written
};

// "csv" or "jsonl"; otherwise -EINVAL with a sentence.
int idn_rows_format_of(const char *name, enum idn_rows_format *ret, struct idn_reason *reason);

// CSV: the line of headings comes before the first row; without rows it is all there is.
void idn_rows_put(struct idn_rows *rows, const struct idunno_row *row);
void idn_rows_end(struct idn_rows *rows);

#endif
