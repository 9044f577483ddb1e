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

typedef int idn_ctl_brokers_act(struct idn_ctl *ctl, struct idn_ctl_brokers *brokers);

// Asks every broker for its status; when one of them answers, returns what act does, otherwise says
// why none does and returns the status to exit with.
int idn_ctl_with_brokers(struct idn_ctl *ctl, idn_ctl_brokers_act *act);

bool idn_ctl_reigns(const struct idn_ctl_broker *broker);
// The one that reigns, of two that both do the one with the higher epoch; NULL: none.
struct idn_ctl_broker *idn_ctl_active(struct idn_ctl_brokers *brokers);

struct idn_ctl_text idn_ctl_epoch(struct idn_epoch epoch); // "4a"; "0-": none

#endif
