// The bytes of an image file, as a list names it: read by us, whole, from regular files only.
#ifndef IDN_WORKER_INFER_SOURCE_H
#define IDN_WORKER_INFER_SOURCE_H

#include "worker/child_message.h"

enum { IDN_SOURCE_BYTES_MAX = 64 * 1024 * 1024 };

// Returns 0 or the enum idn_status that says why not: MISSING; UNREADABLE, also for what is not a
// regular file (a FIFO is not waited for); CHANGED when size or digest are not as stated, or when
// it grows or shrinks while it is read (one that is replaced by another of its name does not);
// TOO_LARGE over IDN_SOURCE_BYTES_MAX. *ret_bytes is the caller's to free.
int idn_source_read(const struct idn_child_image *image, uint8_t **ret_bytes, size_t *ret_size);

// Tells the kernel that the file will be read soon; errors come with the reading.
void idn_source_announce(const struct idn_child_image *image);

#endif
