#include "client/upload.h"

#include "base/assert.h"
#include "client/call.h"
#include "weights/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct idn_list_upload {
    char *bytes; // owned
    size_t size;
};

// ---- reading

// The list as the workers get it: the same lines, but with absolute paths (as idn_list_get gives
// them).
static void put_lines(const struct idn_list *list, struct idn_list_upload *upload)
{
    FILE *file = open_memstream(&upload->bytes, &upload->size);

    IDN_ASSERT(file != NULL);
    for (uint32_t i = 0; i < idn_list_count(list); i++) {
        struct idn_list_entry entry;
        char hex[IDN_SHA256_HEX_SIZE];
        idn_list_get(list, i, &entry);
        (void)fputs(entry.path, file);
        if (entry.has_digest) {
            idn_sha256_to_hex(&entry.digest, hex);
            (void)fprintf(file, "\t%" PRIu64 "\t%s", entry.size, hex);
        }
        (void)fputc('\n', file);
    }
    int error = fclose(file);
    IDN_ASSERT(error == 0); // memory only
}

static int check_range(const char *path, uint32_t count, bool whole, struct idn_job_spec *spec,
    struct idn_reason *reason)
{
    if (whole) {
        spec->first = 0;
        spec->last = count - 1;
    }
    if (spec->last >= count)
        return idn_reason_set(reason, -EINVAL,
            "image %u is outside %s, which has %u images: 0 to %u", spec->last, path, count,
            count - 1);
    return 0;
}

int idn_list_upload_new(const char *path, bool whole, struct idn_job_spec *spec,
    struct idn_list_upload **ret, struct idn_reason *reason)
{
    struct idn_list *list = NULL;
    int error = idn_list_open(path, &list, reason);
    if (error != 0)
        return error;
    struct idn_list_upload *upload = calloc(1, sizeof(*upload));
    IDN_ASSERT(upload != NULL);

    error = check_range(path, idn_list_count(list), whole, spec, reason);
    if (error == 0)
        put_lines(list, upload);
    if (error == 0 && upload->size > IDN_LIST_BYTES_MAX)
        error = idn_reason_set(reason, -E2BIG,
            "%s has %zu bytes with absolute paths, but an uploaded list has at most %d: register it"
            " as a data set or split it",
            path, upload->size, IDN_LIST_BYTES_MAX);
    idn_list_destroy(&list);
    if (error != 0) {
        idn_list_upload_destroy(&upload);
        return error;
    }
    idn_sha256_of(upload->bytes, upload->size, &spec->list_digest);
    spec->list_bytes = upload->size;
    *ret = upload;
    return 0;
}

void idn_list_upload_destroy(struct idn_list_upload **upload)
{
    if (*upload == NULL)
        return;
    free((*upload)->bytes);
    free(*upload);
    *upload = NULL;
}

// ---- sending

// A broker that has forgotten an upload begun long ago says so with a lower offset; more often than
// this it is no accident.
enum { SETBACKS_MAX = 3 };

static enum idunno_code send_part(struct idunno *idunno, const struct idn_list_upload *upload,
    const struct idunno_job *job, uint64_t offset, uint64_t *ret_stored)
{
    size_t left = upload->size - (size_t)offset;
    struct idn_request request = {.type = IDN_REQUEST_UPLOAD,
        .job = idn_call_job(job),
        .u.upload = {.offset = offset,
            .total = upload->size,
            .size = (uint32_t)(left < IDN_LIST_PART_BYTES ? left : IDN_LIST_PART_BYTES),
            .bytes = (const uint8_t *)upload->bytes + offset}};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(idunno, &request, &reply);

    if (code == IDUNNO_OK)
        *ret_stored = reply->u.uploaded.offset;
    return code;
}

// The broker says up to where it has stored the list: there the upload goes on, also when the same
// key is submitted again.
enum idunno_code idn_list_upload_send(
    struct idunno *idunno, const struct idn_list_upload *upload, const struct idunno_job *job)
{
    uint64_t offset = 0, stored = 0;
    int setbacks = 0;

    while (offset < upload->size) {
        enum idunno_code code = send_part(idunno, upload, job, offset, &stored);
        if (code != IDUNNO_OK)
            return code;
        if (stored <= offset && ++setbacks > SETBACKS_MAX)
            return idn_call_fail(idunno, IDUNNO_BROKEN,
                "the broker does not store the list: it stays at byte %" PRIu64 " of %zu", stored,
                upload->size);
        if (stored > upload->size || (stored % IDN_LIST_PART_BYTES != 0 && stored != upload->size))
            return idn_call_fail(idunno, IDUNNO_BROKEN,
                "the broker says that it has stored %" PRIu64 " bytes of a list of %zu", stored,
                upload->size);
        offset = stored;
    }
    return IDUNNO_OK;
}
