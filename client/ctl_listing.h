// Listings of idunno-ctl: a table for people, or JSON for programs. Nothing is printed before the
// last of it has come, so that a listing that is refused, or breaks off, leaves nothing on stdout
// that looks like an answer.
#ifndef IDN_CLIENT_CTL_LISTING_H
#define IDN_CLIENT_CTL_LISTING_H

#include "client/call.h"
#include "client/ctl.h"
#include "client/table.h"

// JSON that is kept until it is complete.
struct idn_ctl_document {
    struct idn_json json;
    char *text; // owned
    size_t size;
};

void idn_ctl_document_open(struct idn_ctl_document *document);
// Prints it when code is IDUNNO_OK, otherwise says what went wrong; returns the status to exit
// with.
int idn_ctl_document_close(
    struct idn_ctl *ctl, struct idn_ctl_document *document, enum idunno_code code);

// A table, or an array.
struct idn_ctl_listing {
    struct idn_table *table; // for people, or
    struct idn_json *json;   // for programs
    uint32_t count;          // rows, as the owner counts them
    struct idn_ctl_document document;
};

void idn_ctl_listing_open(
    const struct idn_ctl *ctl, const char *headings, struct idn_ctl_listing *listing);
// Likewise; without rows people read `none`.
int idn_ctl_listing_close(
    struct idn_ctl *ctl, struct idn_ctl_listing *listing, enum idunno_code code, const char *none);

// Rows that are kept until the last one has come, to be put in order.
struct idn_ctl_rows {
    void *row; // owned: free() it
    size_t size, count, room;
};

bool idn_ctl_keep(void *rows, const void *row); // an idn_on_row; size is set before
void idn_ctl_sort(struct idn_ctl_rows *rows, int (*order)(const void *a, const void *b));
const void *idn_ctl_row(const struct idn_ctl_rows *rows, size_t index);

#endif
