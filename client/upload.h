// A list of the client's own: read, made independent of where it lies, and uploaded in parts.
#ifndef IDN_CLIENT_UPLOAD_H
#define IDN_CLIENT_UPLOAD_H

#include "base/error.h"
#include "client/idunno.h"
#include "proto/fact.h"

#include <stdbool.h>

struct idn_list_upload; // the bytes to send

// Reads the list, makes its paths absolute and fills the list's fields of spec; whole: its range
// too, otherwise the range there is checked. -EINVAL or -errno with a sentence that names file and
// line.
int idn_list_upload_new(const char *path, bool whole, struct idn_job_spec *spec,
    struct idn_list_upload **ret, struct idn_reason *reason);
void idn_list_upload_destroy(struct idn_list_upload **upload); // NULL-safe, sets NULL

// Returns when the broker has stored all of it under the job's key.
enum idunno_code idn_list_upload_send(
    struct idunno *idunno, const struct idn_list_upload *upload, const struct idunno_job *job);

#endif
