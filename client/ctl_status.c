// idunno-ctl status.
#include "client/call.h"
#include "client/ctl.h"
#include "client/human.h"

#include <inttypes.h>
#include <stdio.h>

static const char *role_text(uint32_t role)
{
    switch (role) {
    case IDN_ROLE_LEARNER:
        return "learner: waits for the other broker's facts";
    case IDN_ROLE_STANDBY:
        return "standby";
    case IDN_ROLE_ACTIVE:
        return "active, with a standby";
    case IDN_ROLE_ALONE:
        return "active, without a standby";
    default:
        return "of an unknown role";
    }
}

static void print_status(const struct idn_status_info *status)
{
    idn_ctl_line("broker", "%s (%s), %s", status->broker, status->version, role_text(status->role));
    idn_ctl_line("running", "%s, epoch %" PRIu64 "%c", idn_human_duration(status->uptime_ms).text,
        status->epoch.counter, status->epoch.broker == 0 ? '-' : (char)status->epoch.broker);
    idn_ctl_line("policy", "%s", status->policy);
    idn_ctl_line("workers", "%u, %u of them busy", status->workers, status->workers_busy);
    idn_ctl_line("jobs", "%u open, %u known", status->jobs_open, status->jobs_known);
    idn_ctl_line("images", "%s waiting, %s being computed, %s/s",
        idn_human_count(status->images_pending).text,
        idn_human_count(status->images_in_flight).text, idn_human_rate(status->images_per_s).text);
    idn_ctl_line("store", "%s facts in %s; %s free on its disk%s",
        idn_human_count(status->facts).text, idn_human_bytes(status->store_bytes).text,
        idn_human_bytes(status->free_bytes).text,
        status->disk_low ? ", which is too little: nothing is taken on" : "");
}

static void print_json(const struct idn_status_info *status)
{
    struct idn_json json;
    char epoch[32];

    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64 "%c", status->epoch.counter,
        status->epoch.broker == 0 ? '-' : (char)status->epoch.broker);
    idn_json_init(&json, stdout);
    idn_json_object(&json, NULL);
    idn_json_string(&json, "broker", status->broker);
    idn_json_string(&json, "version", status->version);
    idn_json_string(&json, "role", idn_role_name(status->role));
    idn_json_string(&json, "epoch", epoch);
    idn_json_u64(&json, "uptime_ms", status->uptime_ms);
    idn_json_string(&json, "policy", status->policy);
    idn_json_u64(&json, "workers", status->workers);
    idn_json_u64(&json, "workers_busy", status->workers_busy);
    idn_json_u64(&json, "jobs_open", status->jobs_open);
    idn_json_u64(&json, "jobs_known", status->jobs_known);
    idn_json_u64(&json, "images_pending", status->images_pending);
    idn_json_u64(&json, "images_in_flight", status->images_in_flight);
    idn_json_double(&json, "images_per_s", status->images_per_s);
    idn_json_u64(&json, "facts", status->facts);
    idn_json_u64(&json, "store_bytes", status->store_bytes);
    idn_json_u64(&json, "free_bytes", status->free_bytes);
    idn_json_bool(&json, "disk_low", status->disk_low);
    idn_json_end(&json);
}

int idn_ctl_status(struct idn_ctl *ctl)
{
    struct idn_request request = {.type = IDN_REQUEST_STATUS};
    const struct idn_reply *reply;
    enum idunno_code code = idn_call(ctl->idunno, &request, &reply);

    if (code != IDUNNO_OK)
        return idn_ctl_fail(ctl, code);
    if (ctl->json)
        print_json(&reply->u.status);
    else
        print_status(&reply->u.status);
    return IDN_EXIT_OK;
}
