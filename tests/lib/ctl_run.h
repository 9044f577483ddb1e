// A command of idunno-ctl against brokers in threads: how it ends and, in out and err, what it
// prints.
#ifndef IDN_TESTS_LIB_CTL_RUN_H
#define IDN_TESTS_LIB_CTL_RUN_H

#include "client/ctl.h"
#include "tests/lib/capture.h"
#include "tests/lib/fake_broker.h"

typedef int ctl_command(struct idn_ctl *ctl);

enum { CTL_PORT_MIRROR = 46574 }; // of the configuration

struct ctl_run {
    ctl_command *command;
    const char *id, *value; // the operands, or NULL
    const char *list;       // of results, or NULL
    bool json, missing;
    uint32_t brokers; // that are known; 0: one
    uint32_t away;    // of them, the last ones: nobody listens at their addresses
    fake_answer *answer;
};

extern struct fake_broker ctl_broker[IDN_BROKERS_MAX]; // of the run

// Returns the status that the command ends with.
int ctl_run(const struct ctl_run *run);

#endif
