// How fast the open jobs get on, for the commands that list them: all of them, the oldest first.
#ifndef IDN_CLIENT_CTL_SPEEDS_H
#define IDN_CLIENT_CTL_SPEEDS_H

#include "client/ctl.h"

struct idn_ctl_speeds {
    struct idunno_rate *job; // owned; count of them
    size_t count, room;
    struct idunno_pace pace;
};

// Asks the broker. *ret must be freed, whatever the code.
enum idunno_code idn_ctl_speeds_take(struct idn_ctl *ctl, struct idn_ctl_speeds *ret);
void idn_ctl_speeds_free(struct idn_ctl_speeds *speeds);

#endif
