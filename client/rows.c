#include "client/rows.h"

#include "base/json.h"
#include "proto/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int idn_rows_format_of(const char *name, enum idn_rows_format *ret, struct idn_reason *reason)
{
    if (strcmp(name, "csv") == 0)
        *ret = IDN_ROWS_CSV;
    else if (strcmp(name, "jsonl") == 0)
        *ret = IDN_ROWS_JSONL;
    else
        return idn_reason_set(reason, -EINVAL, "the format is csv or jsonl, not '%.100s'", name);
    return 0;
}

static bool has_path(const struct idn_rows *rows, uint32_t index)
{
    return rows->paths != NULL && index < idn_list_count(rows->paths);
}

// ---- CSV

static void put_csv(FILE *file, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, file);
        return;
    }
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

static void begin_csv(struct idn_rows *rows)
{
    if (rows->begun)
        return;
    rows->begun = true;
    (void)fputs(rows->paths != NULL ? "index,path" : "index", rows->file);
    if (!rows->index_only) {
        (void)fputs(",status", rows->file);
        for (int i = 1; i <= IDN_TOP; i++) {
            (void)fprintf(rows->file, ",class_%d,probability_%d", i, i);
            if (rows->labels != NULL)
                (void)fprintf(rows->file, ",label_%d", i);
        }
    }
    (void)fputc('\n', rows->file);
}

static void put_csv_class(const struct idn_rows *rows, uint32_t class_id, float probability)
{
    char number[IDN_JSON_NUMBER_SIZE];

    if (class_id == UINT32_MAX) {
        (void)fputs(rows->labels != NULL ? ",,," : ",,", rows->file);
        return;
    }
    idn_json_float_text(probability, number);
    (void)fprintf(rows->file, ",%" PRIu32 ",%s", class_id, number);
    if (rows->labels != NULL) {
        (void)fputc(',', rows->file);
        put_csv(rows->file, idn_labels_get(rows->labels, class_id));
    }
}

static void put_csv_row(const struct idn_rows *rows, const struct idunno_row *row)
{
    struct idn_list_entry entry;

    (void)fprintf(rows->file, "%" PRIu32, row->index);
    if (rows->paths != NULL)
        (void)fputc(',', rows->file);
    if (has_path(rows, row->index)) {
        idn_list_get(rows->paths, row->index, &entry);
        put_csv(rows->file, entry.path);
    }
    if (!rows->index_only) {
        (void)fprintf(rows->file, ",%s", idunno_status_name(row->status));
        for (int i = 0; i < IDN_TOP; i++)
            put_csv_class(rows, row->class_id[i], row->probability[i]);
    }
    (void)fputc('\n', rows->file);
}

// ---- JSON lines

static void put_json_classes(
    const struct idn_rows *rows, const struct idunno_row *row, struct idn_json *json)
{
    idn_json_array(json, "top");
    for (int i = 0; i < IDN_TOP && row->class_id[i] != UINT32_MAX; i++) {
        idn_json_object(json, NULL);
        idn_json_u64(json, "class", row->class_id[i]);
        idn_json_float(json, "probability", row->probability[i]);
        if (rows->labels != NULL)
            idn_json_string(json, "label", idn_labels_get(rows->labels, row->class_id[i]));
        idn_json_end(json);
    }
    idn_json_end(json);
}

static void put_json_row(const struct idn_rows *rows, const struct idunno_row *row)
{
    struct idn_json json;
    struct idn_list_entry entry;

    idn_json_init(&json, rows->file);
    idn_json_object(&json, NULL);
    idn_json_u64(&json, "index", row->index);
    if (has_path(rows, row->index)) {
        idn_list_get(rows->paths, row->index, &entry);
        idn_json_string(&json, "path", entry.path);
    }
    if (!rows->index_only) {
        idn_json_string(&json, "status", idunno_status_name(row->status));
        put_json_classes(rows, row, &json);
    }
    idn_json_end(&json);
}

void idn_rows_put(struct idn_rows *rows, const struct idunno_row *row)
{
    if (rows->format == IDN_ROWS_CSV) {
        begin_csv(rows);
        put_csv_row(rows, row);
    } else {
        put_json_row(rows, row);
    }
}

void idn_rows_end(struct idn_rows *rows)
{
    if (rows->format == IDN_ROWS_CSV)
        begin_csv(rows);
}
