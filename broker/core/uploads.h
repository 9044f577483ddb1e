// Lists on their way in: parts come in order, each is a fact; SUBMIT of the same key ends it.
#ifndef IDN_BROKER_CORE_UPLOADS_H
#define IDN_BROKER_CORE_UPLOADS_H

#include "broker/core/state.h"

// The UPLOAD request.
void idn_upload_request(struct idn_core *core, idn_peer peer, const struct idn_request *request);

// The upload of this key, NULL: none.
struct idn_upload *idn_upload_find(struct idn_core *core, const struct idn_key *key);
// The only one whose key begins so, NULL: none, or several.
const struct idn_upload *idn_upload_named(
    const struct idn_core *core, const struct idn_job_name *name);
// Lines of a complete upload: its images.
uint64_t idn_upload_lines(const struct idn_upload *upload);

// A stored LIST_PART. Parts out of order are ignored: the client sends them again.
void idn_upload_fold(struct idn_core *core, const struct idn_fact *fact);
// Its job was accepted, or it is forgotten.
void idn_upload_done(struct idn_core *core, const struct idn_key *key);

// Forgets uploads that nobody went on with (once a second).
void idn_uploads_sweep(struct idn_core *core);

#endif
