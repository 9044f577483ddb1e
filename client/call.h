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

// Every job (all: the ended ones too), worker, model or data set: each is given to the visitor,
// which must not use the handle.
enum idunno_code idn_call_jobs(struct idunno *idunno, bool all,
    void (*visit)(void *context, const struct idn_job_info *job), void *context);
enum idunno_code idn_call_workers(struct idunno *idunno,
    void (*visit)(void *context, const struct idn_worker_info *worker), void *context);
enum idunno_code idn_call_assignment(struct idunno *idunno,
    void (*visit)(void *context, const struct idn_assignment_info *worker), void *context);
// type: IDN_REQUEST_MODELS or IDN_REQUEST_DATASETS.
enum idunno_code idn_call_entries(struct idunno *idunno, uint32_t type,
    void (*visit)(void *context, const struct idn_entry_info *entry), void *context);

// Milliseconds of the monotonic clock.
uint64_t idn_call_now(void);

#endif
