// The inside of a libidunno handle: one blocking request, and the listings that only our own
// programs read. Not part of the public interface.
#ifndef IDN_CLIENT_CALL_H
#define IDN_CLIENT_CALL_H

#include "base/error.h"
#include "client/idunno.h"
#include "client/link.h"
#include "client/session.h"
#include "proto/codec.h"

struct idunno {
    struct idn_link link;
    struct idn_session session;
    struct idn_codec *codec; // owned; NULL when the options were refused
    struct idn_reply reply;  // of the last call
    char client[IDN_NAME_SIZE];
    int stop_fd;
    void (*on_notice)(void *context, enum idunno_notice notice, const char *sentence);
    void *context;
    uint32_t heard;   // brokers that have said anything to this handle, a bit each
    bool said_lost;   // IDUNNO_LOST, and nothing of IDUNNO_BACK and IDUNNO_MOVED since
    bool served;      // `server` is known
    uint32_t server;  // the broker that answered last as the active one
    uint64_t lost_ms; // of this call: without an answer until then people are told
    uint32_t refusal; // enum idn_refusal of the last call
    struct idn_reason error;
    char problem[IDN_TEXT_SIZE]; // with an answer that could not be used, or ""
};

// Sends the request until it is answered. *ret_reply (may be NULL) is borrowed until the next call.
// A refusal is IDUNNO_REFUSED.
enum idunno_code idn_call(
    struct idunno *idunno, const struct idn_request *request, const struct idn_reply **ret_reply);

// Sets the sentence and returns the code.
enum idunno_code idn_call_fail(struct idunno *idunno, enum idunno_code code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

// SET: of the job, or of none (NULL). *ret_durable: by how many brokers it is stored.
enum idunno_code idn_call_set(struct idunno *idunno, const struct idunno_job *job, const char *key,
    const char *value, uint32_t *ret_durable);

struct idn_job_name idn_call_job(const struct idunno_job *job);
// As people type it.
enum idunno_code idn_call_job_named(
    struct idunno *idunno, const char *id, struct idn_job_name *ret);
void idn_call_info(const struct idn_job_info *from, struct idunno_info *ret);

// *ret is borrowed until the next call.
enum idunno_code idn_call_why(
    struct idunno *idunno, const struct idn_job_name *job, const struct idn_why_info **ret);

// A listing, page after page. A row is a struct idn_job_info of JOBS, idn_worker_info of WORKERS,
// idn_assignment_info of ASSIGNMENT, idn_entry_info of MODELS and DATASETS, idn_rate_info of RATES,
// idn_times_info of TIMES; it is borrowed for the call, which must not use the handle and returns
// false to stop (IDUNNO_STOPPED).
typedef bool idn_on_row(void *context, const void *row);

struct idn_listing {
    uint32_t type; // enum idn_request_type
    bool all;      // JOBS: the ended ones too
    // The first page, before its rows; may be NULL. Anything but IDUNNO_OK ends the listing.
    enum idunno_code (*on_head)(void *context, const struct idn_reply *page);
    idn_on_row *on_row;
    void *context;
};

enum idunno_code idn_call_listing(struct idunno *idunno, const struct idn_listing *listing);
enum idunno_code idn_call_rows(
    struct idunno *idunno, uint32_t type, idn_on_row *on_row, void *context);

// Milliseconds of the monotonic clock.
uint64_t idn_call_now(void);

#endif
