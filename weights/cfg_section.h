// A darknet cfg file as text: sections of key=value lines, read as darknet's option_list.c reads
// them (white space is dropped anywhere, the first of two equal keys counts). For cfg.c, and engine
// replay's own key.
#ifndef IDN_WEIGHTS_CFG_SECTION_H
#define IDN_WEIGHTS_CFG_SECTION_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct idn_cfg_option {
    const char *key, *value; // borrowed from the text
    unsigned line;
};

struct idn_cfg_section {
    const char *type; // "convolutional", borrowed from the text
    unsigned line;
    size_t first, options;
};

struct idn_cfg_text {
    const char *file;                // borrowed
    char *text;                      // owned
    struct idn_cfg_section *section; // owned
    struct idn_cfg_option *option;   // owned
    size_t sections, options;
};

// file is borrowed until fini. Errors: -errno of reading; -EINVAL with file and line.
int idn_cfg_text_read(const char *file, struct idn_cfg_text *ret, struct idn_reason *reason);
void idn_cfg_text_fini(struct idn_cfg_text *text);

// The value of a key, NULL when it is absent.
const struct idn_cfg_option *idn_cfg_find(
    const struct idn_cfg_text *text, const struct idn_cfg_section *section, const char *key);

// A whole number from least to most; anything may follow it, as darknet's atoi allows. -EINVAL with
// file, line, key and value otherwise.
int idn_cfg_number(const struct idn_cfg_text *text, const struct idn_cfg_section *section,
    const char *key, int64_t fallback, int64_t least, int64_t most, uint32_t *ret,
    struct idn_reason *reason);

// A list "-1,61" of layer numbers, relative to `index` when negative; each must be before it.
int idn_cfg_layers(const struct idn_cfg_text *text, const struct idn_cfg_section *section,
    const char *key, size_t index, size_t max, uint32_t *ret_from, uint32_t *ret_count,
    struct idn_reason *reason);

#endif
