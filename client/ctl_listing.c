#include "client/ctl_listing.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

void idn_ctl_document_open(struct idn_ctl_document *document)
{
    FILE *file = open_memstream(&document->text, &document->size);

    IDN_ASSERT(file != NULL);
    idn_json_init(&document->json, file);
}

int idn_ctl_document_close(
    struct idn_ctl *ctl, struct idn_ctl_document *document, enum idunno_code code)
{
    int error = fclose(document->json.file);
    IDN_ASSERT(error == 0); // memory only

    if (code == IDUNNO_OK)
        (void)fwrite(document->text, 1, document->size, stdout);
    free(document->text);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

void idn_ctl_listing_open(
    const struct idn_ctl *ctl, const char *headings, struct idn_ctl_listing *listing)
{
    *listing = (struct idn_ctl_listing){.count = 0};
    if (!ctl->json) {
        idn_table_new(headings, &listing->table);
        return;
    }
    idn_ctl_document_open(&listing->document);
    listing->json = &listing->document.json;
    idn_json_array(listing->json, NULL);
}

int idn_ctl_listing_close(
    struct idn_ctl *ctl, struct idn_ctl_listing *listing, enum idunno_code code, const char *none)
{
    if (listing->json != NULL) {
        idn_json_end(listing->json);
        return idn_ctl_document_close(ctl, &listing->document, code);
    }
    if (code == IDUNNO_OK && listing->count == 0)
        (void)puts(none);
    else if (code == IDUNNO_OK)
        idn_table_print(listing->table, stdout);
    idn_table_destroy(&listing->table);
    return code == IDUNNO_OK ? IDN_EXIT_OK : idn_ctl_fail(ctl, code);
}

bool idn_ctl_keep(void *context, const void *row)
{
    struct idn_ctl_rows *rows = context;

    if (rows->count == rows->room) {
        rows->room = 2 * rows->room + 16;
        rows->row = realloc(rows->row, rows->room * rows->size);
        IDN_ASSERT(rows->row != NULL);
    }
    memcpy((char *)rows->row + rows->count++ * rows->size, row, rows->size);
    return true;
}

void idn_ctl_sort(struct idn_ctl_rows *rows, int (*order)(const void *a, const void *b))
{
    if (rows->count > 1)
        qsort(rows->row, rows->count, rows->size, order);
}

const void *idn_ctl_row(const struct idn_ctl_rows *rows, size_t index)
{
    return (const char *)rows->row + index * rows->size;
}
