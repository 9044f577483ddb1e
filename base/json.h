// Writes JSON (RFC 8259) in one line. The caller says what comes next; commas, escaping and numbers
// are done here. Bytes that are no UTF-8 become U+FFFD, numbers that are not finite null.
//
//   idn_json_init(&json, stdout);
//   idn_json_object(&json, NULL);
//   idn_json_string(&json, "model", "alexnet");
//   idn_json_array(&json, "images");  idn_json_u64(&json, NULL, 1);  idn_json_end(&json);
//   idn_json_end(&json);   // of the outermost: ends the line
#ifndef IDN_BASE_JSON_H
#define IDN_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { IDN_JSON_DEPTH_MAX = 8 };

struct idn_json {
    FILE *file; // borrowed; its error flag tells of failed writes
    unsigned depth;
    bool is_array[IDN_JSON_DEPTH_MAX], has_items[IDN_JSON_DEPTH_MAX];
};

void idn_json_init(struct idn_json *json, FILE *file);

// In an object every value has a key, in an array none (NULL): asserted.
void idn_json_object(struct idn_json *json, const char *key);
void idn_json_array(struct idn_json *json, const char *key);
void idn_json_end(struct idn_json *json);

void idn_json_string(struct idn_json *json, const char *key, const char *text); // NULL: null
void idn_json_u64(struct idn_json *json, const char *key, uint64_t value);
// The shortest decimals that read back as the same number.
void idn_json_double(struct idn_json *json, const char *key, double value);
void idn_json_float(struct idn_json *json, const char *key, float value);
void idn_json_bool(struct idn_json *json, const char *key, bool value);
void idn_json_null(struct idn_json *json, const char *key);

// The number alone, as above; for CSV too.
enum { IDN_JSON_NUMBER_SIZE = 32 };
void idn_json_float_text(float value, char text[static IDN_JSON_NUMBER_SIZE]);

#endif
