// Names of classes: one a line, class id = line number from 0.
#ifndef IDN_CLIENT_LABELS_H
#define IDN_CLIENT_LABELS_H

#include <stdint.h>

struct idn_labels; // opaque

int idn_labels_open(const char *path, struct idn_labels **ret); // 0 or -errno
void idn_labels_destroy(struct idn_labels **labels);            // NULL-safe, sets NULL

// "" for a class beyond the last line. Borrowed until destroy.
const char *idn_labels_get(const struct idn_labels *labels, uint32_t class_id);

#endif
