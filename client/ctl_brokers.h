// The brokers of the cluster one by one: for commands about the brokers themselves, which must not
// move to another one by themselves.
#ifndef IDN_CLIENT_CTL_BROKERS_H
#define IDN_CLIENT_CTL_BROKERS_H

#include "client/call.h"
#include "client/ctl.h"

struct idn_ctl_broker {
    const char *address;           // borrowed from ctl->cluster
    struct idunno *idunno;         // owned; asks this broker alone
    enum idunno_code code;         // of its answer; idunno_error says what is wrong
    struct idn_status_info status; // when it is IDUNNO_OK
};

struct idn_ctl_brokers {
    uint32_t count;
    struct idn_ctl_broker item[IDN_BROKERS_MAX];
};

// Asks every broker for its status. IDN_EXIT_OK when one of them answers; otherwise says why none
// does and returns the status to exit with. *ret must be closed in any case.
int idn_ctl_ask_brokers(struct idn_ctl *ctl, struct idn_ctl_brokers *ret);
void idn_ctl_close_brokers(struct idn_ctl_brokers *brokers);

bool idn_ctl_reigns(const struct idn_ctl_broker *broker);
// The one that reigns, of two that both do the one with the higher epoch; NULL: none.
struct idn_ctl_broker *idn_ctl_active(struct idn_ctl_brokers *brokers);

struct idn_ctl_text idn_ctl_epoch(struct idn_epoch epoch); // "4a"; "0-": none

#endif
