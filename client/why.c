// libidunno: why a job waits, or how fast it is.
#include "client/call.h"

enum idunno_code idn_call_why(
    struct idunno *idunno, const struct idn_job_name *job, const struct idn_why_info **ret)
{
    struct idn_request request = {.type = IDN_REQUEST_WHY, .job = *job};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(idunno, &request, &reply);

    if (code == IDUNNO_OK)
        *ret = reply->u.why;
    return code;
}

enum idunno_code idunno_why(struct idunno *idunno, const struct idunno_job *job,
    bool (*on_fact)(void *context, const char *code, const char *sentence), void *context)
{
    const struct idn_job_name name = idn_call_job(job);
    const struct idn_why_info *why;
    enum idunno_code code = idn_call_why(idunno, &name, &why);

    for (uint32_t i = 0; code == IDUNNO_OK && i < why->facts; i++)
        if (!on_fact(context, idn_why_name(why->fact[i].code), why->fact[i].text))
            return idn_call_fail(idunno, IDUNNO_STOPPED, "the callback said stop");
    return code;
}
