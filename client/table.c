#include "client/table.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16 };

struct idn_table {
    size_t columns, cells, room;
    bool right[COLUMNS_MAX];
    char **cell; // owned, each of them too; the headings are the first row
};

static void add(struct idn_table *table, char *text)
{
    if (table->cells == table->room) {
        table->room = table->room == 0 ? 64 : table->room * 2;
        table->cell = realloc(table->cell, table->room * sizeof(*table->cell));
        IDN_ASSERT(table->cell != NULL);
    }
    table->cell[table->cells++] = text;
}

void idn_table_new(const char *headings, struct idn_table **ret)
{
    struct idn_table *table = calloc(1, sizeof(*table));

    IDN_ASSERT(table != NULL);
    while (headings != NULL) {
        const char *end = strchr(headings, '|');
        bool right = *headings == '>';
        IDN_ASSERT(table->columns < COLUMNS_MAX);
        headings += right;
        table->right[table->columns++] = right;
        char *text = end == NULL ? strdup(headings) : strndup(headings, (size_t)(end - headings));
        IDN_ASSERT(text != NULL);
        add(table, text);
        headings = end == NULL ? NULL : end + 1;
    }
    *ret = table;
}

void idn_table_destroy(struct idn_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->cells; i++)
        free((*table)->cell[i]);
    free((*table)->cell);
    free(*table);
    *table = NULL;
}

void idn_table_cell(struct idn_table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    IDN_ASSERT(length >= 0);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    add(table, text);
}

// Characters, not bytes: continuation bytes of UTF-8 take no column.
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_row(
    const struct idn_table *table, char *const *row, const size_t *widths, FILE *file)
{
    size_t columns = table->columns;

    while (columns > 1 && *row[columns - 1] == '\0')
        columns--; // no spaces at the end of a line
    for (size_t i = 0; i < columns; i++) {
        int padding = (int)(widths[i] - width_of(row[i]));
        const char *gap = i == 0 ? "" : "  ";
        if (table->right[i])
            (void)fprintf(file, "%s%*s%s", gap, padding, "", row[i]);
        else
            (void)fprintf(file, "%s%s%*s", gap, row[i], i + 1 < columns ? padding : 0, "");
    }
    (void)fputc('\n', file);
}

void idn_table_print(const struct idn_table *table, FILE *file)
{
    size_t widths[COLUMNS_MAX] = {0};

    IDN_ASSERT(table->cells % table->columns == 0);
    for (size_t i = 0; i < table->cells; i++) {
        size_t width = width_of(table->cell[i]);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t i = 0; i < table->cells; i += table->columns)
        print_row(table, table->cell + i, widths, file);
}
