#include "base/json.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void idn_json_init(struct idn_json *json, FILE *file)
{
    *json = (struct idn_json){.file = file};
}

// Length of the well-formed UTF-8 sequence at `at` (RFC 3629, no surrogates, no overlong forms), 0
// when there is none.
static size_t utf8_length(const unsigned char *at)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

static size_t put_character(FILE *file, const unsigned char *at)
{
    size_t length = utf8_length(at);

    if (*at == '"' || *at == '\\')
        (void)fprintf(file, "\\%c", *at);
    else if (*at == '\n')
        (void)fputs("\\n", file);
    else if (*at == '\t')
        (void)fputs("\\t", file);
    else if (*at < 0x20 || *at == 0x7f)
        (void)fprintf(file, "\\u%04x", *at);
    else if (length == 0)
        (void)fputs("\xef\xbf\xbd", file);
    else
        (void)fwrite(at, 1, length, file);
    return length == 0 ? 1 : length;
}

static void put_text(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    (void)fputc('"', file);
    while (*at != '\0')
        at += put_character(file, at);
    (void)fputc('"', file);
}

// What stands before a value: the comma and the key.
static void begin_value(struct idn_json *json, const char *key)
{
    if (json->depth == 0) {
        IDN_ASSERT(key == NULL);
        return;
    }
    unsigned level = json->depth - 1;
    IDN_ASSERT(json->is_array[level] == (key == NULL));
    if (json->has_items[level])
        (void)fputc(',', json->file);
    json->has_items[level] = true;
    if (key != NULL) {
        put_text(json->file, key);
        (void)fputc(':', json->file);
    }
}

static void begin_level(struct idn_json *json, const char *key, bool is_array)
{
    begin_value(json, key);
    IDN_ASSERT(json->depth < IDN_JSON_DEPTH_MAX);
    json->is_array[json->depth] = is_array;
    json->has_items[json->depth] = false;
    json->depth++;
    (void)fputc(is_array ? '[' : '{', json->file);
}

void idn_json_object(struct idn_json *json, const char *key)
{
    begin_level(json, key, false);
}

void idn_json_array(struct idn_json *json, const char *key)
{
    begin_level(json, key, true);
}

void idn_json_end(struct idn_json *json)
{
    IDN_ASSERT(json->depth > 0);
    json->depth--;
    (void)fputc(json->is_array[json->depth] ? ']' : '}', json->file);
    if (json->depth == 0)
        (void)fputc('\n', json->file);
}

void idn_json_string(struct idn_json *json, const char *key, const char *text)
{
    if (text == NULL) {
        idn_json_null(json, key);
        return;
    }
    begin_value(json, key);
    put_text(json->file, text);
}

void idn_json_u64(struct idn_json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    (void)fprintf(json->file, "%llu", (unsigned long long)value);
}

void idn_json_double(struct idn_json *json, const char *key, double value)
{
    char text[IDN_JSON_NUMBER_SIZE];

    if (!isfinite(value)) {
        idn_json_null(json, key);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    begin_value(json, key);
    (void)fputs(text, json->file);
}

void idn_json_float_text(float value, char text[static IDN_JSON_NUMBER_SIZE])
{
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(text, IDN_JSON_NUMBER_SIZE, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
}

void idn_json_float(struct idn_json *json, const char *key, float value)
{
    char text[IDN_JSON_NUMBER_SIZE];

    if (!isfinite(value)) {
        idn_json_null(json, key);
        return;
    }
    idn_json_float_text(value, text);
    begin_value(json, key);
    (void)fputs(text, json->file);
}

void idn_json_bool(struct idn_json *json, const char *key, bool value)
{
    begin_value(json, key);
    (void)fputs(value ? "true" : "false", json->file);
}

void idn_json_null(struct idn_json *json, const char *key)
{
    begin_value(json, key);
    (void)fputs("null", json->file);
}
