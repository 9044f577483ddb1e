// A configuration file in ZPL (rfc.zeromq.org/spec/4, read by CZMQ's zconfig), checked against a
// table of the keys that exist. The format:
//
//   broker
//       state = "/var/lib/idunno"     # key = value; nested by four spaces
//   models
//       alexnet                       # a named section: the name is the user's
//           batch = 500
//
// Every key that the table lacks is an error that names the file, the key's path and the nearest
// key; so is a line that is no ZPL, or a key that is written twice.
#ifndef IDN_BASE_CONFIG_H
#define IDN_BASE_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idn_config; // opaque, owned by the caller of load

// One key that exists. A path is "section/key"; one component may be "*", any name of the user's:
// "models/*/batch". Tables end with a NULL path.
struct idn_config_key {
    const char *path;
    const char *help; // one line, printed by --help-config
};

// path NULL: an empty configuration (all defaults). Errors: -errno of reading, -EINVAL not ZPL or
// an unknown key; the reason names them. keys borrowed until destroy.
int idn_config_load(const char *path, const struct idn_config_key *keys, struct idn_config **ret,
    struct idn_reason *reason);
void idn_config_destroy(struct idn_config **config);

// Every value below is `fallback` when the key is absent. A present value that does not parse or is
// out of range is -EINVAL with file, key, value and what would be right. Strings are borrowed until
// destroy. sizes may be written "512", "512M", "2G".
const char *idn_config_string(
    const struct idn_config *config, const char *path, const char *fallback);
int idn_config_u64(const struct idn_config *config, const char *path, uint64_t fallback,
    uint64_t least, uint64_t most, uint64_t *ret, struct idn_reason *reason);
int idn_config_size(const struct idn_config *config, const char *path, uint64_t fallback,
    uint64_t *ret_bytes, struct idn_reason *reason);

// For values with rules of their own: "FILE:LINE: PATH = 'VALUE' is not RIGHT", -EINVAL. The key
// must be present.
int idn_config_refuse(const struct idn_config *config, const char *path, const char *right,
    struct idn_reason *reason);

// The names of the children of a section ("models" -> "alexnet", ...), in the file's order; returns
// how many were written, at most max. Borrowed until destroy.
size_t idn_config_names(
    const struct idn_config *config, const char *section, const char **names, size_t max);

// The file's name for messages; "(defaults)" without one.
const char *idn_config_file(const struct idn_config *config);

#endif
